//! Text in the tokens of a model: pairs of pieces are joined, the most usual pair first, and what has no piece is written
//! as its bytes.
//!
//! The vocabulary is read from the JSON that the `tokenizers` library writes, of the sort that SentencePiece's byte-pair
//! models have: spaces are `▁`, one stands before the text, and bytes are `<0x00>` to `<0xFF>`.

use std::collections::HashMap;

use serde::Deserialize;

/// Most entries of a vocabulary, or of its list of pairs.
const ENTRIES_MAX: usize = 1_000_000;
/// Longest run without a space that is taken as one, in characters; a longer one is cut.
const RUN_CHARS_MAX: usize = 64;
/// What stands for a space.
const SPACE: char = '▁';

/// A vocabulary cannot be read. Says what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the vocabulary {0}")]
pub struct BadVocabulary(&'static str);

#[derive(Deserialize)]
struct File {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: String,
    unk_token: Option<String>,
    vocab: HashMap<String, u32>,
    merges: Vec<String>,
}

/// A model's vocabulary.
pub(super) struct Vocabulary {
    /// Of each piece of one character.
    chars: HashMap<char, u32>,
    /// Of a pair of pieces, how soon it is joined, and to what.
    pairs: HashMap<(u32, u32), (u32, u32)>,
    bytes: Vec<u32>,
    unknown: u32,
}

impl Vocabulary {
    /// Reads a `tokenizer.json`.
    pub(super) fn read(json: &[u8]) -> Result<Self, BadVocabulary> {
        let File { model } =
            serde_json::from_slice(json).map_err(|_| BadVocabulary("is not the JSON of one"))?;
        if model.kind != "BPE" {
            return Err(BadVocabulary("is of another kind than byte pairs"));
        }
        if model.vocab.len() > ENTRIES_MAX || model.merges.len() > ENTRIES_MAX {
            return Err(BadVocabulary("has too many entries"));
        }
        let id = |piece: &str| model.vocab.get(piece).copied();
        let unknown = model.unk_token.as_deref().and_then(id);
        let unknown = unknown.ok_or(BadVocabulary("has nothing for what it does not know"))?;
        let mut pairs = HashMap::with_capacity(model.merges.len());
        for (rank, merge) in (0_u32..).zip(&model.merges) {
            let pair = merge.split_once(' ').and_then(|(left, right)| {
                let whole = id(&format!("{left}{right}"))?;
                Some(((id(left)?, id(right)?), whole))
            });
            let (pair, whole) = pair.ok_or(BadVocabulary("joins what it does not have"))?;
            pairs.entry(pair).or_insert((rank, whole));
        }
        let bytes = (0..=u8::MAX).map(|byte| id(&format!("<0x{byte:02X}>")).unwrap_or(unknown));
        let bytes = bytes.collect();
        let alone = |piece: String| {
            let mut chars = piece.chars();
            chars.next().filter(|_| chars.next().is_none())
        };
        let chars = model.vocab.into_iter();
        let chars = chars.filter_map(|(piece, id)| Some((alone(piece)?, id)));
        Ok(Self {
            chars: chars.collect(),
            pairs,
            bytes,
            unknown,
        })
    }

    /// The tokens of a text whose white space counts as single spaces.
    pub(super) fn tokens(&self, text: &str) -> Vec<u32> {
        let mut tokens = Vec::with_capacity(text.len() / 3);
        // No piece has a space behind another character, so words can be taken one by one.
        for word in text.split_whitespace() {
            let chars: Vec<char> = std::iter::once(SPACE).chain(word.chars()).collect();
            for run in chars.chunks(RUN_CHARS_MAX) {
                self.run(run, &mut tokens);
            }
        }
        tokens
    }

    fn run(&self, chars: &[char], tokens: &mut Vec<u32>) {
        let mut pieces: Vec<u32> = Vec::with_capacity(chars.len());
        for c in chars {
            match self.chars.get(c) {
                Some(id) => pieces.push(*id),
                None => {
                    let mut buffer = [0; 4];
                    let bytes = c.encode_utf8(&mut buffer).bytes();
                    let of_byte = |byte: u8| self.bytes.get(usize::from(byte)).copied();
                    pieces.extend(bytes.map(|byte| of_byte(byte).unwrap_or(self.unknown)));
                }
            }
        }
        loop {
            let mut best: Option<(u32, usize, u32)> = None;
            for (at, pair) in pieces.windows(2).enumerate() {
                let &[left, right] = pair else { continue };
                if let Some(&(rank, whole)) = self.pairs.get(&(left, right))
                    && best.is_none_or(|(least, ..)| rank < least)
                {
                    best = Some((rank, at, whole));
                }
            }
            let Some((_, at, whole)) = best else { break };
            pieces.splice(at..at + 2, [whole]);
        }
        tokens.extend(pieces);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A vocabulary of a few pieces, whose ids are their places.
    pub(in crate::knowledge) fn small() -> String {
        let mut pieces: Vec<String> = ["<unk>", "▁", "a", "b", "c", "▁a", "ab", "▁ab", "bc"]
            .map(str::to_owned)
            .to_vec();
        pieces.extend((0..=255).map(|byte| format!("<0x{byte:02X}>")));
        let vocab: serde_json::Map<_, _> = pieces
            .into_iter()
            .zip((0..).map(serde_json::Value::from))
            .collect();
        let merges = ["b c", "a b", "▁ a", "▁a b"];
        let model = serde_json::json!(
            { "type": "BPE", "unk_token": "<unk>", "vocab": vocab, "merges": merges });
        serde_json::json!({ "model": model }).to_string()
    }

    #[test]
    fn the_most_usual_pair_is_joined_first() {
        let vocabulary = Vocabulary::read(small().as_bytes()).unwrap();
        for (text, tokens) in [
            ("", &[][..]),
            ("a", &[5]),
            // `b c` comes before `a b`.
            ("abc", &[5, 8]),
            // `a b` before `▁ a`, and `▁ ab` is no pair.
            ("ab", &[1, 6]),
            (" ab \n a", &[1, 6, 5]),
            ("é", &[1, 9 + 0xc3, 9 + 0xa9]),
        ] {
            assert_eq!(vocabulary.tokens(text), tokens, "{text:?}");
        }
        assert_eq!(vocabulary.tokens(&"b".repeat(1_000)).len(), 1_001);
    }

    #[test]
    fn what_is_no_vocabulary_is_refused() {
        let small = small();
        for (json, problem) in [
            ("{}".to_owned(), "is not the JSON"),
            (small.replace("BPE", "WordPiece"), "another kind"),
            (
                small.replace("\"unk_token\":\"<unk>\"", "\"unk_token\":\"?\""),
                "does not know",
            ),
            (small.replace("\"b c\"", "\"b x\""), "does not have"),
            (small.replace("\"b c\"", "\"bc\""), "does not have"),
        ] {
            let error = Vocabulary::read(json.as_bytes()).err().unwrap();
            assert!(error.to_string().contains(problem), "{error}");
        }
    }
}
