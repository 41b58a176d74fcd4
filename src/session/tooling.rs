//! What is being done for the mind of a call, and the end of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use trunkline_core::call::{Event, KeyWork, KeysDone, Note, Outcome, UseId};
use trunkline_core::time::At;

use super::Session;
use crate::clock;
use crate::tools::{Begun, Toolbox, Used};

/// How long what is still being done is waited for once the call is over.
const AFTER_THE_CALL: Duration = Duration::from_secs(10);

/// A use that is under way.
struct Running {
    id: UseId,
    tool: Arc<str>,
    arguments: Arc<str>,
    from: At,
}

pub(super) struct Tooling {
    toolbox: Option<Arc<Toolbox>>,
    work: FuturesUnordered<BoxFuture<'static, (UseId, Used)>>,
    running: Vec<Running>,
    /// Uses that want keys.
    waiting: Vec<(UseId, oneshot::Sender<KeysDone>)>,
}

impl Tooling {
    pub(super) fn new(toolbox: Option<Arc<Toolbox>>) -> Self {
        Self {
            toolbox,
            work: FuturesUnordered::new(),
            running: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Begins a use. It may want keys before it goes on, which [`Tooling::keys_done`] gives it.
    pub(super) fn begin(
        &mut self,
        id: UseId,
        tool: Arc<str>,
        arguments: Arc<str>,
        from: At,
    ) -> Option<KeyWork> {
        let begun = match &self.toolbox {
            Some(toolbox) => toolbox.begin(id, &tool, &arguments),
            None => Begun::over(Used::no_such_tool()),
        };
        let Begun { work, keys } = begun;
        self.work.push(Box::pin(async move { (id, work.await) }));
        self.running.push(Running {
            id,
            tool,
            arguments,
            from,
        });
        let (work, give) = keys?;
        self.waiting.push((id, give));
        Some(work)
    }

    /// What came of the keys that a use wanted.
    pub(super) fn keys_done(&mut self, id: UseId, done: KeysDone) {
        if let Some(at) = self.waiting.iter().position(|(of, _)| *of == id) {
            // A use that is not waited for any more wants none.
            let _ = self.waiting.swap_remove(at).1.send(done);
        }
    }

    pub(super) fn is_at_work(&self) -> bool {
        !self.work.is_empty()
    }

    /// The next use that is over; `None` if none is under way.
    pub(super) async fn next(&mut self) -> Option<(UseId, Used)> {
        let (id, used) = self.work.next().await?;
        Some((id, used))
    }

    fn take(&mut self, id: UseId) -> Option<Running> {
        let at = self.running.iter().position(|running| running.id == id)?;
        Some(self.running.swap_remove(at))
    }
}

impl Session {
    pub(super) fn used(&mut self, (id, used): (UseId, Used)) {
        self.tooling.take(id);
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
        // Nobody presses anything any more.
        self.tooling.waiting.clear();
        self.line.close().await;
        let until: Instant = clock::timer_now() + AFTER_THE_CALL;
        while let Ok(Some((id, used))) = timeout_at(until, self.tooling.next()).await {
            self.note_used(id, used);
        }
        while let Some(running) = self.tooling.running.last() {
            self.note_used(
                running.id,
                Used::unknown("the call was over before it answered"),
            );
        }
    }

    fn note_used(&mut self, id: UseId, used: Used) {
        let Some(running) = self.tooling.take(id) else {
            return;
        };
        let Used { outcome, result } = used;
        let to = self.now();
        self.note(Note::ToolUsed {
            id,
            tool: running.tool,
            arguments: running.arguments,
            outcome: outcome as Outcome,
            result,
            from: running.from,
            to,
        });
    }
}
