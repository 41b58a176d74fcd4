//! A call that is held by a model that hears and speaks: the same consent, the same record.

use serde_json::Value;
use trunkline_core::journal::{SILENCE, Speaker as Who};

use super::consent::ASKS;
use super::rig::{House, Plot, QUESTION, hear_out};
use crate::session::rig::{heard, speech};
use crate::session::speaker::{Reply, Speaker};

const WISH: &str = "I need an appointment on Wednesday";
const ANSWER: &str = "Wednesday is free. At nine or at ten?";
const BYE: &str = "Goodbye then, until Wednesday.";

fn agent() -> String {
    format!(
        r#"
name = "Robinson"
business = "Wintergreen Orthodontics"
prompt = "You are Robinson."
greeting = "What can I do for you?"
[turn]
drafts_max = 0
[realtime]
[recording]
record = true
reason = "to improve our treatment"
places = ["US-NY"]
{ASKS}
"#
    )
}

#[tokio::test(start_paused = true)]
async fn nothing_from_before_consent_is_kept_or_given_to_the_model_as_sound() {
    let speaker = Speaker::open(false, [Reply::Says(ANSWER), Reply::Goodbye(BYE)]).await;
    let house = House::build(Plot {
        realtime: Some(speaker.chosen()),
        ..Plot::of(agent())
    })
    .await;
    let (call_id, mut call) = house.call().await;
    hear_out(&mut call).await;
    assert!(
        speaker.came("response.create").is_empty(),
        "no mind is asked yet"
    );
    call.speak(speech("yes please")).await.unwrap();
    for words in [WISH, "At nine please"] {
        call.wait_for_answer().await.unwrap();
        call.wait_until_agent_quiet(900).await.unwrap();
        call.speak(speech(words)).await.unwrap();
    }
    call.wait_until_over().await;
    let record = house.finish(call).await;
    let heard = heard(&record);
    assert!(heard.contains(QUESTION), "{heard}");
    let end = format!("What can I do for you? {ANSWER} {BYE}");
    assert!(
        heard.to_uppercase().ends_with(&end.to_uppercase()),
        "{heard}"
    );
    assert!(
        heard.ends_with(&BYE.to_uppercase()),
        "in its own voice: {heard}"
    );

    let kept = house.kept(&call_id).await;
    assert_eq!(kept.said(Who::Caller), [WISH, "At nine please"]);
    assert_eq!(
        kept.said(Who::Agent).join(" ").to_uppercase(),
        heard.to_uppercase()
    );
    let granted = kept.granted_at();
    assert!(kept.caller[..granted].iter().all(|byte| *byte == SILENCE));
    assert_eq!(kept.agent_words(), heard, "the sound of both voices");

    // It heard the yes as a recogniser does; as a mind it knows nothing of it.
    assert_eq!(speaker.heard(), ["yes please", WISH, "At nine please"]);
    let creates = speaker.came("response.create");
    let texts = creates[0]["response"]["input"].to_string();
    assert!(!texts.contains("yes please"), "{texts}");
    let references = |create: &Value| {
        let items = create["response"]["input"].as_array().unwrap();
        let is = |item: &&Value| item["type"] == "item_reference";
        items.iter().filter(is).count()
    };
    assert_eq!((references(&creates[0]), references(&creates[1])), (1, 3));
    let deleted = &speaker.came("conversation.item.delete")[0]["item_id"];
    assert_ne!(
        *deleted,
        creates[0]["response"]["input"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()["id"]
    );
    assert_eq!(speaker.errors(), Vec::<Value>::new());
}
