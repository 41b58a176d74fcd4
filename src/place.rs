//! Where in a TOML file something is wrong. Of the file's own line only the name of the setting is quoted: what follows may
//! be a secret.

/// What is wrong, with its line and column counted from 1.
pub fn toml_problem(text: &str, error: &toml::de::Error) -> String {
    let Some(span) = error.span() else {
        return error.message().to_owned();
    };
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let name = text
        .lines()
        .nth(line - 1)
        .and_then(|line| Some(line.split_once('=')?.0.trim()));
    let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
    format!("line {line}, column {column}{name}: {}", error.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_named_and_the_line_is_not_quoted() {
        let text = "a = 1\n\napi_key = sk-sekrit\n";
        let error = toml::from_str::<toml::Table>(text).unwrap_err();
        let problem = toml_problem(text, &error);
        assert!(problem.starts_with("line 3, column 11"), "{problem}");
        assert!(!problem.contains("sekrit"), "{problem}");
    }
}
