//! JSON schemas that others write: read within bounds, and values checked by them.
//!
//! A schema is data of a client's, so it cannot make the server do anything costly or reach anything: nothing is fetched,
//! references lead to places of the same schema and never round in a circle, patterns are matched in linear time, and
//! what a check can cost is counted when the schema is read. What is told of a value that does not fit names the place
//! and the rule, and nothing of the value.

mod shape;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// Longest schema, as JSON without blanks, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 32 * 1024;
/// Deepest schema: schemas within schemas.
pub const SCHEMA_DEPTH_MAX: usize = 16;
/// Most schemas that the check of one value may pass through, each reference counted as what it leads to.
pub const SCHEMA_STEPS_MAX: usize = 2_000;
/// Most patterns of a schema.
pub const PATTERNS_MAX: usize = 32;
/// Most parts (objects, lists and what is in them) of a value that is checked.
pub const VALUE_PARTS_MAX: usize = 10_000;
/// Most mismatches that are told of one value.
pub const MISMATCHES_MAX: usize = 16;

/// Memory that a compiled pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// Longest name or pattern of the schema that a message repeats, in characters.
const QUOTED_CHARS_MAX: usize = 80;

/// A JSON schema by draft 7, 2019-09 or 2020-12 (which it is without `$schema`). A clone is the same one.
#[derive(Clone)]
pub struct Schema {
    validator: Arc<Validator>,
    source: Arc<Value>,
    names: Arc<BTreeSet<String>>,
}

/// What is wrong with a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", if .path.is_empty() { "the schema" } else { .path.as_str() })]
pub struct SchemaProblem {
    /// A JSON pointer into the schema; empty for the whole.
    pub path: String,
    /// What is wrong there, and what to write.
    pub what: String,
}

/// One way in which a value does not fit. It repeats names and limits of the schema, and nothing of the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// A JSON pointer into the value; empty for the whole. A name that the schema does not have is `*`.
    pub path: String,
    /// What should be there.
    pub what: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match self.path.as_str() {
            "" => "the value",
            path => path,
        };
        write!(f, "{path}: {}", self.what)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").finish_non_exhaustive()
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl SchemaProblem {
    fn new(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            what: what.into(),
        }
    }
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong: it is no schema, too long, too deep or too costly, has a pattern that cannot be
    /// matched in linear time, or refers to something that is not a schema of its own.
    pub fn parse(schema: &Value) -> Result<Self, SchemaProblem> {
        let bytes = serde_json::to_vec(schema).map_or(usize::MAX, |json| json.len());
        if bytes > SCHEMA_BYTES_MAX {
            let what = format!("it has {bytes} bytes, and at most {SCHEMA_BYTES_MAX} are possible");
            return Err(SchemaProblem::new("", what));
        }
        let draft = draft(schema)?;
        let names = shape::measured(schema)?;
        let mut alone = schema.clone();
        if let Some(root) = alone.as_object_mut() {
            // Both are only names here, and as addresses they would be looked up.
            root.remove("$id");
            root.remove("$schema");
        }
        let patterns = PatternOptions::regex()
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX);
        let options = jsonschema::options()
            .with_draft(draft)
            .with_pattern_options(patterns)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(true)
            // A value is not compiled.
            .with_format("regex", |_| true)
            .offline();
        let validator = options.build(&alone).map_err(|error| not_one(&error))?;
        Ok(Self {
            validator: Arc::new(validator),
            source: Arc::new(schema.clone()),
            names: Arc::new(names),
        })
    }

    /// The schema as it was written.
    #[must_use]
    pub fn as_json(&self) -> &Value {
        &self.source
    }

    /// Whether a value fits.
    ///
    /// # Errors
    ///
    /// Up to [`MISMATCHES_MAX`] places where it does not. A value of more than [`VALUE_PARTS_MAX`] parts never fits.
    pub fn check(&self, value: &Value) -> Result<(), Vec<Mismatch>> {
        if shape::parts_beyond(value, VALUE_PARTS_MAX) {
            return Err(vec![Mismatch {
                path: String::new(),
                what: format!("expected at most {VALUE_PARTS_MAX} parts"),
            }]);
        }
        if self.validator.is_valid(value) {
            return Ok(());
        }
        let errors = self.validator.iter_errors(value).take(MISMATCHES_MAX);
        let mut mismatches: Vec<Mismatch> = errors
            .map(|error| Mismatch {
                path: self.pointer(error.instance_path()),
                what: expected(error.kind()),
            })
            .collect();
        mismatches.dedup();
        Err(mismatches)
    }

    fn pointer(&self, location: &Location) -> String {
        let mut pointer = String::new();
        for segment in location.segments() {
            pointer.push('/');
            match segment {
                LocationSegment::Index(index) => pointer.push_str(&index.to_string()),
                LocationSegment::Property(name) if self.names.contains(name.as_ref()) => {
                    pointer.push_str(&shape::escaped(&shortened(&name)));
                }
                LocationSegment::Property(_) => pointer.push('*'),
            }
        }
        pointer
    }
}

/// Which draft a schema says it is of.
fn draft(schema: &Value) -> Result<Draft, SchemaProblem> {
    let refused = || {
        let what = "expected \"https://json-schema.org/draft/2020-12/schema\", the same of 2019-09, or \
                    \"http://json-schema.org/draft-07/schema#\"";
        SchemaProblem::new("/$schema", what)
    };
    let Some(named) = schema.get("$schema") else {
        return Ok(Draft::Draft202012);
    };
    match named.as_str().map(|name| name.trim_end_matches('#')) {
        Some("https://json-schema.org/draft/2020-12/schema") => Ok(Draft::Draft202012),
        Some("https://json-schema.org/draft/2019-09/schema") => Ok(Draft::Draft201909),
        Some(
            "http://json-schema.org/draft-07/schema" | "https://json-schema.org/draft-07/schema",
        ) => Ok(Draft::Draft7),
        _ => Err(refused()),
    }
}

/// Why something is no schema. Here the value that does not fit is the schema itself.
fn not_one(error: &ValidationError<'_>) -> SchemaProblem {
    let what = match error.kind() {
        ValidationErrorKind::Format { format } if format == "regex" => {
            "this pattern is not a regular expression without look-around and back references, or too large".into()
        }
        kind => expected(kind),
    };
    SchemaProblem::new(error.instance_path().as_str(), what)
}

fn shortened(text: &str) -> String {
    text.chars().take(QUOTED_CHARS_MAX).collect()
}

/// What a rule of the schema asks for.
fn expected(kind: &ValidationErrorKind) -> String {
    use ValidationErrorKind as K;
    let at_most = |limit: &u64, of: &str| format!("expected at most {limit} {of}");
    let at_least = |limit: &u64, of: &str| format!("expected at least {limit} {of}");
    match kind {
        K::Type { kind } => match kind {
            TypeKind::Single(one) => format!("expected a value of type {one}"),
            TypeKind::Multiple(several) => {
                let names: Vec<String> = several.iter().map(|one| one.to_string()).collect();
                format!("expected a value of type {}", names.join(" or "))
            }
        },
        K::Required { property } => match property.as_str() {
            Some(name) => format!("the property \"{}\" is needed", shortened(name)),
            None => "a property is needed that is not there".into(),
        },
        K::AdditionalProperties { .. } | K::UnevaluatedProperties { .. } => {
            "has a property that the schema does not have".into()
        }
        K::AdditionalItems { .. } | K::UnevaluatedItems { .. } => {
            "has an item that the schema does not have".into()
        }
        K::Enum { .. } => "expected one of the values that the schema lists".into(),
        K::Constant { .. } => "expected the value that the schema gives".into(),
        K::AnyOf { .. } => "expected to fit one of the schemas of anyOf".into(),
        K::OneOfNotValid { .. } => "expected to fit one of the schemas of oneOf".into(),
        K::OneOfMultipleValid { .. } => "expected to fit only one of the schemas of oneOf".into(),
        K::Not { .. } => "fits the schema of not".into(),
        K::FalseSchema => "nothing may be here".into(),
        K::Format { format } => format!("expected the format {}", shortened(format)),
        K::Pattern { pattern } => format!("expected to match {}", shortened(pattern)),
        K::Minimum { limit } => format!("expected at least {limit}"),
        K::Maximum { limit } => format!("expected at most {limit}"),
        K::ExclusiveMinimum { limit } => format!("expected more than {limit}"),
        K::ExclusiveMaximum { limit } => format!("expected less than {limit}"),
        K::MultipleOf { multiple_of } => format!("expected a multiple of {multiple_of}"),
        K::MinLength { limit } => at_least(limit, "characters"),
        K::MaxLength { limit } => at_most(limit, "characters"),
        K::MinItems { limit } => at_least(limit, "items"),
        K::MaxItems { limit } => at_most(limit, "items"),
        K::MinProperties { limit } => at_least(limit, "properties"),
        K::MaxProperties { limit } => at_most(limit, "properties"),
        K::UniqueItems => "expected items that differ".into(),
        K::Contains => "expected an item that fits contains".into(),
        K::PropertyNames { .. } => "has a property whose name does not fit".into(),
        K::ContentEncoding { .. } | K::ContentMediaType { .. } | K::FromUtf8 { .. } => {
            "expected content of the kind that the schema gives".into()
        }
        K::Referencing(_) => "refers to something that is not there".into(),
        K::BacktrackLimitExceeded { .. } | K::RegexEngineFailure { .. } | K::Custom { .. } => {
            "does not fit".into()
        }
    }
}

#[cfg(test)]
mod tests;
