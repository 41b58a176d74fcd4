use super::*;
use crate::g711;

const MS: usize = SAMPLES_PER_MS as usize;

fn clause(ms: usize) -> Arc<[u8]> {
    vec![0x90; ms * MS].into()
}

/// What one poll said, in short: `a800` audio of 800 bytes, `m1.0` a mark, `C` a clear.
fn poll(mouth: &mut Mouth, now_ms: u64, facts: &mut Vec<Fact>) -> String {
    let mut said = Vec::new();
    mouth.poll(now_ms, facts, &mut |out| {
        said.push(match out {
            Out::Audio(bytes) => format!("a{}", bytes.len()),
            Out::Mark(name) => format!("m{name}"),
            Out::Clear => "C".into(),
        });
    });
    said.join(" ")
}

fn heard(reply: u32, clause: u16, heard_ms: u32, clause_ms: u32) -> Fact {
    Fact::Heard {
        reply,
        clause,
        heard_ms,
        clause_ms,
    }
}

fn position(reply: u32, clause: u16, heard_ms: u32, clause_ms: u32) -> Option<Position> {
    Some(Position {
        reply,
        clause,
        heard_ms,
        clause_ms,
    })
}

#[test]
fn a_reply_is_sent_ahead_confirmed_and_played() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.say(7, 0, clause(650)).unwrap();
    mouth.say(7, 1, clause(100)).unwrap();
    mouth.end(7);
    assert!(mouth.next_due().is_some_and(|due| due <= 1_000));
    assert_eq!(
        poll(&mut mouth, 1_000, &mut facts),
        "a800 m1.0 a800 m1.1 a800 m1.2 a800 m1.3 a800 m1.4"
    );
    assert_eq!(facts, [Fact::Started { reply: 7 }]);
    assert_eq!(mouth.next_due(), Some(1_100));
    assert_eq!(poll(&mut mouth, 1_099, &mut facts), "");
    assert_eq!(poll(&mut mouth, 1_100, &mut facts), "a800 m1.5");
    facts.clear();
    mouth.marked(1_180, "1.0", &mut facts);
    assert_eq!(facts, [heard(7, 0, 100, 650)]);
    assert_eq!(
        poll(&mut mouth, 1_250, &mut facts),
        "a800 m1.6 a400 m1.7",
        "a chunk spans clauses, the last is short"
    );
    facts.clear();
    mouth.marked(1_780, "1.6", &mut facts);
    assert_eq!(
        facts,
        [heard(7, 0, 650, 650), heard(7, 1, 50, 100)],
        "a mark confirms all before it"
    );
    facts.clear();
    mouth.marked(1_830, "1.7", &mut facts);
    assert_eq!(facts, [heard(7, 1, 100, 100), Fact::Played { reply: 7 }]);
    assert_eq!(
        (mouth.next_due(), mouth.idle(), mouth.heard(1_830)),
        (None, true, None)
    );
    assert_eq!(
        mouth.counters(),
        MouthCounters {
            chunks: 8,
            marks_lost: 5,
            ..MouthCounters::default()
        }
    );
}

#[test]
fn a_lost_mark_does_not_keep_a_call_waiting() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.say(1, 0, clause(150)).unwrap();
    mouth.end(1);
    poll(&mut mouth, 0, &mut facts);
    assert_eq!(mouth.next_due(), Some(2_100));
    poll(&mut mouth, 2_100, &mut facts);
    assert_eq!(mouth.next_due(), Some(2_150));
    poll(&mut mouth, 2_150, &mut facts);
    assert_eq!(facts.last(), Some(&Fact::Played { reply: 1 }));
    assert_eq!(mouth.counters().marks_lost, 2);
    mouth.marked(2_300, "1.1", &mut facts);
    assert_eq!(mouth.counters().marks_ignored, 1);
}

#[test]
fn what_is_far_ahead_is_sent_two_chunks_at_a_time() {
    let mut mouth = Mouth::new(&MouthSettings {
        refill_ms: 100,
        ..MouthSettings::default()
    });
    let mut facts = Vec::new();
    mouth.say(1, 0, clause(1_150)).unwrap();
    mouth.end(1);
    let chunks = |mouth: &mut Mouth, now_ms, facts: &mut Vec<Fact>| {
        poll(mouth, now_ms, facts).matches('a').count()
    };
    assert_eq!(chunks(&mut mouth, 0, &mut facts), 5);
    // A mark that comes is no reason to send less at a time.
    assert_eq!(chunks(&mut mouth, 100, &mut facts), 0);
    assert_eq!(mouth.next_due(), Some(200));
    assert_eq!(chunks(&mut mouth, 200, &mut facts), 2);
    // Late: all that there is room for.
    assert_eq!(chunks(&mut mouth, 530, &mut facts), 3);
    // Cut and said again: at once.
    let _ = mouth.pause(600);
    mouth.resume();
    assert_eq!(mouth.next_due(), Some(0));
    assert_eq!(chunks(&mut mouth, 600, &mut facts), 5);
}

#[test]
fn the_carrier_never_runs_dry_however_long_audio_is_to_wait_for_room() {
    for (chunk_ms, lead_ms) in [(100, 500), (100, 100), (100, 0), (1_000, 500), (20, 10_000)] {
        let mut mouth = Mouth::new(&MouthSettings {
            chunk_ms,
            lead_ms,
            refill_ms: 10_000,
            ..MouthSettings::default()
        });
        let mut facts = Vec::new();
        mouth.say(1, 0, clause(15_000)).unwrap();
        mouth.end(1);
        let (mut now_ms, mut sent) = (0, 0);
        // Until all has been sent, it is asked when it wants to be.
        while sent < 15_000 * MS {
            let said = poll(&mut mouth, now_ms, &mut facts);
            let lengths = said.split(' ').filter_map(|out| out.strip_prefix('a'));
            sent += lengths.map(|n| n.parse::<usize>().unwrap()).sum::<usize>();
            now_ms = mouth.next_due().map_or(now_ms, |due| due.max(now_ms));
        }
        let underruns = mouth.counters().underruns;
        assert_eq!(underruns, 0, "{chunk_ms} ms a chunk, {lead_ms} ms ahead");
    }
}

#[test]
fn an_empty_reply_is_played_at_the_next_poll() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.end(3);
    assert_eq!(mouth.next_due(), Some(0));
    assert_eq!(poll(&mut mouth, 50, &mut facts), "");
    assert_eq!(facts, [Fact::Played { reply: 3 }]);
    mouth.say(4, 0, Arc::new([])).unwrap();
    assert_eq!(mouth.next_due(), None, "more clauses may come");
    mouth.end(4);
    poll(&mut mouth, 60, &mut facts);
    assert_eq!(facts[1..], [Fact::Played { reply: 4 }]);
}

#[test]
fn a_cleared_mark_is_never_heard() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.say(1, 0, clause(1_000)).unwrap();
    poll(&mut mouth, 0, &mut facts);
    mouth.marked(150, "1.0", &mut facts);
    assert_eq!(
        mouth.cancel(200, 1),
        position(1, 0, 150, 1_000),
        "50 ms into the second chunk"
    );
    facts.clear();
    assert_eq!(mouth.next_due(), Some(0));
    assert_eq!(poll(&mut mouth, 200, &mut facts), "C");
    for name in ["1.1", "1.2", "1.3", "1.4"] {
        mouth.marked(260, name, &mut facts);
    }
    assert_eq!(facts, []);
    assert_eq!(mouth.counters().marks_cleared, 4);
    assert_eq!(mouth.say(1, 1, clause(100)), Err(SayError::Cancelled));
    // The next reply is not muted by any of this.
    mouth.say(2, 0, clause(100)).unwrap();
    mouth.end(2);
    assert_eq!(poll(&mut mouth, 300, &mut facts), "a800 m2.5");
    mouth.marked(450, "2.5", &mut facts);
    assert_eq!(
        facts,
        [
            Fact::Started { reply: 2 },
            heard(2, 0, 100, 100),
            Fact::Played { reply: 2 }
        ]
    );
}

#[test]
fn strange_marks_are_counted_and_change_nothing() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.say(1, 0, clause(300)).unwrap();
    poll(&mut mouth, 0, &mut facts);
    mouth.marked(150, "1.0", &mut facts);
    facts.clear();
    let strange = [
        "",
        ".",
        "1",
        "x.1",
        "1.x",
        "1.0",
        "1.99",
        "2.1",
        "99999999999.1",
        "-1.1",
        "1.1.1",
        "🦀.🦀",
    ];
    for name in strange {
        mouth.marked(160, name, &mut facts);
    }
    assert_eq!(facts, []);
    assert_eq!(mouth.counters().marks_ignored, strange.len() as u64);
}

#[test]
fn a_carrier_that_echoes_on_receipt_is_not_believed() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.say(1, 0, clause(300)).unwrap();
    mouth.end(1);
    poll(&mut mouth, 0, &mut facts);
    facts.clear();
    for name in ["1.0", "1.1", "1.2"] {
        mouth.marked(20, name, &mut facts);
    }
    assert_eq!(facts, []);
    assert_eq!(mouth.next_due(), Some(200));
    poll(&mut mouth, 399, &mut facts);
    assert!(!facts.contains(&Fact::Played { reply: 1 }));
    poll(&mut mouth, 400, &mut facts);
    assert_eq!(facts.last(), Some(&Fact::Played { reply: 1 }));
    assert_eq!(mouth.counters().marks_lost, 0);
}

#[test]
fn the_clock_fills_in_between_marks_but_never_runs_ahead() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    assert_eq!(mouth.heard(0), None);
    mouth.say(1, 4, clause(1_000)).unwrap();
    assert_eq!(mouth.heard(0), None, "nothing was sent");
    poll(&mut mouth, 0, &mut facts);
    for (now, heard_ms) in [(0, 0), (100, 0), (130, 30), (200, 100), (900, 100)] {
        assert_eq!(
            mouth.heard(now),
            position(1, 4, heard_ms, 1_000),
            "at {now}"
        );
    }
    mouth.marked(900, "1.2", &mut facts);
    for (now, heard_ms) in [(900, 300), (950, 350), (1_100, 400)] {
        assert_eq!(
            mouth.heard(now),
            position(1, 4, heard_ms, 1_000),
            "at {now}"
        );
    }
}

#[test]
fn pause_keeps_what_was_not_heard_and_resume_restarts_at_a_quiet_spot() {
    // Loud, but for 20 ms of near silence from 560 ms on.
    let mut audio = vec![g711::mulaw_encode(8_000); 2_000 * MS];
    audio[560 * MS..580 * MS].fill(g711::MULAW_SILENCE);
    for (index, byte) in audio.iter_mut().enumerate().step_by(2) {
        *byte ^= if index / MS < 560 || index / MS >= 580 {
            0x80
        } else {
            0
        };
    }
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.say(1, 0, audio.clone().into()).unwrap();
    poll(&mut mouth, 0, &mut facts);
    for now in [200, 300, 400] {
        poll(&mut mouth, now, &mut facts);
    }
    mouth.marked(640, "1.5", &mut facts);
    poll(&mut mouth, 640, &mut facts);
    assert_eq!(mouth.pause(660), position(1, 0, 620, 2_000));
    assert_eq!(mouth.heard(900), position(1, 0, 620, 2_000));
    assert_eq!(poll(&mut mouth, 661, &mut facts), "C");
    mouth.say(1, 1, clause(100)).unwrap();
    assert_eq!(
        (poll(&mut mouth, 1_000, &mut facts), mouth.next_due()),
        (String::new(), None),
        "silent while paused"
    );
    mouth.resume();
    let mut sent = Vec::new();
    mouth.poll(2_000, &mut facts, &mut |out| {
        if let Out::Audio(bytes) = out {
            sent.extend_from_slice(bytes);
        }
    });
    assert_eq!(sent[..], audio[560 * MS..][..sent.len()]);
    assert_eq!(mouth.counters().underruns, 0);
}

#[test]
fn a_resume_goes_back_to_the_beginning_of_the_word_that_was_cut() {
    // Loud all through: only the times tell where a word begins.
    let audio: Vec<u8> = (0..4_000_u32 * 8)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 % 113)
        .collect();
    let words = [(100, 500), (600, 700), (700, 1_600), (1_650, 1_700)];
    for (cut_ms, from_ms) in [
        (50, 50),
        // With a little of the silence before it.
        (90, 80),
        (120, 80),
        (480, 80),
        // Between words it goes on where it stopped.
        (500, 500),
        (550, 550),
        (590, 580),
        (650, 580),
        (700, 700),
        (1_599, 700),
        (1_600, 1_600),
        (1_640, 1_630),
        (1_699, 1_630),
        // Nothing is known of what comes then: a quiet spot, but no word that was heard is said again.
        (1_705, 1_705),
    ] {
        let mut mouth = Mouth::new(&MouthSettings {
            latency_ms: 0,
            ..MouthSettings::default()
        });
        let mut facts = Vec::new();
        mouth.say(1, 0, audio.clone().into()).unwrap();
        mouth.timed(1, 0, words[..1].iter().copied());
        mouth.timed(1, 0, words[1..].iter().copied());
        mouth.timed(1, 9, [(0, 1)].into_iter());
        let mut now = 0;
        poll(&mut mouth, 0, &mut facts);
        for chunk in 0..cut_ms / 100 {
            now = (chunk + 1) * 100;
            mouth.marked(now, &format!("1.{chunk}"), &mut facts);
            poll(&mut mouth, now, &mut facts);
        }
        assert!(now <= cut_ms);
        assert_eq!(mouth.pause(cut_ms), position(1, 0, cut_ms as u32, 4_000));
        mouth.resume();
        let mut sent = Vec::new();
        mouth.poll(cut_ms + 500, &mut facts, &mut |out| {
            if let Out::Audio(bytes) = out {
                sent.extend_from_slice(bytes);
            }
        });
        let from = (0..audio.len()).find(|at| audio[*at..].starts_with(&sent));
        assert_eq!(from, Some(from_ms as usize * MS), "cut at {cut_ms} ms");
    }
}

#[test]
fn times_that_make_no_sense_lose_no_word() {
    for words in [
        vec![(900, 100), (50, 60)],
        vec![(u32::MAX, u32::MAX), (0, 0)],
        vec![(0, u32::MAX)],
    ] {
        let mut mouth = Mouth::new(&MouthSettings::default());
        let mut facts = Vec::new();
        mouth.say(1, 0, clause(3_000)).unwrap();
        mouth.timed(1, 0, words.iter().copied());
        poll(&mut mouth, 0, &mut facts);
        mouth.marked(600, "1.4", &mut facts);
        assert_eq!(mouth.pause(600), position(1, 0, 500, 3_000));
        mouth.resume();
        mouth.end(1);
        assert!(mouth.queued_ms() >= 2_500);
        let mut sent = 0;
        while let Some(due) = mouth.next_due().filter(|due| *due < 60_000) {
            mouth.poll(due.max(600), &mut facts, &mut |out| {
                if let Out::Audio(bytes) = out {
                    sent += bytes.len();
                }
            });
        }
        assert!((2_500 * MS..=3_000 * MS).contains(&sent), "{words:?}");
    }
}

#[test]
fn a_pause_with_nothing_at_the_carrier_clears_nothing() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    assert_eq!(mouth.pause(0), None);
    mouth.say(1, 0, clause(100)).unwrap();
    assert_eq!(poll(&mut mouth, 10, &mut facts), "");
    mouth.resume();
    assert_eq!(poll(&mut mouth, 20, &mut facts), "a800 m1.0");
    mouth.marked(150, "1.0", &mut facts);
    assert_eq!(mouth.pause(160), position(1, 0, 100, 100));
    assert_eq!(poll(&mut mouth, 160, &mut facts), "");
    mouth.resume();
    mouth.say(1, 1, clause(50)).unwrap();
    assert_eq!(
        poll(&mut mouth, 400, &mut facts),
        "a400 m1.1",
        "what was heard whole is not said again"
    );
    assert_eq!(
        mouth.counters(),
        MouthCounters {
            chunks: 2,
            ..MouthCounters::default()
        }
    );
}

#[test]
fn cancelling_one_reply_keeps_the_other() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.say(1, 0, clause(200)).unwrap();
    mouth.end(1);
    mouth.say(2, 0, clause(500)).unwrap();
    mouth.end(2);
    mouth.end(3);
    assert_eq!(
        poll(&mut mouth, 0, &mut facts),
        "a800 m1.0 a800 m1.1 a800 m1.2 a800 m1.3 a800 m1.4"
    );
    mouth.marked(150, "1.0", &mut facts);
    assert_eq!(mouth.cancel(150, 2), None, "nothing of it was heard");
    assert_eq!(poll(&mut mouth, 150, &mut facts), "C a800 m2.5");
    facts.clear();
    mouth.marked(300, "2.5", &mut facts);
    assert_eq!(
        facts,
        [
            heard(1, 0, 200, 200),
            Fact::Played { reply: 1 },
            Fact::Played { reply: 3 }
        ]
    );
    assert!(mouth.idle());
    assert_eq!(mouth.cancel(400, 9), None);
    assert_eq!(mouth.cancel_all(400), None);
    assert_eq!(mouth.next_due(), None);
}

#[test]
fn cancel_all_ends_a_pause_and_says_what_was_heard() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.say(1, 0, clause(500)).unwrap();
    mouth.say(2, 0, clause(500)).unwrap();
    poll(&mut mouth, 0, &mut facts);
    mouth.marked(350, "1.2", &mut facts);
    mouth.pause(360);
    assert_eq!(mouth.cancel_all(5_000), position(1, 0, 310, 500));
    assert!(!mouth.paused());
    for reply in [1, 2] {
        assert_eq!(mouth.say(reply, 1, clause(20)), Err(SayError::Cancelled));
    }
    mouth.say(3, 0, clause(20)).unwrap();
    assert_eq!(poll(&mut mouth, 5_000, &mut facts), "C a160 m2.5");
}

#[test]
fn only_a_gap_inside_a_reply_is_an_underrun() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.say(1, 0, clause(100)).unwrap();
    poll(&mut mouth, 0, &mut facts);
    mouth.say(1, 1, clause(100)).unwrap();
    poll(&mut mouth, 99, &mut facts);
    assert_eq!(mouth.counters().underruns, 0, "just in time");
    mouth.say(1, 2, clause(100)).unwrap();
    mouth.end(1);
    poll(&mut mouth, 300, &mut facts);
    assert_eq!(mouth.counters().underruns, 1);
    mouth.say(2, 0, clause(100)).unwrap();
    poll(&mut mouth, 9_000, &mut facts);
    assert_eq!(
        mouth.counters().underruns,
        1,
        "silence between replies is no fault"
    );
}

#[test]
fn what_waits_is_bounded() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let minute = clause(60_000);
    for index in 0..10 {
        mouth.say(1, index, minute.clone()).unwrap();
    }
    assert_eq!(mouth.say(1, 10, clause(1)), Err(SayError::Full));
    assert_eq!(mouth.queued_ms(), QUEUED_MS_MAX);
    mouth.end(1);
    assert_eq!(mouth.say(1, 10, clause(1)), Err(SayError::Ended));
    let mut mouth = Mouth::new(&MouthSettings::default());
    let refused = (0..10_000_u32).position(|n| mouth.say(1, n as u16, clause(1)).is_err());
    assert_eq!(refused, Some(2_048));
}

#[test]
fn twenty_ms_chunks_with_no_marks_at_all() {
    let settings = MouthSettings {
        chunk_ms: 20,
        mark_grace_ms: 80,
        latency_ms: 80,
        ..MouthSettings::default()
    };
    let mut mouth = Mouth::new(&settings);
    let mut facts = Vec::new();
    mouth.say(1, 0, clause(1_000)).unwrap();
    mouth.end(1);
    let mut polls = 0;
    while let Some(due) = mouth.next_due() {
        let now = due.max(polls);
        mouth.poll(now, &mut facts, &mut |_| {});
        polls = now;
        if facts.contains(&Fact::Played { reply: 1 }) {
            break;
        }
    }
    assert_eq!(polls, 1_080);
    assert_eq!(
        (mouth.counters().chunks, mouth.counters().underruns),
        (50, 0)
    );
}

mod growing;
mod heard;
mod walk;
