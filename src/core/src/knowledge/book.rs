//! A document as it is searched: its passages, the places of its words, and the vectors of its meanings.
//!
//! Several books are searched as one: how rare a word is counts over all of them. Two witnesses speak for a passage.
//! Its *words*: BM25, as a share of what one mention of each of the question's words gives. Its *meaning*: by how much the cosine of its vector and the
//! question's is above the mean of all, so that models whose cosines are all high are no different from others.

use std::collections::HashMap;

use super::chunk::Passage;
use super::languages::Language;
use super::vector::{Small, Vectors};
use super::words::{Terms, folded};

/// How soon further mentions of a word stop counting.
const K1: f32 = 1.2;
/// How much a long passage has to mention a word more often.
const B: f32 = 0.6;
/// The share of words in a score where there are vectors too.
const WORDS_SHARE: f32 = 0.5;
/// Passages that score lower answer nothing, where words alone are compared.
const WORDS_SCORE_MIN: f32 = 0.12;
/// The same where meanings are compared too: what has nothing to do with a question comes near this.
const BOTH_SCORE_MIN: f32 = 0.07;
/// As many passages are taken to be there besides, without any of the question's words: of a handful it cannot be told which
/// words are rare.
const OTHERS: f32 = 10.0;
/// Words of a document that are looked at for its language.
const WORDS_LOOKED_AT: usize = 2_000;
/// Longest question, in characters; the rest is passed over.
const QUESTION_CHARS_MAX: usize = 1_000;
/// Bytes that a mention of a word takes in a book.
const MENTION_BYTES: usize = size_of::<(u32, u32)>();

/// A document, ready to be searched.
pub struct Book {
    passages: Vec<Passage>,
    language: Language,
    /// Of each term, the passages that have it, and how often.
    mentions: HashMap<Box<str>, Vec<(u32, u32)>>,
    /// Terms of each passage.
    lengths: Vec<u32>,
    vectors: Option<Vectors>,
    bytes: usize,
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Book")
            .field("passages", &self.passages.len())
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// In words.
    pub text: &'a str,
    /// Its vector, by the model that made those of the books.
    pub vector: Option<&'a Small>,
}

/// A passage that may answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Which book.
    pub book: usize,
    /// Which of its passages.
    pub passage: usize,
    /// How well it fits, from 0 to 1.
    pub score: f32,
}

/// What a passage's vector is made of: where it stands, and its words.
#[must_use]
pub fn told(title: &str, passage: &Passage) -> String {
    let mut text = title.to_owned();
    for part in passage.place.headings.iter().chain([&passage.text]) {
        text.push('\n');
        text.push_str(part);
    }
    text
}

impl Book {
    /// Of passages in order, and as many vectors, or none.
    #[must_use]
    pub fn new(passages: Vec<Passage>, vectors: &[Option<Small>]) -> Self {
        let language = language_of(&passages);
        let mut terms = Terms::new(language);
        let mut mentions: HashMap<Box<str>, Vec<(u32, u32)>> = HashMap::new();
        let mut lengths = Vec::with_capacity(passages.len());
        let mut bytes = 0;
        for (number, passage) in (0_u32..).zip(&passages) {
            let mut length = 0;
            let mut note = |term: &str| {
                length += 1;
                let known = match mentions.get_mut(term) {
                    Some(known) => known,
                    None => {
                        bytes += 2 * term.len() + size_of::<(Box<str>, Vec<(u32, u32)>)>();
                        mentions.entry(term.into()).or_default()
                    }
                };
                match known.last_mut() {
                    Some((last, count)) if *last == number => *count += 1,
                    _ => {
                        bytes += MENTION_BYTES;
                        known.push((number, 1));
                    }
                }
            };
            for heading in &passage.place.headings {
                terms.each(heading, &mut note);
            }
            terms.each(&passage.text, &mut note);
            lengths.push(length);
            bytes += passage.text.len() + size_of::<Passage>() + size_of::<u32>();
        }
        let vectors = Vectors::of(vectors).filter(|_| vectors.len() == passages.len());
        bytes += vectors.as_ref().map_or(0, Vectors::bytes);
        Self {
            passages,
            language,
            mentions,
            lengths,
            vectors,
            bytes,
        }
    }

    /// Its passages.
    #[must_use]
    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn mentions(&self, term: &str) -> &[(u32, u32)] {
        self.mentions.get(term).map_or(&[], Vec::as_slice)
    }
}

fn language_of(passages: &[Passage]) -> Language {
    let mut words: Vec<String> = Vec::new();
    // From all over the document: its beginning may be a table of contents.
    let step = (passages.len() / 20).max(1);
    for passage in passages.iter().step_by(step) {
        words.extend(folded(&passage.text));
        if words.len() >= WORDS_LOOKED_AT {
            break;
        }
    }
    Language::of(words.iter().map(String::as_str))
}

/// The `most` passages that fit a question best, the best first; of equals the earlier.
#[must_use]
pub fn find(books: &[&Book], question: Question<'_>, most: usize) -> Vec<Found> {
    let end = question.text.char_indices().nth(QUESTION_CHARS_MAX);
    let text = end.map_or(question.text, |(end, _)| {
        question.text.get(..end).unwrap_or_default()
    });
    let words = words_of(books, text);
    let meanings = question
        .vector
        .and_then(|vector| meanings_of(books, vector));
    let least = match meanings {
        Some(_) => BOTH_SCORE_MIN,
        None => WORDS_SCORE_MIN,
    };
    let mut found: Vec<Found> = Vec::new();
    for (book, words) in words.into_iter().enumerate() {
        for (passage, words) in words.into_iter().enumerate() {
            let meaning = meanings.as_ref().map(|all| {
                let of_book = all.get(book).map_or(&[][..], Vec::as_slice);
                of_book.get(passage).copied().unwrap_or(0.0)
            });
            let score = match meaning {
                Some(meaning) => WORDS_SHARE * words + (1.0 - WORDS_SHARE) * meaning,
                None => words,
            };
            if score >= least {
                found.push(Found {
                    book,
                    passage,
                    score,
                });
            }
        }
    }
    found.sort_by(|a, b| {
        let place = |found: &Found| (found.book, found.passage);
        b.score.total_cmp(&a.score).then(place(a).cmp(&place(b)))
    });
    found.truncate(most);
    found
}

/// How much of the question's words each passage has, from 0 to 1.
fn words_of(books: &[&Book], question: &str) -> Vec<Vec<f32>> {
    let count: usize = books.iter().map(|book| book.passages.len()).sum();
    let length: u64 = books
        .iter()
        .flat_map(|book| &book.lengths)
        .map(|n| u64::from(*n))
        .sum();
    let mean = (length as f32 / count.max(1) as f32).max(1.0);
    let mut asked: Vec<(Language, Vec<(String, f32)>)> = Vec::new();
    for book in books {
        if asked.iter().any(|(language, _)| *language == book.language) {
            continue;
        }
        let terms = Terms::new(book.language).distinct(question);
        let weighed = terms.into_iter().map(|term| {
            let with: usize = books.iter().map(|book| book.mentions(&term).len()).sum();
            let rarity = (count as f32 + OTHERS - with as f32 + 0.5) / (with as f32 + 0.5);
            (term, (1.0 + rarity).ln())
        });
        asked.push((book.language, weighed.collect()));
    }
    let scores = books.iter().map(|book| {
        let mut scores = vec![0.0_f32; book.passages.len()];
        let terms = asked
            .iter()
            .find(|(language, _)| *language == book.language);
        let terms = terms.map_or(&[][..], |(_, terms)| terms.as_slice());
        let most: f32 = terms.iter().map(|(_, weight)| weight).sum();
        for (term, weight) in terms {
            for (passage, times) in book.mentions(term) {
                let Some(score) = scores.get_mut(*passage as usize) else {
                    continue;
                };
                let length = book
                    .lengths
                    .get(*passage as usize)
                    .map_or(0.0, |n| *n as f32);
                let times = *times as f32;
                let worth = times * (K1 + 1.0) / (times + K1 * (1.0 - B + B * length / mean));
                *score += weight * worth / most;
            }
        }
        for score in &mut scores {
            *score = score.min(1.0);
        }
        scores
    });
    scores.collect()
}

/// How much nearer each passage is to the question than passages are on the whole, from 0 to 1; `None` if no book has
/// vectors like the question's.
fn meanings_of(books: &[&Book], question: &Small) -> Option<Vec<Vec<f32>>> {
    let mut all: Vec<Vec<f32>> = books
        .iter()
        .map(|book| {
            let vectors = book.vectors.as_ref();
            vectors.map_or_else(Vec::new, |vectors| vectors.cosines(question).collect())
        })
        .collect();
    let count = all.iter().map(Vec::len).sum::<usize>();
    if count == 0 {
        return None;
    }
    let mean = all.iter().flatten().sum::<f32>() / count as f32;
    // Of a handful the mean says little: they may all be about what was asked.
    let mean = mean.clamp(0.0, 0.95) * (count as f32 / (count as f32 + OTHERS));
    for cosine in all.iter_mut().flatten() {
        *cosine = ((*cosine - mean) / (1.0 - mean)).clamp(0.0, 1.0);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::{Place, of_markdown, of_table, of_text};

    const CLINIC: &str = "# Oak Street Dental\n\n## Opening hours\n\nWe are open from nine to five on weekdays.\n\n\
        ## Cancellations\n\nAn appointment can be cancelled without charge until the day before.\n\n\
        ## Parking\n\nThere is a car park behind the house, free for patients.\n\n\
        ## Insurance\n\nWe bill Delta and Aetna directly; with other insurers you pay first.\n";
    const PRICES: &str =
        "treatment,price\nCrown,1200 dollars\nFilling,90 dollars\nCleaning,75 dollars\n";
    const PRAXIS: &str = "Wir haben montags bis freitags von neun bis fünf Uhr geöffnet.\n\n\
        Termine können bis zum Vortag kostenlos abgesagt werden, danach stellen wir sie in Rechnung.";

    fn best(books: &[&Book], text: &str) -> Option<(usize, String)> {
        let question = Question { text, vector: None };
        let found = find(books, question, 3).into_iter().next()?;
        assert!((0.0..=1.0).contains(&found.score), "{found:?}");
        let passage = &books[found.book].passages()[found.passage];
        Some((found.book, passage.text.clone()))
    }

    #[test]
    fn the_passage_with_the_questions_words_is_found() {
        let clinic = Book::new(of_markdown(CLINIC).unwrap(), &[]);
        let prices = Book::new(of_table(PRICES).unwrap(), &[]);
        let praxis = Book::new(of_text(PRAXIS).unwrap(), &[]);
        let books = [&clinic, &prices, &praxis];
        for (question, book, says) in [
            ("When are you open?", 0, "nine to five"),
            ("How do I cancel my appointment?", 0, "without charge"),
            ("Can I park there?", 0, "car park"),
            ("what's the price of a crown", 1, "1200"),
            ("Do you take Aetna insurance?", 0, "Aetna"),
            ("Kann ich einen Termin absagen?", 2, "Vortag"),
            ("Wann haben Sie geoffnet", 2, "neun"),
        ] {
            let (found, text) = best(&books, question).unwrap();
            assert_eq!(found, book, "{question}: {text}");
            assert!(text.contains(says), "{question}: {text}");
        }
        for nothing in ["", "?!", "the of and", "zebra", &"zebra ".repeat(10_000)] {
            assert_eq!(best(&books, nothing), None, "{nothing}");
        }
        assert_eq!(best(&[], "open"), None);
    }

    #[test]
    fn a_meaning_is_found_that_has_no_word_in_common_and_words_count_beside_it() {
        let passages = ["Alpha beta.", "Gamma delta.", "Epsilon zeta."].map(|text| Passage {
            place: Place::default(),
            text: text.to_owned(),
        });
        let small = |v: [f32; 3]| Small::of(&v);
        let vectors = [
            small([1.0, 0.0, 0.0]),
            small([0.0, 1.0, 0.0]),
            small([0.0, 0.1, 1.0]),
        ];
        let book = Book::new(passages.to_vec(), &vectors);
        let asked = small([0.1, 0.0, 1.0]).unwrap();
        let find = |text, vector| {
            let found = find(&[&book], Question { text, vector }, 3);
            found.iter().map(|found| found.passage).collect::<Vec<_>>()
        };
        assert_eq!(find("unheard of", None), [0_usize; 0]);
        assert_eq!(find("unheard of", Some(&asked)), [2]);
        // Both witnesses are heard.
        assert_eq!(find("gamma", Some(&asked)), [1, 2]);
        // Vectors of another model say nothing.
        let other = Small::of(&[1.0; 4]).unwrap();
        assert_eq!(find("gamma", Some(&other)), [1]);
    }

    #[test]
    fn the_same_question_is_answered_the_same() {
        let text: Vec<String> = (0..300)
            .map(|n| format!("Item {} costs {} euros.", n % 7, n % 3))
            .collect();
        let passages = of_text(&text.join("\n\n")).unwrap();
        let ask = || {
            let book = Book::new(passages.clone(), &[]);
            let question = Question {
                text: "what does item 3 cost",
                vector: None,
            };
            find(&[&book], question, 20)
        };
        let first = ask();
        assert!(first.len() > 3);
        for _ in 0..3 {
            assert_eq!(ask(), first);
        }
    }
}
