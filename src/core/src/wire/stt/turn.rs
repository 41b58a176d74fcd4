//! A turn as those recognisers tell it that send the whole of its words each time.

use super::SttEvent;
use super::bounds::Timeline;

/// What was told of the turn that goes on.
#[derive(Default)]
pub(super) struct Turn {
    is_started: bool,
    may_be_over: bool,
    has_partial: bool,
    /// The number of the turn that ended last.
    last_ended: Option<u64>,
}

impl Turn {
    /// Whether a message about the turn of this number comes too late: the turn is over.
    pub(super) fn is_over(&self, number: Option<u64>) -> bool {
        number
            .zip(self.last_ended)
            .is_some_and(|(number, ended)| number <= ended)
    }

    /// There is speech; told once.
    pub(super) fn start(&mut self, at_ms: Option<u64>, line: &Timeline, out: &mut Vec<SttEvent>) {
        if !std::mem::replace(&mut self.is_started, true) {
            out.push(SttEvent::SpeechStarted {
                at_ms: line.open(at_ms),
            });
        }
    }

    /// Its words so far. That there are none is told only where there were some.
    pub(super) fn partial(
        &mut self,
        until_ms: Option<u64>,
        text: String,
        line: &Timeline,
        out: &mut Vec<SttEvent>,
    ) {
        if !text.is_empty() || self.has_partial {
            self.has_partial = !text.is_empty();
            out.push(SttEvent::Partial {
                until_ms: line.open(until_ms),
                text,
            });
        }
    }

    pub(super) fn may_end(&mut self, at_ms: Option<u64>, line: &Timeline, out: &mut Vec<SttEvent>) {
        self.may_be_over = true;
        out.push(SttEvent::TurnMayEnd {
            at_ms: line.open(at_ms),
        });
    }

    /// It is not over, if that was in question.
    pub(super) fn resume(&mut self, out: &mut Vec<SttEvent>) {
        if std::mem::take(&mut self.may_be_over) {
            out.push(SttEvent::TurnResumed);
        }
    }

    /// It is over; the next one begins.
    pub(super) fn end(&mut self, number: Option<u64>) {
        *self = Self {
            last_ended: number.or(self.last_ended),
            ..Self::default()
        };
    }
}
