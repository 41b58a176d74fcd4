//! The form of a schema: how deep it is, what it refers to, and what a check by it can cost.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{PATTERNS_MAX, SCHEMA_DEPTH_MAX, SCHEMA_STEPS_MAX, SchemaProblem};

/// Keywords whose value is one schema.
const ONE: [&str; 12] = [
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value is a list of schemas; `items` too, in older drafts.
const LISTS: [&str; 5] = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
/// Keywords whose value is an object of schemas.
const NAMED: [&str; 6] = [
    "properties",
    "patternProperties",
    "dependentSchemas",
    "dependencies",
    "$defs",
    "definitions",
];
/// Keywords that give a schema another address, or refer to one that is only known while a value is checked.
const REFUSED: [&str; 5] = [
    "$dynamicRef",
    "$dynamicAnchor",
    "$recursiveRef",
    "$recursiveAnchor",
    "$vocabulary",
];

/// One schema within the whole.
#[derive(Default)]
struct Place {
    /// Those that are applied with it.
    applied: Vec<String>,
    /// Where its `$ref` leads.
    refers: Option<String>,
}

#[derive(Default)]
struct Shape {
    places: BTreeMap<String, Place>,
    names: BTreeSet<String>,
    patterns: usize,
}

/// Goes through a schema, and returns the names of properties that it has.
pub(super) fn measured(schema: &Value) -> Result<BTreeSet<String>, SchemaProblem> {
    if !schema.is_object() {
        return Err(SchemaProblem::new("", "expected an object"));
    }
    let mut shape = Shape::default();
    shape.walk(schema, String::new(), 0)?;
    let mut costs = BTreeMap::new();
    for path in shape.places.keys() {
        shape.cost(path, &mut costs)?;
    }
    let steps = shape.cost("", &mut costs)?;
    if steps > SCHEMA_STEPS_MAX {
        let what = format!(
            "with all that its references lead to it has more than {SCHEMA_STEPS_MAX} schemas"
        );
        return Err(SchemaProblem::new("", what));
    }
    Ok(shape.names)
}

impl Shape {
    fn walk(&mut self, schema: &Value, path: String, depth: usize) -> Result<(), SchemaProblem> {
        if depth > SCHEMA_DEPTH_MAX {
            let what = format!("schemas are nested more than {SCHEMA_DEPTH_MAX} deep");
            return Err(SchemaProblem::new(path, what));
        }
        let mut place = Place::default();
        if let Some(keywords) = schema.as_object() {
            place.refers = refers(keywords, &path)?;
            self.count_patterns(keywords, &path)?;
            for (keyword, value) in keywords {
                for (step, inner) in within(keyword, value) {
                    let inner_path = format!("{path}/{step}");
                    if !matches!(keyword.as_str(), "$defs" | "definitions") {
                        place.applied.push(inner_path.clone());
                    }
                    self.walk(inner, inner_path, depth + 1)?;
                }
            }
            let properties = keywords.get("properties").and_then(Value::as_object);
            let names = properties.into_iter().flat_map(Map::keys).cloned();
            self.names.extend(names);
        }
        self.places.insert(path, place);
        Ok(())
    }

    fn count_patterns(
        &mut self,
        keywords: &Map<String, Value>,
        path: &str,
    ) -> Result<(), SchemaProblem> {
        let named = keywords.get("patternProperties").and_then(Value::as_object);
        self.patterns += named.map_or(0, Map::len);
        self.patterns += usize::from(keywords.contains_key("pattern"));
        if self.patterns > PATTERNS_MAX {
            let what = format!("there are more than {PATTERNS_MAX} patterns up to here");
            return Err(SchemaProblem::new(path, what));
        }
        Ok(())
    }

    /// How many schemas a check by the one at `path` passes through. What is being counted stands as `None`.
    fn cost(
        &self,
        path: &str,
        costs: &mut BTreeMap<String, Option<usize>>,
    ) -> Result<usize, SchemaProblem> {
        match costs.get(path) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => {
                return Err(SchemaProblem::new(path, "refers back to itself"));
            }
            None => {}
        }
        let Some(place) = self.places.get(path) else {
            // Never met: only places are asked for.
            return Ok(0);
        };
        costs.insert(path.to_owned(), None);
        let mut cost = 1_usize;
        for inner in &place.applied {
            cost = cost.saturating_add(self.cost(inner, costs)?);
        }
        if let Some(target) = &place.refers {
            if !self.places.contains_key(target) {
                let what = "leads to no schema of this one; expected \"#/$defs/NAME\"";
                return Err(SchemaProblem::new(format!("{path}/$ref"), what));
            }
            cost = cost.saturating_add(self.cost(target, costs)?);
        }
        costs.insert(path.to_owned(), Some(cost));
        Ok(cost)
    }
}

/// Where a schema refers to, as a pointer.
fn refers(keywords: &Map<String, Value>, path: &str) -> Result<Option<String>, SchemaProblem> {
    let at = |keyword: &str| format!("{path}/{}", escaped(keyword));
    if let Some(keyword) = REFUSED.iter().find(|name| keywords.contains_key(**name)) {
        return Err(SchemaProblem::new(at(keyword), "is not possible here"));
    }
    if !path.is_empty()
        && let Some(keyword) = ["$id", "$schema"]
            .iter()
            .find(|name| keywords.contains_key(**name))
    {
        return Err(SchemaProblem::new(
            at(keyword),
            "is only possible at the top",
        ));
    }
    let Some(target) = keywords.get("$ref") else {
        return Ok(None);
    };
    match target
        .as_str()
        .and_then(|target| target.strip_prefix('#'))
        .filter(|pointer| !pointer.contains('%'))
    {
        Some(pointer) => Ok(Some(pointer.to_owned())),
        None => {
            let what = "expected a place in this schema, as \"#/$defs/NAME\"; nothing is fetched";
            Err(SchemaProblem::new(at("$ref"), what))
        }
    }
}

/// The schemas in the value of a keyword, with the steps to them.
fn within<'a>(keyword: &str, value: &'a Value) -> Vec<(String, &'a Value)> {
    let is_schema = |value: &Value| value.is_object() || value.is_boolean();
    match value {
        Value::Array(list) if LISTS.contains(&keyword) => list
            .iter()
            .enumerate()
            .map(|(at, inner)| (format!("{keyword}/{at}"), inner))
            .collect(),
        Value::Object(named) if NAMED.contains(&keyword) => named
            .iter()
            // In `dependencies` a list of names stands beside schemas.
            .filter(|(_, inner)| is_schema(inner))
            .map(|(name, inner)| (format!("{keyword}/{}", escaped(name)), inner))
            .collect(),
        Value::Object(_) | Value::Bool(_) if ONE.contains(&keyword) => {
            vec![(keyword.to_owned(), value)]
        }
        Value::Object(_)
        | Value::Bool(_)
        | Value::Array(_)
        | Value::Null
        | Value::Number(_)
        | Value::String(_) => Vec::new(),
    }
}

/// A name as a step of a JSON pointer.
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Whether a value has more parts than `max`.
pub(super) fn parts_beyond(value: &Value, max: usize) -> bool {
    let mut open = vec![value];
    let mut parts = 0;
    while let Some(value) = open.pop() {
        parts += 1;
        // What is open is counted before it is looked at, so that the list stays within the bound too.
        if parts + open.len() > max {
            return true;
        }
        match value {
            Value::Array(items) if items.len() > max => return true,
            Value::Array(items) => open.extend(items),
            Value::Object(fields) if fields.len() > max => return true,
            Value::Object(fields) => open.extend(fields.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    false
}
