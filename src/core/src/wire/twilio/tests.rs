//! Every documented message, everything that must be refused, and a great deal of noise.

use super::*;
use proptest::prelude::*;
use std::path::PathBuf;

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/twilio")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const SID: &str = "MZ0123456789abcdef0123456789abcdef";

const FIXTURES: [&str; 9] = [
    "connected.json",
    "start.json",
    "start_without_parameters.json",
    "media.json",
    "media_with_numbers.json",
    "dtmf.json",
    "mark.json",
    "stop.json",
    "start_other_format.json",
];

fn read(text: &str) -> Result<(Inbound, Vec<u8>), WireError> {
    let mut audio = vec![1, 2, 3];
    let read = decode(text, &mut audio);
    read.map(|message| (message.inbound, audio))
}

#[test]
fn the_documented_messages() {
    let start = |parameters: &[(&str, &str)]| {
        Inbound::Start(Box::new(Start {
            account: "AC0123456789abcdef0123456789abcdef".into(),
            carrier_call_id: "CA0123456789abcdef0123456789abcdef".into(),
            stream_id: SID.into(),
            tracks: vec![Track::Inbound],
            media_format: MediaFormat::MuLaw8kMono,
            parameters: parameters
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
        }))
    };
    let media = Inbound::Media {
        track: Track::Inbound,
        chunk: 1,
        timestamp_ms: 5,
    };
    let cases = [
        (
            "connected.json",
            Inbound::Connected {
                protocol: "Call".into(),
                version: "1.0.0".into(),
            },
            None,
        ),
        ("start.json", start(&[("session", "s_01H")]), Some(1)),
        ("start_without_parameters.json", start(&[]), Some(1)),
        ("media.json", media.clone(), Some(2)),
        ("media_with_numbers.json", media, Some(2)),
        ("dtmf.json", Inbound::Key { digit: '5' }, Some(57)),
        (
            "mark.json",
            Inbound::Mark {
                name: "t3:c12".into(),
            },
            Some(90),
        ),
        ("stop.json", Inbound::Stop, Some(120)),
    ];
    for (name, want, sequence) in cases {
        let text = fixture(name);
        let mut audio = Vec::new();
        let message = decode(&text, &mut audio).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(message.inbound, want, "{name}");
        assert_eq!(message.sequence, sequence, "{name}");
        assert_eq!(
            message.stream_id.as_deref(),
            sequence.map(|_| SID),
            "{name}"
        );
        let heard: &[u8] = if name.starts_with("media") {
            &[0x7e, 0x7e, 0x7e, 0xfe, 0xfe, 0xfe, 0x7e, 0x7e, 0x7e]
        } else {
            &[]
        };
        assert_eq!(audio, heard, "{name}");
    }
}

#[test]
fn another_format_is_refused_by_name() {
    let error = read(&fixture("start_other_format.json")).unwrap_err();
    assert_eq!(
        error,
        WireError::Format {
            encoding: "audio/l16".into(),
            sample_rate_hz: 16000,
            channels: 1
        }
    );
    assert!(
        error
            .to_string()
            .starts_with("audio is audio/l16 at 16000 Hz with 1 channels"),
        "{error}"
    );
}

/// The media fixture with one replacement.
fn changed(from: &str, to: &str) -> String {
    let text = fixture("media.json");
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn what_is_let_pass() {
    let media = Ok((
        Inbound::Media {
            track: Track::Inbound,
            chunk: 1,
            timestamp_ms: 5,
        },
        vec![0x7e, 0x7e, 0x7e, 0xfe, 0xfe, 0xfe, 0x7e, 0x7e, 0x7e],
    ));
    assert_eq!(
        read(&changed("{", r#"{"novel":{"deep":[1,{"a":null}]},"#)),
        media,
        "unknown keys"
    );
    assert_eq!(
        read(&changed("\"inbound\"", "\"inbound_track\"")),
        media,
        "the other spelling"
    );
    assert_eq!(
        read(&changed("fn5+/v7+fn5+", "fn5+\\/v7+fn5+")),
        media,
        "an escaped slash"
    );
    assert_eq!(
        read(&changed("\"media\":", "\"start\":5,\"media\":")),
        media,
        "parts of other events"
    );
    let unknown = Ok((Inbound::Unknown, vec![]));
    assert_eq!(
        read(r#"{"event":"novel","media":7,"streamSid":[]}"#),
        unknown
    );
    assert_eq!(
        read(&changed("\"inbound\"", "\"outbound\"")).map(|(inbound, _)| inbound),
        Ok(Inbound::Media {
            track: Track::Outbound,
            chunk: 1,
            timestamp_ms: 5
        })
    );
    assert_eq!(
        read(&changed("\"sequenceNumber\":\"2\",", "")),
        media,
        "a carrier that does not count"
    );
    let unpadded = changed("fn5+/v7+fn5+", "fn8");
    assert_eq!(read(&unpadded).unwrap().1, [0x7e, 0x7f]);
    for (digit, want) in [
        ("\"5\"", '5'),
        ("5", '5'),
        ("\"*\"", '*'),
        ("\"#\"", '#'),
        ("\"a\"", 'A'),
        ("\"D\"", 'D'),
    ] {
        let text =
            fixture("dtmf.json").replacen("\"digit\":\"5\"", &format!("\"digit\":{digit}"), 1);
        assert_eq!(
            read(&text).map(|(inbound, _)| inbound),
            Ok(Inbound::Key { digit: want }),
            "{digit}"
        );
    }
}

#[test]
fn what_is_refused_and_where() {
    let start = fixture("start.json");
    let many: String = (0..=PARAMETERS_MAX)
        .map(|at| format!("\"p{at}\":\"v\","))
        .collect();
    let cases: Vec<(String, &str)> = vec![
        (String::new(), "not a JSON object: broken at byte 1"),
        ("[]".into(), "not a JSON object: broken at byte 1"),
        ("null".into(), "not a JSON object: broken at byte 1"),
        ("{\"event\":".into(), "not a JSON object: broken at byte 9"),
        ("{}".into(), "event is missing"),
        ("{\"event\":5}".into(), "event should be a text"),
        ("{\"event\":null}".into(), "event is missing"),
        ("{\"event\":\"media\"}".into(), "media is missing"),
        ("{\"event\":\"connected\"}".into(), "protocol is missing"),
        (
            changed("\"2\"", "\"two\""),
            "sequenceNumber should be a whole number",
        ),
        (
            changed("\"2\"", "-2"),
            "sequenceNumber should be a whole number",
        ),
        (
            changed("\"2\"", "2.5"),
            "sequenceNumber should be a whole number",
        ),
        (
            changed("\"2\"", "\"99999999999999999999\""),
            "sequenceNumber should be a whole number",
        ),
        (
            changed("\"2\"", "\"\""),
            "sequenceNumber should be a whole number",
        ),
        (
            changed(SID, "M Z"),
            "streamSid should be an id of at most 64 letters and digits",
        ),
        (
            changed("\"inbound\"", "\"sideways\""),
            "media.track should be inbound or outbound",
        ),
        (changed("\"chunk\":\"1\",", ""), "media.chunk is missing"),
        (
            changed("\"timestamp\":\"5\",", ""),
            "media.timestamp is missing",
        ),
        (
            changed("fn5+/v7+fn5+", "not base64"),
            "media.payload should be base64",
        ),
        (
            changed("fn5+/v7+fn5+", "fn5+/v7+fn5"),
            "media.payload should be base64",
        ),
        (
            changed("\"fn5+/v7+fn5+\"", "[1]"),
            "media.payload should be a text",
        ),
        (
            changed("fn5+/v7+fn5+", &"A".repeat(PAYLOAD_BYTES_MAX + 4)),
            "media.payload should be shorter",
        ),
        (
            changed("fn5+/v7+fn5+", &"A".repeat(MESSAGE_BYTES_MAX)),
            "a message of 65693 bytes; at most 65536 are read",
        ),
        (
            fixture("dtmf.json").replacen("\"5\"}", "\"55\"}", 1),
            "dtmf.digit should be one of 0-9, *, #, A-D",
        ),
        (
            fixture("dtmf.json").replacen("\"5\"}", "\"x\"}", 1),
            "dtmf.digit should be one of 0-9, *, #, A-D",
        ),
        (
            fixture("mark.json").replacen("t3:c12", &"m".repeat(129), 1),
            "mark.name should be shorter",
        ),
        (
            start.replacen("CA0123456789abcdef0123456789abcdef", "", 1),
            "start.callSid should be an id of at most 64 letters and digits",
        ),
        (
            start.replacen(
                &format!("\"streamSid\":\"{SID}\""),
                "\"streamSid\":\"MZ2\"",
                1,
            ),
            "start.streamSid should be the streamSid of the message",
        ),
        (
            start.replacen("\"mediaFormat\"", "\"format\"", 1),
            "start.mediaFormat is missing",
        ),
        (
            start.replacen("{\"session\":", &format!("{{{many}\"session\":"), 1),
            "start.customParameters should be at most 32 parameters",
        ),
        (
            start.replacen("s_01H", &"v".repeat(494), 1),
            "start.customParameters should be made of texts of at most 500 characters",
        ),
        (
            start.replacen("\"s_01H\"", "{}", 1),
            "start.customParameters should be made of texts",
        ),
        (
            start.replacen("{\"session\":\"s_01H\"}", "[]", 1),
            "start.customParameters should be an object of known shape",
        ),
    ];
    for (text, want) in cases {
        let mut audio = vec![9; 4];
        let error = decode(&text, &mut audio).expect_err(want);
        assert_eq!(error.to_string(), want);
        assert!(audio.is_empty(), "{want}: audio is emptied");
    }
}

#[test]
fn a_media_frame_uses_the_buffer_it_was_given() {
    let text = fixture("media.json");
    let mut audio = Vec::with_capacity(512);
    let (at, capacity) = (audio.as_ptr(), audio.capacity());
    for _ in 0..100 {
        let message = decode(&text, &mut audio).unwrap();
        assert!(matches!(message.stream_id, Some(Cow::Borrowed(SID))));
    }
    assert_eq!((audio.as_ptr(), audio.capacity()), (at, capacity));
}

#[test]
fn debug_shows_neither_keys_nor_parameters() {
    let (start, _) = read(&fixture("start.json")).unwrap();
    let (key, _) = read(&fixture("dtmf.json")).unwrap();
    let shown = format!("{start:?} {key:?}");
    assert!(
        shown.contains("session")
            && !shown.contains("s_01H")
            && shown.ends_with(" Key([redacted])"),
        "{shown}"
    );
}

#[test]
fn the_simulated_carrier_speaks_the_documented_messages() {
    let mut carrier = CarrierSide::new(CarrierStart {
        account: "AC0123456789abcdef0123456789abcdef".into(),
        carrier_call_id: "CA0123456789abcdef0123456789abcdef".into(),
        stream_id: SID.into(),
        parameters: BTreeMap::from([("session".into(), "s_01H".into())]),
    });
    let mut out = String::new();
    let mut says = |write: &mut dyn FnMut(&mut CarrierSide, &mut String)| {
        write(&mut carrier, &mut out);
        serde_json::from_str::<serde_json::Value>(&out).unwrap()
    };
    let documented =
        |name: &str| serde_json::from_str::<serde_json::Value>(&fixture(name)).unwrap();
    assert_eq!(
        says(&mut |side, out| side.connected(out)),
        documented("connected.json")
    );
    assert_eq!(
        says(&mut |side, out| side.start(out)),
        documented("start.json")
    );
    let audio = [0x7e, 0x7e, 0x7e, 0xfe, 0xfe, 0xfe, 0x7e, 0x7e, 0x7e];
    assert_eq!(
        says(&mut |side, out| side.media(5, &audio, out)),
        documented("media.json")
    );
    let renumbered = |name: &str, sequence: &str| {
        let mut value = documented(name);
        value["sequenceNumber"] = sequence.into();
        value
    };
    assert_eq!(
        says(&mut |side, out| side.key('5', out)),
        renumbered("dtmf.json", "3")
    );
    assert_eq!(
        says(&mut |side, out| side.mark("t3:c12", out)),
        renumbered("mark.json", "4")
    );
    assert_eq!(
        says(&mut |side, out| side.stop(out)),
        renumbered("stop.json", "5")
    );
}

const KEYS: &[&str] = &[
    "event",
    "streamSid",
    "sequenceNumber",
    "start",
    "media",
    "dtmf",
    "mark",
    "payload",
    "name",
];
const VALUES: &[&str] = &[
    "null",
    "true",
    "-1",
    "1e9",
    "7",
    "\"\"",
    "\"1\"",
    "\"AA==\"",
    "[]",
    "{}",
    "{\"digit\":\"1\"}",
    "{\"name\":[]}",
    "{\"name\":\"m\"}",
    "{\"payload\":\"AA==\",\"track\":\"inbound\",\"chunk\":1,\"timestamp\":\"2\"}",
];

proptest! {
    #![proptest_config(crate::seeded::cases(512))]

    #[test]
    fn a_call_told_by_the_carrier_side_is_understood(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..12),
        value in ".{0,60}",
        marks in prop::collection::vec("[ -~]{0,32}", 0..4),
    ) {
        let mut carrier = CarrierSide::new(CarrierStart {
            account: "AC1".into(),
            carrier_call_id: "CA1".into(),
            stream_id: "MZ1".into(),
            parameters: BTreeMap::from([("k".into(), value.clone())]),
        });
        let (mut stream, mut text, mut audio) = (Stream::new(), String::new(), Vec::new());
        carrier.connected(&mut text);
        prop_assert!(stream.receive(&text, &mut audio).is_ok());
        carrier.start(&mut text);
        let Ok(Inbound::Start(start)) = stream.receive(&text, &mut audio) else { panic!("a start") };
        prop_assert_eq!(&start.parameters["k"], &value);
        for frame in &frames {
            carrier.media(20, frame, &mut text);
            prop_assert!(stream.receive(&text, &mut audio).is_ok());
            prop_assert_eq!(&audio, frame);
        }
        for mark in marks {
            carrier.mark(&mark, &mut text);
            prop_assert_eq!(stream.receive(&text, &mut audio), Ok(Inbound::Mark { name: mark }));
        }
        carrier.stop(&mut text);
        prop_assert_eq!(stream.receive(&text, &mut audio), Ok(Inbound::Stop));
        prop_assert_eq!(stream.counts().skipped, 0);
    }

    #[test]
    fn any_text_is_read_without_panic(text in ".{0,300}") {
        let _ = read(&text);
    }

    #[test]
    fn any_json_like_text_is_read_without_panic(
        event in prop::sample::select(&["connected", "start", "media", "dtmf", "mark", "stop", "x"][..]),
        pairs in prop::collection::vec((prop::sample::select(KEYS), prop::sample::select(VALUES)), 0..8),
    ) {
        let rest: String = pairs.iter().map(|(key, value)| format!(",\"{key}\":{value}")).collect();
        let mut stream = Stream::new();
        let _ = stream.receive(&format!("{{\"event\":\"{event}\"{rest}}}"), &mut Vec::new());
    }

    #[test]
    fn documented_messages_with_damage_are_read_without_panic(
        which in 0..FIXTURES.len(),
        cut in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        whole in any::<bool>(),
    ) {
        let mut bytes = fixture(FIXTURES[which]).into_bytes();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        let text = String::from_utf8_lossy(&bytes);
        let mut audio = Vec::new();
        let mut stream = Stream::new();
        let heard = stream.receive(&text, &mut audio);
        let is_media = matches!(heard, Ok(Inbound::Media { .. }));
        prop_assert!(audio.is_empty() || is_media);
        if let Err(fault) = heard {
            prop_assert!(fault.to_string().len() < 200);
        }
    }
}

/// A media message of these members, in this order; `space` is what stands between them.
fn media_message(members: &[(bool, &str, String)], space: &str) -> String {
    let joined = |inner: bool| {
        let members = members.iter().filter(|(is_inner, ..)| *is_inner == inner);
        let members = members.map(|(_, name, value)| format!("{space}\"{name}\":{space}{value}"));
        members.collect::<Vec<_>>().join(",")
    };
    let (outer, inner) = (joined(false), joined(true));
    let outer = if outer.is_empty() {
        outer
    } else {
        format!(",{outer}")
    };
    format!("{{\"event\":\"media\"{outer},\"media\":{{{inner}}}}}")
}

proptest! {
    #[test]
    fn a_media_message_is_the_same_to_both_readers(
        mut members in Just(vec![
            (false, "sequenceNumber"), (false, "streamSid"), (true, "track"), (true, "chunk"), (true, "timestamp"),
            (true, "payload"), (true, "more"), (false, "more"), (true, "chunk"),
        ]).prop_shuffle(),
        count in 3_usize..9,
        values in prop::collection::vec(prop_oneof![
            3 => Just("\"7\"".to_owned()), 1 => Just("7".to_owned()), 3 => Just("\"inbound\"".to_owned()),
            2 => Just("\"fn5+\\/v7+fn5+\"".to_owned()), 3 => Just("\"fn5+/v7+fn5+\"".to_owned()),
            1 => "\"[A-Za-z0-9+/=é._-]{0,12}\"".prop_map(|text| text), 1 => Just("{}".to_owned()), 1 => Just("null".to_owned()),
        ], 9),
        is_usual in any::<bool>(),
    ) {
        members.truncate(count);
        let members: Vec<_> = members.into_iter().zip(values).map(|((inner, name), value)| {
            let usual = match name {
                "track" => "\"inbound\"",
                "payload" => "\"fn5+/v7+fn5+\"",
                "streamSid" => "\"MZ1\"",
                _ => "\"7\"",
            };
            (inner, name, if is_usual { usual.to_owned() } else { value })
        }).collect();
        let (dense, spaced) = (media_message(&members, ""), media_message(&members, " "));
        let (mut heard, mut again) = (vec![1], vec![2]);
        // Where a text breaks off differs with the spaces.
        match (decode(&dense, &mut heard), decode(&spaced, &mut again)) {
            (Err(WireError::NotJson { .. }), Err(WireError::NotJson { .. })) => {}
            (dense, spaced) => prop_assert_eq!(dense, spaced),
        }
        prop_assert_eq!(heard, again);
    }
}

#[test]
fn what_carriers_write_is_read_in_one_look() {
    let fixture = fixture("media.json");
    assert!(plain::media(fixture.trim()).is_some(), "{fixture}");
    let mut carrier = CarrierSide::new(CarrierStart {
        account: "AC1".into(),
        carrier_call_id: "CA1".into(),
        stream_id: SID.into(),
        parameters: BTreeMap::new(),
    });
    let mut text = String::new();
    carrier.media(20, &[0x7f; 160], &mut text);
    assert!(plain::media(&text).is_some(), "{text}");
}
