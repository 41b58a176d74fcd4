//! The first words of a call, made of an agent's slots; and what words must say and how long they take.

use std::sync::Arc;

use trunkline_core::language::fill;

use super::spec::{AgentSpec, CallDirection};

/// The opening's sentences.
pub(super) fn opening(spec: &AgentSpec, direction: CallDirection) -> Vec<Arc<str>> {
    let slots = &spec.opening;
    let mut said: Vec<Arc<str>> = match &slots.texts {
        Some(own) => own.iter().map(|text| text.as_str().into()).collect(),
        None => vec![who_calls(spec, direction).into()],
    };
    if direction == CallDirection::Outbound {
        said.extend(opt_out_line(spec).map(Arc::from));
    }
    said
}

/// How to be called no more, as calls of the business say at their opening; `None` if they do not.
pub(super) fn opt_out_line(spec: &AgentSpec) -> Option<String> {
    let texts = spec.tongue().opening();
    let values = [
        ("say", texts.say.as_str()),
        ("key", spec.keys.opt_out.as_str()),
    ];
    let usual = || fill(&texts.opt_out, &values);
    let line = spec.opening.opt_out_line.clone().unwrap_or_else(usual);
    Some(line).filter(|line| !line.trim().is_empty())
}

fn who_calls(spec: &AgentSpec, direction: CallDirection) -> String {
    let slots = &spec.opening;
    let entity = slot(slots.legal_entity.as_deref().unwrap_or(&spec.business));
    let texts = spec.tongue().opening();
    let what = slot(slots.ai_notice.as_deref().unwrap_or(&texts.what));
    let about = slots.purpose.as_deref().map(slot);
    let about = about
        .filter(|_| direction == CallDirection::Outbound)
        .map(|purpose| fill(&texts.about, &[("purpose", purpose)]))
        .unwrap_or_default();
    let values = [
        ("agent", spec.name.trim()),
        ("what", what),
        ("entity", entity),
        ("about", about.as_str()),
    ];
    fill(&texts.who, &values)
}

/// Words that a sentence can go on after.
pub(super) fn slot(words: &str) -> &str {
    words.trim().trim_end_matches(['.', ',', ';', ':', '!'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_core::language::Language;

    #[test]
    fn only_words_that_say_so_disclose_an_ai() {
        for (text, want) in [
            ("Hello, this is Robin, the AI assistant of Oak.", true),
            ("an A.I. assistant", true),
            ("an automated assistant", true),
            ("Yes, I am an AI, not a person.", true),
            ("I am a robot.", true),
            ("Hello, this is Robin.", false),
            ("I said so again: Captain Aid.", false),
            ("I am not an AI.", false),
            ("This isn't a robot.", false),
            ("No robot here", false),
            ("I'm no person, I am an artificial voice.", true),
            ("", false),
        ] {
            assert_eq!(Language::English.discloses_ai(text), want, "{text}");
        }
    }

    #[test]
    fn openings_are_made_of_their_slots() {
        let spec = |json: serde_json::Value| -> AgentSpec {
            let mut base = serde_json::json!({"name": "Robin", "business": "Oak", "prompt": "x"});
            base["opening"] = json;
            serde_json::from_value(base).unwrap()
        };
        let all = serde_json::json!({
            "legal_entity": "Oak Inc.", "purpose": "your appointment.", "ai_notice": "an automated assistant"
        });
        let own = serde_json::json!(["Oak here.", "An AI speaks."]);
        let opt_out = "For no more calls, say: don't call me again, or press 9.";
        for (slots, inbound, outbound) in [
            (
                serde_json::json!({}),
                "Hello, this is Robin, the AI assistant of Oak.".to_owned(),
                format!("Hello, this is Robin, the AI assistant of Oak. {opt_out}"),
            ),
            (
                all,
                "Hello, this is Robin, an automated assistant of Oak Inc.".into(),
                format!(
                    "Hello, this is Robin, an automated assistant of Oak Inc, calling about your appointment. {opt_out}"
                ),
            ),
            (
                own,
                "Oak here. An AI speaks.".into(),
                format!("Oak here. An AI speaks. {opt_out}"),
            ),
            (
                serde_json::json!({"opt_out_line": "Say stop."}),
                "Hello, this is Robin, the AI assistant of Oak.".into(),
                "Hello, this is Robin, the AI assistant of Oak. Say stop.".into(),
            ),
            (
                serde_json::json!({"texts": ["An AI."], "opt_out_line": ""}),
                "An AI.".into(),
                "An AI.".into(),
            ),
        ] {
            let spec = spec(slots);
            assert_eq!(opening(&spec, CallDirection::Inbound).join(" "), inbound);
            assert_eq!(opening(&spec, CallDirection::Outbound).join(" "), outbound);
        }
    }
}
