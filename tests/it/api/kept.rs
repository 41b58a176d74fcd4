//! What a call left behind: transcript, recording, consent, events.

use serde_json::{Value, json};
use trunkline::desk::{self, Place};
use trunkline::ids::new_id;
use trunkline::store::callbacks::{NewCallback, Scheduled};
use trunkline_core::consent::{Method, Refusal};
use trunkline_core::journal::{
    Audio, Consent, Ended, Entry, Event, Latency, ServedBy, Speaker, Step, Turn,
};
use trunkline_core::phone::PhoneNumber;
use trunkline_media::wav;

use super::rig::{Answer, Api, Who};

const FROM: &str = "+15550100123";
/// Seconds of sound that [`call`] leaves behind.
const SECONDS: u64 = 5;
/// What the caller's and the agent's bytes sound like.
const CALLER: u8 = 0x00;
const AGENT: u8 = 0x80;

pub(crate) fn turn(speaker: Speaker, from_ms: u64, text: &str) -> Entry {
    Entry::Turn(Turn {
        speaker,
        from_ms,
        to_ms: from_ms + 900,
        text: text.into(),
        keys: None,
        confidence: None,
        cut: false,
        halts: Vec::new(),
        latency: None,
        words: Vec::new(),
        tool: None,
    })
}

/// What the caller is answered, 200 ms after their last sound.
fn answer() -> Entry {
    let latency = Latency {
        speech_end_ms: 2_900,
        words_ms: Some(3_000),
        decided_ms: 3_050,
        asked_ms: Some(3_000),
        first_audio_ms: 3_100,
        ahead: true,
        profile: Some("cloud".into()),
        voice: Some(ServedBy {
            vendor: "cartesia".into(),
            model: Some("sonic-3".into()),
            stands_in: true,
        }),
        ..Latency::default()
    };
    let mut entry = turn(Speaker::Agent, 3_100, "Tuesday it is.");
    if let Entry::Turn(turn) = &mut entry {
        turn.latency = Some(Box::new(latency));
    }
    entry
}

pub(crate) fn step(at_ms: u64, step: Step) -> Entry {
    Entry::Consent(Consent { at_ms, step })
}

/// A second of both.
fn second(n: u64) -> Entry {
    Entry::Audio(Audio {
        from: n * 8_000,
        samples: 8_000,
        caller: Some(vec![CALLER; 8_000]),
        agent: Some(vec![AGENT; 8_000]),
    })
}

/// A call that was agreed to be kept and is over.
pub(crate) fn entries() -> Vec<Entry> {
    let announced = Step::Announced {
        from_ms: 0,
        again: false,
    };
    let granted = Step::Granted {
        method: Method::SaidYes,
    };
    let mut entries = vec![
        turn(Speaker::Agent, 0, "May this call be recorded?"),
        step(900, announced),
        step(1_500, granted),
        turn(Speaker::Caller, 2_000, "I would like Tuesday."),
        Entry::Event(Event {
            at_ms: 3_000,
            kind: "stage_failed".into(),
            detail: "stage=voice".into(),
        }),
        answer(),
    ];
    entries.extend((0..SECONDS).map(second));
    entries.push(Entry::Ended(Ended {
        at_ms: SECONDS * 1_000,
        reason: "caller_hung_up".into(),
    }));
    entries
}

/// A call of this client's with all that a call can leave behind: its id.
pub(crate) async fn call(api: &Api, who: &Who) -> String {
    let id = api.call_of(who, FROM, 1_795_365_000_000).await;
    api.keep(who, &id, FROM, entries()).await;
    id
}

/// Somebody whom this client is to call back: the callback's id.
pub(crate) async fn callback(api: &Api, who: &Who) -> String {
    let desk = &api.app.desk;
    let keys = desk.keys(&who.client).await.unwrap();
    let to = "+15550100124";
    let person = PhoneNumber::parse(to).unwrap();
    let (subject, id) = (keys.subject(Some(&person)).await.unwrap(), new_id("cb"));
    let plan = json!({ "from": "+15550100199", "to": to, "variables": {}, "record": true });
    let new = NewCallback {
        agent_id: "front-desk".into(),
        asked_call_id: None,
        subject_id: subject.id().as_str().to_owned(),
        plan: desk::seal_for(
            &subject,
            Place::new("callbacks.plan", &id),
            &plan.to_string(),
        ),
        note: None,
        number_index: desk::suppression_index(&keys, &person),
        platform_index: desk.platform_suppression_index(&person),
        zone: "America/New_York".into(),
        agreed_ms: 1_795_366_000_000,
        expires_ms: 1_795_367_000_000,
        created_ms: 1_795_365_000_000,
        id: id.clone(),
    };
    let scheduled = desk.store.callbacks().schedule(&who.client, &new).await;
    assert_eq!(scheduled.unwrap(), Scheduled::Yes { replaced: false });
    id
}

async fn get(api: &Api, who: &Who, path: &str, headers: &[(&str, &str)]) -> Answer {
    api.ask(Some(&who.secret), "GET", path, &Value::Null, headers)
        .await
}

#[tokio::test]
async fn how_an_answer_came_about_is_told_with_the_call_and_in_its_transcript() {
    let api = Api::open().await;
    let who = api.client().await;
    let path = format!("/v1/calls/{}", call(&api, &who).await);
    let json = get(&api, &who, &format!("{path}/transcript"), &[])
        .await
        .fine();
    let mut latency = json["turns"][2]["latency"].clone();
    assert_eq!(json["turns"][2]["answered_in_ms"], 200);
    assert_eq!(
        latency["hops"],
        json!({
            "recogniser_ms": 100, "end_of_turn_ms": 150, "model_ms": null, "clause_ms": null,
            "voice_ms": null, "floor_ms": null, "playout_ms": null, "answer_ms": 200,
        })
    );
    let unknown = [
        "first_token_ms",
        "first_clause_ms",
        "first_heard_ms",
        "recogniser",
    ];
    for name in unknown {
        assert_eq!(
            latency.get(name),
            Some(&Value::Null),
            "{name} is there, and null"
        );
    }
    assert_eq!(
        latency["voice"],
        json!({ "vendor": "cartesia", "model": "sonic-3", "stands_in": true })
    );
    assert!(
        json["turns"][0].get("latency").is_none(),
        "it answers nothing"
    );

    let json = get(&api, &who, &path, &[]).await.fine();
    let told = &json["latency"];
    assert_eq!((&told["answers"], &told["ahead"]), (&json!(1), &json!(1)));
    for figure in ["answer_ms_p50", "answer_ms_p95", "answer_ms_max"] {
        assert_eq!(told[figure], 200, "{figure}");
    }
    // The rows hold no names of models.
    latency["voice"]["model"] = Value::Null;
    assert_eq!(told["turns"][0]["latency"], latency);
    assert_eq!(told["turns"][0]["from_ms"], 3_100);
}

#[tokio::test]
async fn a_transcript_comes_in_the_form_that_is_asked_for() {
    let api = Api::open().await;
    let who = api.client().await;
    let path = format!("/v1/calls/{}/transcript", call(&api, &who).await);
    let json = get(&api, &who, &path, &[]).await.fine();
    let said: Vec<_> = json["turns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|turn| &turn["text"])
        .collect();
    assert_eq!(
        said,
        [
            "May this call be recorded?",
            "I would like Tuesday.",
            "Tuesday it is."
        ]
    );
    assert_eq!(
        (&json["ended"], &json["began_unix_ms"]),
        (&json!("caller_hung_up"), &json!(1_795_365_000_000_i64))
    );
    for (query, accept, media_type, begins) in [
        ("", "application/json", "application/json", "{"),
        ("?format=json", "text/vtt", "application/json", "{"),
        ("?format=vtt", "", "text/vtt; charset=utf-8", "WEBVTT"),
        ("", "text/vtt", "text/vtt; charset=utf-8", "WEBVTT"),
        (
            "?format=srt",
            "",
            "application/x-subrip; charset=utf-8",
            "1\n",
        ),
        ("?format=text", "", "text/plain; charset=utf-8", ""),
        ("", "text/plain, */*", "text/plain; charset=utf-8", ""),
    ] {
        let headers = [("accept", accept)];
        let headers = if accept.is_empty() {
            &[][..]
        } else {
            &headers[..]
        };
        let answer = get(&api, &who, &format!("{path}{query}"), headers).await;
        let text = String::from_utf8(answer.bytes.to_vec()).unwrap();
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, media_type),
            "{query} {accept}"
        );
        assert!(
            text.starts_with(begins) && text.contains("Tuesday it is."),
            "{text}"
        );
        assert!(answer.header("cache-control").contains("no-store"));
    }
    let neither = get(&api, &who, &path, &[("accept", "image/png")]).await;
    assert_eq!(
        (neither.status, neither.code()),
        (406, "not_acceptable".into())
    );
    assert_eq!(
        get(&api, &who, &format!("{path}?format=doc"), &[])
            .await
            .fault()
            .0,
        "query:format"
    );
}

#[tokio::test]
async fn a_recording_has_the_caller_left_and_the_agent_right() {
    let api = Api::open().await;
    let who = api.client().await;
    let path = format!("/v1/calls/{}/recording", call(&api, &who).await);
    let loud = |channel: &[i16]| channel.iter().all(|sample| sample.unsigned_abs() > 30_000);
    let channel = |answer: &Answer, n| wav::read(&answer.bytes).unwrap().into_channel(n).unwrap();
    let both = get(&api, &who, &path, &[]).await;
    assert_eq!(
        (both.status, both.header("content-type")),
        (200, "audio/wav")
    );
    assert_eq!(both.header("x-ai-generated"), "agent-channel");
    assert!(
        both.header("content-disposition")
            .starts_with("attachment; filename=\"call_")
    );
    assert_eq!(both.header("content-length"), both.bytes.len().to_string());
    let (left, right) = (channel(&both, 0), channel(&both, 1));
    assert_eq!(
        (left.len() as u64, right.len() as u64),
        (SECONDS * 8_000, SECONDS * 8_000)
    );
    assert!(left.iter().all(|sample| *sample < 0) && loud(&left));
    assert!(right.iter().all(|sample| *sample > 0) && loud(&right));
    for (name, samples, marked) in [("caller", left, ""), ("agent", right, "agent-channel")] {
        let one = get(&api, &who, &format!("{path}?channel={name}"), &[]).await;
        let heard = wav::read(&one.bytes).unwrap();
        assert_eq!(heard.into_mono(), samples, "{name}");
        assert_eq!(one.header("x-ai-generated"), marked);
    }
    let head = api
        .ask(Some(&who.secret), "HEAD", &path, &Value::Null, &[])
        .await;
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    for name in ["content-length", "content-type", "etag", "accept-ranges"] {
        assert_eq!(head.header(name), both.header(name), "{name}");
    }
}

#[tokio::test]
async fn any_range_of_a_recording_is_a_part_of_it() {
    let api = Api::open().await;
    let who = api.client().await;
    let path = format!("/v1/calls/{}/recording", call(&api, &who).await);
    let whole = get(&api, &who, &path, &[]).await;
    let length = whole.bytes.len();
    for (from, to) in [
        (0, 1),
        (0, 44),
        (40, 150_000 - 3),
        (131_071, 131_074),
        (length - 7, length),
    ] {
        let range = format!("bytes={from}-{}", to - 1);
        let part = get(&api, &who, &path, &[("range", &range)]).await;
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(
            part.header("content-range"),
            format!("bytes {from}-{}/{length}", to - 1)
        );
        assert_eq!(part.bytes, whole.bytes[from..to], "{range}");
    }
    let last = get(&api, &who, &path, &[("range", "bytes=-10")]).await;
    assert_eq!(last.bytes, whole.bytes[length - 10..]);
    let past = get(&api, &who, &path, &[("range", &format!("bytes={length}-"))]).await;
    assert_eq!(
        (past.status, past.code()),
        (416, "range_not_satisfiable".into())
    );
    assert_eq!(past.header("content-range"), format!("bytes */{length}"));
    let tag = whole.header("etag").to_owned();
    for (seen, status) in [(tag.as_str(), 206), ("\"other\"", 200)] {
        let headers = [("range", "bytes=0-9"), ("if-range", seen)];
        assert_eq!(
            get(&api, &who, &path, &headers).await.status,
            status,
            "{seen}"
        );
    }
}

#[tokio::test]
async fn a_recording_can_be_had_small() {
    let api = Api::open().await;
    let who = api.client().await;
    let path = format!("/v1/calls/{}/recording", call(&api, &who).await);
    let ogg = get(
        &api,
        &who,
        &format!("{path}?format=ogg"),
        &[("range", "bytes=0-9")],
    )
    .await;
    assert_eq!((ogg.status, ogg.header("content-type")), (200, "audio/ogg"));
    assert!(ogg.bytes.starts_with(b"OggS"));
    assert!(ogg.header("content-disposition").ends_with(".ogg\""));
    assert!(ogg.bytes.len() < 40_000, "{}", ogg.bytes.len());
    for query in ["format=mp3", "channel=left"] {
        assert_eq!(
            get(&api, &who, &format!("{path}?{query}"), &[])
                .await
                .status,
            422
        );
    }
    let whole = wav::read(&get(&api, &who, &path, &[]).await.bytes).unwrap();
    assert_eq!(whole.into_channel(0).unwrap().len() as u64, SECONDS * 8_000);
}

#[tokio::test]
async fn the_course_of_a_call_has_no_words() {
    let api = Api::open().await;
    let who = api.client().await;
    let id = call(&api, &who).await;
    let shown = api.get(&who, &format!("/v1/calls/{id}")).await.fine();
    assert_eq!(shown["status"], "ended");
    assert_eq!(shown["consent"]["state"], "granted");
    assert_eq!(shown["consent"]["method"], "said_yes");
    let consent = api
        .get(&who, &format!("/v1/calls/{id}/consent"))
        .await
        .fine();
    let steps: Vec<_> = consent["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["step"], &one["at_seconds"]))
        .collect();
    assert_eq!(
        steps,
        [
            (&json!("announced"), &json!(0.9)),
            (&json!("granted"), &json!(1.5))
        ]
    );
    assert_eq!(
        consent["steps"][1]["detail"],
        json!({ "method": "said_yes" })
    );
    assert_eq!(
        (&consent["state"], &consent["withdrawal"]),
        (&json!("granted"), &Value::Null)
    );
    let events = api
        .get(&who, &format!("/v1/calls/{id}/events"))
        .await
        .fine();
    let kinds: Vec<_> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["type"])
        .collect();
    assert!(kinds.contains(&&json!("stage_failed")), "{events}");
    for answer in [shown, consent, events] {
        assert!(!answer.to_string().contains("Tuesday"), "{answer}");
    }
}

#[tokio::test]
async fn what_was_withdrawn_is_not_to_be_had() {
    let api = Api::open().await;
    let who = api.client().await;
    for (erase, caller_left) in [(true, 0), (false, 4_000 * 8)] {
        let id = api.call_of(&who, FROM, 1_795_365_000_000).await;
        let mut kept = entries();
        let withdrawn = Step::Withdrawn {
            class: Refusal::Objected,
            erase,
            from_ms: 4_000,
        };
        let end = kept.len() - 1;
        kept.insert(end, step(4_500, withdrawn));
        api.keep(&who, &id, FROM, kept).await;
        let path = format!("/v1/calls/{id}");
        let text = get(&api, &who, &format!("{path}/transcript"), &[])
            .await
            .fine()
            .to_string();
        assert_eq!(text.contains("I would like Tuesday."), !erase, "{text}");
        let caller = get(&api, &who, &format!("{path}/recording?channel=caller"), &[]).await;
        let caller = wav::read(&caller.bytes).unwrap().into_mono();
        let heard = caller.iter().filter(|sample| **sample != 0).count();
        assert_eq!(heard, caller_left, "erase {erase}");
        assert_eq!(
            api.get(&who, &path).await.fine()["consent"]["state"],
            "withdrawn"
        );
    }
}

#[tokio::test]
async fn of_a_call_that_left_nothing_there_is_nothing() {
    let api = Api::open().await;
    let who = api.client().await;
    let id = api.call_of(&who, FROM, 1_795_365_000_000).await;
    for what in ["transcript", "recording"] {
        let answer = api.get(&who, &format!("/v1/calls/{id}/{what}")).await;
        assert_eq!(
            (answer.status, answer.code()),
            (404, "not_found".into()),
            "{what}"
        );
    }
    // Nor of one whose caller was forgotten.
    let id = call(&api, &who).await;
    let desk = &api.app.desk;
    let keys = desk.vault.client(&who.client).await.unwrap();
    let phone = trunkline_core::phone::PhoneNumber::parse(FROM).unwrap();
    desk.vault
        .forget_subject(&who.client, &keys.subject_id(&phone))
        .await
        .unwrap();
    for what in ["transcript", "recording"] {
        let answer = api.get(&who, &format!("/v1/calls/{id}/{what}")).await;
        assert_eq!(
            (answer.status, answer.code()),
            (404, "not_found".into()),
            "{what}"
        );
    }
}
