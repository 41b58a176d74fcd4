//! Greetings of people and machines: what is said and sounded, in whose voice, over what line.

use trunkline_core::amd::AnsweredBy;

/// A part of what is heard.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// Nothing, for so many ms.
    Quiet(usize),
    /// Words.
    Says(&'static str),
    /// A tone of this pitch, in Hz, for so many ms.
    Tone(f32, usize),
    /// Two at once.
    Pair(f32, f32, usize),
}
use Part::{Pair, Quiet, Says, Tone};

/// A voice: the product's own at a pace and a pitch, or one of eSpeak's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Voice {
    Own { speed: f32, pitch: f64 },
    Espeak(&'static str),
}

const JOE: Voice = Voice::Own {
    speed: 1.0,
    pitch: 1.0,
};
const SLOW: Voice = Voice::Own {
    speed: 0.88,
    pitch: 0.96,
};
const BRISK: Voice = Voice::Own {
    speed: 1.12,
    pitch: 1.04,
};
const HIGH: Voice = Voice::Own {
    speed: 0.92,
    pitch: 1.18,
};
const LOW: Voice = Voice::Own {
    speed: 1.05,
    pitch: 0.9,
};
const MAN: Voice = Voice::Espeak("en-us");
const WOMAN: Voice = Voice::Espeak("en-us+f3");
const SECOND_MAN: Voice = Voice::Espeak("en-us+m3");

/// One call that is answered.
#[derive(Clone, Debug)]
pub(super) struct Greeting {
    pub(super) by: AnsweredBy,
    pub(super) voice: Voice,
    /// Noise below the voice, dB.
    pub(super) snr_db: f64,
    pub(super) parts: Vec<Part>,
}

fn mail(
    voice: Voice,
    snr_db: f64,
    words: &[&'static str],
    pause_ms: usize,
    beep: &[Part],
) -> Greeting {
    let mut parts = vec![Quiet(450)];
    for (at, text) in words.iter().enumerate() {
        parts.extend((at > 0).then_some(Quiet(350)));
        parts.push(Says(text));
    }
    parts.push(Quiet(pause_ms));
    parts.extend(beep);
    Greeting {
        by: AnsweredBy::Machine,
        voice,
        snr_db,
        parts,
    }
}

fn menu(voice: Voice, snr_db: f64, words: &[&'static str]) -> Greeting {
    let of = mail(voice, snr_db, words, 300, &[]);
    Greeting {
        by: AnsweredBy::Ivr,
        ..of
    }
}

fn person(voice: Voice, snr_db: f64, quiet_ms: usize, words: &[&'static str]) -> Greeting {
    let mut of = mail(voice, snr_db, words, 300, &[]);
    of.parts[0] = Quiet(quiet_ms);
    Greeting {
        by: AnsweredBy::Human,
        ..of
    }
}

fn sounds(by: AnsweredBy, parts: &[Part]) -> Greeting {
    Greeting {
        by,
        voice: JOE,
        snr_db: 30.0,
        parts: parts.to_vec(),
    }
}

/// Voicemail, with a beep and without.
fn mailboxes() -> Vec<Greeting> {
    vec![
        mail(
            JOE,
            30.0,
            &[
                "Hi, you've reached John Miller.",
                "I can't come to the phone right now. Please leave a message after the tone.",
            ],
            600,
            &[Tone(1_000.0, 400)],
        ),
        mail(
            HIGH,
            25.0,
            &[
                "Hello, this is Anna. I'm not available at the moment.",
                "Leave your name and number and I'll call you back.",
            ],
            900,
            &[Tone(850.0, 300)],
        ),
        mail(
            SLOW,
            20.0,
            &[
                "You have reached the voicemail box of Peter Smith. Please record your message at the tone.",
            ],
            400,
            &[Tone(1_400.0, 500)],
        ),
        mail(
            BRISK,
            30.0,
            &["Hey, it's Mike. Leave me a message."],
            500,
            &[Tone(440.0, 600)],
        ),
        mail(
            LOW,
            25.0,
            &[
                "The person you are calling is not available.",
                "Please leave a message after the beep.",
            ],
            700,
            &[Tone(1_000.0, 200)],
        ),
        mail(
            JOE,
            15.0,
            &[
                "Your call has been forwarded to an automatic voice message system.",
                "At the tone, please record your message.",
            ],
            500,
            &[Tone(950.0, 1_000)],
        ),
        mail(
            HIGH,
            30.0,
            &[
                "Hi, you've reached the Johnson family. Nobody is home right now.",
                "Please leave a message.",
            ],
            1_200,
            &[Tone(1_200.0, 250)],
        ),
        mail(
            SLOW,
            30.0,
            &[
                "Thank you for calling Oak Street Dental. Our office is currently closed.",
                "Please leave a message and we will return your call as soon as possible.",
            ],
            800,
            &[Tone(700.0, 350)],
        ),
        mail(
            MAN,
            30.0,
            &[
                "You have reached the mailbox of five five five, zero one two three.",
                "Please leave a message after the beep.",
            ],
            500,
            &[Tone(1_000.0, 150)],
        ),
        mail(
            WOMAN,
            25.0,
            &["I cannot take your call right now. Leave a message after the tone."],
            400,
            &[Tone(2_000.0, 300)],
        ),
        mail(
            SECOND_MAN,
            30.0,
            &["Hello, you have reached Sarah. Please leave your name and a short message."],
            700,
            &[Tone(620.0, 800)],
        ),
        mail(
            JOE,
            12.0,
            &[
                "Hi, this is Tom. I missed your call, so leave me a message and I'll get back to you.",
            ],
            600,
            &[Tone(1_000.0, 1_800)],
        ),
        mail(
            BRISK,
            20.0,
            &[
                "Sorry I missed you. Please leave your name, your number, and a brief message after the beep.",
            ],
            500,
            &[Pair(600.0, 1_500.0, 400)],
        ),
        mail(
            LOW,
            30.0,
            &["You've got the voicemail of Doctor Brown."],
            900,
            &[Tone(1_004.0, 450)],
        ),
        mail(
            HIGH,
            18.0,
            &[
                "Hi there!",
                "You have reached Julia. I'm either on the phone or away from my desk. Leave a message.",
            ],
            600,
            &[Tone(900.0, 280)],
        ),
        mail(
            SLOW,
            25.0,
            &["We are unable to take your call. Please wait for the beep and leave your message."],
            1_000,
            &[Tone(1_100.0, 900)],
        ),
        mail(
            JOE,
            30.0,
            &[
                "The customer you have called is unavailable. Please leave a message after the signal.",
            ],
            600,
            &[Tone(800.0, 220), Tone(1_060.0, 220)],
        ),
        mail(
            BRISK,
            30.0,
            &["Hi, this is Chris.", "You know what to do."],
            700,
            &[Tone(1_000.0, 400)],
        ),
        mail(
            JOE,
            25.0,
            &[
                "The number you have dialed is not in service. Please check the number and dial again.",
            ],
            400,
            &[],
        ),
        mail(
            HIGH,
            30.0,
            &[
                "Hi, you've reached Emma's phone. Please text me instead, I never listen to my voicemail.",
            ],
            500,
            &[],
        ),
        mail(
            LOW,
            20.0,
            &[
                "You have reached the answering machine of the Wilson family. Please leave a message.",
            ],
            500,
            &[],
        ),
        mail(
            MAN,
            30.0,
            &["The mailbox is full and cannot accept any messages at this time. Goodbye."],
            300,
            &[],
        ),
        mail(
            SLOW,
            30.0,
            &[
                "Hello. I'm not able to answer the phone. Leave me your details and I'll ring you back.",
            ],
            400,
            &[],
        ),
        mail(
            WOMAN,
            30.0,
            &["The wireless customer you are calling is not available. Please try again later."],
            300,
            &[],
        ),
    ]
}

fn menus() -> Vec<Greeting> {
    vec![
        menu(
            JOE,
            30.0,
            &[
                "Thank you for calling Miller and Sons.",
                "For sales, press one. For service, press two.",
            ],
        ),
        menu(
            HIGH,
            25.0,
            &["Welcome to Oak Bank. Please listen carefully, as our menu options have changed."],
        ),
        menu(SLOW, 20.0, &["For English, press one."]),
        menu(
            BRISK,
            30.0,
            &[
                "Your call is important to us. Please stay on the line for the next available agent.",
            ],
        ),
        menu(
            LOW,
            25.0,
            &["If you know your party's extension, you may dial it at any time."],
        ),
        menu(
            MAN,
            30.0,
            &["Main menu. Press one for billing. Press two for support."],
        ),
        menu(
            WOMAN,
            30.0,
            &["This call may be recorded. Please enter your account number."],
        ),
        menu(
            JOE,
            15.0,
            &[
                "Thank you for calling. To make an appointment, press one. For all other questions, press two.",
            ],
        ),
        menu(
            HIGH,
            30.0,
            &[
                "Please say your name and why you are calling, and I will see if this person is available.",
            ],
        ),
        menu(
            SECOND_MAN,
            30.0,
            &["Press the star key to hear these options again."],
        ),
    ]
}

fn people() -> Vec<Greeting> {
    vec![
        person(JOE, 30.0, 500, &["Hello?"]),
        person(HIGH, 25.0, 300, &["Hello?"]),
        person(LOW, 15.0, 700, &["Yes?"]),
        person(MAN, 30.0, 400, &["Hello?"]),
        person(WOMAN, 20.0, 600, &["Hello, who is this?"]),
        person(BRISK, 30.0, 500, &["Hey, what's up?"]),
        person(SLOW, 30.0, 400, &["Hi, this is Peter."]),
        person(
            HIGH,
            30.0,
            500,
            &["Oak Street Dental, this is Sarah, how can I help you?"],
        ),
        person(
            JOE,
            25.0,
            400,
            &["Good morning, Miller and Sons, Peter speaking."],
        ),
        person(
            LOW,
            20.0,
            500,
            &["Thank you for calling Oak Bank, my name is Tom, how may I help you today?"],
        ),
        person(SECOND_MAN, 30.0, 400, &["Good afternoon, city library."]),
        person(
            SLOW,
            25.0,
            500,
            &["You've reached the office of Doctor Brown, Julia speaking, what can I do for you?"],
        ),
        person(
            BRISK,
            25.0,
            500,
            &[
                "Yeah, hello, hold on a second, let me just turn the radio down, okay, sorry about that, who is this?",
            ],
        ),
        person(
            HIGH,
            20.0,
            400,
            &[
                "Hello, this is Michael Johnson from accounting, I was just about to leave for lunch, so it has to be quick, what is it about?",
            ],
        ),
        person(JOE, 30.0, 3_200, &["Hello?"]),
        person(LOW, 30.0, 4_500, &["Hello? Is anybody there?"]),
        person(HIGH, 8.0, 500, &["Hello?"]),
        person(JOE, 8.0, 500, &["Hello, who is calling please?"]),
        person(WOMAN, 10.0, 600, &["Yes, speaking."]),
        person(
            SLOW,
            30.0,
            500,
            &[
                "He's not available right now.",
                "Would you like to leave a message?",
            ],
        ),
        person(
            BRISK,
            30.0,
            400,
            &["Sorry, I can't talk right now, I'm in a meeting, can you call me back later?"],
        ),
        person(MAN, 25.0, 500, &["Hello?", "Hello?"]),
        person(
            JOE,
            30.0,
            400,
            &["Pizza Roma, good evening, what can I get you?"],
        ),
        person(HIGH, 30.0, 500, &["Hello.", "Can I help you?"]),
        person(BRISK, 30.0, 400, &["Hello?"]),
        person(SLOW, 25.0, 500, &["Hello, Miller."]),
        person(WOMAN, 30.0, 300, &["Hello?"]),
        person(SECOND_MAN, 25.0, 500, &["Yes, hello?"]),
        person(LOW, 30.0, 450, &["Hi."]),
        person(HIGH, 30.0, 350, &["Yeah?"]),
        person(JOE, 20.0, 500, &["Speaking."]),
        person(SLOW, 12.0, 400, &["Hello?"]),
        person(BRISK, 18.0, 600, &["Good morning."]),
        person(HIGH, 30.0, 450, &["Hello, Anna here."]),
        person(MAN, 20.0, 500, &["Yes, who is it?"]),
        person(LOW, 25.0, 350, &["Peter."]),
        person(JOE, 30.0, 550, &["Hello, can I help you?"]),
        person(SECOND_MAN, 30.0, 400, &["Hello?"]),
    ]
}

fn others() -> Vec<Greeting> {
    let (fax, machine) = (AnsweredBy::Fax, AnsweredBy::Machine);
    vec![
        sounds(fax, &[Quiet(1_200), Tone(2_100.0, 3_000)]),
        sounds(
            fax,
            &[
                Quiet(600),
                Tone(2_096.0, 2_600),
                Quiet(75),
                Tone(1_650.0, 900),
            ],
        ),
        sounds(
            fax,
            &[
                Quiet(500),
                Tone(1_100.0, 500),
                Quiet(3_000),
                Tone(1_100.0, 500),
                Quiet(3_000),
            ],
        ),
        sounds(
            machine,
            &[
                Quiet(300),
                Tone(950.0, 330),
                Tone(1_400.0, 330),
                Tone(1_800.0, 330),
                Quiet(300),
                Says("The number you have dialed has been disconnected."),
            ],
        ),
        sounds(AnsweredBy::Unknown, &[Quiet(6_000)]),
    ]
}

/// All of them, of which every class has a share in each prefix that is not too long.
pub(super) fn all() -> Vec<Greeting> {
    let mut kinds = [mailboxes(), people(), menus(), others()].map(Vec::into_iter);
    let mut all = Vec::new();
    loop {
        let before = all.len();
        for kind in &mut kinds {
            all.extend(kind.next());
        }
        if all.len() == before {
            return all;
        }
    }
}
