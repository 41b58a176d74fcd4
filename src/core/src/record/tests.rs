use super::*;
use crate::call::{EndReason, Means, Stage, Timing};
use crate::commands::Command;
use crate::consent::{Method, Refusal};
use crate::token::Direction;

fn at(ms: u64) -> At {
    At::from_ms(ms)
}

fn began(mode: Mode) -> Began {
    Began {
        unix_ms: 1_700_000_000_000,
        agent: "front-desk".into(),
        agent_version: 1,
        direction: Direction::Inbound,
        mode,
        rules: "test@0".into(),
        because: Vec::new(),
    }
}

fn recorder(mode: Mode) -> Recorder {
    let mut recorder = Recorder::new(RecorderSettings::default());
    recorder.began(began(mode));
    recorder
}

fn said(from: u64, to: u64, text: &str) -> Note {
    Note::CallerSaid {
        from: at(from),
        to: at(to),
        text: text.into(),
        confidence: 0.5,
    }
}

fn agent_said(reply: u32, from: u64, to: u64, text: &str) -> Note {
    Note::AgentSaid {
        reply: ReplyId(reply),
        from: at(from),
        to: at(to),
        text: text.into(),
        cut: false,
        filler: false,
    }
}

fn consent(ms: u64, step: Step) -> Note {
    Note::Consent { step, at: at(ms) }
}

const GRANTED: Step = Step::Granted {
    method: Method::WentOn,
};
const REFUSED: Step = Step::Refused {
    class: Refusal::Objected,
};

fn withdrawn(erase: bool, from_ms: u64) -> Step {
    Step::Withdrawn {
        class: Refusal::Objected,
        erase,
        from_ms,
    }
}

fn ended(ms: u64) -> Note {
    Note::Ended {
        reason: EndReason::CallerHungUp,
        at: at(ms),
    }
}

/// One line an entry, in the order of the journal.
fn lines(entries: &[Entry]) -> Vec<String> {
    let sound = |s: &Option<Vec<u8>>| {
        s.as_ref().map_or("-".to_owned(), |s| {
            let first = s.iter().position(|b| *b != 0xFF).unwrap_or(0);
            let last = s.iter().rposition(|b| *b != 0xFF).unwrap_or(0);
            format!("{first}..{}", last + 1)
        })
    };
    entries
        .iter()
        .map(|entry| match entry {
            Entry::Began(_) => "began".to_owned(),
            Entry::Audio(a) => format!(
                "audio {}+{} caller {} agent {}",
                a.from,
                a.samples,
                sound(&a.caller),
                sound(&a.agent)
            ),
            Entry::Turn(t) => format!(
                "{:?} {}-{} {}{}{}",
                t.speaker,
                t.from_ms,
                t.to_ms,
                t.text,
                t.keys.as_deref().unwrap_or(""),
                if t.cut { " cut" } else { "" }
            ),
            Entry::Consent(c) => format!("consent {:?}", c.step),
            Entry::NotKept { from_ms, to_ms } => format!("not kept {from_ms}-{to_ms}"),
            Entry::Event(e) => format!("{} {} {}", e.at_ms, e.kind, e.detail),
            Entry::Second { .. } => "second".to_owned(),
            Entry::Erased { .. } => "erased".to_owned(),
            Entry::Ended(e) => format!("ended {} {}", e.at_ms, e.reason),
        })
        .collect()
}

fn finished(recorder: &mut Recorder, ms: u64) -> Vec<String> {
    let mut out = Vec::new();
    recorder.finish(at(ms), &mut out);
    lines(&out)
}

#[test]
fn the_caller_is_kept_from_the_grant_on_and_not_a_sample_before() {
    let mut recorder = recorder(Mode::AnnounceContinue);
    let granted = Granted::for_test(at(1_000));
    recorder.agent(0, &[1; 4_000]);
    recorder.caller(None, 4_000, &[2; 160]);
    recorder.note(None, &said(500, 900, "early"));
    recorder.note(None, &agent_said(0, 0, 500, "notice"));
    recorder.note(Some(&granted), &consent(1_000, GRANTED));
    // It began a sample too early.
    recorder.caller(Some(&granted), 7_999, &[3; 160]);
    recorder.caller(Some(&granted), 8_400, &[4; 160]);
    recorder.note(Some(&granted), &said(999, 1_200, "across"));
    recorder.note(Some(&granted), &said(1_000, 1_300, "kept"));
    recorder.note(
        Some(&granted),
        &Note::CallerPressed {
            at: at(999),
            keys: "1".into(),
        },
    );
    recorder.note(
        Some(&granted),
        &Note::CallerPressed {
            at: at(1_400),
            keys: "2#".into(),
        },
    );
    recorder.note(Some(&granted), &ended(1_500));
    assert_eq!(
        finished(&mut recorder, 1_600),
        [
            "began",
            "not kept 500-900",
            "Agent 0-500 notice",
            "consent Granted { method: WentOn }",
            "not kept 999-1200",
            "Caller 1000-1300 kept",
            "not kept 999-999",
            "Caller 1400-1400 2#",
            "audio 0+8000 caller - agent 0..4000",
            "audio 8000+4000 caller 400..560 agent -",
            "ended 1500 caller_hung_up",
        ]
    );
}

#[test]
fn a_second_comes_out_when_it_is_over_and_settled() {
    let mut recorder = recorder(Mode::Announce);
    let mut out = Vec::new();
    recorder.agent(0, &[1; 16_000]);
    for (now, count) in [(0, 1), (1_499, 1), (1_500, 2), (2_499, 2), (2_500, 3)] {
        recorder.take(at(now), &mut out);
        assert_eq!(out.len(), count, "at {now}");
    }
    // A take that comes early again gives nothing twice.
    recorder.take(at(0), &mut out);
    assert_eq!(out.len(), 3);
    // What was heard in the last moment reaches a little beyond the server's clock.
    recorder.agent(20_000, &[1; 400]);
    recorder.note(None, &ended(2_510));
    assert_eq!(
        finished(&mut recorder, 2_510),
        [
            "audio 16000+4400 caller - agent 4000..4400",
            "ended 2510 caller_hung_up"
        ]
    );
}

#[test]
fn after_a_refusal_nothing_of_content_is_kept_and_the_notice_is() {
    let mut recorder = recorder(Mode::Affirmative);
    recorder.agent(0, &[1; 4_000]);
    recorder.note(None, &said(300, 400, "no"));
    recorder.note(None, &consent(500, REFUSED));
    // The notice was cut by the refusal; its words are told a little later.
    recorder.note(None, &agent_said(0, 0, 500, "notice"));
    recorder.note(None, &agent_said(1, 600, 900, "all right"));
    recorder.agent(4_800, &[2; 160]);
    // Even a grant that the gate would never give now changes nothing.
    let granted = Granted::for_test(at(0));
    recorder.caller(Some(&granted), 4_800, &[3; 160]);
    recorder.note(Some(&granted), &said(700, 800, "name"));
    recorder.note(
        None,
        &Note::Commanded {
            command: Command::Robot,
            means: Means::Words,
            at: at(900),
        },
    );
    recorder.note(None, &ended(4_000));
    assert_eq!(
        finished(&mut recorder, 4_000),
        [
            "began",
            "not kept 300-400",
            "audio 0+4000 caller - agent 0..4000",
            "consent Refused { class: Objected }",
            "Agent 0-500 notice",
            "not kept 700-800",
            "900 robot_asked means=words",
            "ended 4000 caller_hung_up",
        ]
    );
}

#[test]
fn a_withdrawal_cuts_to_the_sample_and_may_order_the_rest_gone() {
    for erase in [false, true] {
        let mut recorder = recorder(Mode::Announce);
        let granted = Granted::for_test(at(100));
        recorder.note(Some(&granted), &consent(100, GRANTED));
        recorder.note(Some(&granted), &agent_said(0, 0, 90, "notice"));
        recorder.note(Some(&granted), &agent_said(1, 100, 300, "how are you"));
        recorder.note(Some(&granted), &said(200, 300, "a name"));
        // The beginning of what turns out to be an objection.
        recorder.note(Some(&granted), &said(350, 390, "stop"));
        recorder.caller(Some(&granted), 1_600, &[1; 4_000]);
        recorder.note(None, &consent(420, withdrawn(erase, 350)));
        recorder.note(None, &agent_said(2, 310, 420, "and how"));
        recorder.caller(None, 4_000, &[2; 160]);
        recorder.note(None, &said(395, 420, "recording"));
        recorder.note(None, &ended(2_000));
        let withdrawn =
            format!("consent Withdrawn {{ class: Objected, erase: {erase}, from_ms: 350 }}");
        let tail = [
            withdrawn.as_str(),
            "not kept 395-420",
            "ended 2000 caller_hung_up",
        ];
        let head = [
            "began",
            "consent Granted { method: WentOn }",
            "Agent 0-90 notice",
        ];
        let content = [
            "Agent 100-300 how are you",
            "Caller 200-300 a name",
            "audio 0+2800 caller 1600..2800 agent -",
        ];
        let notices = ["audio 0+800 caller - agent -"];
        let content = if erase { &notices[..] } else { &content };
        assert_eq!(
            finished(&mut recorder, 2_000),
            [&head, content, &tail].concat()
        );
    }
}

#[test]
fn a_call_that_is_not_recorded_leaves_no_content() {
    let mut recorder = Recorder::new(RecorderSettings::default());
    let granted = Granted::for_test(at(0));
    recorder.agent(0, &[1; 160]);
    recorder.caller(Some(&granted), 0, &[1; 160]);
    recorder.note(Some(&granted), &said(0, 1, "early"));
    let mut out = Vec::new();
    recorder.take(at(9_000), &mut out);
    assert_eq!(out, []);
    recorder.began(began(Mode::NoRecord));
    recorder.agent(160, &[1; 160]);
    recorder.note(
        None,
        &consent(
            0,
            Step::Refused {
                class: Refusal::NotAsked,
            },
        ),
    );
    recorder.note(None, &agent_said(0, 0, 0, "hello"));
    recorder.note(Some(&granted), &said(10, 20, "name"));
    recorder.note(None, &ended(500));
    assert_eq!(
        finished(&mut recorder, 500),
        [
            "began",
            "consent Refused { class: NotAsked }",
            "not kept 10-20",
            "ended 500 caller_hung_up",
        ]
    );
}

#[test]
fn a_turn_carries_its_halts_and_how_long_its_answer_took() {
    let mut recorder = recorder(Mode::Announce);
    let reply = ReplyId(3);
    recorder.note(
        None,
        &Note::Timed {
            reply,
            by: None,
            timing: Timing {
                speech_end: at(100),
                decided: at(300),
                first_token: Some(at(500)),
                first_audio: at(700),
                ..Timing::default()
            },
        },
    );
    for (interrupted, resumed) in [(900, Some(1_000)), (1_100, None)] {
        recorder.note(
            None,
            &Note::Interrupted {
                reply,
                at: at(interrupted),
            },
        );
        if let Some(resumed) = resumed {
            recorder.note(
                None,
                &Note::Resumed {
                    reply,
                    at: at(resumed),
                },
            );
        }
    }
    recorder.note(None, &agent_said(3, 700, 1_100, "first part"));
    recorder.note(None, &agent_said(3, 1_300, 1_500, "second part"));
    let mut out = Vec::new();
    recorder.take(at(1_500), &mut out);
    let turns: Vec<&Turn> = out
        .iter()
        .filter_map(|e| {
            if let Entry::Turn(t) = e {
                Some(t)
            } else {
                None
            }
        })
        .collect();
    let halt = |at_ms, resumed_ms| Halt { at_ms, resumed_ms };
    assert_eq!(turns[0].halts, [halt(900, Some(1_000)), halt(1_100, None)]);
    assert_eq!(turns[0].latency.as_ref().unwrap().first_audio_ms, 700);
    assert_eq!((&turns[1].halts[..], &turns[1].latency), (&[][..], &None));
}

#[test]
fn events_and_ends_have_stable_names() {
    let mut recorder = recorder(Mode::Announce);
    let moment = at(7);
    let mut notes = Vec::new();
    for (command, means) in [
        (Command::OptOut, Means::Key),
        (Command::DontRecord, Means::Words),
        (Command::Robot, Means::Words),
        (Command::Stop, Means::Key),
    ] {
        notes.push(Note::Commanded {
            command,
            means,
            at: moment,
        });
    }
    for stage in [Stage::Ears, Stage::Mind, Stage::Voice] {
        notes.push(Note::StageFailed { stage, at: moment });
    }
    notes.push(Note::Guarded {
        reply: ReplyId(1),
        at: moment,
    });
    notes.push(Note::TakenOver {
        stage: Stage::Voice,
        vendor: "cartesia",
        at: moment,
    });
    for note in &notes {
        recorder.note(None, note);
    }
    assert_eq!(
        finished(&mut recorder, 7),
        [
            "began",
            "7 opt_out means=key",
            "7 objection means=words",
            "7 robot_asked means=words",
            "7 stop means=key",
            "7 stage_failed stage=ears",
            "7 stage_failed stage=mind",
            "7 stage_failed stage=voice",
            "7 denial_guarded ",
            "7 stage_taken_over stage=voice vendor=cartesia",
            "audio 0+56 caller - agent -",
            "ended 7 aborted",
        ]
    );
}

#[test]
fn what_nobody_fetches_is_bounded_and_consent_and_the_end_are_never_lost() {
    let mut recorder = recorder(Mode::Announce);
    let granted = Granted::for_test(at(0));
    let long = "é".repeat(TEXT_BYTES_MAX);
    recorder.note(Some(&granted), &said(0, 1, &long));
    for n in 0..5_000 {
        recorder.note(Some(&granted), &said(n, n + 1, "x"));
        recorder.note(
            None,
            &Note::Interrupted {
                reply: ReplyId(n as u32),
                at: at(n),
            },
        );
        recorder.note(
            None,
            &Note::Interrupted {
                reply: ReplyId(4_999),
                at: at(n),
            },
        );
    }
    recorder.note(None, &consent(9_000, withdrawn(false, 9_000)));
    recorder.note(None, &ended(9_000));
    assert!(recorder.pending.len() <= REPLIES_MAX);
    let halts = recorder.pending[&ReplyId(4_999)].halts.len();
    assert_eq!(halts, HALTS_MAX);
    assert!(recorder.dropped() > 3_000);
    let mut out = Vec::new();
    recorder.finish(at(9_000), &mut out);
    assert!(matches!(&out[1], Entry::Turn(t) if t.text.len() == TEXT_BYTES_MAX));
    let names = lines(&out);
    let tail = &names[names.len() - 2..];
    assert!(tail[0].starts_with("consent Withdrawn") && tail[1].starts_with("ended"));
}
