//! The list of vendors: complete, without doubles, and true to their codecs.

use std::collections::HashSet;

use trunkline_core::wire::stt::SttSettings;
use trunkline_core::wire::tts::TtsSettings;

use crate::egress::Whose;
use crate::providers::{Account, Does, KeySent, Kind, Providers, Unusable, VENDORS, find};

const KEY: &str = "k3y";

fn account(base_url: Option<&str>, key: &str) -> Account {
    Account {
        whose: Whose::Client,
        base_url: base_url.map(str::to_owned),
        key: key.into(),
    }
}

fn headers(does: Does) -> Option<Vec<(&'static str, String)>> {
    let (hears, speaks) = (SttSettings::default(), TtsSettings::default());
    match does {
        Does::HearsStream(make) => Some(make(&hears, KEY).handshake().headers),
        Does::SpeaksStream(make) => Some(make(&speaks, KEY).handshake().headers),
        Does::SpeaksPost(make) => Some(make(&speaks, KEY, "text").headers),
        Does::HearsClips | Does::ThinksAsOpenAi | Does::ThinksAsAnthropic => None,
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
        let (name, value) = match vendor.key {
            KeySent::Bearer | KeySent::BearerIfAny => ("authorization", format!("Bearer {KEY}")),
            KeySent::Token => ("authorization", format!("Token {KEY}")),
            KeySent::Bare => ("authorization", KEY.to_owned()),
            KeySent::Header(name) => (name, KEY.to_owned()),
        };
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
    }
    let account = account(None, KEY);
    assert!(!format!("{account:?}").contains(KEY));
}
