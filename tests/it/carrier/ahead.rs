//! What a call is held with is opened before its media socket comes, for that call alone, and let go if it does not come.

use std::str;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use trunkline::carrier_double::Carrier;
use trunkline::carrier_double::rest::{Callee, Fault, Rung};
use trunkline::reception::Which;
use trunkline::webhooks::Addresses;

use super::rig::{NUMBER, OTHER_NUMBER, SID, STRANGER, TOKEN, Town};
use super::vendors::{self, Opened, Seen};
use crate::api::rig::id;
use crate::session::rig::{heard, unhurried};

const TO: &str = "+12125550137";
const PATIENCE: Duration = Duration::from_secs(20);
/// What a caller hears first.
const GREETED: &str = "Hello, this is Robin, the AI assistant of Oak.";
const OPENING: &str = "Hello, this is Robin, the AI assistant of Oak, calling about your visit.";

/// A language model's endpoint that counts its connections and does nothing else.
async fn model(opened: watch::Sender<Opened>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(refuse(stream, opened.clone()));
        }
    });
    url
}

async fn refuse(mut stream: TcpStream, opened: watch::Sender<Opened>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let head = str::from_utf8(&head).unwrap().to_owned();
    opened.send_modify(|opened| opened.model.push(head));
    let answer = b"HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(answer).await.unwrap();
    // The connection stays, as one that somebody may use.
    let _ = stream.read_u8().await;
}

/// An agent with a prompt; everything that it needs is elsewhere.
fn chatter() -> Value {
    json!({
        "name": "Robin", "business": "Oak", "directions": ["inbound", "outbound"],
        "opening": { "purpose": "your visit" },
        "greeting": "How are you?", "prompt": "You are Robin.",
    })
}

/// A town whose calls are held with vendors; its agent, and what the vendors see.
async fn town() -> (Town, String, watch::Receiver<Opened>) {
    let opened = watch::Sender::<Opened>::default();
    let seen = opened.subscribe();
    let model = model(opened.clone()).await;
    let town = vendors::town(opened, &model).await;
    let agent_id = town.answer_by(&chatter()).await;
    (town, agent_id, seen)
}

/// The line of the next call that was answered.
async fn answered(town: &mut Town) -> Carrier {
    let answered = unhurried(timeout(PATIENCE, town.carrier.answered())).await;
    answered.expect("nobody answered").unwrap().1
}

/// Places a call that rings: the carrier's id of it, and ours.
async fn place(town: &Town, agent_id: &str) -> (String, String) {
    let call = json!({ "to": TO, "from": NUMBER, "agent_id": agent_id, "consent": { "form": "written", "source": "web_form" } });
    let made = unhurried(town.api.post(&town.who, "/v1/calls", &call)).await;
    let sid = town.carrier.calls().pop().unwrap().sid;
    (sid, id(&made.made()))
}

async fn until(seen: &mut watch::Receiver<Opened>, holds: impl Fn(&Opened) -> bool) -> Opened {
    let found = unhurried(timeout(PATIENCE, seen.wait_for(|opened| holds(opened)))).await;
    found.expect("it never was so").unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn what_a_call_needs_is_open_before_its_media_socket() {
    let (mut town, agent_id, mut seen) = unhurried(town()).await;
    town.carrier.callee(Callee::Waits);
    let (sid, _) = place(&town, &agent_id).await;
    let ringing = until(&mut seen, |opened| {
        let voiced = |seen: &&Seen| seen.texts.iter().any(|text| text == "Goodbye.");
        opened.model.len() == 1 && opened.voices().iter().any(voiced)
    })
    .await;
    assert!(
        ringing.recognisers().is_empty(),
        "nobody is there to be heard"
    );
    let head = ringing.model[0].to_lowercase();
    assert!(head.starts_with("head /v1/chat/completions"), "{head}");
    assert!(!head.contains("authorization"), "{head}");
    assert_eq!(ringing.voices()[0].texts[0], OPENING);

    town.carrier.pick_up(&sid);
    let mut line = answered(&mut town).await;
    line.wait_agent_speaking_ms(100).await.unwrap();
    line.wait_until_agent_quiet(700).await.unwrap();
    let words = heard(&line.finish().await.unwrap());
    assert!(words.starts_with(OPENING), "{words}");
    assert!(words.contains("How are you?"), "{words}");
    assert!(unhurried(town.carrier.is_over_within(&sid, PATIENCE)).await);
    let over = until(&mut seen, |opened| opened.open() == 0).await;
    let [voice] = over.voices()[..] else {
        panic!("{} voices", over.voices().len());
    };
    let [recogniser] = over.recognisers()[..] else {
        panic!("{} recognisers", over.recognisers().len());
    };
    // What was voiced while it rang is not voiced again.
    assert_eq!(
        voice.texts.iter().filter(|text| *text == OPENING).count(),
        1
    );
    assert!(recogniser.audio_bytes > 8_000, "{}", recogniser.audio_bytes);
    assert_eq!(town.api.app.ahead.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_stays_open_for_a_call_that_does_not_come() {
    let (town, agent_id, mut seen) = unhurried(town()).await;
    for callee in [Callee::Busy, Callee::Away, Callee::Unreachable] {
        town.carrier.callee(callee);
        let (sid, _) = place(&town, &agent_id).await;
        assert!(unhurried(town.carrier.is_over_within(&sid, PATIENCE)).await);
        assert_eq!(town.api.app.ahead.count(), 0, "{callee:?}");
        until(&mut seen, |opened| opened.open() == 0).await;
    }
    // It is taken back while it rings; the carrier takes nothing on; it rings for ever and nobody says so.
    town.carrier.callee(Callee::Waits);
    let (_, call_id) = place(&town, &agent_id).await;
    until(&mut seen, |opened| opened.open() == 1).await;
    let path = format!("/v1/calls/{call_id}/hangup");
    let told = unhurried(town.api.post(&town.who, &path, &Value::Null)).await;
    assert_eq!(told.status, 202);
    until(&mut seen, |opened| opened.open() == 0).await;
    assert_eq!(town.api.app.ahead.count(), 0);
    town.carrier.order([Fault::TooMany(9)]);
    place(&town, &agent_id).await;
    assert_eq!(town.api.app.ahead.count(), 0);
    until(&mut seen, |opened| opened.open() == 0).await;
    place(&town, &agent_id).await;
    until(&mut seen, |opened| opened.open() == 1).await;
    assert_eq!(town.api.app.ahead.count(), 1);
    tokio::time::sleep(Duration::from_secs(56)).await;
    assert_eq!(town.api.app.ahead.count(), 0);
    until(&mut seen, |opened| opened.open() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_gets_what_was_opened_for_it_and_nobody_elses() {
    let (town, _, mut seen) = unhurried(town()).await;
    let (api, app) = (&town.api, &town.api.app);
    // Another client with a number at the same carrier, whose call comes first and gets no further than its webhook.
    let (other, carrier_id) = unhurried(async {
        let other = api.client().await;
        let account = json!({
            "carrier": "twilio", "name": "Main", "secret": TOKEN, "settings": { "account_sid": SID },
        });
        let account = api.post(&other, "/v1/carrier-accounts", &account).await;
        let carrier_id = id(&account.made());
        let agent_id = id(&api.post(&other, "/v1/agents", &chatter()).await.made());
        let number = json!({
            "number": OTHER_NUMBER, "agent_id": agent_id, "carrier_account_id": carrier_id,
        });
        api.post(&other, "/v1/numbers", &number).await.made();
        let voice = Addresses::new("wss://trunkline.test", &carrier_id).voice(None);
        let pairs = [
            ("CallSid", "CAother"),
            ("AccountSid", SID),
            ("From", STRANGER),
            ("To", OTHER_NUMBER),
            ("Direction", "inbound"),
        ];
        // Asked twice, it is one call with one of each.
        assert_eq!(town.carrier.post(&voice, &pairs).await, 200);
        assert_eq!(town.carrier.post(&voice, &pairs).await, 200);
        (other, carrier_id)
    })
    .await;
    let first = until(&mut seen, |opened| {
        let begun = |voice: &&Seen| !voice.texts.is_empty();
        opened.open() == 2 && !opened.model.is_empty() && opened.voices().iter().all(begun)
    })
    .await;
    assert_eq!((first.voices().len(), first.recognisers().len()), (1, 1));
    assert_eq!(first.voices()[0].texts, [GREETED], "begun, and once");
    assert_eq!(app.ahead.count(), 1);

    let rung = unhurried(town.carrier.ring(STRANGER, NUMBER)).await;
    let Rung::Line(mut line) = rung else {
        panic!("the call was not taken: {rung:?}");
    };
    line.wait_agent_speaking_ms(100).await.unwrap();
    line.wait_until_agent_quiet(700).await.unwrap();
    let both = seen.borrow().clone();
    assert_eq!((both.voices().len(), both.recognisers().len()), (2, 2));
    assert_eq!(both.voices()[0].texts, [GREETED], "nothing more");
    let said = &both.voices()[1].texts;
    assert_eq!(said[0], GREETED);
    let times = said.iter().filter(|text| *text == GREETED).count();
    assert_eq!(times, 1, "what was begun is what is heard: {said:?}");
    let listened = both.recognisers().into_iter();
    let listened: Vec<bool> = listened.map(|seen| seen.audio_bytes > 8_000).collect();
    assert_eq!(listened, [false, true]);
    drop(line);
    until(&mut seen, |opened| opened.open() == 2).await;

    // What was opened for one client is closed rather than given to another.
    let awaited = app.awaited.of_carrier(&carrier_id, "CAother").unwrap();
    let keys = unhurried(app.desk.keys(&other.client)).await.unwrap();
    let (claims, call_id) = (&awaited.claims, &awaited.claims.call_id);
    let which = Which::of(claims, call_id);
    let agent = unhurried(app.reception.agent(&app.desk, &keys, &claims.agent, which)).await;
    let taken = app.ahead.take(call_id, &town.who.client, &agent.unwrap());
    assert!(taken.is_none());
    assert_eq!(app.ahead.count(), 0);
    until(&mut seen, |opened| opened.open() == 0).await;
}
