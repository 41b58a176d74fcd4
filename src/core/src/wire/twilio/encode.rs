//! What we say to the carrier: three messages, with exactly the keys that it accepts.

use super::BASE64;
use crate::wire::push_json_text;
use base64::Engine as _;

/// Writes audio to be queued: raw mu-law at 8 kHz, any length. `out` is replaced and its capacity used again.
pub fn media(stream_id: &str, mulaw: &[u8], out: &mut String) {
    open("media", stream_id, out);
    out.push_str(",\"media\":{\"payload\":\"");
    BASE64.encode_string(mulaw, out);
    out.push_str("\"}}");
}

/// Writes a mark, which comes back when everything queued before it has been played or cleared. `out` is replaced.
pub fn mark(stream_id: &str, name: &str, out: &mut String) {
    open("mark", stream_id, out);
    out.push_str(",\"mark\":{\"name\":");
    push_json_text(out, name);
    out.push_str("}}");
}

/// Writes the order to forget everything that is queued; every mark then comes back at once. `out` is replaced.
pub fn clear(stream_id: &str, out: &mut String) {
    open("clear", stream_id, out);
    out.push('}');
}

fn open(event: &str, stream_id: &str, out: &mut String) {
    out.clear();
    out.push_str("{\"event\":\"");
    out.push_str(event);
    out.push_str("\",\"streamSid\":");
    push_json_text(out, stream_id);
}
