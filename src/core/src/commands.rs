//! Commands that a caller may give at any moment, found in what the recogniser heard.
//!
//! Four commands bind the server whatever the agent is doing: *do not call me again*, *do not
//! record this*, *are you a robot?* and *stop talking*. Two questions are answered here as well:
//! did the caller say yes or no, and was a sound only a sign of listening.
//!
//! A small recogniser on a telephone line mishears short phrases, so a detector has two tables
//! per command: what people say, looked for anywhere in the utterance (with one letter in a long
//! English word forgiven), and what the recogniser was measured to make of it, which must be nearly the
//! whole utterance. The measurements are in `fixtures/commands`.
//!
//! All functions are pure, look at the first 400 words only, and never fail.

mod denial;
mod grammar;
mod pattern;
mod words;

#[cfg(test)]
mod in_english;
#[cfg(test)]
mod recall;
#[cfg(test)]
mod tests;

pub(crate) use denial::is_denial;
pub(crate) use grammar::{Grammar, GrammarFile};
pub(crate) use pattern::BadPattern;

use std::ops::Range;

use crate::language::Language;
use grammar::{CompiledCommand, Voids};
use pattern::{Pattern, Patterns, Utterance};
use words::{Pause, Word};

/// What a caller may ask for at any moment of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// Never call this number again.
    OptOut,
    /// Do not record this call, or stop recording it.
    DontRecord,
    /// Is this a machine? The agent must say so.
    Robot,
    /// Stop talking; wait.
    Stop,
}

/// A command found in an utterance.
#[derive(Clone, Debug, PartialEq)]
pub struct Detected {
    /// What was asked for.
    pub command: Command,
    /// Share of the utterance's words that the match covers, 0 to 1; fillers ("um", "please")
    /// outside the match do not count. Near 1 the caller said nothing else.
    pub covers: f32,
    /// Bytes of the text from the first word matched to the last.
    pub span: Range<usize>,
}

/// An answer to a question of yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Agreed.
    Yes,
    /// Refused.
    No,
}

/// Share that a match of misheard words must cover.
const HEARD_COVERS_MIN: f32 = 0.75;
/// Share that an exact match must cover when words of other sentences surround it.
const NEAR_COVERS_MIN: f32 = 0.5;
/// Below this confidence only words that are exactly those of the tables count.
const CONFIDENCE_FOR_NEAR_MIN: f32 = 0.3;
/// Words that may follow a "yes" for it to be one.
const WORDS_AFTER_YES_MAX: usize = 7;

/// The most binding command in `text`: [`Command::OptOut`] before [`Command::DontRecord`] before
/// [`Command::Robot`] before [`Command::Stop`].
///
/// `confidence` is the recogniser's, 0 to 1; what is not a number counts as 0. Of a text that it
/// is unsure of, only exact words count.
pub fn detect(language: Language, text: &str, confidence: f32) -> Option<Detected> {
    detect_all(language, text, confidence).into_iter().next()
}

/// Every command in `text`, each at most once, the most binding first.
///
/// A caller may say two at once: "stop recording, and don't call me again". An opt-out in plain English counts in every
/// language.
pub fn detect_all(language: Language, text: &str, confidence: f32) -> Vec<Detected> {
    let grammar = language.grammar();
    let words = words::words(text, &grammar.forms);
    let exact = Utterance::new(&words, &grammar.forms);
    // Of inflected languages one letter is often another word, and their recognisers are large ones.
    let near_counts = language == Language::English && confidence >= CONFIDENCE_FOR_NEAR_MIN;
    let near = exact.with_near(near_counts);
    let commands = grammar.commands.iter();
    let mut found: Vec<Detected> = commands.filter_map(|c| find(c, &exact, &near)).collect();
    let has_opt_out = found.first().map(|f| f.command) == Some(Command::OptOut);
    if language != Language::English && !has_opt_out {
        found.splice(0..0, english_opt_out(text));
    }
    found
}

/// An opt-out in exact English words: whoever cannot say it in the agent's language says it so.
fn english_opt_out(text: &str) -> Option<Detected> {
    let grammar = Language::English.grammar();
    let words = words::words(text, &grammar.forms);
    let exact = Utterance::new(&words, &grammar.forms);
    let mut commands = grammar.commands.iter();
    let command = commands.find(|c| c.command == Command::OptOut)?;
    detected(&exact, command, &command.said, 0.0)
}

/// Whether `text` is a yes or a no.
///
/// Built for consent: a doubt, a condition or both at once is neither, so that the question is
/// asked again; what may be a refusal is one.
pub fn yes_no(language: Language, text: &str) -> Option<Answer> {
    answered(language, text).map(|a| a.answer)
}

/// An answer in an utterance, and what it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// Nothing but fillers comes before it, and a word such as "I" or "that".
    pub is_first: bool,
    /// What was said beside it in other clauses; empty if that says nothing of its own.
    pub rest: String,
}

/// The answer in `text`, by the rules of [`yes_no`].
pub fn answered(language: Language, text: &str) -> Option<Answered> {
    let grammar = language.grammar();
    let words = words::words(text, &grammar.forms);
    let heard = Utterance::new(&words, &grammar.forms);
    let matches = |patterns: &[Pattern]| -> Vec<Range<usize>> {
        (0..words.len())
            .filter_map(|at| longest(patterns, &heard, at).map(|end| at..end))
            .collect()
    };
    if !matches(&grammar.unclear).is_empty() {
        return None;
    }
    let noes = matches(&grammar.no);
    let first = (0..words.len())
        .find(|at| !heard.is_filler(*at))
        .unwrap_or(0);
    let yes = [0, first]
        .into_iter()
        .filter_map(|at| longest(&grammar.yes, &heard, at));
    // "I do not" begins as "I do" does.
    let yes = yes
        .max()
        .filter(|end| !noes.iter().any(|no| no.start < *end && *end < no.end));
    let Some(end) = yes else {
        let alone = grammar.no_alone.iter().any(|p| is_whole(&heard, p));
        let refused = !noes.is_empty() || alone;
        let start = noes.iter().map(|no| no.start).min();
        return refused.then(|| Answered {
            answer: Answer::No,
            is_first: alone || start.is_some_and(|start| start <= first + 1),
            rest: match alone {
                true => String::new(),
                false => beside(text, &heard, &noes),
            },
        });
    };
    let after = |found: &[Range<usize>]| found.iter().any(|m| m.start >= end);
    let unsure = after(&noes) || after(&matches(&grammar.doubts));
    // "Yes, and I'd like to book": a plain yes, set off from what follows, may be followed by anything but a doubt.
    let plain = [0, first]
        .into_iter()
        .filter_map(|at| longest(&grammar.plain_yes, &heard, at))
        .max();
    let is_set_off = plain.is_some_and(|end| heard.is_end(end));
    let is_yes = is_set_off || words.len() - end <= WORDS_AFTER_YES_MAX;
    (!unsure && is_yes).then(|| {
        // "Yes, that's fine, sure."
        let mut end = end;
        while let Some(next) = (end..words.len()).find(|at| !heard.is_filler(*at))
            && let Some(further) = longest(&grammar.yes, &heard, next)
        {
            end = further;
        }
        Answered {
            answer: Answer::Yes,
            is_first: true,
            rest: beside(text, &heard, std::slice::from_ref(&(0..end))),
        }
    })
}

fn longest(patterns: &[Pattern], heard: &Utterance<'_>, at: usize) -> Option<usize> {
    patterns.iter().filter_map(|p| p.match_at(heard, at)).max()
}

/// Words that a part has at least to say something of its own; fewer are the tail of the answer.
const WORDS_OF_REST_MIN: usize = 3;

/// What `text` says beside an answer: whole sentences, and the clauses before and after the answer in its own.
fn beside(text: &str, heard: &Utterance<'_>, answers: &[Range<usize>]) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut keep = |words: Range<usize>| {
        let says = words.clone().filter(|at| !heard.is_filler(*at)).count();
        if says >= WORDS_OF_REST_MIN {
            let from = heard.words[words.start].place.start;
            let to = heard
                .words
                .get(words.end)
                .map_or(text.len(), |next| next.place.start);
            parts.push(text[from..to].trim());
        }
    };
    let mut start = 0;
    for end in 1..=heard.words.len() {
        if end < heard.words.len() && heard.words[end - 1].pause != Pause::Full {
            continue;
        }
        let within = answers.iter().filter(|a| a.start >= start && a.start < end);
        let (first, last) = within.fold((end, start), |(first, last), a| {
            (first.min(a.start), last.max(a.end))
        });
        if first == end {
            keep(start..end);
        } else {
            let clause = (start + 1..=first)
                .rev()
                .find(|at| heard.words[at - 1].pause != Pause::None);
            keep(start..clause.unwrap_or(start));
            let next = (last..end).find(|at| heard.is_end(*at));
            keep(next.unwrap_or(end)..end);
        }
        start = end;
    }
    parts.join(" ")
}

/// Words of a sentence that only asks back.
const WORDS_OF_A_QUESTION_MAX: usize = 3;
/// Words of a sentence that only says it was not understood.
const WORDS_OF_A_COMPLAINT_MAX: usize = 6;

/// Whether the speaker seems not to have understood a notice about recording, or wants to know about it: "what?",
/// "I didn't catch that", "who records this?".
pub fn is_puzzled(language: Language, text: &str) -> bool {
    let grammar = language.grammar();
    let words = words::words(text, &grammar.forms);
    let heard = Utterance::new(&words, &grammar.forms);
    let count = (0..words.len()).filter(|at| !heard.is_filler(*at)).count();
    let has =
        |patterns: &[Pattern]| (0..words.len()).any(|at| longest(patterns, &heard, at).is_some());
    has(&grammar.recording)
        || count <= WORDS_OF_A_COMPLAINT_MAX && has(&grammar.unclear)
        || count <= WORDS_OF_A_QUESTION_MAX && has(&grammar.doubts)
}

/// How many words of `text` say something; fillers do not.
pub fn words_spoken(language: Language, text: &str) -> usize {
    let grammar = language.grammar();
    let words = words::words(text, &grammar.forms);
    let heard = Utterance::new(&words, &grammar.forms);
    (0..words.len()).filter(|at| !heard.is_filler(*at)).count()
}

/// The words of `text` as the tables of a language name them, at most so many.
pub(crate) fn plain_words(language: Language, text: &str, most: usize) -> Vec<String> {
    let words = words::words(text, &language.grammar().forms);
    words.into_iter().take(most).map(|word| word.text).collect()
}

/// Whether `text` is only a sign of listening: "mm-hm", "okay", "I see, yeah".
///
/// "Yeah" and "okay" are answers too: ask [`yes_no`] first where a question is open.
pub fn is_backchannel(language: Language, text: &str) -> bool {
    is_made_of(language, text, |g| &g.backchannels)
}

/// Whether `text` is only a greeting: "hello?", "hi there".
pub fn is_greeting(language: Language, text: &str) -> bool {
    is_made_of(language, text, |g| &g.greetings)
}

/// Whether `text` is only a goodbye: "okay, thank you, bye".
pub fn is_farewell(language: Language, text: &str) -> bool {
    is_made_of(language, text, |g| &g.farewells)
}

/// Words of a sign of listening or of a greeting; what is longer says something.
const WORDS_OF_A_SIGN_MAX: usize = 8;

/// Whether the whole of `text` is matches of these patterns, one after the other.
fn is_made_of(language: Language, text: &str, patterns: fn(&Grammar) -> &Vec<Pattern>) -> bool {
    let grammar = language.grammar();
    let words = words::words(text, &grammar.forms);
    let heard = Utterance::new(&words, &grammar.forms);
    if words.is_empty() || words.len() > WORDS_OF_A_SIGN_MAX {
        return false;
    }
    let mut at = 0;
    let mut found = false;
    while at < words.len() {
        match patterns(grammar)
            .iter()
            .filter_map(|p| p.match_at(&heard, at))
            .max()
        {
            Some(end) => {
                at = end;
                found = true;
            }
            None if heard.is_filler(at) => at += 1,
            None => return false,
        }
    }
    found
}

/// Whether `pattern` matches all words but fillers around it.
fn is_whole(heard: &Utterance<'_>, pattern: &Pattern) -> bool {
    let count = heard.words.len();
    (0..count)
        .take_while(|at| *at == 0 || heard.is_filler(at - 1))
        .any(|at| {
            pattern
                .match_at(heard, at)
                .is_some_and(|end| (end..count).all(|i| heard.is_filler(i)))
        })
}

/// Matches of one command, taken together.
#[derive(Default)]
struct Found {
    words: usize,
    span: Option<Range<usize>>,
}

fn find(
    command: &CompiledCommand,
    exact: &Utterance<'_>,
    near: &Utterance<'_>,
) -> Option<Detected> {
    detected(exact, command, &command.said, 0.0)
        .or_else(|| detected(near, command, &command.said, NEAR_COVERS_MIN))
        .or_else(|| detected(near, command, &command.heard, HEARD_COVERS_MIN))
}

fn detected(
    heard: &Utterance<'_>,
    command: &CompiledCommand,
    patterns: &Patterns,
    covers_min: f32,
) -> Option<Detected> {
    let found = collect(heard, command, patterns);
    let covers = share(heard, &found);
    let span = found
        .span
        .filter(|_| covers >= covers_min.max(command.covers_min))?;
    Some(Detected {
        command: command.command,
        covers,
        span,
    })
}

fn collect(heard: &Utterance<'_>, command: &CompiledCommand, patterns: &Patterns) -> Found {
    let mut found = Found::default();
    let mut at = 0;
    while at < heard.words.len() {
        let Some(end) = patterns.match_at(heard, at) else {
            at += 1;
            continue;
        };
        if is_voided(heard, &command.voids, at, end) {
            at = end;
            continue;
        }
        found.words += end - at;
        let start = found
            .span
            .as_ref()
            .map_or(heard.words[at].place.start, |s| s.start);
        found.span = Some(start..heard.words[end - 1].place.end);
        at = end;
    }
    found
}

/// Words before a match that may void it.
const WORDS_BEFORE_MAX: usize = 6;

fn is_voided(heard: &Utterance<'_>, voids: &Voids, start: usize, end: usize) -> bool {
    let before = (start.saturating_sub(WORDS_BEFORE_MAX)..start).any(|at| {
        voids
            .not_after
            .iter()
            .filter_map(|p| p.match_at(heard, at))
            .any(|stop| {
                stop <= start
                    && (stop..start).all(|i| heard.is_filler(i))
                    && (at..start).all(|i| heard.words[i].pause != Pause::Full)
            })
    });
    let spoken_on = heard.words[end - 1].pause != Pause::Full;
    let within = (0..end).any(|at| {
        voids
            .not_within
            .iter()
            .filter_map(|p| p.match_at(heard, at))
            .any(|stop| stop > start)
    });
    before
        || within
        || spoken_on
            && voids
                .not_before
                .iter()
                .any(|p| p.match_at(heard, end).is_some())
}

#[expect(clippy::cast_precision_loss, reason = "counts of at most 400 words")]
fn share(heard: &Utterance<'_>, found: &Found) -> f32 {
    let Some(span) = &found.span else { return 0.0 };
    let outside = |w: &Word| w.place.end <= span.start || w.place.start >= span.end;
    let fillers =
        (0..heard.words.len()).filter(|i| heard.is_filler(*i) && outside(&heard.words[*i]));
    let all = heard.words.len() - fillers.count();
    (found.words as f32 / all.max(1) as f32).min(1.0)
}
