use super::*;
use serde_json::json;

fn schema(value: Value) -> Schema {
    Schema::parse(&value).unwrap()
}

fn problem(value: Value) -> (String, String) {
    let problem = Schema::parse(&value).unwrap_err();
    (problem.path, problem.what)
}

#[test]
fn what_is_no_schema_or_too_much_is_refused_with_its_place() {
    let deep = (0..20).fold(json!({}), |inner, _| json!({ "not": inner }));
    let long = json!({ "description": "x".repeat(SCHEMA_BYTES_MAX) });
    let patterns: Vec<Value> = (0..33)
        .map(|n| json!({ "pattern": format!("a{n}") }))
        .collect();
    // Each refers twice to the next: a check would pass through 2^20 schemas.
    let mut doubling = serde_json::Map::new();
    for n in 0..20 {
        let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
        doubling.insert(format!("d{n}"), json!({ "allOf": [next, next] }));
    }
    doubling.insert("d20".into(), json!({}));
    for (value, path, what) in [
        (json!([]), "", "expected an object"),
        (json!(true), "", "expected an object"),
        (json!({ "type": "text" }), "/type", ""),
        (
            json!({ "type": "object", "properties": { "a": 3 } }),
            "/properties/a",
            "type",
        ),
        (json!({ "required": "name" }), "/required", "type array"),
        (json!({ "minLength": -1 }), "/minLength", "at least 0"),
        (long, "", "bytes"),
        (deep, &"/not".repeat(17), "nested"),
        (json!({ "anyOf": patterns }), "/anyOf/32", "patterns"),
        (
            json!({ "$ref": "#/$defs/d0", "$defs": doubling }),
            "",
            "references",
        ),
        (
            json!({ "$ref": "https://example.com/s.json" }),
            "/$ref",
            "fetched",
        ),
        (
            json!({ "items": { "$ref": "file:///etc/passwd" } }),
            "/items/$ref",
            "fetched",
        ),
        (
            json!({ "items": { "$ref": "#/$defs/none" } }),
            "/items/$ref",
            "no schema",
        ),
        (
            json!({ "items": { "$ref": "#/enum/0" }, "enum": [{}] }),
            "/items/$ref",
            "no schema",
        ),
        (json!({ "items": { "$ref": "#" } }), "", "back to itself"),
        (
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "not": { "$ref": "#/$defs/a" } } } }),
            "/$defs/a",
            "back to itself",
        ),
        (
            json!({ "$dynamicRef": "#a" }),
            "/$dynamicRef",
            "not possible",
        ),
        (
            json!({ "items": { "$id": "https://example.com/" } }),
            "/items/$id",
            "at the top",
        ),
        (
            json!({ "$schema": "https://example.com/own" }),
            "/$schema",
            "2020-12",
        ),
        (
            json!({ "pattern": "(a)\\1" }),
            "/pattern",
            "regular expression",
        ),
        (
            json!({ "pattern": "(?=a)b" }),
            "/pattern",
            "regular expression",
        ),
        (
            json!({ "pattern": "((a{100}){100}){100}" }),
            "/pattern",
            "regular expression",
        ),
    ] {
        let shown = value.to_string().chars().take(120).collect::<String>();
        let (at, said) = problem(value);
        assert_eq!(at, path, "{shown}: {said}");
        assert!(said.contains(what), "{shown}: {said}");
    }
}

#[test]
fn usual_schemas_are_read() {
    for value in [
        json!({}),
        json!({ "$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://example.com/a", "type": "object" }),
        json!({ "$schema": "https://json-schema.org/draft/2019-09/schema", "type": ["string", "null"] }),
        json!({ "properties": { "$ref": { "type": "string" }, "a/b~c": { "$ref": "#/properties/$ref" } } }),
        json!({ "items": { "$ref": "#/$defs/a~1b" }, "$defs": { "a/b": { "type": "number" } } }),
        json!({ "const": { "$ref": "https://example.com" }, "x-own": { "$id": 4 } }),
        json!({ "patternProperties": { "^x-": { "type": "string" } }, "additionalProperties": false }),
    ] {
        let read = Schema::parse(&value);
        assert!(read.is_ok(), "{value}: {read:?}");
    }
}

#[test]
fn mismatches_name_the_place_and_the_rule_and_nothing_of_the_value() {
    let booking = schema(json!({
        "type": "object",
        "properties": {
            "day": { "type": "string", "format": "date" },
            "people": { "type": "integer", "minimum": 1, "maximum": 12 },
            "kind": { "enum": ["lunch", "dinner"] },
            "names": { "type": "array", "items": { "type": "string", "maxLength": 5 }, "uniqueItems": true },
            "code": { "type": "string", "pattern": "^[A-Z]{3}$" },
            "extra": { "additionalProperties": { "type": ["string", "null"] } },
        },
        "required": ["day"],
        "additionalProperties": false,
    }));
    assert_eq!(
        booking.check(&json!({ "day": "2026-11-23", "people": 4, "code": "ABC" })),
        Ok(())
    );
    for (value, path, what) in [
        (json!("sekrit"), "", "expected a value of type object"),
        (json!({}), "", "the property \"day\" is needed"),
        (
            json!({ "day": "sekrit" }),
            "/day",
            "expected the format date",
        ),
        (
            json!({ "day": "2026-02-30" }),
            "/day",
            "expected the format date",
        ),
        (
            json!({ "day": "2026-11-23", "people": 0 }),
            "/people",
            "expected at least 1",
        ),
        (
            json!({ "day": "2026-11-23", "people": 13 }),
            "/people",
            "expected at most 12",
        ),
        (
            json!({ "day": "2026-11-23", "people": "4" }),
            "/people",
            "expected a value of type integer",
        ),
        (
            json!({ "day": "2026-11-23", "kind": "sekrit" }),
            "/kind",
            "expected one of the values that the schema lists",
        ),
        (
            json!({ "day": "2026-11-23", "names": ["a", "sekrit"] }),
            "/names/1",
            "expected at most 5 characters",
        ),
        (
            json!({ "day": "2026-11-23", "names": ["a", "a"] }),
            "/names",
            "expected items that differ",
        ),
        (
            json!({ "day": "2026-11-23", "code": "sekrit" }),
            "/code",
            "expected to match ^[A-Z]{3}$",
        ),
        (
            json!({ "day": "2026-11-23", "sekrit": 1 }),
            "",
            "has a property that the schema does not have",
        ),
        (
            json!({ "day": "2026-11-23", "extra": { "sekrit": 1 } }),
            "/extra/*",
            "expected a value of type null or string",
        ),
    ] {
        let mismatches = booking.check(&value).unwrap_err();
        let expected = Mismatch {
            path: path.into(),
            what: what.into(),
        };
        assert_eq!(mismatches, [expected], "{value}");
        assert!(
            !format!("{mismatches:?}{}", mismatches[0]).contains("sekrit"),
            "{value}"
        );
    }
}

#[test]
fn references_apply_and_formats_do_not_compile_values() {
    let refers = schema(json!({
        "properties": { "to": { "$ref": "#/$defs/number" }, "rule": { "format": "regex" } },
        "$defs": { "number": { "type": "string", "pattern": "^\\+[0-9]{5,15}$" } },
    }));
    assert!(
        refers
            .check(&json!({ "to": "+15550100123", "rule": "(((" }))
            .is_ok()
    );
    assert!(refers.check(&json!({ "to": "call me" })).is_err());
}

#[test]
fn a_value_is_bounded_and_so_is_what_is_told_of_it() {
    let numbers = schema(json!({ "type": "array", "items": { "type": "number" } }));
    let many: Vec<u32> = (0..10_000).collect();
    assert_eq!(numbers.check(&json!(many)).unwrap_err()[0].path, "");
    assert!(numbers.check(&json!(many[..9_999])).is_ok());
    let wrong = numbers.check(&json!(vec!["a"; 500])).unwrap_err();
    assert_eq!(wrong.len(), MISMATCHES_MAX);
    // A pattern that would take others for ever.
    let pattern = schema(json!({ "pattern": "^(a+)+$" }));
    assert!(pattern.check(&json!("a".repeat(50_000) + "b")).is_err());
}
