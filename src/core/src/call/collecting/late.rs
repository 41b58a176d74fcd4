//! Keys that come when what they are for is over.
//!
//! Whoever has called off a secret, or was too slow for it, may still be pressing the rest of it. Such keys are nobody's: they
//! go to no mind, no transcript and no other collection, and the caller is withheld until none has come for a while. A star
//! and the key of a command behind it may be meant, or may be two keys in a row of them: so the command is obeyed once
//! nothing follows it.

use crate::time::At;

/// A tone may sound on after its key was told: so long the caller is withheld after the last one of a secret that is whole,
/// and the keys that belong behind it are nobody's, ms.
const AFTER_ALL_MS: u32 = 1_000;
/// The same after a collection that was called off.
const AFTER_STAR_MS: u32 = 2_000;
/// The same after one that the caller may be in the middle of, since it ended for another reason.
const AFTER_OTHERS_MS: u32 = 3_000;
/// Keys that go on coming are nobody's for so long, ms.
const LATE_MS_MAX: u32 = 30_000;
/// A key that ends a row of digits which was over by its length belongs to it for so long, ms.
const ENDING_KEY_MS: u32 = 2_000;

/// How a collection of secrets came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndOf {
    /// All digits are there.
    All,
    /// It was called off.
    Star,
    /// Anything else.
    Others,
}

/// Which keys are late.
#[derive(Clone, Copy, Debug)]
pub(super) enum Late {
    /// This one, until then.
    Ending(char, At),
    /// Any.
    Secret {
        /// Until then.
        until: At,
        /// Each for so much longer, …
        ms: u32,
        /// … up to that.
        end: At,
        /// The last was the key of a command, behind a star.
        command: Option<char>,
    },
}

impl Late {
    pub(super) fn ending(key: char, now: At) -> Self {
        Self::Ending(key, now.plus(ENDING_KEY_MS))
    }

    pub(super) fn secret(end: EndOf, now: At) -> Self {
        let ms = match end {
            EndOf::All => AFTER_ALL_MS,
            EndOf::Star => AFTER_STAR_MS,
            EndOf::Others => AFTER_OTHERS_MS,
        };
        Self::Secret {
            until: now.plus(ms),
            ms,
            end: now.plus(LATE_MS_MAX),
            command: None,
        }
    }

    /// Until when keys of a secret may come; `None` if they are none, or may not any more.
    pub(super) fn secret_until(&self, now: At) -> Option<At> {
        match self {
            Self::Secret { until, .. } => Some(*until).filter(|until| now < *until),
            Self::Ending(..) => None,
        }
    }

    /// Takes a key that is late. `is_command`: it is the key of one, and comes behind a star.
    pub(super) fn takes(&mut self, key: char, is_command: bool, now: At) -> bool {
        match self {
            Self::Ending(ending, until) => *ending == key && now < *until,
            Self::Secret {
                until,
                ms,
                end,
                command,
            } if now < *until => {
                *until = now.plus(*ms).min(*end);
                *command = is_command.then_some(key);
                true
            }
            Self::Secret { .. } => false,
        }
    }

    /// The key of a command behind which nothing came, and when that is certain.
    pub(super) fn command(&self) -> Option<(char, At)> {
        match self {
            Self::Secret {
                command: Some(key),
                until,
                ..
            } => Some((*key, *until)),
            Self::Secret { command: None, .. } | Self::Ending(..) => None,
        }
    }
}
