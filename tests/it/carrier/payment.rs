//! A card is paid with in a call, by its keys, and another is read aloud. Afterwards the digits are looked for wherever
//! anything of the call is: they are at the client's own payment server, and nowhere else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use trunkline::carrier_double::{Carrier, Speech};
use trunkline::egress::Egress;
use trunkline::metrics;
use trunkline::stack::Defaults;
use trunkline::tools::{OwnTool, ToolSecret};
use trunkline::traces::{Traces, TracesSettings};
use trunkline_core::call::Note;
use trunkline_media::FRAME;
use trunkline_media::dtmf::{DtmfDetector, ToneSettings, tones_mulaw};
use trunkline_media::g711::mulaw_decode;
use trunkline_media::gate::level_dbfs;

use super::rig::{Town, converse};
use crate::session::logs::Log;
use crate::session::model::{Answer, Model};
use crate::session::rig::{heard, speech, unhurried};
use crate::session::tongue;
use crate::session::tool_server::{Reply, ToolServer};

/// Keyed in.
const CARD: &str = "4539578763621486";
const CODE: &str = "9071";
/// Read aloud.
const READ: &str = "5425233430109903";
const GOODBYE: &str = "Goodbye then.";

fn teller() -> Value {
    json!({
        "name": "Robin", "business": "Oak", "prompt": "You are Robin.", "greeting": "How can I help you?",
        "recording": { "record": true, "mode": "affirmative", "places": ["US-NY"] },
        "turn": { "drafts_max": 0 }, "tools": ["pay"],
    })
}

fn pay(base_url: &str) -> OwnTool {
    let document = json!({
        "name": "pay", "description": "Takes a card.", "url": format!("{base_url}/pay"),
        "arguments": { "type": "object", "properties": { "invoice": { "type": "string" } } },
        "keys": [
            { "field": "card_number", "prompt": "Key in your card.", "digits": [13, 16], "check": "luhn" },
            { "field": "card_code", "prompt": "And its code.", "digits": [3, 4] },
        ],
    });
    OwnTool {
        document: serde_json::from_value(document).unwrap(),
        secret: ToolSecret::default(),
    }
}

/// A collector of traces: all that it was sent.
async fn collector() -> (Traces, ToolServer) {
    let server = ToolServer::open([Reply::Fine("{}".into(), 0)]).await;
    let settings = TracesSettings {
        endpoint: format!("{}/", server.base_url),
        headers: Vec::new(),
        sample_ratio: 1.0,
        service_name: "desk".into(),
    };
    let traces = Traces::start(&Egress::default(), &settings).unwrap().0;
    (traces, server)
}

/// Presses these as a telephone does whose tones are on the line too, and says each aloud.
async fn press_aloud(line: &mut Carrier, keys: &str) {
    for key in keys.chars() {
        line.press(key).await.unwrap();
        let tones = tones_mulaw(&key.to_string(), &ToneSettings::default()).unwrap();
        line.speak(Speech::mulaw(tones)).await.unwrap();
    }
}

/// The keys that sound in some audio.
fn keys_in(samples: &[i16]) -> String {
    let mut detector = DtmfDetector::default();
    let mut found = String::new();
    for frame in samples.as_chunks::<FRAME>().0 {
        found.extend(detector.push(frame, level_dbfs(frame)).key);
    }
    found
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, into),
            false => into.push(path),
        }
    }
}

/// What must not be found: each card's number and any six digits of it in a row but the first, the code, and how the groups
/// are said.
fn needles() -> Vec<String> {
    let mut needles = vec![format!("\"{CODE}"), format!(" {CODE}"), format!(":{CODE}")];
    for card in [CARD, READ] {
        needles.extend((1..=card.len() - 6).map(|at| card[at..at + 6].to_owned()));
        let groups: Vec<&str> = (0..4).map(|at| &card[at * 4..at * 4 + 4]).collect();
        needles.extend(groups.windows(2).map(|two| two.join(" ")));
        needles.extend(groups.windows(2).map(|two| two.join("-")));
    }
    needles
}

fn assert_clean(what: &str, bytes: &[u8]) {
    for needle in needles() {
        let mut windows = bytes.windows(needle.len());
        assert!(
            !windows.any(|window| window == needle.as_bytes()),
            "{needle:?} is in {what}: {:.2000}",
            String::from_utf8_lossy(bytes)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cards_digits_are_at_the_payment_server_and_nowhere_else() {
    let log = Log::start();
    let recorder = metrics::recorder().unwrap();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let model = Model::open([
        Answer::Calls("I take your card.", vec![("pay", r#"{"invoice":"A-7"}"#)]),
        Answer::Words(vec!["It is paid."], 0),
        Answer::Words(vec!["Thank you."], 0),
        Answer::Goodbye(GOODBYE),
    ])
    .await;
    // A server that repeats what it was told.
    let answer = json!({
        "receipt": "K-17", "card": CARD, "again": format!("{} (cvc {CODE})", &CARD[..16]),
        "number": CARD.parse::<u64>().unwrap(),
    });
    let server = ToolServer::open([Reply::Fine(answer.to_string(), 300)]).await;
    let (traces, collected) = collector().await;
    let town = unhurried(async {
        let defaults = Defaults {
            chat: Some(model.settings.clone()),
            tools: [("pay".to_owned(), pay(&server.base_url))].into(),
            ..Defaults::default()
        };
        let town = Town::equipped(defaults).await;
        town.answer_by(&teller()).await;
        town
    })
    .await;
    let app = std::sync::Arc::clone(&town.api.app);
    app.traces.get_or_init(|| traces.clone());
    town.api.ears.keep();
    let (mut feed, mut watched) = (app.feed.subscribe(), app.feed.subscribe());

    let mut line = town.rung().await;
    converse(&mut line, &["yes please", "I want to pay A-7."]).await;
    // The first key comes into the prompt, and half of the number is said aloud as well.
    while !matches!(watched.recv().await.unwrap().note, Note::ToolBegun { .. }) {}
    line.wait_agent_speaking_ms(200).await.unwrap();
    press_aloud(&mut line, &CARD[..8]).await;
    line.speak(speech(&format!("{} {}", &CARD[8..12], &CARD[12..])))
        .await
        .unwrap();
    press_aloud(&mut line, &CARD[8..]).await;
    line.wait_agent_speaking_ms(200).await.unwrap();
    press_aloud(&mut line, &format!("{CODE}#")).await;
    line.wait_for_answer().await.unwrap();
    line.wait_until_agent_quiet(900).await.unwrap();
    // The other one comes in two pieces.
    line.speak(speech("My other card is 5425 2334 30"))
        .await
        .unwrap();
    line.stay_silent(600).await.unwrap();
    line.speak(speech("10 9903, thanks.")).await.unwrap();
    line.wait_for_answer().await.unwrap();
    line.wait_until_agent_quiet(900).await.unwrap();
    line.speak(speech("That is all.")).await.unwrap();
    line.wait_until_over().await;
    let record = line.finish().await.unwrap();
    let words = heard(&record);
    assert!(
        words.contains("It is paid.") && words.ends_with(GOODBYE),
        "{words}"
    );

    // At the client's server, once.
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(
        requests[0].json()["arguments"],
        json!({ "invoice": "A-7", "card_number": CARD, "card_code": CODE })
    );

    town.written().await;
    let kept = unhurried(async {
        traces.flush(Duration::from_secs(5)).await;
        let call_id = town.rows().await.pop().unwrap().id;
        let call = format!("/v1/calls/{call_id}");
        let mut kept = Vec::new();
        for of in [
            "",
            "/transcript",
            "/transcript?format=text",
            "/transcript?format=vtt",
            "/consent",
            "/events",
        ] {
            let answer = town.api.get(&town.who, &format!("{call}{of}")).await;
            assert_eq!(answer.status, 200, "{of}: {answer:?}");
            kept.push((of.to_owned(), answer.bytes.to_vec()));
        }
        let reading = app
            .desk
            .journals
            .read(&town.who.client, &call_id)
            .await
            .unwrap();
        let sound = reading.audio(0, reading.samples().unwrap()).unwrap();
        let entries = serde_json::to_string(&reading.contents().unwrap().entries).unwrap();
        kept.push(("the journal".into(), entries.into_bytes()));
        (kept, sound.caller)
    })
    .await;
    let (kept, sound) = kept;
    for (what, bytes) in &kept {
        assert_clean(what, bytes);
    }
    let shown = |what: &str| {
        let found = kept.iter().find(|(name, _)| name == what);
        String::from_utf8(found.unwrap().1.clone()).unwrap()
    };
    let text = shown("/transcript?format=text");
    assert!(text.contains("[card number ending 9903]"), "{text}");
    assert!(
        text.contains(r#""receipt":"K-17""#) && text.contains("[withheld]"),
        "{text}"
    );
    let transcript: Value = serde_json::from_str(&shown("/transcript")).unwrap();
    let spans = transcript["not_kept"].as_array().unwrap();
    let long =
        |span: &&Value| span["to_ms"].as_u64().unwrap() - span["from_ms"].as_u64().unwrap() > 3_000;
    assert_eq!(spans.iter().filter(long).count(), 1, "{spans:?}");
    assert!(shown("/events").contains("keys_withheld"));

    // As sound: on the line, but neither recorded nor given to any stage.
    let recorded: Vec<i16> = sound.iter().map(|byte| mulaw_decode(*byte)).collect();
    let given = town.api.ears.given();
    assert!(keys_in(&record.caller()).contains(&CARD[..8]));
    for (what, samples, said) in [
        ("the recording", &recorded, tongue::words(&recorded)),
        (
            "what ears were given",
            &given.samples,
            given.words.join(" "),
        ),
    ] {
        assert_eq!(keys_in(samples), "", "{what}");
        assert!(!said.contains(&CARD[8..12]), "{what}: {said}");
        assert!(said.contains("That is all."), "{what}: {said}");
    }

    // What others got of it.
    for body in model.requests() {
        assert_clean("what the model was asked", body.as_bytes());
        assert!(
            !body.contains("card_number") && !body.contains("card_code"),
            "{body}"
        );
    }
    assert!(
        model
            .requests()
            .iter()
            .any(|body| body.contains("[card number ending 9903]"))
    );
    assert_clean(
        "what the voice was asked for",
        town.api.voice.asked().join("\n").as_bytes(),
    );
    let spans: Vec<String> = collected.requests().into_iter().map(|r| r.body).collect();
    assert!(!spans.is_empty());
    assert_clean("the traces", spans.join("\n").as_bytes());
    assert_clean("the metrics", recorder.handle().render().as_bytes());
    let notes: Vec<String> = std::iter::from_fn(|| feed.try_recv().ok())
        .map(|live| format!("{:?}", live.note))
        .collect();
    assert!(notes.len() > 20);
    assert_clean("the live notes", notes.join("\n").as_bytes());
    assert!(log.text().contains("tool used"));
    assert_clean("the log", log.text().as_bytes());

    let mut all = Vec::new();
    files(&town.api.data(), &mut all);
    assert!(all.len() > 3, "{all:?}");
    for file in all {
        assert_clean(&file.display().to_string(), &std::fs::read(&file).unwrap());
    }
}
