//! What the vendor says of the tokens that an answer took.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cost::{SpokenTokens, Tokens};
use crate::wire::stt::lenient::{Scalar, object};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Usage<'a> {
    #[serde(borrow)]
    input_tokens: Scalar<'a>,
    #[serde(borrow)]
    output_tokens: Scalar<'a>,
    #[serde(borrow)]
    input_token_details: Option<&'a RawValue>,
    #[serde(borrow)]
    output_token_details: Option<&'a RawValue>,
}

/// Parts of a sum; `cached_tokens_details` has the same parts of the cached ones.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Parts<'a> {
    #[serde(borrow)]
    audio_tokens: Scalar<'a>,
    #[serde(borrow)]
    cached_tokens: Scalar<'a>,
    #[serde(borrow)]
    cached_tokens_details: Option<&'a RawValue>,
}

/// Sums and their parts: what is not said to be sound counts as words, and no part is more than its sum.
pub(super) fn tokens(usage: &Usage<'_>) -> Option<SpokenTokens> {
    let (read, written) = (usage.input_tokens.whole()?, usage.output_tokens.whole()?);
    let parts = |raw: Option<&'_ RawValue>| -> (u64, u64, u64) {
        let of = |raw: &RawValue| {
            let parts: Parts<'_> = object(raw.get())?;
            let cached: Option<Parts<'_>> = parts
                .cached_tokens_details
                .and_then(|raw| object(raw.get()));
            let cached_audio = cached.and_then(|cached| cached.audio_tokens.whole());
            Some((
                parts.audio_tokens.whole().unwrap_or(0),
                parts.cached_tokens.whole().unwrap_or(0),
                cached_audio.unwrap_or(0),
            ))
        };
        raw.and_then(of).unwrap_or_default()
    };
    let (heard, cached, cached_audio) = parts(usage.input_token_details);
    let (spoken, ..) = parts(usage.output_token_details);
    let (heard, spoken) = (heard.min(read), spoken.min(written));
    let cached = cached.min(read);
    let cached_audio = cached_audio.min(cached).min(heard);
    Some(SpokenTokens {
        text: Tokens {
            read: read - heard,
            cached: (cached - cached_audio).min(read - heard),
            written: written - spoken,
        },
        audio: Tokens {
            read: heard,
            cached: cached_audio,
            written: spoken,
        },
    })
}
