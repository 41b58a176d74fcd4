//! Clauses whose audio comes in pieces.

use super::*;

fn ms(ms: usize) -> Arc<[u8]> {
    clause(ms)
}

#[test]
fn the_first_piece_is_sent_and_the_end_waits_for_the_last() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.begin(1, 0, 900).unwrap();
    assert_eq!(mouth.next_due(), None);
    assert!(!mouth.idle());
    mouth.append(1, 0, ms(250)).unwrap();
    assert_eq!(poll(&mut mouth, 0, &mut facts), "a800 m1.0 a800 m1.1");
    assert_eq!(facts, [Fact::Started { reply: 1 }]);
    facts.clear();
    mouth.marked(150, "1.0", &mut facts);
    mouth.append(1, 0, ms(50)).unwrap();
    assert_eq!(poll(&mut mouth, 150, &mut facts), "a800 m1.2");
    mouth.marked(350, "1.2", &mut facts);
    assert_eq!(facts, [heard(1, 0, 100, 900)], "not whole, and told once");
    assert_eq!(mouth.heard(400), position(1, 0, 300, 900));
    mouth.append(1, 0, ms(700)).unwrap();
    assert_eq!(
        mouth.heard(400),
        position(1, 0, 300, 1_400),
        "longer than was thought, by a word at least"
    );
    mouth.end_clause(1, 0);
    mouth.end(1);
    assert_eq!(mouth.heard(400), position(1, 0, 300, 1_000));
    facts.clear();
    poll(&mut mouth, 400, &mut facts);
    poll(&mut mouth, 700, &mut facts);
    mouth.marked(1_150, "1.9", &mut facts);
    assert_eq!(
        facts,
        [
            Fact::Started { reply: 1 },
            heard(1, 0, 1_000, 1_000),
            Fact::Played { reply: 1 }
        ],
        "all of it was heard in between: it starts again"
    );
    assert_eq!(mouth.counters().underruns, 1);
    assert!(mouth.idle());
}

#[test]
fn an_end_that_comes_late_is_told_at_the_next_poll() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.begin(1, 0, 100).unwrap();
    mouth.append(1, 0, ms(100)).unwrap();
    poll(&mut mouth, 0, &mut facts);
    mouth.marked(150, "1.0", &mut facts);
    assert_eq!(facts.last(), Some(&heard(1, 0, 100, 500)));
    facts.clear();
    poll(&mut mouth, 5_000, &mut facts);
    assert_eq!((mouth.next_due(), mouth.idle()), (None, false));
    mouth.end_clause(1, 0);
    assert_eq!(mouth.next_due(), Some(0));
    poll(&mut mouth, 5_001, &mut facts);
    assert_eq!(facts, [heard(1, 0, 100, 100)]);
    assert_eq!(mouth.next_due(), None);
    mouth.end(1);
    poll(&mut mouth, 5_002, &mut facts);
    assert_eq!(facts.last(), Some(&Fact::Played { reply: 1 }));
}

#[test]
fn an_empty_clause_is_none() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.begin(1, 0, 400).unwrap();
    mouth.append(1, 0, ms(0)).unwrap();
    mouth.end_clause(1, 0);
    mouth.say(1, 1, ms(100)).unwrap();
    mouth.begin(1, 2, 400).unwrap();
    mouth.end(1);
    assert_eq!(poll(&mut mouth, 0, &mut facts), "a800 m1.0");
    mouth.marked(150, "1.0", &mut facts);
    assert_eq!(
        facts[1..],
        [heard(1, 1, 100, 100), Fact::Played { reply: 1 }]
    );
}

#[test]
fn short_pieces_wait_for_more_until_the_carrier_has_little_left() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.begin(1, 0, 5_000).unwrap();
    mouth.append(1, 0, ms(30)).unwrap();
    assert_eq!(poll(&mut mouth, 10, &mut facts), "");
    assert_eq!(mouth.next_due(), Some(50), "the very first, a moment");
    mouth.append(1, 0, ms(30)).unwrap();
    assert_eq!(poll(&mut mouth, 40, &mut facts), "");
    assert_eq!(poll(&mut mouth, 50, &mut facts), "a480 m1.0");
    mouth.append(1, 0, ms(30)).unwrap();
    assert_eq!(
        poll(&mut mouth, 50, &mut facts),
        "a160 m1.1",
        "60 ms were left"
    );
    mouth.append(1, 0, ms(200)).unwrap();
    assert_eq!(poll(&mut mouth, 55, &mut facts), "a800 m1.2 a800 m1.3");
    // It plays until 330.
    assert_eq!(mouth.next_due(), Some(2_110), "no frame, no chunk");
    mouth.append(1, 0, ms(20)).unwrap();
    assert_eq!(poll(&mut mouth, 100, &mut facts), "");
    assert_eq!(mouth.next_due(), Some(270));
    mouth.append(1, 0, ms(75)).unwrap();
    assert_eq!(
        poll(&mut mouth, 120, &mut facts),
        "a800 m1.4",
        "a chunk is full"
    );
    mouth.append(1, 0, ms(65)).unwrap();
    assert_eq!(poll(&mut mouth, 369, &mut facts), "");
    assert_eq!(
        poll(&mut mouth, 370, &mut facts),
        "a480 m1.5",
        "whole frames"
    );
    mouth.end_clause(1, 0);
    assert_eq!(
        poll(&mut mouth, 371, &mut facts),
        "a80 m1.6",
        "nothing more to wait for"
    );
    assert_eq!(mouth.counters().underruns, 0);
}

#[test]
fn after_the_carrier_ran_dry_a_whole_chunk_is_gathered() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.begin(1, 0, 5_000).unwrap();
    mouth.append(1, 0, ms(100)).unwrap();
    assert_eq!(poll(&mut mouth, 0, &mut facts), "a800 m1.0");
    // A voice half as fast as speech.
    let mut sent = String::new();
    for now in 101..1_100 {
        if now % 40 == 0 {
            mouth.append(1, 0, ms(20)).unwrap();
        }
        let out = poll(&mut mouth, now, &mut facts);
        if !out.is_empty() {
            sent.push_str(&format!("{now} {out}, "));
        }
    }
    // 160 ms of sound, 160 ms of silence; a chunk at the end, where every frame counts, may be short.
    assert_eq!(
        sent,
        "280 a800 m1.1, 320 a160 m1.2, 360 a160 m1.3, 400 a160 m1.4, \
        600 a800 m1.5, 640 a160 m1.6, 680 a160 m1.7, 720 a160 m1.8, \
        920 a800 m1.9, 960 a160 m1.10, 1000 a160 m1.11, 1040 a160 m1.12, "
    );
    assert_eq!(mouth.counters().underruns, 3);
    assert_eq!(
        mouth.next_due(),
        Some(1_280),
        "what came at 1,080 waits no longer"
    );
}

#[test]
fn pieces_come_while_it_pauses() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.begin(1, 0, 2_000).unwrap();
    mouth.append(1, 0, ms(400)).unwrap();
    poll(&mut mouth, 0, &mut facts);
    mouth.marked(350, "1.2", &mut facts);
    assert_eq!(mouth.pause(360), position(1, 0, 310, 2_000));
    mouth.append(1, 0, ms(400)).unwrap();
    assert_eq!(poll(&mut mouth, 360, &mut facts), "C");
    mouth.append(1, 0, ms(400)).unwrap();
    mouth.end_clause(1, 0);
    assert_eq!(poll(&mut mouth, 900, &mut facts), "");
    assert_eq!(mouth.heard(900), position(1, 0, 310, 1_200));
    mouth.resume();
    let sent = poll(&mut mouth, 1_000, &mut facts);
    assert!(sent.starts_with("a800 m2.4 a800"), "{sent}");
    assert_eq!(mouth.counters().underruns, 0);
}

#[test]
fn a_pause_at_the_end_of_what_came_lasts() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.begin(1, 0, 2_000).unwrap();
    mouth.append(1, 0, ms(100)).unwrap();
    poll(&mut mouth, 0, &mut facts);
    mouth.marked(150, "1.0", &mut facts);
    assert_eq!(mouth.pause(200), position(1, 0, 100, 2_000));
    mouth.cancel(200, 9);
    assert!(mouth.paused(), "more is to come");
    mouth.append(1, 0, ms(100)).unwrap();
    assert_eq!(poll(&mut mouth, 300, &mut facts), "");
    mouth.resume();
    assert_eq!(
        poll(&mut mouth, 400, &mut facts),
        "a800 m1.1",
        "not said again"
    );
}

#[test]
fn late_pieces_are_refused() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    assert_eq!(mouth.append(1, 0, ms(20)), Err(SayError::Ended));
    mouth.begin(1, 0, 500).unwrap();
    mouth.append(1, 0, ms(500)).unwrap();
    poll(&mut mouth, 0, &mut facts);
    mouth.marked(150, "1.0", &mut facts);
    assert_eq!(mouth.append(1, 1, ms(20)), Err(SayError::Ended));
    assert_eq!(mouth.cancel(200, 1), position(1, 0, 150, 900));
    assert_eq!(mouth.append(1, 0, ms(20)), Err(SayError::Cancelled));
    assert_eq!(mouth.begin(1, 1, 20), Err(SayError::Cancelled));
    mouth.end_clause(1, 0);
    assert!(mouth.idle());
    // What is said after a clause ends it.
    mouth.begin(2, 0, 500).unwrap();
    mouth.append(2, 0, ms(100)).unwrap();
    mouth.begin(2, 1, 500).unwrap();
    assert_eq!(mouth.append(2, 0, ms(20)), Err(SayError::Ended));
    mouth.append(2, 1, ms(100)).unwrap();
    mouth.say(3, 0, ms(100)).unwrap();
    assert_eq!(mouth.append(2, 1, ms(20)), Err(SayError::Ended));
    mouth.end(2);
    assert_eq!(mouth.append(2, 1, ms(20)), Err(SayError::Ended));
    assert_eq!(mouth.begin(2, 2, 20), Err(SayError::Ended));
    assert_eq!(
        poll(&mut mouth, 300, &mut facts),
        "C a800 m2.5 a800 m2.6 a800 m2.7"
    );
}

#[test]
fn what_grows_is_bounded_and_let_go_of() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    mouth.begin(1, 0, 1_000).unwrap();
    let minute = ms(60_000);
    for _ in 0..10 {
        mouth.append(1, 0, minute.clone()).unwrap();
    }
    assert_eq!(mouth.append(1, 0, ms(1)), Err(SayError::Full));
    // An hour of one clause in crumbs, heard as it comes.
    let mut mouth = Mouth::new(&MouthSettings::default());
    let mut facts = Vec::new();
    mouth.begin(1, 0, 1_000).unwrap();
    for now in (0..3_600_000_u64).step_by(100) {
        for _ in 0..5 {
            mouth.append(1, 0, ms(20)).unwrap();
        }
        let sent = poll(&mut mouth, now, &mut facts);
        let (_, mark) = sent.split_once(" m").unwrap();
        mouth.marked(now + 100, mark, &mut facts);
        facts.clear();
    }
    assert_eq!(mouth.counters().marks_ignored, 0);
    assert!(mouth.script.reel().within(0, u64::MAX).count() < 30);
}

#[test]
fn the_tap_hands_out_what_came_in_crumbs() {
    let mut mouth = Mouth::new(&MouthSettings {
        keep_heard: true,
        ..MouthSettings::default()
    });
    let mut facts = Vec::new();
    let audio: Arc<[u8]> = (0..400 * MS).map(|at| (at * 31 % 251) as u8).collect();
    mouth.begin(1, 0, 400).unwrap();
    for (at, crumb) in audio.chunks(13).enumerate() {
        mouth.append(1, 0, crumb.into()).unwrap();
        poll(&mut mouth, at as u64 / 2, &mut facts);
    }
    mouth.end(1);
    poll(&mut mouth, 125, &mut facts);
    for (seq, at) in [(0, 250), (1, 350), (2, 450), (3, 550)] {
        mouth.marked(at, &format!("1.{seq}"), &mut facts);
    }
    let mut tape = Vec::new();
    mouth.heard_audio(700, &mut |HeardAudio { audio, .. }| {
        tape.extend_from_slice(audio)
    });
    assert_eq!(tape[..], audio[..]);
}
