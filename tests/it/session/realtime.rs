//! Calls held by a model that hears and speaks: whole ones in both dialects, interrupted ones, and those in which it fails.

use serde_json::{Value, json};
use trunkline::carrier_double::{CallRecord, Event};
use trunkline::stack::Defaults;
use trunkline_core::call::{EndReason, Note, Stage};

use super::chat::{GOODBYE, MOMENT};
use super::model::{Answer, Model};
use super::rig::{self, House, OPENING, Plot, agent_said, heard, longest_silence_ms, speech};
use super::speaker::{Reply, Speaker, voiced};
use super::stand_in::Does;
use super::tongue;

const GREETING: &str = "How can I help you?";
const HOURS: &str = "We are open from eight in the morning, every day. Which day suits you best?";

struct Held {
    record: CallRecord,
    notes: Vec<Note>,
    heard: String,
}

async fn house(speaker: &Speaker, spare: Option<&Model>) -> House {
    House::build(Plot {
        defaults: Defaults {
            realtime: Some(speaker.chosen()),
            chat: spare.map(|model| model.settings.clone()),
            ..Defaults::default()
        },
        ..Plot::default()
    })
    .await
}

/// Says these things, each when the agent has been quiet for a while, and waits for the end.
async fn hold(house: &House, says: &[&str]) -> Held {
    hold_by("speaker", house, says).await
}

/// The same by another agent.
async fn hold_by(agent: &str, house: &House, says: &[&str]) -> Held {
    let mut notes = house.notes();
    let mut call = house.call(agent).await;
    for words in says {
        call.wait_until_agent_quiet(900).await.unwrap();
        call.speak(speech(words)).await.unwrap();
        call.wait_for_answer().await.unwrap();
    }
    call.wait_until_over().await;
    let record = call.finish().await.unwrap();
    assert_eq!(record.violations, []);
    let all = heard(&record);
    let heard = all.strip_prefix(&format!("{OPENING} {GREETING} "));
    Held {
        heard: heard.unwrap_or(&all).to_owned(),
        record,
        notes: notes.take(),
    }
}

fn taken_over(notes: &[Note]) -> Vec<(Stage, &'static str)> {
    let taken_over = |note: &Note| {
        let Note::TakenOver { stage, vendor, .. } = note else {
            return None;
        };
        Some((*stage, *vendor))
    };
    notes.iter().filter_map(taken_over).collect()
}

/// A conversation as it was asked about: whose each turn is, and its words; `*` for sound.
fn asked(create: &Value) -> Vec<String> {
    let turn = |item: &Value| match item["type"].as_str().unwrap() {
        "item_reference" => "*".to_owned(),
        _ => format!(
            "{}: {}",
            item["role"].as_str().unwrap(),
            item["content"][0]["text"].as_str().unwrap()
        ),
    };
    create["response"]["input"]
        .as_array()
        .unwrap()
        .iter()
        .map(turn)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_whole_call_is_held_in_both_dialects() {
    for is_beta in [false, true] {
        let speaker = Speaker::open(is_beta, [Reply::Says(HOURS), Reply::Goodbye(GOODBYE)]).await;
        let house = house(&speaker, None).await;
        let says = ["When are you open?", "Thank you, bye."];
        let held = hold(&house, &says).await;
        let said = format!("{HOURS} {GOODBYE}");
        assert_eq!(held.heard, said.to_uppercase(), "in its own voice");
        assert_eq!(rig::caller_said(&held.notes), says);
        let words: Vec<String> = agent_said(&held.notes)
            .into_iter()
            .map(|(text, _)| text)
            .collect();
        assert_eq!(words, [OPENING, GREETING, HOURS, GOODBYE], "in its words");
        assert_eq!(rig::reason(&held.notes), EndReason::AgentHungUp);
        assert_eq!((taken_over(&held.notes), held.record.clears), (vec![], 0));
        assert_eq!(speaker.heard(), says);
        assert_eq!(speaker.errors(), Vec::<Value>::new());

        let [head] = &speaker.heads()[..] else {
            panic!("one socket")
        };
        assert!(
            head.starts_with("get /v1/realtime?model=stand-in http/1.1"),
            "{head}"
        );
        assert!(head.contains("authorization: bearer hush"), "{head}");
        assert_eq!(head.contains("openai-beta: realtime=v1"), is_beta);
        let update = &speaker.came("session.update")[0]["session"];
        let detection = match is_beta {
            true => &update["turn_detection"],
            false => &update["audio"]["input"]["turn_detection"],
        };
        assert_eq!(
            detection["create_response"],
            json!(false),
            "the call decides"
        );
        assert_eq!(detection["interrupt_response"], json!(false));
        let creates = speaker.came("response.create");
        let before = format!("assistant: {OPENING}");
        let greeting = format!("assistant: {GREETING}");
        assert_eq!(asked(&creates[0]), [&*before, &greeting, "*"]);
        assert_eq!(asked(&creates[1]), [&*before, &greeting, "*", "*", "*"]);
        let instructions = creates[0]["response"]["instructions"].as_str().unwrap();
        assert!(instructions.starts_with("You are Robin."), "{instructions}");
        assert_eq!(creates.len(), 2);
        assert!(speaker.came("conversation.item.truncate").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_interruption_truncates_to_what_was_heard() {
    for after_ms in [700, 1_500, 2_900, 3_777] {
        let speaker = Speaker::open(false, [Reply::Says(HOURS), Reply::Goodbye(GOODBYE)]).await;
        let house = house(&speaker, None).await;
        let mut notes = house.notes();
        let mut call = house.call("speaker").await;
        let mut events = call.events();
        call.wait_until_agent_quiet(900).await.unwrap();
        call.speak(speech("When are you open?")).await.unwrap();
        call.wait_for_answer().await.unwrap();
        call.stay_silent(after_ms).await.unwrap();
        call.speak(speech("Tell me about Tuesday in the evening."))
            .await
            .unwrap();
        call.wait_until_over().await;
        let mut cleared_ms = 0;
        while let Ok(event) = events.try_recv() {
            if let Event::Cleared { at_ms, .. } = event {
                cleared_ms = at_ms;
            }
        }
        let record = call.finish().await.unwrap();
        assert!(
            heard(&record).ends_with(&GOODBYE.to_uppercase()),
            "{}",
            heard(&record)
        );
        let agent = record.agent();
        let whole = tongue::samples(&voiced(HOURS));
        let began = agent.windows(960).position(|w| w == &whole[..960]).unwrap();
        let played_ms = cleared_ms - began as u64 / 8;
        let truncations = speaker.came("conversation.item.truncate");
        let [truncation] = &truncations[..] else {
            panic!("{truncations:?}")
        };
        let kept_ms = truncation["audio_end_ms"].as_u64().unwrap();
        println!("after {after_ms}: played {played_ms} ms, kept {kept_ms} ms");
        assert!(
            kept_ms <= played_ms && played_ms - kept_ms <= 60,
            "{kept_ms} of {played_ms}"
        );
        assert_eq!(
            speaker.errors(),
            Vec::<Value>::new(),
            "nothing that it has not given"
        );
        // The words, to the one that was being said.
        let said = agent_said(&notes.take());
        let cut: Vec<&String> = said
            .iter()
            .filter(|(_, cut)| *cut)
            .map(|(text, _)| text)
            .collect();
        let [cut] = &cut[..] else { panic!("{said:?}") };
        let heard_words = tongue::words(&whole[..played_ms as usize * 8])
            .split(' ')
            .count();
        let written = cut.split(' ').count();
        assert!(HOURS.starts_with(&***cut), "{cut}");
        assert!(
            written <= heard_words && heard_words - written <= 2,
            "{cut:?}: {written} of {heard_words}"
        );
        // What it is asked next refers to what is left of its own sound.
        let creates = speaker.came("response.create");
        let item = &creates.last().unwrap()["response"]["input"][3];
        assert_eq!(item["id"], truncation["item_id"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_caller_speaks_over_at_once_is_cancelled_and_asked_anew() {
    let replies = [Reply::Says(HOURS), Reply::Goodbye(GOODBYE)];
    let speaker = Speaker::open(false, replies).await;
    let house = house(&speaker, None).await;
    let mut call = house.call("speaker").await;
    call.wait_until_agent_quiet(900).await.unwrap();
    call.speak(speech("I need an appointment.")).await.unwrap();
    call.stay_silent(320).await.unwrap();
    call.speak(speech("And so does my wife.")).await.unwrap();
    call.wait_until_over().await;
    let all = heard(&call.finish().await.unwrap());
    assert!(all.ends_with(&GOODBYE.to_uppercase()), "{all}");
    let creates = speaker.came("response.create");
    let [_, second] = &creates[..] else {
        panic!("{} answers were asked for", creates.len())
    };
    assert_eq!(speaker.came("response.cancel").len(), 1, "{all}");
    let said = asked(second).into_iter().filter(|turn| turn == "*").count();
    assert!(said >= 2, "both things that were said: {:?}", asked(second));
}

#[tokio::test(start_paused = true)]
async fn a_guess_that_holds_is_asked_for_once_and_heard_once() {
    let speaker = Speaker::open(false, [Reply::Says(HOURS), Reply::Goodbye(GOODBYE)]).await;
    let house = house(&speaker, None).await;
    // Nobody scores turns, so they are waited out, and the answer is thought of meanwhile.
    house.ears.turn.always(Does::Hangs);
    let says = ["When are you open?", "Thank you, bye."];
    let held = hold_by("eager", &house, &says).await;
    assert_eq!(held.heard, format!("{HOURS} {GOODBYE}").to_uppercase());
    assert_eq!(rig::reason(&held.notes), EndReason::AgentHungUp);
    let ahead: Vec<bool> = held
        .notes
        .iter()
        .filter_map(|note| {
            let Note::Timed { timing, .. } = note else {
                return None;
            };
            Some(timing.is_ahead)
        })
        .collect();
    assert_eq!(ahead, [true, true], "both were guesses");
    let creates = speaker.came("response.create");
    assert_eq!(creates.len(), 2);
    // It is asked about the sound of what was said, and knows its own answer as sound afterwards.
    assert_eq!(asked(&creates[0]).last().unwrap(), "*");
    assert_eq!(asked(&creates[1])[3..], ["*", "*"]);
    for undone in [
        "response.cancel",
        "conversation.item.truncate",
        "conversation.item.delete",
    ] {
        assert_eq!(speaker.came(undone), Vec::<Value>::new(), "{undone}");
    }
    assert_eq!(speaker.errors(), Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn a_guess_that_is_wrong_costs_a_cancelled_answer_and_nothing_that_is_heard() {
    let long = "Certainly, for which day of the week shall I write that down? Mornings are best, since it is quiet \
        then, and on Tuesdays and on Thursdays there is somebody here until late in the evening. If you would rather come \
        at noon, that can be done on Wednesdays, but then you may have to wait for a while, since others do so too.";
    for (guess, cancels, deletes) in [
        // In the making when the caller goes on.
        (Reply::Says(long), 1, 1),
        (Reply::Silence, 1, 0),
        // Whole by then; one of them would have ended the call.
        (Reply::Says("Yes?"), 0, 1),
        (Reply::Goodbye("Bye."), 0, 1),
        // It failed, and nobody noticed.
        (Reply::Fails, 0, 0),
        (Reply::Refuses, 0, 0),
    ] {
        let what = format!("{guess:?}");
        let replies = [guess, Reply::Says(HOURS), Reply::Goodbye(GOODBYE)];
        let speaker = Speaker::open(false, replies).await;
        let house = house(&speaker, None).await;
        house.ears.turn.always(Does::Hangs);
        let mut notes = house.notes();
        let mut call = house.call("eager").await;
        call.wait_until_agent_quiet(900).await.unwrap();
        call.speak(speech("I need an appointment.")).await.unwrap();
        call.stay_silent(450).await.unwrap();
        call.speak(speech("And so does my wife.")).await.unwrap();
        call.wait_for_answer().await.unwrap();
        call.wait_until_agent_quiet(900).await.unwrap();
        call.speak(speech("Thank you, bye.")).await.unwrap();
        call.wait_until_over().await;
        let record = call.finish().await.unwrap();
        let notes = notes.take();
        let said = format!(
            "{OPENING} {GREETING} {}",
            format!("{HOURS} {GOODBYE}").to_uppercase()
        );
        assert_eq!(heard(&record), said, "{what}");
        assert_eq!((record.clears, record.violations), (0, vec![]), "{what}");
        assert_eq!(rig::reason(&notes), EndReason::AgentHungUp, "{what}");
        let creates = speaker.came("response.create");
        assert_eq!(creates.len(), 3, "{what}");
        assert_eq!(asked(&creates[0])[2..], ["*"], "{what}");
        assert_eq!(asked(&creates[1])[2..], ["*", "*"], "{what}");
        assert_eq!(asked(&creates[2])[2..], ["*", "*", "*", "*"], "{what}");
        let undone = (
            speaker.came("response.cancel").len(),
            speaker.came("conversation.item.delete").len(),
        );
        assert_eq!(undone, (cancels, deletes), "{what}");
        assert!(
            speaker.came("conversation.item.truncate").is_empty(),
            "{what}"
        );
        let refused = usize::from(what == "Refuses");
        assert_eq!(speaker.errors().len(), refused, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_mind_can_veto_is_obeyed_before_it_is_asked() {
    let speaker = Speaker::open(false, []).await;
    let house = house(&speaker, None).await;
    let held = hold(&house, &["Please don't call me again."]).await;
    assert_eq!(rig::reason(&held.notes), EndReason::OptedOut);
    assert_eq!(
        held.heard, "Understood. Oak will not call you again. Goodbye.",
        "by the voice"
    );
    assert!(speaker.came("response.create").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_denial_of_what_it_is_is_never_heard() {
    let lie = "No, I am not a robot. I am a person like you. What else?";
    let speaker = Speaker::open(false, [Reply::Says(lie), Reply::Goodbye(GOODBYE)]).await;
    let house = house(&speaker, None).await;
    let held = hold(&house, &["May I ask something odd?", "Thank you, bye."]).await;
    let truth = "Yes, I am an AI assistant of Oak, not a person.";
    assert!(held.heard.contains(truth), "{}", held.heard);
    assert!(!held.heard.contains("NOT A ROBOT"), "{}", held.heard);
    let creates = speaker.came("response.create");
    let told = asked(&creates[1])
        .into_iter()
        .find(|turn| turn.contains(truth));
    assert!(told.is_some(), "it is told what was said in its place");
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_is_not_there_is_refused_and_the_words_are_said() {
    let open = "We are open today.";
    let replies = [
        Reply::Calls(open),
        Reply::Says("There is no table."),
        Reply::Goodbye(GOODBYE),
    ];
    let speaker = Speaker::open(false, replies).await;
    let house = house(&speaker, None).await;
    let held = hold(&house, &["When are you open?", "Thank you, bye."]).await;
    let said = format!("{open} There is no table. {GOODBYE}");
    assert_eq!(held.heard, said.to_uppercase());
    let outputs = speaker.came("conversation.item.create");
    assert_eq!(outputs[0]["item"]["call_id"], json!("call_1"));
}

#[tokio::test(start_paused = true)]
async fn whoever_stands_behind_it_answers_when_it_does_not() {
    let open = "We are open today.";
    for trouble in [Reply::Fails, Reply::Refuses, Reply::Silence] {
        let name = format!("{trouble:?}");
        let speaker = Speaker::open(false, [trouble]).await;
        let spare = Model::open([Answer::Words(vec![open], 0), Answer::Goodbye(GOODBYE)]).await;
        let house = house(&speaker, Some(&spare)).await;
        let held = hold(&house, &["When are you open?", "Thank you, bye."]).await;
        let without = held.heard.replace("One moment, please. ", "");
        assert_eq!(without, format!("{open} {GOODBYE}"), "{name}");
        assert_eq!(
            taken_over(&held.notes),
            [(Stage::Mind, "openai_compatible")],
            "{name}"
        );
        assert_eq!(
            rig::caller_said(&held.notes),
            ["When are you open?", "Thank you, bye."]
        );
        let silence = longest_silence_ms(&held.record);
        assert!(silence < 3_000, "{name}: {silence} ms of silence");
        assert!(
            spare.requests()[0].contains("When are you open?"),
            "no word is lost"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn with_nobody_behind_it_is_asked_again_and_then_the_call_ends_in_words() {
    let speaker = Speaker::open(false, [Reply::Fails, Reply::Goodbye(GOODBYE)]).await;
    let again = hold(&house(&speaker, None).await, &["Thank you, bye."]).await;
    assert_eq!(again.heard, format!("{MOMENT} {}", GOODBYE.to_uppercase()));
    let speaker = Speaker::open(false, [Reply::Fails, Reply::Fails]).await;
    let over = hold(&house(&speaker, None).await, &["Thank you, bye."]).await;
    assert_eq!(rig::reason(&over.notes), EndReason::Failed(Stage::Mind));
    assert!(
        over.heard.ends_with("Please try again later. Goodbye."),
        "{}",
        over.heard
    );
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_cut_or_stalls_in_an_answer_costs_no_call_and_no_word() {
    for broken in [Reply::Cuts(HOURS, 3_300), Reply::Stalls(HOURS, 3_300)] {
        let name = format!("{broken:?}");
        let speaker = Speaker::open(false, [broken.clone()]).await;
        let spare = Model::open([
            Answer::Words(vec!["On Monday then."], 0),
            Answer::Goodbye(GOODBYE),
        ])
        .await;
        let house = house(&speaker, Some(&spare)).await;
        let held = hold(
            &house,
            &["When are you open?", "On Monday please.", "Thank you, bye."],
        )
        .await;
        assert!(
            held.heard.ends_with(&format!("On Monday then. {GOODBYE}")),
            "{name}: {}",
            held.heard
        );
        // The voice says a clause of which nothing was played, and nobody is told.
        let begins = match matches!(broken, Reply::Cuts(..)) {
            true => "WE ARE OPEN FROM EIGHT IN THE MORNING, every day. Sorry, something",
            false => "WE ARE OPEN FROM EIGHT IN THE MORN",
        };
        assert!(held.heard.starts_with(begins), "{name}: {}", held.heard);
        let says = ["When are you open?", "On Monday please.", "Thank you, bye."];
        assert_eq!(rig::caller_said(&held.notes), says, "{name}");
        let silence = longest_silence_ms(&held.record);
        assert!(silence < 3_000, "{name}: {silence} ms of silence");
        let request = &spare.requests()[0];
        for words in ["When are you open?", "We are open", "On Monday please."] {
            assert!(request.contains(words), "{name}: {request}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_cut_before_a_clause_is_whole_is_never_noticed() {
    for broken in [Reply::Cuts(HOURS, 1_000), Reply::Stalls(HOURS, 1_000)] {
        let name = format!("{broken:?}");
        let open = "We are open today.";
        let speaker = Speaker::open(false, [broken]).await;
        let spare = Model::open([Answer::Words(vec![open], 0), Answer::Goodbye(GOODBYE)]).await;
        let house = house(&speaker, Some(&spare)).await;
        let held = hold(&house, &["When are you open?", "Thank you, bye."]).await;
        let without = held.heard.replace("One moment, please. ", "");
        assert_eq!(without, format!("{open} {GOODBYE}"), "{name}");
        let silence = longest_silence_ms(&held.record);
        assert!(silence < 3_000, "{name}: {silence} ms of silence");
    }
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_cannot_be_reached_is_passed_over_whole() {
    let open = "We are open today.";
    let speaker = Speaker::shut("503 Busy").await;
    let spare = Model::open([Answer::Words(vec![open], 0), Answer::Goodbye(GOODBYE)]).await;
    let house = house(&speaker, Some(&spare)).await;
    let held = hold(&house, &["When are you open?", "Thank you, bye."]).await;
    assert_eq!(held.heard, format!("{open} {GOODBYE}"));
    let all = [
        (Stage::Ears, "embedded"),
        (Stage::Mind, "openai_compatible"),
    ];
    assert_eq!(taken_over(&held.notes), all);
    assert!(longest_silence_ms(&held.record) < 3_000);
}
