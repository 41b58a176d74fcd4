//! A document as JSON, and where in it something cannot be read.

use super::problem::{Problem, ProblemCode, step};
use super::spec::AgentSpec;

/// Largest document, in bytes.
pub const SPEC_BYTES_MAX: usize = 1024 * 1024;

impl AgentSpec {
    /// Reads a document. It is not checked yet: see [`AgentSpec::check`].
    pub fn from_json(json: &[u8]) -> Result<Self, Problem> {
        if json.len() > SPEC_BYTES_MAX {
            let detail = format!(
                "it has {} bytes; at most {SPEC_BYTES_MAX} are allowed",
                json.len()
            );
            return Err(Problem::new("", ProblemCode::TooLong, detail));
        }
        serde_json::from_slice(json).map_err(|error| {
            let end = offset(json, error.line(), error.column());
            let pointer = pointer_at(json.get(..end).unwrap_or(json));
            let message = error.to_string();
            let missing = message
                .strip_prefix("missing field `")
                .and_then(|rest| rest.split_once('`'));
            if let Some((name, _)) = missing {
                let pointer = pointer + &step(name);
                return Problem::new(pointer, ProblemCode::Required, "it must be there");
            }
            Problem::new(pointer, ProblemCode::Malformed, shortened(&message))
        })
    }

    /// The document as JSON, with its defaults.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// A message may repeat what a stranger wrote.
fn shortened(message: &str) -> String {
    const CHARS_MAX: usize = 300;
    let plain = message.chars().filter(|c| !c.is_control());
    let mut short: String = plain.take(CHARS_MAX).collect();
    if message.chars().count() > CHARS_MAX {
        short.push('…');
    }
    short
}

/// Byte of a line and a column, both from 1; the column counts bytes.
fn offset(json: &[u8], line: usize, column: usize) -> usize {
    let before = json
        .split_inclusive(|b| *b == b'\n')
        .take(line.saturating_sub(1));
    let start: usize = before.map(<[u8]>::len).sum();
    // A value that is wrong ends here; what it stands in does not.
    start + column
}

enum Inside {
    Object(String),
    List(usize),
}

/// What the end of `json`, which stops in the midst of a document, points at.
fn pointer_at(json: &[u8]) -> String {
    let mut open: Vec<Inside> = Vec::new();
    let mut at = 0;
    let mut is_key = false;
    while let Some(sign) = json.get(at) {
        match sign {
            b'"' => {
                let end = string_end(json, at);
                if let (true, Some(Inside::Object(key))) = (is_key, open.last_mut()) {
                    let text = json.get(at..end).unwrap_or_default();
                    *key = serde_json::from_slice(text).unwrap_or_default();
                    is_key = false;
                }
                at = end;
                continue;
            }
            b'{' => {
                open.push(Inside::Object(String::new()));
                is_key = true;
            }
            b'[' => {
                open.push(Inside::List(0));
                is_key = false;
            }
            b'}' | b']' => {
                open.pop();
                is_key = false;
            }
            b',' => match open.last_mut() {
                Some(Inside::List(at)) => *at += 1,
                Some(Inside::Object(_)) => is_key = true,
                None => {}
            },
            _ => {}
        }
        at += 1;
    }
    let mut pointer = String::new();
    for inside in &open {
        match inside {
            Inside::Object(key) if !key.is_empty() => pointer.push_str(&step(key)),
            Inside::Object(_) => {}
            Inside::List(at) => pointer.push_str(&format!("/{at}")),
        }
    }
    pointer
}

/// The byte after the string that begins at `at`.
fn string_end(json: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(sign) = json.get(end) {
        match sign {
            b'\\' => end += 1,
            b'"' => return end + 1,
            _ => {}
        }
        end += 1;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_pointed_at() {
        let base = r#""name": "Robin", "business": "Oak", "prompt": "x""#;
        for (json, pointer, code, says) in [
            ("", "", ProblemCode::Malformed, "EOF"),
            ("[]", "", ProblemCode::Malformed, "invalid"),
            ("{", "", ProblemCode::Malformed, "EOF"),
            (
                "{\"name\": \"x\"}",
                "/business",
                ProblemCode::Required,
                "must be there",
            ),
            (
                "{\"promt\": \"x\"}",
                "/promt",
                ProblemCode::Malformed,
                "unknown field `promt`",
            ),
            (
                "{\"name\": 7}",
                "/name",
                ProblemCode::Malformed,
                "expected a string",
            ),
            (
                "{\"name\":\n\n\"é\",\n\"voice\": {\"speed\": \"fast\"}}",
                "/voice/speed",
                ProblemCode::Malformed,
                "expected f32",
            ),
            (
                "{\"voice\": {\"sped\": 1}}",
                "/voice/sped",
                ProblemCode::Malformed,
                "unknown field",
            ),
            (
                "{\"opening\": {\"texts\": [\"a\", 2]}}",
                "/opening/texts/1",
                ProblemCode::Malformed,
                "expected a string",
            ),
            (
                "{\"opening\": 3}",
                "/opening",
                ProblemCode::Malformed,
                "the opening's slots",
            ),
            (
                "{\"variables\": {\"a/b\": {\"type\": \"colour\"}}}",
                "/variables/a~1b/type",
                ProblemCode::Malformed,
                "colour",
            ),
            (
                "{\"variables\": {\"x\": 3}}",
                "/variables/x",
                ProblemCode::Malformed,
                "a text, or a table",
            ),
            (
                "{\"limits\": {\"call_ms\": -1}}",
                "/limits/call_ms",
                ProblemCode::Malformed,
                "-1",
            ),
            (
                "{\"limits\": {}, \"limits\": {}}",
                "/limits",
                ProblemCode::Malformed,
                "duplicate",
            ),
            (
                "{\"a\\\"b\": 1}",
                "/a\"b",
                ProblemCode::Malformed,
                "unknown field",
            ),
        ] {
            let problem = AgentSpec::from_json(json.as_bytes()).expect_err(json);
            assert_eq!(
                (problem.pointer.as_str(), problem.code),
                (pointer, code),
                "{json}: {problem}"
            );
            assert!(problem.detail.contains(says), "{json}: {problem}");
        }
        let read = AgentSpec::from_json(format!("{{{base}}}").as_bytes()).unwrap();
        assert_eq!(read.check(), Ok(()));
    }

    #[test]
    fn a_huge_or_hostile_body_is_refused_in_few_words() {
        let huge = vec![b' '; SPEC_BYTES_MAX + 1];
        let deep = "[".repeat(100_000);
        let long_key = format!("{{\"{}\": 1}}", "k".repeat(500_000));
        for json in [
            &huge,
            deep.as_bytes(),
            long_key.as_bytes(),
            b"{\"name\": \"\xff\"}",
            b"\\",
            b"{\"a\\",
        ] {
            let problem = AgentSpec::from_json(json).unwrap_err();
            assert!(problem.detail.len() < 1_000 && problem.pointer.len() < 1_000);
        }
    }
}
