//! Spans as OTLP's JSON: ids in hexadecimal, moments as decimal strings of nanoseconds, as its specification has it.

use serde_json::{Value as Json, json};

use super::tree::{Attributes, Moment, Span, Value};

/// OTLP's numbers for kinds of spans and for a status.
const KIND_INTERNAL: u8 = 1;
const KIND_CLIENT: u8 = 3;
const STATUS_ERROR: u8 = 2;

/// The server, as every request names it.
pub(super) struct Resource {
    pub(super) service_name: String,
    /// Of this process alone.
    pub(super) instance: String,
}

/// One request's body.
pub(super) fn body(resource: &Resource, spans: &[Span]) -> Vec<u8> {
    let spans: Vec<Json> = spans.iter().map(span).collect();
    let version = env!("CARGO_PKG_VERSION");
    let attribute =
        |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let body = json!({ "resourceSpans": [{
        "resource": { "attributes": [
            attribute("service.name", &resource.service_name),
            attribute("service.version", version),
            attribute("service.instance.id", &resource.instance),
        ] },
        "scopeSpans": [{ "scope": { "name": "trunkline", "version": version }, "spans": spans }],
    }] });
    body.to_string().into_bytes()
}

fn span(span: &Span) -> Json {
    let mut json = json!({
        "traceId": hex(&span.trace),
        "spanId": hex(&span.id),
        "name": span.name,
        "kind": if span.is_client { KIND_CLIENT } else { KIND_INTERNAL },
        "startTimeUnixNano": nanos(span.from_unix_ms),
        "endTimeUnixNano": nanos(span.to_unix_ms),
        "attributes": attributes(&span.attributes),
        "events": span.moments.iter().map(moment).collect::<Vec<_>>(),
        "status": if span.has_failed { json!({ "code": STATUS_ERROR }) } else { json!({}) },
    });
    if let Some(parent) = &span.parent {
        json["parentSpanId"] = hex(parent).into();
    }
    json
}

fn moment(moment: &Moment) -> Json {
    json!({
        "timeUnixNano": nanos(moment.unix_ms),
        "name": moment.name,
        "attributes": attributes(&moment.attributes),
    })
}

fn attributes(attributes: &Attributes) -> Vec<Json> {
    let one = |(key, value): &(&str, Value)| {
        let value = match value {
            Value::Text(text) => json!({ "stringValue": text }),
            Value::Flag(flag) => json!({ "boolValue": flag }),
            // 64-bit integers are strings in JSON.
            Value::Count(count) => json!({ "intValue": count.to_string() }),
            Value::Seconds(seconds) => json!({ "doubleValue": seconds }),
        };
        json!({ "key": key, "value": value })
    };
    attributes.iter().map(one).collect()
}

fn nanos(unix_ms: u64) -> String {
    (u128::from(unix_ms) * 1_000_000).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How many spans the collector says that it did not take; 0 if it says nothing of it.
pub(super) fn rejected(answer: &[u8]) -> u64 {
    let Ok(answer) = serde_json::from_slice::<Json>(answer) else {
        return 0;
    };
    let count = &answer["partialSuccess"]["rejectedSpans"];
    let spelled = count.as_str().and_then(|count| count.parse().ok());
    count.as_u64().or(spelled).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_collector_did_not_take_is_read_in_either_spelling() {
        for (answer, count) in [
            (r#"{"partialSuccess":{"rejectedSpans":"7"}}"#, 7),
            (
                r#"{"partialSuccess":{"rejectedSpans":3,"errorMessage":"x"}}"#,
                3,
            ),
            (r#"{"partialSuccess":{}}"#, 0),
            ("{}", 0),
            ("", 0),
            (r#"{"partialSuccess":{"rejectedSpans":-1}}"#, 0),
        ] {
            assert_eq!(rejected(answer.as_bytes()), count, "{answer}");
        }
    }
}
