//! What an answer other than a success means.

use serde_json::Value;

use super::answer::whole;

/// A status that is no success, and Twilio's code for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Twilio's own code, as 21211.
    pub code: Option<u32>,
}

/// What a refusal says of the thing that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was understood, not done, and would be refused again.
    Refused,
    /// It was not done and may be asked again later.
    Busy,
    /// The call is not there, or over already.
    Gone,
    /// The other side was in trouble: whether it was done, nobody knows.
    Unknown,
}

/// Reads the body of a refusal, be it Twilio's own JSON, problem JSON, a page, or nothing.
#[must_use]
pub fn read_refusal(status: u16, body: &[u8]) -> Refusal {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = whole(&told["code"]).or_else(|| {
        let address = told["type"]
            .as_str()
            .or_else(|| told["more_info"].as_str())?;
        address.rsplit('/').next()?.parse().ok()
    });
    Refusal {
        status,
        code: code.and_then(|code| u32::try_from(code).ok()),
    }
}

/// Whether a code of the carrier's says that the number to be called is none.
#[must_use]
pub const fn names_no_number(code: u32) -> bool {
    matches!(code, 13224 | 21201 | 21211 | 21217 | 32101)
}

impl Refusal {
    /// What it says of the thing that was asked. Few codes are looked at: the carrier refines them.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        match (self.code, self.status) {
            (Some(20429), _) | (_, 429) => Verdict::Busy,
            (Some(20404 | 21220), _) | (_, 404) => Verdict::Gone,
            (_, 408 | 500..) => Verdict::Unknown,
            _ => Verdict::Refused,
        }
    }

    /// What it means and what to do about it, in our words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match (self.code.unwrap_or(0), self.status) {
            (20003, _) | (_, 401) => {
                "the account's id and secret do not belong together; put the current auth token or API key into the carrier account"
            }
            (21201 | 21211 | 32101 | 13224, _) => {
                "the number to be called is not one that can be called"
            }
            (21210 | 21212, _) => {
                "the calling number is not one of the account's; use a number that is bought or verified there"
            }
            (21214 | 21217, _) => "the number to be called cannot be reached",
            (21215, _) => {
                "the account may not call that country; allow it in the carrier's geographic permissions"
            }
            (21216 | 13225, _) => "the carrier blocks calls to that number",
            (21219, _) => {
                "a trial account calls verified numbers only; verify the number or upgrade the account"
            }
            (21205 | 21262, _) => {
                "the carrier does not take an address of ours; set public_url to an https address that it reaches"
            }
            (22005, _) => {
                "more calls are queued than the account can place in a day; place fewer, or have its rate raised"
            }
            (32018, _) => "the instructions are too long",
            (_, 403) => "the account may not do this; look at the API key's rights",
            (_, 300..=399) => "the carrier's address answers with a redirect; correct the base URL",
            _ => "the carrier did not take the request; look it up in its error log",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_in_every_form() {
        let classic = r#"{"code":21211,"message":"The 'To' number +1 is not valid","more_info":"https://www.twilio.com/docs/errors/21211","status":400}"#;
        let problem = r#"{"type":"https://www.twilio.com/docs/errors/20429","title":"Too Many Requests","status":429,"detail":"x"}"#;
        for (status, body, code, verdict) in [
            (400, classic, Some(21211), Verdict::Refused),
            (429, problem, Some(20429), Verdict::Busy),
            (429, r#"{"code":"20429"}"#, Some(20429), Verdict::Busy),
            (400, r#"{"code":20429}"#, Some(20429), Verdict::Busy),
            (
                400,
                r#"{"message":"?","more_info":"https://www.twilio.com/docs/errors/21220"}"#,
                Some(21220),
                Verdict::Gone,
            ),
            (
                404,
                r#"{"code":20404,"status":404}"#,
                Some(20404),
                Verdict::Gone,
            ),
            (404, "<html>Not Found</html>", None, Verdict::Gone),
            (401, r#"{"code":null}"#, None, Verdict::Refused),
            (
                500,
                "<!doctype html><title>Oops</title>",
                None,
                Verdict::Unknown,
            ),
            (503, "", None, Verdict::Unknown),
            (502, "\u{0}\u{1}", None, Verdict::Unknown),
            (408, "{}", None, Verdict::Unknown),
            (302, "", None, Verdict::Refused),
            (400, r#"{"code":-5}"#, None, Verdict::Refused),
            (400, r#"{"code":99999999999}"#, None, Verdict::Refused),
            (400, "[1,2]", None, Verdict::Refused),
        ] {
            let refusal = read_refusal(status, body.as_bytes());
            assert_eq!(
                (refusal.code, refusal.verdict()),
                (code, verdict),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn meanings_are_ours_and_say_what_to_do() {
        for (status, code, part) in [
            (401, Some(20003), "auth token"),
            (401, None, "auth token"),
            (400, Some(21219), "verify"),
            (400, Some(21215), "permissions"),
            (400, Some(1), "error log"),
            (307, None, "base URL"),
        ] {
            let meaning = Refusal { status, code }.meaning();
            assert!(meaning.contains(part), "{meaning}");
        }
    }
}
