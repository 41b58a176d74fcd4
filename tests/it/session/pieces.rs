//! Voices whose sentences come in pieces: in time, too slowly, not to their end, or not at all.

use trunkline::carrier_double::{CallRecord, Ending, Event};
use trunkline_core::call::{EndReason, Note, Stage};

use super::barge_in::{QUESTION, question_at, until_opening_is_said, words_by};
use super::rig::{self, House, OPENING, agent_said, heard, speech};
use super::stand_in::{Break, Does, Trickle};
use super::tongue;

const MOMENT: &str = "Sorry, one moment please.";
const BYE: &str = "Thank you. See you on Monday.";

/// As a voice behind a network speaks.
const FAST: Trickle = Trickle {
    first_ms: 60,
    piece_ms: 50,
    percent: 500,
    breaks: None,
};
const SLOW: Trickle = Trickle {
    percent: 50,
    ..FAST
};

/// A house where nothing was made ahead: these sentences come first, all others as the last of them.
async fn house(trickles: &[Trickle]) -> House {
    let house = House::open().await;
    house.voice.forget_all();
    let mut plan = house.voice.trickles.lock().unwrap();
    let (last, first) = trickles.split_last().unwrap();
    plan.0.extend(first);
    plan.1 = Some(*last);
    drop(plan);
    house
}

struct Held {
    record: CallRecord,
    notes: Vec<Note>,
}

/// Answers the talker's question once, after it was quiet for so long.
async fn hold(house: &House, quiet_ms: u64) -> Held {
    let mut notes = house.notes();
    let mut call = house.call("talker").await;
    call.wait_until_agent_quiet(quiet_ms).await.unwrap();
    call.speak(speech("On Monday please.")).await.unwrap();
    call.wait_until_over().await;
    let record = call.finish().await.unwrap();
    assert_eq!(record.violations, []);
    assert_eq!(record.ending, Ending::ServerClosed(Some(1000)));
    Held {
        record,
        notes: notes.take(),
    }
}

/// All that sounds of these samples.
fn sound(samples: &[i16]) -> Vec<i16> {
    let is_loud = |sample: &i16| sample.unsigned_abs() >= 200;
    samples.iter().copied().filter(is_loud).collect()
}

fn voice_failures(notes: &[Note]) -> usize {
    let failed = |note: &&Note| {
        matches!(
            note,
            Note::StageFailed {
                stage: Stage::Voice,
                ..
            }
        )
    };
    notes.iter().filter(failed).count()
}

#[tokio::test(start_paused = true)]
async fn an_answer_begins_with_its_first_piece_and_flows() {
    let whole = House::open().await;
    whole.voice.forget_all();
    whole.voice.plan.always(Does::Answers(60));
    let whole = hold(&whole, 700).await;
    let pieces = hold(&house(&[FAST]).await, 700).await;
    for held in [&whole, &pieces] {
        let text = format!("{OPENING} {QUESTION} {BYE}");
        assert_eq!(heard(&held.record), text);
        assert_eq!(held.record.underruns, 0);
        assert_eq!(voice_failures(&held.notes), 0);
    }
    let [whole, pieces] = [whole, pieces].map(|held| held.record.turns[0].response_ms().unwrap());
    assert!(pieces <= whole + 40, "{pieces} ms, whole {whole} ms");
}

#[tokio::test(start_paused = true)]
async fn a_voice_slower_than_speech_stumbles_and_loses_nothing() {
    let held = hold(&house(&[SLOW]).await, 2_000).await;
    let text = format!("{OPENING} {QUESTION} {BYE}");
    let want = sound(&tongue::samples(&tongue::voiced(&text)));
    assert!(sound(&held.record.agent()) == want, "all of it, once");
    assert!(held.record.underruns > 10, "{}", held.record.underruns);
    assert_eq!(voice_failures(&held.notes), 0);
    let said: Vec<_> = agent_said(&held.notes);
    assert!(said.iter().all(|(_, cut)| !cut), "{said:?}");
    let said: Vec<_> = said.into_iter().map(|(text, _)| text).collect();
    assert_eq!(said.join(" "), text);
}

#[tokio::test(start_paused = true)]
async fn of_a_sentence_that_still_grows_exactly_the_words_played_are_kept() {
    // It would be whole eleven seconds after it was begun.
    let growing = Trickle {
        percent: 70,
        ..FAST
    };
    for after_ms in [640, 1_333, 2_480, 3_210] {
        let house = house(&[FAST, growing, FAST]).await;
        let mut notes = house.notes();
        let mut call = house.call("talker").await;
        let mut events = call.events();
        until_opening_is_said(&mut call).await;
        call.stay_silent(after_ms).await.unwrap();
        let instead = speech("Please tell me about Monday instead.");
        call.speak(instead).await.unwrap();
        call.wait_until_over().await;
        let mut cleared_ms = 0;
        while let Ok(event) = events.try_recv() {
            if let Event::Cleared { at_ms, .. } = event {
                cleared_ms = at_ms;
            }
        }
        let record = call.finish().await.unwrap();
        let agent = record.agent();
        let began = question_at(&agent);
        let played = usize::try_from(cleared_ms).unwrap() * 8 - began;
        assert_eq!(
            agent[began..began + played],
            tongue::samples(&tongue::voiced(QUESTION))[..played]
        );
        let cut = agent_said(&notes.take());
        let cut: Vec<_> = cut.into_iter().filter(|(_, cut)| *cut).collect();
        assert_eq!(cut, [(words_by(played), true)], "after {after_ms} ms");
        assert_eq!((record.clears, record.violations.len()), (1, 0));
        assert!(heard(&record).ends_with(BYE), "{}", heard(&record));
    }
}

#[tokio::test(start_paused = true)]
async fn a_sentence_that_breaks_off_is_said_again() {
    for breaks in [Break::Error(2_000), Break::Silence(2_000), Break::Error(0)] {
        let broken = Trickle {
            breaks: Some(breaks),
            ..FAST
        };
        // The question is voiced ahead, in two sentences. What breaks off then is asked for again when it is to be said.
        let plan = match breaks {
            Break::Error(_) => &[FAST, broken, FAST, broken, FAST][..],
            Break::Silence(_) => &[FAST, broken, FAST],
        };
        let held = hold(&house(plan).await, 3_000).await;
        let heard = heard(&held.record);
        let name = format!("{breaks:?}: {heard}");
        assert!(heard.starts_with(OPENING), "{name}");
        assert!(
            heard.ends_with(&format!("{MOMENT} {QUESTION} {BYE}")),
            "{name}"
        );
        assert_eq!(voice_failures(&held.notes), 1, "{name}");
        // The transcript has what was heard before, and no word more.
        let said: Vec<_> = agent_said(&held.notes);
        let said: Vec<_> = said.into_iter().map(|(text, _)| text).collect();
        let said = said.join(" ");
        let before = |text: &str| {
            let (before, _) = text.split_once(" Sorry,").unwrap();
            before
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let (told, heard) = (before(&said), before(&heard));
        assert!(heard.starts_with(&told), "{name}: {told:?}");
        assert!(told.len() + 1 >= heard.len(), "{name}: {told:?}");
        assert!(
            said.ends_with(&format!("{MOMENT} {QUESTION} {BYE}")),
            "{said}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_disclosure_that_breaks_off_was_not_made() {
    let broken = Trickle {
        breaks: Some(Break::Error(1_500)),
        ..FAST
    };
    let held = hold(&house(&[broken, FAST]).await, 3_000).await;
    let heard = heard(&held.record);
    assert!(
        heard.contains(&format!("{MOMENT} {OPENING} {QUESTION}")),
        "{heard}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_never_answers_or_never_ends_a_sentence_is_replaced() {
    for breaks in [Break::Silence(0), Break::Silence(1_000), Break::Error(0)] {
        let mute = Trickle {
            breaks: Some(breaks),
            ..FAST
        };
        let house = house(&[mute]).await;
        let mut notes = house.notes();
        let mut call = house.call("talker").await;
        call.wait_until_over().await;
        let record = call.finish().await.unwrap();
        let heard = heard(&record);
        assert!(heard.ends_with(rig::APOLOGY), "{breaks:?}: {heard}");
        let notes = notes.take();
        assert_eq!(rig::reason(&notes), EndReason::Failed(Stage::Voice));
        assert!(rig::longest_silence_ms(&record) < 15_000, "{breaks:?}");
    }
}
