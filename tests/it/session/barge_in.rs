//! Caller and agent at once: what stops, what is written down, and what goes on.

use trunkline::carrier_double::{CallRecord, Carrier, Ending, Event, Speech};
use trunkline_core::call::Note;

use super::rig::{House, OPENING, agent_said, heard, speech};
use super::tongue::{self, LETTER};

pub(super) const QUESTION: &str = "We are open from eight in the morning to six in the evening, Monday to Friday, and on the first Saturday of every month from nine to twelve. Which day suits you?";

struct Interrupted {
    record: CallRecord,
    notes: Vec<Note>,
    cleared_ms: u64,
}

/// Interrupts the talker `after_ms` into its question, and lets the call come to its end.
async fn interrupt(after_ms: u64, with: Speech, then: Option<&str>) -> Interrupted {
    interrupt_in(&House::open().await, after_ms, with, then).await
}

async fn interrupt_in(
    house: &House,
    after_ms: u64,
    with: Speech,
    then: Option<&str>,
) -> Interrupted {
    let mut notes = house.notes();
    let mut call = house.call("talker").await;
    let mut events = call.events();
    until_opening_is_said(&mut call).await;
    call.stay_silent(after_ms).await.unwrap();
    call.speak(with).await.unwrap();
    if let Some(then) = then {
        call.wait_until_agent_quiet(700).await.unwrap();
        call.speak(speech(then)).await.unwrap();
    }
    call.wait_until_over().await;
    let mut cleared_ms = 0;
    while let Ok(event) = events.try_recv() {
        if let Event::Cleared { at_ms, .. } = event {
            cleared_ms = at_ms;
        }
    }
    Interrupted {
        record: call.finish().await.unwrap(),
        notes: notes.take(),
        cleared_ms,
    }
}

pub(super) async fn until_opening_is_said(call: &mut Carrier) {
    let ms = tongue::voiced(OPENING).len() as u64 / 8;
    call.wait_agent_speaking_ms(ms).await.unwrap();
}

/// Where the question begins in a recording, in samples.
pub(super) fn question_at(agent: &[i16]) -> usize {
    let whole = tongue::samples(&tongue::voiced(QUESTION));
    let first = &whole[..2 * LETTER];
    agent
        .windows(first.len())
        .position(|window| window == first)
        .expect("the question was begun")
}

/// How many words of the question were played whole by the time `samples` of it were.
pub(super) fn words_by(samples: usize) -> String {
    let mut end = 0;
    let whole = QUESTION.split_whitespace().take_while(|word| {
        end += word.chars().count() * LETTER;
        end <= samples
    });
    whole.collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn the_transcript_has_exactly_the_words_that_were_played_before_the_interruption() {
    let after = [
        300, 640, 1_000, 1_333, 1_777, 2_480, 3_210, 4_444, 5_150, 6_060,
    ];
    // The same while the server has so much to do that lines rest.
    for (after_ms, rest_ms) in after.into_iter().flat_map(|ms| [(ms, 0), (ms, 60)]) {
        let house = House::open().await;
        house.app.admission.line_rests().set(rest_ms);
        let with = speech("Please tell me about Monday instead.");
        let call = interrupt_in(&house, after_ms, with, None).await;
        let agent = call.record.agent();
        let began = question_at(&agent);
        let played = usize::try_from(call.cleared_ms).unwrap() * 8 - began;
        assert!(
            agent[began + played..began + played + 1_600]
                .iter()
                .all(|s| s.unsigned_abs() < 200),
            "nothing is played after the clear"
        );
        assert_eq!(
            agent[began..began + played],
            tongue::samples(&tongue::voiced(QUESTION))[..played],
            "what was played is the beginning of the question"
        );
        let said = agent_said(&call.notes);
        let cut: Vec<&str> = said
            .iter()
            .filter(|(_, cut)| *cut)
            .map(|(t, _)| t.as_str())
            .collect();
        assert_eq!(cut, [words_by(played)], "interrupted after {after_ms} ms");
        assert_eq!((call.record.clears, call.record.violations.len()), (1, 0));
        // From the caller's first sound to silence.
        let turn = call.record.turns[0];
        assert!(
            turn.agent_was_speaking && turn.barge_in_ms().unwrap() <= 300,
            "{turn:?}"
        );
        assert!(
            heard(&call.record).ends_with("Thank you. See you on Monday."),
            "{}",
            heard(&call.record)
        );
        assert_eq!(call.record.ending, Ending::ServerClosed(Some(1000)));
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_cough_the_agent_goes_on_at_a_word_and_loses_nothing() {
    let whole = tongue::samples(&tongue::voiced(QUESTION));
    for after_ms in [320, 700, 1_111, 1_600, 2_350, 3_000, 4_020, 5_555] {
        let cough = Speech::mulaw(tongue::cough(320));
        let call = interrupt(after_ms, cough, Some("On Monday please.")).await;
        let agent = call.record.agent();
        let began = question_at(&agent);
        let cut = usize::try_from(call.cleared_ms).unwrap() * 8 - began;
        assert_eq!(
            agent[began..began + cut],
            whole[..cut],
            "interrupted after {after_ms} ms"
        );
        // Silence while it was found to be nothing, then the rest.
        let silence = agent[began + cut..]
            .iter()
            .take_while(|s| s.unsigned_abs() < 200)
            .count();
        assert!(silence / 8 < 1_200, "{} ms of dead air", silence / 8);
        let resumed = &agent[began + cut + silence..];
        let again = (0..=3_200_usize)
            .find(|back| {
                let rest = &whole[cut.saturating_sub(*back)..];
                let skipped = rest.iter().take_while(|s| s.unsigned_abs() < 200).count();
                resumed.starts_with(&rest[skipped..])
            })
            .unwrap_or_else(|| panic!("after {after_ms} ms the rest is not all there"));
        let from = cut - again;
        assert!(
            from == 0 || whole[from - 1].unsigned_abs() < 200 || whole[from].unsigned_abs() < 200,
            "after {after_ms} ms it went on in mid-word, {again} samples back"
        );
        let said = agent_said(&call.notes);
        assert!(
            said.iter()
                .any(|(text, cut)| !cut && text.ends_with(QUESTION)),
            "the whole question was heard, once: {said:?}"
        );
        let resumed = call
            .notes
            .iter()
            .filter(|n| matches!(n, Note::Resumed { .. }))
            .count();
        assert_eq!(
            (resumed, call.record.clears, call.record.violations.len()),
            (1, 1, 0)
        );
        assert_eq!(call.record.underruns, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_cuts_the_disclosure() {
    let house = House::open().await;
    let mut call = house.call("talker").await;
    call.wait_agent_speaking_ms(400).await.unwrap();
    call.speak(speech("I would like to come on Monday please."))
        .await
        .unwrap();
    call.wait_until_over().await;
    let record = call.finish().await.unwrap();
    let heard = heard(&record);
    assert!(heard.starts_with(OPENING), "{heard}");
    assert!(
        heard.ends_with("Thank you. See you on Monday."),
        "what was said meanwhile is answered: {heard}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stalled_line_catches_up_without_harm() {
    let house = House::open().await;
    let mut call = house.call("talker").await;
    until_opening_is_said(&mut call).await;
    call.stall(3_000).await.unwrap();
    call.wait_until_agent_quiet(1_500).await.unwrap();
    call.speak(speech("On Monday please.")).await.unwrap();
    call.wait_until_over().await;
    let record = call.finish().await.unwrap();
    assert!(heard(&record).contains(QUESTION), "{}", heard(&record));
    assert!(heard(&record).ends_with("See you on Monday."));
    assert_eq!((record.clears, record.violations.len()), (0, 0));
}
