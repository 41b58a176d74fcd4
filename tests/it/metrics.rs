//! What is told at the metrics' address, and whether what is written about it is true.

use std::collections::BTreeSet;
use std::path::Path;

use metrics_exporter_prometheus::PrometheusRecorder;
use serde_json::Value;
use tokio::net::TcpListener;
use trunkline::metrics::{self, DASHBOARD, METRICS, PROCESS_METRICS};

use crate::session::rig::unhurried;
use crate::session::two_answers::{self, By, Held, SECRETS};

const README: &str = include_str!("../../README.md");
/// What appears with its first use alone: whom clients choose is not known before.
const WITH_FIRST_USE: [&str; 8] = [
    "trunkline_provider_connects_total",
    "trunkline_provider_reconnects_total",
    "trunkline_provider_first_result_seconds",
    "trunkline_opened_ahead_total",
    "trunkline_webhooks_refused_total",
    "trunkline_webhooks_unknown_total",
    "trunkline_inbound_webhook_failures_total",
    "trunkline_inference_waiting",
];

/// The words of a text that are names of metrics, as they stand there.
fn names(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c: char| !is_part(c));
    let named = words.filter(|word| {
        let tail = ["trunkline_", "process_"]
            .iter()
            .find_map(|p| word.strip_prefix(p));
        tail.is_some_and(|tail| !tail.is_empty())
    });
    named.map(str::to_owned).collect()
}

/// The same, without what a histogram's series end in.
fn plain(name: &str) -> &str {
    let ends = ["_bucket", "_sum", "_count"];
    ends.iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name)
}

fn known() -> BTreeSet<String> {
    let process = PROCESS_METRICS.into_iter();
    let all = METRICS.iter().map(|metric| metric.name).chain(process);
    all.map(str::to_owned).collect()
}

/// Names of the series of a text, those that begin its lines.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let name = |line: &str| line.split(['{', ' ']).next().unwrap().to_owned();
    lines.map(name).collect()
}

/// Every value of every label, but for those of buckets.
fn label_values(text: &str) -> BTreeSet<(String, String)> {
    let mut values = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((_, rest)) = line.split_once('{') else {
            continue;
        };
        let (labels, _) = rest.split_once('}').unwrap();
        for label in labels.split("\",") {
            let (name, value) = label.split_once("=\"").unwrap();
            values.insert((name.to_owned(), value.trim_end_matches('"').to_owned()));
        }
    }
    values
}

/// What is told after a call.
async fn scraped(held: &Held, recorder: &PrometheusRecorder) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    let waiting = Box::new(|| [("speech", 0), ("voice_activity", 0)]);
    let app = std::sync::Arc::clone(&held.house.app);
    tokio::spawn(metrics::serve(listener, recorder.handle(), app, waiting));
    unhurried(async { reqwest::get(url).await.unwrap().text().await.unwrap() }).await
}

#[tokio::test(start_paused = true)]
async fn a_model_that_speaks_is_the_vendor_of_its_hops_and_takes_over_from_nobody() {
    let recorder = metrics::recorder().unwrap();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let held = two_answers::hold(By::Speaker, |_| {}).await;
    let text = scraped(&held, &recorder).await;
    let told = |hop: &str| {
        let begins = format!("trunkline_turn_latency_seconds_count{{hop=\"{hop}\",");
        let lines = text.lines().filter_map(|line| line.strip_prefix(&begins));
        lines.map(str::to_owned).collect::<Vec<String>>()
    };
    for hop in ["recogniser", "model", "clause", "voice"] {
        let all = [r#"vendor="openai_compatible",profile="own"} 2"#];
        assert_eq!(told(hop), all, "{hop}");
    }
    // Nothing stands there as 0 for ever.
    let (mut stages, name) = (BTreeSet::new(), "trunkline_stages_taken_over_total");
    for line in text.lines().filter(|line| line.starts_with(name)) {
        let of_line = label_values(line).into_iter();
        stages.extend(of_line.filter_map(|(label, value)| (label == "stage").then_some(value)));
    }
    assert_eq!(
        stages.into_iter().collect::<Vec<_>>(),
        ["model", "recogniser", "voice"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_scrape_after_a_call_has_every_name_and_no_word_number_or_id() {
    let recorder = metrics::recorder().unwrap();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let held = two_answers::hold(By::Model, |_| {}).await;
    let text = scraped(&held, &recorder).await;

    let told = series(&text);
    for name in &told {
        assert!(known().contains(plain(name)), "{name} is not in the table");
    }
    let plain_told: BTreeSet<&str> = told.iter().map(|name| plain(name)).collect();
    for name in known() {
        let is_late = WITH_FIRST_USE.contains(&&*name);
        assert!(is_late || plain_told.contains(&*name), "{name} is not told");
    }
    // Both answers, hop by hop.
    for (hop, vendor) in [
        ("recogniser", "embedded"),
        ("model", "openai_compatible"),
        ("clause", "openai_compatible"),
        ("voice", "embedded"),
        ("end_of_turn", "all"),
        ("playout", "all"),
        ("answer", "all"),
    ] {
        let line = format!(
            "trunkline_turn_latency_seconds_count{{hop=\"{hop}\",vendor=\"{vendor}\",profile=\"own\"}} 2"
        );
        assert!(text.contains(&line), "{line}\n{text}");
    }
    assert!(
        text.contains("trunkline_calls_ended_total{reason=\"agent_hung_up\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("trunkline_interruptions_total 0"),
        "what did not happen is 0: {text}"
    );
    for secret in SECRETS.iter().chain(&["call_", "cli_", "stand-in"]) {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    for (label, value) in label_values(&text) {
        let is_word =
            value.len() <= 24 && value.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        assert!(label == "le" || is_word, "{label} is {value:?}");
    }

    // The dashboard asks for nothing that is not told here.
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            asked.extend(names(target["expr"].as_str().unwrap()));
        }
    }
    assert!(asked.len() > 15, "{asked:?}");
    for name in asked {
        assert!(
            told.contains(&name),
            "the dashboard asks for {name}, which nobody tells"
        );
    }
}

#[test]
fn the_dashboard_can_be_imported() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 36);
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let source = variables
        .iter()
        .find(|variable| variable["type"] == "datasource")
        .unwrap();
    assert_eq!(
        (&source["name"], &source["query"]),
        (&"datasource".into(), &"prometheus".into())
    );
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        for y in side("y")..side("y") + side("h") {
            for x in side("x")..side("x") + side("w") {
                assert!(
                    x < 24 && taken.insert((x, y)),
                    "{} overlaps",
                    panel["title"]
                );
            }
        }
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
            assert!(!panel["targets"].as_array().unwrap().is_empty());
            assert!(!panel["description"].as_str().unwrap().is_empty());
        }
    }
}

#[test]
fn the_table_is_what_the_code_counts_and_the_readme_lists() {
    let mut counted = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let quoted = text
                    .split('"')
                    .filter(|piece| piece.starts_with("trunkline_"));
                let is_name = |piece: &&str| names(piece).contains(*piece);
                counted.extend(quoted.filter(is_name).map(str::to_owned));
            }
        }
    }
    let crates = ["trunkline_core", "trunkline_media"];
    counted.retain(|name| !crates.contains(&&**name));
    let table: BTreeSet<String> = METRICS
        .iter()
        .map(|metric| metric.name.to_owned())
        .collect();
    assert_eq!(counted, table, "what the code counts, and the table");
    // The README's list names each, and none that is not.
    let quoted = README.split('`').skip(1).step_by(2);
    let listed: BTreeSet<String> = quoted
        .flat_map(names)
        .filter(|name| !crates.contains(&&**name))
        .collect();
    assert_eq!(listed, known(), "what the README lists, and what is told");
}
