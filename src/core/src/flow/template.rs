//! Texts with `{{variables}}` in them.

use super::VALUE_CHARS_MAX;
use super::error::FlowProblem;

/// A text to say, cut into what is fixed and what is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Fixed(String),
    Variable {
        name: String,
        spell: bool,
        fallback: Option<String>,
    },
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, FlowProblem> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let (fixed, after) = rest.split_at(open);
            let (inside, after) = after[2..]
                .split_once("}}")
                .ok_or(FlowProblem::Template("a `{{` without its `}}`"))?;
            pieces.push(Piece::Fixed(fixed.to_owned()));
            pieces.push(variable(inside)?);
            rest = after;
        }
        if rest.contains("}}") {
            return Err(FlowProblem::Template("a `}}` without its `{{`"));
        }
        pieces.push(Piece::Fixed(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// The variables, each with whether it has words to stand in for it.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Fixed(_) => None,
            Piece::Variable { name, fallback, .. } => Some((name.as_str(), fallback.is_some())),
        })
    }

    /// The text, with white space run together. `value` knows the variables.
    pub(super) fn fill(&self, value: impl Fn(&str) -> Option<String>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Fixed(fixed) => text.push_str(fixed),
                Piece::Variable {
                    name,
                    spell,
                    fallback,
                } => {
                    let value = value(name).filter(|value| !value.trim().is_empty());
                    let value = value.or_else(|| fallback.clone()).unwrap_or_default();
                    let short = value
                        .chars()
                        .filter(|c| !c.is_control())
                        .take(VALUE_CHARS_MAX);
                    if *spell {
                        spelt(short, &mut text)
                    } else {
                        text.extend(short)
                    }
                }
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn variable(inside: &str) -> Result<Piece, FlowProblem> {
    let (name, filter) = inside
        .split_once('|')
        .map_or((inside, None), |(name, filter)| (name, Some(filter.trim())));
    let name = name.trim();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(FlowProblem::Template(
            "a variable whose name is not made of letters, digits and _",
        ));
    }
    let (spell, fallback) = match filter {
        None => (false, None),
        Some("spell") => (true, None),
        Some(filter) => match filter.strip_prefix("or:") {
            Some(words) => (false, Some(words.trim().to_owned())),
            None => return Err(FlowProblem::Template("a filter that there is not")),
        },
    };
    Ok(Piece::Variable {
        name: name.to_owned(),
        spell,
        fallback,
    })
}

/// Letters and digits one by one, with a pause after every third of a longer row.
fn spelt(value: impl Iterator<Item = char>, text: &mut String) {
    let signs: Vec<char> = value.filter(|c| c.is_alphanumeric()).collect();
    for (at, sign) in signs.iter().enumerate() {
        if at > 0 {
            let pause = at % 3 == 0 && signs.len() - at >= 3;
            text.push_str(if pause { ", " } else { " " });
        }
        text.push(*sign);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_filled_in() {
        let value = |name: &str| match name {
            "name" => Some("Ana".to_owned()),
            "phone" => Some("5550142".to_owned()),
            "empty" => Some(" ".to_owned()),
            _ => None,
        };
        for (text, want) in [
            ("plain", "plain"),
            ("Hello {{name}}!", "Hello Ana!"),
            ("{{ name }}{{name}}", "AnaAna"),
            ("{{phone|spell}}", "5 5 5, 0 1 4 2"),
            ("Hi {{nobody|or:there}}.", "Hi there."),
            ("Hi {{empty|or: you }}.", "Hi you."),
            ("Hi {{nobody}}.", "Hi ."),
            ("one\n  two", "one two"),
            ("{ {{name}} }", "{ Ana }"),
        ] {
            assert_eq!(Template::parse(text).unwrap().fill(value), want, "{text}");
        }
        let long = Template::parse("{{x}}")
            .unwrap()
            .fill(|_| Some("y".repeat(9999)));
        assert_eq!(long.len(), VALUE_CHARS_MAX);
    }

    #[test]
    fn texts_that_cannot_be_read_are_refused() {
        for text in [
            "{{name",
            "name}}",
            "{{}}",
            "{{a b}}",
            "{{a|shout}}",
            "{{a|}}",
            "{{{{a}}}}",
        ] {
            assert!(
                matches!(Template::parse(text), Err(FlowProblem::Template(_))),
                "{text}"
            );
        }
    }
}
