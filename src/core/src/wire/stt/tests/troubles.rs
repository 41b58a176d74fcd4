//! What every codec makes of errors, closes and refusals.

use super::*;

#[test]
fn an_error_is_told_apart_and_ends_everything() {
    use TroubleKind::{Key, Quota, Rate, Request, Server};
    let dg =
        |code: &str| format!(r#"{{"type":"Error","code":"{code}","description":"he said no"}}"#);
    let aai = |code: u32, said: &str| {
        format!(r#"{{"type":"Error","error_code":{code},"error":"{said}"}}"#)
    };
    let rows: Vec<(&str, String, TroubleKind, &str)> = vec![
        ("deepgram", dg("NET-0001"), Server, "NET-0001"),
        ("deepgram", dg("DATA-0000"), Request, "DATA-0000"),
        ("deepgram", dg("INVALID_AUTH"), Key, "INVALID_AUTH"),
        ("deepgram", dg("he said no"), Server, "error"),
        (
            "deepgram",
            r#"{"type":"Error","variant":"INSUFFICIENT_PERMISSIONS"}"#.to_owned(),
            Key,
            "INSUFFICIENT_PERMISSIONS",
        ),
        (
            "flux",
            dg("UNPARSABLE_CLIENT_MESSAGE"),
            Request,
            "UNPARSABLE_CLIENT_MESSAGE",
        ),
        ("flux", dg("TOO_MANY_REQUESTS"), Rate, "TOO_MANY_REQUESTS"),
        (
            "flux",
            dg("ASR_PAYMENT_REQUIRED"),
            Quota,
            "ASR_PAYMENT_REQUIRED",
        ),
        ("flux", r#"{"type":"Error"}"#.to_owned(), Server, "error"),
        (
            "assemblyai",
            aai(1008, "Unauthorized Connection: Missing header"),
            Key,
            "1008",
        ),
        (
            "assemblyai",
            aai(1008, "Too many concurrent sessions"),
            Rate,
            "1008",
        ),
        (
            "assemblyai",
            aai(1008, "insufficient account balance"),
            Quota,
            "1008",
        ),
        (
            "assemblyai",
            aai(3005, "Session Cancelled: An error occurred"),
            Server,
            "3005",
        ),
        (
            "assemblyai",
            aai(3005, "Input duration violation: 20 ms"),
            Request,
            "3005",
        ),
        (
            "assemblyai",
            aai(3006, "Invalid JSON: he said no"),
            Request,
            "3006",
        ),
        (
            "assemblyai",
            aai(3007, "Audio Transmission Rate Exceeded"),
            Rate,
            "3007",
        ),
        (
            "assemblyai",
            aai(3009, "Too many concurrent sessions"),
            Rate,
            "3009",
        ),
        (
            "assemblyai",
            r#"{"type":"Error","error":"he said no"}"#.to_owned(),
            Server,
            "0",
        ),
    ];
    for (name, message, kind, code) in rows {
        let mut codec = sending(name);
        codec.opened(&mut Vec::new());
        let events = receive(&mut *codec, &message);
        let trouble = Trouble::new(kind, code);
        assert!(
            events
                == [SttEvent::Trouble {
                    trouble,
                    is_over: true
                }],
            "{message}: {events:?}"
        );
        assert!(
            receive(&mut *codec, &message).is_empty(),
            "{name}: it is over"
        );
    }
}

#[test]
fn a_close_is_told_apart() {
    use TroubleKind::{Key, Protocol, Rate, Request, Server};
    let rows = [
        ("deepgram", 1000, "", Server, "1000"),
        (
            "deepgram",
            1008,
            "DATA-0000: cannot decode",
            Request,
            "DATA-0000",
        ),
        ("deepgram", 1008, "no code", Request, "1008"),
        ("deepgram", 1011, "see NET-0001.", Server, "NET-0001"),
        ("deepgram", 1011, "", Server, "1011"),
        ("deepgram", 1006, "é\u{0}", Server, "1006"),
        ("flux", 1011, "NET-0000", Server, "NET-0000"),
        ("flux", 1003, "unsupported", Protocol, "1003"),
        ("flux", 1013, "try again", Rate, "1013"),
        ("assemblyai", 1000, "", Server, "1000"),
        ("assemblyai", 1008, "Unauthorized", Key, "1008"),
        ("assemblyai", 3008, "Session Expired", Server, "3008"),
        ("assemblyai", 4101, "schema", Request, "4101"),
        ("assemblyai", 4029, "too fast", Rate, "4029"),
        ("assemblyai", 65_535, "", Server, "65535"),
    ];
    for (name, code, reason, kind, told) in rows {
        let trouble = sending(name).closed(code, reason);
        assert_eq!(trouble, Trouble::new(kind, told), "{name} {code}");
    }
}

#[test]
fn a_refused_handshake_is_told_apart() {
    use TroubleKind::{Key, Quota, Rate, Request, Server};
    let money: &[(&str, &str)] = &[("dg-error", "Not enough credits for Ann")];
    let later: &[(&str, &str)] = &[("Retry-After", " 3 ")];
    let never: &[(&str, &str)] = &[("retry-after", "99999999999999999")];
    let date: &[(&str, &str)] = &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")];
    type Row<'a> = (u16, &'a [(&'a str, &'a str)], TroubleKind, Option<u64>);
    let rows: [Row<'_>; 8] = [
        (401, &[], Key, None),
        (402, &[], Quota, None),
        (403, &[("dg-error", "no access to model")], Key, None),
        (400, &[], Request, None),
        (429, later, Rate, Some(3_000)),
        (503, never, Server, Some(RETRY_AFTER_MS_MAX)),
        (500, date, Server, None),
        (200, &[], Server, None),
    ];
    for (name, _) in CODECS {
        for (status, headers, kind, retry_after_ms) in &rows {
            let trouble = sending(name).refused(*status, headers);
            assert_eq!(trouble.kind, *kind, "{name} {status}");
            assert_eq!(trouble.retry_after_ms, *retry_after_ms, "{name} {status}");
            assert_eq!(trouble.code, format!("HTTP {status}"), "{name}");
        }
    }
    for (name, kind) in [
        ("deepgram", Quota),
        ("flux", Quota),
        ("assemblyai", Request),
    ] {
        let trouble = sending(name).refused(400, money);
        assert_eq!(trouble, Trouble::new(kind, "HTTP 400"), "{name}");
    }
}
