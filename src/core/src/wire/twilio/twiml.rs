//! The instructions that Twilio takes in answer to its webhooks.

use super::PARAMETER_CHARS_MAX;

/// Longest document, in characters: Twilio's own limit for one that is sent by REST.
pub const TWIML_CHARS_MAX: usize = 4_000;
/// Longest sentence of a `<Say>`, in characters; a longer one is cut.
pub const SAY_CHARS_MAX: usize = 500;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>";
const TAIL: &str = "</Response>\n";

/// Instructions that Twilio would not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TwimlError {
    /// The document is too long.
    #[error("instructions have at most {TWIML_CHARS_MAX} characters, these have {chars}")]
    TooLong {
        /// How many it has.
        chars: usize,
    },
    /// A parameter is too long.
    #[error(
        "a parameter's name and value have fewer than {PARAMETER_CHARS_MAX} characters, these have {chars}"
    )]
    Parameter {
        /// How many they have.
        chars: usize,
    },
    /// Twilio drops the query of a stream's address.
    #[error("the address of a stream has no query")]
    Query,
}

/// A two-way media stream.
#[derive(Clone, Copy)]
pub struct ConnectStream<'a> {
    /// Where the socket is opened: `wss://`, without a query.
    pub url: &'a str,
    /// Names and values that come back in the stream's `start`.
    pub parameters: &'a [(&'a str, &'a str)],
    /// Where Twilio tells how the stream goes.
    pub status_url: Option<&'a str>,
    /// Where Twilio asks what to do after the stream; without it the call ends.
    pub action: Option<&'a str>,
}

/// A room in which calls of the account's are joined.
#[derive(Clone, Copy)]
pub struct Conference<'a> {
    /// Its name; whoever knows it within the account can come in.
    pub name: &'a str,
    /// The room opens when this call comes; it waits in silence otherwise.
    pub starts: bool,
    /// Where Twilio asks what to do with this call after it.
    pub action: &'a str,
}

/// Another number that a call is sent to.
#[derive(Clone, Copy)]
pub struct DialNumber<'a> {
    /// The number, E.164.
    pub to: &'a str,
    /// The number that calls: one of the account's, or the caller's own.
    pub caller_id: &'a str,
    /// How long it may ring, seconds: 5 to 600.
    pub ring_s: u64,
    /// How long the two may talk, seconds.
    pub length_s_max: u64,
    /// Where Twilio asks what to do with the call once it is over, however it went.
    pub action: &'a str,
    /// Where Twilio tells how it goes.
    pub status_url: &'a str,
}

/// Why a call is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The caller hears that the line is busy.
    Busy,
    /// The caller hears that the number is not in service.
    Rejected,
}

/// Connects the call to a media stream.
pub fn connect(stream: &ConnectStream<'_>) -> Result<String, TwimlError> {
    if stream.url.contains('?') {
        return Err(TwimlError::Query);
    }
    let mut out = String::from(HEAD);
    out.push_str("<Connect");
    if let Some(action) = stream.action {
        push_attribute(&mut out, "action", action);
        push_attribute(&mut out, "method", "POST");
    }
    out.push_str("><Stream");
    push_attribute(&mut out, "url", stream.url);
    if let Some(status_url) = stream.status_url {
        push_attribute(&mut out, "statusCallback", status_url);
        push_attribute(&mut out, "statusCallbackMethod", "POST");
    }
    out.push('>');
    for (name, value) in stream.parameters {
        let chars = name.chars().count() + value.chars().count();
        if chars >= PARAMETER_CHARS_MAX {
            return Err(TwimlError::Parameter { chars });
        }
        out.push_str("<Parameter");
        push_attribute(&mut out, "name", name);
        push_attribute(&mut out, "value", value);
        out.push_str("/>");
    }
    out.push_str("</Stream></Connect>");
    out.push_str(TAIL);
    let chars = out.chars().count();
    if chars > TWIML_CHARS_MAX {
        return Err(TwimlError::TooLong { chars });
    }
    Ok(out)
}

/// Joins the call with others in a room. Whoever leaves it ends it for all: it is made for two.
#[must_use]
pub fn conference(room: &Conference<'_>) -> String {
    let mut out = String::from(HEAD);
    out.push_str("<Dial");
    push_attribute(&mut out, "action", room.action);
    push_attribute(&mut out, "method", "POST");
    out.push_str("><Conference");
    let starts = if room.starts { "true" } else { "false" };
    for (name, value) in [
        ("startConferenceOnEnter", starts),
        ("endConferenceOnExit", "true"),
        ("beep", "false"),
        ("waitUrl", ""),
        ("maxParticipants", "2"),
    ] {
        push_attribute(&mut out, name, value);
    }
    out.push('>');
    room.name.chars().for_each(|c| push_escaped(&mut out, c));
    out.push_str("</Conference></Dial>");
    out.push_str(TAIL);
    out
}

/// Sends the call to another number.
#[must_use]
pub fn dial(number: &DialNumber<'_>) -> String {
    let mut out = String::from(HEAD);
    let ring_s = number.ring_s.clamp(5, 600).to_string();
    let length_s = number.length_s_max.max(1).to_string();
    out.push_str("<Dial");
    for (name, value) in [
        ("callerId", number.caller_id),
        ("timeout", &ring_s),
        ("timeLimit", &length_s),
        ("action", number.action),
        ("method", "POST"),
    ] {
        push_attribute(&mut out, name, value);
    }
    out.push_str("><Number");
    for (name, value) in [
        ("statusCallback", number.status_url),
        ("statusCallbackMethod", "POST"),
        ("statusCallbackEvent", "answered completed"),
    ] {
        push_attribute(&mut out, name, value);
    }
    out.push('>');
    number.to.chars().for_each(|c| push_escaped(&mut out, c));
    out.push_str("</Number></Dial>");
    out.push_str(TAIL);
    out
}

/// Does not take the call: nothing is answered or billed.
#[must_use]
pub fn reject(why: Reject) -> String {
    let reason = match why {
        Reject::Busy => "busy",
        Reject::Rejected => "rejected",
    };
    format!("{HEAD}<Reject reason=\"{reason}\"/>{TAIL}")
}

/// Languages that the carrier's usual voice speaks, of those that agents may have. Source: Twilio's page of `<Say>`, "voice = alice".
const USUAL: [&str; 8] = [
    "de-DE", "en-US", "es-ES", "fr-FR", "it-IT", "nl-NL", "pl-PL", "pt-PT",
];
/// Voices for others: without one, a language that the usual voice does not speak fails the instruction, and nothing is said. Source:
/// Twilio's page "Text-to-Speech", available voices and languages (Amazon Polly, Google).
const VOICES: [(&str, &str); 2] = [
    ("lt-LT", "Google.lt-LT-Standard-B"),
    ("tr-TR", "Polly.Filiz"),
];

/// Says a sentence with the carrier's own voice and ends the call. `language` as `en-US`; one that no voice of the carrier's is known
/// for is left to the account's usual voice.
#[must_use]
pub fn say_and_hang_up(text: &str, language: &str) -> String {
    let mut out = String::from(HEAD);
    push_say(&mut out, text, language);
    out.push_str("<Hangup/>");
    out.push_str(TAIL);
    out
}

/// A number that a caller is asked to key in.
#[derive(Clone, Copy)]
pub struct Gather<'a> {
    /// What is asked, by the carrier's own voice.
    pub ask: &'a str,
    /// What is said if nothing is keyed in; the call ends then.
    pub nothing: &'a str,
    /// The language, as `en-US`.
    pub language: &'a str,
    /// Where Twilio sends the keys, as `Digits`; `#` ends them, and is not among them.
    pub action: &'a str,
}

/// Seconds in which the next key must come.
const KEY_PATIENCE_S: &str = "10";

/// Asks for keys.
#[must_use]
pub fn gather(number: &Gather<'_>) -> String {
    let mut out = String::from(HEAD);
    out.push_str("<Gather");
    for (name, value) in [
        ("input", "dtmf"),
        ("action", number.action),
        ("method", "POST"),
        ("timeout", KEY_PATIENCE_S),
        ("finishOnKey", "#"),
    ] {
        push_attribute(&mut out, name, value);
    }
    out.push('>');
    push_say(&mut out, number.ask, number.language);
    out.push_str("</Gather>");
    push_say(&mut out, number.nothing, number.language);
    out.push_str("<Hangup/>");
    out.push_str(TAIL);
    out
}

fn push_say(out: &mut String, text: &str, language: &str) {
    out.push_str("<Say");
    if let Some((_, voice)) = VOICES.iter().find(|(of, _)| *of == language) {
        push_attribute(out, "voice", voice);
    }
    if USUAL.contains(&language) || VOICES.iter().any(|(of, _)| *of == language) {
        push_attribute(out, "language", language);
    }
    out.push('>');
    for c in text.chars().take(SAY_CHARS_MAX) {
        push_escaped(out, c);
    }
    out.push_str("</Say>");
}

/// Ends the call.
#[must_use]
pub fn hang_up() -> String {
    format!("{HEAD}<Hangup/>{TAIL}")
}

fn push_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    for c in value.chars() {
        push_escaped(out, c);
    }
    out.push('"');
}

/// XML has no way to write most control characters: they are left out.
fn push_escaped(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&apos;"),
        '\n' | '\r' | '\t' => out.push(' '),
        '\u{fffe}' | '\u{ffff}' => {}
        control if control.is_control() => {}
        plain => out.push(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    const STREAM: ConnectStream<'static> = ConnectStream {
        url: "wss://voice.example.com/media/twilio/t1.e30.AAAA",
        parameters: &[],
        status_url: None,
        action: None,
    };

    #[test]
    fn a_stream_has_its_addresses_and_parameters() {
        let full = ConnectStream {
            parameters: &[("name", "Ann & \"Bob\" <'x'>\n\u{0}")],
            status_url: Some("https://voice.example.com/s?a=1&b=2"),
            action: Some("https://voice.example.com/after"),
            ..STREAM
        };
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>\
            <Connect action=\"https://voice.example.com/after\" method=\"POST\">\
            <Stream url=\"wss://voice.example.com/media/twilio/t1.e30.AAAA\" \
            statusCallback=\"https://voice.example.com/s?a=1&amp;b=2\" statusCallbackMethod=\"POST\">\
            <Parameter name=\"name\" value=\"Ann &amp; &quot;Bob&quot; &lt;&apos;x&apos;&gt; \"/>\
            </Stream></Connect></Response>\n";
        assert_eq!(connect(&full).unwrap(), expected);
        assert!(connect(&STREAM).unwrap().contains("<Connect><Stream url="));
    }

    #[test]
    fn what_twilio_would_not_take_is_not_written() {
        let long = "x".repeat(TWIML_CHARS_MAX);
        let value = "v".repeat(PARAMETER_CHARS_MAX - 1);
        for (stream, error) in [
            (
                ConnectStream {
                    url: "wss://h/p?q=1",
                    ..STREAM
                },
                "no query",
            ),
            (
                ConnectStream {
                    action: Some(&long),
                    ..STREAM
                },
                "4000 characters",
            ),
            (
                ConnectStream {
                    parameters: &[("n", &value)],
                    ..STREAM
                },
                "500 characters",
            ),
        ] {
            let found = connect(&stream).unwrap_err().to_string();
            assert!(found.contains(error), "{found}");
        }
    }

    #[test]
    fn calls_are_joined_and_sent_elsewhere() {
        let room = Conference {
            name: "room_<1>",
            starts: false,
            action: "https://voice.example.com/a?b=1&c=2",
        };
        assert_eq!(
            conference(&room),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>\
             <Dial action=\"https://voice.example.com/a?b=1&amp;c=2\" method=\"POST\">\
             <Conference startConferenceOnEnter=\"false\" endConferenceOnExit=\"true\" beep=\"false\" waitUrl=\"\" \
             maxParticipants=\"2\">room_&lt;1&gt;</Conference></Dial></Response>\n"
        );
        let number = DialNumber {
            to: "+12125550137",
            caller_id: "+15005550006",
            ring_s: 2,
            length_s_max: 3_600,
            action: "https://voice.example.com/after",
            status_url: "https://voice.example.com/status",
        };
        assert_eq!(
            dial(&number),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>\
             <Dial callerId=\"+15005550006\" timeout=\"5\" timeLimit=\"3600\" \
             action=\"https://voice.example.com/after\" method=\"POST\">\
             <Number statusCallback=\"https://voice.example.com/status\" statusCallbackMethod=\"POST\" \
             statusCallbackEvent=\"answered completed\">+12125550137</Number></Dial></Response>\n"
        );
    }

    #[test]
    fn keys_are_asked_for() {
        let asked = gather(&Gather {
            ask: "Your number, please & the pound key.",
            nothing: "Nothing.",
            language: "de-DE",
            action: "https://voice.example.com/o?try=1&x=2",
        });
        assert_eq!(
            asked,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Gather input=\"dtmf\" \
             action=\"https://voice.example.com/o?try=1&amp;x=2\" method=\"POST\" timeout=\"10\" finishOnKey=\"#\">\
             <Say language=\"de-DE\">Your number, please &amp; the pound key.</Say></Gather>\
             <Say language=\"de-DE\">Nothing.</Say><Hangup/></Response>\n"
        );
        // Whole documents fit, with the longest sentences of any language twice.
        for language in Language::ALL {
            let (texts, locale) = (language.line(), &language.transfer().locale);
            let ask = format!("{} {}", texts.unread, texts.withheld);
            assert!(ask.chars().count() <= SAY_CHARS_MAX, "{locale}");
        }
    }

    #[test]
    fn calls_are_rejected_and_ended_in_words() {
        assert!(reject(Reject::Busy).contains("<Response><Reject reason=\"busy\"/></Response>"));
        assert!(reject(Reject::Rejected).contains("reason=\"rejected\""));
        assert!(hang_up().contains("<Response><Hangup/></Response>"));
        let said = say_and_hang_up("We can't talk <now>.", "en-US");
        assert!(
            said.contains("<Say language=\"en-US\">We can&apos;t talk &lt;now&gt;.</Say><Hangup/>"),
            "{said}"
        );
        let turkish = say_and_hang_up("Alo.", "tr-TR");
        assert!(
            turkish.contains(r#"<Say voice="Polly.Filiz" language="tr-TR">"#),
            "{turkish}"
        );
        // A language that no voice is known for would fail, and say nothing.
        assert!(say_and_hang_up("Alo.", "xx-XX").contains("<Say>Alo."));
        for language in Language::ALL {
            let locale = &language.transfer().locale;
            let said = say_and_hang_up("1", locale);
            assert!(said.contains(&format!("language=\"{locale}\"")), "{said}");
        }
        assert!(say_and_hang_up(&"&".repeat(9_000), "en-US").len() <= TWIML_CHARS_MAX);
    }
}
