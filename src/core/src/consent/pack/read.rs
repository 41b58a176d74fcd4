//! Reading a pack's JSON and checking that it can be relied on to be strict.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use super::{
    AfterRefusal, Class, Confidence, PACK_BYTES_MAX, PackError, RULES_MAX, Rule, RulePack, SCHEMA,
};
use crate::consent::Mode;
use crate::geo::Place;

/// The row that holds where no other does.
pub(super) const FALLBACK: &str = "ZZ";
/// The row of members of the European Economic Area without one of their own.
const EEA_ROW: &str = "EU";

const ORDER: &str = "none, announce, announce_continue, affirmative, no_record";
const MODES: [(&str, Mode); 4] = [
    ("announce", Mode::Announce),
    ("announce_continue", Mode::AnnounceContinue),
    ("affirmative", Mode::Affirmative),
    ("no_record", Mode::NoRecord),
];
const CLASSES: [(&str, Class); 5] = [
    ("one", Class::One),
    ("all", Class::All),
    ("mixed", Class::Mixed),
    ("none", Class::None),
    ("unknown", Class::Unknown),
];
const CONFIDENCES: [(&str, Confidence); 4] = [
    ("high", Confidence::High),
    ("medium", Confidence::Medium),
    ("low", Confidence::Low),
    ("n/a", Confidence::Unrated),
];
const AFTER_REFUSAL: [(&str, AfterRefusal); 3] = [
    ("continue_unrecorded", AfterRefusal::ContinueUnrecorded),
    ("transfer_to_human", AfterRefusal::TransferToHuman),
    ("end_call_politely", AfterRefusal::EndCallPolitely),
];

/// The file, field by field. What the engine does by itself is only known by name: a field that is misspelt, and so would
/// not be heeded, is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    as_of: String,
    #[serde(rename = "not_legal_advice")]
    _not_legal_advice: IgnoredAny,
    #[serde(rename = "source_note")]
    _source_note: IgnoredAny,
    modes_in_order_of_strictness: Vec<String>,
    #[serde(rename = "mode_semantics")]
    _mode_semantics: IgnoredAny,
    #[serde(rename = "artefacts_gated_separately")]
    _artefacts: IgnoredAny,
    #[serde(rename = "resolution")]
    _resolution: IgnoredAny,
    platform_floor: String,
    unknown_us_default: String,
    unknown_country_default: String,
    #[serde(rename = "on_refusal_options")]
    _on_refusal_options: IgnoredAny,
    on_refusal_default: String,
    #[serde(rename = "voicemail")]
    _voicemail: IgnoredAny,
    #[serde(rename = "federal")]
    _federal: IgnoredAny,
    jurisdictions: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    code: String,
    name: String,
    consent_class: String,
    legal_minimum_mode: String,
    engine_mode: String,
    citations: String,
    notes: String,
    confidence: String,
    recommended_mode: Option<String>,
    why_recommended: Option<String>,
    #[serde(default)]
    telemarketing_notice_required: bool,
    #[serde(default)]
    must_record_announcement: bool,
}

pub(super) fn pack(text: &str) -> Result<RulePack, PackError> {
    if text.len() > PACK_BYTES_MAX {
        return Err(PackError::TooLong { bytes: text.len() });
    }
    // The schema is asked for first: of another one, no other complaint makes sense.
    #[derive(Deserialize)]
    struct Named {
        schema: String,
    }
    let named: Named = serde_json::from_str(text).map_err(json)?;
    if named.schema != SCHEMA {
        return Err(PackError::Schema {
            found: shortened(&named.schema),
        });
    }
    let file: File = serde_json::from_str(text).map_err(json)?;
    if !is_day(&file.as_of) {
        return Err(PackError::AsOf {
            found: shortened(&file.as_of),
        });
    }
    if file.modes_in_order_of_strictness.join(", ") != ORDER {
        return Err(PackError::Order { expected: ORDER });
    }
    let unknown_us = at_least(
        "unknown_us_default",
        &file.unknown_us_default,
        Mode::AnnounceContinue,
    )?;
    let unknown_country = at_least(
        "unknown_country_default",
        &file.unknown_country_default,
        Mode::Affirmative,
    )?;
    let rules = rules(file.jurisdictions)?;
    let row = |code| {
        Place::parse(code)
            .ok()
            .filter(|place| rules.contains_key(place))
    };
    let Some(fallback) = row(FALLBACK).and_then(|place| rules.get(&place)) else {
        return Err(PackError::NoFallback { code: FALLBACK });
    };
    let unknown_country = unknown_country.max(fallback.mode);
    Ok(RulePack {
        id: format!("{}+{}", file.schema, file.as_of),
        sha256: hex(&Sha256::digest(text)),
        as_of: file.as_of,
        floor: mode("platform_floor", &file.platform_floor)?,
        unknown_us,
        unknown_country,
        on_refusal: word(
            "on_refusal_default",
            &file.on_refusal_default,
            &AFTER_REFUSAL,
            "continue_unrecorded, transfer_to_human, end_call_politely",
        )?,
        eea: row(EEA_ROW),
        rules,
    })
}

fn rules(rows: Vec<Row>) -> Result<BTreeMap<Place, Rule>, PackError> {
    if rows.len() > RULES_MAX {
        return Err(PackError::TooMany { rules: rows.len() });
    }
    let mut rules = BTreeMap::new();
    let mut indices = BTreeMap::new();
    for (second, row) in rows.into_iter().enumerate() {
        let rule = rule(second, row)?;
        if let Some(first) = indices.insert(rule.place, second) {
            return Err(PackError::Duplicate {
                code: rule.place.to_string(),
                first,
                second,
            });
        }
        rules.insert(rule.place, rule);
    }
    Ok(rules)
}

fn rule(index: usize, row: Row) -> Result<Rule, PackError> {
    let place = Place::parse(&row.code).map_err(|why| PackError::Code {
        at: format!("jurisdictions[{index}].code"),
        found: shortened(&row.code),
        why,
    })?;
    let at = |field: &str| format!("jurisdictions[{index}] ({place}).{field}");
    let legal_minimum = match row.legal_minimum_mode.as_str() {
        "none" => None,
        text => Some(mode(&at("legal_minimum_mode"), text)?),
    };
    let least = legal_minimum.unwrap_or(Mode::Announce);
    let asked = at_least(&at("engine_mode"), &row.engine_mode, least)?;
    let recommended = row
        .recommended_mode
        .map(|text| at_least(&at("recommended_mode"), &text, asked))
        .transpose()?;
    Ok(Rule {
        place,
        name: row.name,
        class: word(
            &at("consent_class"),
            &row.consent_class,
            &CLASSES,
            "one, all, mixed, none, unknown",
        )?,
        legal_minimum,
        mode: asked,
        recommended,
        why_recommended: row.why_recommended,
        citations: row.citations,
        notes: row.notes,
        confidence: word(
            &at("confidence"),
            &row.confidence,
            &CONFIDENCES,
            "high, medium, low, n/a",
        )?,
        must_record_announcement: row.must_record_announcement,
        telemarketing_notice_required: row.telemarketing_notice_required,
    })
}

/// A mode that the engine uses. `none` is not one: a notice is always said.
fn mode(at: &str, text: &str) -> Result<Mode, PackError> {
    word(
        at,
        text,
        &MODES,
        "announce, announce_continue, affirmative, no_record",
    )
}

fn at_least(at: &str, text: &str, least: Mode) -> Result<Mode, PackError> {
    let found = mode(at, text)?;
    if found < least {
        return Err(PackError::Lax {
            at: at.to_owned(),
            found: found.name(),
            least: least.name(),
        });
    }
    Ok(found)
}

fn word<T: Copy>(
    at: &str,
    text: &str,
    known: &[(&str, T)],
    allowed: &'static str,
) -> Result<T, PackError> {
    let found = known.iter().find(|(name, _)| *name == text);
    found
        .map(|(_, value)| *value)
        .ok_or_else(|| PackError::Word {
            at: at.to_owned(),
            found: shortened(text),
            allowed,
        })
}

fn json(error: serde_json::Error) -> PackError {
    PackError::Json {
        line: error.line(),
        column: error.column(),
        what: shortened(&error.to_string()),
    }
}

/// `YYYY-MM-DD` of the Gregorian calendar.
fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let number = |text: &str, digits| {
        let well = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
        well.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2))
    else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Enough of a text to find it by.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 120;
    text.chars().take(CHARS_MAX).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
