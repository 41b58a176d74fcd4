//! A scripted conversation: a readable file of states, what each says, what it listens for and where it goes on.
//!
//! A flow is data that has been checked ([`Flow::parse`]), a [`FlowState`] is a plain value, and [`Flow::step`] is a function of
//! the two and of what was heard. Nothing here can fail at run time: a state that is not understood asks again, then gives
//! up in the way its author chose. Spoken numbers, days and times are understood in English; phrases may be of any language.
//!
//! ```toml
//! start = "coming"
//! required = ["patient"]
//!
//! [variables]
//! practice = "Elm Street Dental"
//!
//! [states.coming]
//! say = "Hello {{patient}}, this is {{practice}}. Are you coming tomorrow?"
//! type = "yes_no"
//! retry = "Sorry, are you coming: yes or no?"
//! nudge = "Are you still there?"
//! tries = 3
//! to = { yes = "thanks", no = "thanks" }
//! else = "thanks"
//!
//! [states.thanks]
//! say = "Thank you. Goodbye!"
//! end = true
//!
//! [anytime.repeat]
//! phrases = ["repeat", "say that again"]
//! do = "repeat"
//! ```
//!
//! A state speaks and goes on (`next`), speaks and ends (`end`), or asks (`type`). The types are `yes_no`, `number` (`min`, `max`), `digits`
//! (`digits = [from, to]`), `day`, `time` (`between = ["08:00", "18:00"]`), `choice` (`choices`), `name` and `text`. An answer is kept in the
//! slot named `slot` (else in one named like the state), which later states may say back: `{{slot}}`, `{{slot|spell}}` for
//! digits one by one, `{{slot|or:words}}` where it may be unknown. `end` is `true`, or `"person"` to hand the call to a person.

mod check;
mod clock;
mod error;
mod hear;
mod number;
mod parse;
mod run;
mod template;
mod value;
mod when;
mod words;

pub use error::{FlowError, FlowProblem};
pub use value::{Day, PartOfDay, SlotValue, Time, Weekday, When};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use template::Template;

/// Largest flow file, in bytes.
pub const FLOW_BYTES_MAX: usize = 128 * 1024;
/// Most states in a flow.
pub const STATES_MAX: usize = 200;
/// Longest text that a state may say, ask again with or nudge with, in characters, before variables are put in.
pub const SAY_CHARS_MAX: usize = 2000;
/// Most phrases of one choice or one intent.
pub const PHRASES_MAX: usize = 200;
/// Longest value of a variable that is spoken, in characters; the rest is left out.
pub const VALUE_CHARS_MAX: usize = 500;
/// Most turns of the caller in one run; the flow then gives up.
pub const TURNS_MAX: u16 = 200;

/// A scripted conversation that has been read and checked: every state can be reached, every variable is known where it
/// is said, and no chain of states speaks for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    start: usize,
    states: Vec<State>,
    anytime: Vec<Anytime>,
    defaults: BTreeMap<String, String>,
    required: BTreeSet<String>,
    gave_up: Option<Template>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    name: String,
    say: Template,
    then: Then,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Then {
    Go(usize),
    End(EndKind),
    Ask(Box<Ask>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Ask {
    slot: String,
    kind: Kind,
    /// Where each answer leads that does not lead to `next`.
    to: BTreeMap<String, usize>,
    next: Option<usize>,
    otherwise: Option<usize>,
    retry: Option<Template>,
    nudge: Option<Template>,
    tries: u8,
    /// Which answer a key gives.
    keys: BTreeMap<char, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    YesNo,
    Number {
        min: i64,
        max: i64,
    },
    Digits {
        min: usize,
        max: usize,
    },
    Day,
    /// Minutes since midnight, both ends included.
    Time {
        between: Option<(u16, u16)>,
    },
    Choice(Vec<Choice>),
    Name,
    Text,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    name: String,
    phrases: Vec<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Anytime {
    phrases: Vec<Vec<String>>,
    key: Option<char>,
    action: AnytimeAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnytimeAction {
    Repeat,
    Go(usize),
}

/// The values that a call brings along: a patient's name, an appointment. `Debug` shows names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Vars(BTreeMap<String, String>);

impl Vars {
    /// No values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value, replacing the one before.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// The value of `name`.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Vars {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What was heard in one turn. Both empty: the caller was silent for as long as we are ready to wait.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard<'a> {
    /// The words, as the recogniser wrote them.
    pub text: &'a str,
    /// The keys pressed, in order; they count for more than words.
    pub keys: &'a str,
}

impl fmt::Debug for Heard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Heard({} characters, {} keys)",
            self.text.len(),
            self.keys.len()
        )
    }
}

/// Where a conversation stands. A value: keep a copy to try a turn and forget it.
#[derive(Clone, PartialEq, Eq)]
pub struct FlowState {
    at: usize,
    tries: u8,
    silences: u8,
    turns: u16,
    /// Digits of a number that is being keyed or said in pieces.
    pieces: String,
    slots: BTreeMap<String, SlotValue>,
    ended: Option<EndKind>,
}

impl FlowState {
    /// What has been answered so far, by slot.
    pub fn slots(&self) -> &BTreeMap<String, SlotValue> {
        &self.slots
    }

    /// How the conversation ended, once it has.
    pub fn ended(&self) -> Option<EndKind> {
        self.ended
    }
}

impl fmt::Debug for FlowState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowState")
            .field("at", &self.at)
            .field("tries", &self.tries)
            .field("silences", &self.silences)
            .field("turns", &self.turns)
            .field("slots", &self.slots)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// What to do now. Either `listen` is true or `end` says that it is over, never both and never neither.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// What to say, in order; empty while digits come in pieces.
    pub say: Vec<String>,
    /// True if an answer is awaited after that.
    pub listen: bool,
    /// Set when the conversation is over once `say` has been heard.
    pub end: Option<EndKind>,
    /// The slots that this turn filled, in order.
    pub filled: Vec<(String, SlotValue)>,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("say", &self.say.len())
            .field("listen", &self.listen)
            .field("end", &self.end)
            .field("filled", &self.filled)
            .finish()
    }
}

/// How a conversation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndKind {
    /// As its author meant: hang up.
    Finished,
    /// The caller is to be handed to a person.
    Person,
    /// Too many answers were not understood, or too many were not given: hang up, and say so in the record.
    GaveUp,
}

#[cfg(test)]
mod tests;
