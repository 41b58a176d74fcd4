//! What is asked for: the handshake of each codec, and what goes out on the socket.

use super::super::flux::FluxTurns;
use super::*;

fn settings(
    model: &str,
    language: &str,
    terms: &[&str],
    endpointing_ms: Option<u32>,
) -> SttSettings {
    SttSettings {
        model: model.to_owned(),
        language: language.to_owned(),
        key_terms: terms.iter().map(|&term| term.to_owned()).collect(),
        endpointing_ms,
    }
}

#[test]
fn the_path_asks_for_what_is_set() {
    let nova = "encoding=mulaw&sample_rate=8000&channels=1&interim_results=true";
    let rest = "utterance_end_ms=1000&vad_events=true&smart_format=true&punctuate=true";
    let flux = "encoding=mulaw&sample_rate=8000&eot_threshold=0.7&eot_timeout_ms=5000&eager_eot_threshold=0.4";
    let rows: Vec<(&str, SttSettings, String)> = vec![
        (
            "deepgram",
            settings("", "", &[], None),
            format!("/v1/listen?model=nova-3&{nova}&endpointing=false&{rest}"),
        ),
        (
            "deepgram",
            settings("nova-3-medical", "multi", &["Ann & Co", " "], Some(300)),
            format!(
                "/v1/listen?model=nova-3-medical&{nova}&endpointing=300&{rest}&language=multi&keyterm=Ann%20%26%20Co"
            ),
        ),
        (
            "deepgram",
            settings("nova-2", "de-AT", &["Grüße", "a:5"], Some(10)),
            format!(
                "/v1/listen?model=nova-2&{nova}&endpointing=10&{rest}&language=de&keywords=Gr%C3%BC%C3%9Fe&keywords=a%205"
            ),
        ),
        (
            "flux",
            settings("", "en-GB", &["a=b", "c"], Some(300)),
            format!("/v2/listen?model=flux-general-en&{flux}&keyterm=a%3Db&keyterm=c"),
        ),
        (
            "flux",
            settings("", "de-AT", &[], None),
            format!("/v2/listen?model=flux-general-multi&{flux}&language_hint=de"),
        ),
        (
            "assemblyai",
            settings("", "", &["say \"hi\"", "é"], Some(400)),
            "/v3/ws?sample_rate=8000&encoding=pcm_mulaw&speech_model=universal-streaming-english&format_turns=false&min_turn_silence=400&keyterms_prompt=%5B%22say%20%5C%22hi%5C%22%22%2C%22%C3%A9%22%5D"
                .to_owned(),
        ),
        (
            "assemblyai",
            settings("", "es", &[], None),
            "/v3/ws?sample_rate=8000&encoding=pcm_mulaw&speech_model=universal-streaming-multilingual&format_turns=false&end_of_turn_confidence_threshold=1&max_turn_silence=2000"
                .to_owned(),
        ),
    ];
    for (codec, settings, path) in rows {
        assert_eq!(new(codec, &settings).handshake().path, path);
    }
}

#[test]
fn each_vendor_is_told_the_language_in_its_own_form() {
    for (tag, deepgram, flux, assemblyai) in [
        ("en-US", "&language=en-US", "flux-general-en", "english"),
        ("de", "&language=de", "language_hint=de", "multilingual"),
        ("de-AT", "&language=de", "language_hint=de", "multilingual"),
        (
            "de-CH",
            "&language=de-CH",
            "language_hint=de",
            "multilingual",
        ),
        ("fr-FR", "&language=fr", "language_hint=fr", "multilingual"),
        (
            "es-419",
            "&language=es-419",
            "language_hint=es",
            "multilingual",
        ),
        ("it", "&language=it", "language_hint=it", "multilingual"),
        (
            "pt-BR",
            "&language=pt-BR",
            "language_hint=pt",
            "multilingual",
        ),
        (
            "nl-BE",
            "&language=nl-BE",
            "language_hint=nl",
            "multilingual",
        ),
        (
            "pl-PL",
            "&language=pl",
            "flux-general-multi",
            "multilingual",
        ),
        (
            "lt-LT",
            "&language=lt",
            "flux-general-multi",
            "multilingual",
        ),
        (
            "tr-TR",
            "&language=tr",
            "flux-general-multi",
            "multilingual",
        ),
    ] {
        let settings = settings("", tag, &[], None);
        let asked = |codec| new(codec, &settings).handshake().path;
        assert!(asked("deepgram").ends_with(deepgram), "{tag}");
        assert!(asked("flux").contains(flux), "{tag}");
        let is_hinted = asked("flux").contains("language_hint");
        assert_eq!(is_hinted, flux.starts_with("language_hint"), "{tag}");
        let model = format!("speech_model=universal-streaming-{assemblyai}&");
        assert!(asked("assemblyai").contains(&model), "{tag}");
    }
}

#[test]
fn flux_takes_turns_as_told_within_its_bounds() {
    let rows = [
        (
            FluxTurns {
                end_sureness: 1.0,
                eager_sureness: None,
                end_silence_ms: 30_000,
                may_be_forced: true,
            },
            "eot_threshold=1&eot_timeout_ms=30000",
            Some("ForceEndTurn"),
        ),
        (
            FluxTurns {
                end_sureness: f32::NAN,
                eager_sureness: Some(7.0),
                end_silence_ms: 0,
                may_be_forced: false,
            },
            "eot_threshold=0.5&eot_timeout_ms=500&eager_eot_threshold=0.9",
            None,
        ),
    ];
    for (turns, query, question) in rows {
        let mut codec = Flux::with_turns(&SttSettings::default(), KEY, turns);
        let path = codec.handshake().path;
        assert!(path.ends_with(query), "{path}");
        let mut out = Vec::new();
        codec.finalize(&mut out);
        let sent = question.map(|name| Sent::Text(format!("{{\"type\":\"{name}\"}}")));
        assert_eq!(out, Vec::from_iter(sent));
    }
}

#[test]
fn a_long_list_of_terms_does_not_make_a_long_path() {
    let terms: Vec<String> = (0..500).map(|n| format!("ü term {n}")).collect();
    let settings = SttSettings {
        key_terms: terms,
        ..SttSettings::default()
    };
    for (name, new) in CODECS {
        let path = new(&settings).handshake().path;
        assert!(path.len() <= 6 * 1024, "{name}");
        assert!(path.contains("term"), "{name}");
    }
}

#[test]
fn questions_and_goodbyes_are_those_of_the_provider() {
    let rows: [(&str, &[&str], &str, Option<&str>); 3] = [
        ("deepgram", &["Finalize"], "CloseStream", Some("KeepAlive")),
        ("flux", &[], "CloseStream", None),
        (
            "assemblyai",
            &["ForceEndpoint"],
            "Terminate",
            Some("KeepAlive"),
        ),
    ];
    let message = |name: &str| Sent::Text(format!("{{\"type\":\"{name}\"}}"));
    for (name, questions, goodbye, alive) in rows {
        let mut codec = new(name, &SttSettings::default());
        let (ms, kept) = codec.keep_alive().unwrap();
        assert!((3_000..=5_000).contains(&ms), "{name}");
        match alive {
            Some(alive) => assert_eq!(kept, message(alive), "{name}"),
            None => assert_eq!(kept, Sent::Binary(vec![0xff; 160]), "{name}"),
        }
        let mut out = Vec::new();
        codec.finalize(&mut out);
        codec.close(&mut out);
        let expected: Vec<Sent> = questions
            .iter()
            .chain([&goodbye])
            .map(|name| message(name))
            .collect();
        assert_eq!(out, expected, "{name}");
    }
}

#[test]
fn assemblyai_gets_messages_of_the_right_length() {
    let lengths = |out: &[Sent]| {
        out.iter()
            .filter_map(|sent| match sent {
                Sent::Binary(audio) => Some(audio.len()),
                Sent::Text(_) => None,
            })
            .collect::<Vec<_>>()
    };
    let mut codec = new("assemblyai", &SttSettings::default());
    let mut out = Vec::new();
    for _ in 0..4 {
        codec.audio(&[1; 160], &mut out);
    }
    assert_eq!(lengths(&out), [480], "three frames of 20 ms in one message");
    codec.finalize(&mut out);
    assert_eq!(lengths(&out), [480], "20 ms cannot be sent by themselves");
    codec.audio(&[1; 240], &mut out);
    codec.finalize(&mut out);
    assert_eq!(lengths(&out), [480, 400], "50 ms can");
    for bytes in [8_000, 8_001, 15_039, 15_041, 100_000] {
        out.clear();
        codec.audio(&vec![1; bytes], &mut out);
        let lengths = lengths(&out);
        assert!(lengths.iter().all(|length| (400..=8_000).contains(length)));
        assert_eq!(lengths.iter().sum::<usize>(), bytes);
    }
    out.clear();
    codec.audio(&[1; 8], &mut out);
    codec.close(&mut out);
    assert_eq!(lengths(&out), [400]);
}
