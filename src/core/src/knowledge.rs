//! Documents that agents may look things up in: what they are, how they are cut into passages, and how the passages that
//! answer a question are found.
//!
//! ```text
//! bytes ─sniff─▶ kind ─text, table, pages─▶ passages ─words──▶ book ─find─▶ the best, with their places
//!                                                    └vectors─┘
//! ```
//!
//! Words ([`words`]) are compared by BM25 and meanings ([`vector`]) by their cosine; [`book`] joins both. The same
//! documents and the same question give the same answer, in the same order.

pub mod book;
mod bpe;
mod chunk;
pub mod embeddings;
pub mod languages;
mod markdown;
mod sniff;
mod table;
pub mod vector;
pub mod word_vectors;
pub mod words;

pub use chunk::{
    PASSAGE_CHARS_MAX, PASSAGES_MAX, Page, Passage, Place, TooMuch, of_pages, of_text,
};
pub use markdown::of_markdown;
pub use sniff::{Kind, Unreadable, sniff, text_of};
pub use table::{COLUMNS_MAX, NoTable, of_table};
