//! Analytics against a recount of the same calls, one by one, from what the API shows of each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use trunkline::after::set_disposition;
use trunkline::store::Sealed;
use trunkline::store::after::{Found, SetBy};
use trunkline::store::usage::UsageLine;
use trunkline_core::consent::Method;
use trunkline_core::journal::{Ended, Entry, Event, Latency, Speaker, Step};

use crate::api::kept::{step, turn};
use crate::api::rig::{Api, Who, agent, id};

/// 2026-11-21T00:00:00Z.
const START_MS: i64 = 1_795_219_200_000;
const HOUR_MS: i64 = 3_600_000;
const DAYS: i64 = 3;

/// Numbers that look like chance and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn answer(at_ms: u64, took_ms: u64) -> Entry {
    let mut entry = turn(Speaker::Agent, at_ms + took_ms, "Yes.");
    if let Entry::Turn(turn) = &mut entry {
        turn.latency = Some(Box::new(Latency {
            speech_end_ms: at_ms,
            decided_ms: at_ms,
            first_audio_ms: at_ms + took_ms,
            ..Latency::default()
        }));
    }
    entry
}

/// The operator's agents.
const FILES: &[(&str, u32)] = &[("front-desk", 0), ("assistant", 0)];

/// Calls of all kinds over three days, by these agents in these versions.
async fn furnish(api: &Api, who: &Who, calls: u64, dice: &mut Dice, agents: &[(&str, u32)]) {
    let desk = &api.app.desk;
    let keys = desk.keys(&who.client).await.unwrap();
    for n in 0..calls {
        let from = format!("+1555010{n:04}");
        let created_ms =
            START_MS + dice.roll(24 * DAYS as u64) as i64 * HOUR_MS + dice.roll(3_600_000) as i64;
        let agent = agents[dice.roll(agents.len() as u64) as usize];
        let id = api.call_by(who, &from, created_ms, agent).await;
        if dice.roll(8) == 0 {
            // It goes on.
            continue;
        }
        let mut entries = Vec::new();
        let is_judged = dice.roll(3) > 0;
        if is_judged {
            let after = desk.store.after();
            let wanted = after.want(&who.client, &id, &["verdict"], created_ms);
            wanted.await.unwrap();
            let method = Method::SaidYes;
            entries.push(step(900, Step::Granted { method }));
            for n in 0..dice.roll(5) {
                entries.push(answer(2_000 + n * 1_000, 150 + dice.roll(900)));
            }
        }
        let opts_out = dice.roll(6) == 0;
        if opts_out {
            entries.push(Entry::Event(Event {
                at_ms: 6_000,
                kind: "opt_out".into(),
                detail: String::new(),
            }));
        }
        let reason = ["caller_hung_up", "agent_hung_up", "silence"][dice.roll(3) as usize];
        entries.push(Entry::Ended(Ended {
            at_ms: 7_000 + dice.roll(60_000),
            reason: if opts_out { "opted_out" } else { reason }.into(),
        }));
        api.keep(who, &id, &from, entries).await;
        if is_judged {
            let verdict = ["success", "success", "failure", "unclear"][dice.roll(4) as usize];
            let found = Found {
                now_ms: created_ms + HOUR_MS,
                verdict: Some(verdict),
                body: &Sealed(vec![0; 64]),
                label: None,
            };
            let found = desk.store.after().done(&who.client, &id, &found).await;
            assert!(found.unwrap());
        }
        if dice.roll(2) == 0 {
            let label = ["booked", "not_booked"][dice.roll(2) as usize];
            set_disposition(desk, &keys, &id, label, SetBy::Tool)
                .await
                .unwrap();
        }
        for (at, stage) in ["voice", "model"]
            .into_iter()
            .enumerate()
            .take(dice.roll(3) as usize)
        {
            let cost_micros = (dice.roll(4) > 0).then(|| dice.roll(100_000) as i64);
            let line = UsageLine {
                stage: stage.into(),
                vendor: "acme".into(),
                unit: "characters".into(),
                at: at as u64,
                quantity: 10,
                cost_micros,
                currency: cost_micros.map(|_| "EUR".to_owned()),
            };
            desk.store
                .usage()
                .add(&who.client, &id, &[line], 0)
                .await
                .unwrap();
        }
    }
}

/// Every call as the API shows it, by way of the list, with whether its events say that somebody opted out.
async fn shown(api: &Api, who: &Who) -> Vec<(Value, bool)> {
    let mut all = Vec::new();
    let mut path = "/v1/calls?limit=50".to_owned();
    loop {
        let page = api.get(who, &path).await.fine();
        for call in page["data"].as_array().unwrap() {
            let id = call["id"].as_str().unwrap();
            let detail = api.get(who, &format!("/v1/calls/{id}")).await.fine();
            let events = api.get(who, &format!("/v1/calls/{id}/events")).await.fine();
            let mut events = events["data"].as_array().unwrap().iter();
            let opted_out = events.any(|event| event["type"] == "opt_out");
            all.push((detail, opted_out));
        }
        let Some(next) = page["next_cursor"].as_str() else {
            return all;
        };
        path = format!("/v1/calls?limit=50&after={next}");
    }
}

fn words(calls: &[&(Value, bool)], pointer: &str) -> Value {
    let mut count: BTreeMap<String, u64> = BTreeMap::new();
    for (call, _) in calls {
        if let Some(word) = call.pointer(pointer).and_then(Value::as_str) {
            *count.entry(word.to_owned()).or_default() += 1;
        }
    }
    json!(count)
}

/// How many succeeded of those that were judged, with the ends of the interval as the roots of the equation that it is made
/// of: those shares from which the one that was seen is just so far away.
fn success(verdicts: &Value) -> Value {
    let of = |word: &str| verdicts[word].as_f64().unwrap_or(0.0);
    let (hits, judged) = (of("success"), of("success") + of("failure") + of("unclear"));
    if judged == 0.0 {
        return Value::Null;
    }
    let (share, z2) = (hits / judged, 1.959_963_985_f64.powi(2));
    let (a, b, c) = (1.0 + z2 / judged, 2.0 * share + z2 / judged, share * share);
    let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
    json!({
        "judged": judged, "successes": hits, "share": share,
        "low": (b - root) / (2.0 * a), "high": (b + root) / (2.0 * a),
    })
}

/// The same to so many places as numbers are compared with.
fn rounded(counted: &Value) -> Value {
    let mut counted = counted.clone();
    if let Some(success) = counted["success"].as_object_mut() {
        for value in success.values_mut() {
            let number = value.as_f64().unwrap();
            *value = json!((number * 1_000_000.0).round());
        }
    }
    counted
}

/// The value at which so much of all values is reached.
fn rank(sorted: &[u64], percent: usize) -> Value {
    let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(at).map_or(Value::Null, |value| json!(value))
}

fn recount(calls: &[&(Value, bool)]) -> Value {
    let is = |pointer: &str, word: &str| {
        let found = calls
            .iter()
            .filter(|(call, _)| call.pointer(pointer).and_then(Value::as_str) == Some(word));
        found.count()
    };
    let mut lengths: Vec<u64> = Vec::new();
    let mut answers: Vec<u64> = Vec::new();
    let (mut micros, mut priced) = (0, 0);
    let mut has_sum = false;
    for (call, _) in calls {
        lengths.extend(
            call["duration_seconds"]
                .as_f64()
                .map(|seconds| (seconds * 1_000.0).round() as u64),
        );
        let turns = call["latency"]["turns"].as_array().unwrap().iter();
        answers.extend(turns.map(|turn| turn["latency"]["hops"]["answer_ms"].as_u64().unwrap()));
        let used = call["cost"]["used"].as_array().unwrap();
        let costs: Vec<Option<i64>> = used.iter().map(|one| one["cost_micros"].as_i64()).collect();
        micros += costs.iter().flatten().sum::<i64>();
        has_sum |= costs.iter().any(Option::is_some);
        let is_priced = !costs.is_empty() && costs.iter().all(Option::is_some);
        priced += usize::from(is_priced);
        assert_eq!(call["cost"]["total_micros"].is_i64(), is_priced, "{call}");
    }
    lengths.sort_unstable();
    answers.sort_unstable();
    let seconds = |value: Value| {
        value
            .as_u64()
            .map_or(Value::Null, |ms| json!(ms as f64 / 1_000.0))
    };
    let sums = if has_sum {
        json!([{ "currency": "EUR", "micros": micros }])
    } else {
        json!([])
    };
    let verdicts = words(calls, "/after/verdict/result");
    let counted = json!({
        "calls": calls.len(),
        "inbound": is("/direction", "inbound"),
        "outbound": is("/direction", "outbound"),
        "answered": calls.iter().filter(|(call, _)| call["answered_at"].is_string()).count(),
        "statuses": words(calls, "/status"),
        "outcomes": words(calls, "/outcome"),
        "ended_reasons": words(calls, "/ended_reason"),
        "consent": words(calls, "/consent/state"),
        "after": words(calls, "/after/state"),
        "success": success(&verdicts),
        "verdicts": verdicts,
        "dispositions": words(calls, "/disposition/label"),
        "opt_outs": calls.iter().filter(|(_, opted_out)| *opted_out).count(),
        "durations": {
            "count": lengths.len(),
            "total_seconds": lengths.iter().sum::<u64>() as f64 / 1_000.0,
            "p50_seconds": seconds(rank(&lengths, 50)),
            "p95_seconds": seconds(rank(&lengths, 95)),
            "max_seconds": seconds(rank(&lengths, 100)),
        },
        "answers": {
            "count": answers.len(),
            "p50_ms": rank(&answers, 50),
            "p90_ms": rank(&answers, 90),
            "p95_ms": rank(&answers, 95),
            "p99_ms": rank(&answers, 99),
            "max_ms": rank(&answers, 100),
        },
        "cost": { "sums": sums, "priced_calls": priced, "unpriced_calls": calls.len() - priced },
    });
    rounded(&counted)
}

/// The moment of a call on the clocks of Berlin, which are an hour ahead in November.
fn in_berlin(call: &Value) -> String {
    let moment = call["created_at"].as_str().unwrap();
    let moment = chrono::DateTime::parse_from_rfc3339(moment).unwrap();
    let ahead = chrono::FixedOffset::east_opt(3_600).unwrap();
    moment
        .with_timezone(&ahead)
        .format("%Y-%m-%dT%H:00:00+01:00")
        .to_string()
}

#[tokio::test]
async fn analytics_are_what_a_recount_of_the_calls_gives() {
    let api = Api::with(trunkline::api::Rate {
        per_second: 100_000,
        burst: 100_000,
    })
    .await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let mut dice = Dice(7);
    furnish(&api, &ours, 120, &mut dice, FILES).await;
    furnish(&api, &theirs, 9, &mut dice, FILES).await;
    let all = shown(&api, &ours).await;
    assert_eq!(all.len(), 120);
    let span = "from=2026-11-21T00:00:00Z&until=2026-11-24T00:00:00Z";
    let zone = "time_zone=Europe%2FBerlin";
    let path = |rest: &str| format!("/v1/analytics?{span}&{rest}");

    let every: Vec<&(Value, bool)> = all.iter().collect();
    let total = recount(&every);
    // The recount is worth something.
    assert!(
        total["opt_outs"].as_u64().unwrap() > 5 && total["answers"]["count"].as_u64().unwrap() > 50
    );
    assert!(
        total["cost"]["priced_calls"].as_u64().unwrap() > 10,
        "{total}"
    );
    assert_eq!(total["dispositions"].as_object().unwrap().len(), 2);
    for by in ["agent", "day", "hour", "campaign"] {
        let told = api
            .get(&ours, &path(&format!("{zone}&by={by}")))
            .await
            .fine();
        assert_eq!(told["time_zone"], "Europe/Berlin");
        assert_eq!(rounded(&told["total"]), total);
        let key = |call: &Value| match by {
            "agent" => call["agent_id"].clone(),
            "day" => json!(in_berlin(call)[..10]),
            "hour" => json!(in_berlin(call)),
            _ => Value::Null,
        };
        let keys: BTreeSet<String> = all.iter().map(|(call, _)| key(call).to_string()).collect();
        let groups = told["groups"].as_array().unwrap();
        let told: Vec<String> = groups
            .iter()
            .map(|group| group["key"].to_string())
            .collect();
        assert_eq!(told, keys.into_iter().collect::<Vec<_>>(), "{by}");
        for group in groups {
            let same: Vec<&(Value, bool)> = all
                .iter()
                .filter(|(call, _)| key(call) == group["key"])
                .collect();
            let mut want = recount(&same);
            want["key"] = group["key"].clone();
            assert_eq!(rounded(group), want, "{by}");
        }
    }
    // One agent, and a part of the time.
    let told = api.get(&ours, &path("agent_id=assistant")).await.fine();
    let same: Vec<&(Value, bool)> = all
        .iter()
        .filter(|(call, _)| call["agent_id"] == "assistant")
        .collect();
    assert_eq!(
        (rounded(&told["total"]), &told["groups"]),
        (recount(&same), &json!([]))
    );
    let part = "/v1/analytics?from=2026-11-22T06:00:00Z&until=2026-11-22T18:00:00Z";
    let told = api.get(&ours, part).await.fine();
    let within = |call: &Value| {
        let at = call["created_at"].as_str().unwrap();
        ("2026-11-22T06:00:00.000Z".."2026-11-22T18:00:00.000Z").contains(&at)
    };
    let same: Vec<&(Value, bool)> = all.iter().filter(|(call, _)| within(call)).collect();
    assert!(!same.is_empty());
    assert_eq!(rounded(&told["total"]), recount(&same));
    // Of the others nothing is counted.
    let told = api.get(&theirs, &path("by=agent")).await.fine();
    assert_eq!(told["total"]["calls"], 9);
}

#[tokio::test]
async fn versions_are_counted_side_by_side() {
    let api = Api::with(trunkline::api::Rate {
        per_second: 100_000,
        burst: 100_000,
    })
    .await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let mut dice = Dice(11);
    let ids = [
        id(&api.post(&ours, "/v1/agents", &agent()).await.made()),
        id(&api.post(&ours, "/v1/agents", &agent()).await.made()),
    ];
    let versions = [(&*ids[0], 10), (&*ids[0], 9), (&*ids[1], 9)];
    furnish(&api, &ours, 90, &mut dice, &versions).await;
    furnish(&api, &theirs, 9, &mut dice, FILES).await;
    let all = shown(&api, &ours).await;
    let span = "from=2026-11-21T00:00:00Z&until=2026-11-24T00:00:00Z";
    let path = |of: &str| format!("/v1/analytics?{span}&by=version&agent_id={of}");
    let told = api.get(&ours, &path(&ids[0])).await.fine();
    let groups = told["groups"].as_array().unwrap();
    let keys: Vec<&Value> = groups.iter().map(|group| &group["key"]).collect();
    assert_eq!(keys, ["9", "10"], "in their order");
    for (group, version) in groups.iter().zip([9, 10]) {
        let same: Vec<&(Value, bool)> = all
            .iter()
            .filter(|(call, _)| call["agent_id"] == *ids[0] && call["agent_version"] == version)
            .collect();
        let mut want = recount(&same);
        // The recount is worth something.
        assert!(want["success"]["judged"].as_f64().unwrap() > 5_000_000.0);
        want["key"] = json!(version.to_string());
        assert_eq!(rounded(group), want);
        let success = &group["success"];
        let of = |name: &str| success[name].as_f64().unwrap();
        assert!(
            of("low") < of("share") && of("share") < of("high"),
            "{success}"
        );
    }
    // Another's agent has no calls here.
    let foreign = api.get(&theirs, &path(&ids[0])).await.fine();
    assert_eq!(
        (&foreign["total"]["calls"], &foreign["groups"]),
        (&json!(0), &json!([]))
    );
    assert_eq!(foreign["total"]["success"], Value::Null);
}

#[tokio::test]
async fn what_cannot_be_counted_is_told() {
    let api = Api::open().await;
    let who = api.client().await;
    let days = |until: &str| format!("from=2026-11-01T00:00:00Z&until={until}");
    for (query, pointer, code) in [
        (String::new(), "query:from", "missing"),
        ("from=2026-11-01T00:00:00Z".into(), "query:until", "missing"),
        (days("now"), "query:until", "invalid"),
        (days("2026-11-01T00:00:00Z"), "query:until", "out_of_range"),
        (days("2026-10-01T00:00:00Z"), "query:until", "out_of_range"),
        (days("2028-01-01T00:00:00Z"), "query:until", "out_of_range"),
        (
            days("2026-12-03T00:00:00Z") + "&by=hour",
            "query:until",
            "out_of_range",
        ),
        (
            days("2026-12-01T00:00:00Z") + "&by=week",
            "query:by",
            "invalid",
        ),
        (
            days("2026-12-01T00:00:00Z") + "&by=version",
            "query:agent_id",
            "missing",
        ),
        (
            days("2026-12-01T00:00:00Z") + "&time_zone=Berlin",
            "query:time_zone",
            "invalid",
        ),
        (
            days("2026-12-01T00:00:00Z") + "&agent_id=a%20b",
            "query:agent_id",
            "invalid",
        ),
        (
            days("2026-12-01T00:00:00Z") + "&more=1",
            "query:more",
            "unknown_parameter",
        ),
    ] {
        let answer = api.get(&who, &format!("/v1/analytics?{query}")).await;
        assert_eq!(
            (answer.status, answer.fault()),
            (422, (pointer.into(), code.into())),
            "{query}"
        );
    }
    let told = api
        .get(
            &who,
            &format!("/v1/analytics?{}", days("2026-12-01T00:00:00Z")),
        )
        .await
        .fine();
    assert_eq!(told["total"]["calls"], 0);
    assert_eq!(told["total"]["answers"]["p50_ms"], Value::Null);
    let other = api.key_of(&who.client, &["calls:read"], None).await;
    let refused = api
        .get(
            &other,
            &format!("/v1/analytics?{}", days("2026-12-01T00:00:00Z")),
        )
        .await;
    assert_eq!(refused.status, 403);
}
