//! Reads media messages as carriers write them, in one look: fifty a second come on every line, and a reader of any JSON
//! looks at each twice. Whatever is spelt otherwise is left to it.

use super::fields::Scalar;
use std::borrow::Cow;

/// The members of a media message, as texts.
#[derive(Default)]
pub(super) struct PlainMedia<'a> {
    pub(super) sequence: Option<&'a str>,
    pub(super) stream_id: Option<&'a str>,
    pub(super) track: Option<&'a str>,
    pub(super) chunk: Option<&'a str>,
    pub(super) timestamp: Option<&'a str>,
    pub(super) payload: Option<&'a str>,
}

/// `None` for what is no media message, or is not made of known members, each once, that are texts without escapes, and
/// no spaces.
pub(super) fn media(message: &str) -> Option<PlainMedia<'_>> {
    let mut rest = message.strip_prefix(r#"{"event":"media""#)?;
    let mut media = PlainMedia::default();
    let mut has_part = false;
    loop {
        if let Some(next) = rest.strip_prefix('}') {
            return (next.is_empty() && has_part).then_some(media);
        }
        let (name, next) = name(rest.strip_prefix(',')?)?;
        rest = match name {
            "sequenceNumber" => text(next, &mut media.sequence)?,
            "streamSid" => text(next, &mut media.stream_id)?,
            "media" if !has_part => {
                has_part = true;
                part(next, &mut media)?
            }
            _ => return None,
        };
    }
}

/// Reads the inner object, and returns what comes behind it.
fn part<'a>(rest: &'a str, media: &mut PlainMedia<'a>) -> Option<&'a str> {
    let mut rest = rest.strip_prefix('{')?;
    loop {
        let (name, next) = name(rest)?;
        let place = match name {
            "track" => &mut media.track,
            "chunk" => &mut media.chunk,
            "timestamp" => &mut media.timestamp,
            "payload" => &mut media.payload,
            _ => return None,
        };
        rest = text(next, place)?;
        if let Some(next) = rest.strip_prefix('}') {
            return Some(next);
        }
        rest = rest.strip_prefix(',')?;
    }
}

/// The name of a member, and what comes behind its colon.
fn name(rest: &str) -> Option<(&str, &str)> {
    let (name, rest) = rest.strip_prefix('"')?.split_once('"')?;
    Some((name, rest.strip_prefix(':')?))
}

/// Reads a text into a place that is empty so far, and returns what comes behind it.
fn text<'a>(rest: &'a str, place: &mut Option<&'a str>) -> Option<&'a str> {
    let (text, rest) = rest.strip_prefix('"')?.split_once('"')?;
    let is_new = place.replace(text).is_none();
    (is_new && !text.contains('\\')).then_some(rest)
}

/// The same member as the reader of any JSON gives it.
pub(super) fn scalar(text: Option<&str>) -> Scalar<'_> {
    text.map_or(Scalar::Absent, |text| Scalar::Text(Cow::Borrowed(text)))
}
