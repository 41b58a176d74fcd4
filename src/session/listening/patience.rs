//! How long a call bears a model of ours that does not answer in time.

use trunkline_core::time::At;

/// How long a model is left alone, ms.
const ALONE_MS: u32 = 30_000;

/// The patience of one call with one model. Once it is spent, the model is left alone for a while: it has too much to do,
/// and is spared what would come too late anyway.
pub(super) struct Patience {
    misses_max: u32,
    misses: u32,
    alone_until: Option<At>,
}

impl Patience {
    /// So many misses in a row are too many.
    pub(super) fn new(misses_max: u32) -> Self {
        Self {
            misses_max,
            misses: 0,
            alone_until: None,
        }
    }

    /// The model is not to be asked now.
    pub(super) fn is_spent(&self, now: At) -> bool {
        self.alone_until.is_some_and(|until| now < until)
    }

    /// It answered in time.
    pub(super) fn answered(&mut self) {
        self.misses = 0;
    }

    /// It failed, or came too late. Whether it is left alone from now on.
    pub(super) fn missed(&mut self, now: At) -> bool {
        if self.is_spent(now) {
            return false;
        }
        self.misses += 1;
        let is_spent = self.misses >= self.misses_max;
        if is_spent {
            self.overdue(now);
        }
        is_spent
    }

    /// It keeps the call waiting: it is left alone from now on.
    pub(super) fn overdue(&mut self, now: At) {
        self.misses = 0;
        self.alone_until = Some(now.plus(ALONE_MS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misses_in_a_row_spend_it_and_time_restores_it() {
        let mut patience = Patience::new(3);
        let at = At::from_ms;
        assert!(!patience.missed(at(0)) && !patience.missed(at(1)));
        patience.answered();
        assert!(!patience.missed(at(2)) && !patience.missed(at(3)));
        assert!(!patience.is_spent(at(3)));
        assert!(patience.missed(at(4)));
        // Answers to what was asked before tell nothing new.
        assert!(!patience.missed(at(5)));
        assert!(patience.is_spent(at(30_003)) && !patience.is_spent(at(30_004)));
        assert!(!patience.missed(at(30_005)));
        patience.overdue(at(30_006));
        assert!(patience.is_spent(at(60_005)) && !patience.is_spent(at(60_006)));
    }
}
