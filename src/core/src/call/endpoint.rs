//! How much silence means that the caller has finished.
//!
//! Three witnesses: what the words are about (`ending`), how they sound (the turn model's score), and how this caller
//! pauses (`habits`). The turn model hears whether a voice has come to rest, which it does after every group of digits:
//! with the voices of the tests, over a telephone line, whole numbers scored 0.91 to 0.99 and groups before a pause 0.34
//! to 0.98. So where something is told piece by piece, the words say whether it is whole. Of a plain sentence they know
//! little, since small recognisers put a full stop after anything, and the score decides.

mod address;
mod asked;
mod digits;
mod ending;
mod habits;
mod letters;
mod tail;
mod words;

#[cfg(test)]
mod tests;

pub use asked::Asked;
pub use habits::Habits;
pub(crate) use words::TurnWords;

use super::event::Expects;
use super::settings::TurnSettings;
use crate::language::Language;
use ending::Ending;
use habits::Doubt;

/// A score above every probability: a recogniser that judges turns itself, and has listened all along, holds this one to
/// be over.
pub const TURN_OVER: f32 = 2.0;

/// After the longest pause within a number another group would have come, had there been one: a quarter more, and this.
const RHYTHM_MARGIN_MS: u32 = 150;

/// What a caller has said by the time they fall silent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// All words of the turn.
    pub text: &'a str,
    /// The turn model's probability that the caller has finished, when there is one; or [`TURN_OVER`].
    pub score: Option<f32>,
    /// First byte of the words after the last pause; 0 if there was none.
    pub paused_at: usize,
    /// The longest pause within the turn.
    pub pause_ms: u32,
    /// What the mind wants to hear.
    pub expects: Expects,
    /// What the agent said before.
    pub asked: Asked<'a>,
    /// In which language it was said.
    pub language: Language,
    /// How this caller pauses.
    pub habits: Habits,
}

/// How much there is of something that is told piece by piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Not all of it.
    Missing,
    /// As much as one group of it usually has.
    Group,
    /// Perhaps all, but nothing says what it is.
    Loose,
    /// Perhaps all.
    Open,
    /// More than a group: all, if it was told without a pause.
    Long,
    /// All, by its form.
    Whole,
    /// Perhaps all, told with pauses: so there may be one more.
    InGroups,
    /// All by its form, told with pauses.
    WholeInGroups,
}

/// How the end sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sound {
    /// The recogniser holds the turn to be over: it has waited as long as it was told to.
    Told,
    Complete,
    Likely,
    Doubted,
    Unfinished,
    Unscored,
}

impl Sound {
    fn of(score: Option<f32>, settings: &TurnSettings) -> Self {
        match score {
            None => Sound::Unscored,
            Some(score) if score >= TURN_OVER => Sound::Told,
            Some(score) if score >= settings.complete_score => Sound::Complete,
            Some(score) if score >= settings.likely_score => Sound::Likely,
            Some(score) if score >= settings.unfinished_score => Sound::Doubted,
            Some(_) => Sound::Unfinished,
        }
    }
}

/// The silence after plain words, for the tests of languages.
#[cfg(test)]
pub(crate) fn silence_after(
    language: Language,
    text: &str,
    score: f32,
    settings: &TurnSettings,
) -> u32 {
    let said = Said {
        text,
        score: Some(score),
        language,
        ..Said::default()
    };
    silence_ms(&said, settings)
}

/// Silence, in milliseconds from the end of the voice, after which a turn of these words is over.
pub fn silence_ms(said: &Said<'_>, settings: &TurnSettings) -> u32 {
    let sound = Sound::of(said.score, settings);
    let ending = Ending::of(said);
    let (wait_ms, doubt) = match ending {
        Ending::Digits(part) => of_part(part, sound, settings.dictation_ms, said, settings),
        Ending::Letters(part) => of_part(part, sound, settings.spelling_ms, said, settings),
        Ending::Address(part) => of_part(part, sound, settings.incomplete_ms, said, settings),
        Ending::Nothing => (settings.unscored_ms, Doubt::Some),
        Ending::Dangling => (settings.incomplete_ms, Doubt::Unfinished),
        Ending::Number => of_number(sound, settings),
        Ending::Answer => of_answer(sound, settings),
        Ending::Sentence | Ending::Short | Ending::Words => of_words(&ending, sound, settings),
    };
    said.habits.fit(wait_ms, doubt, settings)
}

/// `long_ms`: while there is more to come.
fn of_part(
    part: Part,
    sound: Sound,
    long_ms: u32,
    said: &Said<'_>,
    settings: &TurnSettings,
) -> (u32, Doubt) {
    let rhythm_ms = said
        .pause_ms
        .saturating_add(said.pause_ms / 4 + RHYTHM_MARGIN_MS);
    let in_rhythm = |least_ms: u32| (rhythm_ms.max(least_ms).min(long_ms), Doubt::None);
    let asked_for_digits = matches!(said.expects, Expects::Digits { .. });
    match (part, sound) {
        (Part::Whole | Part::Long, Sound::Told) => (0, Doubt::None),
        (Part::Open | Part::Loose, Sound::Told) if !asked_for_digits => (0, Doubt::None),
        (Part::Whole | Part::Long, Sound::Complete | Sound::Likely | Sound::Doubted) => {
            (settings.complete_ms, Doubt::None)
        }
        // The words outweigh the voice, which may yet go on to something else.
        (Part::Whole | Part::Long, Sound::Unfinished | Sound::Unscored) => {
            (settings.number_ms.min(long_ms), Doubt::None)
        }
        (Part::InGroups, Sound::Complete) => in_rhythm(settings.doubted_ms),
        (Part::InGroups | Part::WholeInGroups, Sound::Told)
        | (Part::WholeInGroups, Sound::Complete | Sound::Likely) => in_rhythm(settings.number_ms),
        (Part::Open, Sound::Complete | Sound::Told) => (settings.number_ms, Doubt::Some),
        (Part::Group, Sound::Told) => (settings.number_ms, Doubt::Some),
        (Part::Loose, Sound::Complete | Sound::Told) | (Part::Open, Sound::Likely) => {
            (settings.doubted_ms.min(long_ms), Doubt::Some)
        }
        (
            Part::Missing
            | Part::Group
            | Part::Loose
            | Part::Open
            | Part::InGroups
            | Part::WholeInGroups,
            _,
        ) => (long_ms, Doubt::Unfinished),
    }
}

/// A number in passing.
fn of_number(sound: Sound, settings: &TurnSettings) -> (u32, Doubt) {
    match sound {
        Sound::Told => (0, Doubt::None),
        Sound::Complete | Sound::Unscored => (settings.number_ms, Doubt::Some),
        Sound::Likely | Sound::Doubted | Sound::Unfinished => {
            (settings.number_ms.max(settings.unscored_ms), Doubt::Some)
        }
    }
}

/// A yes or a no to a question.
fn of_answer(sound: Sound, settings: &TurnSettings) -> (u32, Doubt) {
    match sound {
        Sound::Told => (0, Doubt::None),
        Sound::Complete => (settings.complete_ms, Doubt::None),
        Sound::Likely | Sound::Doubted => (settings.likely_ms, Doubt::Some),
        Sound::Unfinished | Sound::Unscored => (settings.unscored_ms, Doubt::Some),
    }
}

fn of_words(ending: &Ending, sound: Sound, settings: &TurnSettings) -> (u32, Doubt) {
    let unfinished = (settings.incomplete_ms, Doubt::Unfinished);
    match (sound, ending) {
        (Sound::Told, _) => (0, Doubt::None),
        (Sound::Complete, _) => (settings.complete_ms, Doubt::None),
        (Sound::Unscored, _) => (settings.unscored_ms, Doubt::Some),
        (_, Ending::Words) => unfinished,
        (Sound::Likely, _) => (settings.likely_ms, Doubt::Some),
        // A turn model knows sentences; of one or two words it knows little.
        (_, Ending::Short) => (settings.unscored_ms, Doubt::Some),
        (Sound::Doubted, _) => (settings.doubted_ms, Doubt::Some),
        (Sound::Unfinished, _) => unfinished,
    }
}
