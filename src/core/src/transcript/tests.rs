use super::*;
use crate::consent::{Method, Refusal};
use crate::journal::Latency;
use crate::journal::{Audio, Began, Ended, Step};
use crate::token::Direction;

fn began() -> Entry {
    Entry::Began(Began {
        unix_ms: 1_700_000_000_000,
        agent: "front-desk".into(),
        agent_version: 1,
        direction: Direction::Inbound,
        mode: Mode::AnnounceContinue,
        rules: "test@0".into(),
        because: vec!["number +1 415: US-CA".into()],
    })
}

fn said(speaker: Speaker, from_ms: u64, to_ms: u64, text: &str) -> Kept {
    Kept {
        speaker,
        from_ms,
        to_ms,
        text: text.into(),
        keys: None,
        confidence: None,
        cut: false,
        halts: Vec::new(),
        latency: None,
        words: Vec::new(),
        tool: None,
    }
}

fn consent(at_ms: u64, step: Step) -> Entry {
    Entry::Consent(Consent { at_ms, step })
}

const GRANTED: Step = Step::Granted {
    method: Method::WentOn,
};

/// A short call with everything in it.
fn call() -> Vec<Entry> {
    vec![
        began(),
        consent(
            2_500,
            Step::Announced {
                from_ms: 100,
                again: false,
            },
        ),
        Entry::NotKept {
            from_ms: 2_600,
            to_ms: 3_400,
        },
        consent(3_400, GRANTED),
        Entry::Turn(said(
            Speaker::Agent,
            100,
            2_500,
            "Hello, this call is recorded.",
        )),
        Entry::Turn(Kept {
            confidence: Some(0.5),
            words: vec![Word {
                from_ms: 4_000,
                to_ms: 4_300,
                text: "Is".into(),
            }],
            ..said(Speaker::Caller, 4_000, 5_000, "Is <b>R&D</b> open?")
        }),
        Entry::Turn(Kept {
            cut: true,
            halts: vec![
                Halt {
                    at_ms: 6_200,
                    resumed_ms: Some(6_900),
                },
                Halt {
                    at_ms: 7_800,
                    resumed_ms: None,
                },
            ],
            latency: Some(Box::new(Latency {
                speech_end_ms: 5_000,
                decided_ms: 5_200,
                first_token_ms: Some(5_400),
                first_audio_ms: 5_640,
                ..Latency::default()
            })),
            ..said(Speaker::Agent, 5_640, 7_800, "Yes, from nine\nto five")
        }),
        Entry::Turn(Kept {
            keys: Some("12#".into()),
            ..said(Speaker::Caller, 8_000, 8_000, "")
        }),
        Entry::Ended(Ended {
            at_ms: 9_000,
            reason: "caller_hung_up".into(),
        }),
    ]
}

#[test]
fn plain_text_reads_like_the_call() {
    assert_eq!(
        Transcript::of(&call()).render(Format::Text),
        "\
00:00:00.100 Agent: Hello, this call is recorded.
00:00:02.500 [the recording notice was heard]
00:00:02.600 Caller: [not kept]
00:00:03.400 [recording was agreed to: the caller went on]
00:00:04.000 Caller: Is <b>R&D</b> open?
00:00:05.640 Agent: Yes, from nine to five [halted 00:00:06.200, went on 00:00:06.900] [halted 00:00:07.800] [cut off] [answered in 640 ms]
00:00:08.000 Caller: [pressed 12#]
"
    );
}

#[test]
fn web_captions_name_the_speaker_and_hold_no_markup_of_the_callers() {
    assert_eq!(
        Transcript::of(&call()).render(Format::Vtt),
        "\
WEBVTT

1
00:00:00.100 --> 00:00:02.500
<v Agent>Hello, this call is recorded.</v>

2
00:00:02.600 --> 00:00:03.400
<v Caller>[not kept]</v>

3
00:00:04.000 --> 00:00:05.000
<v Caller>Is &lt;b&gt;R&amp;D&lt;/b&gt; open?</v>

4
00:00:05.640 --> 00:00:07.800
<v Agent>Yes, from nine to five [halted 00:00:06.200, went on 00:00:06.900] [halted 00:00:07.800] [cut off]</v>

5
00:00:08.000 --> 00:00:08.001
<v Caller>[pressed 12#]</v>
"
    );
}

#[test]
fn sub_rip_captions_are_numbered_and_hold_no_markup_of_the_callers() {
    assert_eq!(
        Transcript::of(&call()).render(Format::Srt),
        "\
1
00:00:00,100 --> 00:00:02,500
Agent: Hello, this call is recorded.

2
00:00:02,600 --> 00:00:03,400
Caller: [not kept]

3
00:00:04,000 --> 00:00:05,000
Caller: Is ‹b›R&D‹/b› open?

4
00:00:05,640 --> 00:00:07,800
Agent: Yes, from nine to five [halted 00:00:06.200, went on 00:00:06.900] [halted 00:00:07.800] [cut off]

5
00:00:08,000 --> 00:00:08,001
Caller: [pressed 12#]
"
    );
    assert_eq!(Transcript::default().render(Format::Srt), "");
    assert_eq!(Transcript::default().render(Format::Vtt), "WEBVTT\n");
}

#[test]
fn json_has_it_all() {
    let entries = &call()[..6];
    assert_eq!(
        Transcript::of(entries).render(Format::Json),
        concat!(
            r#"{"began_unix_ms":1700000000000,"mode":"announce_continue","length_ms":5000,"#,
            r#""erased":false,"turns":[{"speaker":"agent","from_ms":100,"to_ms":2500,"#,
            r#""text":"Hello, this call is recorded.","cut":false,"halts":[],"words":[]},"#,
            r#"{"speaker":"caller","from_ms":4000,"to_ms":5000,"text":"Is <b>R&D</b> open?","#,
            r#""confidence":0.5,"cut":false,"halts":[],"#,
            r#""words":[{"from_ms":4000,"to_ms":4300,"text":"Is"}]}],"#,
            r#""not_kept":[{"from_ms":2600,"to_ms":3400}],"#,
            r#""consent":[{"at_ms":2500,"step":{"step":"announced","from_ms":100,"again":false}},"#,
            r#"{"at_ms":3400,"step":{"step":"granted","method":"went_on"}}]}"#,
        )
    );
    let whole: serde_json::Value =
        serde_json::from_str(&Transcript::of(&call()).render(Format::Json)).unwrap();
    assert_eq!(whole["turns"][2]["answered_in_ms"], 640);
    assert_eq!(whole["turns"][2]["latency"]["decided_ms"], 5_200);
    assert_eq!(whole["turns"][2]["halts"][0]["resumed_ms"], 6_900);
    assert_eq!(whole["ended"], "caller_hung_up");
}

#[test]
fn no_words_get_out_of_their_cue() {
    let hostile = "a\n\n00:00:00.000 --> 01:00:00.000\r\n<v Agent>forged\u{2028}\u{85}\0{\\an8}-->";
    let entries = [
        Entry::Turn(said(Speaker::Caller, 5_000, 1_000, hostile)),
        Entry::Turn(Kept {
            keys: Some("\n1-->2".into()),
            ..said(Speaker::Caller, 400_000_000, 400_001_500, "")
        }),
        Entry::Turn(said(Speaker::Agent, 10, 20, " \n ")),
        Entry::Turn(said(Speaker::Agent, u64::MAX, u64::MAX, "late")),
    ];
    let transcript = Transcript::of(&entries);
    assert_eq!(
        transcript.render(Format::Vtt),
        "\
WEBVTT

1
00:00:05.000 --> 00:00:05.001
<v Caller>a 00:00:00.000 --&gt; 01:00:00.000 &lt;v Agent&gt;forged {\\an8}--&gt;</v>

2
111:06:40.000 --> 111:06:41.500
<v Caller>[pressed 1--&gt;2]</v>

3
5124095576030:25:51.615 --> 5124095576030:25:51.615
<v Agent>late</v>
"
    );
    let srt = transcript.render(Format::Srt);
    assert!(srt.contains("Caller: a 00:00:00.000 --› 01:00:00.000 ‹v Agent›forged (\\an8)--›\n"));
    assert_eq!(srt.matches("-->").count(), 3);
    // Four turns, four lines, whatever they say.
    assert_eq!(transcript.render(Format::Text).lines().count(), 4);
}

#[test]
fn turns_come_in_order_of_their_start_and_the_length_is_the_calls() {
    let entries = [
        Entry::Audio(Audio {
            from: 72_000,
            samples: 4_000,
            caller: None,
            agent: None,
        }),
        Entry::Turn(said(Speaker::Agent, 3_000, 9_000, "second")),
        Entry::Turn(said(Speaker::Caller, 1_000, 2_000, "first")),
    ];
    let transcript = Transcript::of(&entries);
    let texts: Vec<&str> = transcript.turns.iter().map(|t| t.text.as_str()).collect();
    assert_eq!(texts, ["first", "second"]);
    assert_eq!(transcript.length_ms, 9_500);
}

#[test]
fn what_the_caller_wanted_gone_is_not_shown() {
    let mut entries = call();
    let withdrawn = consent(
        8_500,
        Step::Withdrawn {
            class: Refusal::Objected,
            erase: true,
            from_ms: 8_400,
        },
    );
    entries.insert(8, withdrawn);
    assert_eq!(
        Transcript::of(&entries).render(Format::Text),
        "\
00:00:00.100 Agent: Hello, this call is recorded.
00:00:02.500 [the recording notice was heard]
00:00:02.600 Caller: [not kept]
00:00:03.400 [recording was agreed to: the caller went on]
00:00:08.500 [recording stopped: the caller objected]
[what was said in this call was deleted]
"
    );
    // The same, but what was before may stay.
    let Entry::Consent(Consent {
        step: Step::Withdrawn { erase, from_ms, .. },
        ..
    }) = &mut entries[8]
    else {
        panic!("the withdrawal is the ninth");
    };
    (*erase, *from_ms) = (false, 7_900);
    let transcript = Transcript::of(&entries);
    assert_eq!((transcript.turns.len(), transcript.erased), (3, false));
    // Once the file was rewritten, a mark stands where the withdrawal's own words were; what stands beside it stays.
    let mark = || Entry::Erased {
        at_ms: 8_000,
        entries: 1,
    };
    entries.insert(8, mark());
    let transcript = Transcript::of(&entries);
    assert_eq!((transcript.turns.len(), transcript.erased), (3, false));
    let left = [
        Entry::Turn(said(Speaker::Agent, 0, 1, "May this call be recorded?")),
        mark(),
    ];
    let transcript = Transcript::of(&left);
    assert!(transcript.erased && transcript.turns.len() == 1);
}

#[test]
fn a_second_hearing_replaces_the_callers_words_and_nothing_else() {
    let mut entries = call();
    for text in ["Is R and D", "open?"] {
        entries.push(Entry::Second {
            turns: vec![said(Speaker::Caller, 4_000, 5_000, text)],
            recogniser: "large".into(),
        });
    }
    let transcript = Transcript::of(&entries);
    let texts: Vec<&str> = transcript.turns.iter().map(|t| t.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "Hello, this call is recorded.",
            "Is R and D",
            "open?",
            "Yes, from nine\nto five",
            ""
        ]
    );
    assert_eq!(transcript.recogniser.as_deref(), Some("large"));
    assert_eq!(transcript.turns[4].keys.as_deref(), Some("12#"));
}

#[test]
fn formats_have_names_and_media_types() {
    for (name, format, starts) in [
        ("json", Format::Json, "application/json"),
        ("text", Format::Text, "text/plain"),
        ("txt", Format::Text, "text/plain"),
        ("vtt", Format::Vtt, "text/vtt"),
        ("srt", Format::Srt, "application/x-subrip"),
    ] {
        assert_eq!(Format::parse(name), Some(format));
        assert!(format.media_type().starts_with(starts));
    }
    assert_eq!(Format::parse("pdf"), None);
}
