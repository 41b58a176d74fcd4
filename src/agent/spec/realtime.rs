//! A model that hears, thinks and speaks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A model that hears, thinks and speaks by itself. Notices are said by the agent's voice all the same, and recogniser, model
/// and voice take over when it fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RealtimeSpec {
    /// Id of a provider of the client's that is a model of `openai` or of an `openai_compatible` endpoint; the operator's
    /// choice if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64, examples("prov_01JD0000000000000000000000"))]
    pub provider: Option<String>,
    /// The provider's name for the model that speaks. The operator's if absent; where `provider` is named, it must be too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
    /// The provider's name for the voice; the operator's if absent and `provider` is too, and then the model's usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub voice: Option<String>,
    /// The provider's name for the model that writes down what the caller says. The operator's if absent; where `provider` is
    /// named, it must be too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub transcriber: Option<String>,
}

#[cfg(test)]
mod tests {
    use crate::agent::{AgentSpec, ProblemCode};

    #[test]
    fn what_is_half_chosen_is_told() {
        let problems = |rest: &str| {
            let text = format!("name = \"R\"\nbusiness = \"O\"\nopening = [\"An AI.\"]\n{rest}");
            let spec: AgentSpec = toml::from_str(&text).unwrap();
            let found = spec.check().err().unwrap_or_default();
            let found = found.into_iter().map(|p| (p.pointer, p.code));
            found.collect::<Vec<_>>()
        };
        let at = |pointer: &str, code| (pointer.to_owned(), code);
        let prompt = "prompt = \"p\"\n[realtime]\n";
        assert_eq!(problems(prompt), []);
        assert_eq!(problems(&format!("{prompt}voice = \"v\"")), []);
        assert_eq!(
            problems(&format!("{prompt}provider = \"prov_1\"")),
            [
                at("/realtime/model", ProblemCode::Required),
                at("/realtime/transcriber", ProblemCode::Required)
            ]
        );
        let whole = "provider = \"prov_1\"\nmodel = \"m\"\ntranscriber = \"t\"";
        assert_eq!(problems(&format!("{prompt}{whole}")), []);
        let flow = "flow_text = '''\nstart = \"a\"\n[states.a]\nsay = \"Hi.\"\nend = true\n'''\n[realtime]\n";
        assert_eq!(problems(flow), [at("/realtime", ProblemCode::Conflict)]);
        let odd = format!("{prompt}{}", whole.replace("prov_1", "a b"));
        assert_eq!(
            problems(&odd),
            [at("/realtime/provider", ProblemCode::BadFormat)]
        );
    }
}
