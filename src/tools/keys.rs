//! Tools that want keys: of the caller, for themselves or for a client's server, or pressed on the line.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use trunkline_core::call::{Check, FIELD_DIGITS_MAX, KeyField, KeyWork, KeysDone, Unkeyed};
use trunkline_core::redact;
use trunkline_core::secret::Secret;

use super::{Begun, Used};

/// How long the first key is waited for, ms.
pub(super) const FIRST_MS: u32 = 10_000;
/// How long the next one is, ms.
pub(super) const BETWEEN_MS: u32 = 5_000;
/// How often keys are asked for.
pub(super) const TRIES: u8 = 3;

impl Begun {
    /// Goes on once the keys are there, or something came in their place.
    fn keyed<F>(work: KeyWork, then: impl FnOnce(KeysDone) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Used> + Send + 'static,
    {
        let (give, given) = oneshot::channel();
        let begun = Self::with(async move {
            // Who lets go of it has ended the call.
            let done = given.await.unwrap_or(KeysDone::Not(Unkeyed::Left));
            then(done).await
        });
        Self {
            keys: Some((work, give)),
            ..begun
        }
    }
}

/// Digits that the mind may have.
pub(super) fn collect(arguments: &Value) -> Begun {
    let number = |name: &str| arguments[name].as_u64().and_then(|n| u8::try_from(n).ok());
    let digits_min = number("digits_min").unwrap_or(1);
    let digits_max = number("digits_max").unwrap_or(FIELD_DIGITS_MAX);
    if digits_min > digits_max {
        return Begun::over(Used::refused("digits_min is more than digits_max"));
    }
    let field = KeyField {
        prompt: arguments["prompt"].as_str().unwrap_or_default().into(),
        wrong: None,
        digits_min,
        digits_max,
        terminator: Some('#'),
        first_ms: FIRST_MS,
        between_ms: BETWEEN_MS,
        check: Check::None,
        tries: TRIES,
    };
    let work = KeyWork::Collect {
        fields: vec![field],
        is_secret: false,
    };
    Begun::keyed(work, |done| {
        std::future::ready(match done {
            KeysDone::Collected(rows) => {
                let digits = rows.first().map_or("", Secret::expose);
                match redact::has_card(digits) {
                    true => Used::refused(
                        "the caller pressed what looks like the number of a payment card, which no model may know",
                    ),
                    false => Used::done(&json!({ "keys": digits }).to_string()),
                }
            }
            KeysDone::Pressed => Used::failed("no keys"),
            KeysDone::Not(why) => unkeyed(why),
        })
    })
}

/// Keys that the mind presses.
pub(super) fn press(arguments: &Value) -> Begun {
    let keys: Arc<str> = arguments["keys"].as_str().unwrap_or_default().into();
    Begun::keyed(KeyWork::Press(keys), |done| {
        std::future::ready(match done {
            KeysDone::Pressed => Used::done(r#"{"status":"pressed"}"#),
            KeysDone::Collected(_) | KeysDone::Not(_) => Used::unknown("it was cut off"),
        })
    })
}

/// Digits that go to a client's server, and to nobody else: `ask` answers [`without`] them.
pub(super) fn secret<F>(work: KeyWork, ask: impl FnOnce(Vec<Secret>) -> F + Send + 'static) -> Begun
where
    F: Future<Output = Used> + Send + 'static,
{
    let then = async move |done: KeysDone| match done {
        KeysDone::Collected(rows) => ask(rows).await,
        KeysDone::Pressed => Used::failed("no keys"),
        KeysDone::Not(why) => unkeyed(why),
    };
    Begun::keyed(work, then)
}

/// What a server answered to whom these digits were given, without them. It must be the whole of it: of a value that a cut
/// goes through, a part would be left.
pub(super) fn without<'a>(answer: &'a str, told: &[Secret]) -> Cow<'a, str> {
    if told.is_empty() {
        return answer.into();
    }
    let told: Vec<&str> = told.iter().map(Secret::expose).collect();
    redact::values(answer, &told).into()
}

fn unkeyed(why: Unkeyed) -> Used {
    let why = match why {
        Unkeyed::TimedOut => "the caller did not press the keys in time",
        Unkeyed::Wrong => "what the caller pressed was not right, several times",
        Unkeyed::Cancelled => "the caller called it off by pressing the star key",
        Unkeyed::Left => "the caller went on talking instead, or hung up",
    };
    Used::refused(&format!("{why}; nothing was done"))
}
