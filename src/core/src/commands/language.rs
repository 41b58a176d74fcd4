//! What the detectors know of one language: tables, and their compiled form.

use super::Command;
use super::pattern::{BadPattern, Pattern, Patterns};

/// The tables of one language. Patterns are written as in [`super::pattern`].
pub(super) struct Tables {
    /// Short forms and what they stand for ("don't", "do not").
    pub(super) contractions: &'static [(&'static str, &'static str)],
    /// Words that carry nothing.
    pub(super) fillers: &'static [&'static str],
    /// Words that begin a new clause.
    pub(super) clause_starts: &'static [&'static str],
    /// Names for alternatives.
    pub(super) classes: &'static [(&'static str, &'static str)],
    pub(super) commands: &'static [CommandTables],
    pub(super) answers: AnswerTables,
    /// What speaks of recording.
    pub(super) recording: &'static [&'static str],
    /// What an agent may not say of itself.
    pub(super) denials: DenialTables,
    /// Sounds of listening that ask for nothing; whole utterances.
    pub(super) backchannels: &'static [&'static str],
    /// Greetings; whole utterances.
    pub(super) farewells: &'static [&'static str],
    pub(super) greetings: &'static [&'static str],
}

/// The patterns of one command.
pub(super) struct CommandTables {
    pub(super) command: Command,
    /// Share of the words that a match must cover.
    pub(super) covers_min: f32,
    /// What people say. Looked for anywhere.
    pub(super) said: &'static [&'static str],
    /// What the recogniser makes of it. Must be nearly all of the utterance.
    pub(super) heard: &'static [&'static str],
    /// What voids a match when it stands just before it.
    pub(super) not_after: &'static [&'static str],
    /// What voids a match when it follows.
    pub(super) not_before: &'static [&'static str],
    /// What voids a match that it overlaps.
    pub(super) not_within: &'static [&'static str],
}

/// A speaker that denies being a machine, or claims to be a person.
pub(super) struct DenialTables {
    pub(super) said: &'static [&'static str],
    /// As in [`CommandTables`].
    pub(super) not_after: &'static [&'static str],
    pub(super) not_before: &'static [&'static str],
    pub(super) not_within: &'static [&'static str],
}

/// Yes and no.
pub(super) struct AnswerTables {
    pub(super) yes: &'static [&'static str],
    /// Those that cannot be taken for a sign of listening.
    pub(super) plain_yes: &'static [&'static str],
    pub(super) no: &'static [&'static str],
    /// A "no" only if it is the whole utterance.
    pub(super) no_alone: &'static [&'static str],
    /// What is neither a yes nor a no, whatever else it holds.
    pub(super) unclear: &'static [&'static str],
    /// Words that make a "yes" unsure.
    pub(super) doubts: &'static [&'static str],
}

/// Tables, compiled.
pub(super) struct Language {
    pub(super) tables: &'static Tables,
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
pub(super) struct CompiledCommand {
    pub(super) command: Command,
    pub(super) covers_min: f32,
    pub(super) said: Patterns,
    pub(super) heard: Patterns,
    pub(super) voids: Voids,
}

/// What voids a match, compiled.
pub(super) struct Voids {
    pub(super) not_after: Vec<Pattern>,
    pub(super) not_before: Vec<Pattern>,
    pub(super) not_within: Vec<Pattern>,
}

impl Language {
    pub(super) fn new(tables: &'static Tables) -> Result<Self, BadPattern> {
        let all = |list: &[&str]| -> Result<Vec<Pattern>, BadPattern> {
            list.iter()
                .map(|p| Pattern::new(p, tables.classes))
                .collect()
        };
        let command = |c: &CommandTables| -> Result<CompiledCommand, BadPattern> {
            Ok(CompiledCommand {
                command: c.command,
                covers_min: c.covers_min,
                said: Patterns::new(all(c.said)?),
                heard: Patterns::new(all(c.heard)?),
                voids: Voids {
                    not_after: all(c.not_after)?,
                    not_before: all(c.not_before)?,
                    not_within: all(c.not_within)?,
                },
            })
        };
        Ok(Self {
            commands: tables
                .commands
                .iter()
                .map(command)
                .collect::<Result<_, _>>()?,
            yes: all(tables.answers.yes)?,
            plain_yes: all(tables.answers.plain_yes)?,
            no: all(tables.answers.no)?,
            no_alone: all(tables.answers.no_alone)?,
            unclear: all(tables.answers.unclear)?,
            doubts: all(tables.answers.doubts)?,
            recording: all(tables.recording)?,
            denials: Patterns::new(all(tables.denials.said)?),
            no_denials: Voids {
                not_after: all(tables.denials.not_after)?,
                not_before: all(tables.denials.not_before)?,
                not_within: all(tables.denials.not_within)?,
            },
            backchannels: all(tables.backchannels)?,
            farewells: all(tables.farewells)?,
            greetings: all(tables.greetings)?,
            tables,
        })
    }
}
