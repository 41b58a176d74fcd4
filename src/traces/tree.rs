//! Spans, made of the times of a turn or a call.
//!
//! Attributes have the names of OpenTelemetry's conventions where it has any (`gen_ai.…` for language models), and `trunkline.…`
//! otherwise.

use trunkline_core::call::{Hop, Provider, Staff, Stage, Timing};
use trunkline_core::time::At;
use trunkline_core::token::Direction;

use crate::agent::EMBEDDED;
use crate::think::FLOW;

/// Bytes of a model's name that are told.
const MODEL_BYTES_MAX: usize = 128;

/// What an attribute says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Flag(bool),
    Count(u64),
    Seconds(f64),
}

pub(super) type Attributes = Vec<(&'static str, Value)>;

/// Something that happened at one moment.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) name: &'static str,
    pub(super) unix_ms: u64,
    pub(super) attributes: Attributes,
}

/// One span; times are milliseconds since 1970, UTC.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) trace: [u8; 16],
    pub(super) id: [u8; 8],
    pub(super) parent: Option<[u8; 8]>,
    pub(super) name: &'static str,
    /// It asks somebody outside of the server.
    pub(super) is_client: bool,
    pub(super) from_unix_ms: u64,
    pub(super) to_unix_ms: u64,
    pub(super) attributes: Attributes,
    pub(super) moments: Vec<Moment>,
    pub(super) has_failed: bool,
}

/// The numbers of a call's trace and of its own span.
#[derive(Clone, Copy)]
pub(super) struct Ids {
    trace: [u8; 16],
    root: [u8; 8],
}

impl Ids {
    /// New ones; `None` if the system gives no random numbers.
    pub(super) fn draw() -> Option<Self> {
        let (mut trace, mut root) = ([0; 16], [0; 8]);
        getrandom::fill(&mut trace).ok()?;
        getrandom::fill(&mut root).ok()?;
        // Zeros would name no trace and no span.
        trace[0] |= 1;
        root[0] |= 1;
        Some(Self { trace, root })
    }

    /// A number by which it is decided whether the call is told of.
    pub(super) fn lot(&self) -> u64 {
        let [_, _, _, _, _, _, _, _, rest @ ..] = self.trace;
        u64::from_be_bytes(rest)
    }
}

/// Which stage, and who does its work.
pub(super) type Staged = Option<(Stage, Option<&'static str>)>;

/// Something of a call that its own span tells.
pub(super) struct Happening {
    pub(super) name: &'static str,
    pub(super) stage: Staged,
    pub(super) at: At,
}

/// What is told of a call when it is over.
pub(super) struct Whole<'a> {
    pub(super) ids: &'a Ids,
    pub(super) call_id: &'a str,
    pub(super) direction: Direction,
    pub(super) began_unix_ms: i64,
    pub(super) ended: At,
    pub(super) reason: &'static str,
    pub(super) has_failed: bool,
    pub(super) turns: u32,
    pub(super) turns_untold: u32,
    pub(super) happenings: &'a [Happening],
}

fn unix(began_unix_ms: i64, at: At) -> u64 {
    u64::try_from(began_unix_ms)
        .unwrap_or(0)
        .saturating_add(at.ms())
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// The tree of a turn: the turn itself, and below it what is known of its way. `None` without random numbers.
pub(super) fn turn(
    ids: &Ids,
    began_unix_ms: i64,
    number: u32,
    timing: &Timing,
    by: Option<&Staff>,
) -> Option<Vec<Span>> {
    // One more than there are spans.
    let mut drawn = [[0_u8; 8]; 8];
    getrandom::fill(drawn.as_flattened_mut()).ok()?;
    let mut numbers = drawn.into_iter().map(|mut id| {
        id[0] |= 1;
        id
    });
    let own = numbers.next()?;
    let heard = timing.first_heard.unwrap_or(timing.first_audio);
    let span = |name, id, parent, (from, to): (At, At)| Span {
        trace: ids.trace,
        id,
        parent: Some(parent),
        name,
        is_client: false,
        from_unix_ms: unix(began_unix_ms, from),
        to_unix_ms: unix(began_unix_ms, to.max(from)),
        attributes: Vec::new(),
        moments: Vec::new(),
        has_failed: false,
    };
    let mut attributes = vec![
        ("trunkline.turn", Value::Count(number.into())),
        ("trunkline.ahead", Value::Flag(timing.is_ahead)),
    ];
    attributes.extend(by.map(|staff| ("trunkline.profile", text(staff.profile.name()))));
    let mut spans = vec![Span {
        attributes,
        ..span("turn", own, ids.root, (timing.speech_end, heard))
    }];
    let model = timing
        .first_token
        .map(|token| (timing.asked, timing.first_clause.unwrap_or(token)));
    for (name, times, provider) in [
        ("end_of_turn", timing.hop(Hop::EndOfTurn), None),
        (
            "recogniser",
            timing.hop(Hop::Recogniser),
            by.map(|staff| &staff.recogniser),
        ),
        ("model", model, by.map(|staff| &staff.model)),
        (
            "voice",
            timing.hop(Hop::Voice),
            by.map(|staff| &staff.voice),
        ),
        ("playout", timing.hop(Hop::Playout), None),
    ] {
        let Some(times) = times else {
            continue;
        };
        let mut child = span(name, numbers.next()?, own, times);
        if let Some(provider) = provider {
            child.is_client = ![EMBEDDED, FLOW].contains(&provider.vendor);
            child.attributes = match name {
                "model" => thinker(provider, timing),
                _ => worker(provider),
            };
        }
        spans.push(child);
    }
    Some(spans)
}

fn worker(provider: &Provider) -> Attributes {
    let mut attributes = vec![("trunkline.vendor", text(provider.vendor))];
    attributes.extend(model(provider).map(|model| ("trunkline.model", model)));
    attributes.push(("trunkline.stands_in", Value::Flag(provider.stands_in)));
    attributes
}

fn thinker(provider: &Provider, timing: &Timing) -> Attributes {
    let mut attributes = worker(provider);
    if provider.vendor == FLOW {
        return attributes;
    }
    attributes.push(("gen_ai.operation.name", text("chat")));
    attributes.push(("gen_ai.provider.name", text(provider.vendor)));
    attributes.extend(model(provider).map(|model| ("gen_ai.request.model", model)));
    attributes.push(("gen_ai.request.stream", Value::Flag(true)));
    if let Some(ms) = timing.hop_ms(Hop::Model) {
        let seconds = Value::Seconds(ms as f64 / 1_000.0);
        attributes.push(("gen_ai.response.time_to_first_chunk", seconds));
    }
    attributes
}

fn model(provider: &Provider) -> Option<Value> {
    let name = &provider.model;
    let cut = name.char_indices().map(|(at, char)| at + char.len_utf8());
    let end = cut.take_while(|end| *end <= MODEL_BYTES_MAX).last()?;
    name.get(..end).map(text)
}

/// The span of a whole call.
pub(super) fn call(whole: &Whole<'_>) -> Span {
    let direction = match whole.direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    };
    let moments = whole.happenings.iter().map(|happening| {
        let mut attributes = Attributes::new();
        if let Some((stage, vendor)) = happening.stage {
            let stage = match stage {
                Stage::Ears => "recogniser",
                Stage::Mind => "model",
                Stage::Voice => "voice",
            };
            attributes.push(("trunkline.stage", text(stage)));
            attributes.extend(vendor.map(|vendor| ("trunkline.vendor", text(vendor))));
        }
        Moment {
            name: happening.name,
            unix_ms: unix(whole.began_unix_ms, happening.at),
            attributes,
        }
    });
    Span {
        trace: whole.ids.trace,
        id: whole.ids.root,
        parent: None,
        name: "call",
        is_client: false,
        from_unix_ms: unix(whole.began_unix_ms, At::START),
        to_unix_ms: unix(whole.began_unix_ms, whole.ended),
        attributes: vec![
            ("trunkline.call.id", text(whole.call_id)),
            ("trunkline.direction", text(direction)),
            ("trunkline.ended_reason", text(whole.reason)),
            ("trunkline.turns", Value::Count(whole.turns.into())),
            (
                "trunkline.turns_untold",
                Value::Count(whole.turns_untold.into()),
            ),
        ],
        moments: moments.collect(),
        has_failed: whole.has_failed,
    }
}
