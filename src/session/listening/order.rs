//! Verdicts in the order of the speech they are about.

use std::collections::VecDeque;

use trunkline_core::call::Event;

/// Verdicts in the order in which they were asked for, whichever worker was quicker: each says that all before it is
/// transcribed.
#[derive(Default)]
pub(super) struct InOrder {
    next: u64,
    first: u64,
    waiting: VecDeque<Option<Event>>,
}

impl InOrder {
    pub(super) fn asked(&mut self) -> u64 {
        self.waiting.push_back(None);
        self.next += 1;
        self.next - 1
    }

    pub(super) fn answered(&mut self, number: u64, event: Event, out: &mut VecDeque<Event>) {
        let at = number
            .checked_sub(self.first)
            .and_then(|at| usize::try_from(at).ok());
        if let Some(place) = at.and_then(|at| self.waiting.get_mut(at)) {
            *place = Some(event);
        }
        while let Some(event) = self.waiting.front_mut().and_then(Option::take) {
            self.waiting.pop_front();
            self.first += 1;
            out.push_back(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_verdict_waits_for_a_slow_one() {
        let key = |key| Event::Key { key };
        let (mut order, mut out) = (InOrder::default(), VecDeque::new());
        let numbers = [order.asked(), order.asked(), order.asked()];
        order.answered(numbers[1], key('b'), &mut out);
        assert!(out.is_empty());
        order.answered(numbers[0], key('a'), &mut out);
        assert_eq!(out, [key('a'), key('b')]);
        order.answered(numbers[2], key('c'), &mut out);
        assert_eq!(out.len(), 3);
        let late = order.asked();
        order.answered(late, key('d'), &mut out);
        assert_eq!(out.back(), Some(&key('d')));
    }
}
