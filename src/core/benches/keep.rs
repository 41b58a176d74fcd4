//! What keeping a call costs: `cargo bench -p trunkline-core --bench keep`. One iteration of `a_second` is one second of
//! one call, sealing left out: that is the shell's.
#![allow(
    clippy::expect_used,
    reason = "a bench that cannot go on says so by panicking"
)]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use trunkline_core::call::{Note, ReplyId, Timing};
use trunkline_core::consent::Mode;
use trunkline_core::journal::{
    Began, Encoder, Ended, Entry, Halt, Header, Latency, Seal, Speaker, Turn, encode_header,
};
use trunkline_core::record::{Recorder, RecorderSettings};
use trunkline_core::time::At;
use trunkline_core::token::Direction;
use trunkline_core::transcript::{Format, Transcript};

fn main() {
    divan::main();
}

/// Gives a tag and no more.
struct NoSeal;

impl Seal for NoSeal {
    fn seal(&mut self, _: u64, _: &[u8], _: &mut [u8]) -> [u8; 16] {
        [0; 16]
    }
}

fn began() -> Began {
    Began {
        unix_ms: 1_700_000_000_000,
        agent: "front-desk".into(),
        agent_version: 1,
        direction: Direction::Inbound,
        mode: Mode::Announce,
        rules: "test@0".into(),
        because: Vec::new(),
    }
}

/// Fifty frames a second, a turn every three, encoded once a second.
#[divan::bench]
fn a_second(bencher: Bencher<'_, '_>) {
    let header = Header {
        client_id: "cli_1".into(),
        call_id: "call_1".into(),
        subject_id: "sub_1".into(),
        sealed_key: vec![0; 60],
        unix_ms: 0,
    };
    let (_, hash) = encode_header(&header).expect("a head like any");
    let mut encoder = Encoder::new(hash);
    let mut recorder = Recorder::new(RecorderSettings::default());
    recorder.began(began());
    let (mut entries, mut file) = (Vec::new(), Vec::new());
    let mut second = 0;
    bencher.counter(ItemsCount::new(50_usize)).bench_local(|| {
        for frame in 0..50 {
            recorder.agent(second * 8_000 + frame * 160, black_box(&[7; 160]));
        }
        let now = At::from_ms((second + 1) * 1_000);
        if second % 3 == 0 {
            let reply = ReplyId(u32::try_from(second).unwrap_or_default());
            let timing = Timing::default();
            let by = None;
            recorder.note(None, &Note::Timed { reply, timing, by });
            recorder.note(
                None,
                &Note::AgentSaid {
                    reply,
                    from: now,
                    to: now,
                    text: "We are open from eight in the morning to six in the evening.".into(),
                    cut: false,
                    filler: false,
                },
            );
        }
        recorder.take(now, &mut entries);
        file.clear();
        for entry in entries.drain(..) {
            encoder
                .append(&entry, &mut NoSeal, &mut file)
                .expect("what a recorder gives can be written");
        }
        second += 1;
        black_box(file.len())
    });
}

/// The entries of an hour: 1,500 turns of twelve words, and sound.
fn hour() -> Vec<Entry> {
    let turns = (0..1_500).map(|n| {
        let from_ms = n * 2_400;
        let is_agent = n % 2 == 0;
        Entry::Turn(Turn {
            speaker: if is_agent {
                Speaker::Agent
            } else {
                Speaker::Caller
            },
            from_ms,
            to_ms: from_ms + 2_000,
            text: "could you tell me what it costs & whether my insurance pays".into(),
            keys: None,
            confidence: Some(0.93),
            cut: n % 8 == 0,
            halts: vec![Halt {
                at_ms: from_ms + 500,
                resumed_ms: Some(from_ms + 900),
            }],
            latency: is_agent.then_some(Box::new(Latency {
                speech_end_ms: from_ms,
                decided_ms: from_ms,
                first_token_ms: Some(from_ms),
                first_audio_ms: from_ms + 700,
                ..Latency::default()
            })),
            words: Vec::new(),
            tool: None,
        })
    });
    std::iter::once(Entry::Began(began()))
        .chain(turns)
        .chain(std::iter::once(Entry::Ended(Ended {
            at_ms: 3_600_000,
            reason: "silence".into(),
        })))
        .collect()
}

#[divan::bench]
fn an_hour_from_its_entries(bencher: Bencher<'_, '_>) {
    let entries = hour();
    bencher.bench(|| Transcript::of(black_box(&entries)));
}

#[divan::bench(args = ["json", "text", "vtt", "srt"])]
fn an_hour_rendered(bencher: Bencher<'_, '_>, name: &str) {
    let transcript = Transcript::of(&hour());
    let format = Format::parse(name).expect("one of the four");
    bencher.bench(|| black_box(&transcript).render(format));
}
