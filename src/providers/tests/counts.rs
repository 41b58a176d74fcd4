//! What is counted, under which labels.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    set_default_local_recorder,
};

use super::rig::{PlainStt, hop};
use crate::provider::Recogniser as _;
use crate::providers::{Circuits, Identity, Kind, StreamingRecogniser};

/// Counts by name and labels.
#[derive(Default)]
struct Counts(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Counts {
    fn of(&self, key: &Key) -> Arc<AtomicU64> {
        let labels: Vec<&str> = key.labels().map(|label| label.value()).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        Arc::clone(self.0.lock().unwrap().entry(name).or_default())
    }

    fn all(&self) -> Vec<(String, u64)> {
        let counts = self.0.lock().unwrap();
        let value = |(name, count): (&String, &Arc<AtomicU64>)| {
            (name.clone(), count.load(Ordering::Relaxed))
        };
        counts.iter().map(value).collect()
    }
}

/// Counts what is recorded.
struct Recorded(Arc<AtomicU64>);

impl HistogramFn for Recorded {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.of(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Recorded(self.of(key))))
    }
}

#[tokio::test(start_paused = true)]
async fn connections_losses_and_first_results_are_counted() {
    let counts = Counts::default();
    let guard = set_default_local_recorder(&counts);
    let (hop, mut door) = hop(Kind::Recogniser, 1 << 20);
    let mut line = StreamingRecogniser::new(hop, PlainStt::make(None, true)).open();
    door.refuse("429 Oh").await;
    let mut peer = door.open().await;
    line.push(&[0x10; 800]);
    line.finalize();
    peer.audio(800).await;
    assert_eq!(peer.text().await, "finalize");
    peer.say("asked 100 yes").await;
    peer.is_quiet().await;
    peer.close(1_011).await;
    door.open().await.is_quiet().await;
    drop(guard);
    let expected = [
        ("trunkline_provider_connects_total plain recogniser ok", 2),
        ("trunkline_provider_connects_total plain recogniser rate", 1),
        (
            "trunkline_provider_first_result_seconds plain recogniser",
            1,
        ),
        (
            "trunkline_provider_reconnects_total plain recogniser rate",
            1,
        ),
        (
            "trunkline_provider_reconnects_total plain recogniser server",
            1,
        ),
    ];
    assert_eq!(counts.all(), expected.map(|(name, n)| (name.to_owned(), n)));
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_opens_and_closes_is_counted() {
    let counts = Counts::default();
    let guard = set_default_local_recorder(&counts);
    let circuit = Circuits::default().of(&Identity {
        kind: Kind::Voice,
        vendor: "plain",
        owner: "cli_1",
        base_url: "https://x",
        key: "hush",
        model: "m",
    });
    for _ in 0..4 {
        circuit.failed();
    }
    tokio::time::advance(std::time::Duration::from_secs(16)).await;
    assert!(circuit.admits());
    circuit.worked();
    drop(guard);
    let expected = ["closed", "half_open", "open"];
    let expected = expected.map(|to| {
        (
            format!("trunkline_circuit_changes_total plain voice {to}"),
            1,
        )
    });
    assert_eq!(counts.all(), expected);
}
