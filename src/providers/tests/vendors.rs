//! The list of vendors: complete, without doubles, and true to their codecs.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use trunkline_core::wire::realtime::RealtimeSettings;
use trunkline_core::wire::stt::SttSettings;
use trunkline_core::wire::tts::TtsSettings;

use super::rig::{Door, hop};
use crate::egress::Whose;
use crate::provider::{Recogniser as _, Voice as _};
use crate::providers::{
    Account, Does, Hears, Hop, KeySent, Kind, Providers, Unusable, VENDORS, Vendor, find,
};

const KEY: &str = "k3y";

fn account(base_url: Option<&str>, key: &str) -> Account {
    Account {
        whose: Whose::Client,
        owner: String::new(),
        base_url: base_url.map(str::to_owned),
        key: key.into(),
    }
}

fn key_sent(vendor: &Vendor) -> (&'static str, String) {
    match vendor.key {
        KeySent::Bearer | KeySent::BearerIfAny => ("authorization", format!("Bearer {KEY}")),
        KeySent::Token => ("authorization", format!("Token {KEY}")),
        KeySent::Bare => ("authorization", KEY.to_owned()),
        KeySent::Header(name) => (name, KEY.to_owned()),
    }
}

fn headers(does: Does) -> Option<Vec<(&'static str, String)>> {
    let (hears, speaks) = (SttSettings::default(), TtsSettings::default());
    match does {
        Does::HearsStream(make) => Some(make(&hears, KEY).handshake().headers),
        Does::SpeaksStream(make) => Some(make(&speaks, KEY).handshake().headers),
        Does::SpeaksPost(make) => Some(make(&speaks, KEY, "text").headers),
        Does::HearsClips | Does::ThinksAsOpenAi | Does::ThinksAsAnthropic | Does::Converses(_) => {
            None
        }
    }
}

#[test]
fn each_stands_once_and_is_found_by_what_it_does() {
    let mut seen = HashSet::new();
    for vendor in VENDORS {
        let kind = vendor.does.kind();
        assert!(seen.insert((vendor.name, kind)), "{}", vendor.name);
        assert!(find(vendor.name, kind).is_some());
    }
    assert!(find("deepgram", Kind::Voice).is_none());
}

#[test]
fn keys_are_sent_as_the_list_says() {
    for vendor in VENDORS {
        let (name, value) = key_sent(vendor);
        if let Some(headers) = headers(vendor.does) {
            assert!(headers.contains(&(name, value)), "{}", vendor.name);
        }
    }
}

#[tokio::test]
async fn every_line_can_be_used_with_a_key_and_says_what_is_missing() {
    let providers = Providers::default();
    let voice = TtsSettings {
        voice: "somebody".into(),
        ..TtsSettings::default()
    };
    for vendor in VENDORS {
        let name = vendor.name;
        let own = vendor.base_url.or(Some("https://speech.example.com/v1"));
        let hop = providers.hop(vendor, &account(own, KEY));
        assert!(hop.is_ok(), "{name}: {:?}", hop.err());
        let no_key = providers.hop(vendor, &account(own, " ")).err();
        let expected = vendor
            .key
            .is_needed()
            .then_some(Unusable::NoKey { vendor: name });
        assert_eq!(no_key, expected);
        let nowhere = providers.hop(vendor, &account(None, KEY)).err();
        let expected = vendor
            .base_url
            .is_none()
            .then_some(Unusable::NoAddress { vendor: name });
        assert_eq!(nowhere, expected);
        let inside = providers.hop(vendor, &account(Some("https://10.0.0.1"), KEY));
        assert!(matches!(inside, Err(Unusable::Address { .. })), "{name}");
        let with_query = providers.hop(vendor, &account(Some("https://x.example/?key=hush"), KEY));
        let error = with_query.err().unwrap();
        assert!(matches!(error, Unusable::Address { .. }), "{name}");
        assert!(!format!("{error} {error:?}").contains("hush"), "{name}");
        let account = account(own, KEY);
        let hears = providers.hears(vendor, &account, &SttSettings::default());
        assert_eq!(
            hears.is_ok(),
            vendor.does.kind() == Kind::Recogniser,
            "{name}"
        );
        let speaks = providers.speaks(vendor, &account, &voice);
        assert_eq!(speaks.is_ok(), vendor.does.kind() == Kind::Voice, "{name}");
        let voiceless = providers.speaks(vendor, &account, &TtsSettings::default());
        assert_eq!(voiceless.is_ok(), vendor.has_usual_voice, "{name}");
        let german = TtsSettings {
            language: "de-AT".into(),
            ..TtsSettings::default()
        };
        let voiceless = providers.speaks(vendor, &account, &german);
        assert!(
            voiceless.is_err(),
            "{name}: a usual voice is an English one"
        );
    }
    let account = account(None, KEY);
    assert!(!format!("{account:?}").contains(KEY));
}

/// Every vendor with a socket, spoken to as a call speaks to it: where it knocks, with what, and that what a call gives
/// it is sent.
#[tokio::test(start_paused = true)]
async fn every_socket_is_opened_with_its_key_and_gets_what_a_call_gives() {
    let mut opened = 0;
    for vendor in VENDORS {
        let (Hop { egress, .. }, mut door) = hop(vendor.does.kind(), 1 << 20);
        let providers = Providers::new(egress);
        let account = Account {
            whose: Whose::Operator,
            ..account(Some("http://10.0.0.1:9/proxy"), KEY)
        };
        match vendor.does {
            Does::HearsStream(_) => {
                let hears = providers.hears(vendor, &account, &SttSettings::default());
                let Ok(Hears::Stream(recogniser)) = hears else {
                    panic!("{} does not stream", vendor.name);
                };
                let mut line = recogniser.open();
                line.push(&[0x10; 1_600]);
                is_reached(vendor, &mut door, |message| message.is_binary()).await;
            }
            Does::SpeaksStream(_) => {
                let settings = TtsSettings {
                    voice: "somebody".into(),
                    ..TtsSettings::default()
                };
                let voices = providers.speaks(vendor, &account, &settings).unwrap();
                let voice = voices.open(1.0);
                let _pieces = voice.say("Good evening.".into(), 1.0, Duration::ZERO);
                let is_said = |message: &Message| message.to_string().contains("Good evening.");
                is_reached(vendor, &mut door, is_said).await;
            }
            Does::Converses(_) => {
                let settings = RealtimeSettings::default();
                let speaker = providers.converses(vendor, &account, settings).unwrap();
                let mut line = speaker.recogniser.open();
                line.push(&[0x10; 1_600]);
                let is_audio = |message: &Message| message.to_string().contains(".append");
                is_reached(vendor, &mut door, is_audio).await;
            }
            Does::HearsClips
            | Does::ThinksAsOpenAi
            | Does::ThinksAsAnthropic
            | Does::SpeaksPost(_) => continue,
        }
        opened += 1;
    }
    assert_eq!(opened, 9);
}

/// Opens the next connection, looks at how it knocked, and waits for a message that is as it should be.
async fn is_reached(vendor: &Vendor, door: &mut Door, is_it: impl Fn(&Message) -> bool) {
    let stream = door.knock().await;
    let (name, _) = key_sent(vendor);
    #[expect(clippy::result_large_err, reason = "the library gives this shape")]
    let look = |request: &Request, response: Response| {
        assert!(
            request.uri().path().starts_with("/proxy/"),
            "{}",
            vendor.name
        );
        let value = request.headers()[name].to_str().unwrap();
        assert!(value.ends_with(KEY), "{}", vendor.name);
        Ok::<_, ErrorResponse>(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, look)
        .await
        .unwrap();
    loop {
        let message = socket.next().await.expect("a message comes").unwrap();
        if is_it(&message) {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_account_keeps_is_not_anothers() {
    let vendor = find("deepgram_aura", Kind::Voice).unwrap();
    let (Hop { egress, .. }, mut door) = hop(Kind::Voice, 1 << 20);
    let providers = Providers::new(egress);
    let voice = |key| {
        let account = Account {
            whose: Whose::Operator,
            ..account(Some("http://10.0.0.1:9"), key)
        };
        let settings = TtsSettings::default();
        let voices = providers.speaks(vendor, &account, &settings).unwrap();
        voices.open(1.0)
    };
    let ours = voice("ours");
    let keeping = tokio::spawn(ours.keep("Good day.".into(), 1.0));
    let mut peer = door.open().await;
    assert!(peer.text().await.contains("Good day."));
    peer.say_bytes(vec![1, 2]).await;
    peer.say(r#"{"type":"Flushed","sequence_id":0}"#).await;
    keeping.await.unwrap().unwrap();
    let same = voice("ours");
    let _said = same.say("Good day.".into(), 1.0, Duration::ZERO);
    door.open().await.is_quiet().await;
    let other = voice("theirs");
    let _said = other.say("Good day.".into(), 1.0, Duration::ZERO);
    assert!(door.open().await.text().await.contains("Good day."));
}
