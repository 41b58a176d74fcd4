//! The table from Moonshine's token numbers to text.
//!
//! The file is the tokens in order, each a length and its bytes. A length under 128 is one byte; a longer one is two, the
//! low seven bits first with the top bit set. An empty token is a zero.

/// The marker of a word's beginning.
const WORD: &str = "\u{2581}";
/// Numbers below this are control tokens: unknown, begin, end.
const CONTROL: i64 = 3;

pub(super) struct Tokens {
    table: Vec<Box<[u8]>>,
}

impl Tokens {
    pub(super) fn parse(mut file: &[u8]) -> Result<Self, &'static str> {
        let mut table = Vec::new();
        while let Some((&first, rest)) = file.split_first() {
            let (length, rest) = if first < 128 {
                (usize::from(first), rest)
            } else {
                let (&second, rest) = rest.split_first().ok_or("a length is cut off")?;
                (usize::from(second) * 128 + usize::from(first) - 128, rest)
            };
            let (token, rest) = rest.split_at_checked(length).ok_or("a token is cut off")?;
            table.push(token.into());
            file = rest;
        }
        if table.is_empty() {
            return Err("the table is empty");
        }
        Ok(Tokens { table })
    }

    /// The text of a run of tokens, without control tokens and outer spaces.
    pub(super) fn text(&self, ids: &[i64]) -> String {
        let bytes: Vec<u8> = ids
            .iter()
            .filter(|id| **id >= CONTROL)
            .filter_map(|id| self.table.get(usize::try_from(*id).ok()?))
            .filter(|token| !(token.starts_with(b"<<") && token.ends_with(b">>")))
            .flat_map(|token| token.iter().copied())
            .collect();
        String::from_utf8_lossy(&bytes)
            .replace(WORD, " ")
            .trim()
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Tokens {
        let mut file = Vec::new();
        for token in [
            "<unk>",
            "<s>",
            "</s>",
            "\u{2581}hel",
            "lo",
            "<<ST_0>>",
            "\u{2581}w",
            "",
        ] {
            file.push(u8::try_from(token.len()).unwrap());
            file.extend(token.as_bytes());
        }
        // 200 = 1 * 128 + 72
        file.extend([128 + 72, 1]);
        file.extend([b'z'; 200]);
        Tokens::parse(&file).unwrap()
    }

    #[test]
    fn words_are_put_together_and_control_tokens_left_out() {
        for (ids, text) in [
            (vec![1, 3, 4, 2], "hello"),
            (vec![3, 4, 6, 5, 4], "hello wlo"),
            (vec![], ""),
            (vec![-1, 99_999, 7], ""),
        ] {
            assert_eq!(table().text(&ids), text, "{ids:?}");
        }
        assert_eq!(table().text(&[8]).len(), 200);
    }

    #[test]
    fn a_file_cut_short_is_refused() {
        for file in [&[][..], &[5, b'a'], &[200]] {
            assert!(Tokens::parse(file).is_err());
        }
    }
}
