//! The person is called first: they accept, decline, are not there, are a machine, or are gone at the worst moment.

use trunkline::carrier_double::rest::Callee;
use trunkline_core::wire::twilio::webhook::Status;

use super::*;
use crate::carrier::rig::Counts;

#[tokio::test(start_paused = true)]
async fn a_person_who_accepts_is_joined_with_the_caller() {
    let counts = Counts::start();
    let mut scene = Scene::set("warm", Callee::Answers).await;
    let (desk_sid, mut desk) = scene.picked_up().await;
    desk.wait_agent_speaking_ms(100).await.unwrap();
    desk.wait_until_agent_quiet(1_000).await.unwrap();
    desk.press('1').await.unwrap();
    scene
        .until("both are in a room", |calls| {
            calls.iter().all(|call| call.room.is_some())
        })
        .await;
    let rooms = scene
        .town
        .carrier
        .calls()
        .into_iter()
        .map(|call| call.room.unwrap());
    let rooms: Vec<(String, bool)> = rooms.map(|room| (room.name, room.starts)).collect();
    assert_eq!(rooms.len(), 2);
    assert_eq!(rooms[0].0, rooms[1].0, "they are in different rooms");
    assert!(
        rooms.iter().any(|(_, starts)| *starts),
        "nobody opens the room"
    );
    let record = scene.caller.finish().await.unwrap();
    let words = heard(&record);
    assert!(words.contains(&format!("{TRIES} {MEANWHILE}")), "{words}");
    assert!(words.ends_with(WARM_WORDS), "{words}");
    assert_eq!(record.violations, []);
    let desk = desk.finish().await.unwrap();
    let words = heard(&desk);
    assert!(words.starts_with(BRIEFED), "{words}");
    assert_eq!(desk.violations, []);

    // The person hangs up: the caller is not left in the room.
    scene.town.carrier.hang_up(&desk_sid).await;
    for sid in [&desk_sid, &scene.sid] {
        assert!(unhurried(scene.town.carrier.is_over_within(sid, PATIENCE)).await);
    }
    let (row, events, kept) = kept(&scene.town).await;
    assert_eq!(row["ended_reason"], "transferred");
    assert_eq!(
        transfers(&events),
        ["kind=warm", "kind=warm outcome=put_through"]
    );
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].outcome.as_deref(), Some("put_through"));
    assert_eq!(
        (kept[0].is_open, &kept[0].person_leg),
        (false, &Some(desk_sid))
    );
    assert_eq!(counts.of("trunkline_transfers_total warm put_through"), 1);
    let placed = scene.town.carrier.asked();
    let placed = placed.iter().filter(|asked| asked.ends_with("/Calls.json"));
    assert_eq!(placed.count(), 1, "the person was called once");
}

#[tokio::test(start_paused = true)]
async fn a_person_who_declines_gives_the_caller_back_to_the_agent() {
    let mut scene = Scene::set("warm", Callee::Answers).await;
    let (desk_sid, mut desk) = scene.picked_up().await;
    desk.wait_agent_speaking_ms(1_000).await.unwrap();
    desk.press('2').await.unwrap();
    desk.wait_until_over().await;
    let words = heard(&desk.finish().await.unwrap());
    assert!(words.ends_with("All right. Goodbye."), "{words}");
    assert!(unhurried(scene.town.carrier.is_over_within(&desk_sid, PATIENCE)).await);
    let (town, model, record) = scene.goes_on().await;
    assert!(!heard(&record).contains(WARM_WORDS));
    assert_told(&model, "declined");
    let (row, events, kept) = kept(&town).await;
    assert_eq!(row["ended_reason"], "agent_hung_up");
    assert_eq!(
        transfers(&events),
        ["kind=warm", "kind=warm outcome=declined"]
    );
    assert_eq!(kept[0].outcome.as_deref(), Some("declined"));
    assert!(kept.iter().all(|transfer| !transfer.is_open));
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_take_the_call_is_told_of_by_name() {
    for (callee, end) in [
        (Callee::Busy, "busy"),
        (Callee::Away, "no_answer"),
        (Callee::Unreachable, "unreachable"),
        // It rings, and nobody ever says how it ends.
        (Callee::Waits, "no_answer"),
    ] {
        let scene = Scene::set("warm", callee).await;
        let (town, model, record) = scene.goes_on().await;
        assert_told(&model, end);
        let is_held = heard(&record).contains("Still trying.");
        assert_eq!(is_held, callee == Callee::Waits, "{}", heard(&record));
        let (_, events, kept) = kept(&town).await;
        assert_eq!(transfers(&events)[1], format!("kind=warm outcome={end}"));
        assert_eq!(kept[0].outcome.as_deref(), Some(end));
        // Nothing goes on ringing.
        let calls = town.carrier.calls();
        assert!(calls.iter().all(|call| call.status.is_final()), "{calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_never_takes_a_caller() {
    // The carrier finds out, or nobody presses a key.
    for (is_found_out, end) in [(true, "machine"), (false, "unconfirmed")] {
        let mut scene = Scene::set("warm", Callee::Answers).await;
        let (desk_sid, desk) = scene.picked_up().await;
        if is_found_out {
            let status = scene
                .town
                .carrier
                .tell_answered_by(&desk_sid, "machine_start");
            assert_eq!(unhurried(status).await, 204);
        }
        let (town, model, record) = scene.goes_on().await;
        assert!(!heard(&record).contains(WARM_WORDS));
        assert_told(&model, end);
        let words = heard(&desk.finish().await.unwrap());
        assert!(words.ends_with("Goodbye."), "{words}");
        let (_, events, _) = kept(&town).await;
        assert_eq!(transfers(&events)[1], format!("kind=warm outcome={end}"));
        assert_eq!(town.carrier.calls()[1].status, Status::Completed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_who_hangs_up_before_they_are_joined_loses_nobody() {
    for accepts in [false, true] {
        let mut scene = Scene::set("warm", Callee::Answers).await;
        let (_, mut desk) = scene.picked_up().await;
        desk.wait_agent_speaking_ms(500).await.unwrap();
        if accepts {
            desk.press('1').await.unwrap();
            // The caller hears that they are there.
            scene.caller.wait_agent_speaking_ms(300).await.unwrap();
        }
        desk.hang_up().await.unwrap();
        let (town, model, _) = scene.goes_on().await;
        assert_told(&model, "hung_up");
        let (row, events, _) = kept(&town).await;
        assert_eq!(transfers(&events)[1], "kind=warm outcome=hung_up");
        assert_eq!(row["ended_reason"], "agent_hung_up");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_leaves_nobody_waiting() {
    // While it rings, while the person listens, and while the caller hears that they are there.
    for moment in 0..3 {
        let callee = match moment {
            0 => Callee::Waits,
            _ => Callee::Answers,
        };
        let mut scene = Scene::set("warm", callee).await;
        let mut desk = None;
        if moment == 0 {
            scene.until("it rings", |calls| calls.len() == 2).await;
        } else {
            let (_, line) = scene.picked_up().await;
            let line = desk.insert(line);
            line.wait_agent_speaking_ms(500).await.unwrap();
        }
        if moment == 2 {
            desk.as_ref().unwrap().press('1').await.unwrap();
            scene.caller.wait_agent_speaking_ms(300).await.unwrap();
        }
        scene.caller.hang_up().await.unwrap();
        scene
            .until("both are over", |calls| {
                calls.iter().all(|call| call.status.is_final())
            })
            .await;
        if let Some(desk) = desk {
            let words = heard(&desk.finish().await.unwrap());
            assert!(
                words.ends_with("the caller has gone. Goodbye."),
                "{moment}: {words}"
            );
        }
        let (row, events, kept) = kept(&scene.town).await;
        assert_eq!(row["ended_reason"], "caller_hung_up", "{moment}");
        let last = *transfers(&events).last().unwrap();
        assert_eq!(last, "kind=warm outcome=caller_gone", "{moment}");
        assert_eq!(kept[0].outcome.as_deref(), Some("caller_gone"));
    }
}
