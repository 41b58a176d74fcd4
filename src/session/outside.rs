//! What a live call is told from outside: by an operator, and that the server shuts down.
//!
//! Both are rare, and the call looks for them with every frame. A set of streams asks only those that have something to say.

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream, SelectAll};
use tokio::sync::watch;

use crate::live::{Control, Controls, Fullness};

/// What the call is told.
pub(super) enum Word {
    /// By an operator.
    Control(Control),
    /// The server shuts down.
    Draining,
}

pub(super) struct Outside {
    told: SelectAll<BoxStream<'static, Word>>,
    fullness: Option<Fullness>,
}

impl Outside {
    pub(super) fn new(draining: watch::Receiver<bool>, controls: Option<Controls>) -> Self {
        let mut told = SelectAll::new();
        told.push(until_draining(draining).boxed());
        let fullness = controls.as_ref().map(Controls::fullness);
        if let Some(controls) = controls {
            told.push(all_of(controls).boxed());
        }
        Self { told, fullness }
    }

    /// The next thing; `None` if nothing will come any more.
    pub(super) async fn next(&mut self) -> Option<Word> {
        self.told.next().await
    }

    /// Lets those outside know whether one more sentence would be said.
    pub(super) fn tell_full(&self, is_full: bool) {
        if let Some(fullness) = &self.fullness {
            fullness.set(is_full);
        }
    }
}

/// A server that goes away without a word has no calls to end.
fn until_draining(mut draining: watch::Receiver<bool>) -> impl stream::Stream<Item = Word> {
    stream::once(async move { draining.wait_for(|is_draining| *is_draining).await.is_ok() })
        .filter_map(|is_draining| async move { is_draining.then_some(Word::Draining) })
}

fn all_of(controls: Controls) -> impl stream::Stream<Item = Word> {
    stream::unfold(controls, |mut controls| async move {
        let control = controls.next().await;
        Some((Word::Control(control), controls))
    })
}
