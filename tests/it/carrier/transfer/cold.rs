//! The caller is sent to the person's number, and comes back if nobody answers.

use trunkline_core::wire::twilio::webhook::Status;

use super::*;
use crate::carrier::rig::NUMBER;

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_sent_to_somebody_talks_to_them() {
    let mut scene = Scene::set("cold", Callee::Answers).await;
    scene
        .until("they talk", |calls| {
            calls.len() == 2 && calls.iter().all(|call| call.status == Status::InProgress)
        })
        .await;
    let record = scene.caller.finish().await.unwrap();
    assert!(heard(&record).ends_with(COLD_WORDS), "{}", heard(&record));
    assert_eq!(record.violations, []);
    let desk = scene.town.carrier.calls()[1].clone();
    assert_eq!((&*desk.from, &*desk.to), (NUMBER, DESK));
    scene.town.carrier.hang_up(&desk.sid).await;
    assert!(unhurried(scene.town.carrier.is_over_within(&scene.sid, PATIENCE)).await);
    let (row, events, kept) = kept(&scene.town).await;
    assert_eq!(row["ended_reason"], "transferred");
    assert_eq!(transfers(&events)[1], "kind=cold outcome=put_through");
    assert_eq!(kept[0].outcome.as_deref(), Some("put_through"));
}

/// They come back into the same call: what was said stands, and what they say then is answered.
#[tokio::test(start_paused = true)]
async fn a_caller_who_is_sent_to_nobody_comes_back() {
    for (callee, end) in [
        (Callee::Busy, "busy"),
        (Callee::Away, "no_answer"),
        (Callee::Unreachable, "unreachable"),
    ] {
        let mut scene = Scene::set("cold", callee).await;
        scene
            .until("somebody is called", |calls| calls.len() == 2)
            .await;
        let answered = unhurried(timeout(PATIENCE, scene.town.carrier.answered())).await;
        let (sid, back) = answered.expect("the caller is not back").unwrap();
        assert_eq!(sid, scene.sid);
        let before = std::mem::replace(&mut scene.caller, back)
            .finish()
            .await
            .unwrap();
        assert!(heard(&before).ends_with(COLD_WORDS), "{}", heard(&before));
        let (town, model, _) = scene.goes_on().await;
        assert_told(&model, end);
        let last = model.requests().pop().unwrap();
        assert!(last.contains(ASKS) && last.contains(TRIES), "{last}");
        let (row, events, kept) = kept(&town).await;
        assert_eq!(row["ended_reason"], "agent_hung_up");
        assert_eq!(transfers(&events)[1], format!("kind=cold outcome={end}"));
        assert_eq!(kept[0].outcome.as_deref(), Some(end));
        assert_eq!(town.rows().await.len(), 1, "it is one call");
    }
}
