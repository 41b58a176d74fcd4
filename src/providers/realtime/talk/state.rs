//! Which answers a conversation has asked for and how far each has come, and what the connection is still to be told.

use std::collections::VecDeque;

use trunkline_core::wire::openai::ToolSpec;
use trunkline_core::wire::realtime::{Outcome, Turn};

use crate::metering::Meter;
use crate::provider::Passage;
use crate::providers::realtime::making::{Making, Phase};
use crate::providers::realtime::spoken::{BYTES_PER_MS, MS_PER_LETTER};

/// Rows of answers whose sound is kept: the one in play, one that is thought of, and two that may be repeated.
const ROWS_MAX: usize = 4;
/// Answers of one row, of which one goes on with the other: more than a call lets wish for something to be done.
const ROW_MAX: usize = 12;
/// Sound of them all, bytes of mu-law: sixteen minutes.
const SOUND_BYTES_MAX: usize = 16 * 60 * 1_000 * BYTES_PER_MS;
/// Items of the caller's that are remembered.
const ITEMS_MAX: usize = 256;
/// Requests that wait for the connection.
const ORDERS_MAX: usize = 64;
/// A request other than for an answer.
pub(super) enum Order {
    Cancel {
        response: String,
    },
    Truncate {
        ask: u64,
        item: String,
        content: u64,
        heard_ms: u64,
    },
    Delete {
        item: String,
    },
    ToolAnswered {
        call: String,
        output: String,
    },
}

/// All that is known of a conversation.
pub(super) struct State {
    pub(super) connection: u32,
    pub(super) is_open: bool,
    /// The connection is of no use: an answer did not come.
    pub(super) is_stuck: bool,
    asks: u64,
    pub(super) answers: VecDeque<Making>,
    pub(super) orders: VecDeque<(u32, Order)>,
    /// What the caller said, as the present connection has it.
    pub(super) items: VecDeque<(String, String)>,
    ms_per_letter: f32,
    /// Items in a row that were not written down.
    pub(super) unheard: u32,
    /// What the model may call besides the end of the call.
    pub(super) tools: Vec<ToolSpec>,
    /// The connection that knows of them.
    pub(super) offered: Option<u32>,
    /// The connection that refused them.
    pub(super) refused: Option<u32>,
    /// Counts what answers cost.
    pub(super) meter: Meter,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            connection: 0,
            is_open: false,
            is_stuck: false,
            asks: 0,
            answers: VecDeque::new(),
            orders: VecDeque::new(),
            items: VecDeque::new(),
            ms_per_letter: MS_PER_LETTER,
            unheard: 0,
            tools: Vec::new(),
            offered: None,
            refused: None,
            meter: Meter::default(),
        }
    }

    /// Another answer is wanted, which may go on with one that is there: its number.
    pub(super) fn ask(
        &mut self,
        instructions: String,
        conversation: Vec<Turn>,
        goes_on: Option<u64>,
    ) -> u64 {
        self.asks += 1;
        let of = goes_on.and_then(|ask| self.making(ask)).map(|of| of.row);
        let row = of.unwrap_or(self.asks);
        self.make_room(row);
        let pace = self.ms_per_letter;
        let making = Making::new(self.asks, row, instructions, conversation, pace);
        self.answers.push_back(making);
        self.asks
    }

    /// Forgets what is too much beside another answer of this row: whole rows, the oldest first, since what a reply began with may
    /// still be on its way to the caller when it is asked to go on.
    fn make_room(&mut self, row: u64) {
        let mut rows: Vec<u64> = self.answers.iter().map(|making| making.row).collect();
        rows.sort_unstable();
        rows.dedup();
        rows.retain(|of| *of != row);
        if rows.len() >= ROWS_MAX
            && let Some(oldest) = rows.first()
        {
            while let Some(at) = self.answers.iter().position(|of| of.row == *oldest) {
                let making = self.answers.remove(at);
                self.stop(making);
            }
        }
        let own = |making: &Making| making.row == row;
        if self.answers.iter().filter(|making| own(making)).count() >= ROW_MAX
            && let Some(at) = self.answers.iter().position(own)
        {
            let making = self.answers.remove(at);
            self.stop(making);
        }
    }

    /// So much more sound would be too much.
    pub(super) fn is_full(&self, bytes: usize) -> bool {
        let kept = self.answers.iter().map(|making| making.spoken.bytes());
        kept.sum::<usize>() + bytes > SOUND_BYTES_MAX
    }

    /// Somebody begins to connect: the number of the connection, which knows nothing of the one before.
    pub(super) fn connecting(&mut self) -> u32 {
        self.connection += 1;
        self.is_open = false;
        self.is_stuck = false;
        self.items.clear();
        self.orders.clear();
        self.connection
    }

    /// The connection has these words of the caller's as an item.
    pub(super) fn keep_item(&mut self, item: &str, words: &str) {
        if self.items.len() >= ITEMS_MAX {
            self.items.pop_front();
        }
        self.items.push_back((item.to_owned(), words.to_owned()));
    }

    pub(super) fn making(&mut self, ask: u64) -> Option<&mut Making> {
        self.answers.iter_mut().find(|making| making.ask == ask)
    }

    /// The answer of this id, while more of it is expected and wanted.
    pub(super) fn going(&mut self, response: &str) -> Option<&mut Making> {
        let is = |making: &&mut Making| making.response.as_deref() == Some(response);
        let making = self.answers.iter_mut().find(is)?;
        (making.phase == Phase::Going && !making.is_cancelled).then_some(making)
    }

    pub(super) fn order(&mut self, connection: u32, order: Order) {
        if connection == self.connection && self.orders.len() < ORDERS_MAX {
            self.orders.push_back((connection, order));
        }
    }

    pub(super) fn answering(&mut self, connection: u32, response: String, ask: Option<u64>) {
        let is = |making: &&mut Making| {
            making.phase == Phase::Asked && ask.is_none_or(|ask| ask == making.ask)
        };
        let making = self.answers.iter_mut().find(is);
        let is_wanted = making.is_some_and(|making| {
            making.response = Some(response.clone());
            making.phase = Phase::Going;
            !making.is_cancelled
        });
        if !is_wanted {
            self.order(connection, Order::Cancel { response });
        }
    }

    pub(super) fn answered(&mut self, response: &str, outcome: &Outcome) {
        let is = |making: &&mut Making| making.response.as_deref() == Some(response);
        let Some(making) = self.answers.iter_mut().find(is) else {
            return;
        };
        match making.is_cancelled {
            true => making.breaks(),
            false => making.ends(outcome),
        }
        if let Some(pace) = making.spoken.pace() {
            self.ms_per_letter = (self.ms_per_letter + pace.clamp(30.0, 200.0)) / 2.0;
        }
    }

    pub(super) fn cancel(&mut self, ask: u64) {
        let Some(making) = self.making(ask).filter(|making| !making.is_cancelled) else {
            return;
        };
        making.is_cancelled = true;
        let connection = making.connection;
        let response = making.response.clone();
        let unheard = making.item.clone().filter(|_| making.heard_ms == 0);
        match making.phase {
            // It never was asked for.
            Phase::Waiting => making.breaks(),
            // Its id is not known: it is cancelled as soon as it is.
            Phase::Asked | Phase::Whole | Phase::Broken => {}
            Phase::Going => {
                if let Some(response) = response {
                    self.order(connection, Order::Cancel { response });
                }
            }
        }
        if let Some((item, _)) = unheard {
            self.order(connection, Order::Delete { item });
        }
    }

    /// Nobody asks for this one any more.
    fn stop(&mut self, making: Option<Making>) {
        if let Some(making) = making
            && making.phase == Phase::Going
            && let Some(response) = making.response
        {
            self.order(making.connection, Order::Cancel { response });
        }
    }

    /// Where these words were said by the model, the newest answer first.
    pub(super) fn passage(&mut self, text: &str) -> Option<Passage> {
        for making in self.answers.iter_mut().rev() {
            let Some((clause, was_asked)) = making.spoken.find(text) else {
                continue;
            };
            let is_whole = making.spoken.is_whole(clause);
            if making.spoken.is_silent(clause) || !is_whole && (was_asked || !making.is_open()) {
                // What broke off once is not tried again.
                return None;
            }
            let answer = making.ask;
            return Some(Passage { answer, clause });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(state: &mut State, goes_on: Option<u64>) -> u64 {
        state.ask(String::new(), Vec::new(), goes_on)
    }

    #[test]
    fn what_goes_on_is_kept_whole_and_the_oldest_row_goes_first() {
        let mut state = State::new();
        let first = ask(&mut state, None);
        let mut last = first;
        for _ in 0..9 {
            last = ask(&mut state, Some(last));
        }
        assert!(state.making(first).is_some(), "it may still be said");
        let others: Vec<u64> = (1..ROWS_MAX).map(|_| ask(&mut state, None)).collect();
        assert!(state.making(first).is_some() && state.making(others[0]).is_some());
        ask(&mut state, None);
        assert!(state.making(first).is_none() && state.making(last).is_none());
        assert!(state.making(others[0]).is_some());
        // Nor does a row grow without end.
        let mut last = others[0];
        for _ in 0..3 * ROW_MAX {
            last = ask(&mut state, Some(last));
        }
        assert!(state.making(others[0]).is_none());
        assert!(state.answers.len() <= ROWS_MAX * ROW_MAX);
    }
}
