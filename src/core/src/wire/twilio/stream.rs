//! The order of one media socket: what may come when, and how much nonsense is borne.

use super::{Inbound, Message, Start, WireError, decode};

/// How many faults a socket is forgiven before the next one is fatal.
pub const FAULTS_MAX: u32 = 50;

/// Something wrong with what came. The message that caused it is not to be acted on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}", if *fatal { " (fatal)" } else { "" })]
pub struct Fault {
    /// What is wrong.
    pub what: FaultKind,
    /// True if the socket cannot go on; close it. After a fatal fault every message is one.
    pub fatal: bool,
}

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// It cannot be read. Fatal at once if the audio format is not ours.
    #[error("unreadable message: {0}")]
    Unreadable(WireError),
    /// It came before `start`.
    #[error("{event} before start")]
    BeforeStart {
        /// Its event.
        event: &'static str,
    },
    /// A second `connected`, or a second `start` of the same stream: ignored.
    #[error("a second {event}")]
    Repeated {
        /// Its event.
        event: &'static str,
    },
    /// A second `start` that names another stream: fatal.
    #[error("a second start, of another stream")]
    SecondStream,
    /// It speaks of another stream: ignored.
    #[error("{event} of another stream")]
    OtherStream {
        /// Its event.
        event: &'static str,
    },
    /// The same message once more: ignored.
    #[error("a duplicate of the last message")]
    Duplicate,
    /// It came after `stop`: ignored.
    #[error("{event} after stop")]
    AfterStop {
        /// Its event.
        event: &'static str,
    },
}

/// What a socket has carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages given on.
    pub accepted: u64,
    /// Messages with audio among them.
    pub media: u64,
    /// Messages of unknown kind among them.
    pub unknown: u64,
    /// Sequence numbers that never came in order: how many were skipped.
    pub skipped: u64,
    /// Messages numbered below one that came before; given on all the same.
    pub late: u64,
    /// Exact repeats, not given on.
    pub duplicates: u64,
    /// Messages of another stream, not given on.
    pub foreign: u64,
    /// Messages that could not be read.
    pub unreadable: u64,
    /// Every other message out of order: before `start`, a second `start`, after `stop`.
    pub misplaced: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Open,
    Connected,
    Started { stream_id: String },
    Stopped { stream_id: String },
    Failed(FaultKind),
}

/// What tells a message from its repeat: some carriers number every message alike, so the number alone does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    sequence: u64,
    event: &'static str,
    chunk: u64,
}

/// One media socket, from its first message to its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    phase: Phase,
    last: Option<Place>,
    faults: u32,
    counts: Counts,
}

impl Default for Stream {
    fn default() -> Self {
        Self::new()
    }
}

impl Stream {
    /// A socket on which nothing has come yet.
    pub fn new() -> Self {
        Self {
            phase: Phase::Open,
            last: None,
            faults: 0,
            counts: Counts::default(),
        }
    }

    /// The stream's id, from `start` on. Nothing may be sent before.
    pub fn stream_id(&self) -> Option<&str> {
        match &self.phase {
            Phase::Started { stream_id } | Phase::Stopped { stream_id } => Some(stream_id),
            Phase::Open | Phase::Connected | Phase::Failed(_) => None,
        }
    }

    /// What has come so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes one text frame. As with [`decode`], audio replaces what was in `audio`; it is empty whenever the answer is
    /// not [`Inbound::Media`].
    pub fn receive(&mut self, message: &str, audio: &mut Vec<u8>) -> Result<Inbound, Fault> {
        let inbound = match decode(message, audio) {
            Ok(message) => self.place(message),
            Err(error) => {
                self.counts.unreadable += 1;
                let fatal = matches!(error, WireError::Format { .. });
                Err((FaultKind::Unreadable(error), fatal))
            }
        };
        inbound.map_err(|(what, fatal)| {
            audio.clear();
            self.fault(what, fatal)
        })
    }

    fn fault(&mut self, what: FaultKind, fatal: bool) -> Fault {
        if let Phase::Failed(first) = &self.phase {
            return Fault {
                what: first.clone(),
                fatal: true,
            };
        }
        if what != FaultKind::Duplicate {
            self.faults += 1;
        }
        let fatal = fatal || self.faults > FAULTS_MAX;
        if fatal {
            self.phase = Phase::Failed(what.clone());
        }
        Fault { what, fatal }
    }

    fn place(&mut self, message: Message<'_>) -> Result<Inbound, (FaultKind, bool)> {
        let event = name(&message.inbound);
        if let Phase::Failed(first) = &self.phase {
            return Err((first.clone(), true));
        }
        match message.inbound {
            Inbound::Unknown => self.counts.unknown += 1,
            Inbound::Connected { .. } => self.connected()?,
            Inbound::Start(ref start) => self.start(start, message.sequence)?,
            Inbound::Media { .. } | Inbound::Key { .. } | Inbound::Mark { .. } | Inbound::Stop => {
                self.belongs(event, message.stream_id.as_deref())?;
                self.in_sequence(event, message.sequence, &message.inbound)?;
            }
        }
        self.counts.accepted += 1;
        if matches!(message.inbound, Inbound::Media { .. }) {
            self.counts.media += 1;
        }
        if matches!(message.inbound, Inbound::Stop)
            && let Phase::Started { stream_id } = &mut self.phase
        {
            self.phase = Phase::Stopped {
                stream_id: std::mem::take(stream_id),
            };
        }
        Ok(message.inbound)
    }

    fn connected(&mut self) -> Result<(), (FaultKind, bool)> {
        if self.phase != Phase::Open {
            self.counts.misplaced += 1;
            return Err((FaultKind::Repeated { event: "connected" }, false));
        }
        self.phase = Phase::Connected;
        Ok(())
    }

    /// A `start` without a `connected` before it is let pass: nothing is lost by it.
    fn start(&mut self, start: &Start, sequence: Option<u64>) -> Result<(), (FaultKind, bool)> {
        let fault = match &self.phase {
            Phase::Open | Phase::Connected => {
                self.phase = Phase::Started {
                    stream_id: start.stream_id.clone(),
                };
                self.last = sequence.map(|sequence| Place {
                    sequence,
                    event: "start",
                    chunk: 0,
                });
                return Ok(());
            }
            Phase::Started { stream_id } | Phase::Stopped { stream_id }
                if *stream_id != start.stream_id =>
            {
                (FaultKind::SecondStream, true)
            }
            Phase::Started { .. } => (FaultKind::Repeated { event: "start" }, false),
            Phase::Stopped { .. } => (FaultKind::AfterStop { event: "start" }, false),
            Phase::Failed(first) => (first.clone(), true),
        };
        self.counts.misplaced += 1;
        Err(fault)
    }

    fn belongs(
        &mut self,
        event: &'static str,
        named: Option<&str>,
    ) -> Result<(), (FaultKind, bool)> {
        let what = match &self.phase {
            Phase::Started { stream_id } if named == Some(stream_id) => return Ok(()),
            Phase::Started { .. } => {
                self.counts.foreign += 1;
                return Err((FaultKind::OtherStream { event }, false));
            }
            Phase::Stopped { .. } => FaultKind::AfterStop { event },
            Phase::Open | Phase::Connected => FaultKind::BeforeStart { event },
            Phase::Failed(first) => first.clone(),
        };
        self.counts.misplaced += 1;
        Err((what, false))
    }

    fn in_sequence(
        &mut self,
        event: &'static str,
        sequence: Option<u64>,
        inbound: &Inbound,
    ) -> Result<(), (FaultKind, bool)> {
        let Some(sequence) = sequence else {
            return Ok(());
        };
        let chunk = if let Inbound::Media { chunk, .. } = inbound {
            *chunk
        } else {
            0
        };
        let place = Place {
            sequence,
            event,
            chunk,
        };
        let Some(last) = self.last else {
            self.last = Some(place);
            return Ok(());
        };
        if place == last {
            self.counts.duplicates += 1;
            return Err((FaultKind::Duplicate, false));
        }
        if sequence < last.sequence {
            // The highest place is kept, so that one late message does not make the next look like a gap.
            self.counts.late += 1;
            return Ok(());
        }
        self.counts.skipped = self
            .counts
            .skipped
            .saturating_add((sequence - last.sequence).saturating_sub(1));
        self.last = Some(place);
        Ok(())
    }
}

fn name(inbound: &Inbound) -> &'static str {
    match inbound {
        Inbound::Connected { .. } => "connected",
        Inbound::Start(_) => "start",
        Inbound::Media { .. } => "media",
        Inbound::Key { .. } => "dtmf",
        Inbound::Mark { .. } => "mark",
        Inbound::Stop => "stop",
        Inbound::Unknown => "an unknown event",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTED: &str = r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#;

    fn start(sid: &str, rate: u32) -> String {
        format!(
            r#"{{"event":"start","sequenceNumber":"1","streamSid":"{sid}","start":{{"accountSid":"AC1","streamSid":"{sid}","callSid":"CA1","tracks":["inbound"],"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":{rate},"channels":1}}}}}}"#
        )
    }

    fn media(sid: &str, sequence: u64, chunk: u64) -> String {
        format!(
            r#"{{"event":"media","sequenceNumber":"{sequence}","streamSid":"{sid}","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"5","payload":"fn4="}}}}"#
        )
    }

    fn stop(sequence: u64) -> String {
        format!(r#"{{"event":"stop","sequenceNumber":"{sequence}","streamSid":"MZ1","stop":{{}}}}"#)
    }

    /// `ok`, or the fault as text, for each message in turn; and the counts.
    fn run(messages: &[String]) -> (Vec<String>, Counts) {
        let mut stream = Stream::new();
        let mut audio = Vec::new();
        let seen = messages
            .iter()
            .map(|message| match stream.receive(message, &mut audio) {
                Ok(inbound) => {
                    assert_eq!(audio.is_empty(), !matches!(inbound, Inbound::Media { .. }));
                    "ok".to_owned()
                }
                Err(fault) => {
                    assert!(audio.is_empty(), "no audio comes with a fault");
                    fault.to_string()
                }
            })
            .collect();
        (seen, stream.counts())
    }

    #[test]
    fn a_whole_call_in_order() {
        let (seen, counts) = run(&[
            CONNECTED.into(),
            start("MZ1", 8000),
            media("MZ1", 2, 1),
            media("MZ1", 3, 2),
            stop(4),
        ]);
        assert_eq!(seen, ["ok"; 5]);
        assert_eq!(
            counts,
            Counts {
                accepted: 5,
                media: 2,
                ..Counts::default()
            }
        );
    }

    #[test]
    fn order_is_kept() {
        let one = start("MZ1", 8000);
        let cases: &[(&[String], &[&str])] = &[
            (
                &[media("MZ1", 2, 1), one.clone()],
                &["media before start", "ok"],
            ),
            (
                &[CONNECTED.into(), stop(2), one.clone()],
                &["ok", "stop before start", "ok"],
            ),
            (
                &[CONNECTED.into(), CONNECTED.into()],
                &["ok", "a second connected"],
            ),
            (
                &[one.clone(), one.clone(), media("MZ1", 2, 1)],
                &["ok", "a second start", "ok"],
            ),
            (
                &[one.clone(), start("MZ2", 8000), media("MZ1", 2, 1)],
                &[
                    "ok",
                    "a second start, of another stream (fatal)",
                    "a second start, of another stream (fatal)",
                ],
            ),
            (
                &[one.clone(), media("MZ2", 2, 1), media("MZ1", 2, 1)],
                &["ok", "media of another stream", "ok"],
            ),
            (
                &[one.clone(), stop(2), media("MZ1", 3, 1), one.clone()],
                &["ok", "ok", "media after stop", "start after stop"],
            ),
            (
                &[one.clone(), r#"{"event":"new","x":[1]}"#.into()],
                &["ok", "ok"],
            ),
        ];
        for (messages, want) in cases {
            assert_eq!(run(messages).0, *want, "{messages:?}");
        }
    }

    #[test]
    fn audio_that_is_not_ours_ends_the_socket() {
        let (seen, _) = run(&[CONNECTED.into(), start("MZ1", 16000)]);
        assert!(
            seen[1].contains("16000 Hz") && seen[1].ends_with("(fatal)"),
            "{seen:?}"
        );
    }

    #[test]
    fn gaps_repeats_and_late_ones_are_counted() {
        let (seen, counts) = run(&[
            start("MZ1", 8000),
            media("MZ1", 2, 1),
            media("MZ1", 2, 1),
            media("MZ1", 6, 5),
            media("MZ1", 4, 3),
            media("MZ1", 7, 6),
        ]);
        assert_eq!(
            seen,
            [
                "ok",
                "ok",
                "a duplicate of the last message",
                "ok",
                "ok",
                "ok"
            ]
        );
        assert_eq!(
            counts,
            Counts {
                accepted: 5,
                media: 4,
                skipped: 3,
                late: 1,
                duplicates: 1,
                ..Counts::default()
            }
        );
    }

    #[test]
    fn a_carrier_that_does_not_count_is_still_heard() {
        let (seen, counts) = run(&[
            start("MZ1", 8000),
            media("MZ1", 0, 1),
            media("MZ1", 0, 2),
            media("MZ1", 0, 3),
        ]);
        assert_eq!(seen, ["ok"; 4]);
        assert_eq!((counts.media, counts.late), (3, 3));
    }

    #[test]
    fn nonsense_is_borne_up_to_a_limit() {
        let mut stream = Stream::new();
        let mut audio = Vec::new();
        stream.receive(&start("MZ1", 8000), &mut audio).unwrap();
        for _ in 0..FAULTS_MAX {
            assert!(!stream.receive("nonsense", &mut audio).unwrap_err().fatal);
            assert!(
                stream
                    .receive(&media("MZ1", 2, 1), &mut audio)
                    .map_or_else(|fault| !fault.fatal, |_| true)
            );
        }
        assert!(stream.receive("nonsense", &mut audio).unwrap_err().fatal);
        assert!(
            stream
                .receive(&media("MZ1", 3, 2), &mut audio)
                .unwrap_err()
                .fatal
        );
        assert_eq!(stream.counts().unreadable, u64::from(FAULTS_MAX) + 1);
    }

    #[test]
    fn a_fault_says_nothing_of_the_message() {
        let mut stream = Stream::new();
        let secret = r#"{"event":"dtmf","sequenceNumber":"+15005550006","streamSid":"my words","dtmf":{"digit":"77"}}"#;
        let shown = stream.receive(secret, &mut Vec::new()).unwrap_err();
        let shown = format!("{shown} {shown:?}");
        assert!(
            !shown.contains("5005550006") && !shown.contains("words") && !shown.contains("77"),
            "{shown}"
        );
    }
}
