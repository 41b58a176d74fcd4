use super::*;
use crate::consent::{Method, Mode, Refusal};
use crate::journal::{
    Began, Consent, Ended, Event, Halt, Header, Latency, Scanner, Speaker, Step, Turn, Word,
    encode_header,
};
use crate::token::Direction;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// A seal as good as any for a test: a key stream of SHA-256 and a tag of HMAC-SHA256, over the same nonce and the same
/// associated data.
pub(in crate::journal) struct TestSeal(pub(in crate::journal) [u8; 32]);

impl TestSeal {
    fn apply(&self, seq: u64, content: &mut [u8]) {
        for (block, bytes) in content.chunks_mut(32).enumerate() {
            let mut hash = Sha256::new();
            hash.update(self.0);
            hash.update(seq.to_le_bytes());
            hash.update(block.to_le_bytes());
            let stream: [u8; 32] = hash.finalize().into();
            for (byte, key) in bytes.iter_mut().zip(stream) {
                *byte ^= key;
            }
        }
    }

    fn tag(&self, seq: u64, aad: &[u8], sealed: &[u8]) -> [u8; TAG_BYTES] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).unwrap();
        mac.update(&seq.to_le_bytes());
        mac.update(aad);
        mac.update(sealed);
        let mac: [u8; 32] = mac.finalize().into_bytes().into();
        *mac.first_chunk().unwrap()
    }
}

impl Seal for TestSeal {
    fn seal(&mut self, seq: u64, aad: &[u8], content: &mut [u8]) -> [u8; TAG_BYTES] {
        self.apply(seq, content);
        self.tag(seq, aad, content)
    }
}

impl Open for TestSeal {
    fn open(&self, seq: u64, aad: &[u8], sealed: &mut Vec<u8>) -> Result<(), Tampered> {
        let at = sealed.len().checked_sub(TAG_BYTES).ok_or(Tampered)?;
        let tag = sealed.split_off(at);
        if tag != self.tag(seq, aad, sealed) {
            return Err(Tampered);
        }
        self.apply(seq, sealed);
        Ok(())
    }
}

pub(in crate::journal) fn header(call: &str) -> Header {
    Header {
        client_id: "cli_01JD0000000000000000000000".into(),
        call_id: call.into(),
        subject_id: "sub_01JD0000000000000000000000".into(),
        sealed_key: vec![9; 60],
        unix_ms: 1_700_000_000_000,
    }
}

/// One entry of every kind.
pub(in crate::journal) fn every_entry() -> Vec<Entry> {
    let turn = Turn {
        speaker: Speaker::Agent,
        from_ms: 1_000,
        to_ms: 2_000,
        text: "Good morning — \"here\"\n".into(),
        keys: Some("1#".into()),
        confidence: Some(0.93),
        cut: true,
        halts: vec![Halt {
            at_ms: 1_500,
            resumed_ms: Some(1_700),
        }],
        latency: Some(Box::new(Latency {
            speech_end_ms: 1,
            decided_ms: 2,
            first_token_ms: Some(3),
            first_audio_ms: 4,
            ..Latency::default()
        })),
        words: vec![Word {
            from_ms: 1_000,
            to_ms: 1_200,
            text: "Good".into(),
        }],
        tool: None,
    };
    let refused = Step::Refused {
        class: Refusal::SaidNo,
    };
    let granted = Step::Granted {
        method: Method::SaidYes,
    };
    let audio = |from, samples: u32, caller: bool, agent: bool| {
        let sound = |there: bool, byte| there.then(|| vec![byte; samples as usize]);
        Entry::Audio(Audio {
            from,
            samples,
            caller: sound(caller, 3),
            agent: sound(agent, 5),
        })
    };
    vec![
        Entry::Began(Began {
            unix_ms: -1,
            agent: "front-desk".into(),
            agent_version: 3,
            direction: Direction::Outbound,
            mode: Mode::Affirmative,
            rules: "2026-11@abc".into(),
            because: vec!["number +49: DE".into()],
        }),
        audio(0, 240, false, true),
        Entry::Turn(turn.clone()),
        Entry::Consent(Consent {
            at_ms: 2_100,
            step: granted,
        }),
        audio(8_000, 240, true, true),
        audio(16_000, 240, true, false),
        audio(24_000, 8_000, false, false),
        Entry::NotKept {
            from_ms: 5,
            to_ms: 6,
        },
        Entry::Event(Event {
            at_ms: 3_000,
            kind: "opt_out".into(),
            detail: "means=words".into(),
        }),
        Entry::Second {
            turns: vec![turn],
            recogniser: "large".into(),
        },
        Entry::Consent(Consent {
            at_ms: 3_100,
            step: refused,
        }),
        Entry::Erased {
            at_ms: 3_200,
            entries: 7,
        },
        Entry::Ended(Ended {
            at_ms: 4_000,
            reason: "silence".into(),
        }),
    ]
}

/// A whole file of `entries`.
pub(in crate::journal) fn file(call: &str, key: u8, entries: &[Entry]) -> Vec<u8> {
    let (mut bytes, hash) = encode_header(&header(call)).unwrap();
    let mut encoder = Encoder::new(hash);
    for entry in entries {
        encoder
            .append(entry, &mut TestSeal([key; 32]), &mut bytes)
            .unwrap();
    }
    bytes
}

#[test]
fn every_entry_reads_back_as_itself() {
    let bytes = file("call_a", 1, &every_entry());
    let (header_read, scanner) = Scanner::new(&bytes).unwrap();
    assert_eq!(header_read, header("call_a"));
    let entries: Vec<Entry> = scanner
        .entries(&TestSeal([1; 32]))
        .map(|found| found.unwrap().1)
        .collect();
    assert_eq!(entries, every_entry());
}

#[test]
fn nothing_of_content_is_readable_in_the_file() {
    let bytes = file("call_a", 1, &every_entry());
    for words in [
        &b"morning"[..],
        b"front-desk",
        b"+49",
        b"opt_out",
        b"SaidYes",
        &[3; 24],
    ] {
        assert!(!bytes.windows(words.len()).any(|w| w == words), "{words:?}");
    }
}

#[test]
fn an_hour_of_sound_costs_what_it_weighs() {
    let second = Entry::Audio(Audio {
        from: 0,
        samples: 8_000,
        caller: Some(vec![1; 8_000]),
        agent: None,
    });
    let (header, _) = encode_header(&header("call_a")).unwrap();
    let bytes = file("call_a", 1, &[second]);
    assert_eq!(
        bytes.len() - header.len(),
        8_000 + 13 + 4 + HEAD_BYTES + TAG_BYTES
    );
}

#[test]
fn what_does_not_fit_a_record_is_refused_and_leaves_no_trace() {
    let audio = |samples: u32, len: usize, from: u64| {
        Entry::Audio(Audio {
            from,
            samples,
            caller: Some(vec![0; len]),
            agent: None,
        })
    };
    let event = |bytes: usize| {
        Entry::Event(Event {
            at_ms: 0,
            kind: "x".repeat(bytes),
            detail: String::new(),
        })
    };
    let (_, hash) = encode_header(&header("call_a")).unwrap();
    let mut encoder = Encoder::new(hash);
    let mut out = b"before".to_vec();
    for wrong in [
        audio(8_001, 8_001, 0),
        audio(160, 159, 0),
        audio(160, 160, u64::MAX - 100),
        event(OTHER_BYTES_MAX),
    ] {
        encoder
            .append(&wrong, &mut TestSeal([1; 32]), &mut out)
            .unwrap_err();
    }
    assert_eq!(out, b"before");
}

#[test]
fn silence_at_both_ends_of_a_channel_takes_no_room() {
    let samples = 8_000;
    let with = |from: usize, to: usize| {
        let mut sound = vec![SILENCE; samples];
        sound[from..to].fill(7);
        Some(sound)
    };
    for (caller, agent, sounds) in [
        (with(0, 8_000), with(0, 8_000), 16_000),
        (with(100, 300), with(7_999, 8_000), 201),
        (with(0, 1), None, 1),
        (with(0, 0), with(4_000, 4_002), 2),
    ] {
        let audio = Audio {
            from: 80_000,
            samples: 8_000,
            caller,
            agent,
        };
        let mut bytes = Vec::new();
        encode_audio(&audio, &mut bytes).unwrap();
        assert!(bytes.len() <= 13 + 8 + sounds, "{}", bytes.len());
        assert_eq!(decode_audio(&bytes), Some(audio));
        // A length that leads out of the second is nobody's.
        bytes[13..15].copy_from_slice(&8_000_u16.to_le_bytes());
        assert!(sounds == 16_000 || decode_audio(&bytes).is_none_or(|read| read.caller.is_some()));
        bytes[15..17].copy_from_slice(&u16::MAX.to_le_bytes());
        assert_eq!(decode_audio(&bytes), None);
    }
}
