//! A language's file, read.

use serde::Deserialize;

use super::texts::{AiWords, ConsentTexts, LineTexts, NoticeTexts, OpeningTexts, TransferTexts};
use crate::amd::Phrases;
use crate::call::TurnWords;
use crate::commands::{Grammar, GrammarFile};

/// Everything that a call has of a language.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) name: String,
    pub(super) reviewed: bool,
    pub(super) opening: OpeningTexts,
    pub(super) notices: NoticeTexts,
    pub(super) consent: ConsentTexts,
    pub(super) transfer: TransferTexts,
    pub(super) line: LineTexts,
    pub(super) ai: AiWords,
    pub(super) grammar: Grammar,
    pub(super) turns: TurnWords,
    pub(super) machines: Phrases,
}

/// The file as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The language's name in English.
    name: String,
    /// A native speaker has read the file.
    reviewed: bool,
    opening: OpeningTexts,
    notices: NoticeTexts,
    consent: ConsentTexts,
    transfer: TransferTexts,
    line: LineTexts,
    ai: AiWords,
    /// What callers say.
    callers: GrammarFile,
    /// By which words the end of a turn is known.
    turns: TurnWords,
    /// What machines say when they answer, and what people do.
    machines: Phrases,
}

/// Why a file cannot be read. Files are tested, so this is seen by who writes one.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadFile {
    /// It is not written as it must be.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// A pattern in it.
    #[error(transparent)]
    Pattern(#[from] crate::commands::BadPattern),
}

impl Tables {
    /// Reads the file of the language with this tag.
    pub(super) fn read(text: &str, tag: &str) -> Result<Self, BadFile> {
        let file: File = toml::from_str(text)?;
        // English is read as its tables were measured, letter by letter.
        let folds = tag != "en";
        Ok(Self {
            name: file.name,
            reviewed: file.reviewed,
            opening: file.opening,
            notices: file.notices,
            consent: file.consent,
            transfer: file.transfer,
            line: file.line,
            ai: file.ai,
            grammar: Grammar::new(file.callers, folds)?,
            turns: file.turns,
            machines: match folds {
                true => file.machines.folded(),
                false => file.machines,
            },
        })
    }
}
