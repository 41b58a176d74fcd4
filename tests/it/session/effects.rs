//! What the mind does for an answer happens once if the caller hears it, and not at all otherwise: told by an agent that
//! goes from booking to booking.

use trunkline::carrier_double::Speech;

use super::rig::{House, heard, speech};
use super::stand_in::Does;
use super::tongue::{self, SILENCE};

/// With the opening, what it says first.
const ASKS: &str = "When shall I book?";
/// The beginning of what it says of any answer.
const BOOKED: &str = "Booked On";
const TWICE: &str = "Booked twice.";

fn count(words: &str, of: &str) -> usize {
    words.matches(of).count()
}

/// Must show: a draft that would have booked twice, and does not.
#[tokio::test(start_paused = true)]
async fn a_draft_that_would_have_booked_twice_books_once() {
    let mut drafts = 0;
    // The recogniser's words are there after some 300 ms. Without the turn model's opinion, the turn is over after 500.
    for pause_ms in (280..460).step_by(20) {
        let house = House::open().await;
        house.ears.turn.always(Does::Hangs);
        let mut call = house.call("booker").await;
        call.wait_until_agent_quiet(700).await.unwrap();
        let mut words = tongue::voiced("On Monday");
        words.extend(vec![SILENCE; pause_ms * 8]);
        words.extend(tongue::voiced("at noon"));
        call.speak(Speech::mulaw(tongue::by_another(words)))
            .await
            .unwrap();
        call.wait_for_answer().await.unwrap();
        call.wait_until_agent_quiet(700).await.unwrap();
        let record = call.finish().await.unwrap();
        // The draft got as far as being voiced.
        let voiced = house.voice.asked();
        drafts += voiced
            .iter()
            .filter(|text| text.starts_with(BOOKED))
            .count()
            - 1;
        assert_eq!(count(&voiced.join(" "), TWICE), 0, "{pause_ms} ms");
        let heard = heard(&record);
        assert!(heard.contains(ASKS), "{heard}");
        assert_eq!(
            (count(&heard, BOOKED), count(&heard, TWICE)),
            (1, 0),
            "{pause_ms} ms: {heard}"
        );
    }
    assert_eq!(drafts, 9);
}

/// Peers 14: what was done for an answer is lost, or done again, when the caller speaks over it.
#[tokio::test(start_paused = true)]
async fn what_an_answer_did_holds_once_however_it_is_cut() {
    // Over the answer's words: it was begun, so it holds, and what the caller says next is taken by the next step.
    for after_ms in [60, 200, 500, 900, 1_400] {
        let house = House::open().await;
        let mut call = house.call("booker").await;
        call.wait_until_agent_quiet(700).await.unwrap();
        call.speak(speech("On Monday.")).await.unwrap();
        call.wait_for_answer().await.unwrap();
        call.wait_agent_speaking_ms(after_ms).await.unwrap();
        call.speak(speech("Yes, and on Tuesday as well."))
            .await
            .unwrap();
        call.wait_until_over().await;
        let heard = heard(&call.finish().await.unwrap());
        assert_eq!(count(&heard, TWICE), 1, "{after_ms} ms: {heard}");
        assert!(count(&heard, BOOKED) <= 1, "{after_ms} ms: {heard}");
    }
    // Before a word of it was heard: it did not happen, and one answer follows to all that was said.
    for after_ms in [300, 600] {
        let house = House::open().await;
        house.voice.forget_all();
        house.voice.plan.always(Does::Answers(1_500));
        let mut call = house.call("booker").await;
        call.wait_until_agent_quiet(3_000).await.unwrap();
        call.speak(speech("On Monday.")).await.unwrap();
        call.stay_silent(after_ms).await.unwrap();
        call.speak(speech("At noon.")).await.unwrap();
        call.wait_for_answer().await.unwrap();
        call.wait_until_agent_quiet(3_000).await.unwrap();
        let heard = heard(&call.finish().await.unwrap());
        assert_eq!(
            (count(&heard, BOOKED), count(&heard, TWICE)),
            (1, 0),
            "{after_ms} ms: {heard}"
        );
    }
}
