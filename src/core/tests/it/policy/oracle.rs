//! The rules once more, read from the same data by another way: as slow and as plain as possible, minute by minute, text by
//! text. What it forbids the policy must not allow, and what it allows the policy must.

mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use serde_json::Value;
use trunkline_core::geo::{self, Place};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::permission::{Form, What};
use trunkline_core::policy::{Kind, LegalBasis, Predial, Verdict, may_call};

use super::known::Known;

static HOURS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../rules/calling_hours.json")).unwrap()
});
static PERMISSION: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../rules/call_permission.json")).unwrap()
});
static HOLIDAYS: LazyLock<BTreeMap<String, BTreeSet<String>>> = LazyLock::new(holidays);

const EEA: &str =
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK";

/// Days as `20261224`, by place.
fn holidays() -> BTreeMap<String, BTreeSet<String>> {
    let mut days: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut place = String::new();
    let text = include_str!("../../../data/holidays.txt");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (head, rest) = line.trim_start().split_once(' ').unwrap_or((line, ""));
        let years: Vec<String> = if head == "years" {
            continue;
        } else if line.starts_with(' ') {
            vec![head.to_owned()]
        } else {
            place = head.to_owned();
            (2026..=2032).map(|year| year.to_string()).collect()
        };
        for year in years {
            let all = rest.split_whitespace().map(|day| format!("{year}{day}"));
            days.entry(place.clone()).or_default().extend(all);
        }
    }
    days
}

/// `None` where no calendar tells.
fn is_holiday(place: Option<Place>, day: &str) -> Option<bool> {
    let place = place?;
    let country = place.country().to_string();
    let days = HOLIDAYS
        .get(&place.to_string())
        .or_else(|| HOLIDAYS.get(&country))?;
    ("20260101"..="20321231")
        .contains(&day)
        .then(|| days.contains(day))
}

fn row<'a>(table: &'a Value, code: &str) -> Option<&'a Value> {
    table
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["code"] == code)
}

/// The rows of hours that hold in a place, all of them.
fn rows_of_hours(place: Option<Place>) -> Vec<&'static Value> {
    let rules = &HOURS["rules"];
    let fallback = row(rules, "ZZ").unwrap();
    let Some(place) = place else {
        return vec![fallback];
    };
    let country = place.country().to_string();
    if place.to_string() == "US" {
        return vec![&HOURS["unknown_us_default"], row(rules, "US").unwrap()];
    }
    let own = [place.to_string(), country.clone()];
    let own: BTreeSet<&str> = own.iter().map(String::as_str).collect();
    let found: Vec<&Value> = own.iter().filter_map(|code| row(rules, code)).collect();
    if !found.is_empty() {
        return found;
    }
    match row(rules, "EU").filter(|_| EEA.contains(&country)) {
        Some(eu) if eu["confidence"] == "high" => vec![eu],
        Some(eu) => vec![eu, fallback],
        None => vec![fallback],
    }
}

fn is_inside(hours: &Value, minute: &str) -> bool {
    let spans = hours.as_array().unwrap().iter();
    spans
        .clone()
        .any(|span| span[0].as_str().unwrap() <= minute && minute < span[1].as_str().unwrap())
}

/// Whether a row forbids a call in a place by the clock of a zone.
fn row_forbids(row: &Value, place: Option<Place>, zone: &str, at: DateTime<Utc>) -> bool {
    let zone: chrono_tz::Tz = zone.parse().unwrap();
    let local = at.with_timezone(&zone);
    let minute = local.format("%H:%M").to_string();
    let day = |ahead| {
        (local.date_naive() + TimeDelta::days(ahead))
            .format("%Y%m%d")
            .to_string()
    };
    let weekday = local.weekday().to_string().to_lowercase();
    let voice = &row["artificial_voice_windows"];
    let open = |weekday: &str| {
        let live = is_inside(&row["windows"][weekday], &minute);
        if voice.is_null() {
            live
        } else if row["confidence"] == "high" {
            is_inside(&voice[weekday], &minute)
        } else {
            live && is_inside(&voice[weekday], &minute)
        }
    };
    if !open(&weekday) {
        return true;
    }
    let (closed, some, eves) = (
        row["holidays"] == "closed",
        &row["artificial_voice_holidays"],
        row["eves_of_holidays"] == "as_saturday",
    );
    if !closed && some.is_null() && !eves {
        return false;
    }
    if eves && is_holiday(place, &day(1)) != Some(false) && !open("sat") {
        return true;
    }
    match is_holiday(place, &day(0)) {
        None => true,
        Some(false) => false,
        Some(true) => closed || (!some.is_null() && !is_inside(some, &minute)),
    }
}

/// What forbids a call, in words of its own.
fn forbidden(known: &Known) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |holds: bool, what: &str| {
        if holds {
            found.push(what.to_owned());
        }
    };
    let standing = &known.standing;
    note(standing.suspended, "suspended");
    note(standing.not_agreed, "not agreed");
    note(standing.restricted, "restricted");
    note(standing.spent_until_ms.is_some(), "spent");
    note(known.suppressed, "suppressed");
    note(known.engaged, "engaged");
    let is_line = |line| known.lines.iter().any(|one| Some(*one) == line);
    note(!known.lines.is_empty() && !is_line(standing.line), "line");
    note(
        !matches!(standing.predial, Predial::NotAsked | Predial::Eligible),
        "predial",
    );
    let abandoned = standing.abandoned as f64 / standing.answered.max(1) as f64;
    note(standing.abandoned >= 3 && abandoned > 0.025, "abandoned");
    let begins = |d: &trunkline_core::policy::Destination| known.to.starts_with(d.as_str());
    note(!known.destinations.iter().any(begins), "destination");
    let Ok(number) = PhoneNumber::parse(&known.to) else {
        return vec!["no number".to_owned()];
    };
    note(known.to.starts_with("+1900"), "premium");
    let numbered = geo::of(&number);
    let mut places: Vec<Option<Place>> = numbered.places.iter().copied().map(Some).collect();
    if places.is_empty() {
        places.push(None);
    }
    let of_number = places.clone();
    places.extend(known.places.iter().copied().map(Some));
    // Every place by its own clocks, and by those of the person.
    let mut pairs: Vec<(Option<Place>, String)> = Vec::new();
    for place in &of_number {
        pairs.extend(
            numbered
                .zones
                .iter()
                .map(|zone| (*place, (*zone).to_owned())),
        );
    }
    for place in &known.places {
        let zones = geo::zones_of(*place).iter();
        pairs.extend(zones.map(|zone| (Some(*place), (*zone).to_owned())));
    }
    for place in &places {
        pairs.extend(
            known
                .zones
                .iter()
                .map(|zone| (*place, zone.name().to_owned())),
        );
    }
    let at = DateTime::from_timestamp_millis(known.at_ms).unwrap();
    let by_fixed_clock: Vec<(Option<Place>, String)> = places
        .iter()
        .flat_map(|place| {
            rows_of_hours(*place)
                .into_iter()
                .map(move |row| (place, row))
        })
        .filter_map(|(place, row)| Some((*place, row["fixed_timezone"].as_str()?.to_owned())))
        .collect();
    for (place, zone) in pairs.iter().chain(&by_fixed_clock) {
        let rows = rows_of_hours(*place);
        let closed = rows.iter().any(|row| row_forbids(row, *place, zone, at));
        note(closed, &format!("hours in {place:?} by {zone}"));
    }
    for closure in &known.closures {
        let about = |place: &Place| {
            let (one, other) = (place.to_string(), closure.place.to_string());
            one.starts_with(&other) || other.starts_with(&one)
        };
        let is_now = closure.from_ms <= known.at_ms && known.at_ms < closure.until_ms;
        note(is_now && places.iter().flatten().any(about), "closure");
    }
    for cap in caps(known, &places) {
        let since = known.at_ms - cap.1;
        let of = match cap.2 {
            "calls" => &known.began_ms,
            "conversations" => &known.talked_ms,
            _ => &known.declined_ms,
        };
        let calls = of.iter().filter(|began| **began > since).count();
        note(calls as u64 >= cap.0, "cap");
    }
    let need = places
        .iter()
        .map(|place| need(*place, known.purpose.name()))
        .max()
        .unwrap();
    let form = form(known);
    let is_basis = known
        .basis
        .is_some_and(|basis| basis != LegalBasis::Consent);
    note(
        match need {
            0 => !is_basis && form == 0,
            need => form < need,
        },
        "ground",
    );
    for registry in PERMISSION["registries"].as_array().unwrap() {
        note(registry_forbids(registry, known, &places, form), "registry");
    }
    found
}

/// How many of what in how many ms, of everybody who has a say.
fn caps(known: &Known, places: &[Option<Place>]) -> Vec<(u64, i64, &'static str)> {
    let period = |text: &str| match text.strip_prefix("PT") {
        Some(hours) => hours.trim_end_matches('H').parse::<i64>().unwrap() * 3_600_000,
        None => text[1..].trim_end_matches('D').parse::<i64>().unwrap() * 86_400_000,
    };
    let own = known
        .caps
        .iter()
        .map(|cap| (u64::from(cap.calls_max), cap.within_ms, "calls"));
    let mut caps: Vec<(u64, i64, &'static str)> = own.collect();
    let mut add = |row: &'static Value| {
        if row["after"] == "refusal" {
            caps.push((1, period(row["cooldown"].as_str().unwrap()), "refusals"));
        } else {
            let what = row["counts"].as_str().unwrap_or("calls");
            let calls = row["max_calls"].as_u64().unwrap();
            caps.push((calls, period(row["period"].as_str().unwrap()), what));
        }
    };
    for place in places {
        let mut rows = rows_of_hours(*place);
        if place.is_some_and(|place| place.to_string() == "US") {
            let all = HOURS["rules"].as_array().unwrap().iter();
            rows.extend(all.filter(|row| row["code"].as_str().unwrap().starts_with("US")));
        }
        for row in rows {
            row["frequency_caps"]
                .as_array()
                .into_iter()
                .flatten()
                .for_each(&mut add);
        }
        for row in PERMISSION["caps"].as_array().unwrap() {
            let country = place.map(|place| place.country().to_string());
            if row["purpose"] == known.purpose.name()
                && Some(row["code"].as_str().unwrap()) == country.as_deref()
            {
                add(row);
            }
        }
    }
    caps
}

/// 0: a basis, 1: consent, 2: written consent.
fn need(place: Option<Place>, purpose: &str) -> u8 {
    let table = &PERMISSION["needs"];
    let fallback = row(table, "ZZ").unwrap();
    let codes = place.map(|place| [place.to_string(), place.country().to_string()]);
    let mut rows: Vec<&Value> = codes
        .iter()
        .flatten()
        .filter_map(|code| row(table, code))
        .collect();
    let is_eea = place.is_some_and(|place| EEA.contains(&place.country().to_string()));
    if rows.is_empty() {
        rows.push(row(table, "EU").filter(|_| is_eea).unwrap_or(fallback));
    }
    if rows.iter().any(|row| row["confidence"] != "high") {
        rows.push(fallback);
    }
    let words = ["basis", "express", "written"];
    let rank = |row: &&Value| words.iter().position(|word| row[purpose] == *word).unwrap() as u8;
    rows.iter().map(rank).max().unwrap()
}

/// 0: no consent holds, 1: one does, 2: one in writing does.
fn form(known: &Known) -> u8 {
    let mut best = 0;
    for entry in &known.ledger {
        let What::Given { form, expires_ms } = entry.what else {
            continue;
        };
        let later = |other: &&trunkline_core::policy::permission::Entry| {
            other.what == What::Withdrawn
                && other.purposes.has(known.purpose)
                && other.at_ms >= entry.at_ms
        };
        let holds = entry.purposes.has(known.purpose)
            && entry.at_ms <= known.at_ms
            && expires_ms.is_none_or(|expires| known.at_ms < expires)
            && known.reassigned_ms.is_none_or(|since| since < entry.at_ms)
            && !known.ledger.iter().any(|other| later(&other));
        if holds {
            best = best.max(if form == Form::Written { 2 } else { 1 });
        }
    }
    best
}

fn registry_forbids(registry: &Value, known: &Known, places: &[Option<Place>], form: u8) -> bool {
    let sure = registry["confidence"] == "high";
    let purposes = registry["purposes"].as_array().unwrap();
    let is_there = places.iter().flatten().any(|place| {
        place
            .to_string()
            .starts_with(registry["code"].as_str().unwrap())
    });
    let is_free = known.kind == Kind::Business && sure && registry["covers"] == "consumers";
    if !purposes.contains(&known.purpose.name().into()) || !is_there || is_free {
        return false;
    }
    let lifted = match registry["lifted_by"].as_str().unwrap() {
        "express" => form >= 1,
        "written" => form >= 2,
        _ => false,
    };
    if sure && lifted {
        return false;
    }
    let of_it = known
        .screenings
        .iter()
        .filter(|s| registry["id"] == s.registry.as_str());
    let Some(last_ms) = of_it.clone().map(|s| s.checked_ms).max() else {
        return true;
    };
    let days: i64 = registry["max_age"].as_str().unwrap()[1..]
        .trim_end_matches('D')
        .parse()
        .unwrap();
    let is_listed = of_it.clone().any(|s| s.checked_ms == last_ms && s.listed);
    is_listed || known.at_ms - last_ms > days * 86_400_000
}

/// Whoever waits until then finds nothing against it, and a moment before something: but for a register, which is asked again,
/// and for what ends by itself meanwhile.
fn is_the_first_moment(until_ms: i64, known: &Known, seed: u64) {
    assert!(until_ms > known.at_ms, "seed {seed}");
    let mut then = known.clone();
    then.at_ms = until_ms - 1;
    assert!(!forbidden(&then).is_empty(), "seed {seed}: {until_ms}");
    then.at_ms = until_ms;
    then.engaged = false;
    then.standing.spent_until_ms = None;
    then.standing.predial = Predial::NotAsked;
    let mut left = forbidden(&then);
    left.retain(|what| what != "registry");
    assert_eq!(left, [""; 0], "seed {seed}: {until_ms}\n{known:#?}");
}

/// How many cases: `POLICY_CASES`, or the usual 100,000.
fn cases() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the test run, not of the product"
    )]
    let asked = std::env::var("POLICY_CASES").ok();
    asked.map_or(100_000, |text| text.parse().unwrap())
}

#[test]
fn nothing_is_allowed_that_any_rule_forbids() {
    let (cases, threads) = (cases(), 2);
    let run = |first: u64| {
        let (mut allowed, mut deferrals) = (0_u64, 0_u64);
        for seed in (first..cases).step_by(threads) {
            let known = world::known(seed);
            let verdict = may_call(&known.request());
            let forbidden = forbidden(&known);
            let is_allowed = matches!(verdict, Verdict::Allow(_));
            assert_eq!(
                is_allowed,
                forbidden.is_empty(),
                "seed {seed}: {forbidden:?}\n{:?}\n{known:#?}",
                verdict.reasons()
            );
            allowed += u64::from(is_allowed);
            if let Verdict::Defer(deferred) = verdict {
                is_the_first_moment(deferred.until_unix_ms, &known, seed);
                deferrals += 1;
            }
        }
        (allowed, deferrals)
    };
    let (allowed, deferrals) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads as u64)
            .map(|first| scope.spawn(move || run(first)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    });
    // An oracle that never sees a yes would prove little.
    assert!(allowed * 20 > cases, "{allowed} of {cases} allowed");
    assert!(deferrals * 50 > cases, "{deferrals} of {cases} deferred");
}
