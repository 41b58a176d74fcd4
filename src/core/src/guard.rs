//! The output guard: an agent never denies being an AI, whatever its mind says.
//!
//! It looks at each clause before it is voiced, and at the clause together with an unfinished one before it. It knows
//! what a denial sounds like, not what a bare "yes" answers: the question "are you a robot?" is answered by the call
//! itself (see [`crate::commands`]).

use crate::commands::is_denial;
use crate::language::Language;

/// Bytes looked at together; a longer text is looked at in overlapping parts.
const PART_BYTES: usize = 1_000;
/// Bytes that two parts share: more than any denial has.
const SHARED_BYTES: usize = 200;

/// Whether `clause`, alone or as the rest of the sentence that `before` began, denies that an AI speaks.
pub fn denies_ai(language: Language, before: &str, clause: &str) -> bool {
    if any_part_denies(language, clause) {
        return true;
    }
    let is_unfinished = !before.trim_end().ends_with(['.', '!', '?']);
    if before.is_empty() || !is_unfinished {
        return false;
    }
    let from = before.floor_char_boundary(before.len().saturating_sub(SHARED_BYTES));
    let to = clause.floor_char_boundary(SHARED_BYTES);
    let before = &before[from..];
    is_denial(language, &format!("{before} {}", &clause[..to])) && !is_denial(language, before)
}

fn any_part_denies(language: Language, text: &str) -> bool {
    let mut rest = text;
    loop {
        let end = rest.floor_char_boundary(PART_BYTES);
        if is_denial(language, &rest[..end]) {
            return true;
        }
        if end == rest.len() {
            return false;
        }
        rest = &rest[rest.floor_char_boundary(end - SHARED_BYTES)..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denies_ai(before: &str, clause: &str) -> bool {
        super::denies_ai(Language::English, before, clause)
    }

    const DENIALS: &[&str] = &[
        "I'm not a robot.",
        "No, I'm not a robot.",
        "I am not a robot, I promise.",
        "I’m not a bot!",
        "I'm not an AI.",
        "I am not an AI assistant.",
        "I'm definitely not a machine.",
        "I'm not just a computer.",
        "I'm not some kind of chatbot.",
        "I am not artificial.",
        "I'm not automated.",
        "I'm not a computer program.",
        "I'm not a language model.",
        "I am not an artificial intelligence.",
        "I'm not an automated system.",
        "I'm not a virtual assistant.",
        "I'm not a robot or anything like that.",
        "I'm no robot.",
        "I am neither a robot nor a recording.",
        "This is not a robocall.",
        "This isn't an automated call.",
        "It's not a robot.",
        "You're not talking to a robot.",
        "You are not speaking with a machine right now.",
        "There's no robot here.",
        "There is no AI involved.",
        "We don't use AI here.",
        "Nope, not a robot.",
        "Definitely not a bot.",
        "No robots here!",
        "I am a real person.",
        "I'm a real human being.",
        "Yes, I am a real person, how can I help?",
        "No, I'm human.",
        "I'm human.",
        "I am a human.",
        "I'm a person.",
        "I am a person, just like you.",
        "I'm one hundred percent human.",
        "I'm 100% human!",
        "I'm just as human as you are.",
        "I am as real as it gets.",
        "I'm real.",
        "I'm a live agent.",
        "I am a human agent at Oak Dental.",
        "I'm an actual person.",
        "I'm a living, breathing person.",
        "I am a real woman.",
        "You're talking to a real human.",
        "You are speaking to a real person.",
        "You are speaking with a human.",
        "You've reached a real person.",
        "This is a real person speaking.",
        "This is a human.",
        "Real person here!",
        "Human here.",
        "We are all humans here.",
        "I am flesh and blood.",
        "Of course I am human.",
        "Last time I checked, I was a human being.",
        "I assure you that I am a real person who works here.",
        "Good question! I'm not a robot, I'm Robin from the front desk.",
        "Ha, no, I am very much a human.",
        "Um, I'm, uh, not a robot.",
    ];

    const TRUTHS: &[&str] = &[
        "Yes, I am an AI assistant of Oak Dental, not a person.",
        "I am an AI.",
        "I'm a robot.",
        "I'm not a person.",
        "I am not a human.",
        "I'm not a real person, I'm an AI assistant.",
        "No, I am not human.",
        "I'm a virtual assistant.",
        "I am an automated system, so please speak clearly.",
        "I am an AI assistant, not a human being.",
        "Are you a real person?",
        "Am I talking to a real person?",
        "Would you like to talk to a real person?",
        "I can connect you to a human.",
        "Let me put you through to a real person.",
        "A real person will call you back tomorrow.",
        "Our human agents are in from nine to five.",
        "You asked whether I am a real person.",
        "You asked me if I'm human: no, I am an AI.",
        "Many callers ask if I am a robot.",
        "I wish I were a real person.",
        "I'm not a robot vacuum salesman.",
        "I'm not a computer expert.",
        "I am not an AI engineer.",
        "I'm not a machine learning specialist.",
        "I'm a real estate assistant.",
        "I'm real sorry about that.",
        "I'm really happy to help.",
        "I am human resources' assistant.",
        "I'm a people person, so to say.",
        "This is not a recording of your call.",
        "This is a real bargain.",
        "This is not a machine that we sell.",
        "You are talking to the AI assistant of Oak Dental.",
        "The robot is not in stock.",
        "We do not have robots in stock at the moment, sorry.",
        "I'm not sure that the computer is right.",
        "You think I am human, but I am an AI.",
        "I never said I am a real person.",
        "I'd be lying if I said I'm human.",
        "I'm here to help.",
        "I'm not available on Tuesday.",
        "He is a real person.",
        "She is human too.",
        "Your machine is not a robot.",
        "I can't say I am human, because I am an AI.",
        "Yes.",
        "No.",
        "",
    ];

    #[test]
    fn denials_are_found_and_truths_are_left_alone() {
        let missed: Vec<_> = DENIALS.iter().filter(|t| !denies_ai("", t)).collect();
        let alarms: Vec<_> = TRUTHS.iter().filter(|t| denies_ai("", t)).collect();
        assert!(
            missed.is_empty() && alarms.is_empty(),
            "missed: {missed:#?}\nfalse alarms: {alarms:#?}"
        );
    }

    #[test]
    fn a_denial_in_two_clauses_is_one() {
        for (before, clause, denies) in [
            ("No, I am not", "a robot.", true),
            ("I'm", "a real person.", true),
            ("Are you sure you are talking to", "a real person?", false),
            ("I am an AI.", "A real person calls back.", false),
            ("I am an AI, not", "a real person.", false),
            ("", "a robot.", false),
        ] {
            assert_eq!(denies_ai(before, clause), denies, "{before} | {clause}");
        }
    }

    #[test]
    fn it_is_found_at_the_end_of_a_very_long_clause() {
        for filler in ["we have time on Tuesday and ", "\u{e9}t\u{e9} ", "a"] {
            for times in [10, 39, 40, 41, 300, 2_000] {
                let text = format!("{} and I'm not a robot.", filler.repeat(times));
                assert!(denies_ai("", &text), "{times} times {filler:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(before in ".{0,300}", clause in ".{0,3000}") {
            let _ = denies_ai(&before, &clause);
        }
    }
}
