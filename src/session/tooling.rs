//! What is being done for the mind of a call, and the end of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, SelectAll};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use trunkline_core::call::{Event, KeyWork, KeysDone, Note, TransferNews, UseId};
use trunkline_core::time::At;

use super::Session;
use crate::clock;
use crate::tools::{Progress, Toolbox, Used, Work};

/// How long what is still being done is waited for once the call is over.
pub(crate) const AFTER_THE_CALL: Duration = Duration::from_secs(10);

/// A use that is under way.
struct Running {
    id: UseId,
    tool: Arc<str>,
    arguments: Arc<str>,
    from: At,
    /// Tells it that the caller may be put through.
    put_through: Option<oneshot::Sender<CancellationToken>>,
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
    work: SelectAll<BoxStream<'static, (UseId, Progress)>>,
    running: Vec<Running>,
    /// Uses that want keys.
    waiting: Vec<(UseId, oneshot::Sender<KeysDone>)>,
}

impl Tooling {
    pub(crate) fn new(toolbox: Option<Arc<Toolbox>>) -> Self {
        Self {
            toolbox,
            work: SelectAll::new(),
            running: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Begins a use. It may want keys before it goes on, which [`Tooling::keys_done`] gives it.
    pub(crate) fn begin(
        &mut self,
        id: UseId,
        tool: Arc<str>,
        arguments: Arc<str>,
        from: At,
    ) -> Option<KeyWork> {
        let work = match &self.toolbox {
            Some(toolbox) => toolbox.work(id, &tool, &arguments),
            None => Work::over(Used::no_such_tool()),
        };
        let progress = work.progress.map(move |progress| (id, progress));
        self.work.push(progress.boxed());
        self.running.push(Running {
            id,
            tool,
            arguments,
            from,
            put_through: work.put_through,
        });
        let (keys, give) = work.keys?;
        self.waiting.push((id, give));
        Some(keys)
    }

    /// What came of the keys that a use wanted.
    pub(crate) fn keys_done(&mut self, id: UseId, done: KeysDone) {
        if let Some(at) = self.waiting.iter().position(|(of, _)| *of == id) {
            // A use that is not waited for any more wants none.
            let _ = self.waiting.swap_remove(at).1.send(done);
        }
    }

    /// Nobody presses anything any more.
    pub(crate) fn no_more_keys(&mut self) {
        self.waiting.clear();
    }

    /// Other tools may be used from now on; what was begun goes on.
    pub(crate) fn succeed(&mut self, toolbox: Option<Arc<Toolbox>>) {
        self.toolbox = toolbox;
    }

    pub(crate) fn is_at_work(&self) -> bool {
        !self.work.is_empty()
    }

    /// What next becomes known of a use; `None` if none is under way.
    pub(crate) async fn next(&mut self) -> Option<(UseId, Progress)> {
        self.work.next().await
    }

    /// The caller may be put through; the token tells when their line closes.
    pub(super) fn put_through(&mut self, id: UseId, line_closed: CancellationToken) {
        let running = self.running.iter_mut().find(|running| running.id == id);
        if let Some(sender) = running.and_then(|running| running.put_through.take()) {
            // Who does not wait for it any more has said why, or will.
            let _ = sender.send(line_closed);
        }
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
    pub(super) fn progressed(&mut self, (id, progress): (UseId, Progress)) {
        let mut is_over = false;
        let event = match progress {
            Progress::Used(Used { outcome, result }) => {
                self.tooling.over(id);
                Event::ToolUsed {
                    id,
                    outcome,
                    result,
                }
            }
            Progress::HandOver(successor) => {
                self.tooling.over(id);
                return self.hand_over(id, *successor);
            }
            Progress::Back(line) => return self.line_is_back(*line),
            Progress::Transfer(news) => {
                is_over = matches!(news, TransferNews::Ended { .. });
                if is_over {
                    self.tooling.over(id);
                }
                Event::Transfer { id, news }
            }
        };
        self.drive(Some(event));
        // Nobody brought the line back.
        if is_over && let Some(reason) = self.gone.take() {
            self.drive(Some(Event::LineClosed { reason }));
        }
    }

    /// What has been begun is not let go because the caller has hung up: it is waited for, and written down.
    pub(super) async fn finish_tools(&mut self) {
        if !self.tooling.is_at_work() {
            return;
        }
        for running in &mut self.tooling.running {
            running.put_through = None;
        }
        self.tooling.no_more_keys();
        self.line.close().await;
        let until: Instant = clock::timer_now() + AFTER_THE_CALL;
        while let Ok(Some((id, progress))) = timeout_at(until, self.tooling.next()).await {
            self.note_progress(id, progress);
        }
        for note in self.tooling.given_up(self.now()) {
            self.note(note);
        }
    }

    fn note_progress(&mut self, id: UseId, progress: Progress) {
        match progress {
            Progress::Used(used) => self.note_used(id, used),
            Progress::Transfer(TransferNews::Ended { kind, end, result }) => {
                let at = self.now();
                self.note(Note::Transfer {
                    kind,
                    end: Some(end),
                    at,
                });
                let outcome = end.outcome();
                self.note_used(id, Used { outcome, result });
            }
            // Nobody is left to be handed over.
            Progress::HandOver(_) => {
                self.note_used(id, Used::failed("the call was over"));
            }
            Progress::Back(_)
            | Progress::Transfer(TransferNews::Begun { .. } | TransferNews::Ready { .. }) => {}
        }
    }

    fn note_used(&mut self, id: UseId, used: Used) {
        let now = self.now();
        if let Some(note) = self.tooling.note(id, used, now) {
            self.note(note);
        }
    }
}
