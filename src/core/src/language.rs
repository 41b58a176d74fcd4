//! What a call has of a language: the sentences it says, and what people and machines say in it.
//!
//! Each language is one file, `language/de.toml`, so that whoever speaks it can read and mend it without the code. A
//! further one is its file and one line in [`Language`]. Patterns are written as `commands::pattern` has them.
//!
//! All languages but English are read without their marks (`fold`): a recogniser may leave them out.

mod fold;
mod lists;
mod tables;
mod texts;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

pub(crate) use fold::{fold, is_mark};
pub(crate) use lists::{lines, pairs, phrases, terms};
use tables::Tables;
pub use texts::{AiWords, ConsentTexts, LineTexts, NoticeTexts, OpeningTexts, TransferTexts, fill};

use crate::amd::Phrases;
use crate::call::TurnWords;
use crate::commands::Grammar;

/// The enum, from one line for each language: its name, and its tag, which names its file.
macro_rules! languages {
    ($($(#[$doc:meta])* $name:ident = $tag:literal),+ $(,)?) => {
        /// A language in which calls can be held.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Language {
            $($(#[$doc])* $name),+
        }

        impl Language {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its BCP 47 tag, without a region.
            pub fn tag(self) -> &'static str {
                match self {
                    $(Self::$name => $tag),+
                }
            }

            /// What must be understood in it, and what must not.
            #[cfg(test)]
            fn phrases(self) -> &'static str {
                match self {
                    $(Self::$name => include_str!(concat!("language/phrases/", $tag, ".toml"))),+
                }
            }

            fn tables(self) -> &'static Tables {
                match self {
                    $(Self::$name => {
                        static TABLES: LazyLock<Tables> = LazyLock::new(|| {
                            let file = include_str!(concat!("language/", $tag, ".toml"));
                            Tables::read(file, $tag).expect(concat!($tag, ".toml can be read"))
                        });
                        &TABLES
                    }),+
                }
            }
        }
    };
}

languages! {
    /// English.
    #[default]
    English = "en",
    /// German.
    German = "de",
    /// French.
    French = "fr",
    /// Spanish.
    Spanish = "es",
    /// Italian.
    Italian = "it",
    /// Portuguese.
    Portuguese = "pt",
    /// Dutch.
    Dutch = "nl",
    /// Polish.
    Polish = "pl",
    /// Lithuanian.
    Lithuanian = "lt",
    /// Turkish.
    Turkish = "tr",
}

impl Language {
    /// The language of a BCP 47 tag, whatever its region; `None` for one that has no file.
    pub fn of(tag: &str) -> Option<Self> {
        let main = tag.split(['-', '_']).next().unwrap_or(tag);
        let mut all = Self::ALL.iter().copied();
        all.find(|language| main.eq_ignore_ascii_case(language.tag()))
    }

    /// Its name in English.
    pub fn name(self) -> &'static str {
        &self.tables().name
    }

    /// Whether a native speaker has read its file. What is not reviewed was written by engineers.
    pub fn is_reviewed(self) -> bool {
        self.tables().reviewed
    }

    /// The first words of calls.
    pub fn opening(self) -> &'static OpeningTexts {
        &self.tables().opening
    }

    /// What is said whatever the mind thinks.
    pub fn notices(self) -> &'static NoticeTexts {
        &self.tables().notices
    }

    /// What is said about recording.
    pub fn consent(self) -> &'static ConsentTexts {
        &self.tables().consent
    }

    /// What a number says that nobody answers.
    pub fn line(self) -> &'static LineTexts {
        &self.tables().line
    }

    /// That this business, and nobody else, will not call again.
    pub fn opted_out(self, business: &str) -> String {
        fill(&self.notices().opt_out, &[("business", business)])
    }

    /// What is said to either side of a transfer.
    pub fn transfer(self) -> &'static TransferTexts {
        &self.tables().transfer
    }

    /// Whether a text says that an AI speaks.
    pub fn discloses_ai(self, text: &str) -> bool {
        self.tables().ai.are_in(text)
    }

    pub(crate) fn grammar(self) -> &'static Grammar {
        &self.tables().grammar
    }

    pub(crate) fn turn_words(self) -> &'static TurnWords {
        &self.tables().turns
    }

    pub(crate) fn machines(self) -> &'static Phrases {
        &self.tables().machines
    }
}
