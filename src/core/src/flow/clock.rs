//! Spoken times of day, in English.

use super::number::{cardinal, tens, unit};
use super::value::{PartOfDay, Time};
use super::when::part_of_day;

/// A time as said, before it is known whether before or after noon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    hour: u8,
    minute: u8,
    half: Option<Half>,
    /// Marked as a time by "at", "o'clock", a colon and the like; a bare number is not.
    marked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Am,
    Pm,
    /// Said by the 24-hour clock.
    Exact,
}

/// The time that was said. Where it could be before or after noon, the one within `between` (minutes since midnight, ends
/// included) is meant; without `between`, seven to eleven are in the morning and one to six in the afternoon. A time out of
/// `between` is none.
pub(super) fn time(words: &[String], between: Option<(u16, u16)>) -> Option<Time> {
    let said = all_said(words);
    let best = said
        .iter()
        .find(|said| said.marked)
        .or_else(|| said.first())?;
    settle(*best, words, between)
}

/// As [`time`], but only if it was unmistakably a time: for an answer to another question.
pub(super) fn marked_time(words: &[String], between: Option<(u16, u16)>) -> Option<Time> {
    let said = all_said(words).into_iter().find(|said| said.marked)?;
    settle(said, words, between)
}

fn all_said(words: &[String]) -> Vec<Said> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match said_at(words, at) {
            Some((said, end)) => {
                all.push(said);
                at = end.max(at + 1);
            }
            // A number that is no time is passed as a whole: "sixty one" is not one o'clock.
            None => at = cardinal(words, at).map_or(at + 1, |(_, end)| end),
        }
    }
    all
}

fn said_at(words: &[String], at: usize) -> Option<(Said, usize)> {
    let word = words.get(at)?.as_str();
    let exact = |hour| {
        Some((
            Said {
                hour,
                minute: 0,
                half: Some(Half::Exact),
                marked: true,
            },
            at + 1,
        ))
    };
    match word {
        "noon" | "midday" => return exact(12),
        "midnight" => return exact(0),
        _ => {}
    }
    if let Some((hour, minute, end)) = by_minutes(words, at) {
        let (half, end) = suffix(words, end);
        return Some((
            Said {
                hour,
                minute,
                half,
                marked: true,
            },
            end,
        ));
    }
    let (hour, minute, mut marked, exact, end) = by_hour(words, at)?;
    marked |= at > 0 && matches!(words[at - 1].as_str(), "at" | "around" | "about");
    let (half, end) = suffix(words, end);
    marked |= half.is_some();
    let half = half.or((exact || hour > 12 || hour == 0).then_some(Half::Exact));
    Some((
        Said {
            hour,
            minute,
            half,
            marked,
        },
        end,
    ))
}

/// "half past two", "quarter to three", "ten past four", "half two".
fn by_minutes(words: &[String], at: usize) -> Option<(u8, u8, usize)> {
    let (minutes, mut next) = match words[at].as_str() {
        "half" => (30, at + 1),
        "quarter" => (15, at + 1),
        _ => {
            let (minutes, next) = cardinal(words, at)?;
            let minutes = u8::try_from(minutes)
                .ok()
                .filter(|minutes| (1..60).contains(minutes))?;
            (minutes, next)
        }
    };
    if words
        .get(next)
        .is_some_and(|word| word.starts_with("minute"))
    {
        next += 1;
    }
    let before = match words.get(next).map(String::as_str) {
        Some("past" | "after") => false,
        Some("to" | "till" | "before") if minutes != 30 => true,
        _ if words[at] == "half" => {
            let (hour, end) = hour_at(words, next)?;
            return Some((hour, 30, end));
        }
        _ => return None,
    };
    let (hour, end) = hour_at(words, next + 1)?;
    if before {
        let hour = if hour == 0 { 23 } else { hour - 1 };
        // "Ten to one" is by a clock face.
        let hour = if hour == 0 { 12 } else { hour };
        return Some((hour, 60 - minutes, end));
    }
    Some((hour, minutes, end))
}

fn hour_at(words: &[String], at: usize) -> Option<(u8, usize)> {
    match words.get(at).map(String::as_str) {
        Some("noon" | "midday") => return Some((12, at + 1)),
        Some("midnight") => return Some((0, at + 1)),
        _ => {}
    }
    let (hour, end) = cardinal(words, at)?;
    let hour = u8::try_from(hour).ok().filter(|hour| *hour < 24)?;
    Some((hour, end))
}

/// "two thirty", "2:30", "14 30", "three o'clock", "nine oh five", "1430": hour, minute, marked, exact, end.
fn by_hour(words: &[String], at: usize) -> Option<(u8, u8, bool, bool, usize)> {
    let word = words[at].as_str();
    if let Some((hour, minute)) = word.split_once([':', '.']) {
        let exact = hour.starts_with('0');
        let written = clock(hour, minute)?;
        return Some((written.0, written.1, true, exact, at + 1));
    }
    if word.bytes().all(|b| b.is_ascii_digit()) && (3..=4).contains(&word.len()) {
        let (hour, minute) = word.split_at(word.len() - 2);
        let written = clock(hour, minute)?;
        return Some((written.0, written.1, false, hour.starts_with('0'), at + 1));
    }
    let (hour, next) = match unit(word).or_else(|| word.parse().ok()) {
        Some(hour) => (hour, at + 1),
        // "Twenty two" is an hour; "twenty" and "fifty" on their own are not taken for one.
        None => cardinal(words, at).filter(|(hour, end)| *hour > 20 && *end == at + 2)?,
    };
    let hour = u8::try_from(hour).ok().filter(|hour| *hour < 24)?;
    match words.get(next).map(String::as_str) {
        Some("oclock") => Some((hour, 0, true, false, next + 1)),
        Some("hundred") => Some((hour, 0, false, true, next + 1)),
        Some("oh" | "o") => {
            let minute = words
                .get(next + 1)
                .and_then(|word| unit(word).or_else(|| word.parse().ok()))?;
            let minute = u8::try_from(minute)
                .ok()
                .filter(|minute| (1..10).contains(minute))?;
            Some((hour, minute, true, false, next + 2))
        }
        Some(minute) if tens(minute).is_some() || two_digits(minute) || teen(minute) => {
            let (minute, end) = cardinal(words, next)?;
            match u8::try_from(minute) {
                Ok(minute) if minute < 60 => Some((hour, minute, true, false, end)),
                _ => Some((hour, 0, false, false, next)),
            }
        }
        _ => Some((hour, 0, false, false, next)),
    }
}

fn clock(hour: &str, minute: &str) -> Option<(u8, u8)> {
    let hour = hour.parse().ok().filter(|hour: &u8| *hour < 24)?;
    let minute = minute
        .parse()
        .ok()
        .filter(|minute_: &u8| *minute_ < 60 && minute.len() == 2)?;
    Some((hour, minute))
}

fn two_digits(word: &str) -> bool {
    word.len() == 2 && word.bytes().all(|b| b.is_ascii_digit())
}

fn teen(word: &str) -> bool {
    unit(word).is_some_and(|value| value >= 10)
}

fn suffix(words: &[String], at: usize) -> (Option<Half>, usize) {
    let at = if words.get(at).is_some_and(|word| word == "oclock") {
        at + 1
    } else {
        at
    };
    match (
        words.get(at).map(String::as_str),
        words.get(at + 1).map(String::as_str),
    ) {
        (Some("am"), _) => (Some(Half::Am), at + 1),
        (Some("pm"), _) => (Some(Half::Pm), at + 1),
        (Some("a"), Some("m")) => (Some(Half::Am), at + 2),
        (Some("p"), Some("m")) => (Some(Half::Pm), at + 2),
        _ => (None, at),
    }
}

fn settle(said: Said, words: &[String], between: Option<(u16, u16)>) -> Option<Time> {
    let within = |time: &Time| {
        let minutes = u16::from(time.hour) * 60 + u16::from(time.minute);
        between.is_none_or(|(from, to)| (from..=to).contains(&minutes))
    };
    let at = |hour| Time {
        hour,
        minute: said.minute,
    };
    let morning = at(said.hour % 12);
    let later = at(said.hour % 12 + 12);
    let half = said.half.or_else(|| {
        part_of_day(words).map(|part| {
            if part == PartOfDay::Morning {
                Half::Am
            } else {
                Half::Pm
            }
        })
    });
    let by_custom = if (7..12).contains(&said.hour) {
        [morning, later]
    } else {
        [later, morning]
    };
    match half {
        Some(Half::Exact) => Some(at(said.hour)).filter(within),
        Some(Half::Am) => Some(morning).filter(within),
        Some(Half::Pm) => Some(later).filter(within),
        None if between.is_some() => by_custom.into_iter().find(within),
        None => Some(by_custom[0]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    #[test]
    fn times_are_understood() {
        let cases: &[(&str, Option<&str>)] = &[
            ("two thirty", Some("2:30 PM")),
            ("2:30", Some("2:30 PM")),
            ("14:30", Some("2:30 PM")),
            ("08:15", Some("8:15 AM")),
            ("fourteen thirty", Some("2:30 PM")),
            ("half past two", Some("2:30 PM")),
            ("half two", Some("2:30 PM")),
            ("quarter to three please", Some("2:45 PM")),
            ("a quarter past nine", Some("9:15 AM")),
            ("ten to one", Some("12:50 PM")),
            ("ten past four", Some("4:10 PM")),
            ("twenty five past four", Some("4:25 PM")),
            ("five minutes to ten", Some("9:55 AM")),
            ("three o'clock", Some("3 PM")),
            ("nine", Some("9 AM")),
            ("nine in the evening", Some("9 PM")),
            ("nine oh five", Some("9:05 AM")),
            ("seven p.m.", Some("7 PM")),
            ("7pm", Some("7 PM")),
            ("six thirty am", Some("6:30 AM")),
            ("12 am", Some("midnight")),
            ("noon", Some("noon")),
            ("around midnight", Some("midnight")),
            ("twelve fifteen", Some("12:15 PM")),
            ("march 3 at 2 pm", Some("2 PM")),
            ("I am free at ten", Some("10 AM")),
            ("1430", Some("2:30 PM")),
            ("twenty two thirty", Some("10:30 PM")),
            ("fourteen hundred", Some("2 PM")),
            ("sixty one", None),
            ("25:00", None),
            ("whenever", None),
            ("in the morning", None),
            ("", None),
        ];
        for (text, want) in cases {
            assert_eq!(
                time(&words(text), None)
                    .map(|time| time.spoken())
                    .as_deref(),
                *want,
                "{text}"
            );
        }
    }

    #[test]
    fn opening_hours_decide_between_two_readings() {
        let open = Some((8 * 60, 20 * 60));
        for (text, want) in [
            ("seven", Some("7 PM")),
            ("eight", Some("8 AM")),
            ("three", Some("3 PM")),
            ("three am", None),
            ("nine pm", None),
            ("at 8 in the evening", Some("8 PM")),
        ] {
            assert_eq!(
                time(&words(text), open)
                    .map(|time| time.spoken())
                    .as_deref(),
                want,
                "{text}"
            );
        }
    }

    #[test]
    fn only_marked_times_answer_another_question() {
        for (text, want) in [
            ("tuesday at ten", true),
            ("the third", false),
            ("march 3", false),
            ("tomorrow 2:30", true),
        ] {
            assert_eq!(marked_time(&words(text), None).is_some(), want, "{text}");
        }
    }
}
