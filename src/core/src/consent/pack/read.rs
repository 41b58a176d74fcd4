//! Reading a pack's JSON and checking that it can be relied on to be strict.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{AfterRefusal, Class, PackError, Rule, RulePack, SCHEMA};
use crate::consent::Mode;
use crate::geo::Place;
use crate::pack::{self, Confidence, EEA_ROW, FALLBACK, Trust, word};

/// Where the rows are.
const TABLE: &str = "jurisdictions";
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

/// Reads a pack, over another if there is one.
pub(super) fn pack(text: &str, base: Option<&RulePack>) -> Result<RulePack, PackError> {
    let file: File = pack::file(text, SCHEMA)?;
    let base_as_of = base.map(RulePack::as_of);
    let stamp = pack::stamp(text, &file.schema, &file.as_of)?.over(base_as_of);
    let trust = Trust::of(&file.as_of, base_as_of);
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
    let mut rules = pack::by_place(TABLE, file.jurisdictions, |row| &row.code, rule)?;
    if let Some(base) = base {
        lay_over(&mut rules, base, trust);
    }
    let row = |code| {
        Place::parse(code)
            .ok()
            .filter(|place| rules.contains_key(place))
    };
    let Some(fallback) = row(FALLBACK).and_then(|place| rules.get(&place)) else {
        return Err(PackError::Missing {
            table: TABLE,
            code: FALLBACK,
        });
    };
    let mut unknown_country = unknown_country.max(fallback.mode);
    let mut unknown_us = unknown_us;
    let mut floor = mode("platform_floor", &file.platform_floor)?;
    if let Some(base) = base {
        unknown_country = unknown_country.max(base.unknown_country);
        unknown_us = unknown_us.max(base.unknown_us);
        floor = floor.max(base.floor);
    }
    Ok(RulePack {
        id: stamp.id,
        sha256: stamp.sha256,
        as_of: file.as_of,
        floor,
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

/// What a pack makes of the rows of another.
fn lay_over(rules: &mut BTreeMap<Place, Rule>, base: &RulePack, trust: Trust) {
    for (place, rule) in rules.iter_mut() {
        rule.confidence = trust.worth(rule.confidence);
        if rule.confidence != Confidence::High {
            rule.tighten(&base.basis(Some(*place)));
        }
    }
    for (place, rule) in &base.rules {
        rules.entry(*place).or_insert_with(|| rule.clone());
    }
}

fn rule(index: usize, place: Place, row: Row) -> Result<Rule, PackError> {
    let at = |field: &str| format!("{TABLE}[{index}] ({place}).{field}");
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
        confidence: pack::confidence(&at("confidence"), &row.confidence)?,
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
