//! Whether a document makes an agent: every bound, every text, and what belongs together.

mod after;
mod language;
mod parts;
mod providers;
mod transfers;

use std::collections::BTreeSet;

use trunkline_core::flow::{FLOW_BYTES_MAX, Flow, Vars};
use trunkline_core::times::spoken_ms;

use super::opening::{opening, slot};
use super::problem::{PROBLEMS_MAX, Problem, ProblemCode, step};
use super::prompt::{Template, breaks};
use super::spec::{AgentSpec, CallDirection};
use crate::ids::is_id;
use crate::knowledge::AGENT_DOCUMENTS_MAX;
use crate::tools::{
    NAME_CHARS_MAX as TOOL_NAME_CHARS_MAX, SCHEDULE_CALLBACK, SET_DISPOSITION, TOOLS_MAX,
};
use parts::{numbers, recording_notice_ms, texts};

/// Longest prompt, in bytes.
pub const PROMPT_BYTES_MAX: usize = 64 * 1024;
/// An opening should not take longer than this with its recording notice, ms.
pub const OPENING_MS_GOOD: u32 = 12_000;
/// An opening made of slots must not take longer than this with its recording notice, ms.
pub const OPENING_MS_MAX: u32 = 20_000;

impl AgentSpec {
    /// Everything that is wrong with the document as it stands; what only the file of a flow can tell is found by
    /// [`Agent::compile`](super::Agent::compile).
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let found = Findings::of(self).problems;
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    /// What works but is not advised.
    pub fn advice(&self) -> Vec<Problem> {
        Findings::of(self).advice
    }

    /// The kinds of calls that the agent may hold.
    pub fn serves(&self) -> Vec<CallDirection> {
        let both = || vec![CallDirection::Inbound, CallDirection::Outbound];
        self.directions.clone().unwrap_or_else(both)
    }
}

/// What is wrong, and what could be better.
#[derive(Default)]
pub(super) struct Findings {
    problems: Vec<Problem>,
    advice: Vec<Problem>,
}

impl Findings {
    fn of(spec: &AgentSpec) -> Self {
        let mut found = Self::default();
        found.texts(spec);
        found.numbers(spec);
        found.language(spec);
        found.opening(spec);
        found.keys(spec);
        found.mind(spec);
        found.variables(spec);
        found.recording(spec);
        found.answering(spec);
        found.providers(spec);
        found.knowledge(spec);
        found.tools(spec);
        found.transfers(spec);
        found.pronunciations(spec);
        found.after(spec);
        found
    }

    fn wrong(&mut self, pointer: impl Into<String>, code: ProblemCode, detail: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem::new(pointer, code, detail));
        }
    }

    /// A text that is said, or otherwise stands in one line.
    fn line(&mut self, pointer: &str, text: &str, chars_max: usize) {
        let chars = text.chars().count();
        if text.trim().is_empty() {
            self.wrong(pointer, ProblemCode::Empty, "it must not be empty");
        } else if chars > chars_max {
            let detail = format!("it has {chars} characters; at most {chars_max} are allowed");
            self.wrong(pointer, ProblemCode::TooLong, detail);
        }
        if text.chars().any(breaks) {
            let detail = "it must be one line without control characters";
            self.wrong(pointer, ProblemCode::ControlCharacter, detail);
        }
    }

    fn count(&mut self, pointer: &str, count: usize, most: usize) {
        if count > most {
            let detail = format!("there are {count}; at most {most} are allowed");
            self.wrong(pointer, ProblemCode::TooMany, detail);
        }
    }

    fn texts(&mut self, spec: &AgentSpec) {
        for (pointer, count, most) in parts::counts(spec) {
            self.count(pointer, count, most);
        }
        for text in texts(spec) {
            self.line(&text.pointer, text.text, text.chars_max);
            if text.is_spoken && text.text.contains("{{") {
                let detail = "variables can stand in the prompt, the greeting and the flow only";
                self.wrong(&text.pointer, ProblemCode::Template, detail);
            }
        }
    }

    fn knowledge(&mut self, spec: &AgentSpec) {
        self.count("/knowledge", spec.knowledge.len(), AGENT_DOCUMENTS_MAX);
        let mut known = BTreeSet::new();
        for (at, id) in spec.knowledge.iter().enumerate() {
            let pointer = format!("/knowledge/{at}");
            if !is_id("doc", id) {
                let detail = "it must be the id of a document, as doc_01JD0000000000000000000000";
                self.wrong(pointer, ProblemCode::BadFormat, detail);
            } else if !known.insert(id) {
                self.wrong(pointer, ProblemCode::Conflict, "it is named twice");
            }
        }
    }

    fn numbers(&mut self, spec: &AgentSpec) {
        for number in numbers(spec) {
            if !(number.least..=number.most).contains(&number.value) {
                let shown = (number.value * 10_000.0).round() / 10_000.0;
                let detail = format!(
                    "{shown} is not between {} and {}",
                    number.least, number.most
                );
                self.wrong(number.pointer, ProblemCode::OutOfRange, detail);
            }
        }
        let turn = &spec.turn;
        if turn.unfinished_score > turn.likely_score || turn.likely_score > turn.complete_score {
            let detail = "the scores must rise: unfinished_score, likely_score, complete_score";
            self.wrong("/turn/likely_score", ProblemCode::Conflict, detail);
        }
    }

    fn opening(&mut self, spec: &AgentSpec) {
        if let Some(directions) = &spec.directions {
            if directions.is_empty() {
                let detail = "name inbound, outbound or both, or leave it out";
                self.wrong("/directions", ProblemCode::Empty, detail);
            }
            if directions.len() == 2 && directions.first() == directions.last() {
                let detail = "the same direction stands there twice";
                self.wrong("/directions/1", ProblemCode::Duplicate, detail);
            }
        }
        let (slots, language) = (&spec.opening, spec.tongue());
        let must_say = "must say that the caller speaks with an AI, in words such as \"AI assistant\" or \
                        \"automated assistant\"";
        match &slots.texts {
            Some(own) if !own.iter().any(|text| language.discloses_ai(text)) => {
                let detail = format!("`opening` {must_say}");
                self.wrong("/opening/texts", ProblemCode::NoAiNotice, detail);
            }
            Some(_) => {}
            None => {
                let names_outbound = spec
                    .directions
                    .as_ref()
                    .is_some_and(|directions| directions.contains(&CallDirection::Outbound));
                if names_outbound && slots.purpose.is_none() {
                    let detail = "calls that the business makes must say what they are about";
                    self.wrong("/opening/purpose", ProblemCode::Required, detail);
                }
                if slots
                    .opt_out_line
                    .as_deref()
                    .is_some_and(|line| line.trim().is_empty())
                {
                    let detail = "only beside `texts` of your own can it be left out";
                    self.wrong("/opening/opt_out_line", ProblemCode::Empty, detail);
                }
            }
        }
        if slots
            .ai_notice
            .as_deref()
            .is_some_and(|notice| !language.discloses_ai(notice))
        {
            self.wrong(
                "/opening/ai_notice",
                ProblemCode::NoAiNotice,
                format!("it {must_say}"),
            );
        }
        if spec
            .notices
            .robot
            .as_deref()
            .is_some_and(|text| !language.discloses_ai(text))
        {
            self.wrong(
                "/notices/robot",
                ProblemCode::NoAiNotice,
                format!("it {must_say}"),
            );
        }
        self.opening_length(spec);
    }

    fn opening_length(&mut self, spec: &AgentSpec) {
        for direction in spec.serves() {
            let said = opening(spec, direction).join(" ");
            let ms = spoken_ms(&said, spec.voice.speed) + recording_notice_ms(spec);
            if ms <= OPENING_MS_GOOD {
                continue;
            }
            let is_own = spec.opening.texts.is_some();
            let (pointer, kind) = match direction {
                _ if is_own => ("/opening/texts", "of a call"),
                CallDirection::Inbound => ("/opening", "of an inbound call"),
                CallDirection::Outbound => ("/opening", "of an outbound call"),
            };
            let detail = format!(
                "the first words {kind}, with the recording notice, take about {} s; keep them to {} s",
                ms.div_ceil(1_000),
                OPENING_MS_GOOD / 1_000
            );
            if ms > OPENING_MS_MAX && !is_own {
                self.wrong(pointer, ProblemCode::TooLong, detail);
            } else {
                self.advice
                    .push(Problem::new(pointer, ProblemCode::TooLong, detail));
            }
        }
    }

    fn keys(&mut self, spec: &AgentSpec) {
        let mut bound = BTreeSet::new();
        for (name, key) in spec.keys.named() {
            let pointer = format!("/keys/{name}");
            if key.is_empty() {
                match name {
                    "opt_out" => {
                        let detail = "there must be a key to be called no more";
                        self.wrong(pointer, ProblemCode::Required, detail);
                    }
                    "dont_record" if spec.recording.record => {
                        let detail = "there must be a key to object to recording";
                        self.wrong(pointer, ProblemCode::Required, detail);
                    }
                    "consent_yes" if spec.recording.record => {
                        let detail = "there must be a key to agree to recording";
                        self.wrong(pointer, ProblemCode::Required, detail);
                    }
                    _ => {}
                }
            } else if key.len() != 1 || !key.bytes().all(|b| b.is_ascii_digit()) {
                let detail = "it must be one digit, or empty for no key";
                self.wrong(pointer, ProblemCode::BadFormat, detail);
            } else if !bound.insert(key) {
                let detail = format!("key {key} is bound to another command too");
                self.wrong(pointer, ProblemCode::Duplicate, detail);
            }
        }
    }

    fn mind(&mut self, spec: &AgentSpec) {
        let minds = [
            ("/flow", spec.flow.is_some()),
            ("/flow_text", spec.flow_text.is_some()),
            ("/prompt", spec.prompt.is_some()),
        ];
        let mut given = minds.iter().filter(|(_, given)| *given);
        match (given.next(), given.next()) {
            (None, _) => {
                let detail =
                    "give it a `prompt`, or a flow: `flow` (a file beside this one) or `flow_text`";
                self.wrong("", ProblemCode::Required, detail);
            }
            (Some((first, _)), Some((second, _))) => {
                let detail =
                    format!("there is {first} already; give it either a `flow` or a `prompt`");
                self.wrong(*second, ProblemCode::Conflict, detail);
            }
            (Some(_), None) => {}
        }
        if let Some(prompt) = &spec.prompt {
            if prompt.trim().is_empty() {
                self.wrong("/prompt", ProblemCode::Empty, "it must not be empty");
            }
            if prompt.len() > PROMPT_BYTES_MAX {
                let detail = format!(
                    "it has {} bytes; at most {PROMPT_BYTES_MAX} are allowed",
                    prompt.len()
                );
                return self.wrong("/prompt", ProblemCode::TooLong, detail);
            }
            if prompt
                .chars()
                .any(|c| breaks(c) && !matches!(c, '\n' | '\r' | '\t'))
            {
                let detail = "it holds a control character";
                self.wrong("/prompt", ProblemCode::ControlCharacter, detail);
            }
        } else {
            let only_prompted = [
                ("/greeting", spec.greeting.is_some()),
                ("/model", spec.model != Default::default()),
                ("/tools", !spec.tools.is_empty()),
                ("/transfers", !spec.transfers.is_empty()),
                ("/hand_off", !spec.hand_off.is_empty()),
            ];
            for (pointer, _) in only_prompted.iter().filter(|(_, given)| *given) {
                let detail = "it is for agents with a `prompt`";
                self.wrong(*pointer, ProblemCode::NeedsPrompt, detail);
            }
        }
        self.template(spec, "/prompt", spec.prompt.as_deref());
        self.template(spec, "/greeting", spec.greeting.as_deref());
        if let Some(text) = &spec.flow_text {
            let read = read_flow(spec, "/flow_text", "", text);
            self.problems.extend(read.err());
        }
    }

    fn answering(&mut self, spec: &AgentSpec) {
        let answering = &spec.answering;
        if answering.leaves_message() && answering.message.is_none() {
            let detail = "an agent that leaves messages must say what";
            self.wrong("/answering/message", ProblemCode::Required, detail);
        }
        self.template(spec, "/answering/message", answering.message.as_deref());
    }

    fn tools(&mut self, spec: &AgentSpec) {
        let mut before = BTreeSet::new();
        for (at, name) in spec.tools.iter().take(TOOLS_MAX).enumerate() {
            let pointer = format!("/tools/{at}");
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
            let is_name = (1..=TOOL_NAME_CHARS_MAX).contains(&name.len());
            if !is_name || !name.bytes().all(is_plain) {
                let detail =
                    "it must be a tool's id, as tool_01JD0000000000000000000000, or its name";
                self.wrong(pointer, ProblemCode::BadFormat, detail);
            } else if !before.insert(name) {
                let detail = "the same tool stands there twice";
                self.wrong(pointer, ProblemCode::Duplicate, detail);
            }
        }
        let labels = spec.tools.iter().position(|name| name == SET_DISPOSITION);
        if let Some(at) = labels.filter(|_| spec.after.dispositions.is_empty()) {
            let detail = "there are no labels to choose from; name them in `after.dispositions`";
            self.wrong(format!("/tools/{at}"), ProblemCode::Required, detail);
        }
        let calls_back = spec.tools.iter().position(|name| name == SCHEDULE_CALLBACK);
        if let Some(at) = calls_back.filter(|_| !spec.serves().contains(&CallDirection::Outbound)) {
            let detail = "the agent that calls back is this one; name `outbound` in `directions`";
            self.wrong(format!("/tools/{at}"), ProblemCode::Conflict, detail);
        }
    }

    fn template(&mut self, spec: &AgentSpec, pointer: &str, text: Option<&str>) {
        match text.map(Template::parse) {
            None => {}
            Some(Err(detail)) => self.wrong(pointer, ProblemCode::Template, detail),
            Some(Ok(template)) => {
                let names: BTreeSet<&str> = template.variables().collect();
                for name in names {
                    if !spec.variables.contains_key(name) {
                        let detail = format!("`{{{{{name}}}}}` is not declared in `variables`");
                        self.wrong(pointer, ProblemCode::UndeclaredVariable, detail);
                    }
                }
            }
        }
    }

    fn variables(&mut self, spec: &AgentSpec) {
        for (name, variable) in spec.variables.iter().take(parts::VARIABLES_MAX) {
            let pointer = format!("/variables{}", step(name));
            if !super::prompt::is_name(name) {
                let detail = "its name must be made of letters, digits and _, at most 64";
                self.wrong(&pointer, ProblemCode::BadFormat, detail);
            }
            let Some(default) = &variable.default else {
                continue;
            };
            // A blank one lets calls leave it out, whatever its type.
            if default.is_empty() {
                continue;
            }
            let pointer = format!("{pointer}/default");
            if let Err(detail) = variable.kind.accepts(default) {
                self.wrong(&pointer, ProblemCode::WrongType, detail);
            }
            if default.chars().any(breaks) {
                let detail = "it must be one line without control characters";
                self.wrong(&pointer, ProblemCode::ControlCharacter, detail);
            }
        }
    }

    fn recording(&mut self, spec: &AgentSpec) {
        if spec.recogniser.second_pass && !spec.recording.record {
            let detail = "a second pass needs a recording; set `recording.record`";
            self.wrong(
                "/recogniser/second_pass",
                ProblemCode::NeedsRecording,
                detail,
            );
        }
        if slot(&spec.recording.reason).is_empty() && !spec.recording.reason.trim().is_empty() {
            let detail = "it must be words, as \"for quality\"";
            self.wrong("/recording/reason", ProblemCode::BadFormat, detail);
        }
        for (at, place) in spec
            .recording
            .places
            .iter()
            .take(parts::PLACES_MAX)
            .enumerate()
        {
            let pointer = format!("/recording/places/{at}");
            if !is_place(place) {
                let detail = "it must be an ISO 3166 code, as DE or US-CA";
                self.wrong(pointer, ProblemCode::BadFormat, detail);
            } else if spec
                .recording
                .places
                .iter()
                .take(at)
                .any(|other| other == place)
            {
                self.wrong(pointer, ProblemCode::Duplicate, "it stands there twice");
            }
        }
    }

    fn pronunciations(&mut self, spec: &AgentSpec) {
        let mut known = BTreeSet::new();
        let table = spec.voice.pronunciations.iter();
        for (word, _) in table.take(parts::PRONUNCIATIONS_MAX) {
            let pointer = format!("/voice/pronunciations{}", step(word));
            let whole = |sign: Option<char>| sign.is_some_and(char::is_alphanumeric);
            if !whole(word.chars().next()) || !whole(word.chars().next_back()) {
                let detail = "a word must begin and end with a letter or a digit";
                self.wrong(pointer, ProblemCode::BadFormat, detail);
            } else if !known.insert(word.to_lowercase()) {
                let detail = "the same word stands there twice, in another case";
                self.wrong(pointer, ProblemCode::Duplicate, detail);
            }
        }
    }
}

/// `DE` or `US-CA`.
fn is_place(code: &str) -> bool {
    let (country, part) = code.split_once('-').unwrap_or((code, "X"));
    let is_upper = |b: u8| b.is_ascii_uppercase();
    country.len() == 2
        && country.bytes().all(is_upper)
        && (1..=3).contains(&part.len())
        && part.bytes().all(|b| is_upper(b) || b.is_ascii_digit())
}

/// A flow, and that the agent declares what it needs. `label` is said before what is wrong in it.
pub(super) fn read_flow(
    spec: &AgentSpec,
    pointer: &str,
    label: &str,
    text: &str,
) -> Result<Flow, Problem> {
    let wrong =
        |detail: String| Problem::new(pointer, ProblemCode::Flow, format!("{label}{detail}"));
    if text.len() > FLOW_BYTES_MAX {
        let detail = format!(
            "{label}it has {} bytes; at most {FLOW_BYTES_MAX} are allowed",
            text.len()
        );
        return Err(Problem::new(pointer, ProblemCode::TooLong, detail));
    }
    let flow = Flow::parse(text).map_err(|error| wrong(error.to_string()))?;
    let variables = spec.variables.iter();
    let declared: Vars = variables
        .filter(|(_, variable)| variable.default.as_deref() != Some(""))
        .map(|(name, _)| (name.as_str(), "set"))
        .collect();
    let missing = flow.missing(&declared);
    if missing.is_empty() {
        return Ok(flow);
    }
    let detail = format!(
        "{label}the flow needs {}; declare them in `variables`, not with an empty default",
        missing.join(", ")
    );
    Err(Problem::new(
        pointer,
        ProblemCode::UndeclaredVariable,
        detail,
    ))
}

#[cfg(test)]
mod tests;
