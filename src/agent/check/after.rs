//! What is to be known of a call once it is over.

use super::Findings;
use crate::agent::after::schema_problem;
use crate::agent::problem::{PROBLEMS_MAX, ProblemCode};
use crate::agent::prompt::breaks;
use crate::agent::spec::AgentSpec;
use crate::schema::Schema;

/// Longest question and instructions, in characters.
const CHARS_MAX: usize = 2_000;
/// Most labels.
const DISPOSITIONS_MAX: usize = 50;
/// Longest label, in characters.
const LABEL_CHARS_MAX: usize = 40;
/// Longest description of a label, in characters.
const DESCRIPTION_CHARS_MAX: usize = 300;

impl Findings {
    pub(super) fn after(&mut self, spec: &AgentSpec) {
        let after = &spec.after;
        self.may_analyse(spec);
        for (pointer, text) in [
            ("/after/summary_instructions", &after.summary_instructions),
            ("/after/success", &after.success),
        ] {
            if let Some(text) = text {
                self.several_lines(pointer, text);
            }
        }
        if after.summary_instructions.is_some() && !after.summary {
            let detail = "it is about a summary; set `after.summary`";
            self.wrong("/after/summary_instructions", ProblemCode::Conflict, detail);
        }
        let schema = after.extract.as_ref().map(Schema::parse);
        if let Some(Err(problem)) = schema
            && self.problems.len() < PROBLEMS_MAX
        {
            self.problems.push(schema_problem(&problem));
        }
        self.dispositions(spec);
        let model = &after.model;
        if let Some(provider) = &model.provider {
            self.line("/after/model/provider", provider, 64);
            self.provider("/after/model/provider", provider);
        }
        if let Some(name) = &model.name {
            self.line("/after/model/name", name, 200);
        }
    }

    /// A machine that reads a call analyses it: the agent must say that this is done, and what is not kept cannot be read.
    fn may_analyse(&mut self, spec: &AgentSpec) {
        let after = &spec.after;
        let wanted = [
            ("/after/summary", after.summary),
            ("/after/extract", after.extract.is_some()),
            ("/after/success", after.success.is_some()),
        ];
        let mut wanted = wanted.iter().filter(|(_, is_wanted)| *is_wanted).peekable();
        let is_any = wanted.peek().is_some();
        for (pointer, _) in wanted.filter(|_| !spec.recording.record) {
            let detail = "it is made of what is kept of a call; set `recording.record`";
            self.wrong(*pointer, ProblemCode::NeedsRecording, detail);
        }
        if is_any && !spec.recording.analytics {
            let detail = "what is asked after a call is analysis by machine; it must be true";
            self.wrong("/recording/analytics", ProblemCode::Required, detail);
        }
    }

    fn dispositions(&mut self, spec: &AgentSpec) {
        let all = &spec.after.dispositions;
        self.count("/after/dispositions", all.len(), DISPOSITIONS_MAX);
        for (at, one) in all.iter().take(DISPOSITIONS_MAX).enumerate() {
            let pointer = format!("/after/dispositions/{at}");
            let label = format!("{pointer}/label");
            let is_word = (1..=LABEL_CHARS_MAX).contains(&one.label.len())
                && one
                    .label
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !is_word {
                let detail = format!(
                    "it must be made of small letters, digits and _, at most {LABEL_CHARS_MAX}"
                );
                self.wrong(label, ProblemCode::BadFormat, detail);
            } else if all.iter().take(at).any(|other| other.label == one.label) {
                self.wrong(label, ProblemCode::Duplicate, "it stands there twice");
            }
            let description = format!("{pointer}/description");
            self.line(&description, &one.description, DESCRIPTION_CHARS_MAX);
        }
    }

    fn several_lines(&mut self, pointer: &str, text: &str) {
        let chars = text.chars().count();
        if text.trim().is_empty() {
            self.wrong(pointer, ProblemCode::Empty, "it must not be empty");
        } else if chars > CHARS_MAX {
            let detail = format!("it has {chars} characters; at most {CHARS_MAX} are allowed");
            self.wrong(pointer, ProblemCode::TooLong, detail);
        }
        let is_control = |c: char| breaks(c) && !matches!(c, '\n' | '\r' | '\t');
        if text.chars().any(is_control) {
            let detail = "it holds a control character";
            self.wrong(pointer, ProblemCode::ControlCharacter, detail);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::agent::{AgentSpec, ProblemCode};

    fn problems(after: Value, recording: Value) -> Vec<(String, ProblemCode)> {
        let document = json!({
            "name": "Robin", "business": "Oak", "prompt": "You are Robin.", "after": after, "recording": recording,
        });
        let spec: AgentSpec = serde_json::from_value(document).unwrap();
        let found = spec.check().err().unwrap_or_default();
        found.into_iter().map(|p| (p.pointer, p.code)).collect()
    }

    #[test]
    fn what_cannot_be_known_of_a_call_is_told() {
        use ProblemCode::{
            BadFormat, Conflict, ControlCharacter, Duplicate, Empty, NeedsRecording, Required,
            TooLong, TooMany,
        };
        let label = |label: &str| json!({ "label": label, "description": "When so." });
        let many: Vec<Value> = (0..51).map(|n| label(&format!("l{n}"))).collect();
        for (after, pointer, code) in [
            (
                json!({ "summary": true, "summary_instructions": " " }),
                "/after/summary_instructions",
                Empty,
            ),
            (
                json!({ "summary_instructions": "short" }),
                "/after/summary_instructions",
                Conflict,
            ),
            (
                json!({ "success": "x".repeat(2_001) }),
                "/after/success",
                TooLong,
            ),
            (
                json!({ "success": "a\u{0007}b" }),
                "/after/success",
                ControlCharacter,
            ),
            (
                json!({ "extract": { "type": "text" } }),
                "/after/extract/type",
                BadFormat,
            ),
            (json!({ "extract": [] }), "/after/extract", BadFormat),
            (
                json!({ "extract": { "items": { "$ref": "https://a.example" } } }),
                "/after/extract/items/$ref",
                BadFormat,
            ),
            (
                json!({ "dispositions": [label("Not booked")] }),
                "/after/dispositions/0/label",
                BadFormat,
            ),
            (
                json!({ "dispositions": [label("a"), label("a")] }),
                "/after/dispositions/1/label",
                Duplicate,
            ),
            (
                json!({ "dispositions": [{ "label": "a", "description": "" }] }),
                "/after/dispositions/0/description",
                Empty,
            ),
            (
                json!({ "dispositions": many }),
                "/after/dispositions",
                TooMany,
            ),
            (
                json!({ "model": { "provider": "a b" } }),
                "/after/model/provider",
                BadFormat,
            ),
            (
                json!({ "model": { "name": "" } }),
                "/after/model/name",
                Empty,
            ),
        ] {
            let found = problems(after.clone(), json!({ "record": true, "analytics": true }));
            assert_eq!(found, [(pointer.to_owned(), code)], "{after}");
        }
        let all = json!({
            "summary": true, "summary_instructions": "Short.\nIn German.", "extract": { "type": "object" },
            "success": "Booked?", "dispositions": [label("booked_1")], "model": { "provider": "prov_1", "name": "m" },
        });
        assert_eq!(
            problems(all.clone(), json!({ "record": true, "analytics": true })),
            []
        );
        let unsaid = problems(all.clone(), json!({ "record": true }));
        assert_eq!(unsaid, [("/recording/analytics".to_owned(), Required)]);
        let unkept = problems(all, json!({ "analytics": true }));
        let parts = ["/after/summary", "/after/extract", "/after/success"];
        assert_eq!(unkept, parts.map(|part| (part.to_owned(), NeedsRecording)));
        // Labels alone are for people and tools.
        assert_eq!(
            problems(json!({ "dispositions": [label("a")] }), json!({})),
            []
        );
    }
}
