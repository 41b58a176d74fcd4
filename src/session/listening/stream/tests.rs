use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use trunkline_core::wire::link::{Trouble, TroubleKind};

use super::*;

/// Counts what it is asked, and remembers whether to hurry and up to where nothing was said.
#[derive(Default)]
struct Deaf(Arc<AtomicUsize>, Arc<AtomicBool>, Arc<AtomicU64>);

impl Listener for Deaf {
    fn push(&mut self, _: &[u8]) {}

    fn hasten(&mut self, haste: Haste) {
        let is_now = haste == Haste::Now;
        self.1.store(is_now, Ordering::Relaxed);
    }

    fn settle(&mut self, sample: u64) {
        self.2.store(sample, Ordering::Relaxed);
    }

    fn finalize(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<SttEvent>> {
        Poll::Pending
    }
}

/// Plays a script: `+MS` and `-MS` are what the ear finds, `~MS` what the recogniser holds to be the beginning of speech,
/// `?MS words` a partial, `=MS words` a final (`==` if it was asked for), `.MS` the end of a turn, `!` its end, `@MS` time
/// passing. Facts come out in the same manner, with `%MS` for a score and `#` for failed ears.
fn play(turns: Turns, script: &[&str]) -> Vec<String> {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut stream = Stream::new(
        Box::new(Deaf(Arc::clone(&asked), Arc::default(), Arc::default())),
        turns,
    );
    let (mut out, mut told, mut now) = (VecDeque::new(), Vec::new(), At::START);
    for line in script {
        let (head, words) = line.split_once(' ').unwrap_or((line, ""));
        let sign: String = head.chars().take_while(|c| !c.is_ascii_digit()).collect();
        let at_ms: u64 = head[sign.len()..].parse().unwrap_or(0);
        let sample = at_ms * 8;
        now = now.max(At::from_ms(at_ms));
        let when = |sample: u64| At::from_ms(sample / 8);
        let event = match sign.as_str() {
            "@" => {
                stream.tick(now, &mut out);
                None
            }
            "+" => {
                stream.started(sample, when(sample), &mut out);
                None
            }
            "-" => {
                // The ear finds the end 200 ms later.
                now = now.plus(200);
                stream.stopped(sample, when(sample), now, &mut out);
                None
            }
            "~" => Some(SttEvent::SpeechStarted { at_ms }),
            "?" => Some(SttEvent::Partial {
                until_ms: at_ms,
                text: words.into(),
            }),
            "=" | "==" => Some(SttEvent::Final {
                until_ms: at_ms,
                text: words.into(),
                confidence: 0.9,
                words: Vec::new(),
                asked: sign == "==",
            }),
            "." => Some(SttEvent::TurnEnded { at_ms }),
            _ => Some(SttEvent::Trouble {
                trouble: Trouble::new(TroubleKind::Server, "gone"),
                is_over: true,
            }),
        };
        if let Some(event) = event {
            stream.heard(event, now, when, &mut out);
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "all others are wrong")]
        told.extend(out.drain(..).map(|event| match event {
            Event::SpeechStarted { at } => format!("+{}", at.ms()),
            Event::SpeechStopped { at } => format!("-{}", at.ms()),
            Event::Partial { until, text } => format!("?{} {text}", until.ms()),
            Event::Final { until, text, .. } => format!("={} {text}", until.ms()).trim().into(),
            Event::TurnScored { until, .. } => format!("%{}", until.ms()),
            Event::HearFailed { fatal: true, .. } => "#".into(),
            _ => "a fact that was not expected".into(),
        }));
    }
    told.push(format!("asked {}", asked.load(Ordering::Relaxed)));
    told
}

#[test]
fn a_turn_by_the_recognisers_own_events() {
    let cases: [(&str, &[&str], &[&str]); 10] = [
        (
            "a noise that the recogniser found empty before the ear found its end",
            &["+1000", "=3150", "-3000", "@5500"],
            &["+1000", "-3000", "=3000", "asked 0"],
        ),
        (
            "words, then silence",
            &[
                "+1000",
                "?1800 I need",
                "-2000",
                "=2210 I need help.",
                ".2010",
            ],
            &[
                "+1000",
                "?1800 I need",
                "-2000",
                "=2000 I need help.",
                "%2000",
                "asked 0",
            ],
        ),
        (
            "the recogniser is quicker than the ear",
            &["+1000", "=2020 I need help.", ".2000", "-2010"],
            &["+1000", "=2020 I need help.", "-2000", "%2000", "asked 0"],
        ),
        (
            "a long sentence in two finals",
            &[
                "+1000",
                "=5000 I need help",
                "=7000 with a crown.",
                "-7000",
                ".7000",
            ],
            &[
                "+1000",
                "=5000 I need help",
                "=7000 with a crown.",
                "-7000",
                "%7000",
                "asked 0",
            ],
        ),
        (
            "a voice that the ear does not find",
            &["~1000", "?1500 yes", "=1900 Yes.", ".1800"],
            &[
                "+1000",
                "?1500 yes",
                "=1900 Yes.",
                "-1800",
                "%1800",
                "asked 0",
            ],
        ),
        (
            "a noise that the ear takes for speech to the end",
            &[
                "+1000",
                "=2000 Yes.",
                ".1900",
                "~3000",
                "=3600 And no.",
                ".3500",
            ],
            &[
                "+1000",
                "=2000 Yes.",
                "-1900",
                "%1900",
                "+3000",
                "=3600 And no.",
                "-3500",
                "%3500",
                "asked 0",
            ],
        ),
        (
            "a cough",
            &["+1000", "-1200", "@1500", "@2400"],
            &["+1000", "-1200", "=1200", "asked 0"],
        ),
        (
            "a cough that the recogniser found empty",
            &["+1000", "-1200", "=1700", "@2500"],
            &["+1000", "-1200", "=1200", "asked 0"],
        ),
        (
            "words that are late are waited for",
            &[
                "+1000",
                "?1500 yes",
                "-1600",
                "@2800",
                "=1650 Yes.",
                ".1600",
            ],
            &[
                "+1000",
                "?1500 yes",
                "-1600",
                "=1650 Yes.",
                "%1600",
                "asked 0",
            ],
        ),
        (
            "the end of the turn before does not end this one",
            &["+1000", "-1500", "=1700 Yes.", "+1750", ".1500"],
            &["+1000", "-1500", "=1500 Yes.", "+1750", "asked 0"],
        ),
    ];
    for (name, script, facts) in cases {
        assert_eq!(play(Turns::Cloud, script), facts, "{name}");
    }
}

#[test]
fn a_turn_by_our_own_models() {
    let cases: [(&str, &[&str], &[&str]); 4] = [
        (
            "the words are asked for where the voice ends",
            &["+1000", "-2000", "==1990 I need help.", ".2000"],
            &["+1000", "-2000", "=2000 I need help.", "asked 1"],
        ),
        (
            "what was final before counts, and the rest is asked for",
            &["+1000", "=1500 I need", "-2000", "==2000 help."],
            &["+1000", "=1500 I need", "-2000", "=2000 help.", "asked 1"],
        ),
        (
            "its own opinion of speech is none",
            &["~1000", ".2000", "=900"],
            &["asked 0"],
        ),
        (
            "two ends, two answers",
            &[
                "+1000",
                "-1500",
                "+1600",
                "-2500",
                "==1450 One.",
                "==2490 Two.",
            ],
            &[
                "+1000",
                "-1500",
                "+1600",
                "-2500",
                "=1500 One.",
                "=2500 Two.",
                "asked 2",
            ],
        ),
    ];
    for (name, script, facts) in cases {
        assert_eq!(play(Turns::Own, script), facts, "{name}");
    }
}

#[test]
fn a_recogniser_that_is_gone_is_told_once() {
    let facts = play(Turns::Cloud, &["+1000", "!", "-1500", "@3000"]);
    assert_eq!(facts, ["+1000", "#", "-1500", "asked 0"]);
}

/// A stream that is played to, and what its recogniser was told.
struct Told {
    stream: Stream,
    is_hasty: Arc<AtomicBool>,
    settled: Arc<AtomicU64>,
    out: VecDeque<Event>,
}

impl Told {
    fn by(turns: Turns) -> Self {
        let (is_hasty, settled) = (Arc::default(), Arc::default());
        let listener = Deaf(Arc::default(), Arc::clone(&is_hasty), Arc::clone(&settled));
        Self {
            stream: Stream::new(Box::new(listener), turns),
            is_hasty,
            settled,
            out: VecDeque::new(),
        }
    }

    fn at(&mut self, ms: u64, is_doubtful: bool) -> (bool, u64) {
        let haste = if is_doubtful { Haste::Now } else { Haste::None };
        self.stream.attend(haste, ms * 8, At::from_ms(ms));
        let settled = self.settled.load(Ordering::Relaxed) / 8;
        (self.is_hasty.load(Ordering::Relaxed), settled)
    }

    fn hear(&mut self, ms: u64, event: SttEvent) {
        let when = |sample: u64| At::from_ms(sample / 8);
        self.stream
            .heard(event, At::from_ms(ms), when, &mut self.out);
    }
}

#[test]
fn audio_is_hurried_while_a_turn_depends_on_it() {
    let mut told = Told::by(Turns::Cloud);
    assert!(!told.at(1_000, false).0);
    told.stream
        .started(8_000, At::from_ms(1_000), &mut told.out);
    assert!(!told.at(1_500, false).0, "they are speaking");
    assert!(told.at(1_800, true).0, "they may have come to an end");
    assert!(!told.at(1_900, false).0, "they have not");
    let until = At::from_ms(2_000);
    told.stream
        .stopped(16_000, until, At::from_ms(2_200), &mut told.out);
    assert!(told.at(2_220, false).0, "what does the recogniser think?");
    told.hear(2_400, SttEvent::TurnEnded { at_ms: 2_000 });
    assert!(!told.at(2_420, false).0, "it was told");
    told.stream
        .started(24_000, At::from_ms(3_000), &mut told.out);
    let until = At::from_ms(3_500);
    told.stream
        .stopped(28_000, until, At::from_ms(3_700), &mut told.out);
    assert!(told.at(5_000, false).0);
    assert!(!told.at(5_300, false).0, "nobody waits for ever");
}

#[test]
fn silence_need_not_be_sent_again() {
    let mut told = Told::by(Turns::Cloud);
    assert_eq!(told.at(1_000, false).1, 0);
    assert_eq!(told.at(3_000, false).1, 2_000);
    assert_eq!(told.at(3_020, false).1, 2_000, "not with every frame");
    assert_eq!(told.at(4_000, false).1, 3_000);
    // Somebody too quiet for the ear, but not for the recogniser.
    let (until_ms, text) = (5_000, "hello".to_owned());
    told.hear(5_000, SttEvent::Partial { until_ms, text });
    assert_eq!(told.at(7_000, false).1, 3_000);
    told.stream
        .started(56_000, At::from_ms(7_000), &mut told.out);
    assert_eq!(told.at(9_000, false).1, 3_000, "they speak");
    let until = At::from_ms(9_000);
    told.stream
        .stopped(72_000, until, At::from_ms(9_200), &mut told.out);
    assert_eq!(told.at(10_400, false).1, 3_000, "there are no words for it");
    told.hear(
        10_400,
        SttEvent::Final {
            until_ms: 9_100,
            text: "Hello there.".to_owned(),
            confidence: 1.0,
            words: Vec::new(),
            asked: false,
        },
    );
    assert_eq!(told.at(10_420, false).1, 9_420);
}
