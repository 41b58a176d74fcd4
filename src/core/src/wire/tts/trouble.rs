//! What a provider's words of trouble mean. Names differ between providers, and what they are made of does not.

use super::super::link::{Trouble, TroubleKind};

/// Longest code that is kept, in bytes.
const CODE_BYTES_MAX: usize = 60;

/// Parts of a code and what they tell, the first that fits.
const PARTS: &[(&str, TroubleKind)] = &[
    ("quota", TroubleKind::Quota),
    ("credit", TroubleKind::Quota),
    ("billing", TroubleKind::Quota),
    ("payment", TroubleKind::Quota),
    ("plan_upgrade", TroubleKind::Quota),
    ("api_key", TroubleKind::Key),
    ("invalid_auth", TroubleKind::Key),
    ("unauth", TroubleKind::Key),
    ("authent", TroubleKind::Key),
    ("authoriz", TroubleKind::Key),
    ("permission", TroubleKind::Key),
    ("forbidden", TroubleKind::Key),
    ("concurren", TroubleKind::Rate),
    ("rate_limit", TroubleKind::Rate),
    ("too_many", TroubleKind::Rate),
    ("max_active", TroubleKind::Rate),
    ("busy", TroubleKind::Rate),
    ("overload", TroubleKind::Rate),
    ("timeout", TroubleKind::Server),
    ("internal", TroubleKind::Server),
    ("server_error", TroubleKind::Server),
    ("unavailable", TroubleKind::Server),
    ("net-", TroubleKind::Server),
];

/// Of which kind, if the code or name tells.
pub(super) fn kind_of(code: &str) -> Option<TroubleKind> {
    let code: String = code.chars().take(200).collect();
    let code = code.to_ascii_lowercase().replace(' ', "_");
    PARTS
        .iter()
        .find(|(part, _)| code.contains(part))
        .map(|(_, kind)| *kind)
}

/// A code as providers write them, as `quota_exceeded` or `DATA-0000`; none of a sentence, which may hold anything.
fn code(text: &str) -> Option<&str> {
    let text = text.trim();
    let has_form = !text.is_empty()
        && text.len() <= CODE_BYTES_MAX
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let joined = text.bytes().any(|b| matches!(b, b'-' | b'_'));
    (has_form && joined && digits < 6).then_some(text)
}

/// What a provider reports in a message of its own: the code it gives, the status if it gives one, and its sentence, of
/// which nothing is kept.
pub(super) fn reported(name: &str, status: Option<u16>, sentence: &str) -> Trouble {
    let kind = kind_of(name)
        .or_else(|| status.map(TroubleKind::of_status))
        .or_else(|| kind_of(sentence))
        .unwrap_or(TroubleKind::Request);
    let shown = match (code(name), status) {
        (Some(code), _) => code.to_owned(),
        (None, Some(status)) => status.to_string(),
        (None, None) => "error".into(),
    };
    Trouble::new(kind, &shown)
}

/// What the end of a socket means.
pub(super) fn closed(close_code: u16, reason: &str) -> Trouble {
    let first = reason.split([':', ' ', ',', ';']).next().unwrap_or("");
    let named = code(reason).or_else(|| code(first));
    let kind = named
        .and_then(kind_of)
        .or_else(|| kind_of(reason))
        .unwrap_or(match close_code {
            1002 | 1003 | 1007 | 1008 | 1009 | 1010 => TroubleKind::Request,
            1013 => TroubleKind::Rate,
            // Private codes are often 4,000 and the status.
            4100..=4599 => TroubleKind::of_status(close_code - 4000),
            _ => TroubleKind::Server,
        });
    match named {
        Some(named) => Trouble::new(kind, named),
        None => Trouble::new(kind, &format!("closed-{close_code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_socket_is_told_apart() {
        for (code, reason, kind, shown) in [
            (1000, "", TroubleKind::Server, "closed-1000"),
            (1006, "", TroubleKind::Server, "closed-1006"),
            (1008, "DATA-0000", TroubleKind::Request, "DATA-0000"),
            (
                1011,
                "NET-0001: no text for a while",
                TroubleKind::Server,
                "NET-0001",
            ),
            (1008, "quota_exceeded", TroubleKind::Quota, "quota_exceeded"),
            (
                1008,
                "You have run out of credits",
                TroubleKind::Quota,
                "closed-1008",
            ),
            (1008, "Invalid API key", TroubleKind::Key, "closed-1008"),
            (
                1008,
                "input_timeout_exceeded",
                TroubleKind::Server,
                "input_timeout_exceeded",
            ),
            (1013, "", TroubleKind::Rate, "closed-1013"),
            (4401, "", TroubleKind::Key, "closed-4401"),
            (4000, "", TroubleKind::Server, "closed-4000"),
            (
                1008,
                "call +15005550006",
                TroubleKind::Request,
                "closed-1008",
            ),
            (1008, "0-15005550006", TroubleKind::Request, "closed-1008"),
        ] {
            let trouble = closed(code, reason);
            assert_eq!(
                (trouble.kind, trouble.code.as_str()),
                (kind, shown),
                "{code} {reason}"
            );
        }
    }

    #[test]
    fn a_report_keeps_no_sentence() {
        for (name, status, sentence, kind, shown) in [
            (
                "concurrency_limited",
                Some(429),
                "",
                TroubleKind::Rate,
                "concurrency_limited",
            ),
            (
                "model_not_found",
                Some(404),
                "",
                TroubleKind::Request,
                "model_not_found",
            ),
            ("", Some(402), "Pay first", TroubleKind::Quota, "402"),
            ("", Some(500), "", TroubleKind::Server, "500"),
            ("", None, "Internal error", TroubleKind::Server, "error"),
            ("she said hello", None, "", TroubleKind::Request, "error"),
            (
                "max_active_conversations",
                None,
                "",
                TroubleKind::Rate,
                "max_active_conversations",
            ),
        ] {
            let trouble = reported(name, status, sentence);
            assert_eq!(
                (trouble.kind, trouble.code.as_str()),
                (kind, shown),
                "{name} {sentence}"
            );
        }
    }
}
