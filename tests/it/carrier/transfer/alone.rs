//! Somebody leaves on the way into the room: the other does not wait there for nobody.

use trunkline::carrier_double::rest::Delivery;

use super::*;

/// The desk takes the call, and somebody is gone before both are there: the scene, and the desk's id.
async fn gone_on_the_way(
    changes: impl IntoIterator<Item = Option<Fault>>,
    delivery: Delivery,
) -> (Scene, String) {
    let mut scene = Scene::set("warm", Callee::Answers).await;
    let (desk_sid, mut desk) = scene.picked_up().await;
    desk.wait_agent_speaking_ms(500).await.unwrap();
    scene.town.carrier.delivery(delivery);
    scene.town.carrier.order_changes(changes);
    desk.press('1').await.unwrap();
    scene
        .until("nobody is left", |calls| {
            calls.iter().all(|call| call.status.is_final())
        })
        .await;
    (scene, desk_sid)
}

/// The carrier never tells that they are gone.
#[tokio::test(start_paused = true)]
async fn a_person_who_leaves_on_the_way_does_not_leave_the_caller_there() {
    let (scene, desk_sid) = gone_on_the_way([Some(Fault::HangsUp)], Delivery::Lost).await;
    let caller = scene.call(&scene.sid);
    assert_eq!(caller.said.as_deref(), Some(PERSON_GONE));
    assert_eq!(scene.call(&desk_sid).said, None);
    let (_, events, kept) = kept(&scene.town).await;
    assert_eq!(transfers(&events)[1], "kind=warm outcome=put_through");
    assert_eq!(kept[0].outcome.as_deref(), Some("put_through"));
    assert!(!kept[0].is_open);
}

/// It tells so before the caller is led away: they stay with the agent, who knows why.
#[tokio::test(start_paused = true)]
async fn nobody_is_led_to_a_person_who_is_known_to_be_gone() {
    for delivery in [Delivery::InOrder, Delivery::Twice] {
        let mut scene = Scene::set("warm", Callee::Answers).await;
        let (_, mut desk) = scene.picked_up().await;
        desk.wait_agent_speaking_ms(500).await.unwrap();
        scene.town.carrier.delivery(delivery);
        scene.town.carrier.order_changes([Some(Fault::HangsUp)]);
        desk.press('1').await.unwrap();
        let (town, model, _) = scene.goes_on().await;
        assert_told(&model, "hung_up");
        let (row, events, kept) = kept(&town).await;
        assert_eq!(row["ended_reason"], "agent_hung_up");
        assert_eq!(transfers(&events)[1], "kind=warm outcome=hung_up");
        assert_eq!(kept[0].outcome.as_deref(), Some("hung_up"));
        assert!(!kept[0].is_open, "{delivery:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_on_the_way_does_not_leave_the_person_there() {
    for delivery in [Delivery::InOrder, Delivery::Twice, Delivery::Lost] {
        let (scene, desk_sid) = gone_on_the_way([None, Some(Fault::HangsUp)], delivery).await;
        let desk = scene.call(&desk_sid);
        assert_eq!(desk.said.as_deref(), Some(CALLER_GONE), "{delivery:?}");
        assert_eq!(scene.call(&scene.sid).said, None, "{delivery:?}");
        let (_, _, kept) = kept(&scene.town).await;
        assert!(!kept[0].is_open, "{delivery:?}");
    }
}

/// The carrier does not lead the caller: they stay with the agent, and the person is told at once.
#[tokio::test(start_paused = true)]
async fn a_person_in_a_room_whose_caller_cannot_come_is_told_so() {
    let mut scene = Scene::set("warm", Callee::Answers).await;
    let (desk_sid, mut desk) = scene.picked_up().await;
    desk.wait_agent_speaking_ms(500).await.unwrap();
    // The second change of a call is the caller's.
    let busy = Some(Fault::TooMany(60));
    scene.town.carrier.order_changes([None, busy]);
    desk.press('1').await.unwrap();
    let (town, model, _) = scene.goes_on().await;
    assert_told(&model, "failed");
    assert!(unhurried(town.carrier.is_over_within(&desk_sid, PATIENCE)).await);
    let calls = town.carrier.calls();
    let desk = calls.iter().find(|call| call.sid == desk_sid).unwrap();
    assert_eq!(desk.said.as_deref(), Some(CALLER_GONE));
    let (row, events, kept) = kept(&town).await;
    assert_eq!(row["ended_reason"], "agent_hung_up");
    assert_eq!(transfers(&events)[1], "kind=warm outcome=failed");
    assert_eq!(kept[0].outcome.as_deref(), Some("failed"));
    assert!(!kept[0].is_open);
}

/// Whoever has accepted may press what they like: they are waited for.
#[tokio::test(start_paused = true)]
async fn keys_after_the_first_change_nothing() {
    let mut scene = Scene::set("warm", Callee::Answers).await;
    let (_, mut desk) = scene.picked_up().await;
    desk.wait_agent_speaking_ms(500).await.unwrap();
    for key in ['#', '1', '1', '1', '2', '*'] {
        desk.press(key).await.unwrap();
    }
    scene
        .until("both are in a room", |calls| {
            calls.iter().all(|call| call.room.is_some())
        })
        .await;
    let words = heard(&desk.finish().await.unwrap());
    assert!(words.contains("I am connecting you."), "{words}");
    assert!(!words.contains("Goodbye"), "{words}");
}
