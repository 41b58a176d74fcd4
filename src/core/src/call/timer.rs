//! Everything a call waits for, in one table.

use crate::time::At;

/// One thing a call waits for. Each variant says when it falls due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The caller spoke over the agent for so long that playback halts.
    Overlap,
    /// The caller spoke over the agent, has stopped, and no words have come of it: playback goes on.
    OverlapVerdict,
    /// The caller has been silent for as long as their words let us expect.
    EndOfTurn,
    /// Before consent is decided: the caller's words are over and are judged, or their silence is an answer.
    Consent,
    /// It is known by silence or time who answered, or a machine takes its message.
    Answering,
    /// The recogniser has had long enough for its verdict.
    Transcript,
    /// One stretch of "speech" has gone on for longer than anybody speaks without a pause.
    LongSpeech,
    /// The mind has had long enough for its next clause.
    Mind,
    /// The caller has finished, and has heard nothing for a while, though an answer is on its way.
    Filler,
    /// The caller has not pressed the next key of those that are collected, or has had a moment after the last.
    Keys,
    /// What the caller said may go on as a number that is not written down, and has not.
    Unnoted,
    /// Playback has made no progress for longer than any clause lasts.
    Playback,
    /// Nobody has said anything for a while.
    Silence,
    /// The call has reached its longest allowed length.
    TooLong,
    /// The last words have had long enough to be heard.
    Ending,
}

impl Timer {
    const ALL: [Timer; 15] = [
        Timer::Overlap,
        Timer::OverlapVerdict,
        Timer::EndOfTurn,
        Timer::Consent,
        Timer::Answering,
        Timer::Transcript,
        Timer::LongSpeech,
        Timer::Mind,
        Timer::Filler,
        Timer::Keys,
        Timer::Unnoted,
        Timer::Playback,
        Timer::Silence,
        Timer::TooLong,
        Timer::Ending,
    ];
}

/// At most one deadline for each [`Timer`].
#[derive(Clone, Debug, Default)]
pub(super) struct Timers([Option<At>; Timer::ALL.len()]);

impl Timers {
    /// Sets, moves or (with `None`) stops a timer.
    pub(super) fn set(&mut self, timer: Timer, at: Option<At>) {
        self.0[timer as usize] = at;
    }

    /// The earliest deadline; of two at the same moment, the first in the order of [`Timer`].
    pub(super) fn earliest(&self) -> Option<(At, Timer)> {
        Timer::ALL
            .iter()
            .zip(&self.0)
            .filter_map(|(timer, at)| Some(((*at)?, *timer)))
            .min_by_key(|(at, _)| *at)
    }

    /// Spends the earliest timer that is due.
    pub(super) fn pop_due(&mut self, now: At) -> Option<Timer> {
        let (at, timer) = self.earliest()?;
        if at > now {
            return None;
        }
        self.set(timer, None);
        Some(timer)
    }

    /// Stops everything.
    pub(super) fn clear(&mut self) {
        *self = Timers::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        for (i, timer) in Timer::ALL.iter().enumerate() {
            assert_eq!(*timer as usize, i);
        }
    }

    #[test]
    fn a_due_timer_is_spent() {
        let mut timers = Timers::default();
        timers.set(Timer::Silence, Some(At::from_ms(5)));
        timers.set(Timer::Mind, Some(At::from_ms(3)));
        assert_eq!(timers.pop_due(At::from_ms(2)), None);
        assert_eq!(timers.pop_due(At::from_ms(9)), Some(Timer::Mind));
        assert_eq!(timers.pop_due(At::from_ms(9)), Some(Timer::Silence));
        assert_eq!(timers.pop_due(At::from_ms(9)), None);
    }
}
