//! A voice that draws its words out and tells when they are said: to the word, what was heard and where it goes on.

use std::sync::atomic::Ordering;

use trunkline::carrier_double::{CallRecord, Speech};
use trunkline_core::call::Note;

use super::barge_in::QUESTION;
use super::false_stops::cleared_ms;
use super::rig::{House, OPENING, agent_said, speech};
use super::tongue;

struct Cut {
    record: CallRecord,
    notes: Vec<Note>,
    /// Where the question begins in the recording, and how much of it was played before it was cut, in samples.
    began: usize,
    played: usize,
}

/// Speaks `after_ms` into the agent's question, and hangs up `then_ms` after that.
async fn cut(house: &House, after_ms: u64, with: Speech, then_ms: u64) -> Cut {
    let mut notes = house.notes();
    let mut call = house.call("talker").await;
    let mut events = call.events();
    let opening_ms = tongue::drawled(OPENING).0.len() as u64 / 8;
    call.wait_agent_speaking_ms(opening_ms).await.unwrap();
    call.stay_silent(after_ms).await.unwrap();
    call.speak(with).await.unwrap();
    call.stay_silent(then_ms).await.unwrap();
    let record = call.finish().await.unwrap();
    assert!(house.is_empty_within(5_000).await);
    let cleared = std::iter::from_fn(|| events.try_recv().ok())
        .find_map(|event| cleared_ms(&event))
        .map(|at_ms| usize::try_from(at_ms).unwrap() * 8);
    let agent = record.agent();
    let whole = question();
    let began = agent.windows(1_440).position(|w| w == &whole[..1_440]);
    let began = began.expect("the question was begun");
    Cut {
        began,
        played: cleared.expect("it was cut") - began,
        record,
        notes: notes.take(),
    }
}

fn question() -> Vec<i16> {
    tongue::samples(&tongue::drawled(QUESTION).0)
}

async fn house() -> House {
    let house = House::open().await;
    house.voice.drawls.store(true, Ordering::Relaxed);
    house
}

/// Peers 3: a context that holds what nobody heard, or lacks what was heard.
#[tokio::test(start_paused = true)]
async fn wherever_it_is_cut_the_transcript_has_the_words_that_were_played() {
    let house = house().await;
    let (_, words) = tongue::drawled(QUESTION);
    let whole = question();
    let mut counts = std::collections::BTreeSet::new();
    for after_ms in (260..3_200).step_by(20) {
        let cut = cut(&house, after_ms, speech("No wait, Tuesday please."), 700).await;
        let (agent, played) = (cut.record.agent(), cut.played);
        assert_eq!(agent[cut.began..cut.began + played], whole[..played]);
        assert!(
            agent[cut.began + played..][..6_400]
                .iter()
                .all(|s| s.unsigned_abs() < 200),
            "nothing is played after the clear"
        );
        let heard = words
            .iter()
            .filter(|word| word.to_ms as usize * 8 <= played);
        let heard: Vec<&str> = heard.map(|word| word.text.as_str()).collect();
        counts.insert(heard.len());
        let said = agent_said(&cut.notes);
        // Of the question; the answer that follows is cut by the goodbye.
        let said = said
            .iter()
            .filter(|(text, cut)| *cut && !text.starts_with("Thank"));
        let said: Vec<&str> = said.map(|(text, _)| text.as_str()).collect();
        let heard = Some(heard.join(" ")).filter(|heard| !heard.is_empty());
        assert_eq!(
            said,
            Vec::from_iter(heard.as_deref()),
            "cut after {after_ms} ms, {played} samples"
        );
    }
    assert!(counts.len() >= 8, "{counts:?}");
}

/// Peers 2: dead air, or half a word, after a false interruption.
#[tokio::test(start_paused = true)]
async fn wherever_a_cough_falls_the_agent_goes_on_at_the_word_that_was_cut() {
    let house = house().await;
    let (_, words) = tongue::drawled(QUESTION);
    let whole = question();
    for after_ms in (260..3_200).step_by(60) {
        let cough = Speech::mulaw(tongue::cough(300));
        let cut = cut(&house, after_ms, cough, 2_500).await;
        let (agent, played) = (cut.record.agent(), cut.played);
        assert_eq!(agent[cut.began..cut.began + played], whole[..played]);
        let rest = &agent[cut.began + played..];
        let silence = rest.iter().take_while(|s| s.unsigned_abs() < 200).count();
        assert!(silence / 8 < 1_000, "{} ms of dead air", silence / 8);
        // It goes on with the word that was being said, and not a sample of it is missing.
        let current = words.iter().find(|word| word.to_ms as usize * 8 > played);
        let from = (current.unwrap().from_ms as usize * 8).min(played);
        let resumed = &rest[silence..silence + 8_000];
        let quiet = whole[from..]
            .iter()
            .take_while(|s| s.unsigned_abs() < 200)
            .count();
        let expected = &whole[from + quiet..];
        assert_eq!(
            resumed,
            &expected[..8_000],
            "cut after {after_ms} ms, at {played}"
        );
        let resumes = cut
            .notes
            .iter()
            .filter(|n| matches!(n, Note::Resumed { .. }));
        assert_eq!((resumes.count(), cut.record.clears), (1, 1));
    }
}
