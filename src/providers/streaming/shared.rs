//! What a call and its recogniser's task share: audio in one direction, events in the other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use trunkline_core::call::Provider;
use trunkline_core::wire::stt::SttEvent;

use crate::provider::Haste;

/// Samples, and so bytes of mu-law, in a millisecond.
pub(super) const SAMPLES_PER_MS: u64 = 8;
/// Audio that is kept for the next connection: 30 s.
const KEPT_MAX: usize = 30_000 * SAMPLES_PER_MS as usize;
/// Room from the start; more is taken when it is needed, and given back.
const KEPT_USUAL: usize = 2_000 * SAMPLES_PER_MS as usize;
/// Events that wait for a call that does not read.
const EVENTS_MAX: usize = 256;

/// The two ends. The lock is held for a copy of a frame or a batch at most.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Calls the task: there is audio, or a question, or the listener is gone.
    pub(super) wake: Arc<Notify>,
}

/// Positions are in samples since the first of the call.
struct State {
    /// What has no final words yet, from `kept_from` on.
    audio: VecDeque<u8>,
    kept_from: u64,
    /// Up to here the connection has it.
    taken_to: u64,
    /// How soon audio is to go out.
    haste: Haste,
    /// Audio was dropped that the connection should have had.
    has_gap: bool,
    dropped: u64,
    /// Up to where final words were asked for last, unless they came.
    asked_to: Option<u64>,
    /// How often they were asked for.
    asks: u64,
    is_hung_up: bool,
    events: VecDeque<SttEvent>,
    has_ended: bool,
    /// Who has taken over, until the call was told.
    taken_over: Option<&'static str>,
    /// Who listens.
    provider: Option<Provider>,
    waker: Option<Waker>,
}

/// What the task finds when it looks.
#[derive(Default)]
pub(super) struct Taken {
    /// More waits than was taken.
    pub(super) is_more: bool,
    /// All audio up to an open question is taken; the number of the question.
    pub(super) ask: Option<u64>,
    pub(super) is_hung_up: bool,
    pub(super) has_gap: bool,
}

impl Shared {
    /// `wake` may be called by others too.
    pub(super) fn new(wake: Arc<Notify>) -> Self {
        Self {
            state: Mutex::new(State {
                audio: VecDeque::with_capacity(KEPT_USUAL),
                kept_from: 0,
                taken_to: 0,
                haste: Haste::None,
                has_gap: false,
                dropped: 0,
                asked_to: None,
                asks: 0,
                is_hung_up: false,
                events: VecDeque::new(),
                has_ended: false,
                taken_over: None,
                provider: None,
                waker: None,
            }),
            wake,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, mulaw: &[u8]) {
        let is_due = {
            let mut state = self.state();
            if state.has_ended {
                return;
            }
            // More at once than is ever kept: its end.
            let fresh = &mulaw[mulaw.len().saturating_sub(KEPT_MAX)..];
            state.skip(mulaw.len() - fresh.len());
            state.make_room(fresh.len());
            state.audio.extend(fresh);
            state.is_due()
        };
        if is_due {
            self.wake.notify_one();
        }
    }

    /// How soon audio is to go out. What waits goes at once if the haste grows: a voice has begun.
    pub(super) fn hasten(&self, haste: Haste) {
        let mut state = self.state();
        let was = std::mem::replace(&mut state.haste, haste);
        let is_due = was == Haste::None && state.waits() > 0 || state.is_due();
        drop(state);
        if is_due {
            self.wake.notify_one();
        }
    }

    pub(super) fn ask(&self) {
        let mut state = self.state();
        state.asks += 1;
        state.asked_to = Some(state.end());
        drop(state);
        self.wake.notify_one();
    }

    pub(super) fn hang_up(&self) {
        self.state().is_hung_up = true;
        self.wake.notify_one();
    }

    /// Waits until the listener is gone.
    pub(super) async fn hung_up(&self) {
        while !self.state().is_hung_up {
            self.wake.notified().await;
        }
    }

    /// A new connection begins: with which sample. An open question about what has its final words already is answered:
    /// the answer alone was lost.
    pub(super) fn begin(&self) -> u64 {
        let (begins_at, moot) = {
            let mut state = self.state();
            state.taken_to = state.kept_from;
            state.has_gap = false;
            let is_moot = state.asked_to.is_some_and(|to| to <= state.kept_from);
            (state.kept_from, is_moot.then_some(state.asks))
        };
        if let Some(ask) = moot {
            self.answered(ask);
            self.tell(SttEvent::Final {
                until_ms: begins_at / SAMPLES_PER_MS,
                text: String::new(),
                confidence: 1.0,
                words: Vec::new(),
                asked: true,
            });
        }
        begins_at
    }

    /// Who listens from the start.
    pub(super) fn begins_with(&self, provider: Provider) {
        self.state().provider = Some(provider);
    }

    /// Somebody else listens from here on.
    pub(super) fn take_over(&self, provider: Provider) {
        let mut state = self.state();
        state.taken_over = Some(provider.vendor);
        state.provider = Some(provider);
    }

    /// Who listens.
    pub(super) fn provider(&self) -> Option<Provider> {
        self.state().provider.clone()
    }

    /// Who has taken over since this was asked last.
    pub(super) fn taken_over(&self) -> Option<&'static str> {
        self.state().taken_over.take()
    }

    /// Puts at most `samples_max` of the audio that waits into `into`, in place of what is there.
    pub(super) fn take(&self, samples_max: usize, into: &mut Vec<u8>) -> Taken {
        into.clear();
        let mut state = self.state();
        let from = (state.taken_to - state.kept_from) as usize;
        let to = state.audio.len().min(from + samples_max);
        let (first, second) = state.audio.as_slices();
        let split = first.len();
        into.extend_from_slice(&first[from.min(split)..to.min(split)]);
        into.extend_from_slice(&second[from.max(split) - split..to.max(split) - split]);
        state.taken_to += (to - from) as u64;
        let taken_to = state.taken_to;
        Taken {
            is_more: taken_to < state.end(),
            ask: state
                .asked_to
                .is_some_and(|to| to <= taken_to)
                .then_some(state.asks),
            is_hung_up: state.is_hung_up,
            has_gap: state.has_gap,
        }
    }

    /// Up to where the connection has the audio.
    pub(super) fn taken_to(&self) -> u64 {
        self.state().taken_to
    }

    /// All audio up to `position` has its final words.
    pub(super) fn covered(&self, position: u64) {
        let mut state = self.state();
        let to = position.clamp(state.kept_from, state.taken_to);
        if to == state.kept_from {
            return;
        }
        let count = (to - state.kept_from) as usize;
        state.audio.drain(..count);
        state.kept_from = to;
        if state.audio.capacity() > 2 * KEPT_USUAL && state.audio.len() < KEPT_USUAL {
            state.audio.shrink_to(KEPT_USUAL);
        }
    }

    /// The question of this number is answered, and with it those before.
    pub(super) fn answered(&self, ask: u64) {
        let mut state = self.state();
        if state.asks == ask {
            state.asked_to = None;
        }
    }

    /// Gives an event to the call. Of partials only the last waits. False if the call has not read for so long that
    /// nothing more can wait.
    pub(super) fn tell(&self, event: SttEvent) -> bool {
        let is_partial = |event: &SttEvent| matches!(event, SttEvent::Partial { .. });
        let mut state = self.state();
        if is_partial(&event) && state.events.back().is_some_and(is_partial) {
            state.events.pop_back();
        }
        if state.events.len() >= EVENTS_MAX {
            match state.events.iter().position(is_partial) {
                Some(at) => drop(state.events.remove(at)),
                None if is_partial(&event) => return true,
                None => return false,
            }
        }
        state.events.push_back(event);
        state.call();
        true
    }

    /// Nothing more will come.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.has_ended = true;
        state.audio = VecDeque::new();
        state.taken_to = state.kept_from;
        state.call();
    }

    pub(super) fn poll_event(&self, cx: &mut Context<'_>) -> Poll<Option<SttEvent>> {
        let mut state = self.state();
        if let Some(event) = state.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        if state.has_ended {
            return Poll::Ready(None);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Audio that was thrown away unheard since this was asked last, ms.
    pub(super) fn take_dropped_ms(&self) -> u64 {
        std::mem::take(&mut self.state().dropped) / SAMPLES_PER_MS
    }
}

impl State {
    /// Samples that wait to be sent.
    fn waits(&self) -> u64 {
        self.end() - self.taken_to
    }

    fn is_due(&self) -> bool {
        let batch_ms = match self.haste {
            Haste::None => 800,
            Haste::Soon => 100,
            Haste::Now => 20,
        };
        self.waits() >= batch_ms * SAMPLES_PER_MS
    }

    fn end(&self) -> u64 {
        self.kept_from + self.audio.len() as u64
    }

    fn call(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Leaves out the oldest audio, whole milliseconds of it, so that so much more fits in.
    fn make_room(&mut self, samples: usize) {
        let over = (self.audio.len() + samples).saturating_sub(KEPT_MAX);
        if over == 0 {
            return;
        }
        let whole = over.next_multiple_of(SAMPLES_PER_MS as usize);
        let count = whole.min(self.audio.len());
        self.audio.drain(..count);
        self.leave_out(count);
    }

    /// Leaves out audio that was never put in, after what is there.
    fn skip(&mut self, samples: usize) {
        if samples > 0 {
            let all = self.audio.len();
            self.audio.clear();
            self.leave_out(all + samples);
        }
    }

    fn leave_out(&mut self, samples: usize) {
        self.kept_from += samples as u64;
        if self.taken_to < self.kept_from {
            self.dropped += self.kept_from - self.taken_to;
            self.taken_to = self.kept_from;
            self.has_gap = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(shared: &Shared, samples_max: usize) -> (Vec<u8>, Taken) {
        let mut into = vec![9; 3];
        let taken = shared.take(samples_max, &mut into);
        (into, taken)
    }

    #[test]
    fn audio_is_taken_once_and_again_after_a_new_beginning() {
        let shared = Shared::new(Arc::default());
        shared.push(&[1; 80]);
        shared.push(&[2; 80]);
        let (audio, found) = taken(&shared, 100);
        assert_eq!((audio.len(), audio[99], found.is_more), (100, 2, true));
        assert_eq!(taken(&shared, 100).0, vec![2; 60]);
        shared.covered(80);
        assert_eq!(shared.begin(), 80);
        assert_eq!(taken(&shared, 1_000).0, vec![2; 80]);
        // What was not sent yet cannot have final words.
        shared.push(&[3; 8]);
        shared.covered(1_000);
        assert_eq!(taken(&shared, 1_000).0, vec![3; 8]);
    }

    #[test]
    fn what_wraps_around_stays_in_order() {
        let shared = Shared::new(Arc::default());
        let mut all = Vec::new();
        let mut got = Vec::new();
        for n in 0..5_000_u32 {
            let frame = [n.to_le_bytes()[0], n.to_le_bytes()[1]].repeat(80);
            all.extend_from_slice(&frame);
            shared.push(&frame);
            got.extend_from_slice(&taken(&shared, 777).0);
            shared.covered(shared.taken_to().saturating_sub(1_000));
        }
        assert_eq!(got[..], all[..got.len()]);
        assert!(all.len() - got.len() < 777);
    }

    #[test]
    fn half_a_minute_is_kept_and_what_is_left_out_counts() {
        let shared = Shared::new(Arc::default());
        for _ in 0..1_600 {
            shared.push(&[1; 160]);
        }
        assert_eq!(shared.begin(), 16_000);
        assert_eq!(taken(&shared, usize::MAX / 2).0.len(), KEPT_MAX);
        assert_eq!(shared.take_dropped_ms(), 2_000);
        // What the connection has already is no loss.
        shared.push(&[1; 160]);
        assert_eq!(shared.take_dropped_ms(), 0);
        assert!(!taken(&shared, 0).1.has_gap);
        shared.push(&vec![7; KEPT_MAX + 80]);
        let (audio, found) = taken(&shared, usize::MAX / 2);
        assert!(found.has_gap);
        assert_eq!(audio, vec![7; KEPT_MAX]);
    }

    #[test]
    fn a_question_waits_for_its_audio_and_outlives_a_connection() {
        let shared = Shared::new(Arc::default());
        shared.push(&[1; 160]);
        shared.ask();
        assert_eq!(taken(&shared, 80).1.ask, None);
        assert_eq!(taken(&shared, 80).1.ask, Some(1));
        shared.begin();
        assert_eq!(taken(&shared, 160).1.ask, Some(1));
        shared.ask();
        shared.answered(1);
        assert_eq!(taken(&shared, 160).1.ask, Some(2), "the newer is open");
        shared.covered(160);
        assert_eq!(shared.begin(), 160);
        assert_eq!(taken(&shared, 160).1.ask, None, "nothing is left to ask");
        let mut cx = Context::from_waker(Waker::noop());
        let told = shared.poll_event(&mut cx);
        assert!(matches!(
            told,
            Poll::Ready(Some(SttEvent::Final {
                until_ms: 20,
                asked: true,
                ..
            }))
        ));
    }

    #[test]
    fn of_partials_the_last_waits_and_finals_all() {
        let shared = Shared::new(Arc::default());
        let partial = |until_ms| SttEvent::Partial {
            until_ms,
            text: String::new(),
        };
        let ended = SttEvent::TurnEnded { at_ms: 0 };
        for until_ms in 0..1_000 {
            assert!(shared.tell(partial(until_ms)));
        }
        for _ in 0..EVENTS_MAX {
            assert!(shared.tell(ended.clone()));
        }
        assert!(shared.tell(partial(1)), "left out");
        assert!(!shared.tell(ended.clone()), "nobody reads");
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..EVENTS_MAX {
            assert!(shared.poll_event(&mut cx) == Poll::Ready(Some(ended.clone())));
        }
        assert!(shared.poll_event(&mut cx).is_pending());
        shared.end();
        assert!(shared.poll_event(&mut cx) == Poll::Ready(None));
    }
}
