//! What is being done for the mind of a call, and the end of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};
use trunkline_core::call::{Event, Note, UseId};
use trunkline_core::time::At;

use super::Session;
use crate::clock;
use crate::tools::{Toolbox, Used};

/// How long what is still being done is waited for once the call is over.
pub(crate) const AFTER_THE_CALL: Duration = Duration::from_secs(10);

/// A use that is under way.
struct Running {
    id: UseId,
    tool: Arc<str>,
    arguments: Arc<str>,
    from: At,
}

impl Running {
    /// What is noted of it once it is over.
    fn note(self, used: Used, to: At) -> Note {
        Note::ToolUsed {
            id: self.id,
            tool: self.tool,
            arguments: self.arguments,
            outcome: used.outcome,
            result: used.result,
            from: self.from,
            to,
        }
    }
}

pub(crate) struct Tooling {
    toolbox: Option<Arc<Toolbox>>,
    work: FuturesUnordered<BoxFuture<'static, (UseId, Used)>>,
    running: Vec<Running>,
}

impl Tooling {
    pub(crate) fn new(toolbox: Option<Arc<Toolbox>>) -> Self {
        Self {
            toolbox,
            work: FuturesUnordered::new(),
            running: Vec::new(),
        }
    }

    pub(crate) fn begin(&mut self, id: UseId, tool: Arc<str>, arguments: Arc<str>, from: At) {
        let work = match &self.toolbox {
            Some(toolbox) => toolbox.begin(id, &tool, &arguments),
            None => Box::pin(std::future::ready(Used::no_such_tool())),
        };
        self.work.push(Box::pin(async move { (id, work.await) }));
        self.running.push(Running {
            id,
            tool,
            arguments,
            from,
        });
    }

    pub(crate) fn is_at_work(&self) -> bool {
        !self.work.is_empty()
    }

    /// The next use that is over; `None` if none is under way.
    pub(crate) async fn next(&mut self) -> Option<(UseId, Used)> {
        let (id, used) = self.work.next().await?;
        Some((id, used))
    }

    /// A use is over, and the call is told of it.
    pub(crate) fn over(&mut self, id: UseId) {
        self.take(id);
    }

    /// What is noted of a use that ended when the call was over.
    pub(crate) fn note(&mut self, id: UseId, used: Used, to: At) -> Option<Note> {
        Some(self.take(id)?.note(used, to))
    }

    /// What is noted of the uses that nobody waits for any longer.
    pub(crate) fn given_up(&mut self, to: At) -> Vec<Note> {
        let given_up = || Used::unknown("the call was over before it answered");
        let all = self.running.drain(..).rev();
        all.map(|running| running.note(given_up(), to)).collect()
    }

    fn take(&mut self, id: UseId) -> Option<Running> {
        let at = self.running.iter().position(|running| running.id == id)?;
        Some(self.running.swap_remove(at))
    }
}

impl Session {
    pub(super) fn used(&mut self, (id, used): (UseId, Used)) {
        self.tooling.over(id);
        let Used { outcome, result } = used;
        self.drive(Some(Event::ToolUsed {
            id,
            outcome,
            result,
        }));
    }

    /// What has been begun is not let go because the caller has hung up: it is waited for, and written down.
    pub(super) async fn finish_tools(&mut self) {
        if !self.tooling.is_at_work() {
            return;
        }
        self.line.close().await;
        let until: Instant = clock::timer_now() + AFTER_THE_CALL;
        while let Ok(Some((id, used))) = timeout_at(until, self.tooling.next()).await {
            let now = self.now();
            if let Some(note) = self.tooling.note(id, used, now) {
                self.note(note);
            }
        }
        for note in self.tooling.given_up(self.now()) {
            self.note(note);
        }
    }
}
