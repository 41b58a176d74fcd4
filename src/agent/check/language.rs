//! Whether calls can be held in the agent's language.

use trunkline_core::language::Language;

use super::Findings;
use crate::agent::problem::{Problem, ProblemCode};
use crate::agent::spec::{AgentSpec, EMBEDDED};

impl Findings {
    pub(super) fn language(&mut self, spec: &AgentSpec) {
        let tag = spec.language.as_str();
        let is_tag = tag.len() <= 35
            && tag.split('-').all(|part| {
                (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
            });
        if !is_tag {
            let detail = "it must be a BCP 47 tag, as en or en-US";
            return self.wrong("/language", ProblemCode::BadFormat, detail);
        }
        let Some(language) = Language::of(tag) else {
            let all: Vec<&str> = Language::ALL.iter().map(|one| one.tag()).collect();
            let detail = format!("there are no texts in {tag}; supported: {}", all.join(", "));
            return self.wrong("/language", ProblemCode::UnsupportedLanguage, detail);
        };
        if language == Language::English {
            return;
        }
        self.embedded_speech(spec, language);
        if !language.is_reviewed() {
            let detail = format!(
                "the {} texts and tables were written by engineers and not yet reviewed by a native speaker; listen to \
                 its notices, and put in your own words where they are not right",
                language.name()
            );
            self.advise("/language", ProblemCode::Unreviewed, detail);
        }
        if spec.flow.is_some() || spec.flow_text.is_some() {
            let detail = "scripts understand yes, no, numbers, days and times in English only; phrases may be of any language";
            self.advise("/language", ProblemCode::Unreviewed, detail);
        }
    }

    /// What is built in knows English alone. Whether the operator has other speech is not known here; the server says so
    /// where it would have to use its own.
    fn embedded_speech(&mut self, spec: &AgentSpec, language: Language) {
        for list in spec.fallbacks() {
            let embedded = list.entries.iter().position(|one| one.provider == EMBEDDED);
            if let Some(at) = embedded.filter(|_| !list.place.starts_with("/model")) {
                let detail = format!(
                    "the embedded speech is English, and the agent speaks {}; name a provider",
                    language.name()
                );
                let pointer = format!("{}/{at}/provider", list.place);
                self.wrong(pointer, ProblemCode::NeedsProvider, detail);
            }
        }
        let hears = spec.recogniser.provider.is_some() || spec.realtime.is_some();
        for (is_there, pointer) in [
            (hears, "/recogniser/provider"),
            (spec.voice.provider.is_some(), "/voice/provider"),
        ] {
            if !is_there {
                let detail = format!(
                    "the embedded speech is English: without a provider here or of the operator's, no call in {} is held",
                    language.name()
                );
                self.advise(pointer, ProblemCode::NeedsProvider, detail);
            }
        }
        if spec.recogniser.second_pass {
            let detail = format!(
                "the second pass is the embedded recogniser's, which is English; the agent speaks {}",
                language.name()
            );
            self.wrong(
                "/recogniser/second_pass",
                ProblemCode::NeedsProvider,
                detail,
            );
        }
    }

    fn advise(&mut self, pointer: &str, code: ProblemCode, detail: impl Into<String>) {
        self.advice.push(Problem::new(pointer, code, detail));
    }
}
