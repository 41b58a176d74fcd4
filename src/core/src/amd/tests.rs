use super::*;

fn at(ms: u64) -> At {
    At::from_ms(ms)
}

/// What is told, in the order of time.
#[derive(Clone, Copy, Debug)]
enum Fact {
    From,
    To,
    Guess(&'static str),
    Said(&'static str),
    Sounds(Tone),
    Carrier(Told),
    Key,
}
use Fact::{Carrier, From, Guess, Key, Said, Sounds, To};

const MACHINE: Told = Told::Machine {
    greeting_over: false,
};

/// Plays facts and the timers between them, up to a minute, and tells every verdict as `class by evidence at ms`.
fn play(witness: Witness, facts: &[(u64, Fact)]) -> Vec<String> {
    let answered = at(1_000);
    let mut amd = Amd::new(witness, AmdLimits::default(), Language::English, answered);
    let mut told = Vec::new();
    let mut tell = |verdict: Option<Verdict>| {
        told.extend(
            verdict.map(|v| format!("{} by {} at {}", v.by.code(), v.evidence.code(), v.after_ms)),
        );
    };
    let end = [(60_000, None)];
    let facts = facts.iter().map(|(ms, fact)| (*ms, Some(*fact)));
    for (ms, fact) in facts.chain(end) {
        let now = answered.plus(ms as u32);
        while let Some(due) = amd.due().filter(|due| *due <= now) {
            tell(amd.tick(due));
        }
        tell(match fact {
            Some(From) => {
                amd.speech_started(now);
                None
            }
            Some(To) => {
                amd.speech_stopped(now);
                None
            }
            Some(Guess(text)) => amd.guessed(text, now),
            Some(Said(text)) => amd.heard(text, now),
            Some(Sounds(tone)) => amd.toned(tone, now, now),
            Some(Carrier(told)) => amd.told(told, now),
            Some(Key) => amd.pressed(now),
            None => None,
        });
    }
    told
}

/// Fluent talk of this many words.
fn words(count: usize) -> &'static str {
    let text = "and then all of us went down to see the sea ";
    let all: Vec<&str> = text.split_whitespace().cycle().take(count).collect();
    Box::leak(all.join(" ").into_boxed_str())
}

/// What it is about, what is heard, and what is found.
type Case<'a> = (&'a str, &'a [(u64, Fact)], &'a [&'a str]);
/// The same with whose word counts, and what the carrier says.
type CaseOfTwo<'a> = (
    &'a str,
    Witness,
    &'a [(u64, Fact)],
    &'a [(u64, Fact)],
    &'a [&'a str],
);

#[test]
fn verdicts_follow_from_what_was_heard() {
    let long = words(25);
    let cases: &[Case] = &[
        (
            "a hello",
            &[(600, From), (1_000, To), (1_350, Said("Hello?"))],
            &["human by words at 1350"],
        ),
        (
            "a hello without words",
            &[(600, From), (1_000, To), (1_400, Said(""))],
            &["human by short_greeting at 2000"],
        ),
        (
            "a firm that greets",
            &[
                (500, From),
                (2_600, To),
                (2_900, Said("Good morning, Miller and Sons, the bakery")),
            ],
            &["human by short_greeting at 3100"],
        ),
        (
            "a firm that asks",
            &[
                (500, From),
                (3_900, To),
                (
                    4_200,
                    Said("You've reached Oak Dental, how can I help you?"),
                ),
            ],
            &["human by words at 4200"],
        ),
        ("nobody speaks", &[], &["unknown by silence at 6000"]),
        (
            "nobody speaks, and then somebody does",
            &[(7_000, From), (7_400, To), (7_700, Said("Hello?"))],
            &["unknown by silence at 6000", "human by words at 7700"],
        ),
        (
            "voicemail, while it talks",
            &[
                (400, From),
                (1_700, Guess("You've reached the voicemail of")),
            ],
            &["machine by words at 1700"],
        ),
        (
            "a name first, and then what it is",
            &[
                (400, From),
                (1_300, To),
                (1_600, Said("Hi, this is John Miller here.")),
                (2_200, From),
                (3_800, To),
                (4_000, Said("Leave me a message.")),
            ],
            &[
                "human by short_greeting at 1800",
                "machine by words at 4000",
            ],
        ),
        (
            "two halves of a phrase",
            &[
                (400, From),
                (2_000, To),
                (2_300, Said("You've got John here so please leave")),
                (2_350, From),
                (3_800, To),
                (4_000, Said("your message for me")),
            ],
            &["machine by words at 4000"],
        ),
        (
            "a menu that offers a mailbox",
            &[
                (400, From),
                (4_000, Guess("for sales press one")),
                (9_000, Said("Leave a message after the beep")),
            ],
            &["ivr by words at 4000", "machine by words at 9000"],
        ),
        (
            "talk without a pause",
            &[(400, From), (5_000, Guess(long))],
            &["machine by long_greeting at 10400"],
        ),
        (
            "talk without a pause that asks something",
            &[
                (400, From),
                (
                    5_000,
                    Guess(
                        "hello who is this I cannot hear you because of the noise in here and I am busy so",
                    ),
                ),
            ],
            &["unknown by time_up at 15000"],
        ),
        (
            "noise without words",
            &[(400, From)],
            &["unknown by time_up at 15000"],
        ),
        (
            "a greeting in no known words, and a beep",
            &[(400, From), (4_000, To), (4_400, Sounds(Tone::Beep))],
            &["machine by beep at 4400"],
        ),
        (
            "a beep alone",
            &[(2_000, Sounds(Tone::Beep))],
            &["machine by beep at 4000"],
        ),
        (
            "a beep on the way to a person",
            &[
                (600, Sounds(Tone::Beep)),
                (1_200, From),
                (1_500, To),
                (1_800, Said("Hello?")),
            ],
            &["human by words at 1800"],
        ),
        (
            "a person, and something in the kitchen",
            &[
                (500, From),
                (900, To),
                (1_200, Said("Hello?")),
                (3_000, Sounds(Tone::Beep)),
            ],
            &["human by words at 1200"],
        ),
        (
            "a fax",
            &[(2_000, Sounds(Tone::FaxAnswer))],
            &["fax by fax_tone at 2000"],
        ),
        (
            "a fax that calls",
            &[
                (1_000, Sounds(Tone::FaxCall)),
                (4_500, Sounds(Tone::FaxCall)),
            ],
            &["fax by fax_tone at 4500"],
        ),
        (
            "a beep like a fax that calls",
            &[(400, From), (2_000, To), (2_900, Sounds(Tone::FaxCall))],
            &["human by short_greeting at 3000"],
        ),
        (
            "no such number",
            &[(900, Sounds(Tone::Network)), (1_200, From)],
            &["machine by network_tone at 900"],
        ),
        ("a key", &[(3_000, Key)], &["human by key at 3000"]),
        (
            "somebody picks up",
            &[
                (400, From),
                (2_000, Guess("leave a message")),
                (4_000, To),
                (4_200, Said("Please leave a message")),
                (6_000, From),
                (6_400, To),
                (6_700, Said("Hello?")),
            ],
            &["machine by words at 2000", "human by words at 6700"],
        ),
        (
            "a person who speaks of voicemail",
            &[
                (400, From),
                (1_500, To),
                (1_800, Said("Yes, who is this?")),
                (5_000, From),
                (8_000, To),
                (
                    8_300,
                    Said("Just leave a message on my voicemail after the beep"),
                ),
            ],
            &["human by words at 1800"],
        ),
        (
            "a person who speaks of voicemail later",
            &[
                (400, From),
                (900, To),
                (1_200, Said("Hello?")),
                (17_000, From),
                (20_000, To),
                (20_300, Said("Leave it on my voicemail after the beep")),
            ],
            &["human by words at 1200"],
        ),
    ];
    for (name, facts, expected) in cases {
        let expected: Vec<String> = expected.iter().map(|e| (*e).to_owned()).collect();
        let expected = match *name {
            // It is after speech: a beep, and so a machine's.
            "a beep like a fax that calls" => vec!["machine by beep at 2900".to_owned()],
            _ => expected,
        };
        assert_eq!(play(Witness::Own, facts), expected, "{name}");
    }
}

#[test]
fn the_carriers_word_is_evidence_among_others() {
    let greeted: &[(u64, Fact)] = &[(500, From), (900, To), (1_200, Said("Hello?"))];
    let grunted: &[(u64, Fact)] = &[(500, From), (900, To), (1_200, Said(""))];
    let mail: &[(u64, Fact)] = &[
        (400, From),
        (2_000, Guess("leave a message after the tone")),
    ];
    let cases: &[CaseOfTwo] = &[
        (
            "a machine",
            Witness::Carrier,
            &[],
            &[(4_000, Carrier(MACHINE))],
            &["machine by carrier at 4000"],
        ),
        (
            "a fax",
            Witness::Carrier,
            &[],
            &[(4_000, Carrier(Told::Fax))],
            &["fax by carrier at 4000"],
        ),
        (
            "never",
            Witness::Carrier,
            mail,
            &[],
            &["unknown by time_up at 15000"],
        ),
        (
            "late",
            Witness::Carrier,
            &[],
            &[(20_000, Carrier(MACHINE))],
            &["unknown by time_up at 15000", "machine by carrier at 20000"],
        ),
        (
            "not asked",
            Witness::Own,
            &[],
            &[(4_000, Carrier(MACHINE))],
            &["unknown by silence at 6000"],
        ),
        (
            "twice and against itself",
            Witness::Both,
            &[],
            &[
                (3_000, Carrier(Told::Human)),
                (3_100, Carrier(MACHINE)),
                (3_200, Carrier(Told::Human)),
            ],
            &["human by carrier at 3000"],
        ),
        (
            "against a hello",
            Witness::Both,
            greeted,
            &[(4_000, Carrier(MACHINE))],
            &["human by words at 1200"],
        ),
        (
            "against a grunt",
            Witness::Both,
            grunted,
            &[(4_000, Carrier(MACHINE))],
            &[
                "human by short_greeting at 1900",
                "machine by carrier at 4000",
            ],
        ),
        (
            "against a grunt, much later",
            Witness::Both,
            grunted,
            &[(30_000, Carrier(MACHINE))],
            &["human by short_greeting at 1900"],
        ),
        (
            "against voicemail",
            Witness::Both,
            mail,
            &[(4_000, Carrier(Told::Human))],
            &["machine by words at 2000"],
        ),
    ];
    for (name, witness, before, then, expected) in cases {
        let facts = [*before, *then].concat();
        assert_eq!(play(*witness, &facts), *expected, "{name}");
    }
}

#[test]
fn a_verdict_changes_so_often_and_no_more() {
    let mut facts = vec![(400, From), (900, To)];
    for n in 0..20_u64 {
        facts.push((1_000 + n * 400, Said("leave a message after the beep")));
        facts.push((1_200 + n * 400, Said("Hello?")));
    }
    assert!(play(Witness::Own, &facts).len() <= 1 + usize::from(CHANGES_MAX));
}

#[test]
fn tones_are_listened_for_while_they_can_tell_something() {
    let new = |witness| Amd::new(witness, AmdLimits::default(), Language::English, at(0));
    let mut amd = new(Witness::Own);
    assert!(amd.wants_tones(at(100)));
    assert!(!amd.wants_tones(at(REVISED_MS)));
    amd.heard("Hello?", at(900));
    assert!(!amd.wants_tones(at(1_000)), "it is a person");
    assert!(!new(Witness::Carrier).wants_tones(at(100)));
}

#[test]
fn hostile_texts_are_read_in_bounded_time() {
    let mut amd = Amd::new(Witness::Own, AmdLimits::default(), Language::English, at(0));
    for text in [
        "a ".repeat(4_000),
        "leave ".repeat(4_000),
        "é’".repeat(2_000),
        "x".repeat(9_000),
    ] {
        amd.guessed(&text, at(10));
        amd.heard(&text, at(20));
        assert!(amd.last.len() <= LAST_BYTES_MAX);
    }
}
