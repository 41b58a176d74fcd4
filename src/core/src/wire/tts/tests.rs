//! One list for every voice: what a codec must do whatever the provider is. The providers are played by [`doubles`], which
//! take nothing that the documentation does not know.

mod doubles;
mod fixtures;
mod fuzz;
mod hostile;

use super::aura::Aura;
use super::cartesia::Cartesia;
use super::elevenlabs::{ElevenLabs, ElevenLabsSingle};
use super::*;
use crate::wire::link::TroubleKind;
use doubles::{Double, Protocol, Wire};

const KEY: &str = "sk_secret-of-the-account";
const PROTOCOLS: [Protocol; 4] = [
    Protocol::Cartesia,
    Protocol::Multi,
    Protocol::Single,
    Protocol::Aura,
];

fn settings() -> TtsSettings {
    TtsSettings {
        model: String::new(),
        voice: "a-voice".into(),
        language: "en-GB".into(),
        speed: 1.1,
    }
}

fn codec(protocol: Protocol, settings: &TtsSettings) -> Box<dyn TtsCodec> {
    match protocol {
        Protocol::Cartesia => Box::new(Cartesia::new(settings, KEY)),
        Protocol::Multi => Box::new(ElevenLabs::new(settings, KEY)),
        Protocol::Single => Box::new(ElevenLabsSingle::new(settings, KEY)),
        Protocol::Aura => Box::new(Aura::new(settings, KEY)),
    }
}

/// A codec and its provider, and what has come of them.
struct Pair {
    codec: Box<dyn TtsCodec>,
    double: Double,
    events: Vec<TtsEvent>,
}

impl Pair {
    fn new(protocol: Protocol) -> Self {
        Self {
            codec: codec(protocol, &settings()),
            double: Double::new(protocol),
            events: Vec::new(),
        }
    }

    fn say(&mut self, context: u32, text: &str) {
        let mut out = Vec::new();
        self.codec.say(context, text, &mut out);
        self.double.hear(&out);
    }

    fn cancel(&mut self, context: u32) {
        let mut out = Vec::new();
        self.codec.cancel(context, &mut out);
        self.double.hear(&out);
    }

    /// The provider's next message arrives; false if there is none.
    fn step(&mut self) -> bool {
        let Some(wire) = self.double.speak() else {
            return false;
        };
        self.receive(&wire);
        true
    }

    fn receive(&mut self, wire: &Wire) {
        let mut out = Vec::new();
        self.codec
            .receive(wire.received(), &mut out, &mut self.events);
        self.double.hear(&out);
    }

    fn run(&mut self) {
        while self.step() {}
    }

    /// A context's audio, which the doubles make of its words.
    fn voiced(&self, of: u32) -> String {
        let bytes = self.events.iter().filter_map(|event| {
            if let TtsEvent::Audio { context, bytes } = event
                && *context == of
            {
                Some(bytes.clone())
            } else {
                None
            }
        });
        let bytes: Vec<u8> = bytes.flatten().collect();
        assert!(
            bytes.len().is_multiple_of(doubles::REPEATED),
            "audio is missing"
        );
        let bytes = bytes.into_iter().step_by(doubles::REPEATED);
        String::from_utf8(bytes.collect()).unwrap()
    }

    fn ends(&self, of: u32) -> (usize, usize) {
        let count = |wanted: fn(&TtsEvent, u32) -> bool| {
            self.events.iter().filter(|event| wanted(event, of)).count()
        };
        (
            count(|event, of| matches!(event, TtsEvent::Done { context } if *context == of)),
            count(
                |event, of| matches!(event, TtsEvent::Trouble { context, .. } if *context == Some(of)),
            ),
        )
    }

    fn kinds(&self) -> Vec<(Option<u32>, TroubleKind)> {
        let troubles = self.events.iter().filter_map(|event| {
            if let TtsEvent::Trouble { context, trouble } = event {
                Some((*context, trouble.kind))
            } else {
                None
            }
        });
        troubles.collect()
    }
}

const TEXTS: [&str; 3] = [
    "We are open from eight to six.",
    "Shall I book \"Tuesday\" for you\\or\nFriday? \u{1}☎ 👋🏽",
    "Goodbye.",
];

#[test]
fn contexts_are_voiced_whole_in_order_and_done_once() {
    for protocol in PROTOCOLS {
        let mut pair = Pair::new(protocol);
        let texts = if pair.codec.is_single() {
            1
        } else {
            TEXTS.len()
        };
        // The second time around after everything was done.
        for around in 0..2 {
            if around > 0 && pair.codec.is_single() {
                break;
            }
            for (at, text) in TEXTS.iter().take(texts).enumerate() {
                pair.say((around * 10 + at) as u32, text);
            }
            pair.run();
            for (at, text) in TEXTS.iter().take(texts).enumerate() {
                let context = (around * 10 + at) as u32;
                assert_eq!(pair.voiced(context), *text, "{protocol:?}");
                assert_eq!(pair.ends(context), (1, 0), "{protocol:?} {context}");
            }
        }
        assert_eq!(pair.kinds(), [], "{protocol:?}");
        let dones = pair.events.iter().filter_map(|event| {
            if let TtsEvent::Done { context } = event {
                Some(*context)
            } else {
                None
            }
        });
        assert!(dones.is_sorted(), "{protocol:?}");
    }
}

#[test]
fn each_text_by_itself_survives_the_way() {
    let emoji = "👋".repeat(700);
    let long = "many words ".repeat(500);
    for protocol in PROTOCOLS {
        for text in TEXTS.iter().copied().chain([emoji.as_str(), long.trim()]) {
            let mut pair = Pair::new(protocol);
            pair.say(7, text);
            pair.run();
            assert_eq!(pair.voiced(7), text, "{protocol:?}");
            assert_eq!(pair.ends(7), (1, 0), "{protocol:?}");
        }
    }
}

#[test]
fn what_is_taken_back_is_silent_and_the_rest_is_not_hurt() {
    for protocol in PROTOCOLS {
        for forgets in [false, true] {
            for steps in 0..40 {
                for victim in 0..3 {
                    take_back(protocol, forgets, steps, victim);
                }
            }
        }
    }
}

fn take_back(protocol: Protocol, forgets: bool, steps: usize, victim: u32) {
    let name = format!("{protocol:?} forgets {forgets}, {victim} after {steps}");
    let mut pair = Pair::new(protocol);
    pair.double.forgets = forgets;
    let texts = if pair.codec.is_single() {
        1
    } else {
        TEXTS.len()
    };
    for (at, text) in TEXTS.iter().take(texts).enumerate() {
        pair.say(at as u32, text);
    }
    for _ in 0..steps {
        pair.step();
    }
    let before = pair.events.len();
    let was_done = pair.ends(victim).0;
    pair.cancel(victim);
    pair.cancel(victim);
    pair.cancel(99);
    pair.run();
    let of_victim = |event: &TtsEvent| match event {
        TtsEvent::Audio { context, .. }
        | TtsEvent::Words { context, .. }
        | TtsEvent::Done { context } => *context == victim,
        TtsEvent::Trouble { context, .. } => *context == Some(victim),
        TtsEvent::Ready => false,
    };
    assert!(!pair.events[before..].iter().any(of_victim), "{name}");
    assert_eq!(pair.ends(victim), (was_done, 0), "{name}");
    for (at, text) in TEXTS.iter().take(texts).enumerate() {
        if at as u32 != victim {
            assert_eq!(pair.voiced(at as u32), *text, "{name}");
            assert_eq!(pair.ends(at as u32), (1, 0), "{name}");
        }
    }
    if !pair.codec.is_single() {
        pair.say(50, "And then?");
        pair.run();
        assert_eq!(pair.voiced(50), "And then?", "{name}");
        assert_eq!(pair.ends(50), (1, 0), "{name}");
    }
}

#[test]
fn more_than_the_provider_takes_at_once_waits() {
    for protocol in PROTOCOLS {
        let mut pair = Pair::new(protocol);
        if pair.codec.is_single() {
            continue;
        }
        for context in 0..20 {
            pair.say(context, "One of many.");
        }
        pair.run();
        for context in 0..20 {
            assert_eq!(
                pair.voiced(context),
                "One of many.",
                "{protocol:?} {context}"
            );
            assert_eq!(pair.ends(context), (1, 0), "{protocol:?} {context}");
        }
    }
}

#[test]
fn a_single_socket_takes_one_context_and_says_so() {
    let mut pair = Pair::new(Protocol::Single);
    assert!(pair.codec.is_single());
    pair.say(0, "The only one.");
    pair.say(1, "Another.");
    pair.run();
    assert_eq!(pair.voiced(0), "The only one.");
    assert_eq!((pair.ends(0), pair.ends(1)), ((1, 0), (0, 1)));
}

#[test]
fn words_come_with_their_times() {
    for protocol in PROTOCOLS {
        let mut pair = Pair::new(protocol);
        pair.say(3, "We are open.");
        pair.run();
        let words = pair.events.iter().filter_map(|event| {
            if let TtsEvent::Words { context: 3, words } = event {
                Some(words.clone())
            } else {
                None
            }
        });
        let words: Vec<(String, u32, u32)> = words.flatten().collect();
        if protocol == Protocol::Aura {
            assert_eq!(words, []);
            continue;
        }
        // The doubles take 8 ms for each character.
        let want = [("We", 0, 16), ("are", 24, 48), ("open.", 56, 96)];
        let want = want.map(|(word, from, to)| (word.to_owned(), from, to));
        assert_eq!(words, want, "{protocol:?}");
    }
}

#[test]
fn neither_key_nor_words_are_shown() {
    let settings = settings();
    for protocol in PROTOCOLS {
        let mut pair = Pair::new(protocol);
        pair.say(1, "We are open.");
        pair.run();
        let mut sent = Vec::new();
        codec(protocol, &settings).say(1, "We are open.", &mut sent);
        let shown = format!("{:?} {:?} {sent:?}", pair.events, pair.codec.handshake());
        assert!(!shown.contains("open") && !shown.contains(KEY), "{shown}");
    }
    let (mut cartesia, mut multi) = (
        Cartesia::new(&settings, KEY),
        ElevenLabs::new(&settings, KEY),
    );
    let (mut single, mut aura) = (
        ElevenLabsSingle::new(&settings, KEY),
        Aura::new(&settings, KEY),
    );
    let codecs: [&mut dyn TtsCodec; 4] = [&mut cartesia, &mut multi, &mut single, &mut aura];
    for codec in codecs {
        codec.say(1, "We are open.", &mut Vec::new());
        codec.say(2, "We are open.", &mut Vec::new());
    }
    let requests = [
        aura::request(&settings, KEY, "We are open."),
        elevenlabs::request(&settings, KEY, "We are open."),
        openai_speech::request(&settings, KEY, "We are open."),
    ];
    let shown = format!("{cartesia:?} {multi:?} {single:?} {aura:?} {requests:?}");
    assert!(
        !shown.contains("are open") && !shown.contains(KEY),
        "{shown}"
    );
}

#[test]
fn the_end_of_a_socket_is_of_some_kind() {
    for protocol in PROTOCOLS {
        let codec = codec(protocol, &settings());
        for (code, reason, want) in [
            (1000, "", TroubleKind::Server),
            (1011, "NET-0000", TroubleKind::Server),
            (1008, "DATA-0000", TroubleKind::Request),
            (1008, "quota_exceeded", TroubleKind::Quota),
        ] {
            assert_eq!(
                codec.closed(code, reason).kind,
                want,
                "{protocol:?} {reason}"
            );
        }
    }
}

#[test]
fn goodbyes_and_signs_of_life_are_taken() {
    for protocol in PROTOCOLS {
        let mut pair = Pair::new(protocol);
        let alive = pair.codec.keep_alive();
        assert_eq!(
            alive.is_some(),
            protocol == Protocol::Multi,
            "{protocol:?}: with a pace of its own the single socket has to begin with it"
        );
        let alive: Vec<_> = alive.into_iter().map(|(_, sent)| sent).collect();
        pair.double.hear(&alive);
        pair.say(1, "We are open.");
        pair.run();
        pair.double.hear(&alive);
        let mut out = Vec::new();
        pair.codec.close(&mut out);
        pair.double.hear(&out);
        pair.run();
        assert_eq!(
            (pair.voiced(1).as_str(), pair.ends(1)),
            ("We are open.", (1, 0))
        );
    }
    let plain = TtsSettings {
        speed: 1.0,
        ..settings()
    };
    let mut single = ElevenLabsSingle::new(&plain, KEY);
    assert!(single.keep_alive().is_some());
    single.say(1, "We are open.", &mut Vec::new());
    assert!(
        single.keep_alive().is_none(),
        "what has ended cannot be kept"
    );
}
