//! Server-sent events of a reply, in pieces of any size, whatever the events are.

use super::openai::{ChatError, ChatEvent, ErrorKind};

/// Longest line, in bytes.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Longest stream, in bytes.
pub const STREAM_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Most lines of one event. Each is a fresh attempt to read it.
const EVENT_LINES_MAX: usize = 64;

/// A reply as far as it has come: what a dialect makes of each event's JSON.
pub(super) trait Reply: Default {
    /// Takes one event. False: the stream is over.
    fn read(&mut self, json: &str, out: &mut Vec<ChatEvent>) -> Result<bool, Unread>;

    /// Gives what is left and the end, once: the server says that there is nothing more.
    fn close(&mut self, out: &mut Vec<ChatEvent>);

    /// Whether the end was given.
    fn is_finished(&self) -> bool;
}

/// Why an event's JSON was not taken.
pub(super) enum Unread {
    /// Not JSON as far as it has come.
    NotYet,
    /// JSON, but no event.
    Never,
}

impl From<serde_json::Error> for Unread {
    fn from(error: serde_json::Error) -> Self {
        if error.is_data() {
            Self::Never
        } else {
            Self::NotYet
        }
    }
}

/// Reads one reply's stream. However the bytes are cut, the events are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Sse<R> {
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed after it ends no second line.
    returned: bool,
    /// Lines of data whose JSON is not complete yet.
    data: String,
    data_lines: usize,
    bytes: usize,
    reply: R,
    done: bool,
}

impl<R: Reply> Sse<R> {
    /// Takes the next bytes; events are appended to `out`. After an error or the end, nothing more is read.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) {
        for &byte in bytes {
            if self.done {
                return;
            }
            self.bytes += 1;
            if self.bytes > STREAM_BYTES_MAX {
                self.fail("the stream is too long", out);
                return;
            }
            let returned = std::mem::replace(&mut self.returned, byte == b'\r');
            match byte {
                b'\n' if returned => {}
                b'\n' | b'\r' => self.end_line(out),
                byte => {
                    self.line.push(byte);
                    if self.line.len() > LINE_BYTES_MAX {
                        self.fail("a line of the stream is too long", out);
                    }
                }
            }
        }
    }

    /// The connection has closed. A reply that is not complete is an error, to be tried again if nothing of it was used.
    pub(super) fn end(&mut self, out: &mut Vec<ChatEvent>) {
        if self.done {
            return;
        }
        if !self.line.is_empty() {
            self.end_line(out);
        }
        if !self.done && !self.reply.is_finished() {
            out.push(ChatEvent::Error(ChatError::new(
                ErrorKind::Cut,
                "the stream ended before the reply did",
            )));
        }
        self.done = true;
    }

    /// True once nothing more will be read: after `[DONE]`, an error, or [`end`](Self::end).
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    fn fail(&mut self, message: &str, out: &mut Vec<ChatEvent>) {
        out.push(ChatEvent::Error(ChatError::new(
            ErrorKind::Garbled,
            message,
        )));
        self.done = true;
    }

    fn end_line(&mut self, out: &mut Vec<ChatEvent>) {
        let mut line = std::mem::take(&mut self.line);
        self.read_line(&String::from_utf8_lossy(&line), out);
        line.clear();
        self.line = line;
    }

    fn read_line(&mut self, line: &str, out: &mut Vec<ChatEvent>) {
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        if line.is_empty() {
            if !std::mem::take(&mut self.data).is_empty() {
                self.fail("an event is not JSON", out);
            }
            return;
        }
        // A server that fails may answer with bare JSON; comments and other fields mean nothing here.
        let data = match line.strip_prefix("data:") {
            Some(data) => data.strip_prefix(' ').unwrap_or(data),
            None if line.starts_with('{') => line,
            None => return,
        };
        if self.data.is_empty() {
            if data.trim() == "[DONE]" {
                self.reply.close(out);
                self.done = true;
                return;
            }
            if data.trim().is_empty() {
                return;
            }
        }
        self.data_lines = if self.data.is_empty() {
            1
        } else {
            self.data_lines + 1
        };
        if self.data.len() + data.len() > LINE_BYTES_MAX || self.data_lines > EVENT_LINES_MAX {
            self.fail("an event of the stream is too long", out);
            return;
        }
        // An event is read as soon as its JSON is whole, without waiting for the empty line after it.
        if self.data.is_empty() {
            match self.read_data(data, out) {
                Ok(()) => {}
                Err(Unread::NotYet) => data.clone_into(&mut self.data),
                Err(Unread::Never) => self.fail("an event has an unknown shape", out),
            }
            return;
        }
        let mut joined = std::mem::take(&mut self.data);
        joined.push('\n');
        joined.push_str(data);
        match self.read_data(&joined, out) {
            Ok(()) => {}
            Err(Unread::NotYet) => self.data = joined,
            Err(Unread::Never) => self.fail("an event has an unknown shape", out),
        }
    }

    fn read_data(&mut self, data: &str, out: &mut Vec<ChatEvent>) -> Result<(), Unread> {
        if !self.reply.read(data, out)? {
            self.done = true;
        }
        Ok(())
    }
}
