//! Calls and lists of them.

use trunkline::ids::{ClientId, new_id};
use trunkline::store::calls::{CallEnd, CallFilter, CallStatus, ConsentState, NewCall};
use trunkline::store::consents::Withdrawal;
use trunkline::store::{Cursor, StoreError};
use trunkline_core::consent::{Mode, Refusal};
use trunkline_core::token::Direction;

use super::bench::{Bench, NOW, hash, number, sealed};

super::on_both!(
    a_call_goes_from_queued_to_ended,
    another_clients_call_does_not_exist,
    every_filter_alone_and_with_others,
    pages_are_stable_while_calls_come_in,
    a_withdrawal_holds_at_once,
);

pub(super) fn new_call(created_ms: i64) -> NewCall {
    NewCall {
        id: new_id("call"),
        agent_id: "agent_1".into(),
        agent_version: 3,
        direction: Direction::Outbound,
        status: CallStatus::Queued,
        created_ms,
        from: Some(number(1)),
        to: Some(number(2)),
        subject_id: Some("sub_1".into()),
        consent_mode: Some(Mode::Affirmative),
        rules: Some("us@abc".into()),
        sealed_key: None,
        carrier: None,
        carrier_call_id: None,
        metadata: Some(sealed("{}")),
    }
}

async fn a_call_goes_from_queued_to_ended(bench: Bench) {
    let calls = bench.store.calls();
    let new = new_call(NOW);
    calls.add(&bench.ours, &new).await.unwrap();
    let twice = calls.add(&bench.ours, &new).await;
    assert!(matches!(twice, Err(StoreError::Conflict)));
    let call = calls.find(&bench.ours, &new.id).await.unwrap().unwrap();
    assert_eq!(
        (call.direction, call.consent_mode),
        (new.direction, new.consent_mode)
    );
    assert_eq!((call.from, call.to), (new.from.clone(), new.to.clone()));
    assert_eq!(
        (call.metadata, call.revision, call.agent_version),
        (new.metadata.clone(), 1, 3)
    );
    assert_eq!(
        (call.status, call.consent_state),
        (CallStatus::Queued, ConsentState::Undecided)
    );

    assert!(calls.ringing(&bench.ours, &new.id).await.unwrap());
    assert!(!calls.ringing(&bench.ours, &new.id).await.unwrap());
    assert!(
        calls
            .placed(&bench.ours, &new.id, "twilio", "CA1")
            .await
            .unwrap()
    );
    let of_carrier = bench
        .store
        .system()
        .call_of_carrier("twilio", "CA1")
        .await
        .unwrap();
    assert_eq!(of_carrier, Some((bench.ours.clone(), new.id.clone())));
    assert!(
        calls
            .answered(&bench.ours, &new.id, NOW + 500)
            .await
            .unwrap()
    );
    assert!(
        !calls
            .answered(&bench.ours, &new.id, NOW + 900)
            .await
            .unwrap()
    );
    assert!(
        calls
            .recorded(&bench.ours, &new.id, 4_000, true)
            .await
            .unwrap()
    );
    let end = CallEnd {
        outcome: Some("answered_human".into()),
        ended_by: Some("caller".into()),
        ended_reason: None,
    };
    assert!(
        calls
            .ended(&bench.ours, &new.id, NOW + 2_500, &end)
            .await
            .unwrap()
    );
    let later = CallEnd {
        ended_reason: Some("goodbye".into()),
        ..CallEnd::default()
    };
    assert!(
        calls
            .ended(&bench.ours, &new.id, NOW + 9_999, &later)
            .await
            .unwrap()
    );
    assert!(!calls.answered(&bench.ours, &new.id, NOW).await.unwrap());

    let call = calls.find(&bench.ours, &new.id).await.unwrap().unwrap();
    assert_eq!(
        (call.status, call.ended_ms, call.duration_ms),
        (CallStatus::Ended, Some(NOW + 2_500), Some(2_000))
    );
    assert_eq!(
        (call.outcome, call.ended_by, call.ended_reason),
        (end.outcome, end.ended_by, later.ended_reason)
    );
    assert_eq!((call.recorded_ms, call.has_recording), (4_000, true));
    assert_eq!(
        (call.subject_id.as_deref(), call.sealed_key),
        (Some("sub_1"), None)
    );
    let metadata = calls
        .set_metadata(&bench.ours, &new.id, call.revision, None)
        .await
        .unwrap();
    assert_eq!(metadata, call.revision + 1);
    let stale = calls
        .set_metadata(&bench.ours, &new.id, call.revision, None)
        .await;
    assert!(matches!(stale, Err(StoreError::Stale { .. })));
}

async fn another_clients_call_does_not_exist(bench: Bench) {
    let calls = bench.store.calls();
    let new = new_call(NOW);
    calls.add(&bench.ours, &new).await.unwrap();
    let (theirs, id) = (&bench.theirs, &new.id);
    assert_eq!(calls.find(theirs, id).await.unwrap(), None);
    let filter = CallFilter::default();
    assert_eq!(calls.list(theirs, &filter, None, 9).await.unwrap().data, []);
    assert!(!calls.ringing(theirs, id).await.unwrap());
    assert!(!calls.answered(theirs, id, NOW).await.unwrap());
    assert!(!calls.placed(theirs, id, "twilio", "CA9").await.unwrap());
    assert!(!calls.unkept(theirs, id).await.unwrap());
    assert!(!calls.ended_unkept(theirs, id, NOW, "asked").await.unwrap());
    assert!(!calls.end_lost(theirs, id).await.unwrap());
    assert!(
        !calls
            .ended(theirs, id, NOW, &CallEnd::default())
            .await
            .unwrap()
    );
    assert!(!calls.recorded(theirs, id, 1, true).await.unwrap());
    let metadata = calls.set_metadata(theirs, id, 1, None).await;
    assert!(matches!(metadata, Err(StoreError::Missing { .. })));
    let withdrawal = withdrawal(false);
    bench
        .store
        .consents()
        .withdraw(theirs, id, &withdrawal)
        .await
        .unwrap();
    assert_eq!(
        bench
            .store
            .consents()
            .withdrawal(&bench.ours, id)
            .await
            .unwrap(),
        None
    );
    let ours = calls.find(&bench.ours, id).await.unwrap().unwrap();
    assert_eq!(
        (ours.status, ours.revision, ours.consent_state),
        (CallStatus::Queued, 1, ConsentState::Undecided)
    );
}

/// One call of every sort: what a filter must let through is found by looking at each.
async fn every_filter_alone_and_with_others(bench: Bench) {
    let mut all = Vec::new();
    for (n, agent) in (0_u8..).zip(["agent_1", "agent_2"]) {
        for direction in [Direction::Inbound, Direction::Outbound] {
            for status in [CallStatus::Queued, CallStatus::Ended] {
                for withdrawn in [false, true] {
                    let created_ms = NOW + i64::try_from(all.len()).unwrap();
                    let new = NewCall {
                        agent_id: agent.into(),
                        direction,
                        status,
                        from: Some(number(n)),
                        to: (n == 0).then(|| number(7)),
                        ..new_call(created_ms)
                    };
                    bench.store.calls().add(&bench.ours, &new).await.unwrap();
                    bench
                        .store
                        .calls()
                        .add(
                            &bench.theirs,
                            &NewCall {
                                id: new_id("call"),
                                ..new.clone()
                            },
                        )
                        .await
                        .unwrap();
                    if withdrawn {
                        bench
                            .store
                            .consents()
                            .withdraw(&bench.ours, &new.id, &withdrawal(false))
                            .await
                            .unwrap();
                    }
                    all.push(
                        bench
                            .store
                            .calls()
                            .find(&bench.ours, &new.id)
                            .await
                            .unwrap()
                            .unwrap(),
                    );
                }
            }
        }
    }
    all.reverse();
    let mut shown = 0;
    for bits in 0_u32..256 {
        let on = |bit: u32| bits & (1 << bit) != 0;
        let filter = CallFilter {
            agent_id: on(0).then(|| "agent_1".to_owned()),
            direction: on(1).then_some(Direction::Inbound),
            consent: on(2).then_some(ConsentState::Withdrawn),
            status: on(3).then_some(if on(0) {
                CallStatus::Queued
            } else {
                CallStatus::Ended
            }),
            from_index: on(4).then(|| hash(1)),
            to_index: on(5).then(|| hash(7)),
            created_from_ms: on(6).then_some(NOW + 2),
            created_until_ms: on(7).then_some(NOW + 13),
        };
        let expected = all.iter().filter(|call| {
            filter
                .agent_id
                .as_ref()
                .is_none_or(|agent| *agent == call.agent_id)
                && filter
                    .direction
                    .is_none_or(|direction| direction == call.direction)
                && filter
                    .consent
                    .is_none_or(|consent| consent == call.consent_state)
                && filter.status.is_none_or(|status| status == call.status)
                && filter
                    .from_index
                    .is_none_or(|index| call.from.as_ref().is_some_and(|n| n.index == index))
                && filter
                    .to_index
                    .is_none_or(|index| call.to.as_ref().is_some_and(|n| n.index == index))
                && filter
                    .created_from_ms
                    .is_none_or(|ms| call.created_ms >= ms)
                && filter
                    .created_until_ms
                    .is_none_or(|ms| call.created_ms < ms)
        });
        let expected: Vec<_> = expected.cloned().collect();
        let page = bench
            .store
            .calls()
            .list(&bench.ours, &filter, None, 100)
            .await
            .unwrap();
        assert_eq!(page.data, expected, "{filter:?}");
        shown += expected.len();
    }
    assert!(
        shown > 500,
        "the filters let too little through to prove anything: {shown}"
    );
}

async fn pages_are_stable_while_calls_come_in(bench: Bench) {
    let mut expected = Vec::new();
    for n in 0..9 {
        let new = new_call(NOW + n / 3);
        bench.store.calls().add(&bench.ours, &new).await.unwrap();
        expected.push((new.created_ms, new.id));
    }
    expected.sort();
    expected.reverse();
    let filter = CallFilter {
        agent_id: Some("agent_1".into()),
        ..CallFilter::default()
    };
    let mut seen = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let page = bench
            .store
            .calls()
            .list(&bench.ours, &filter, after.as_ref(), 2)
            .await
            .unwrap();
        assert!(page.data.len() <= 2);
        seen.extend(page.data.into_iter().map(|call| (call.created_ms, call.id)));
        bench
            .store
            .calls()
            .add(&bench.ours, &new_call(NOW + 50))
            .await
            .unwrap();
        // Through the text that a client holds.
        after = page.next.map(|next| Cursor::parse(&next.encode()).unwrap());
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);
}

fn withdrawal(erase: bool) -> Withdrawal {
    Withdrawal {
        at_ms: 1_000,
        class: Refusal::Objected,
        erase,
        noted_ms: NOW,
    }
}

async fn a_withdrawal_holds_at_once(bench: Bench) {
    let (calls, consents) = (bench.store.calls(), bench.store.consents());
    let new = new_call(NOW);
    calls.add(&bench.ours, &new).await.unwrap();
    consents
        .withdraw(&bench.ours, &new.id, &withdrawal(false))
        .await
        .unwrap();
    let other = trunkline::store::Store::open(&bench.config).await.unwrap();
    let found = other
        .calls()
        .find(&bench.ours, &new.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.consent_state, ConsentState::Withdrawn);
    other.close().await;
    consents
        .withdraw(&bench.ours, &new.id, &withdrawal(true))
        .await
        .unwrap();
    consents
        .withdraw(&bench.ours, &new.id, &withdrawal(false))
        .await
        .unwrap();
    let noted = consents
        .withdrawal(&bench.ours, &new.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        noted,
        withdrawal(true),
        "once what was stored has to go, it has to go"
    );
    assert_eq!(
        consents
            .withdrawal(&ClientId::new(), &new.id)
            .await
            .unwrap(),
        None
    );
}
