//! Digits that nobody may see but those they are for.

use zeroize::Zeroizing;

/// Text that no log shows, and that is wiped from memory when it is let go.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Nothing yet, with room for so many bytes: what grows beyond its room would leave a copy behind.
    pub fn with_room(bytes: usize) -> Self {
        Self(Zeroizing::new(String::with_capacity(bytes)))
    }

    /// The text itself, for whom it is for.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Adds a digit, if there is room.
    pub(crate) fn push(&mut self, key: char) {
        if self.0.len() + key.len_utf8() <= self.0.capacity() {
            self.0.push(key);
        }
    }

    /// How many digits it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_debug_output_shows_it_and_it_never_moves() {
        let mut secret = Secret::with_room(4);
        let room = secret.expose().as_ptr();
        "41117".chars().for_each(|key| secret.push(key));
        assert_eq!((secret.expose(), secret.len()), ("4111", 4));
        assert_eq!(room, secret.expose().as_ptr());
        assert_eq!(
            format!("{secret:?} {:?}", Some(&secret)),
            "[redacted] Some([redacted])"
        );
    }
}
