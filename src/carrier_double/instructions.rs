//! What a server's answer tells the carrier to do. As strict as the carrier: what it does not understand ends the call.

use std::collections::BTreeMap;

/// Longest answer that the carrier reads, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What to do with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// Open a media socket.
    Stream {
        /// Where.
        url: String,
        /// What the stream's `start` repeats.
        parameters: BTreeMap<String, String>,
        /// Whom to tell how the stream goes.
        status_url: Option<String>,
        /// Whom to ask what comes after it.
        action: Option<String>,
    },
    /// Lead the call into a room.
    Conference {
        /// Its name.
        name: String,
        /// The room opens when this call comes.
        starts: bool,
        /// The room closes when this call leaves.
        ends: bool,
        /// Whom to ask what comes after it.
        action: Option<String>,
    },
    /// Send the call to another number.
    Dial {
        /// Which.
        number: String,
        /// Who calls.
        caller_id: String,
        /// How long it may ring, seconds.
        ring_s: u64,
        /// Whom to ask what comes after it.
        action: Option<String>,
        /// Whom to tell how it goes.
        status_url: Option<String>,
        /// What is told, by the carrier's names of the events.
        events: Vec<String>,
    },
    /// Do not take the call: `busy` or `rejected`.
    Reject(String),
    /// Say this and hang up.
    Say(String),
    /// Say this and wait for keys.
    Gather {
        /// What is said.
        ask: String,
        /// Whom to tell the keys.
        action: String,
    },
    /// Hang up.
    HangUp,
}

/// An answer that the carrier does not understand (12100 and its like).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the carrier does not understand the instructions: {0}")]
pub struct NotUnderstood(pub &'static str);

/// One tag: its name with a `/` before it if it closes, and its attributes.
struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
    /// The text up to the next tag.
    text: String,
}

impl Instructions {
    /// Reads an answer: a `<Response>` that begins with one of the verbs above.
    pub fn read(twiml: &str) -> Result<Self, NotUnderstood> {
        if twiml.len() > ANSWER_BYTES_MAX {
            return Err(NotUnderstood("too long"));
        }
        let tags = tags(twiml)?;
        let mut verbs = tags.iter().skip_while(|tag| tag.name != "Response").skip(1);
        let first = verbs.next().ok_or(NotUnderstood("no <Response>"))?;
        let of = |tag: &Tag, name: &str| tag.attributes.get(name).cloned();
        match first.name.as_str() {
            "Connect" => {
                let stream = verbs.next().filter(|tag| tag.name == "Stream");
                let stream = stream.ok_or(NotUnderstood("a <Connect> without <Stream>"))?;
                let parameters = verbs.take_while(|tag| tag.name == "Parameter");
                Ok(Self::Stream {
                    url: of(stream, "url").ok_or(NotUnderstood("a <Stream> without url"))?,
                    parameters: parameters
                        .filter_map(|tag| Some((of(tag, "name")?, of(tag, "value")?)))
                        .collect(),
                    status_url: of(stream, "statusCallback"),
                    action: of(first, "action"),
                })
            }
            "Dial" => {
                let noun = verbs.next().ok_or(NotUnderstood("a <Dial> of nobody"))?;
                let is = |name: &str, usual| match of(noun, name).as_deref() {
                    Some(word) => word == "true",
                    None => usual,
                };
                match noun.name.as_str() {
                    "Conference" if !noun.text.is_empty() => Ok(Self::Conference {
                        name: noun.text.clone(),
                        starts: is("startConferenceOnEnter", true),
                        ends: is("endConferenceOnExit", false),
                        action: of(first, "action"),
                    }),
                    "Number" if noun.text.starts_with('+') => Ok(Self::Dial {
                        number: noun.text.clone(),
                        caller_id: of(first, "callerId").unwrap_or_default(),
                        ring_s: of(first, "timeout")
                            .and_then(|seconds| seconds.parse().ok())
                            .unwrap_or(30),
                        action: of(first, "action"),
                        status_url: of(noun, "statusCallback"),
                        events: of(noun, "statusCallbackEvent")
                            .unwrap_or_else(|| "completed".into())
                            .split(' ')
                            .map(str::to_owned)
                            .collect(),
                    }),
                    _ => Err(NotUnderstood("a <Dial> of nobody")),
                }
            }
            "Reject" => {
                let reason = first.attributes.get("reason").map(String::as_str);
                Ok(Self::Reject(reason.unwrap_or("rejected").to_owned()))
            }
            "Say" => Ok(Self::Say(first.text.clone())),
            "Gather" => {
                let say = verbs.next().filter(|tag| tag.name == "Say");
                let say = say.ok_or(NotUnderstood("a <Gather> that asks nothing"))?;
                Ok(Self::Gather {
                    ask: say.text.clone(),
                    action: of(first, "action").ok_or(NotUnderstood("a <Gather> of nobody"))?,
                })
            }
            "Hangup" | "/Response" => Ok(Self::HangUp),
            _ => Err(NotUnderstood("an unknown verb")),
        }
    }
}

fn tags(xml: &str) -> Result<Vec<Tag>, NotUnderstood> {
    let mut tags = Vec::new();
    for piece in xml.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').ok_or(NotUnderstood("an open tag"))?;
        let tag = tag.trim_end_matches('/');
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes = BTreeMap::new();
        while let Some((name, after)) = rest.split_once("=\"") {
            let (value, after) = after
                .split_once('"')
                .ok_or(NotUnderstood("an open attribute"))?;
            attributes.insert(name.trim().to_owned(), unescaped(value));
            rest = after;
        }
        tags.push(Tag {
            name: name.to_owned(),
            attributes,
            text: unescaped(text),
        });
    }
    Ok(tags)
}

fn unescaped(text: &str) -> String {
    let plain = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    let text = text.to_owned();
    plain
        .iter()
        .fold(text, |text, (entity, c)| text.replace(entity, c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_core::wire::twilio::twiml::{
        self, Conference, ConnectStream, DialNumber, Reject,
    };

    #[test]
    fn what_the_server_writes_is_understood() {
        let stream = ConnectStream {
            url: "wss://h/media/twilio/t1.a.b",
            parameters: &[("name", "Ann & \"Bob\" <'x'>")],
            status_url: Some("https://h/s?a=1&b=2"),
            action: Some("https://h/after"),
        };
        let read = |twiml: &str| Instructions::read(twiml).unwrap();
        let parameters = BTreeMap::from([("name".into(), "Ann & \"Bob\" <'x'>".into())]);
        let expected = Instructions::Stream {
            url: stream.url.into(),
            parameters,
            status_url: Some("https://h/s?a=1&b=2".into()),
            action: Some("https://h/after".into()),
        };
        assert_eq!(read(&twiml::connect(&stream).unwrap()), expected);
        assert_eq!(
            read(&twiml::reject(Reject::Busy)),
            Instructions::Reject("busy".into())
        );
        assert_eq!(read(&twiml::hang_up()), Instructions::HangUp);
        let room = twiml::conference(&Conference {
            name: "room_1",
            starts: false,
            action: "https://h/after",
        });
        let expected = Instructions::Conference {
            name: "room_1".into(),
            starts: false,
            ends: true,
            action: Some("https://h/after".into()),
        };
        assert_eq!(read(&room), expected);
        let dial = twiml::dial(&DialNumber {
            to: "+12125550137",
            caller_id: "+15005550006",
            ring_s: 20,
            length_s_max: 60,
            action: "https://h/sent",
            status_url: "https://h/status",
        });
        let expected = Instructions::Dial {
            number: "+12125550137".into(),
            caller_id: "+15005550006".into(),
            ring_s: 20,
            action: Some("https://h/sent".into()),
            status_url: Some("https://h/status".into()),
            events: vec!["answered".into(), "completed".into()],
        };
        assert_eq!(read(&dial), expected);
        let said = read(&twiml::say_and_hang_up("It's late.", "en-US"));
        assert_eq!(said, Instructions::Say("It's late.".into()));
        let asked = read(&twiml::gather(&twiml::Gather {
            ask: "Which?",
            nothing: "None.",
            language: "en-US",
            action: "https://h/o?a=1&b=2",
        }));
        let expected = Instructions::Gather {
            ask: "Which?".into(),
            action: "https://h/o?a=1&b=2".into(),
        };
        assert_eq!(asked, expected);
    }

    #[test]
    fn what_is_none_is_not() {
        for (text, why) in [
            ("", "no <Response>"),
            ("hello", "no <Response>"),
            ("<Response><Dance/></Response>", "an unknown verb"),
            (
                "<Response><Connect></Connect></Response>",
                "a <Connect> without <Stream>",
            ),
            ("<Response><Dial></Dial></Response>", "a <Dial> of nobody"),
            ("<Response><Connect><Stream/>", "a <Stream> without url"),
            ("<Response", "an open tag"),
        ] {
            assert_eq!(Instructions::read(text), Err(NotUnderstood(why)), "{text}");
        }
    }
}
