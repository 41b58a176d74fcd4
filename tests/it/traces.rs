//! Calls as spans, as a collector on the other side of the wire sees them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use trunkline::clock;
use trunkline::egress::Egress;
use trunkline::metrics;
use trunkline::traces::{Traces, TracesSettings};
use trunkline_core::call::{EndReason, Note, ReplyId, Timing};
use trunkline_core::time::At;

use crate::session::rig::{House, claims, unhurried};
use crate::session::two_answers::{self, By, Held, SECRETS};

/// What it answers, in turn; 200 after the last. `None` is no answer at all.
type Answers = Mutex<VecDeque<Option<(StatusCode, &'static str)>>>;

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<(HeaderMap, Bytes)>>,
    answers: Answers,
}

struct Collector {
    settings: TracesSettings,
    seen: Arc<Seen>,
}

async fn take(
    State(seen): State<Arc<Seen>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    seen.requests.lock().unwrap().push((headers, body));
    let answer = seen.answers.lock().unwrap().pop_front();
    match answer {
        None => (StatusCode::OK, "{}"),
        Some(Some(answer)) => answer,
        Some(None) => std::future::pending().await,
    }
}

impl Collector {
    async fn open(answers: impl IntoIterator<Item = Option<(StatusCode, &'static str)>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/", listener.local_addr().unwrap());
        let seen = Arc::new(Seen {
            answers: Mutex::new(answers.into_iter().collect()),
            ..Seen::default()
        });
        let router = Router::new().route("/v1/traces", post(take));
        let router = router.with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let settings = TracesSettings {
            endpoint,
            headers: vec![("x-key".into(), "the-key-of-the-collector".into())],
            sample_ratio: 1.0,
            service_name: "desk".into(),
        };
        Self { settings, seen }
    }

    fn start(&self) -> Traces {
        Traces::start(&Egress::default(), &self.settings).unwrap().0
    }

    fn requests(&self) -> usize {
        self.seen.requests.lock().unwrap().len()
    }

    /// Every span so far.
    fn spans(&self) -> Vec<Span> {
        let requests = self.seen.requests.lock().unwrap();
        let bodies = requests
            .iter()
            .map(|(_, body)| serde_json::from_slice(body).unwrap());
        let of = |body: Value| {
            let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].clone();
            spans.as_array().unwrap().clone()
        };
        bodies.flat_map(of).map(Span).collect()
    }

    /// Every byte so far, headers apart.
    fn bytes(&self) -> String {
        let requests = self.seen.requests.lock().unwrap();
        let bodies = requests
            .iter()
            .map(|(_, body)| String::from_utf8(body.to_vec()).unwrap());
        bodies.collect()
    }
}

#[derive(Debug)]
struct Span(Value);

impl Span {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    fn ms(&self, name: &str) -> u64 {
        let nanos: u64 = self.text(name).parse().unwrap();
        assert_eq!(nanos % 1_000_000, 0);
        nanos / 1_000_000
    }

    fn from(&self) -> u64 {
        self.ms("startTimeUnixNano")
    }

    fn to(&self) -> u64 {
        self.ms("endTimeUnixNano")
    }

    fn attribute(&self, key: &str) -> Option<&Value> {
        let all = self.0["attributes"].as_array().unwrap();
        let found = all.iter().find(|attribute| attribute["key"] == key)?;
        found["value"].as_object().unwrap().values().next()
    }
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans
        .iter()
        .filter(|span| span.text("name") == name)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_call_is_a_tree_of_its_turns_with_their_very_times() {
    let collector = Collector::open([]).await;
    let traces = collector.start();
    let ready = |house: &House| {
        house.app.traces.get_or_init(|| traces.clone());
    };
    let Held { claims, notes, .. } = two_answers::hold(By::Model, ready).await;
    unhurried(traces.flush(Duration::from_secs(5))).await;

    let timed: Vec<Timing> = notes
        .into_iter()
        .filter_map(|note| {
            if let Note::Timed { timing, .. } = note {
                return Some(timing);
            }
            None
        })
        .collect();
    let spans = collector.spans();
    let roots = named(&spans, "call");
    assert_eq!((roots.len(), timed.len()), (1, 2));
    let root = roots[0];
    assert_eq!(root.text("parentSpanId"), "");
    assert_eq!(
        root.attribute("trunkline.call.id").unwrap(),
        &claims.call_id
    );
    assert_eq!(
        root.attribute("trunkline.ended_reason").unwrap(),
        "agent_hung_up"
    );
    assert_eq!(root.attribute("trunkline.turns").unwrap(), "2");
    let (trace, began) = (root.text("traceId"), root.from());
    assert_eq!((trace.len(), root.text("spanId").len()), (32, 16));
    let turns = named(&spans, "turn");
    assert_eq!(turns.len(), 2);
    for (turn, timing) in turns.into_iter().zip(&timed) {
        assert_eq!(turn.text("parentSpanId"), root.text("spanId"));
        let at = |moment: At| began + moment.ms();
        let heard = timing.first_heard.unwrap();
        assert_eq!((turn.from(), turn.to()), (at(timing.speech_end), at(heard)));
        assert!(root.from() <= turn.from() && turn.to() <= root.to());
        let children = spans
            .iter()
            .filter(|span| span.text("parentSpanId") == turn.text("spanId"));
        let times: Vec<_> = children
            .map(|child| (child.text("name"), child.from(), child.to()))
            .collect();
        let want = [
            ("end_of_turn", timing.speech_end, timing.decided),
            ("recogniser", timing.speech_end, timing.words.unwrap()),
            ("model", timing.asked, timing.first_clause.unwrap()),
            (
                "voice",
                timing.first_clause.unwrap(),
                timing.first_voice.unwrap(),
            ),
            ("playout", timing.first_audio, heard),
        ];
        assert_eq!(times, want.map(|(name, from, to)| (name, at(from), at(to))));
        // The model is at hand, so its token may come in the millisecond it was asked in; nothing is out of order.
        assert!(timing.speech_end < timing.decided && timing.asked <= timing.first_token.unwrap());
        assert!(timing.first_token <= timing.first_clause);
        assert!(timing.first_voice.unwrap() <= timing.first_audio);
        assert!(timing.first_audio <= heard);
    }
    let mut ids: Vec<&str> = spans.iter().map(|span| span.text("spanId")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), spans.len(), "every span has a number of its own");
    assert!(spans.iter().all(|span| span.text("traceId") == trace));
    let thinker = named(&spans, "model")[0];
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai_compatible"),
        ("gen_ai.request.model", "stand-in"),
        ("trunkline.vendor", "openai_compatible"),
    ] {
        assert_eq!(thinker.attribute(key).unwrap(), value, "{key}");
    }
    let first = timed[0].first_token.unwrap().since(timed[0].asked) as f64 / 1_000.0;
    let told = thinker
        .attribute("gen_ai.response.time_to_first_chunk")
        .unwrap();
    assert_eq!(told.as_f64(), Some(first));
    assert_eq!(
        (&thinker.0["kind"], &named(&spans, "voice")[0].0["kind"]),
        (&3.into(), &1.into())
    );

    // What was said, by whom and with which keys is nobody's business there.
    let all = collector.bytes();
    let keys = [
        "a-key-of-the-model",
        "the-key-of-the-collector",
        "127.0.0.1",
    ];
    for secret in SECRETS.iter().chain(&keys) {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    let requests = collector.seen.requests.lock().unwrap();
    for (headers, _) in requests.iter() {
        assert_eq!(headers["x-key"], "the-key-of-the-collector");
        assert_eq!(headers["content-type"], "application/json");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_model_that_speaks_the_voice_is_its_own_by_its_name() {
    let collector = Collector::open([]).await;
    let traces = collector.start();
    let ready = |house: &House| {
        house.app.traces.get_or_init(|| traces.clone());
    };
    two_answers::hold(By::Speaker, ready).await;
    unhurried(traces.flush(Duration::from_secs(5))).await;
    let spans = collector.spans();
    for name in ["recogniser", "model", "voice"] {
        let hops = named(&spans, name);
        assert_eq!(hops.len(), 2, "{name}");
        for hop in hops {
            assert_eq!(
                hop.attribute("trunkline.vendor").unwrap(),
                "openai_compatible"
            );
            assert_eq!(hop.attribute("trunkline.model").unwrap(), "stand-in");
            assert_eq!(hop.attribute("trunkline.stands_in").unwrap(), false);
            assert_eq!(hop.0["kind"], 3, "{name} is somebody outside");
        }
    }
    for thinker in named(&spans, "model") {
        assert_eq!(
            thinker.attribute("gen_ai.request.model").unwrap(),
            "stand-in"
        );
    }
}

fn answered(reply: u32) -> Note {
    Note::Timed {
        reply: ReplyId(reply),
        timing: Timing {
            speech_end: At::from_ms(1_000),
            decided: At::from_ms(1_200),
            first_audio: At::from_ms(1_400),
            ..Timing::default()
        },
        by: None,
    }
}

/// A call of so many turns.
fn tell(traces: &Traces, turns: u32) {
    let claims = claims("chatter");
    let mut call = traces.call(&claims).unwrap();
    call.began(&claims.call_id.as_str().into(), 1_795_365_000_000);
    for turn in 0..turns {
        call.note(&answered(turn));
    }
    call.ended(EndReason::LineLost);
}

fn outcome(handle: &metrics_exporter_prometheus::PrometheusHandle, name: &str) -> u64 {
    let text = handle.render();
    let begins = format!("trunkline_trace_spans_total{{outcome=\"{name}\"}} ");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(begins.as_str()));
    line.unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_does_not_answer_holds_up_nobody_and_what_is_lost_is_counted() {
    let recorder = metrics::recorder().unwrap();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let handle = recorder.handle();
    let collector = Collector::open(vec![None; 100]).await;
    let traces = collector.start();
    // Nothing is awaited here: a call does not wait.
    for _ in 0..5 {
        tell(&traces, 600);
    }
    // 500 turns of each call and the call's own span; the queue holds 1,024 trees, and a turn here has two spans.
    let trees = 5 * 501 - 1_024;
    let lost = outcome(&handle, "queue_full");
    assert!((2 * trees - 5..=2 * trees).contains(&lost), "{lost}");
    let asked = clock::timer_now();
    traces.flush(Duration::from_secs(3)).await;
    assert_eq!(
        asked.elapsed(),
        Duration::from_secs(3),
        "the server's end is not held up"
    );
}

#[tokio::test]
async fn a_collector_that_is_busy_is_asked_once_more_and_one_that_refuses_is_not() {
    let recorder = metrics::recorder().unwrap();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let handle = recorder.handle();
    let busy = Some((StatusCode::SERVICE_UNAVAILABLE, ""));
    let wrong = Some((StatusCode::BAD_REQUEST, "no"));
    let partial = Some((
        StatusCode::OK,
        r#"{"partialSuccess":{"rejectedSpans":"2"}}"#,
    ));
    let collector = Collector::open([busy, busy]).await;
    let traces = collector.start();
    // Busy twice: dropped.
    tell(&traces, 1);
    traces.flush(Duration::from_secs(60)).await;
    assert_eq!((collector.requests(), outcome(&handle, "refused")), (2, 3));
    // Busy once.
    collector.seen.answers.lock().unwrap().push_back(busy);
    tell(&traces, 1);
    traces.flush(Duration::from_secs(60)).await;
    assert_eq!((collector.requests(), outcome(&handle, "sent")), (4, 3));
    // Refused for good, and taken in part.
    collector
        .seen
        .answers
        .lock()
        .unwrap()
        .extend([wrong, partial]);
    tell(&traces, 1);
    traces.flush(Duration::from_secs(60)).await;
    assert_eq!((collector.requests(), outcome(&handle, "refused")), (5, 6));
    tell(&traces, 1);
    traces.flush(Duration::from_secs(60)).await;
    assert_eq!(
        (outcome(&handle, "sent"), outcome(&handle, "rejected")),
        (4, 2)
    );
}

#[tokio::test]
async fn calls_are_told_of_by_lot_and_not_at_all_without_one() {
    let mut collector = Collector::open([]).await;
    collector.settings.sample_ratio = 0.0;
    let none = collector.start();
    collector.settings.sample_ratio = 0.25;
    let some = collector.start();
    let told = |traces: &Traces| {
        (0..2_000)
            .filter(|_| traces.call(&claims("chatter")).is_some())
            .count()
    };
    assert_eq!(told(&none), 0);
    let told = told(&some);
    assert!((350..650).contains(&told), "{told}");
    collector.settings.headers = vec![("not a name".into(), "secret".into())];
    let error = Traces::start(&Egress::default(), &collector.settings)
        .err()
        .unwrap();
    assert!(!error.to_string().contains("secret"), "{error}");
}
