//! What the detectors know of one language: the tables of its file, and their compiled form.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Command;
use super::pattern::{BadPattern, Pattern, Patterns};
use super::words::Forms;
use crate::language::{fold, lines, pairs, terms};

type List = &'static [&'static str];

/// The tables of one language, as its file has them. Patterns are written as in [`super::pattern`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrammarFile {
    /// Short forms and what they stand for ("don't", "do not").
    #[serde(default, deserialize_with = "pairs")]
    contractions: Vec<(String, String)>,
    /// What stands behind an apostrophe, and the word that it is.
    #[serde(default, deserialize_with = "pairs")]
    suffixes: Vec<(String, String)>,
    /// What stands before an apostrophe, and the word that it is.
    #[serde(default, deserialize_with = "pairs")]
    elisions: Vec<(String, String)>,
    /// Words that carry nothing.
    #[serde(deserialize_with = "terms")]
    fillers: List,
    /// Words that begin a new clause.
    #[serde(deserialize_with = "terms")]
    clause_starts: List,
    /// Names for alternatives.
    classes: BTreeMap<String, String>,
    opt_out: CommandTables,
    dont_record: CommandTables,
    robot: CommandTables,
    stop: CommandTables,
    answers: AnswerTables,
    /// What an agent may not say of itself.
    denials: DenialTables,
    signs: SignTables,
}

/// The patterns of one command.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandTables {
    /// Share of the words that a match must cover.
    #[serde(default)]
    covers_min: f32,
    /// What people say. Looked for anywhere.
    #[serde(deserialize_with = "lines")]
    said: List,
    /// What the recogniser makes of it. Must be nearly all of the utterance.
    #[serde(default, deserialize_with = "lines")]
    heard: List,
    /// What voids a match when it stands just before it.
    #[serde(default, deserialize_with = "lines")]
    not_after: List,
    /// What voids a match when it follows.
    #[serde(default, deserialize_with = "lines")]
    not_before: List,
    /// What voids a match that it overlaps.
    #[serde(default, deserialize_with = "lines")]
    not_within: List,
}

/// A speaker that denies being a machine, or claims to be a person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DenialTables {
    #[serde(deserialize_with = "lines")]
    said: List,
    /// As in [`CommandTables`].
    #[serde(default, deserialize_with = "lines")]
    not_after: List,
    #[serde(default, deserialize_with = "lines")]
    not_before: List,
    #[serde(default, deserialize_with = "lines")]
    not_within: List,
}

/// Yes and no.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerTables {
    #[serde(deserialize_with = "lines")]
    yes: List,
    /// Those that cannot be taken for a sign of listening.
    #[serde(deserialize_with = "lines")]
    plain_yes: List,
    #[serde(deserialize_with = "lines")]
    no: List,
    /// A "no" only if it is the whole utterance.
    #[serde(default, deserialize_with = "lines")]
    no_alone: List,
    /// What is neither a yes nor a no, whatever else it holds.
    #[serde(deserialize_with = "lines")]
    unclear: List,
    /// Words that make a "yes" unsure.
    #[serde(deserialize_with = "lines")]
    doubts: List,
}

/// What asks for nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignTables {
    /// What speaks of recording.
    #[serde(deserialize_with = "lines")]
    recording: List,
    /// Sounds of listening that ask for nothing; whole utterances.
    #[serde(deserialize_with = "lines")]
    backchannels: List,
    /// Goodbyes; whole utterances.
    #[serde(deserialize_with = "lines")]
    farewells: List,
    /// Greetings; whole utterances.
    #[serde(deserialize_with = "lines")]
    greetings: List,
}

/// Tables, compiled.
#[derive(Debug)]
pub(crate) struct Grammar {
    pub(super) forms: Forms,
    pub(super) commands: Vec<CompiledCommand>,
    pub(super) yes: Vec<Pattern>,
    pub(super) plain_yes: Vec<Pattern>,
    pub(super) no: Vec<Pattern>,
    pub(super) no_alone: Vec<Pattern>,
    pub(super) unclear: Vec<Pattern>,
    pub(super) doubts: Vec<Pattern>,
    pub(super) recording: Vec<Pattern>,
    pub(super) denials: Patterns,
    pub(super) no_denials: Voids,
    pub(super) backchannels: Vec<Pattern>,
    pub(super) farewells: Vec<Pattern>,
    pub(super) greetings: Vec<Pattern>,
}

/// A command's patterns, compiled.
#[derive(Debug)]
pub(super) struct CompiledCommand {
    pub(super) command: Command,
    pub(super) covers_min: f32,
    pub(super) said: Patterns,
    pub(super) heard: Patterns,
    pub(super) voids: Voids,
}

/// What voids a match, compiled.
#[derive(Debug)]
pub(super) struct Voids {
    pub(super) not_after: Vec<Pattern>,
    pub(super) not_before: Vec<Pattern>,
    pub(super) not_within: Vec<Pattern>,
}

/// What compiles patterns.
struct Compiler {
    classes: BTreeMap<String, String>,
    folds: bool,
}

impl Compiler {
    fn plain(&self, text: &str) -> String {
        let mut plain = String::with_capacity(text.len());
        match self.folds {
            true => text.chars().for_each(|c| fold(c, &mut plain)),
            false => plain.push_str(text),
        }
        plain
    }

    fn pairs(&self, pairs: Vec<(String, String)>) -> Vec<(String, String)> {
        let plain = pairs.into_iter();
        plain
            .map(|(short, long)| (self.plain(&short), self.plain(&long)))
            .collect()
    }

    fn words(&self, list: List) -> Vec<String> {
        list.iter().map(|word| self.plain(word)).collect()
    }

    fn all(&self, list: List) -> Result<Vec<Pattern>, BadPattern> {
        let plain = list.iter().map(|pattern| self.plain(pattern));
        plain.map(|p| Pattern::new(&p, &self.classes)).collect()
    }

    fn voids(&self, after: List, before: List, within: List) -> Result<Voids, BadPattern> {
        Ok(Voids {
            not_after: self.all(after)?,
            not_before: self.all(before)?,
            not_within: self.all(within)?,
        })
    }

    fn command(&self, command: Command, of: &CommandTables) -> Result<CompiledCommand, BadPattern> {
        Ok(CompiledCommand {
            command,
            covers_min: of.covers_min,
            said: Patterns::new(self.all(of.said)?),
            heard: Patterns::new(self.all(of.heard)?),
            voids: self.voids(of.not_after, of.not_before, of.not_within)?,
        })
    }
}

impl Grammar {
    /// Compiles tables. `folds`: letters are compared without their marks.
    pub(crate) fn new(file: GrammarFile, folds: bool) -> Result<Self, BadPattern> {
        let mut by = Compiler {
            classes: BTreeMap::new(),
            folds,
        };
        let classes = file.classes.iter();
        by.classes = classes.map(|(n, c)| (n.clone(), by.plain(c))).collect();
        let (answers, signs, denials) = (&file.answers, &file.signs, &file.denials);
        Ok(Self {
            commands: vec![
                by.command(Command::OptOut, &file.opt_out)?,
                by.command(Command::DontRecord, &file.dont_record)?,
                by.command(Command::Robot, &file.robot)?,
                by.command(Command::Stop, &file.stop)?,
            ],
            yes: by.all(answers.yes)?,
            plain_yes: by.all(answers.plain_yes)?,
            no: by.all(answers.no)?,
            no_alone: by.all(answers.no_alone)?,
            unclear: by.all(answers.unclear)?,
            doubts: by.all(answers.doubts)?,
            recording: by.all(signs.recording)?,
            denials: Patterns::new(by.all(denials.said)?),
            no_denials: by.voids(denials.not_after, denials.not_before, denials.not_within)?,
            backchannels: by.all(signs.backchannels)?,
            farewells: by.all(signs.farewells)?,
            greetings: by.all(signs.greetings)?,
            forms: Forms {
                contractions: by.pairs(file.contractions),
                suffixes: by.pairs(file.suffixes),
                elisions: by.pairs(file.elisions),
                fillers: by.words(file.fillers),
                clause_starts: by.words(file.clause_starts),
                folds,
            },
        })
    }
}
