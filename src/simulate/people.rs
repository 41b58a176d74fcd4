//! The people whom a caller may be put through to, as a scenario has them: they are called and answer, or do not, and nobody's
//! telephone rings.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde::Deserialize;
use trunkline_core::call::{TransferEnd, TransferKind, TransferNews};

use crate::agent::{Agent, Target};
use crate::tools::{Progress, PutThrough, Through};
use crate::transfer::told_of;

/// Longest that a person may take, ms.
pub(super) const AFTER_MS_MAX: u64 = 120_000;
/// How long it rings for somebody of whom the scenario says nothing, ms; nobody answers.
const ABSENT_MS: u64 = 30_000;

/// Somebody whom the caller may be put through to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callee {
    /// What becomes of it that they are called.
    pub does: Does,
    /// After so long.
    #[serde(default = "eight_seconds")]
    pub after_ms: u64,
}

/// What becomes of it that somebody is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// They take the caller.
    Accepts,
    /// They do not.
    Declines,
    /// They answer and press no key.
    Unconfirmed,
    /// A machine answers.
    Machine,
    /// Nobody answers.
    NoAnswer,
    /// The line is busy.
    Busy,
    /// The number cannot be reached.
    Unreachable,
}

impl Does {
    /// Whether it can come of sending the caller to their number: nobody asks whoever answers there, and machines answer, too.
    pub(super) fn may_be_of_cold(self) -> bool {
        match self {
            Self::Accepts | Self::NoAnswer | Self::Busy | Self::Unreachable => true,
            Self::Declines | Self::Unconfirmed | Self::Machine => false,
        }
    }

    fn end(self) -> TransferEnd {
        match self {
            Self::Accepts => TransferEnd::PutThrough,
            Self::Declines => TransferEnd::Declined,
            Self::Unconfirmed => TransferEnd::Unconfirmed,
            Self::Machine => TransferEnd::Machine,
            Self::NoAnswer => TransferEnd::NoAnswer,
            Self::Busy => TransferEnd::Busy,
            Self::Unreachable => TransferEnd::Unreachable,
        }
    }
}

fn eight_seconds() -> u64 {
    8_000
}

/// All of a scenario's.
#[derive(Clone, Debug, Default)]
pub(super) struct People(BTreeMap<String, Callee>);

impl People {
    pub(super) fn of(people: &BTreeMap<String, Callee>) -> Self {
        Self(people.clone())
    }

    /// How a call to this person ends, and after how long, ms.
    pub(super) fn answers(&self, name: &str) -> (TransferEnd, u64) {
        let callee = self.0.get(name);
        callee.map_or((TransferEnd::NoAnswer, ABSENT_MS), |callee| {
            (callee.does.end(), callee.after_ms)
        })
    }

    /// Calls the people of an agent. `takes_time`: they answer when they do; otherwise whoever plays the call keeps the time,
    /// and has the caller put through.
    pub(super) fn put_through(&self, agent: &Arc<Agent>, takes_time: bool) -> PutThrough {
        let (people, agent) = (self.clone(), Arc::clone(agent));
        Arc::new(move |arguments, through| {
            let name = arguments["target"].as_str().unwrap_or_default();
            let Some(target) = agent.transfers.find(name) else {
                let refused = ended(TransferKind::Warm, TransferEnd::Refused);
                return stream::iter([refused]).boxed();
            };
            let (end, after_ms) = people.answers(name);
            match takes_time {
                true => in_time(target, end, Duration::from_millis(after_ms), through),
                false => at_once(target, end),
            }
        })
    }
}

/// The end of a transfer, as a call is told of it.
pub(super) fn ended(kind: TransferKind, end: TransferEnd) -> Progress {
    let result = told_of(end).into();
    Progress::Transfer(TransferNews::Ended { kind, end, result })
}

fn begun(target: &Target) -> Progress {
    Progress::Transfer(TransferNews::Begun {
        kind: target.kind,
        hold: Arc::clone(&target.hold),
    })
}

fn is_ready(target: &Target) -> Progress {
    Progress::Transfer(TransferNews::Ready {
        kind: target.kind,
        words: Arc::clone(&target.words),
    })
}

/// What becomes known of it up to the moment at which the caller may be put through.
fn at_once(target: &Target, end: TransferEnd) -> BoxStream<'static, Progress> {
    let steps = match (target.kind, end) {
        (TransferKind::Cold, _) => vec![is_ready(target)],
        (TransferKind::Warm, TransferEnd::PutThrough) => vec![begun(target), is_ready(target)],
        (TransferKind::Warm, end) => vec![begun(target), ended(TransferKind::Warm, end)],
    };
    stream::iter(steps).boxed()
}

/// All that becomes known of it, when it does.
fn in_time(
    target: &Target,
    end: TransferEnd,
    after: Duration,
    through: Through,
) -> BoxStream<'static, Progress> {
    let (kind, ready_now) = (target.kind, is_ready(target));
    let last = move |is_there: bool| match is_there {
        true => ended(kind, end),
        false => ended(kind, TransferEnd::CallerGone),
    };
    match (kind, end) {
        (TransferKind::Cold, _) => {
            let sent = async move {
                let is_there = through.await.is_ok();
                if is_there {
                    tokio::time::sleep(after).await;
                }
                last(is_there)
            };
            stream::iter([ready_now]).chain(stream::once(sent)).boxed()
        }
        (TransferKind::Warm, TransferEnd::PutThrough) => {
            let accepts = async move {
                tokio::time::sleep(after).await;
                ready_now
            };
            let over = async move { last(through.await.is_ok()) };
            let steps = stream::once(ready(begun(target)));
            steps
                .chain(stream::once(accepts))
                .chain(stream::once(over))
                .boxed()
        }
        (TransferKind::Warm, _) => {
            let over = async move {
                tokio::time::sleep(after).await;
                last(true)
            };
            let steps = stream::once(ready(begun(target)));
            steps.chain(stream::once(over)).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::sync::oneshot;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::clock;

    const DESK: &str = r#"
name = "Robin"
business = "Oak"
prompt = "You are the front desk."
[[transfers]]
name = "ann"
description = "Bills."
to = "+12125550137"
[[transfers]]
name = "emergency"
description = "Pain."
to = "+12125550140"
kind = "cold"
"#;

    fn desk() -> Arc<Agent> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.toml");
        std::fs::write(&path, DESK).unwrap();
        Arc::new(Agent::read(&path).unwrap())
    }

    /// What becomes known of a transfer in a call with sound, and when, s. The caller hears the last words, or is gone by then.
    async fn told(name: &str, does: Does, is_there: bool) -> Vec<(u64, &'static str)> {
        let callee = Callee {
            does,
            after_ms: 9_000,
        };
        let people = People([(name.to_owned(), callee)].into());
        let put_through = people.put_through(&desk(), true);
        let (sender, through) = oneshot::channel();
        let mut steps = put_through(json!({ "target": name }), through);
        let (since, mut sender) = (clock::timer_now(), Some(sender));
        let mut told = Vec::new();
        while let Some(step) = steps.next().await {
            let Progress::Transfer(news) = step else {
                panic!("nobody comes back in a call that never left")
            };
            let what = match news {
                TransferNews::Begun { .. } => "begun",
                TransferNews::Ready { .. } => {
                    let sender = sender.take().unwrap();
                    match is_there {
                        true => sender.send(CancellationToken::new()).unwrap(),
                        false => drop(sender),
                    }
                    "ready"
                }
                TransferNews::Ended { end, .. } => end.code(),
            };
            told.push((since.elapsed().as_secs(), what));
        }
        told
    }

    #[tokio::test(start_paused = true)]
    async fn with_sound_people_take_their_time() {
        let accepted = [(0, "begun"), (9, "ready"), (9, "put_through")];
        assert_eq!(told("ann", Does::Accepts, true).await, accepted);
        let gone = [(0, "begun"), (9, "ready"), (9, "caller_gone")];
        assert_eq!(told("ann", Does::Accepts, false).await, gone);
        let declined = [(0, "begun"), (9, "declined")];
        assert_eq!(told("ann", Does::Declines, true).await, declined);
        let sent = [(0, "ready"), (9, "put_through")];
        assert_eq!(told("emergency", Does::Accepts, true).await, sent);
        let busy = [(0, "ready"), (9, "busy")];
        assert_eq!(told("emergency", Does::Busy, true).await, busy);
        let gone = [(0, "ready"), (0, "caller_gone")];
        assert_eq!(told("emergency", Does::Accepts, false).await, gone);
    }
}
