//! The form read back by a reader of its own, and answers of every sort.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

fn settings(model: &str, language: &str, terms: &[&str]) -> SttSettings {
    SttSettings {
        model: model.to_owned(),
        language: language.to_owned(),
        key_terms: terms.iter().map(|&term| term.to_owned()).collect(),
        endpointing_ms: None,
    }
}

/// The parts of a form as a server reads them: head and content.
fn parts(request: &TranscriptionRequest) -> Vec<(String, Vec<u8>)> {
    let (_, kind) = &request.headers[0];
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let line = format!("\r\n--{boundary}").into_bytes();
    // The first line has no line end before it.
    let body = [b"\r\n", &request.body[..]].concat();
    let mut starts: Vec<usize> = (0..body.len())
        .filter(|&at| body[at..].starts_with(&line))
        .collect();
    let last = starts.pop().unwrap();
    assert_eq!(&body[last + line.len()..], b"--\r\n");
    let ends = starts.iter().skip(1).copied().chain([last]);
    starts
        .iter()
        .zip(ends)
        .map(|(&from, to)| {
            let part = body[from + line.len()..to].strip_prefix(b"\r\n").unwrap();
            let head = part
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
                .unwrap();
            let name = String::from_utf8(part[..head].to_vec()).unwrap();
            (name, part[head + 4..].to_vec())
        })
        .collect()
}

fn field<'a>(parts: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    let named = format!("name=\"{name}\"");
    parts
        .iter()
        .find(|(head, _)| head.contains(&named))
        .map(|(_, content)| &content[..])
}

#[test]
fn the_form_has_the_file_and_what_is_set() {
    let samples = [0, 1, -1, i16::MAX, i16::MIN];
    let settings = settings("whisper", "de-AT", &["Ann", " ", "Grüße"]);
    let request = request(&settings, " key ", &samples);
    let parts = parts(&request);
    assert_eq!(field(&parts, "model"), Some(&b"whisper"[..]));
    assert_eq!(field(&parts, "language"), Some(&b"de"[..]));
    assert_eq!(field(&parts, "prompt"), Some("Ann, Grüße".as_bytes()));
    assert_eq!(field(&parts, "response_format"), Some(&b"json"[..]));
    let file = field(&parts, "file").unwrap();
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(
        (&file[..4], &file[8..16], &file[36..40]),
        (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..])
    );
    assert_eq!((number(4) as usize, number(40)), (file.len() - 8, 10));
    assert_eq!(
        (number(16), number(20), number(24), number(28), number(32)),
        (16, 0x0001_0001, 8_000, 16_000, 0x0010_0002)
    );
    let read: Vec<i16> = file[44..]
        .chunks_exact(2)
        .map(|two| i16::from_le_bytes([two[0], two[1]]))
        .collect();
    assert_eq!(read, samples);
    assert_eq!(
        request.headers[1],
        ("authorization", "Bearer key".to_owned())
    );
    assert_eq!(request.path, "/audio/transcriptions");
    assert!(parts.last().unwrap().0.contains("audio/wav"));
}

#[test]
fn what_is_not_set_is_not_asked_for() {
    for language in ["", "multi"] {
        let request = request(&settings("", language, &[]), "", &[]);
        let parts = parts(&request);
        assert_eq!(parts.len(), 2, "a file and the format of the answer");
        assert_eq!(field(&parts, "file").unwrap().len(), 44);
        assert_eq!(request.headers.len(), 1);
    }
}

#[test]
fn neither_key_nor_words_are_in_debug() {
    let request = request(&settings("m", "en", &["xylophone"]), "secret", &[0; 8]);
    let shown = format!("{request:?}");
    assert!(
        !shown.contains("secret") && !shown.contains("xylophone"),
        "{shown}"
    );
}

#[test]
fn a_value_cannot_end_its_part() {
    let line = "\r\n--trunkline-form-00000000--\r\n";
    let request = request(&settings("m", "en", &[line]), "", &[]);
    let parts = parts(&request);
    assert_eq!(parts.len(), 5);
    assert_eq!(field(&parts, "prompt"), Some(line.trim().as_bytes()));
}

#[test]
fn long_speech_loses_its_beginning_and_a_long_hint_its_end() {
    let mut samples = vec![7; SAMPLES_MAX + 3];
    samples.push(9);
    let terms: Vec<String> = (0..999).map(|n| format!("term {n}")).collect();
    let settings = SttSettings {
        key_terms: terms,
        ..SttSettings::default()
    };
    let request = request(&settings, "", &samples);
    assert!(request.body.len() < SAMPLES_MAX * 2 + 2048);
    let end = &request.body[..request.body.len() - 30];
    assert!(
        end.windows(4)
            .rev()
            .take(60)
            .any(|four| four == [7, 0, 9, 0])
    );
}

#[test]
fn answers_are_read() {
    use TroubleKind::{Protocol, Quota, Server};
    type Row = (
        &'static str,
        Result<&'static str, (TroubleKind, &'static str)>,
    );
    let rows: &[Row] = &[
        (r#"{"text":" Hello there. "}"#, Ok("Hello there.")),
        (
            r#"{"text":"caf\u00e9","usage":{"type":"tokens"},"segments":[{}]}"#,
            Ok("café"),
        ),
        (r#"{"text":""}"#, Ok("")),
        (r#"{"text":7}"#, Err((Protocol, "not-json"))),
        (r#"{"text":null}"#, Err((Protocol, "no-text"))),
        ("{}", Err((Protocol, "no-text"))),
        ("[\"x\"]", Err((Protocol, "not-json"))),
        ("Hello there.", Err((Protocol, "not-json"))),
        ("<html>", Err((Protocol, "not-json"))),
        ("", Err((Protocol, "not-json"))),
        (
            r#"{"error":{"message":"he said no"}}"#,
            Err((Server, "server-error (in an answer)")),
        ),
        (
            r#"{"error":{"message":"he said no","code":"insufficient_quota"}}"#,
            Err((Quota, "quota (in an answer)")),
        ),
    ];
    for (body, expected) in rows {
        let expected = expected
            .map(str::to_owned)
            .map_err(|(kind, code)| Trouble::new(kind, code));
        assert_eq!(transcript(body.as_bytes()), expected, "{body}");
    }
    assert!(transcript(&[b'{', 0xff]).is_err());
    assert!(transcript(&vec![b' '; ANSWER_BYTES_MAX + 1]).is_err());
    let long = format!("{{\"text\":\"a{}\"}}", "é".repeat(TRANSCRIPT_BYTES_MAX));
    assert_eq!(
        transcript(long.as_bytes()).unwrap().len(),
        TRANSCRIPT_BYTES_MAX - 1
    );
}

#[test]
fn refusals_are_told_apart_without_their_words() {
    use TroubleKind::{Key, Quota, Rate, Request, Server};
    let rows = [
        (401, "", Key, "unauthorised (HTTP 401)", None),
        (
            429,
            r#"{"error":{"code":"rate_limit_exceeded"}}"#,
            Rate,
            "rate-limited (HTTP 429)",
            Some(2_000),
        ),
        (
            429,
            r#"{"error":{"code":"insufficient_quota"}}"#,
            Quota,
            "quota (HTTP 429)",
            None,
        ),
        (
            404,
            r#"{"detail":"he said no"}"#,
            Request,
            "not-found (HTTP 404)",
            None,
        ),
        (400, "he said no", Request, "bad-request (HTTP 400)", None),
        (
            413,
            "<html>he said no</html>",
            Request,
            "too-long (HTTP 413)",
            None,
        ),
        (500, "\u{0}", Server, "server-error (HTTP 500)", Some(2_000)),
        (503, "null", Server, "overloaded (HTTP 503)", Some(2_000)),
    ];
    for (status, body, kind, code, retry_after_ms) in rows {
        let trouble = refused(status, body.as_bytes(), Some("2"), None);
        assert_eq!(
            trouble,
            Trouble {
                retry_after_ms,
                ..Trouble::new(kind, code)
            },
            "{status}"
        );
    }
}

proptest! {
    #![proptest_config(Config {
        rng_seed: RngSeed::Fixed(0x5718),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn any_answer_is_borne(body in prop::collection::vec(any::<u8>(), 0..400), status in any::<u16>()) {
        let _ = transcript(&body);
        let trouble = refused(status, &body, None, None);
        prop_assert!(trouble.code.len() < 60);
    }

    #[test]
    fn any_form_is_read_back(samples in prop::collection::vec(any::<i16>(), 0..200), term in "\\PC{0,40}") {
        let request = request(&settings("m", "en", &[&term]), "k", &samples);
        let parts = parts(&request);
        prop_assert_eq!(field(&parts, "file").unwrap().len(), 44 + samples.len() * 2);
        prop_assert_eq!(field(&parts, "prompt").unwrap_or_default(), term.trim().as_bytes());
    }
}
