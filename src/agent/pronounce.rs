//! Words that the voice would say wrong, respelled on their way to it. What the transcript holds stays as it was.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use crate::provider::{Sound, StageError, Voice};

/// A text that respellings have made this long gets no more of them, in bytes.
const SPOKEN_BYTES_MAX: usize = 4_000;

/// How an agent's voice is to say certain words. Cloning is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pronunciations(Arc<BTreeMap<String, Vec<Entry>>>);

/// One word, or a short row of words; listed under its first run of letters and digits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    from: Vec<char>,
    to: String,
}

impl Pronunciations {
    /// Of a table from words to their respellings. A key without a letter or digit at either end matches nothing.
    pub fn new(table: &BTreeMap<String, String>) -> Self {
        let mut by_start: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for (word, respelling) in table {
            let from: Vec<char> = folded(word.trim()).collect();
            let start: String = from.iter().take_while(|c| c.is_alphanumeric()).collect();
            let to = respelling.trim().to_owned();
            if !start.is_empty() {
                by_start.entry(start).or_default().push(Entry { from, to });
            }
        }
        for entries in by_start.values_mut() {
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.from.len()));
        }
        Self(Arc::new(by_start))
    }

    /// True if it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text as the voice is to get it. Whole words in any case are replaced, the longest row of words first; what
    /// was put in is not looked at again.
    pub fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut made = String::new();
        let mut kept_to = 0;
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let run = run_bytes(rest);
            if run == 0 {
                at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            }
            let Some((to, length)) = self
                .find(rest, run)
                .filter(|_| made.len() < SPOKEN_BYTES_MAX)
            else {
                at += run;
                continue;
            };
            made.push_str(text.get(kept_to..at).unwrap_or_default());
            made.push_str(to);
            at += length;
            kept_to = at;
        }
        if kept_to == 0 {
            return Cow::Borrowed(text);
        }
        made.push_str(text.get(kept_to..).unwrap_or_default());
        Cow::Owned(made)
    }

    /// The respelling of what `text` begins with, and how many bytes that is. Its first run has `run` bytes.
    fn find(&self, text: &str, run: usize) -> Option<(&str, usize)> {
        let start: String = folded(text.get(..run)?).collect();
        self.0.get(&start)?.iter().find_map(|entry| {
            let length = matched(&entry.from, text)?;
            Some((entry.to.as_str(), length))
        })
    }

    /// A voice that is given the respelled words.
    pub fn voice(&self, voice: &Arc<dyn Voice>) -> Arc<dyn Voice> {
        if self.is_empty() {
            return Arc::clone(voice);
        }
        Arc::new(Respelled {
            voice: Arc::clone(voice),
            pronunciations: self.clone(),
        })
    }
}

/// Lower case, with one kind of apostrophe.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .map(|c| if c == '’' { '\'' } else { c })
        .flat_map(char::to_lowercase)
}

/// Bytes of the letters and digits that `text` begins with.
fn run_bytes(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric())
        .unwrap_or(text.len())
}

/// How many bytes of `text` are `from`, if it begins with that and a word ends there.
fn matched(from: &[char], text: &str) -> Option<usize> {
    let mut want = from.iter().copied().peekable();
    let mut length = 0;
    for sign in text.chars() {
        if want.peek().is_none() {
            return (!sign.is_alphanumeric()).then_some(length);
        }
        for folded in folded(sign.encode_utf8(&mut [0; 4])) {
            let next = want.next()?;
            let both_space = next.is_whitespace() && folded.is_whitespace();
            if next != folded && !both_space {
                return None;
            }
        }
        length += sign.len_utf8();
    }
    want.peek().is_none().then_some(length)
}

struct Respelled {
    voice: Arc<dyn Voice>,
    pronunciations: Pronunciations,
}

impl Respelled {
    fn respell(&self, text: Arc<str>) -> Arc<str> {
        match self.pronunciations.apply(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(respelled) => respelled.into(),
        }
    }
}

impl Voice for Respelled {
    fn say(
        &self,
        text: Arc<str>,
        speed: f32,
        wanted_in: Duration,
    ) -> BoxStream<'static, Result<Sound, StageError>> {
        self.voice.say(self.respell(text), speed, wanted_in)
    }

    fn begin(&self, text: &Arc<str>, speed: f32) {
        self.voice.begin(&self.respell(Arc::clone(text)), speed);
    }

    fn keep(&self, text: Arc<str>, speed: f32) -> BoxFuture<'static, Result<(), StageError>> {
        self.voice.keep(self.respell(text), speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Pronunciations {
        let words = [
            ("Siobhan", "Shivawn"),
            ("Oak Street", "Oke Street"),
            ("oak", "oke"),
            ("COVID-19", "covid nineteen"),
            ("don't", "do not"),
            ("Zürich", "Tsoorick"),
            ("loop", "loop loop"),
        ];
        Pronunciations::new(
            &words
                .into_iter()
                .map(|(from, to)| (from.to_owned(), to.to_owned()))
                .collect(),
        )
    }

    #[test]
    fn whole_words_in_any_case_are_respelled() {
        let table = table();
        for (text, want) in [
            ("Hello Siobhan.", "Hello Shivawn."),
            ("SIOBHAN, siobhan's", "Shivawn, Shivawn's"),
            ("Siobhana and aSiobhan", "Siobhana and aSiobhan"),
            ("Oak Street Dental", "Oke Street Dental"),
            ("oak\nstreet, oak", "Oke Street, oke"),
            ("Oak Streets", "oke Streets"),
            (
                "on covid-19 and covid-191",
                "on covid nineteen and covid-191",
            ),
            ("I don’t; DON'T", "I do not; do not"),
            ("ZÜRICH", "Tsoorick"),
            ("loop", "loop loop"),
            ("", ""),
            ("İSTANBUL ﬀ 漢字", "İSTANBUL ﬀ 漢字"),
        ] {
            assert_eq!(table.apply(text), want, "{text}");
        }
        let nothing = "nothing of it";
        assert!(matches!(table.apply(nothing), Cow::Borrowed(text) if text == nothing));
        assert!(Pronunciations::default().is_empty());
    }

    #[test]
    fn a_text_does_not_grow_without_bound() {
        let words = [("a".to_owned(), "x".repeat(80))].into_iter().collect();
        let made = Pronunciations::new(&words)
            .apply(&"a ".repeat(10_000))
            .len();
        assert!(made < SPOKEN_BYTES_MAX + 80 + 20_000, "{made}");
    }
}
