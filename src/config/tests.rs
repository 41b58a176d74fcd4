//! What a file says, and what is wrong with it.

use super::*;
use crate::stack::Behind;
use crate::think::Dialect;

fn parsed(text: &str) -> Result<Config, String> {
    let config = Config::parse(Path::new("/etc/trunkline/trunkline.toml"), text)
        .map_err(|e| e.to_string())?;
    config.check().map_err(|e| e.to_string())?;
    Ok(config)
}

#[test]
fn three_lines_are_a_language_model() {
    let text = "[llm]\nbase_url = \"http://127.0.0.1:11434/v1\"\nmodel = \"llama3.2\"\n";
    let chat = parsed(text).unwrap().chat().unwrap();
    assert_eq!((chat.model.as_str(), chat.api_key), ("llama3.2", None));
    assert_eq!(chat.dialect, Dialect::OpenAi);
    let text = "[llm]\ndialect = \"anthropic\"\nbase_url = \"https://x\"\nmodel = \"y\"\n";
    let chat = parsed(text).unwrap().chat().unwrap();
    assert_eq!(chat.dialect, Dialect::Anthropic);
}

#[test]
fn limits_follow_the_file() {
    let limits = |text| parsed(text).unwrap().limits();
    let rate = limits("[api]\nrequests_per_second = 7").rate;
    assert_eq!((rate.per_second, rate.burst), (7, 14));
    let limits = limits("[api]\nburst = 9\nconnections = 5");
    assert_eq!((limits.rate.burst, limits.doorway.connections_max), (9, 5));
}

#[test]
fn paths_are_relative_to_the_file() {
    assert_eq!(
        parsed("data = \"d\"").unwrap().data,
        Path::new("/etc/trunkline/d")
    );
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, names) in [
        (
            "lisen = \"127.0.0.1:1\"",
            vec!["trunkline.toml", "line 1", "lisen"],
        ),
        ("\n\nlisten = \"here\"", vec!["line 3", "listen"]),
        (
            "listen = \"8080\"",
            vec!["line 1", "an IP address and a port, as 127.0.0.1:8080"],
        ),
        (
            "[llm]\nmax_tokens = 0",
            vec!["llm.max_tokens: must be between 16 and 4096"],
        ),
        ("public_url = \"https://x\"", vec!["public_url", "wss://"]),
        ("public_url = \"wss://\"", vec!["public_url"]),
        ("[speech]\nworkers = 0", vec!["speech.workers", "between 1"]),
        ("[api]\nburst = 0", vec!["api.burst", "between 1"]),
        (
            "[api]\nconnections = 0",
            vec!["api.connections", "between 1"],
        ),
        (
            "[limits]\ncpu_percent_max = 5",
            vec!["limits.cpu_percent_max", "10 and 100", "or 0"],
        ),
        (
            "[limits]\ncpu_percent_max = 101",
            vec!["limits.cpu_percent_max"],
        ),
        (
            "[limits]\nloop_lag_ms_max = 4",
            vec!["limits.loop_lag_ms_max", "5 and"],
        ),
        (
            "[limits]\ninference_wait_ms_max = 20000",
            vec!["limits.inference_wait_ms_max", "10000"],
        ),
        ("[llm]\nbase_url = \"http://x/v1\"", vec!["llm", "both"]),
        (
            "[llm]\ndialect = \"esperanto\"",
            vec!["line 2", "dialect", "openai", "anthropic"],
        ),
        (
            "[llm]\nbase_url = \"x\"\nmodel = \"y\"",
            vec!["llm.base_url", "http://"],
        ),
        (
            "[llm]\nbase_url = \"http://x\"\nmodel = \"y\"\ntemperature = 9.0",
            vec!["llm.temperature"],
        ),
    ] {
        let error = parsed(text).expect_err(text);
        for name in names {
            assert!(
                error.contains(name),
                "{text:?} gave {error:?}, which does not name {name:?}"
            );
        }
    }
}

const FALLBACKS: &str = "[llm]\nbase_url = \"http://a/v1\"\nmodel = \"a\"\n\
    [[llm.fallbacks]]\nbase_url = \"http://b/v1\"\nmodel = \"b\"\napi_key = \"sekrit\"\n\
    [[llm.fallbacks]]\ndialect = \"anthropic\"\nbase_url = \"https://c\"\nmodel = \"c\"\n\
    [recogniser]\nvendor = \"deepgram\"\napi_key = \"k\"\n\
    [[recogniser.fallbacks]]\nvendor = \"assemblyai\"\napi_key = \"k\"\n\
    [[recogniser.fallbacks]]\nvendor = \"embedded\"\n\
    [voice]\nvendor = \"cartesia\"\nvoice = \"v\"\napi_key = \"k\"\n\
    [[voice.fallbacks]]\nvendor = \"deepgram_aura\"\napi_key = \"k\"\n";

#[test]
fn fallbacks_are_in_order_and_have_keys_of_their_own() {
    let mut config = parsed(FALLBACKS).unwrap();
    assert!(!format!("{config:?}").contains("sekrit"));
    config.read_fallback_keys(|name| {
        let known = [
            "TRUNKLINE_LLM_FALLBACK_2_API_KEY",
            "TRUNKLINE_VOICE_FALLBACK_1_API_KEY",
        ];
        known.contains(&name).then(|| format!("of {name}"))
    });
    let defaults = config.stages().unwrap();
    let models = defaults.chat_behind.iter();
    let models: Vec<_> = models
        .map(|chat| (chat.model.as_str(), chat.api_key.as_deref()))
        .collect();
    let second = Some("of TRUNKLINE_LLM_FALLBACK_2_API_KEY");
    assert_eq!(models, [("b", Some("sekrit")), ("c", second)]);
    let names = |behind: &[Behind]| -> Vec<String> {
        let show = |behind: &Behind| match behind {
            Behind::Chosen(chosen) => format!("{} {}", chosen.vendor.name, chosen.account.key),
            Behind::Embedded => "embedded".into(),
        };
        behind.iter().map(show).collect()
    };
    assert_eq!(
        names(&defaults.recogniser_behind),
        ["assemblyai k", "embedded"]
    );
    let voice = "deepgram_aura of TRUNKLINE_VOICE_FALLBACK_1_API_KEY";
    assert_eq!(names(&defaults.voice_behind), [voice]);
    let none = parsed("").unwrap().stages().unwrap();
    assert!(none.recogniser_behind.is_empty() && none.chat_behind.is_empty());
}

#[test]
fn a_fallback_that_cannot_take_over_is_refused() {
    let model = "[[llm.fallbacks]]\nbase_url = \"http://b\"\nmodel = \"b\"\n";
    let first = "[llm]\nbase_url = \"http://a\"\nmodel = \"a\"\n";
    let ears = "[recogniser]\nvendor = \"deepgram\"\napi_key = \"k\"\n";
    let behind = |vendor: &str| format!("[[recogniser.fallbacks]]\nvendor = \"{vendor}\"\n");
    for (text, name) in [
        (format!("{first}{}", model.repeat(4)), "at most 3"),
        (model.to_owned(), "set llm.base_url"),
        (
            format!("{first}[[llm.fallbacks]]\nmodel = \"b\"\n"),
            "base_url",
        ),
        (
            format!("{first}{model}[[llm.fallbacks.fallbacks]]\nmodel = \"c\"\n"),
            "of its own",
        ),
        (format!("{ears}{}", behind("nobody")), "no vendor of it"),
        (format!("{ears}{}", behind("assemblyai")), "needs a key"),
        (
            format!("{ears}{}", behind("embedded").repeat(4)),
            "at most 3",
        ),
        (
            format!("{ears}{}model = \"m\"\n", behind("embedded")),
            "nothing to choose",
        ),
        (
            format!("{ears}{}turns = \"own\"\n", behind("embedded")),
            "of its own",
        ),
        (behind("embedded"), "set recogniser.vendor"),
        (
            format!("{ears}turns = \"cloud\"\n{}", behind("embedded")),
            "recogniser.fallbacks: ",
        ),
        (
            format!("{ears}{}api_key = \"k\"\n", behind("deepgram_flux")),
            "recogniser.fallbacks: ",
        ),
    ] {
        let error = parsed(&text).expect_err(&text);
        assert!(error.contains(name), "{text:?} gave {error:?}");
    }
}

#[test]
fn a_key_is_not_shown() {
    let config =
        parsed("[llm]\nbase_url = \"http://x\"\nmodel = \"y\"\napi_key = \"sekrit\"").unwrap();
    assert!(!format!("{config:?} {:?}", config.chat()).contains("sekrit"));
}
