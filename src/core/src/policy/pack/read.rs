//! Reading a pack's JSON and checking that it can be relied on to be strict.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Frequency, HoursPack, OnHolidays, PackError, Rule, SCHEMA, US_UNKNOWN};
use crate::geo::Place;
use crate::pack::{self, Confidence, EEA_ROW, FALLBACK, Trust, shortened, word};
use crate::policy::Zone;
use crate::policy::caps::{CAP_MS_MAX, Cap, Counted};
use crate::policy::week::{DAY_MINUTES, Span, Week};

/// Where the rows are.
const TABLE: &str = "rules";
/// The row that holds for every state beside its own.
const FEDERAL: &str = "US";

const HOLIDAYS: [(&str, OnHolidays); 2] =
    [("open", OnHolidays::Open), ("closed", OnHolidays::Closed)];
const EVES: [(&str, bool); 1] = [("as_saturday", true)];
const APPLIES: [(&str, ()); 1] = [("telemarketing", ())];
/// The file, field by field. What the engine does by itself, or does not do yet, is only known by name: a field that is
/// misspelt, and so would not be heeded, is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    as_of: String,
    #[serde(rename = "not_legal_advice")]
    _not_legal_advice: IgnoredAny,
    #[serde(rename = "interval")]
    _interval: IgnoredAny,
    #[serde(rename = "source_note")]
    _source_note: IgnoredAny,
    #[serde(rename = "selection")]
    _selection: IgnoredAny,
    #[serde(rename = "resolution")]
    _resolution: IgnoredAny,
    frequency_default: FrequencyRow,
    #[serde(rename = "consent_exemption")]
    _consent_exemption: IgnoredAny,
    #[serde(rename = "holiday_sets")]
    _holiday_sets: IgnoredAny,
    unknown_us_default: Default,
    rules: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Default {
    windows: Days,
    holidays: String,
    notes: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    code: String,
    name: String,
    applies_to: String,
    windows: Days,
    artificial_voice_windows: Option<Days>,
    holidays: String,
    artificial_voice_holidays: Option<Hours>,
    eves_of_holidays: Option<String>,
    #[serde(rename = "holiday_calendar", default)]
    _holiday_calendar: Option<IgnoredAny>,
    fixed_timezone: Option<String>,
    #[serde(default)]
    frequency_caps: Vec<CapRow>,
    #[serde(rename = "emergency_closure", default)]
    _emergency_closure: Option<IgnoredAny>,
    citations: String,
    confidence: String,
    #[serde(default)]
    notes: String,
}

/// How often anybody is called where nobody said anything else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrequencyRow {
    max_attempts_per_24h: u32,
    max_attempts_per_7d: u32,
    min_gap: String,
    #[serde(rename = "note")]
    _note: IgnoredAny,
}

/// So many calls within a period, or none for a time after a refusal.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum CapRow {
    Calls {
        max_calls: u32,
        period: String,
        #[serde(rename = "key")]
        _key: IgnoredAny,
        #[serde(rename = "condition", default)]
        _condition: Option<IgnoredAny>,
    },
    After {
        cooldown: String,
        #[serde(rename = "after")]
        _after: Refusal,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Refusal {
    Refusal,
}

type Hours = Vec<[String; 2]>;

/// Every day is named: a day left out by mistake would be a day closed or open by mistake.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Days {
    mon: Hours,
    tue: Hours,
    wed: Hours,
    thu: Hours,
    fri: Hours,
    sat: Hours,
    sun: Hours,
}

/// Reads a pack, over another if there is one.
pub(super) fn pack(text: &str, base: Option<&HoursPack>) -> Result<HoursPack, PackError> {
    let file: File = pack::file(text, SCHEMA)?;
    let base_as_of = base.map(HoursPack::as_of);
    let stamp = pack::stamp(text, &file.schema, &file.as_of)?.over(base_as_of);
    let trust = Trust::of(&file.as_of, base_as_of);
    let mut rules = pack::by_place(TABLE, file.rules, |row| &row.code, rule)?;
    if let Some(base) = base {
        lay_over(&mut rules, base, trust);
    }
    let row = |code| {
        Place::parse(code)
            .ok()
            .and_then(|place| rules.get(&place).cloned())
    };
    let needed = |code| row(code).ok_or(PackError::Missing { table: TABLE, code });
    let (federal, fallback) = (needed(FEDERAL)?, needed(FALLBACK)?);
    let eea = row(EEA_ROW).map(|mut rule| {
        // A default that is not sure of itself is no reason to be laxer than for a country nobody knows.
        if rule.confidence != Confidence::High {
            rule.tighten(&fallback);
        }
        rule
    });
    let mut unknown_us = unknown_us(file.unknown_us_default, &federal, &rules)?;
    let mut frequency = frequency(&file.frequency_default)?;
    if let Some(base) = base {
        unknown_us.tighten(&base.unknown_us);
        frequency = frequency.tightened(base.frequency);
    }
    let countries = rules.clone();
    for (place, rule) in &mut rules {
        if let Some(national) = countries.get(&place.country()).filter(|_| place.is_part()) {
            rule.tighten(national);
        }
    }
    Ok(HoursPack {
        id: stamp.id,
        sha256: stamp.sha256,
        as_of: file.as_of,
        rules,
        unknown_us,
        eea,
        fallback,
        frequency,
    })
}

/// What a pack makes of the rows of another.
fn lay_over(rules: &mut BTreeMap<Place, Rule>, base: &HoursPack, trust: Trust) {
    for (place, rule) in rules.iter_mut() {
        rule.confidence = trust.worth(rule.confidence);
        if rule.confidence != Confidence::High {
            let below = base.rule(place);
            rule.tighten(below.unwrap_or_else(|| base.basis(Some(*place))));
        }
    }
    for (place, rule) in &base.rules {
        rules.entry(*place).or_insert_with(|| rule.clone());
    }
}

/// It may be any state: the caps of all of them hold.
fn unknown_us(
    default: Default,
    federal: &Rule,
    rules: &BTreeMap<Place, Rule>,
) -> Result<Rule, PackError> {
    let states = rules.iter().filter(|(place, _)| place.is_us());
    let at = |field: &str| format!("unknown_us_default.{field}");
    let mut rule = Rule {
        id: US_UNKNOWN.to_owned(),
        name: "United States, state unknown".to_owned(),
        week: week(&at("windows"), &default.windows)?,
        on_holidays: word(
            &at("holidays"),
            &default.holidays,
            &HOLIDAYS,
            "open, closed",
        )?,
        eves_as_saturday: false,
        also_in: Vec::new(),
        caps: states.flat_map(|(_, rule)| rule.caps.clone()).collect(),
        citations: federal.citations.clone(),
        notes: default.notes,
        confidence: Confidence::Unrated,
    };
    rule.tighten(federal);
    Ok(rule)
}

fn rule(index: usize, place: Place, row: Row) -> Result<Rule, PackError> {
    let at = |field: &str| format!("{TABLE}[{index}] ({place}).{field}");
    word(
        &at("applies_to"),
        &row.applies_to,
        &APPLIES,
        "telemarketing",
    )?;
    let confidence = pack::confidence(&at("confidence"), &row.confidence)?;
    let live = week(&at("windows"), &row.windows)?;
    let artificial = row.artificial_voice_windows.as_ref();
    let artificial = artificial.map(|days| week(&at("artificial_voice_windows"), days));
    let week = match artificial.transpose()? {
        None => live,
        // The agent's voice is artificial: its hours hold. Those of a row that is not sure do not relax.
        Some(hours) if confidence == Confidence::High => hours,
        Some(hours) => live.and(&hours),
    };
    let on_holidays = word(&at("holidays"), &row.holidays, &HOLIDAYS, "open, closed")?;
    let on_holidays = match (on_holidays, &row.artificial_voice_holidays) {
        (OnHolidays::Open, Some(hours)) => {
            OnHolidays::Only(spans(&at("artificial_voice_holidays"), hours)?)
        }
        (other, _) => other,
    };
    let eves = row.eves_of_holidays.as_deref();
    let eves = eves.map(|text| word(&at("eves_of_holidays"), text, &EVES, "as_saturday"));
    let zone = row.fixed_timezone.map(|name| {
        Zone::parse(&name).map_err(|why| PackError::Zone {
            at: at("fixed_timezone"),
            found: shortened(&name),
            why,
        })
    });
    let caps = row.frequency_caps.iter().enumerate();
    let caps = caps.map(|(index, row)| {
        let (at, rule) = (at(&format!("frequency_caps[{index}]")), place.to_string());
        match row {
            CapRow::Calls {
                max_calls, period, ..
            } => cap(&at, &rule, *max_calls, period),
            CapRow::After { cooldown, .. } => Ok(Cap {
                counts: Counted::Refusals,
                ..cap(&at, &rule, 1, cooldown)?
            }),
        }
    });
    let caps = caps.collect::<Result<_, _>>()?;
    Ok(Rule {
        id: place.to_string(),
        name: row.name,
        week,
        on_holidays,
        eves_as_saturday: eves.transpose()?.unwrap_or(false),
        also_in: zone.transpose()?.into_iter().collect(),
        caps,
        citations: row.citations,
        notes: row.notes,
        confidence,
    })
}

fn week(at: &str, days: &Days) -> Result<Week, PackError> {
    let day = |name: &str, hours| spans(&format!("{at}.{name}"), hours);
    Ok(Week([
        day("mon", &days.mon)?,
        day("tue", &days.tue)?,
        day("wed", &days.wed)?,
        day("thu", &days.thu)?,
        day("fri", &days.fri)?,
        day("sat", &days.sat)?,
        day("sun", &days.sun)?,
    ]))
}

fn spans(at: &str, hours: &Hours) -> Result<Vec<Span>, PackError> {
    let span = |[from, until]: &[String; 2]| {
        let span = minute(from)
            .zip(minute(until))
            .map(|(from, until)| Span { from, until });
        let span = span.filter(|span| span.from < span.until);
        span.ok_or_else(|| PackError::Hours {
            at: at.to_owned(),
            found: shortened(&format!("{from:?} to {until:?}")),
        })
    };
    let spans = hours.iter().map(span).collect::<Result<Vec<_>, _>>()?;
    let in_order = spans
        .iter()
        .zip(spans.iter().skip(1))
        .all(|(one, next)| one.until <= next.from);
    if !in_order {
        return Err(PackError::Overlap { at: at.to_owned() });
    }
    Ok(spans)
}

fn frequency(row: &FrequencyRow) -> Result<Frequency, PackError> {
    let within = |calls_max, period: &str| cap("frequency_default", "", calls_max, period);
    Ok(Frequency {
        calls_24h_max: within(row.max_attempts_per_24h, "PT24H")?.calls_max,
        calls_7d_max: within(row.max_attempts_per_7d, "P7D")?.calls_max,
        gap_ms: within(1, &row.min_gap)?.within_ms,
    })
}

pub(in crate::policy) fn cap(
    at: &str,
    rule: &str,
    calls_max: u32,
    period: &str,
) -> Result<Cap, PackError> {
    let within_ms = period_ms(period).filter(|_| calls_max > 0);
    let within_ms = within_ms.ok_or_else(|| PackError::Period {
        at: at.to_owned(),
        found: shortened(&format!("{calls_max} in {period:?}")),
    })?;
    Ok(Cap {
        rule: rule.to_owned(),
        calls_max,
        within_ms,
        counts: Counted::Calls,
        spares_asked: false,
    })
}

/// Whole days or hours as ISO 8601 writes them, `P30D` or `PT24H`, to [`CAP_MS_MAX`].
fn period_ms(text: &str) -> Option<i64> {
    let days = text.strip_prefix('P')?.strip_suffix('D');
    let hours = text.strip_prefix("PT").and_then(|t| t.strip_suffix('H'));
    let (count, unit_ms) = days
        .map(|n| (n, 86_400_000))
        .or(hours.map(|n| (n, 3_600_000)))?;
    let count: i64 = count.parse().ok().filter(|count| *count > 0)?;
    count.checked_mul(unit_ms).filter(|ms| *ms <= CAP_MS_MAX)
}

/// `HH:MM`, to `24:00`.
fn minute(text: &str) -> Option<u16> {
    let well = text.len() == 5
        && text
            .bytes()
            .enumerate()
            .all(|(i, b)| (i == 2) != b.is_ascii_digit());
    let (hours, minutes) = text.split_once(':').filter(|_| well)?;
    let (hours, minutes) = (hours.parse::<u16>().ok()?, minutes.parse::<u16>().ok()?);
    let whole = hours * 60 + minutes;
    (minutes < 60 && whole <= DAY_MINUTES).then_some(whole)
}
