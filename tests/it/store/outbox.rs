//! Events: written with what they tell of, once, in order, each client's own; and their way to endpoints.

use trunkline::ids::{ClientId, new_id};
use trunkline::store::after::Found;
use trunkline::store::callbacks::{CallbackState, NewCallback};
use trunkline::store::calls::{CallEnd, CallStatus, CarrierEnd, NewCall};
use trunkline::store::consents::Withdrawal;
use trunkline::store::deliveries::{DeliveryState, Tried, TriedEnd};
use trunkline::store::endpoints::{EndpointChange, EndpointState};
use trunkline::store::outbox::{EndpointOf, EventRow};
use trunkline::store::rows::{Row, Rows};
use trunkline::store::suppressions::NewSuppression;
use trunkline_core::consent::Refusal;
use trunkline_core::event::Wanted;
use trunkline_core::journal::Entry;
use trunkline_core::token::Direction;

use super::bench::{Bench, NOW, hash, number, sealed};
use super::entries::{conversation, event};

super::on_both!(
    a_call_is_told_of_step_by_step_and_each_step_once,
    a_journal_that_is_read_again_tells_nothing_twice,
    suppressions_and_callbacks_are_told_of,
    what_becomes_known_and_what_is_taken_back_is_told,
    an_event_of_what_did_not_happen_is_not_there,
    an_object_has_one_event_on_its_way_at_a_time,
    replays_keep_their_order,
    who_is_gone_is_told_nothing_more,
    old_events_go_with_their_deliveries,
    one_server_tells_at_a_time,
);

fn call(id: &str) -> NewCall {
    NewCall {
        id: id.to_owned(),
        agent_id: "agent_1".into(),
        agent_version: 1,
        direction: Direction::Outbound,
        status: CallStatus::Queued,
        created_ms: NOW,
        from: Some(number(1)),
        to: Some(number(2)),
        subject_id: Some("subject".into()),
        consent_mode: None,
        rules: None,
        sealed_key: None,
        carrier: None,
        carrier_call_id: None,
        metadata: None,
    }
}

fn suppression(n: u8, call_id: Option<&str>) -> NewSuppression {
    NewSuppression {
        id: new_id("sup"),
        campaign_id: None,
        hash: hash(n),
        reason: "opt_out".into(),
        source: "call".into(),
        call_id: call_id.map(str::to_owned),
        created_ms: NOW,
    }
}

fn callback(n: u8) -> NewCallback {
    NewCallback {
        id: new_id("cb"),
        agent_id: "agent_1".into(),
        asked_call_id: None,
        subject_id: "subject".into(),
        plan: sealed("plan"),
        note: None,
        number_index: hash(n),
        platform_index: hash(n + 100),
        zone: "America/New_York".into(),
        agreed_ms: NOW + 1_000,
        expires_ms: NOW + 9_000,
        created_ms: NOW,
    }
}

async fn publish(bench: &Bench) -> Vec<EndpointOf> {
    let mut endpoints = Vec::new();
    loop {
        let published = bench.store.system().publish(NOW, 3).await.unwrap();
        endpoints.extend(published.endpoints);
        if published.events == 0 {
            endpoints.sort_unstable();
            endpoints.dedup();
            return endpoints;
        }
    }
}

async fn told(bench: &Bench, client: &ClientId) -> Vec<EventRow> {
    publish(bench).await;
    let (rows, more) = bench.store.outbox().list(client, 0, 200).await.unwrap();
    assert!(!more);
    assert!(rows.windows(2).all(|pair| pair[0].place < pair[1].place));
    rows
}

/// Kinds and order numbers.
fn kinds(rows: &[EventRow]) -> Vec<(&'static str, u64)> {
    rows.iter().map(|row| (row.kind.name(), row.seq)).collect()
}

async fn endpoint(bench: &Bench, client: &ClientId, wants: &str) -> String {
    let id = new_id("we");
    let new = EndpointChange {
        url: sealed("https://crm.example.com"),
        description: None,
        wants: vec![Wanted::parse(wants).unwrap()],
        state: EndpointState::Enabled,
        include_pii: false,
        now_ms: NOW,
    };
    let endpoints = bench.store.endpoints();
    let added = endpoints.add(client, &id, &new, &sealed("whsec")).await;
    added.unwrap();
    id
}

fn tried(client: &ClientId, endpoint: &str, (id, object): (&str, &str), end: TriedEnd) -> Tried {
    Tried {
        endpoint: EndpointOf {
            client: client.clone(),
            id: endpoint.to_owned(),
        },
        delivery_id: id.to_owned(),
        object_id: object.to_owned(),
        status: Some(500),
        reason: None,
        now_ms: NOW + 1,
        end,
    }
}

const DONE: TriedEnd = TriedEnd::Delivered { recovered: false };

async fn a_call_is_told_of_step_by_step_and_each_step_once(bench: Bench) {
    let (calls, ours, id) = (bench.store.calls(), &bench.ours, new_id("call"));
    calls.add(ours, &call(&id)).await.unwrap();
    for _ in 0..2 {
        calls.ringing(ours, &id).await.unwrap();
        calls.answered(ours, &id, NOW + 5).await.unwrap();
        let end = CarrierEnd {
            ended_ms: NOW + 9_000,
            outcome: "completed",
            answered_ms: None,
            duration_ms: Some(8_000),
        };
        calls.ended_at_carrier(ours, &id, &end).await.unwrap();
        calls
            .ended(ours, &id, NOW + 9_500, &CallEnd::default())
            .await
            .unwrap();
    }
    let rows = told(&bench, ours).await;
    let steps = ["call.queued", "call.ringing", "call.answered", "call.ended"];
    let steps: Vec<_> = steps.into_iter().zip(1..).collect();
    assert_eq!(kinds(&rows), steps);
    assert!(rows.iter().all(|row| row.object_id == id));
    let data: serde_json::Value = serde_json::from_str(&rows[3].data).unwrap();
    assert_eq!(data["outcome"], "completed");
    assert_eq!(data["duration_ms"], 8_000);
    // Of the numbers there is nothing, not even as they are stored.
    let columns: Vec<&String> = data.as_object().unwrap().keys().collect();
    assert!(
        columns
            .iter()
            .all(|name| !name.contains("from") && !name.contains("to_"))
    );
    assert_eq!(told(&bench, &bench.theirs).await, []);
}

async fn a_journal_that_is_read_again_tells_nothing_twice(bench: Bench) {
    let (ours, id) = (&bench.ours, new_id("call"));
    let (rows, _writer) = Rows::start(bench.store.clone());
    let mut entries = conversation();
    entries.insert(entries.len() - 1, event(2_900, "opt_out"));
    for _ in 0..2 {
        for (seq, entry) in entries.iter().enumerate() {
            let entry: &Entry = entry;
            let seal = |aad: &[u8], plain: &[u8]| [aad, plain].concat();
            if let Some(row) = Row::of(ours, &id, seq as u64, entry, seal) {
                assert!(rows.put(row));
            }
        }
        rows.flush().await.unwrap();
    }
    // As the recovery does it.
    let suppressions = bench.store.suppressions();
    for _ in 0..2 {
        let new = suppression(1, Some(&id));
        suppressions.add(ours, &new).await.unwrap();
    }
    let all = told(&bench, ours).await;
    let of_call: Vec<EventRow> = all
        .iter()
        .filter(|row| row.object_id == id)
        .cloned()
        .collect();
    let steps = [
        "call.answered",
        "call.consent_granted",
        "call.opt_out",
        "call.ended",
        "call.recording_ready",
        "call.transcript_ready",
    ];
    let steps: Vec<_> = steps.into_iter().zip(1..).collect();
    assert_eq!(kinds(&of_call), steps);
    let others = all.iter().filter(|row| row.object_id != id);
    let others: Vec<_> = others.map(|row| row.kind.name()).collect();
    assert_eq!(others, ["suppression.created"]);
    assert_eq!(told(&bench, &bench.theirs).await, []);
}

async fn suppressions_and_callbacks_are_told_of(bench: Bench) {
    let (ours, callbacks) = (&bench.ours, bench.store.callbacks());
    let (first, second, third) = (callback(1), callback(1), callback(2));
    callbacks.schedule(ours, &first).await.unwrap();
    callbacks.schedule(ours, &second).await.unwrap();
    callbacks.schedule(ours, &third).await.unwrap();
    let (failed, expired) = (CallbackState::Failed, CallbackState::Expired);
    callbacks
        .end(ours, &third.id, expired, "too_late", NOW)
        .await
        .unwrap();
    callbacks
        .end(ours, &third.id, failed, "again", NOW)
        .await
        .unwrap();
    let suppressions = bench.store.suppressions();
    let new = suppression(1, None);
    suppressions.add(ours, &new).await.unwrap();
    suppressions
        .remove(ours, &new.id, "mistake", NOW)
        .await
        .unwrap();
    suppressions
        .remove(ours, &new.id, "mistake", NOW)
        .await
        .unwrap();
    let rows = told(&bench, ours).await;
    let said: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row.kind.name(), row.object_id.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("callback.scheduled", first.id.as_str()),
            ("callback.cancelled", &first.id),
            ("callback.scheduled", &second.id),
            ("callback.scheduled", &third.id),
            ("callback.failed", &third.id),
            ("suppression.created", &new.id),
            ("callback.cancelled", &second.id),
            ("suppression.removed", &new.id),
        ]
    );
    assert!(rows[4].data.contains(r#""state":"expired""#));
    assert_eq!(told(&bench, &bench.theirs).await, []);
    // What the platform forbids ends promises of every client, and each is told of its own.
    let theirs = callback(3);
    callbacks.schedule(&bench.theirs, &theirs).await.unwrap();
    let mut everywhere = suppression(0, None);
    everywhere.hash = hash(103);
    bench.store.system().suppress(&everywhere).await.unwrap();
    let rows = told(&bench, &bench.theirs).await;
    assert_eq!(
        kinds(&rows),
        [("callback.scheduled", 1), ("callback.cancelled", 2)]
    );
}

async fn what_becomes_known_and_what_is_taken_back_is_told(bench: Bench) {
    let (ours, id) = (&bench.ours, new_id("call"));
    let (rows, _writer) = Rows::start(bench.store.clone());
    for (seq, entry) in conversation().iter().enumerate() {
        let seal = |aad: &[u8], plain: &[u8]| [aad, plain].concat();
        if let Some(row) = Row::of(ours, &id, seq as u64, entry, seal) {
            assert!(rows.put(row));
        }
    }
    rows.flush().await.unwrap();
    let after = bench.store.after();
    after.want(ours, &id, &["summary"], NOW).await.unwrap();
    let body = sealed("a summary");
    let found = Found {
        now_ms: NOW,
        verdict: Some("succeeded"),
        body: &body,
        label: None,
    };
    assert!(after.done(ours, &id, &found).await.unwrap());
    assert!(!after.done(ours, &id, &found).await.unwrap());
    let withdrawal = Withdrawal {
        at_ms: 5_000,
        class: Refusal::OptedOut,
        erase: true,
        noted_ms: NOW,
    };
    for _ in 0..2 {
        let consents = bench.store.consents();
        consents.withdraw(ours, &id, &withdrawal).await.unwrap();
    }
    let all = told(&bench, ours).await;
    let last: Vec<_> = all
        .iter()
        .rev()
        .take(2)
        .map(|row| row.kind.name())
        .collect();
    assert_eq!(last, ["consent.withdrawn", "call.analyzed"]);
    let kinds: Vec<_> = all.iter().map(|row| row.kind.name()).collect();
    let withdrawn = kinds.iter().filter(|kind| **kind == "consent.withdrawn");
    assert_eq!(withdrawn.count(), 1, "{kinds:?}");
    // Neither verdict nor summary is told.
    assert!(all.iter().all(|row| !row.data.contains("succeeded")));
    assert_eq!(told(&bench, &bench.theirs).await, []);
}

async fn an_event_of_what_did_not_happen_is_not_there(bench: Bench) {
    let calls = bench.store.calls();
    let nobody = new_id("call");
    assert!(!calls.ringing(&bench.ours, &nobody).await.unwrap());
    let id = new_id("call");
    calls.add(&bench.ours, &call(&id)).await.unwrap();
    // The same id once more is refused, and with it what would have been told.
    assert!(calls.add(&bench.ours, &call(&id)).await.is_err());
    assert!(!calls.ringing(&bench.theirs, &id).await.unwrap());
    assert_eq!(
        kinds(&told(&bench, &bench.ours).await),
        [("call.queued", 1)]
    );
    assert_eq!(told(&bench, &bench.theirs).await, []);
}

async fn an_object_has_one_event_on_its_way_at_a_time(bench: Bench) {
    let (ours, calls) = (&bench.ours, bench.store.calls());
    let all = endpoint(&bench, ours, "*").await;
    let ends = endpoint(&bench, ours, "call.ended").await;
    let foreign = endpoint(&bench, &bench.theirs, "*").await;
    let (one, other) = (new_id("call"), new_id("call"));
    for id in [&one, &other] {
        calls.add(ours, &call(id)).await.unwrap();
    }
    calls.ringing(ours, &one).await.unwrap();
    calls
        .ended(ours, &one, NOW, &CallEnd::default())
        .await
        .unwrap();
    let woken: Vec<String> = publish(&bench).await.into_iter().map(|of| of.id).collect();
    let mut want = vec![all.clone(), ends.clone()];
    want.sort_unstable();
    assert_eq!(woken, want);
    let deliveries = bench.store.deliveries();
    let due = async |endpoint: &str| {
        let due = deliveries.due(ours, endpoint, NOW + 10, 50).await.unwrap();
        let of = due
            .into_iter()
            .map(|due| (due.event.kind.name(), due.event.object_id, due.id));
        of.collect::<Vec<_>>()
    };
    let first = due(&all).await;
    let named: Vec<_> = first
        .iter()
        .map(|(kind, object, _)| (*kind, object))
        .collect();
    assert_eq!(named, [("call.queued", &one), ("call.queued", &other)]);
    assert_eq!(due(&ends).await.len(), 1);
    assert_eq!(due(&foreign).await, []);
    assert!(
        deliveries
            .due(&bench.theirs, &all, NOW + 10, 50)
            .await
            .unwrap()
            .is_empty()
    );
    let system = bench.store.system();
    // One that is tried later holds up its own object alone.
    let later = TriedEnd::Later {
        due_ms: NOW + 60_000,
    };
    let results = [
        tried(ours, &all, (&first[0].2, &one), later),
        tried(ours, &all, (&first[1].2, &other), DONE),
    ];
    system.tried(&results).await.unwrap();
    assert_eq!(due(&all).await, []);
    assert_eq!(
        deliveries.next_due(ours, &all).await.unwrap(),
        Some(NOW + 60_000)
    );
    let since = bench
        .store
        .endpoints()
        .find(ours, &all)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(since.failing_since_ms, Some(NOW + 1));
    // Given up, it makes way.
    let dead = tried(ours, &all, (&first[0].2, &one), TriedEnd::Dead);
    system.tried(std::slice::from_ref(&dead)).await.unwrap();
    let second = due(&all).await;
    assert_eq!((second.len(), second[0].0), (1, "call.ringing"));
    // The same told twice changes nothing.
    system.tried(&[dead]).await.unwrap();
    let recovered = TriedEnd::Delivered { recovered: true };
    let done = tried(ours, &all, (&second[0].2, &one), recovered);
    system.tried(&[done]).await.unwrap();
    assert_eq!(due(&all).await[0].0, "call.ended");
    let since = bench
        .store
        .endpoints()
        .find(ours, &all)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(since.failing_since_ms, None);
    let waiting = system.waiting_endpoints(None, 10).await.unwrap();
    assert_eq!(waiting.len(), 2);
    let rest = system.waiting_endpoints(waiting.first(), 10).await.unwrap();
    assert_eq!(rest, waiting[1..]);
    let page = deliveries.list(ours, &all, None, None, 2).await.unwrap();
    assert_eq!(page.data.len(), 2);
    let rest = deliveries
        .list(ours, &all, None, page.next.as_ref(), 9)
        .await
        .unwrap();
    assert_eq!(rest.data.len(), 2);
    let dead = Some(DeliveryState::Dead);
    let dead = deliveries
        .list(ours, &all, dead, None, 9)
        .await
        .unwrap()
        .data;
    assert_eq!((dead.len(), dead[0].last_status), (1, Some(500)));
    assert_eq!(
        deliveries
            .list(&bench.theirs, &all, None, None, 9)
            .await
            .unwrap()
            .data,
        []
    );
}

async fn replays_keep_their_order(bench: Bench) {
    let (ours, calls) = (&bench.ours, bench.store.calls());
    let id = new_id("call");
    calls.add(ours, &call(&id)).await.unwrap();
    calls.ringing(ours, &id).await.unwrap();
    publish(&bench).await;
    // It came too late for those, and is told of them all the same.
    let endpoint = endpoint(&bench, ours, "call.*").await;
    let deliveries = bench.store.deliveries();
    let wants = [Wanted::All];
    let again = async |client: &ClientId| {
        let replayed = deliveries.replay_since(client, (&endpoint, &wants), 0, 1_000, NOW);
        replayed.await.unwrap()
    };
    assert_eq!(again(&bench.theirs).await, (0, false));
    for _ in 0..2 {
        assert_eq!(again(ours).await, (2, false));
        let mut said = Vec::new();
        loop {
            let due = deliveries.due(ours, &endpoint, NOW + 10, 9).await.unwrap();
            let Some(one) = due.first() else { break };
            assert_eq!(due.len(), 1);
            said.push(one.event.kind.name());
            let done = tried(ours, &endpoint, (&one.id, &id), DONE);
            bench.store.system().tried(&[done]).await.unwrap();
        }
        assert_eq!(said, ["call.queued", "call.ringing"]);
    }
    let one = deliveries
        .list(ours, &endpoint, None, None, 1)
        .await
        .unwrap()
        .data
        .remove(0);
    assert_eq!((one.state, one.tries), (DeliveryState::Delivered, 1));
    assert!(
        !deliveries
            .replay(&bench.theirs, &endpoint, &one.id, NOW)
            .await
            .unwrap()
    );
    assert!(
        deliveries
            .replay(ours, &endpoint, &one.id, NOW)
            .await
            .unwrap()
    );
    let found = deliveries
        .find(ours, &endpoint, &one.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.state, found.tries), (DeliveryState::Waiting, 0));
    assert_eq!(
        deliveries
            .find(&bench.theirs, &endpoint, &one.id)
            .await
            .unwrap(),
        None
    );
}

async fn who_is_gone_is_told_nothing_more(bench: Bench) {
    let (ours, calls) = (&bench.ours, bench.store.calls());
    let gone = endpoint(&bench, ours, "*").await;
    let stays = endpoint(&bench, ours, "webhook_endpoint.*").await;
    let (one, other) = (new_id("call"), new_id("call"));
    calls.add(ours, &call(&one)).await.unwrap();
    calls.ringing(ours, &one).await.unwrap();
    publish(&bench).await;
    let deliveries = bench.store.deliveries();
    let first = deliveries.due(ours, &gone, NOW, 9).await.unwrap().remove(0);
    let end = TriedEnd::Disabled { reason: "gone" };
    let told_off = tried(ours, &gone, (&first.id, &one), end);
    bench.store.system().tried(&[told_off]).await.unwrap();
    calls.add(ours, &call(&other)).await.unwrap();
    publish(&bench).await;
    assert_eq!(deliveries.next_due(ours, &gone).await.unwrap(), None);
    let row = bench
        .store
        .endpoints()
        .find(ours, &gone)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (row.state, row.reason.as_deref()),
        (EndpointState::Disabled, Some("gone"))
    );
    let notice = deliveries.due(ours, &stays, NOW, 9).await.unwrap();
    assert_eq!(notice.len(), 1);
    assert_eq!(notice[0].event.kind.name(), "webhook_endpoint.disabled");
    assert_eq!(notice[0].event.object_id, gone);
    assert!(bench.store.endpoints().remove(ours, &gone).await.unwrap());
    assert!(
        !bench
            .store
            .endpoints()
            .remove(&bench.theirs, &stays)
            .await
            .unwrap()
    );
}

async fn old_events_go_with_their_deliveries(bench: Bench) {
    let (ours, calls) = (&bench.ours, bench.store.calls());
    let endpoint = endpoint(&bench, ours, "*").await;
    for _ in 0..3 {
        calls.add(ours, &call(&new_id("call"))).await.unwrap();
    }
    // What nobody was told of yet stays, however old it is.
    let system = bench.store.system();
    assert_eq!(system.purge_events(i64::MAX, 10).await.unwrap(), 0);
    publish(&bench).await;
    assert_eq!(system.purge_events(0, 10).await.unwrap(), 0);
    let last = bench.store.outbox().last_place(ours).await.unwrap();
    assert_eq!(system.purge_events(i64::MAX, 2).await.unwrap(), 2);
    assert_eq!(told(&bench, ours).await.len(), 1);
    assert_eq!(system.purge_events(i64::MAX, 2).await.unwrap(), 1);
    let deliveries = bench.store.deliveries();
    assert_eq!(
        deliveries
            .list(ours, &endpoint, None, None, 9)
            .await
            .unwrap()
            .data,
        []
    );
    // Places go on where they were.
    calls.add(ours, &call(&new_id("call"))).await.unwrap();
    assert!(told(&bench, ours).await[0].place > last);
}

async fn one_server_tells_at_a_time(bench: Bench) {
    let system = bench.store.system();
    assert!(system.hold_outbox("a", NOW, NOW + 10).await.unwrap());
    assert!(system.hold_outbox("a", NOW + 5, NOW + 15).await.unwrap());
    assert!(!system.hold_outbox("b", NOW + 15, NOW + 30).await.unwrap());
    assert!(system.hold_outbox("b", NOW + 16, NOW + 30).await.unwrap());
    assert!(!system.hold_outbox("a", NOW + 17, NOW + 30).await.unwrap());
    system.let_go_of_outbox("a").await.unwrap();
    assert!(!system.hold_outbox("a", NOW + 17, NOW + 30).await.unwrap());
    system.let_go_of_outbox("b").await.unwrap();
    assert!(system.hold_outbox("a", NOW + 17, NOW + 30).await.unwrap());
}
