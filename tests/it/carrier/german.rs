//! A German call, from its first ring to what is kept of it: the agent's own words, the consent to a recording, an answer, and "do not call
//! me again", heard by a vendor's recogniser and said by a vendor's voice.

use serde_json::{Value, json};
use tokio::sync::watch;
use trunkline::carrier_double::Ending;

use super::rig::{STRANGER, Town, converse};
use super::vendors::{self, Opened};
use crate::session::model::{Answer, Model};
use crate::session::rig::{heard, unhurried};

const OPENING: &str = "Guten Tag, hier ist Robin, die KI-Assistenz von Oak. Wir möchten dieses Gespräch zur \
                       Qualitätssicherung aufzeichnen und verschriftlichen. Sind Sie einverstanden? Bitte sagen Sie ja \
                       oder nein";
const THANKS: &str = "Danke, die Aufzeichnung läuft.";
const GREETING: &str = "Wie kann ich helfen?";
const YES: &str = "Ja, gerne.";
const ASKS: &str = "Wie lange haben Sie heute geöffnet?";
const ANSWER: &str = "Wir haben heute bis sechs Uhr geöffnet.";
const THAT_IS_ALL: &str = "Das war alles.";
const BYE: &str = "Bis bald.";
const OPTS_OUT: &str = "Rufen Sie mich bitte nicht mehr an.";
const OBEYED: &str = "Verstanden. Oak ruft Sie nicht mehr an. Auf Wiederhören.";
const OBJECTS: &str = "Bitte nicht aufzeichnen.";
const NOT_RECORDED: &str = "In Ordnung, dieses Gespräch wird nicht aufgezeichnet.";

fn robin() -> Value {
    json!({
        "name": "Robin", "business": "Oak", "prompt": "Du bist Robin.", "greeting": GREETING, "language": "de-DE",
        "recording": { "record": true, "mode": "affirmative", "places": ["US-NY"] },
        "turn": { "drafts_max": 0 },
    })
}

async fn town(model: &Model) -> (Town, watch::Receiver<Opened>) {
    let opened = watch::Sender::<Opened>::default();
    let seen = opened.subscribe();
    let town = unhurried(async {
        let town = vendors::town(opened, &model.settings.base_url).await;
        town.answer_by(&robin()).await;
        town
    })
    .await;
    (town, seen)
}

/// Whether the stranger's number may still be called.
async fn is_suppressed(town: &Town) -> bool {
    let listed = unhurried(town.api.get(&town.who, "/v1/suppressions")).await;
    let listed = listed.fine();
    let listed = listed["data"].as_array().unwrap();
    assert!(!listed.iter().any(|one| one.to_string().contains(STRANGER)));
    let asked = listed.iter().filter(|one| one["reason"] == "opt_out");
    asked.count() > 0
}

#[tokio::test(start_paused = true)]
async fn a_german_call_is_german_from_the_notice_to_the_goodbye() {
    let answers = [Answer::Words(vec![ANSWER], 0), Answer::Goodbye(BYE)];
    let model = Model::open(answers).await;
    let (town, seen) = town(&model).await;
    let mut line = town.rung().await;
    converse(&mut line, &[YES, ASKS, THAT_IS_ALL]).await;
    line.wait_until_over().await;
    let record = line.finish().await.unwrap();
    assert_eq!(record.violations, []);
    assert_eq!(record.ending, Ending::ServerClosed(Some(1000)));
    let words = heard(&record);
    assert!(words.starts_with(OPENING), "{words}");
    let rest = [THANKS, GREETING, ANSWER, BYE].join(" ");
    assert!(words.ends_with(&rest), "{words}");

    // What the vendors were told, and what they told.
    let seen = seen.borrow().clone();
    let [recogniser] = seen.recognisers()[..] else {
        panic!("{} recognisers", seen.recognisers().len());
    };
    let path = &recogniser.path;
    assert!(path.contains("language=de"), "{path}");
    for said in [YES, ASKS, THAT_IS_ALL] {
        assert!(recogniser.texts.iter().any(|text| text == said), "{said}");
    }
    let requests = model.requests();
    assert_eq!(requests.len(), 2, "it is asked nothing about the recording");
    assert!(requests[0].contains("German") && requests[0].contains(ASKS));
    assert!(!requests[0].contains(YES), "{}", requests[0]);

    town.written().await;
    let consent = town.shown("/consent").await.fine();
    let state = (&consent["mode"], &consent["state"], &consent["method"]);
    let said_yes = (&json!("affirmative"), &json!("granted"), &json!("said_yes"));
    assert_eq!(state, said_yes, "{consent}");
    let transcript = town.shown("/transcript").await.fine();
    let turns = transcript["turns"].as_array().unwrap().iter();
    let of = |speaker: &str| -> Vec<&str> {
        let turns = turns.clone().filter(|turn| turn["speaker"] == speaker);
        turns.map(|turn| turn["text"].as_str().unwrap()).collect()
    };
    assert_eq!(of("caller"), [ASKS, THAT_IS_ALL]);
    assert!(of("agent").concat().contains(ANSWER), "{transcript}");
    assert!(!is_suppressed(&town).await);
}

/// Whoever does not want to be called again is told so in German, is on the list, and takes back what they agreed to.
#[tokio::test(start_paused = true)]
async fn a_german_opt_out_ends_the_call_and_is_kept() {
    let model = Model::open([Answer::Words(vec![ANSWER], 0)]).await;
    let (town, _) = town(&model).await;
    let mut line = town.rung().await;
    converse(&mut line, &[YES, ASKS, OPTS_OUT]).await;
    line.wait_until_over().await;
    let words = heard(&line.finish().await.unwrap());
    let rest = [THANKS, GREETING, ANSWER, OBEYED].join(" ");
    assert!(words.ends_with(&rest), "{words}");
    assert_eq!(model.requests().len(), 1, "nobody else answers an opt-out");
    town.written().await;
    let row = town.shown("").await.fine();
    assert_eq!(row["ended_reason"], "opted_out", "{row}");
    let consent = town.shown("/consent").await.fine();
    let taken_back = (&consent["state"], &consent["withdrawal"]["class"]);
    assert_eq!(taken_back, (&json!("withdrawn"), &json!("opted_out")));
    assert!(is_suppressed(&town).await);
}

#[tokio::test(start_paused = true)]
async fn a_german_no_to_the_recording_is_heard_and_nothing_is_kept() {
    let model = Model::open([Answer::Words(vec![ANSWER], 0), Answer::Goodbye("Bis bald.")]).await;
    let (town, _) = town(&model).await;
    let mut line = town.rung().await;
    converse(&mut line, &[OBJECTS, ASKS, THAT_IS_ALL]).await;
    line.wait_until_over().await;
    let words = heard(&line.finish().await.unwrap());
    let rest = [NOT_RECORDED, GREETING, ANSWER, BYE].join(" ");
    assert!(words.ends_with(&rest), "{words}");
    town.written().await;
    let consent = town.shown("/consent").await.fine();
    assert_eq!(consent["state"], "refused", "{consent}");
    let transcript = town.shown("/transcript").await;
    let text = String::from_utf8_lossy(&transcript.bytes).into_owned();
    assert!(!text.contains(ASKS) && !text.contains(OBJECTS), "{text}");
    assert!(!is_suppressed(&town).await);
}
