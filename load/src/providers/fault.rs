//! Stages that fail on order.

use super::Stage;
use super::request::Request;
use crate::clock::{Micros, ms};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How a stage fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Open connections are cut, new ones closed at once.
    Close,
    /// Everything is silent until it is over; then it goes on.
    Stall,
    /// New requests get this status; with `cut=true` open sockets are cut as well.
    Status(u16),
    /// Everything comes so much later.
    Slow(Micros),
}

#[derive(Debug)]
struct Fault {
    how: How,
    from: Micros,
    until: Micros,
    /// Only addresses that begin so.
    path: String,
    cuts: bool,
}

/// What holds now: at most one for a stage.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<Stage, Fault>);

impl Faults {
    /// Reads an order: `what`, `how`, `for_ms`, `by_ms`, `path`, `cut`. Without `what` nothing changes.
    pub(super) fn order(&mut self, request: &Request) -> Result<(), &'static str> {
        let Some(what) = request.query("what") else {
            return Ok(());
        };
        let stage = Stage::ALL.into_iter().find(|stage| stage.name() == what);
        let stage = stage.ok_or("what is stt, llm or tts")?;
        let how = match request.query("how").unwrap_or("close") {
            "close" => How::Close,
            "stall" => How::Stall,
            "slow" => How::Slow(ms(request.number("by_ms").unwrap_or(1_000))),
            "none" => {
                self.0.remove(&stage);
                return Ok(());
            }
            status => match status.parse() {
                Ok(status @ 400..=599) => How::Status(status),
                _ => return Err("how is close, stall, 500 or another status, slow, none"),
            },
        };
        self.0.insert(
            stage,
            Fault {
                how,
                from: request.at,
                until: request.at + ms(request.number("for_ms").unwrap_or(1_000)),
                path: request.query("path").unwrap_or("").to_owned(),
                cuts: how == How::Close || request.query("cut") == Some("true"),
            },
        );
        Ok(())
    }

    fn of(&self, stage: Stage, path: &str) -> Option<&Fault> {
        self.0
            .get(&stage)
            .filter(|fault| path.starts_with(&fault.path))
    }

    /// What a new request meets.
    pub(super) fn now(&self, stage: Stage, path: &str, now: Micros) -> Option<How> {
        let fault = self.of(stage, path).filter(|fault| now < fault.until)?;
        Some(fault.how)
    }

    /// Whether a connection that is open since `since` is to be cut.
    pub(super) fn cuts(&self, stage: Stage, path: &str, since: Micros) -> bool {
        self.of(stage, path)
            .is_some_and(|fault| fault.cuts && fault.from >= since)
    }

    /// Until when an open connection is silent.
    pub(super) fn stalled_until(&self, stage: Stage, path: &str, now: Micros) -> Option<Micros> {
        let fault = self.of(stage, path)?;
        (fault.how == How::Stall && now < fault.until).then_some(fault.until)
    }

    /// How much later everything comes.
    pub(super) fn slow(&self, stage: Stage, path: &str, now: Micros) -> Micros {
        match self.now(stage, path, now) {
            Some(How::Slow(by)) => by,
            Some(How::Close | How::Stall | How::Status(_)) | None => 0,
        }
    }

    /// What holds, for people.
    pub(super) fn list(&self, now: Micros) -> Value {
        let held: Vec<Value> = self
            .0
            .iter()
            .filter(|(_, fault)| now < fault.until)
            .map(|(stage, fault)| {
                json!({"what": stage.name(), "how": format!("{:?}", fault.how), "path": fault.path,
                    "ms_left": (fault.until - now) / 1_000})
            })
            .collect();
        json!({ "faults": held })
    }
}
