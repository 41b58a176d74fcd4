//! What looking something up costs: `cargo bench -p trunkline-core --bench knowledge -- FOLDER`, where FOLDER is the folder
//! of models, for the table of word vectors that the server uses; without, one of the same size is made up. Ten thousand
//! passages, a thousand questions one after another, each with its vector made.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench that cannot go on says so by panicking, and what it finds it prints"
)]
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

use std::path::Path;
use std::time::{Duration, Instant};

use trunkline_core::knowledge::book::{Book, Question, find, told};
use trunkline_core::knowledge::vector::Small;
use trunkline_core::knowledge::word_vectors::WordVectors;
use trunkline_core::knowledge::{Passage, Place};

const PASSAGES: usize = 10_000;
const QUESTIONS: usize = 1_000;
const WORDS: &[&str] = &[
    "account",
    "agreement",
    "animal",
    "appointment",
    "arrival",
    "battery",
    "booking",
    "building",
    "cancel",
    "charge",
    "children",
    "cleaning",
    "contract",
    "cost",
    "customer",
    "damage",
    "deadline",
    "delivery",
    "deposit",
    "discount",
    "document",
    "electric",
    "emergency",
    "engine",
    "entrance",
    "evening",
    "exchange",
    "family",
    "garage",
    "garden",
    "guarantee",
    "guest",
    "heating",
    "holiday",
    "hospital",
    "insurance",
    "invoice",
    "kitchen",
    "language",
    "lawyer",
    "manager",
    "medicine",
    "meeting",
    "message",
    "monthly",
    "morning",
    "network",
    "number",
    "office",
    "order",
    "parking",
    "partner",
    "passport",
    "patient",
    "payment",
    "picture",
    "policy",
    "price",
    "product",
    "question",
    "receipt",
    "refund",
    "register",
    "repair",
    "reservation",
    "room",
    "safety",
    "school",
    "season",
    "service",
    "shipping",
    "signature",
    "station",
    "student",
    "subscription",
    "summer",
    "surgery",
    "ticket",
    "training",
    "travel",
    "treatment",
    "vehicle",
    "voucher",
    "warranty",
    "weather",
    "window",
    "winter",
    "worker",
    "yearly",
];

/// A small generator: the same texts each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % most
    }

    /// A few words are said often and most rarely.
    fn words(&mut self, count: usize) -> String {
        let mut words = Vec::new();
        for _ in 0..count {
            let at = self.below(WORDS.len()).min(self.below(WORDS.len()));
            words.push(WORDS.get(at).copied().unwrap_or_default());
        }
        words.join(" ")
    }
}

fn main() {
    let folder = std::env::args()
        .nth(1)
        .filter(|argument| !argument.starts_with("--"));
    let began = Instant::now();
    let vectors = folder.map(|folder| {
        let read = |name: &str| {
            std::fs::read(Path::new(&folder).join("words").join(name))
                .expect("the table is in the folder")
        };
        WordVectors::read(&read("tokenizer.json"), read("vectors.safetensors")).expect("a table")
    });
    let Some(vectors) = vectors else {
        println!("name the folder of models: trunkline models fetch prints it");
        return;
    };
    println!("the table was read in {:?}", began.elapsed());
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    let passages: Vec<Passage> = (0..PASSAGES)
        .map(|n| Passage {
            place: Place {
                headings: vec![chance.words(3)],
                page: u32::try_from(n / 4 + 1).ok(),
                row: None,
            },
            text: chance.words(120),
        })
        .collect();
    let began = Instant::now();
    let small = |text: &str| vectors.of(text).and_then(|vector| Small::of(&vector));
    let made: Vec<Option<Small>> = passages
        .iter()
        .map(|passage| small(&told("Terms", passage)))
        .collect();
    println!(
        "vectors of {PASSAGES} passages of 120 words: {:?}",
        began.elapsed()
    );
    let began = Instant::now();
    let book = Book::new(passages, &made);
    println!(
        "the book was made in {:?} and takes {} MB",
        began.elapsed(),
        book.bytes() / 1_000_000
    );
    let mut times: Vec<Duration> = Vec::with_capacity(QUESTIONS);
    let mut found = 0;
    for _ in 0..QUESTIONS {
        let text = format!(
            "What about the {} and the {}?",
            chance.words(3),
            chance.words(4)
        );
        let began = Instant::now();
        let vector = small(&text);
        let question = Question {
            text: &text,
            vector: vector.as_ref(),
        };
        found += find(&[&book], question, 5).len();
        times.push(began.elapsed());
    }
    times.sort();
    let at = |share: usize| {
        times
            .get(times.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{QUESTIONS} questions, {found} passages found: p50 {:?}, p95 {:?}, worst {:?}",
        at(50),
        at(95),
        times.last()
    );
}
