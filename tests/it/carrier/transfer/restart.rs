//! A carrier that does not answer, and a server that was gone: nobody is called twice, and nobody is left on a line.

use trunkline::transfer::recovery;
use trunkline_core::wire::twilio::webhook::Status;

use super::*;

/// Whether the carrier has called somebody may be unknown: then it is looked for, and nobody is called twice.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_calls_nobody_twice() {
    let mut scene = Scene::set_with("warm", Callee::Answers, [Fault::AnswerLost]).await;
    let (_, mut desk) = scene.picked_up().await;
    desk.wait_agent_speaking_ms(500).await.unwrap();
    desk.press('2').await.unwrap();
    let (town, model, _) = scene.goes_on().await;
    assert_told(&model, "declined");
    let placed = town.carrier.asked();
    let placed = placed
        .iter()
        .filter(|asked| asked.starts_with("POST") && asked.ends_with("/Calls.json"));
    assert_eq!(placed.count(), 1);
    drop(desk);
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_refuses_fails_the_transfer_alone() {
    let scene = Scene::set_with("warm", Callee::Answers, [Fault::TooMany(1)]).await;
    let (town, model, _) = scene.goes_on().await;
    assert_told(&model, "failed");
    assert_eq!(town.carrier.calls().len(), 1, "nobody was called");
}

/// A server that was killed while a person was being called ends that call when it starts, and calls nobody.
#[tokio::test(start_paused = true)]
async fn a_person_who_was_called_by_a_server_that_died_is_let_go() {
    let mut scene = Scene::set("warm", Callee::Answers).await;
    let (desk_sid, mut desk) = scene.picked_up().await;
    desk.wait_agent_speaking_ms(500).await.unwrap();
    // The row knows the person's leg.
    while open(&scene.town).await[0].person_leg.is_none() {
        scene.town.keep_up().await;
    }
    let before = scene.town.carrier.asked().len();
    // As a start would: the rows are all that is left.
    let count = unhurried(recovery::at_start(&scene.town.api.app)).await;
    assert_eq!(count.unwrap(), 1);
    scene
        .until("the person is let go", |calls| calls[1].status.is_final())
        .await;
    let asked = scene.town.carrier.asked();
    let placed = asked[before..]
        .iter()
        .filter(|asked| asked.ends_with("/Calls.json"));
    assert_eq!(placed.filter(|asked| asked.starts_with("POST")).count(), 0);
    assert_eq!(scene.call(&desk_sid).status, Status::Completed);
}
