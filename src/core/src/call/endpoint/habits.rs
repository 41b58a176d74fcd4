//! What a call learns of how its caller pauses.

use super::super::settings::TurnSettings;

/// Shorter gaps are no pauses, longer ones are second thoughts, ms.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 150..=1_500;
/// A pause like those before, and a little more, ms.
const MARGIN_MS: u32 = 100;
/// Answers without a pause before them after which a caller counts as brisk, and how brisk one can be.
const BRISK_FROM: u8 = 3;
const BRISK_MAX: u8 = 6;
/// What each further one takes off a wait, percent.
const BRISK_PERCENT: u32 = 5;

/// How the caller of this call pauses within a turn: a few bytes, which are gone with the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// About the length of the last pauses; 0 if none was heard, or none for long.
    pause_ms: u32,
    /// Turns answered in a row that had no pause.
    brisk: u8,
}

/// How sure it is that a turn is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The wait is what it is.
    None,
    /// It may be over.
    Some,
    /// It is plainly not.
    Unfinished,
}

impl Habits {
    /// The caller fell silent for so long, and the same turn went on.
    pub fn paused(&mut self, pause_ms: u64) {
        if !PAUSE_MS.contains(&pause_ms) {
            return;
        }
        let pause_ms = u32::try_from(pause_ms).unwrap_or(u32::MAX);
        // A longer pause teaches more than a shorter one: being cut off is worse than waiting.
        self.pause_ms = match self.pause_ms {
            0 => pause_ms,
            known if pause_ms > known => (known + pause_ms) / 2,
            known => (3 * known + pause_ms) / 4,
        };
        self.brisk = 0;
    }

    /// A turn was answered; whether there was a pause in it.
    pub fn answered(&mut self, had_pause: bool) {
        if had_pause {
            return;
        }
        self.brisk = BRISK_MAX.min(self.brisk + 1);
        self.pause_ms = self.pause_ms * 7 / 8;
        if !PAUSE_MS.contains(&u64::from(self.pause_ms)) {
            self.pause_ms = 0;
        }
    }

    /// The wait for this caller: up to half as long again for one who pauses, and up to a fifth less for a brisk one.
    pub(super) fn fit(self, wait_ms: u32, doubt: Doubt, settings: &TurnSettings) -> u32 {
        if doubt == Doubt::None || !settings.learn_pauses {
            return wait_ms;
        }
        if self.pause_ms > 0 {
            let longest = (wait_ms.saturating_add(wait_ms / 2)).min(settings.patience_ms_max);
            return (self.pause_ms + MARGIN_MS).min(longest).max(wait_ms);
        }
        if doubt == Doubt::Unfinished || self.brisk < BRISK_FROM {
            return wait_ms;
        }
        let less = BRISK_PERCENT * u32::from(self.brisk - BRISK_FROM + 1);
        let brisk_ms = wait_ms - wait_ms / 100 * less.min(100);
        brisk_ms.max(settings.complete_ms).min(wait_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(pauses_ms: &[u64], brisk_turns: usize) -> Habits {
        let mut habits = Habits::default();
        pauses_ms.iter().for_each(|ms| habits.paused(*ms));
        (0..brisk_turns).for_each(|_| habits.answered(false));
        habits
    }

    #[test]
    fn a_doubtful_end_is_waited_for_as_the_caller_pauses() {
        let settings = TurnSettings::default();
        let fit = |habits: Habits, wait_ms| habits.fit(wait_ms, Doubt::Some, &settings);
        for (pauses_ms, brisk_turns, wait_ms, expected) in [
            (&[][..], 0, 450, 450),
            (&[300], 0, 450, 450),
            (&[500], 0, 450, 600),
            (&[700], 0, 450, 675),
            (&[700], 0, 900, 900),
            (&[1_400], 0, 900, 1_350),
            (&[1_400], 0, 1_600, 1_600),
            // Neither a flicker of the line nor a long think is a pause.
            (&[100, 1_600, 9_000_000], 0, 450, 450),
            (&[300, 900], 0, 450, 675),
            (&[900, 300, 300, 300, 300, 300], 0, 450, 541),
            // It is forgotten.
            (&[700], 3, 450, 568),
            (&[700], 12, 450, 370),
            (&[], 2, 450, 450),
            (&[], 3, 450, 430),
            (&[], 6, 450, 370),
            (&[], 100, 450, 370),
            (&[], 100, 210, 200),
            (&[], 100, 150, 150),
        ] {
            let fitted = fit(after(pauses_ms, brisk_turns), wait_ms);
            assert_eq!(fitted, expected, "{pauses_ms:?} {brisk_turns} {wait_ms}");
        }
    }

    #[test]
    fn what_is_clear_stays_as_it_is() {
        let settings = TurnSettings::default();
        let slow = after(&[1_400], 0);
        assert_eq!(slow.fit(200, Doubt::None, &settings), 200);
        assert_eq!(slow.fit(1_200, Doubt::Unfinished, &settings), 1_500);
        assert_eq!(
            after(&[], 9).fit(1_200, Doubt::Unfinished, &settings),
            1_200
        );
        let unlearning = TurnSettings {
            learn_pauses: false,
            ..settings.clone()
        };
        assert_eq!(slow.fit(900, Doubt::Some, &unlearning), 900);
        let patient = TurnSettings {
            patience_ms_max: 1_000,
            ..settings
        };
        assert_eq!(slow.fit(900, Doubt::Some, &patient), 1_000);
        assert_eq!(slow.fit(1_200, Doubt::Some, &patient), 1_200);
    }

    #[test]
    fn a_pause_ends_briskness() {
        let mut habits = after(&[], 6);
        habits.paused(250);
        habits.answered(true);
        assert_eq!(
            habits,
            Habits {
                pause_ms: 250,
                brisk: 0
            }
        );
    }
}
