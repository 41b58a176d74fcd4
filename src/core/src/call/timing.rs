//! The times of an answer, and who had a part in it.

use std::sync::Arc;

use crate::time::At;

/// Who says when the caller's turns are over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// The server's own models.
    #[default]
    Own,
    /// The recogniser's events.
    Cloud,
}

impl Profile {
    /// Both.
    pub const ALL: [Profile; 2] = [Profile::Own, Profile::Cloud];

    /// `own` or `cloud`, as metrics and the API write it.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Own => "own",
            Profile::Cloud => "cloud",
        }
    }
}

/// Who does the work of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The vendor, of a closed table: `deepgram`, `embedded`, …
    pub vendor: &'static str,
    /// The vendor's name for the model, as it was chosen; empty for its usual one.
    pub model: Arc<str>,
    /// It took over from one that failed.
    pub stands_in: bool,
}

impl Provider {
    /// The first choice, with the vendor's usual model.
    pub fn of(vendor: &'static str) -> Self {
        Self {
            vendor,
            model: Arc::default(),
            stands_in: false,
        }
    }

    /// The same with a model, by the vendor's name for it.
    #[must_use]
    pub fn with_model(self, model: &str) -> Self {
        Self {
            model: model.into(),
            ..self
        }
    }
}

/// Who works for a call just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// Who says when turns are over.
    pub profile: Profile,
    /// Who makes words of what the caller says.
    pub recogniser: Provider,
    /// Who thinks.
    pub model: Provider,
    /// Who speaks.
    pub voice: Provider,
}

/// The times of one answer. What is `None` is not known, or has not happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// The caller's last sound, or their last key.
    pub speech_end: At,
    /// The last of the turn's final words came.
    pub words: Option<At>,
    /// The turn was decided to be over.
    pub decided: At,
    /// The mind was asked; before the decision if it thought ahead.
    pub asked: At,
    /// The mind's first token.
    pub first_token: Option<At>,
    /// The first clause was given to the voice.
    pub first_clause: Option<At>,
    /// The voice's first sound.
    pub first_voice: Option<At>,
    /// The first audio of the answer itself went out.
    pub first_audio: At,
    /// The caller began to hear it, as the carrier's marks tell.
    pub first_heard: Option<At>,
    /// It was thought of before the turn was known to be over.
    pub is_ahead: bool,
}

/// A part of the way from the caller's last sound to the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    /// Until the last of the final words came.
    Recogniser,
    /// Until the turn was decided to be over.
    EndOfTurn,
    /// From the question to the mind's first token.
    Model,
    /// From there to the first clause that can be voiced.
    Clause,
    /// From the clause to the voice's first sound.
    Voice,
    /// From there, and not before the decision, to the first audio that went out.
    Floor,
    /// From there until the caller began to hear it.
    Playout,
    /// All of it: from the caller's last sound to the first audio that went out.
    Answer,
}

impl Hop {
    /// Every hop.
    pub const ALL: [Hop; 8] = [
        Hop::Recogniser,
        Hop::EndOfTurn,
        Hop::Model,
        Hop::Clause,
        Hop::Voice,
        Hop::Floor,
        Hop::Playout,
        Hop::Answer,
    ];

    /// In stable snake_case.
    pub const fn name(self) -> &'static str {
        match self {
            Hop::Recogniser => "recogniser",
            Hop::EndOfTurn => "end_of_turn",
            Hop::Model => "model",
            Hop::Clause => "clause",
            Hop::Voice => "voice",
            Hop::Floor => "floor",
            Hop::Playout => "playout",
            Hop::Answer => "answer",
        }
    }
}

impl Timing {
    /// Where a hop begins and ends, if both are known. Hops overlap where work is done side by side.
    pub fn hop(&self, hop: Hop) -> Option<(At, At)> {
        let (from, to) = match hop {
            Hop::Recogniser => (self.speech_end, self.words?),
            Hop::EndOfTurn => (self.speech_end, self.decided),
            Hop::Model => (self.asked, self.first_token?),
            Hop::Clause => (self.first_token?, self.first_clause?),
            Hop::Voice => (self.first_clause?, self.first_voice?),
            Hop::Floor => (self.first_voice?.max(self.decided), self.first_audio),
            Hop::Playout => (self.first_audio, self.first_heard?),
            Hop::Answer => (self.speech_end, self.first_audio),
        };
        Some((from, to.max(from)))
    }

    /// How long a hop took, ms.
    pub fn hop_ms(&self, hop: Hop) -> Option<u64> {
        self.hop(hop).map(|(from, to)| to.since(from))
    }

    /// When the mind's first token was there and wanted: one that came before the turn was decided was waited for by
    /// nobody. The decision itself if none came.
    pub fn token_wanted(&self) -> At {
        self.first_token
            .map_or(self.decided, |at| at.max(self.decided))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_known_if_both_its_ends_are() {
        let at = At::from_ms;
        let known = Timing {
            speech_end: at(1_000),
            words: Some(at(1_150)),
            decided: at(1_200),
            asked: at(1_100),
            first_token: Some(at(1_190)),
            first_clause: Some(at(1_230)),
            first_voice: Some(at(1_290)),
            first_audio: at(1_291),
            first_heard: Some(at(1_340)),
            is_ahead: true,
        };
        let ms = |timing: &Timing| Hop::ALL.map(|hop| timing.hop_ms(hop));
        let whole = [150, 200, 90, 40, 60, 1, 49, 291];
        assert_eq!(ms(&known), whole.map(Some));
        assert_eq!(known.token_wanted(), at(1_200));
        let unknown = Timing {
            words: None,
            first_token: None,
            first_clause: None,
            first_voice: None,
            first_heard: None,
            ..known
        };
        let least = [None, Some(200), None, None, None, None, None, Some(291)];
        assert_eq!(ms(&unknown), least);
        assert_eq!(unknown.token_wanted(), at(1_200));
    }

    #[test]
    fn what_was_at_hand_before_it_was_wanted_took_no_time() {
        let at = At::from_ms;
        let timing = Timing {
            first_clause: Some(at(500)),
            first_voice: Some(at(400)),
            ..Timing::default()
        };
        assert_eq!(timing.hop_ms(Hop::Voice), Some(0));
    }
}
