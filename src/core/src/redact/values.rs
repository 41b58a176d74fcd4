//! Values that must not be told, taken out of an answer that may repeat them.

use serde_json::Value;

use super::cards;
use super::digits::value;

/// Stands where a value stood.
const MARK: &str = "[withheld]";
/// A shorter value is looked for as a number of its own alone: it stands in too many others by chance.
const CONTAINED_MIN: usize = 3;
/// So many signs between two groups of digits make no two numbers of them.
const SIGNS_MAX: usize = 2;

/// `text` without these values, each of digits alone: a number that is one of them or has one in it goes, and numbers of cards
/// go as [`cards`] has it. What is JSON stays JSON.
pub fn values(text: &str, secrets: &[&str]) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => {
            let mut told = value.clone();
            inside(&mut told, secrets);
            match told == value {
                true => text.to_owned(),
                false => told.to_string(),
            }
        }
        Err(_) => plain(text, secrets),
    }
}

fn inside(value: &mut Value, secrets: &[&str]) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => {
            let text = number.to_string();
            let told = plain(&text, secrets);
            if told != text {
                *value = Value::String(told);
            }
        }
        Value::String(text) => *text = plain(text, secrets),
        Value::Array(all) => {
            // Digit by digit.
            let digits: Option<String> = all.iter().map(one_digit).collect();
            match digits.filter(|digits| plain(digits, secrets) != *digits) {
                Some(_) => *value = Value::String(MARK.to_owned()),
                None => all.iter_mut().for_each(|value| inside(value, secrets)),
            }
        }
        Value::Object(all) => {
            let entries = std::mem::take(all);
            for (name, mut value) in entries {
                inside(&mut value, secrets);
                all.insert(plain(&name, secrets), value);
            }
        }
    }
}

fn one_digit(value: &Value) -> Option<char> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let mut chars = text.chars();
    chars
        .next()
        .filter(|c| c.is_ascii_digit() && chars.next().is_none())
}

fn plain(text: &str, secrets: &[&str]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut kept = 0;
    for (from, to, digits) in numbers(text) {
        let is_secret = |secret: &&str| match secret.len() {
            0 => false,
            1..CONTAINED_MIN => digits == *secret,
            _ => digits.contains(*secret),
        };
        if secrets.iter().any(is_secret) {
            out.push_str(&text[kept..from]);
            out.push_str(MARK);
            kept = to;
        }
    }
    out.push_str(&text[kept..]);
    cards(&out).into_owned()
}

/// Numbers in a text, whose groups of digits may have a sign or two between them: the first byte of each, the one behind its
/// last, and its digits.
fn numbers(text: &str) -> Vec<(usize, usize, String)> {
    let mut numbers: Vec<(usize, usize, String)> = Vec::new();
    let mut signs = usize::MAX;
    for (at, c) in text.char_indices() {
        let Some(digit) = value(c) else {
            signs = match c.is_alphanumeric() {
                true => usize::MAX,
                false => signs.saturating_add(1),
            };
            continue;
        };
        let digit = char::from(b'0' + digit);
        match numbers.last_mut().filter(|_| signs <= SIGNS_MAX) {
            Some((_, to, digits)) => {
                *to = at + c.len_utf8();
                digits.push(digit);
            }
            None => numbers.push((at, at + c.len_utf8(), digit.to_string())),
        }
        signs = 0;
    }
    numbers
}
