//! A German agent: both sides of a transfer are spoken to in German, by the agent's voice and by the carrier's.

use tokio::sync::watch;

use trunkline::carrier_double::rest::Delivery;

use super::*;
use crate::carrier::vendors;

const ASKS: &str = "Kann ich mit einem Menschen sprechen?";
const TRIES: &str = "Ich frage an der Rezeption nach.";
const WARM_WORDS: &str = "Am anderen Ende ist jetzt jemand. Ich verbinde Sie.";
const BRIEFED: &str = "Guten Tag, hier ist Robin, die KI-Assistenz von Oak. Jemand am Telefon möchte mit Ihnen sprechen. Ann \
                       möchte eine Rechnung bezahlen. Drücken Sie 1, um das Gespräch anzunehmen, oder 2, um es abzulehnen.";
const WANTED: &str = r#"{"target":"desk","summary":"Ann möchte eine Rechnung bezahlen."}"#;

fn clerk() -> Value {
    json!({
        "name": "Robin", "business": "Oak", "prompt": "Du bist Robin.", "greeting": "Wie kann ich helfen?",
        "language": "de", "turn": { "drafts_max": 0 },
        "transfers": [{ "name": "desk", "description": "Die Rezeption.", "to": DESK }],
    })
}

async fn german(answers: Vec<Answer>) -> Scene {
    let model = Model::open(answers).await;
    let town = unhurried(async {
        let town = vendors::town(watch::Sender::default(), &model.settings.base_url).await;
        town.answer_by(&clerk()).await;
        town
    })
    .await;
    Scene::in_town(town, model, ASKS, []).await
}

#[tokio::test(start_paused = true)]
async fn both_sides_of_a_german_transfer_are_spoken_to_in_german() {
    let call = Answer::Calls(TRIES, vec![("transfer", WANTED)]);
    let mut scene = german(vec![call, Answer::Words(vec!["Einen Augenblick."], 0)]).await;
    let (desk_sid, mut desk) = scene.picked_up().await;
    desk.wait_agent_speaking_ms(100).await.unwrap();
    desk.wait_until_agent_quiet(1_000).await.unwrap();
    // They are gone before they are in the room, so that the carrier has to say something too.
    let changes = [Some(Fault::HangsUp)];
    scene.town.carrier.order_changes(changes);
    scene.town.carrier.delivery(Delivery::Lost);
    desk.press('1').await.unwrap();
    scene
        .until("nobody is left", |calls| {
            calls.iter().all(|call| call.status.is_final())
        })
        .await;
    let said = scene.call(&scene.sid).said;
    let gone = "Die andere Seite hat aufgelegt. Auf Wiederhören.";
    assert_eq!(said.as_deref(), Some(gone));
    assert_eq!(scene.call(&desk_sid).said, None);
    let words = heard(&scene.caller.finish().await.unwrap());
    assert!(
        words.contains(TRIES) && words.ends_with(WARM_WORDS),
        "{words}"
    );
    let words = heard(&desk.finish().await.unwrap());
    assert!(words.starts_with(BRIEFED), "{words}");
}

/// Whoever declines, and whoever presses nothing.
#[tokio::test(start_paused = true)]
async fn a_german_person_who_does_not_take_the_call_is_said_goodbye_to_in_german() {
    for (key, last) in [
        (Some('2'), "In Ordnung. Auf Wiederhören."),
        (None, "Es wurde keine Taste gedrückt. Auf Wiederhören."),
    ] {
        let call = Answer::Calls(TRIES, vec![("transfer", WANTED)]);
        let mut scene = german(vec![call, Answer::Words(vec!["Einen Augenblick."], 0)]).await;
        let (_, mut desk) = scene.picked_up().await;
        desk.wait_agent_speaking_ms(500).await.unwrap();
        if let Some(key) = key {
            desk.press(key).await.unwrap();
        }
        desk.wait_until_over().await;
        let words = heard(&desk.finish().await.unwrap());
        assert!(words.ends_with(last), "{words}");
        let held = scene.caller.finish().await.unwrap();
        let words = heard(&held);
        // Somebody who waits in silence hears of it in their language.
        assert_eq!(
            words.contains("für Sie zu erreichen."),
            key.is_none(),
            "{words}"
        );
    }
}
