//! Spoken days, in English.

use super::number::{cardinal, ordinal};
use super::value::{Day, MONTHS, PartOfDay, Weekday, When};

pub(super) fn part_of_day(words: &[String]) -> Option<PartOfDay> {
    words.iter().find_map(|word| match word.as_str() {
        "morning" => Some(PartOfDay::Morning),
        "afternoon" => Some(PartOfDay::Afternoon),
        "evening" | "tonight" | "night" => Some(PartOfDay::Evening),
        _ => None,
    })
}

/// The day that was said.
pub(super) fn day(words: &[String]) -> Option<Day> {
    // "Not Monday, Tuesday" means Tuesday.
    let mut kept: Vec<String> = Vec::with_capacity(words.len());
    let mut skip = false;
    for word in words {
        if !skip && word != "not" {
            kept.push(word.clone());
        }
        skip = word == "not";
    }
    let words = kept.as_slice();
    let when = date(words)
        .or_else(|| weekday(words))
        .or_else(|| relative(words))
        .or_else(|| day_of_month(words))?;
    Some(Day {
        when,
        part: part_of_day(words),
    })
}

fn date(words: &[String]) -> Option<When> {
    words.iter().enumerate().find_map(|(at, word)| {
        let month = month(word)?;
        let after = if words.get(at + 1).is_some_and(|word| word == "the") {
            at + 2
        } else {
            at + 1
        };
        let day = day_number(words, after).or_else(|| {
            let before = at.checked_sub(1)?;
            let end = if words[before] == "of" { before } else { at };
            (end.saturating_sub(2)..end).find_map(|start| {
                let (day, stop) = ordinal(words, start).or_else(|| small(words, start))?;
                (stop == end).then_some(day)
            })
        })?;
        let days = match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        (1..=days)
            .contains(&day)
            .then_some(When::Date { month, day })
    })
}

fn month(word: &str) -> Option<u8> {
    let at = MONTHS.iter().position(|month| {
        let month = month.to_lowercase();
        word == month
            || (word.len() == 3 && month.starts_with(word))
            || (word == "sept" && month == "september")
    })?;
    u8::try_from(at + 1).ok()
}

fn small(words: &[String], at: usize) -> Option<(u8, usize)> {
    let (value, end) = cardinal(words, at)?;
    u8::try_from(value).ok().map(|value| (value, end))
}

fn day_number(words: &[String], at: usize) -> Option<u8> {
    ordinal(words, at)
        .or_else(|| small(words, at))
        .map(|(day, _)| day)
        .filter(|day| (1..=31).contains(day))
}

fn weekday(words: &[String]) -> Option<When> {
    let (at, weekday) = words
        .iter()
        .enumerate()
        .find_map(|(at, word)| weekday_name(word).map(|name| (at, name)))?;
    let after = if words.get(at + 1).is_some_and(|word| word == "the") {
        at + 2
    } else {
        at + 1
    };
    if let Some((day @ 1..=31, _)) = ordinal(words, after) {
        return Some(When::DayOfMonth {
            day,
            weekday: Some(weekday),
        });
    }
    let next = (at > 0 && words[at - 1] == "next")
        || words
            .windows(2)
            .any(|pair| pair[0] == "next" && pair[1] == "week");
    Some(When::Weekday { weekday, next })
}

fn weekday_name(word: &str) -> Option<Weekday> {
    let word = word
        .strip_suffix('s')
        .filter(|word| word.ends_with("day"))
        .unwrap_or(word);
    match word {
        "monday" | "mon" => Some(Weekday::Monday),
        "tuesday" | "tue" | "tues" => Some(Weekday::Tuesday),
        "wednesday" | "wed" => Some(Weekday::Wednesday),
        "thursday" | "thu" | "thur" | "thurs" => Some(Weekday::Thursday),
        "friday" | "fri" => Some(Weekday::Friday),
        "saturday" | "sat" => Some(Weekday::Saturday),
        "sunday" | "sun" => Some(Weekday::Sunday),
        _ => None,
    }
}

fn relative(words: &[String]) -> Option<When> {
    let has = |phrase: &[&str]| {
        words
            .windows(phrase.len())
            .any(|window| window.iter().zip(phrase).all(|(a, b)| a == b))
    };
    if has(&["day", "after", "tomorrow"]) {
        return Some(When::InDays(2));
    }
    if has(&["tomorrow"]) {
        return Some(When::InDays(1));
    }
    if has(&["today"])
        || has(&["tonight"])
        || ["morning", "afternoon", "evening"]
            .iter()
            .any(|part| has(&["this", part]))
    {
        return Some(When::InDays(0));
    }
    words.iter().enumerate().find_map(|(at, word)| {
        let (count, next) = if word == "a" || word == "one" {
            (1, at + 1)
        } else {
            small(words, at)?
        };
        let days = match words.get(next)?.as_str() {
            "day" | "days" => u16::from(count),
            "week" | "weeks" => u16::from(count) * 7,
            _ => return None,
        };
        let said_so = (at > 0 && words[at - 1] == "in")
            || words.get(next + 1).is_some_and(|word| word == "from");
        (said_so && (1..=366).contains(&days)).then_some(When::InDays(days))
    })
}

fn day_of_month(words: &[String]) -> Option<When> {
    let telling = words
        .iter()
        .filter(|word| {
            !matches!(
                word.as_str(),
                "um" | "uh" | "on" | "please" | "maybe" | "yes"
            )
        })
        .count();
    (0..words.len()).find_map(|at| {
        let (day, end) = ordinal(words, at)?;
        let article = at > 0 && words[at - 1] == "the";
        let written = words[at].starts_with(|sign: char| sign.is_ascii_digit());
        let alone = telling == end - at;
        ((1..=31).contains(&day) && (article || written || alone))
            .then_some(When::DayOfMonth { day, weekday: None })
    })
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    #[test]
    fn days_are_understood() {
        let cases: &[(&str, Option<(&str, &str)>)] = &[
            ("tomorrow morning", Some(("+1/morning", "tomorrow morning"))),
            ("today", Some(("+0", "today"))),
            ("this afternoon", Some(("+0/afternoon", "this afternoon"))),
            ("the day after tomorrow", Some(("+2", "in 2 days"))),
            ("Tuesday", Some(("tuesday", "Tuesday"))),
            (
                "next Tuesday, in the morning",
                Some(("next-tuesday/morning", "next Tuesday morning")),
            ),
            (
                "Wednesday next week",
                Some(("next-wednesday", "next Wednesday")),
            ),
            ("not Monday, Tuesday", Some(("tuesday", "Tuesday"))),
            ("Tuesday the third", Some(("tuesday-3", "Tuesday the 3rd"))),
            ("the third", Some(("day-3", "the 3rd"))),
            ("third", Some(("day-3", "the 3rd"))),
            ("just a second", None),
            ("the twenty first please", Some(("day-21", "the 21st"))),
            ("on the 22nd", Some(("day-22", "the 22nd"))),
            ("March third", Some(("03-03", "March 3rd"))),
            ("the 15th of March", Some(("03-15", "March 15th"))),
            ("twenty first of June", Some(("06-21", "June 21st"))),
            ("11 December", Some(("12-11", "December 11th"))),
            ("February 30", None),
            ("I may come", None),
            ("in three days", Some(("+3", "in 3 days"))),
            ("a week from now", Some(("+7", "in 7 days"))),
            ("two weeks ago", None),
            ("whenever you like", None),
            ("", None),
        ];
        for (text, want) in cases {
            let got = day(&words(text)).map(|day| (day.normalised(), day.spoken()));
            assert_eq!(
                got.as_ref().map(|(a, b)| (a.as_str(), b.as_str())),
                *want,
                "{text}"
            );
        }
    }
}
