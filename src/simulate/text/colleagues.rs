//! Others who come into a conversation in words: the people whom the caller is put through to, and the agents who go on with it.

use serde_json::Value;
use trunkline_core::call::{Event, Note, TransferEnd, TransferKind, TransferNews, UseId};
use trunkline_core::time::At;

use super::Play;
use crate::session::Successor;
use crate::simulate::people::{People, ended};
use crate::tools::{Progress, TRANSFER, Used};

/// Somebody who is being called.
struct Called {
    id: UseId,
    kind: TransferKind,
    /// How it ends, …
    end: TransferEnd,
    /// … and how long it takes, ms.
    after_ms: u64,
    /// When they were called.
    at: At,
}

/// The people who are being called.
#[derive(Default)]
pub(super) struct Calling {
    people: People,
    called: Vec<Called>,
    /// What is to become known of it.
    news: Vec<(At, UseId, TransferNews)>,
}

impl Calling {
    pub(super) fn new(people: People) -> Self {
        Self {
            people,
            ..Self::default()
        }
    }

    /// A tool is used, which may call somebody.
    pub(super) fn used(&mut self, id: UseId, tool: &str, arguments: &str, at: At) {
        if tool != TRANSFER {
            return;
        }
        let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
        let name = arguments["target"].as_str().unwrap_or_default();
        let (end, after_ms) = self.people.answers(name);
        self.called.push(Called {
            id,
            kind: TransferKind::Warm,
            end,
            after_ms,
            at,
        });
    }

    /// When something next becomes known.
    pub(super) fn next_due(&self) -> Option<At> {
        self.news.iter().map(|(at, ..)| *at).min()
    }

    fn find(&mut self, id: UseId) -> Option<&mut Called> {
        self.called.iter_mut().find(|called| called.id == id)
    }

    /// It is over.
    pub(super) fn over(&mut self, id: UseId) {
        self.called.retain(|called| called.id != id);
        self.news.retain(|(_, of, _)| *of != id);
    }
}

impl Play<'_> {
    /// A transfer goes on; what takes its time becomes known later.
    pub(super) fn transfer(&mut self, id: UseId, news: TransferNews) {
        let now = self.rehearsal.now();
        let is_second = self
            .calling
            .called
            .iter()
            .position(|called| called.id == id)
            > Some(0);
        if is_second {
            // One at a time.
            if let Progress::Transfer(refused) = ended(TransferKind::Warm, TransferEnd::Refused) {
                self.calling.over(id);
                self.tell_transfer(id, refused);
            }
            return;
        }
        let Some(called) = self.calling.find(id) else {
            // It was refused, and has been told so.
            return;
        };
        let (TransferNews::Begun { kind, .. }
        | TransferNews::Ready { kind, .. }
        | TransferNews::Ended { kind, .. }) = &news;
        called.kind = *kind;
        let is_begun = matches!(news, TransferNews::Begun { .. });
        let due = match called.kind {
            TransferKind::Warm if !is_begun => At::from_ms(called.at.ms() + called.after_ms),
            TransferKind::Warm | TransferKind::Cold => now,
        };
        match due > now {
            true => self.calling.news.push((due, id, news)),
            false => self.tell_transfer(id, news),
        }
    }

    /// Tells what has become known by now; false if nothing has.
    pub(super) fn news_at_hand(&mut self) -> bool {
        let now = self.rehearsal.now();
        let at = self.calling.news.iter().position(|(at, ..)| *at <= now);
        let Some(at) = at else {
            return false;
        };
        let (_, id, news) = self.calling.news.swap_remove(at);
        self.tell_transfer(id, news);
        true
    }

    /// The caller has heard the last words before they are put through.
    pub(super) fn put_through(&mut self, id: UseId) {
        let now = self.rehearsal.now();
        let Some(called) = self.calling.find(id) else {
            return;
        };
        let (kind, end, after_ms) = (called.kind, called.end, called.after_ms);
        let Progress::Transfer(news) = ended(kind, end) else {
            return;
        };
        match kind {
            TransferKind::Warm => self.tell_transfer(id, news),
            // It rings where they are now.
            TransferKind::Cold => {
                let at = At::from_ms(now.ms() + after_ms);
                self.calling.news.push((at, id, news));
            }
        }
    }

    fn tell_transfer(&mut self, id: UseId, news: TransferNews) {
        if let TransferNews::Ended { .. } = news {
            self.calling.over(id);
            self.tooling.over(id);
        }
        let event = Event::Transfer { id, news };
        self.rehearsal.tell(event, &mut self.out);
    }

    /// Whoever was being called when the call ended is called no more.
    pub(super) fn nobody_is_called(&mut self) {
        let now = self.rehearsal.now();
        for called in std::mem::take(&mut self.calling.called) {
            let end = TransferEnd::CallerGone;
            let Progress::Transfer(TransferNews::Ended { result, .. }) = ended(called.kind, end)
            else {
                continue;
            };
            self.note(&Note::Transfer {
                kind: called.kind,
                end: Some(end),
                at: now,
            });
            let used = Used {
                outcome: end.outcome(),
                result,
            };
            if let Some(note) = self.tooling.note(called.id, used, now) {
                self.note(&note);
            }
        }
    }

    /// Another agent goes on with the call, unless it comes too late or another has come before.
    pub(super) fn hand_over(&mut self, id: UseId, successor: Successor) {
        let Successor {
            next,
            mind,
            voices: _,
            speed,
            tools,
        } = successor;
        self.tooling.over(id);
        if self.rehearsal.call().would_be_handed_over(id) {
            self.thinking.succeed(mind);
            self.rehearsal.succeed(speed);
            self.tooling.succeed(tools);
        }
        self.rehearsal
            .tell(Event::HandedOver { id, next }, &mut self.out);
    }
}
