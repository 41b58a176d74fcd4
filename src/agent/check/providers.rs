//! Who is to hear, think and speak.

use super::Findings;
use crate::agent::problem::ProblemCode;
use crate::agent::spec::{AgentSpec, EMBEDDED, FALLBACKS_MAX, List};

impl Findings {
    pub(super) fn providers(&mut self, spec: &AgentSpec) {
        for (pointer, provider) in [
            ("/model/provider", &spec.model.provider),
            ("/recogniser/provider", &spec.recogniser.provider),
            ("/voice/provider", &spec.voice.provider),
        ] {
            if let Some(provider) = provider {
                self.provider(pointer, provider);
            }
        }
        self.realtime(spec);
        for list in spec.fallbacks() {
            self.fallbacks(&list);
        }
    }

    fn realtime(&mut self, spec: &AgentSpec) {
        let Some(realtime) = &spec.realtime else {
            return;
        };
        if spec.prompt.is_none() {
            let detail =
                "a script is not said by a model; give the agent a prompt, or leave this out";
            self.wrong("/realtime", ProblemCode::Conflict, detail);
        }
        let parts = [
            ("/realtime/model", &realtime.model),
            ("/realtime/transcriber", &realtime.transcriber),
        ];
        if let Some(provider) = &realtime.provider {
            self.line("/realtime/provider", provider, 64);
            self.provider("/realtime/provider", provider);
            for (pointer, _) in parts.iter().filter(|(_, name)| name.is_none()) {
                let detail = "the provider's settings are about another model; name this one here";
                self.wrong(*pointer, ProblemCode::Required, detail);
            }
        }
        for (pointer, text) in parts
            .into_iter()
            .chain([("/realtime/voice", &realtime.voice)])
        {
            if let Some(text) = text {
                self.line(pointer, text, 200);
            }
        }
    }

    pub(super) fn provider(&mut self, pointer: &str, id: &str) {
        let is_plain = id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !is_plain {
            let detail = "it must be the id of a provider, as prov_01JD0000000000000000000000";
            self.wrong(pointer, ProblemCode::BadFormat, detail);
        }
    }

    fn fallbacks(&mut self, list: &List<'_>) {
        self.count(list.place, list.entries.len(), FALLBACKS_MAX);
        let mut before = vec![list.first];
        for (at, entry) in list.entries.iter().take(FALLBACKS_MAX).enumerate() {
            let pointer = format!("{}/{at}", list.place);
            let provider = format!("{pointer}/provider");
            self.line(&provider, entry.provider, 64);
            self.provider(&provider, entry.provider);
            for (name, text) in entry.parts {
                if let Some(text) = text {
                    self.line(&format!("{pointer}/{name}"), text, 200);
                }
            }
            if entry.provider == EMBEDDED {
                self.embedded(
                    list,
                    &pointer,
                    entry.parts.iter().any(|(_, text)| text.is_some()),
                );
            }
            if before.contains(entry) {
                let detail = "the same provider stands before it; whatever fails there fails here";
                self.wrong(&pointer, ProblemCode::Duplicate, detail);
            }
            before.push(*entry);
        }
    }

    fn embedded(&mut self, list: &List<'_>, pointer: &str, is_more_chosen: bool) {
        if list.place.starts_with("/model") {
            let detail = "no language model is built in; name a provider, or `operator`";
            self.wrong(format!("{pointer}/provider"), ProblemCode::Conflict, detail);
        } else if is_more_chosen {
            let detail = "there is nothing to choose about what is built in";
            self.wrong(pointer, ProblemCode::Conflict, detail);
        }
    }
}
