//! The cases of `fixtures/policy`.
#![expect(clippy::panic, reason = "a case that is no case is told by panicking")]

use chrono::{NaiveDate, NaiveDateTime, TimeZone as _};
use trunkline_core::geo::Place;
use trunkline_core::policy::pack::Rule;
use trunkline_core::policy::permission::{Entry, Form, What};
use trunkline_core::policy::{
    Cap, Closure, Counted, Destination, HoursPack, Kind, Predial, Purpose, Purposes, Screening,
    Span, Verdict, Week, Zone, may_call,
};

use super::known::Known;

const HOUR: i64 = 3_600_000;
const FILES: [(&str, &str); 5] = [
    (
        "hours",
        include_str!("../../../../../fixtures/policy/hours.txt"),
    ),
    (
        "places",
        include_str!("../../../../../fixtures/policy/places.txt"),
    ),
    (
        "often",
        include_str!("../../../../../fixtures/policy/often.txt"),
    ),
    (
        "grounds",
        include_str!("../../../../../fixtures/policy/grounds.txt"),
    ),
    (
        "limits",
        include_str!("../../../../../fixtures/policy/limits.txt"),
    ),
];

/// The instant at which a zone's clocks show a wall time, the earlier of two.
fn instant(zone: &str, wall: &str) -> i64 {
    let zone: chrono_tz::Tz = zone.parse().unwrap();
    let wall = NaiveDateTime::parse_from_str(wall, "%Y-%m-%d %H:%M").unwrap();
    let instant = zone.from_local_datetime(&wall).earliest().unwrap();
    instant.timestamp_millis()
}

fn day(zone: &str, day: &str) -> i64 {
    NaiveDate::parse_from_str(day, "%Y-%m-%d").unwrap();
    instant(zone, &format!("{day} 00:00"))
}

/// A word of a document, by its name.
fn named<T: serde::de::DeserializeOwned>(name: &str) -> T {
    serde_json::from_value(name.into()).unwrap()
}

fn hours(text: &str) -> i64 {
    text.strip_suffix('h').unwrap().parse::<i64>().unwrap() * HOUR
}

/// `mon-fri@09:00-12:00`.
fn window(text: &str) -> Rule {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let (range, span) = text.split_once('@').unwrap();
    let (first, last) = range.split_once('-').unwrap();
    let (from, until) = span.split_once('-').unwrap();
    let index = |name| days.iter().position(|day| *day == name).unwrap();
    let minute = |text: &str| {
        let (hours, minutes) = text.split_once(':').unwrap();
        hours.parse::<u16>().unwrap() * 60 + minutes.parse::<u16>().unwrap()
    };
    let span = Span {
        from: minute(from),
        until: minute(until),
    };
    let mut week: [Vec<Span>; 7] = Default::default();
    for day in &mut week[index(first)..=index(last)] {
        day.push(span);
    }
    Rule::window("window", Week::new(week).unwrap(), false)
}

/// `2026-01-01..2026-06-01:service,survey`, and what it says.
fn entry(zone: &str, word: &str, text: &str, index: usize) -> Entry {
    let (days, purposes) = text.split_once(':').unwrap_or((text, ""));
    let (from, until) = days.split_once("..").unwrap_or((days, ""));
    let purposes: Purposes = if purposes.is_empty() {
        Purpose::ALL.into_iter().collect()
    } else {
        let named = purposes
            .split(',')
            .map(|name| Purpose::parse(name).unwrap());
        named.collect()
    };
    let form = match word {
        "written" => Some(Form::Written),
        "express" => Some(Form::Express),
        _ => None,
    };
    Entry {
        id: format!("con_{index}"),
        at_ms: day(zone, from),
        purposes,
        what: form.map_or(What::Withdrawn, |form| What::Given {
            form,
            expires_ms: (!until.is_empty()).then(|| day(zone, until)),
        }),
    }
}

fn learn(known: &mut Known, zone: &str, word: &str) {
    if let Some(purpose) = Purpose::parse(word) {
        known.purpose = purpose;
        return;
    }
    let standing = &mut known.standing;
    match word {
        "-" => return,
        "agreed" => return known.agree(),
        "business" => return known.kind = Kind::Business,
        "suppressed" => return known.suppressed = true,
        "engaged" => return known.engaged = true,
        "suspended" => return standing.suspended = true,
        "not-agreed" => return standing.not_agreed = true,
        "restricted" => return standing.restricted = true,
        "default-caps" => {
            let frequency = HoursPack::shipped().frequency();
            for (calls_max, within_ms) in [
                (frequency.calls_24h_max, 24 * HOUR),
                (frequency.calls_7d_max, 7 * 24 * HOUR),
                (1, frequency.gap_ms),
            ] {
                known.caps.push(Cap {
                    rule: "default".to_owned(),
                    counts: Counted::Calls,
                    spares_asked: false,
                    calls_max,
                    within_ms,
                });
            }
            return;
        }
        _ => {}
    }
    let at = word.find(['=', '@']).unwrap();
    let (name, value) = (&word[..at], &word[at + 1..]);
    match name {
        "written" | "express" | "withdrawn" => {
            let index = known.ledger.len();
            known.ledger.push(entry(zone, name, value, index));
        }
        "basis" => known.basis = Some(named(value)),
        "reassigned" => known.reassigned_ms = Some(day(zone, value)),
        "clear" | "listed" => {
            let (registry, when) = value.split_once('@').unwrap();
            known.screenings.push(Screening {
                registry: registry.to_owned(),
                listed: name == "listed",
                checked_ms: day(zone, when),
            });
        }
        "in" => known.places.push(Place::parse(value).unwrap()),
        "zone" => known.zones.push(Zone::parse(value).unwrap()),
        "to" => {
            let beginnings = value.split(',').filter(|text| *text != "none");
            known.destinations = beginnings.map(|t| Destination::parse(t).unwrap()).collect();
        }
        "cap" => {
            let (calls, within) = value.split_once('/').unwrap();
            known.caps.push(Cap {
                rule: "client".to_owned(),
                counts: Counted::Calls,
                spares_asked: false,
                calls_max: calls.parse().unwrap(),
                within_ms: hours(within),
            });
        }
        "called" | "talked" | "declined" => {
            let ago = value.split(',').map(|text| known.at_ms + hours(text));
            let times: Vec<i64> = ago.collect();
            match name {
                "called" => known.began_ms.extend(times),
                "talked" => known.talked_ms.extend(times),
                _ => known.declined_ms.extend(times),
            }
        }
        "window" => known.windows.push(window(value)),
        "closed" => {
            let (place, days) = value.split_once('@').unwrap();
            let (from, until) = days.split_once("..").unwrap();
            known.closures.push(Closure {
                id: format!("clo_{}", known.closures.len()),
                place: Place::parse(place).unwrap(),
                from_ms: day(zone, from),
                until_ms: day(zone, until),
            });
        }
        "spent" => standing.spent_until_ms = Some(day(zone, value)),
        "abandoned" => {
            let (abandoned, answered) = value.split_once('/').unwrap();
            standing.abandoned = abandoned.parse().unwrap();
            standing.answered = answered.parse().unwrap();
        }
        "line" => standing.line = Some(named(value)),
        "lines" => known
            .lines
            .extend(value.split(',').map(named::<trunkline_core::policy::Line>)),
        "predial" => {
            standing.predial = match value {
                "yes" => Predial::Eligible,
                "no" => Predial::Refused,
                "late" => Predial::Unanswered(known.at_ms + 5 * 60_000),
                other => panic!("predial={other}"),
            };
        }
        other => panic!("{other} is no word of the cases"),
    }
}

/// The verdict and its reasons, as a case writes them; a rule is told where the case tells it.
fn told(verdict: &Verdict, zone: &str, expected: &str) -> String {
    let kind = match verdict {
        Verdict::Allow(_) => "allow".to_owned(),
        Verdict::Defer(deferred) => {
            let zone: chrono_tz::Tz = zone.parse().unwrap();
            let wall = zone.timestamp_millis_opt(deferred.until_unix_ms).unwrap();
            format!("defer {}", wall.format("%Y-%m-%d %H:%M"))
        }
        Verdict::Deny(_) => "deny".to_owned(),
    };
    let mut reasons: Vec<String> = Vec::new();
    for reason in verdict.reasons() {
        let code = reason.code.name();
        let rule = reason.rule.as_deref().unwrap_or_default();
        let full = format!("{code}/{rule}");
        let is_blamed = expected
            .split(' ')
            .any(|word| word.starts_with(&format!("{code}/")));
        let word = if is_blamed { full } else { code.to_owned() };
        if !reasons.contains(&word) {
            reasons.push(word);
        }
    }
    match reasons.as_slice() {
        [] => kind,
        reasons => format!("{kind} : {}", reasons.join(" ")),
    }
}

#[test]
fn every_case_has_its_verdict() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for (name, text) in FILES {
        for (index, line) in text.lines().enumerate() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            count += 1;
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            let [to, when, words, expected] = columns.as_slice() else {
                panic!("{name}:{}: four columns", index + 1)
            };
            let (zone, wall) = when.split_once(' ').unwrap();
            let mut known = Known::nothing(to, instant(zone, wall));
            for word in words.split(' ') {
                learn(&mut known, zone, word);
            }
            let found = told(&may_call(&known.request()), zone, expected);
            if found != *expected {
                wrong.push(format!("{name}:{}: {line}\n  found: {found}", index + 1));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count >= 200, "{count} cases");
}
