//! "Don't call me again" is a suppression before the call is over.

use trunkline::carrier_double::CallSetup;
use trunkline::desk;
use trunkline::store::suppressions::Suppression;
use trunkline_core::consent::Refusal;
use trunkline_core::journal::Step;
use trunkline_core::phone::PhoneNumber;

use super::consent::ASKS;
use super::rig::{CLIENT, FROM, House, TO, ask, booker, hear_out};
use crate::session::rig::{heard, speech, unhurried};

async fn suppressed(house: &House, number: &str) -> Option<Suppression> {
    let number = PhoneNumber::parse(number).unwrap();
    let hash = desk::suppression_index(&house.keys, &number);
    let platform = house.desk().platform_suppression_index(&number);
    let suppressions = house.desk().store.suppressions();
    unhurried(suppressions.check(&house.client, &hash, &platform, None))
        .await
        .unwrap()
}

fn goodbye() -> String {
    format!("Understood. {CLIENT} will not call you again. Goodbye.")
}

#[tokio::test(start_paused = true)]
async fn an_opt_out_is_a_suppression_before_the_call_is_over() {
    for (words, after_yes) in [
        ("please don't call me again", true),
        ("stop calling me", false),
        ("9", true),
    ] {
        let house = House::open(booker(ASKS)).await;
        let (call_id, mut call) = house.call().await;
        hear_out(&mut call).await;
        if after_yes {
            ask(&mut call, "yes please").await;
        }
        assert_eq!(suppressed(&house, FROM).await, None);
        match words {
            "9" => call.press('9').await.unwrap(),
            _ => call.speak(speech(words)).await.unwrap(),
        }
        call.wait_agent_speaking_ms(500).await.unwrap();
        // The goodbye has only begun. The server's own threads take real time, and the call goes on meanwhile.
        house.settle().await;
        let found = loop {
            if let Some(found) = suppressed(&house, FROM).await {
                break found;
            }
            assert!(
                call.agent_is_playing(),
                "{words}: the call is over, and nothing is suppressed"
            );
            call.stay_silent(20).await.unwrap();
        };
        assert!(
            call.agent_is_playing(),
            "{words}: the goodbye is still being said"
        );
        assert!(house.desk().live.is_live(&house.client, &call_id));
        assert_eq!(
            (found.reason.as_str(), found.source.as_str()),
            ("opt_out", "call")
        );
        assert_eq!(found.call_id.as_deref(), Some(&*call_id));
        assert_eq!(
            suppressed(&house, TO).await,
            None,
            "the business may be called"
        );
        call.wait_until_over().await;
        let record = house.finish(call).await;
        assert!(heard(&record).ends_with(&goodbye()), "{}", heard(&record));

        let events = house.event_rows(&call_id).await;
        let opted_out: Vec<_> = events
            .iter()
            .filter(|event| event.kind == "opt_out")
            .collect();
        let means = if words == "9" {
            "means=key"
        } else {
            "means=words"
        };
        assert_eq!(opted_out.len(), 1, "{events:?}");
        assert_eq!(opted_out[0].detail, means);
        let row = house.row(&call_id).await;
        assert_eq!(row.ended_reason.as_deref(), Some("opted_out"));
        // What was promised is done: no mark says that it is still to be done.
        let marks = std::fs::read_dir(house.folder().join("data/journal/open"));
        assert_eq!(marks.unwrap().count(), 0);
        // Nothing of what they said stays.
        let kept = house.kept(&call_id).await;
        assert!(!kept.has_caller_sound());
        let last = house.consent_rows(&call_id).await.pop().unwrap();
        match after_yes {
            true => assert!(
                matches!(
                    last,
                    Step::Withdrawn {
                        class: Refusal::OptedOut,
                        ..
                    }
                ),
                "{last:?}"
            ),
            false => assert_eq!(
                last,
                Step::Refused {
                    class: Refusal::OptedOut
                }
            ),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_without_a_number_can_opt_out_too() {
    let house = House::open(booker(ASKS)).await;
    let mut claims = house.claims();
    claims.from = None;
    let (call_id, mut call) = house.call_as(claims, CallSetup::new(1)).await;
    hear_out(&mut call).await;
    call.speak(speech("please don't call me again"))
        .await
        .unwrap();
    call.wait_until_over().await;
    let record = house.finish(call).await;
    assert!(heard(&record).ends_with(&goodbye()), "{}", heard(&record));
    let events = house.event_rows(&call_id).await;
    assert!(
        events.iter().any(|event| event.kind == "opt_out"),
        "{events:?}"
    );
    let suppressions = house.desk().store.suppressions();
    let page = unhurried(suppressions.list(&house.client, None, None, 10)).await;
    assert_eq!(page.unwrap().data, []);
    // And the next call is held as ever.
    let (_, mut call) = house.call().await;
    hear_out(&mut call).await;
    drop(call);
}
