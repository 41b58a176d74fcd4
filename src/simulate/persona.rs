//! A caller who is played by a language model.

use trunkline_core::wire::openai::ChatMessage;

use super::caller::{Deed, When};
use super::course::{Course, Who};
use super::model::Model;
use super::scenario;

/// Most words of one turn, in characters.
const WORDS_CHARS_MAX: usize = 600;
/// How long a caller who says nothing is silent, ms.
const SILENT_MS: u64 = 3_000;

/// One caller.
pub(super) struct Persona {
    model: Model,
    instructions: String,
}

impl Persona {
    pub(super) fn new(model: Model, spec: &scenario::Persona) -> Self {
        let language = spec.language.as_deref().unwrap_or("English");
        let character = match spec.character.trim() {
            "" => String::new(),
            who => format!(" {who}"),
        };
        let instructions = format!(
            "You play a person on the telephone, to test the agent at the other end.{character} What you want of this \
             call: {} You speak {language}. Say only what that person says next, in one or two short spoken sentences: no \
             name in front, no stage directions, no quotation marks. You are the one who called or was called, never the \
             agent: do not offer help. Answer what you are asked; make up details that fit, and keep to them. In place of \
             words you may write exactly one of these: [press 123#] to press those keys, [silence] to say nothing for a \
             while, [hang up] when you have what you want, when the agent says goodbye, or when it is clear that you will \
             not get it.",
            spec.goal.trim(),
        );
        Self {
            model,
            instructions,
        }
    }

    /// What the caller does next.
    pub(super) async fn next(&mut self, course: &Course) -> anyhow::Result<Deed> {
        let mut messages = vec![ChatMessage::System(self.instructions.clone())];
        for line in &course.lines {
            let text = line.text.clone();
            match (line.who, messages.last_mut()) {
                (Who::Agent, Some(ChatMessage::User(said))) => {
                    said.push(' ');
                    said.push_str(&text);
                }
                (Who::Agent, _) => messages.push(ChatMessage::User(text)),
                (Who::Caller, _) => messages.push(ChatMessage::Assistant {
                    text,
                    tool_calls: Vec::new(),
                }),
                (Who::Event, _) => {}
            }
        }
        if !matches!(messages.last(), Some(ChatMessage::User(_))) {
            messages.push(ChatMessage::User("(The agent says nothing.)".into()));
        }
        self.model.ask(&messages, read).await
    }
}

/// What a model means; `None` if it has said nothing.
fn read(answer: &str) -> Option<Deed> {
    let answer = answer.trim().trim_matches('"').trim();
    let command = answer
        .rsplit_once('[')
        .and_then(|(before, rest)| Some((before.trim(), rest.split_once(']')?.0)));
    let Some((words, command)) = command else {
        let words: String = answer.chars().take(WORDS_CHARS_MAX).collect();
        return (!words.is_empty()).then_some(Deed::Say(words, When::Polite));
    };
    // Whoever says goodbye and hangs up has said goodbye first; the agent may answer.
    if !words.is_empty() {
        return read(words);
    }
    let command = command.trim().to_lowercase();
    if command == "hang up" {
        return Some(Deed::HangUp(When::Polite));
    }
    if command == "silence" {
        return Some(Deed::Silence(SILENT_MS));
    }
    let keys = command.strip_prefix("press")?.trim().to_uppercase();
    let keys: String = keys
        .chars()
        .filter(|key| !key.is_whitespace())
        .take(32)
        .collect();
    let are_keys = keys
        .chars()
        .all(|key| key.is_ascii_digit() || "*#ABCD".contains(key));
    (are_keys && !keys.is_empty()).then_some(Deed::Press(keys, When::Polite))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_writes_is_what_the_caller_does() {
        let say = |words: &str| Some(Deed::Say(words.into(), When::Polite));
        for (answer, want) in [
            ("Hello, I need a filling.", say("Hello, I need a filling.")),
            ("  \"Yes, please.\"\n", say("Yes, please.")),
            ("[hang up]", Some(Deed::HangUp(When::Polite))),
            ("Thank you, goodbye. [hang up]", say("Thank you, goodbye.")),
            (
                "[press 12 #]",
                Some(Deed::Press("12#".into(), When::Polite)),
            ),
            ("[Silence]", Some(Deed::Silence(SILENT_MS))),
            ("[press nothing]", None),
            ("[dance]", None),
            ("", None),
        ] {
            assert_eq!(read(answer), want, "{answer}");
        }
        let long = read(&"word ".repeat(1_000));
        assert!(matches!(long, Some(Deed::Say(words, _)) if words.len() <= WORDS_CHARS_MAX));
    }
}
