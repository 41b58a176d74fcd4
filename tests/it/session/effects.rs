//! What the mind does for an answer happens once if the caller hears it, and not at all otherwise: told by an agent that
//! goes from booking to booking.

use trunkline::carrier_double::Speech;

use super::rig::{House, Plot, heard, speech};
use super::stand_in::Does;
use super::tongue::{self, SILENCE};

/// With the opening, what it says first.
const ASKS: &str = "Which day suits you?";
const BOOKED: &str = "Booked for Monday.";
const TWICE: &str = "Booked twice.";

async fn house() -> House {
    House::build(Plot::default()).await
}

fn count(words: &str, of: &str) -> usize {
    words.matches(of).count()
}

/// Must show: a draft that would have booked twice, and does not.
#[tokio::test(start_paused = true)]
async fn a_draft_that_would_have_booked_twice_books_once() {
    let mut drafts = 0;
    for pause_ms in (100..200).step_by(10) {
        let house = house().await;
        let mut call = house.call("booker").await;
        call.wait_until_agent_quiet(700).await.unwrap();
        let mut words = tongue::voiced("On Monday.");
        words.extend(vec![SILENCE; pause_ms * 8]);
        words.extend(tongue::voiced("Yes. Monday."));
        call.speak(Speech::mulaw(tongue::by_another(words)))
            .await
            .unwrap();
        call.wait_for_answer().await.unwrap();
        println!("{pause_ms}");
        call.wait_until_agent_quiet(700).await.unwrap();
        let record = call.finish().await.unwrap();
        // The draft got as far as being voiced.
        let voiced = house.voice.asked();
        drafts += voiced.iter().filter(|text| **text == *BOOKED).count() - 1;
        assert_eq!(count(&voiced.join(" "), TWICE), 0, "{pause_ms} ms");
        let heard = heard(&record);
        assert!(heard.contains(ASKS), "{heard}");
        assert_eq!(
            (count(&heard, BOOKED), count(&heard, TWICE)),
            (1, 0),
            "{pause_ms} ms: {heard}"
        );
    }
    assert!(drafts >= 3, "{drafts} drafts");
}

/// Peers 14: what was done for an answer is lost, or done again, when the caller speaks over it.
#[tokio::test(start_paused = true)]
async fn what_an_answer_did_holds_once_however_it_is_cut() {
    // Over the answer's words: it was begun, so it holds, and what the caller says next is taken by the next step.
    for after_ms in [60, 200, 500, 900, 1_400] {
        let house = house().await;
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
        assert!(count(&heard, "Booked for") <= 1, "{after_ms} ms: {heard}");
    }
    // Before a word of it was heard: it did not happen, and one answer follows to all that was said.
    for after_ms in [300, 600] {
        let house = house().await;
        house.voice.forget_all();
        house.voice.plan.always(Does::Answers(1_500));
        let mut call = house.call("booker").await;
        call.wait_until_agent_quiet(3_000).await.unwrap();
        call.speak(speech("On Monday.")).await.unwrap();
        call.stay_silent(after_ms).await.unwrap();
        call.speak(speech("Yes. Monday.")).await.unwrap();
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
