//! What clients let themselves spend, what they must have agreed to, and people who are left waiting. By HTTP, over two clients.

use serde_json::{Value, json};
use trunkline::dial::ClientRules;
use trunkline::store::usage::UsageLine;

use super::rig::{NOON, Office, moment};
use super::standing::{OTHERS, TO, events, reasons};
use crate::api::rig::{Who, id};

const DAY: i64 = 86_400_000;

/// What a call cost, as metering writes it down.
async fn costs(office: &Office, who: &Who, call_id: &str, micros: i64) {
    let line = UsageLine {
        stage: "carrier".into(),
        vendor: "twilio".into(),
        unit: "carrier_ms".into(),
        at: 0,
        quantity: 60_000,
        cost_micros: Some(micros),
        currency: Some("EUR".into()),
    };
    let usage = office.api.app.desk.store.usage();
    let lines = std::slice::from_ref(&line);
    // However often it is written.
    for _ in 0..2 {
        let added = usage.add(&who.client, call_id, lines, office.time()).await;
        added.unwrap();
    }
}

fn prices() -> trunkline_core::cost::Prices {
    trunkline_core::cost::Prices {
        currency: "EUR".into(),
        rates: Vec::new(),
    }
}

#[tokio::test]
async fn a_client_spends_no_more_than_it_lets_itself() {
    let office = Office::open().await;
    let often = json!({ "calls_per_24h": 100, "calls_per_7d": 500, "min_gap_seconds": 0 });
    let policy =
        |spend: Value| json!({ "destinations": ["+1"], "frequency": often, "spend": spend });
    let cap = json!({ "per_day_micros": 1_000_000, "per_month_micros": 1_500_000 });
    // Without prices nobody knows what is spent.
    let refused = office.set_policy(policy(cap.clone())).await;
    assert_eq!(refused.fault(), ("/spend".into(), "no_prices".into()));
    office.api.app.prices.get_or_init(prices);
    let refused = office.set_policy(policy(json!({ "per_day_micros": -1 })));
    assert_eq!(refused.await.fault().0, "/spend/per_day_micros");
    let shown = office.set_policy(policy(cap)).await.fine();
    assert_eq!(shown["spend"]["currency"], "EUR");
    assert_eq!(
        shown["spend"]["day"],
        json!({ "cap_micros": 1_000_000, "spent_micros": 0 })
    );

    let first = id(&office.place(OTHERS[0]).await.made());
    office.all_over().await;
    costs(&office, &office.who, &first, 799_999).await;
    assert_eq!(events(&office, &office.who, "spend.").await, []);
    let second = id(&office.place(OTHERS[1]).await.made());
    office.all_over().await;
    costs(&office, &office.who, &second, 1).await;
    let told = events(&office, &office.who, "spend.").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "spend.nearing_cap");
    assert_eq!(
        (
            &told[0].1["period"],
            &told[0].1["of"],
            &told[0].1["spent_micros"]
        ),
        (&json!("day"), &json!("2026-11-24"), &json!(800_000))
    );
    // A call that goes on costs 400,000 as those before did: with it, the day is full.
    office.place(OTHERS[2]).await.made();
    let refused = office.place(OTHERS[3]).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "spend_cap_reached")
    );
    assert_eq!(refused.json()["retry_at"], "2026-11-25T00:00:00.000Z");
    office.all_over().await;
    let third = id(&office.place(OTHERS[3]).await.made());
    office.all_over().await;
    costs(&office, &office.who, &third, 200_000).await;
    let refused = office.place(TO).await;
    assert_eq!(refused.code(), "spend_cap_reached");
    let kinds: Vec<String> = events(&office, &office.who, "spend.")
        .await
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(kinds, ["spend.nearing_cap", "spend.cap_reached"]);
    // Another client's day is its own.
    let (theirs, their_agent) = office.neighbour("+12125550190").await;
    let mut call = office.call(TO);
    call["from"] = json!("+12125550190");
    call["agent_id"] = json!(their_agent);
    office.api.post(&theirs, "/v1/calls", &call).await.made();
    // The next day has its own, within the month.
    office.set_time(moment(NOON) + DAY);
    let fourth = id(&office.place(TO).await.made());
    office.all_over().await;
    costs(&office, &office.who, &fourth, 500_000).await;
    let shown = office.api.get(&office.who, "/v1/policy").await.fine();
    assert_eq!(shown["spend"]["day"]["spent_micros"], 500_000);
    assert_eq!(shown["spend"]["month"]["spent_micros"], 1_500_000);
    let refused = office.place(TO).await;
    assert_eq!(refused.code(), "spend_cap_reached");
    assert_eq!(refused.json()["retry_at"], "2026-12-01T00:00:00.000Z");
    // Without caps there is nothing to reach.
    office.allow(json!(["+1"])).await.fine();
    office.place(TO).await.made();
}

#[tokio::test]
async fn nobody_is_called_before_the_agreement_is_accepted() {
    let office = Office::open().await;
    let rules = ClientRules {
        agreement: Some("dpa-2026-01".into()),
        ..ClientRules::default()
    };
    assert!(office.api.app.dialer().rules.set(rules).is_ok());
    let refused = office.place(TO).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "agreement_missing")
    );
    let shown = office.api.get(&office.who, "/v1/agreements").await.fine();
    assert_eq!(
        shown,
        json!({ "data": [], "required": "dpa-2026-01", "accepted": false })
    );
    let accept =
        |version: &str| json!({ "version": version, "accepted_by": "Ann Miller, director" });
    for (body, pointer) in [
        (accept("two words"), "/version"),
        (
            json!({ "version": "dpa-2026-01", "accepted_by": "" }),
            "/accepted_by",
        ),
    ] {
        let refused = office.api.post(&office.who, "/v1/agreements", &body).await;
        assert_eq!(refused.fault().0, pointer);
    }
    let old = accept("dpa-2025-09");
    office
        .api
        .post(&office.who, "/v1/agreements", &old)
        .await
        .made();
    assert_eq!(office.place(TO).await.code(), "agreement_missing");
    // What another client accepts is its own.
    let (theirs, _) = office.neighbour("+12125550190").await;
    let now = accept("dpa-2026-01");
    office
        .api
        .post(&theirs, "/v1/agreements", &now)
        .await
        .made();
    assert_eq!(office.place(TO).await.code(), "agreement_missing");
    let made = office
        .api
        .post(&office.who, "/v1/agreements", &now)
        .await
        .made();
    assert_eq!(made["accepted_by"], "Ann Miller, director");
    // Once is enough, and the first word stays.
    let again = json!({ "version": "dpa-2026-01", "accepted_by": "Bob" });
    let again = office.api.post(&office.who, "/v1/agreements", &again).await;
    assert_eq!((again.status, &again.json()), (200, &made));
    office.place(TO).await.made();
    let shown = office.api.get(&office.who, "/v1/agreements").await.fine();
    assert_eq!(shown["accepted"], true);
    assert_eq!(shown["data"].as_array().unwrap().len(), 2);
    let told = events(&office, &office.who, "agreement.").await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[1].1["version"], "dpa-2026-01");
}

#[tokio::test]
async fn people_who_are_left_waiting_count_against_their_client() {
    let office = Office::open().await;
    let calls = office.api.app.desk.store.calls();
    let noon = moment(NOON);
    let mut abandoned = 0;
    // Nobody spoke, in time or at all; somebody did; and a person who was gone at once.
    for (n, (greeted_after, lasted)) in [
        (None, 9_000),
        (Some(2_500), 9_000),
        (Some(400), 9_000),
        (None, 1_500),
        (Some(2_999), 9_000),
    ]
    .into_iter()
    .enumerate()
    {
        let call_id = id(&office.place(OTHERS[n % 4]).await.made());
        // No whole second.
        let at = noon + 17;
        calls
            .answered(&office.who.client, &call_id, at)
            .await
            .unwrap();
        if let Some(after) = greeted_after {
            for later in [0, 9] {
                let greeted = calls.greeted(&office.who.client, &call_id, at + after + later);
                assert_eq!(greeted.await.unwrap(), later == 0);
            }
        }
        let end = trunkline::store::calls::CarrierEnd {
            ended_ms: at + lasted,
            outcome: "completed",
            answered_ms: None,
            duration_ms: Some(lasted),
        };
        calls
            .ended_at_carrier(&office.who.client, &call_id, &end)
            .await
            .unwrap();
        office.all_over().await;
        abandoned += u64::from(greeted_after.is_none_or(|after| after > 2_000) && lasted > 2_000);
        let counted = calls.abandonment(&office.who.client, noon).await.unwrap();
        assert_eq!(counted.abandoned, abandoned, "{n}");
    }
    assert_eq!(abandoned, 3);
    let refused = office.place(TO).await;
    assert_eq!(reasons(&refused), ["too_many_abandoned"]);
    let (theirs, _) = office.neighbour("+12125550190").await;
    let counted = calls.abandonment(&theirs.client, 0).await.unwrap();
    assert_eq!((counted.answered, counted.abandoned), (0, 0));
    // They count for thirty days.
    office.set_time(noon + 31 * DAY);
    office.place(TO).await.made();
}
