//! The classes of who answers, what a verdict may rest on, and what outranks what.

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// A person.
    Human,
    /// Voicemail, an answering machine, or an announcement of the network's.
    Machine,
    /// A menu that wants keys pressed or words said, or a service that screens calls.
    Ivr,
    /// A fax.
    Fax,
    /// Nobody can tell. It is treated as a person.
    Unknown,
}

impl AnsweredBy {
    /// Every class.
    pub const ALL: [Self; 5] = [
        Self::Human,
        Self::Machine,
        Self::Ivr,
        Self::Fax,
        Self::Unknown,
    ];

    /// As the API, events and metrics write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Machine => "machine",
            Self::Ivr => "ivr",
            Self::Fax => "fax",
            Self::Unknown => "unknown",
        }
    }

    /// To be spoken with, whatever the agent does with machines.
    pub fn is_person(self) -> bool {
        matches!(self, Self::Human | Self::Unknown)
    }
}

/// What a verdict rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// What was said.
    Words,
    /// A little speech, and then silence.
    ShortGreeting,
    /// Fluent speech without a pause for longer than anybody greets.
    LongGreeting,
    /// Nobody said anything.
    Silence,
    /// The beep of a voicemail.
    Beep,
    /// A fax's tone.
    FaxTone,
    /// The three notes before a network's announcement.
    NetworkTone,
    /// A key was pressed.
    Key,
    /// The carrier says so.
    Carrier,
    /// The time was up.
    TimeUp,
}

impl Evidence {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Words,
        Self::ShortGreeting,
        Self::LongGreeting,
        Self::Silence,
        Self::Beep,
        Self::FaxTone,
        Self::NetworkTone,
        Self::Key,
        Self::Carrier,
        Self::TimeUp,
    ];

    /// As the API, events and metrics write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::ShortGreeting => "short_greeting",
            Self::LongGreeting => "long_greeting",
            Self::Silence => "silence",
            Self::Beep => "beep",
            Self::FaxTone => "fax_tone",
            Self::NetworkTone => "network_tone",
            Self::Key => "key",
            Self::Carrier => "carrier",
            Self::TimeUp => "time_up",
        }
    }

    /// Whether a verdict may rest on it that says so.
    pub fn may_show(self, by: AnsweredBy) -> bool {
        match self {
            Self::Words => !matches!(by, AnsweredBy::Fax | AnsweredBy::Unknown),
            Self::ShortGreeting | Self::Key => by == AnsweredBy::Human,
            Self::LongGreeting | Self::Beep | Self::NetworkTone => by == AnsweredBy::Machine,
            Self::Silence | Self::TimeUp => by == AnsweredBy::Unknown,
            Self::FaxTone => by == AnsweredBy::Fax,
            Self::Carrier => !matches!(by, AnsweredBy::Ivr | AnsweredBy::Unknown),
        }
    }

    pub(super) fn rank(self) -> u8 {
        match self {
            Self::TimeUp | Self::Silence => 0,
            Self::ShortGreeting | Self::LongGreeting => 1,
            Self::Carrier => 2,
            Self::Beep => GREETED_RANK,
            Self::Words | Self::Key | Self::FaxTone | Self::NetworkTone => PLAIN_RANK,
        }
    }
}

/// Of a greeting in so few words that a person waits behind it: a machine may go on after it.
pub(super) const GREETED_RANK: u8 = 3;
/// Of what leaves no doubt.
pub(super) const PLAIN_RANK: u8 = 4;

/// A tone of a machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A beep.
    Beep,
    /// A fax that answers.
    FaxAnswer,
    /// A fax that calls; a single one may be a beep.
    FaxCall,
    /// The notes before a network's announcement.
    Network,
}

/// What the carrier has found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A person, or it could not tell.
    Human,
    /// A machine, whose greeting goes on or is over.
    Machine {
        /// It may be spoken to now.
        greeting_over: bool,
    },
    /// A fax.
    Fax,
}

/// Whose evidence counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// Our own alone.
    Own,
    /// The carrier's alone.
    Carrier,
    /// Both.
    Both,
}

/// Who answered, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Who.
    pub by: AnsweredBy,
    /// By what it is known.
    pub evidence: Evidence,
    /// From the answer to the verdict, ms.
    pub after_ms: u64,
}
