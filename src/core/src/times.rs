//! When the words of a text are said: the times that a voice tells, matched to the words as they were written.
//!
//! Voices tell words as they say them. Most are those of the text; some are parted or joined ("twenty-one"), and some are
//! written otherwise ("12" is "twelve"). Words that match are certain; those between them share the time between by
//! their letters.

/// What the embedded voice takes for one character at its own pace, ms: 46 to 67 over eight sentences of notices.
const CHAR_MS: f32 = 60.0;
/// How many words of the text may have gone by without being recognised.
const LOOK_AHEAD: usize = 6;

/// About how long the embedded voice takes to say a text, ms; `speed` 1 is its own pace.
pub fn spoken_ms(text: &str, speed: f32) -> u32 {
    let chars = text.chars().count() as f32;
    (chars * CHAR_MS / speed.clamp(0.5, 2.0)) as u32
}

/// A word as a voice says it, and when, from the beginning of its audio.
#[derive(Clone, PartialEq, Eq)]
pub struct SpokenWord {
    /// The word.
    pub text: String,
    /// Its beginning, ms.
    pub from_ms: u32,
    /// Its end, ms.
    pub to_ms: u32,
}

impl std::fmt::Debug for SpokenWord {
    /// Without the word.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SpokenWord({}-{})", self.from_ms, self.to_ms)
    }
}

/// When a word of a text is said, from the beginning of its audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordTime {
    /// Its beginning, ms.
    pub from_ms: u32,
    /// Its end, ms.
    pub to_ms: u32,
}

/// A word of the text of which a part was said.
#[derive(Clone, Copy, Debug)]
struct Begun {
    bytes: usize,
    from_ms: u32,
}

/// A text whose words are being said.
#[derive(Clone)]
pub struct Matching {
    /// The words, letters and digits alone.
    words: Vec<String>,
    /// The first that is not known to be over.
    at: usize,
    begun: Option<Begun>,
    /// All before was said by then.
    over_ms: u32,
}

impl std::fmt::Debug for Matching {
    /// Without a word of what is said.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Matching({} of {})", self.at, self.words.len())
    }
}

fn plain(word: &str) -> String {
    word.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

impl Matching {
    /// A text, whose words are parted by whitespace.
    pub fn new(text: &str) -> Self {
        Self {
            words: text.split_whitespace().map(plain).collect(),
            at: 0,
            begun: None,
            over_ms: 0,
        }
    }

    /// Takes the word that is said next, and appends the times of those words of the text that are known by it: each
    /// word of the text gets one, in order, and never ends before the one in front of it.
    pub fn take(&mut self, spoken: &SpokenWord, times: &mut Vec<WordTime>) {
        let said = plain(&spoken.text);
        if said.is_empty() {
            return;
        }
        let from_ms = spoken.from_ms.max(self.over_ms);
        let to_ms = spoken.to_ms.max(from_ms);
        if let Some(begun) = self.begun.take()
            && let Some(rest) = self.words.get(self.at).and_then(|w| w.get(begun.bytes..))
            && rest.starts_with(&said)
        {
            return self.go_on(begun, said.len(), to_ms, times);
        }
        let ahead = self.words.iter().enumerate().skip(self.at).take(LOOK_AHEAD);
        let same = ahead.clone().find(|(_, word)| **word == said);
        if let Some((found, _)) = same {
            self.pass_over(found, from_ms, times);
            return self.said(1, from_ms, to_ms, times);
        }
        // A mark alone is no word: what follows it may be meant.
        let Some((next, word)) = ahead.clone().find(|(_, word)| !word.is_empty()) else {
            return;
        };
        if word.starts_with(&said) {
            self.pass_over(next, from_ms, times);
            let begun = Begun { bytes: 0, from_ms };
            return self.go_on(begun, said.len(), to_ms, times);
        }
        let mut left = said.as_str();
        let joined = self.words.iter().skip(next).take_while(|word| {
            let rest = left
                .strip_prefix(word.as_str())
                .filter(|_| !left.is_empty());
            left = rest.unwrap_or(left);
            rest.is_some()
        });
        let count = joined.count();
        if left.is_empty() {
            self.pass_over(next, from_ms, times);
            self.said(count, from_ms, to_ms, times);
        }
    }

    /// So many more bytes of a word were said.
    fn go_on(&mut self, begun: Begun, bytes: usize, to_ms: u32, times: &mut Vec<WordTime>) {
        let bytes = begun.bytes + bytes;
        if self.words.get(self.at).is_some_and(|w| bytes >= w.len()) {
            self.said(1, begun.from_ms, to_ms, times);
        } else {
            self.begun = Some(Begun { bytes, ..begun });
        }
    }

    /// The words before this one were said, whatever they sounded like.
    fn pass_over(&mut self, next: usize, to_ms: u32, times: &mut Vec<WordTime>) {
        self.said(next.saturating_sub(self.at), self.over_ms, to_ms, times);
    }

    /// So many words were said in this time, each as long as its letters are many.
    fn said(&mut self, count: usize, from_ms: u32, to_ms: u32, times: &mut Vec<WordTime>) {
        let words = self.words.iter().skip(self.at).take(count);
        let letters = |word: &String| word.chars().count().max(1) as u64;
        let all = words.clone().map(letters).sum::<u64>().max(1);
        let length = u64::from(to_ms.saturating_sub(from_ms));
        let place = |so_far: u64| from_ms.saturating_add((length * so_far / all) as u32);
        let mut so_far = 0;
        for word in words {
            let begins = place(so_far);
            so_far += letters(word);
            times.push(WordTime {
                from_ms: begins,
                to_ms: place(so_far),
            });
        }
        self.at += count;
        self.over_ms = to_ms.max(self.over_ms);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_time_of_a_sentence_is_about_right() {
        // The embedded voice took 6,036 ms for this one.
        let text = "This call is recorded and transcribed for quality; say: don't record, or press 8, if you prefer not.";
        assert_eq!(spoken_ms(text, 1.0), 6_000);
        assert_eq!(spoken_ms(text, 2.0), 3_000);
        assert_eq!(spoken_ms(text, f32::NAN), 0);
    }
    use crate::seeded::cases;

    fn matched(text: &str, spoken: &[(&str, u32, u32)]) -> Vec<(u32, u32)> {
        let (mut matching, mut times) = (Matching::new(text), Vec::new());
        for (word, from_ms, to_ms) in spoken {
            let (from_ms, to_ms) = (*from_ms, *to_ms);
            let text = (*word).to_owned();
            let spoken = SpokenWord {
                text,
                from_ms,
                to_ms,
            };
            matching.take(&spoken, &mut times);
        }
        times.iter().map(|t| (t.from_ms, t.to_ms)).collect()
    }

    #[test]
    fn words_get_the_times_at_which_they_are_said() {
        type Case<'a> = (&'a str, &'a [(&'a str, u32, u32)], &'a [(u32, u32)]);
        let cases: &[Case<'_>] = &[
            (
                "We open, today!",
                &[("we", 10, 100), ("open,", 120, 300), ("Today", 500, 900)],
                &[(10, 100), (120, 300), (500, 900)],
            ),
            // Told as it is said, not as it is written: the words around it are certain.
            (
                "It costs $12 now",
                &[
                    ("It", 0, 100),
                    ("costs", 100, 300),
                    ("twelve", 300, 500),
                    ("dollars", 500, 800),
                    ("now", 900, 1_000),
                ],
                &[(0, 100), (100, 300), (300, 900), (900, 1_000)],
            ),
            // Parted and joined.
            (
                "twenty-one to day - yes",
                &[
                    ("twenty", 0, 200),
                    ("one", 250, 400),
                    ("today", 400, 900),
                    ("yes", 1_000, 1_100),
                ],
                &[
                    (0, 400),
                    (400, 600),
                    (600, 900),
                    (900, 1_000),
                    (1_000, 1_100),
                ],
            ),
            // A part of a word that turns out to be another.
            ("in inside", &[("ins", 5, 9), ("in", 10, 20)], &[(10, 20)]),
            (
                "abc def",
                &[("ab", 0, 50), ("def", 100, 200)],
                &[(0, 100), (100, 200)],
            ),
            // What goes back in time, or ends before it begins.
            (
                "a b",
                &[("a", 100, 200), ("b", 50, 20)],
                &[(100, 200), (200, 200)],
            ),
            (
                "a",
                &[("x", 0, 10), ("", 5, 6), ("a", 10, 20), ("a", 30, 40)],
                &[(10, 20)],
            ),
            ("", &[("a", 0, 1)], &[]),
        ];
        for (text, spoken, times) in cases {
            assert_eq!(matched(text, spoken), *times, "{text}");
        }
    }

    #[test]
    fn whatever_is_said_no_word_gets_two_times() {
        let word = || proptest::sample::select(vec!["a", "ab", "abc", "b", "bc", "-", "c", "é"]);
        let words = |count| proptest::collection::vec(word(), 0..count);
        proptest!(cases(2_000), |(text in words(9), spoken in words(15))| {
            let spoken = spoken.iter().enumerate();
            let spoken: Vec<(&str, u32, u32)> = spoken
                .map(|(at, word)| (*word, at as u32 * 100, at as u32 * 100 + 90))
                .collect();
            let times = matched(&text.join(" "), &spoken);
            prop_assert!(times.len() <= text.len());
            prop_assert!(times.iter().all(|(from, to)| from <= to));
            prop_assert!(times.is_sorted_by_key(|(_, to)| to), "{times:?}");
        });
    }
}
