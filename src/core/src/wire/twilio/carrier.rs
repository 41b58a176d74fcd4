//! Twilio's half of the conversation, for the simulated carrier: numbered messages, exactly as Twilio writes them.

use super::BASE64;
use crate::wire::push_json_text;
use base64::Engine as _;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What the simulated carrier announces in `start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierStart {
    /// `AC…`.
    pub account: String,
    /// `CA…`.
    pub carrier_call_id: String,
    /// `MZ…`.
    pub stream_id: String,
    /// What the `<Parameter>` elements said.
    pub parameters: BTreeMap<String, String>,
}

/// One stream as Twilio tells it: counts messages and chunks, and writes each into a reused text.
#[derive(Debug, Clone)]
pub struct CarrierSide {
    stream: CarrierStart,
    /// Its id as JSON: it stands in every message.
    stream_id_json: String,
    sequence: u64,
    chunk: u64,
}

impl CarrierSide {
    /// A stream about to begin.
    pub fn new(stream: CarrierStart) -> Self {
        let mut stream_id_json = String::new();
        push_json_text(&mut stream_id_json, &stream.stream_id);
        Self {
            stream,
            stream_id_json,
            sequence: 0,
            chunk: 0,
        }
    }

    /// The stream's id.
    pub fn stream_id(&self) -> &str {
        &self.stream.stream_id
    }

    /// Writes `connected`, the first message; it has no number and no stream. `out` is replaced, here and below.
    pub fn connected(&self, out: &mut String) {
        out.clear();
        out.push_str(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#);
    }

    /// Writes `start`.
    pub fn start(&mut self, out: &mut String) {
        self.open("start", out);
        out.push_str(",\"start\":{\"accountSid\":");
        push_json_text(out, &self.stream.account);
        out.push_str(",\"streamSid\":");
        push_json_text(out, &self.stream.stream_id);
        out.push_str(",\"callSid\":");
        push_json_text(out, &self.stream.carrier_call_id);
        out.push_str(r#","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}"#);
        out.push_str(",\"customParameters\":{");
        for (at, (name, value)) in self.stream.parameters.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            push_json_text(out, name);
            out.push(':');
            push_json_text(out, value);
        }
        out.push_str("}}}");
    }

    /// Writes the caller's audio: raw mu-law at 8 kHz, usually 160 bytes. `timestamp_ms` since the stream began.
    pub fn media(&mut self, timestamp_ms: u64, mulaw: &[u8], out: &mut String) {
        self.chunk += 1;
        self.open("media", out);
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            r#","media":{{"track":"inbound","chunk":"{}","timestamp":"{timestamp_ms}","payload":""#,
            self.chunk
        );
        BASE64.encode_string(mulaw, out);
        out.push_str("\"}}");
    }

    /// Writes a key press.
    pub fn key(&mut self, digit: char, out: &mut String) {
        self.open("dtmf", out);
        out.push_str(",\"dtmf\":{\"track\":\"inbound_track\",\"digit\":");
        push_json_text(out, digit.encode_utf8(&mut [0; 4]));
        out.push_str("}}");
    }

    /// Writes a mark coming back.
    pub fn mark(&mut self, name: &str, out: &mut String) {
        self.open("mark", out);
        out.push_str(",\"mark\":{\"name\":");
        push_json_text(out, name);
        out.push_str("}}");
    }

    /// Writes `stop`, the last message.
    pub fn stop(&mut self, out: &mut String) {
        self.open("stop", out);
        out.push_str(",\"stop\":{\"accountSid\":");
        push_json_text(out, &self.stream.account);
        out.push_str(",\"callSid\":");
        push_json_text(out, &self.stream.carrier_call_id);
        out.push_str("}}");
    }

    fn open(&mut self, event: &str, out: &mut String) {
        self.sequence += 1;
        out.clear();
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            r#"{{"event":"{event}","sequenceNumber":"{}","streamSid":"#,
            self.sequence
        );
        out.push_str(&self.stream_id_json);
    }
}
