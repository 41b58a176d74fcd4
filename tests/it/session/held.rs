//! A call that was held to its end, and the ways to hold one.

use trunkline::carrier_double::{CallRecord, Carrier};
use trunkline_core::call::{Note, Stage};

use super::rig::{House, Notes, heard, speech};

/// What there is of a call that is over.
pub(super) struct Held {
    pub(super) record: CallRecord,
    pub(super) notes: Vec<Note>,
    /// The agent's words, as the recording has them.
    pub(super) heard: String,
}

impl Held {
    /// A call that is over, and of which the carrier has nothing to complain.
    pub(super) async fn over(call: Carrier, mut notes: Notes) -> Self {
        let record = call.finish().await.unwrap();
        assert_eq!(record.violations, []);
        Self {
            heard: heard(&record),
            record,
            notes: notes.take(),
        }
    }

    /// How often a stage failed so that the call knows.
    pub(super) fn failures(&self) -> usize {
        let failed = |note: &&Note| matches!(note, Note::StageFailed { .. });
        self.notes.iter().filter(failed).count()
    }

    /// How often this one did.
    pub(super) fn failures_of(&self, stage: Stage) -> usize {
        let of = |note: &&Note| matches!(note, Note::StageFailed { stage: s, .. } if *s == stage);
        self.notes.iter().filter(of).count()
    }
}

/// Answers the talker's question whenever the agent has been quiet for so long, until the server hangs up.
pub(super) async fn talk(house: &House, quiet_ms: u64) -> Held {
    let notes = house.notes();
    let mut call = house.call("talker").await;
    while call.wait_until_agent_quiet(quiet_ms).await.is_ok() {
        if call.speak(speech("On Monday please.")).await.is_err()
            || call.wait_for_answer().await.is_err()
        {
            break;
        }
    }
    Held::over(call, notes).await
}

/// Says these things to the prompted agent, each when it has been quiet for so long, until the server hangs up.
pub(super) async fn chat(house: &House, says: &[&str], quiet_ms: u64) -> Held {
    let notes = house.notes();
    let mut call = house.call("chatter").await;
    for words in says {
        call.wait_until_agent_quiet(quiet_ms).await.unwrap();
        call.speak(speech(words)).await.unwrap();
        call.wait_for_answer().await.unwrap();
    }
    call.wait_until_over().await;
    Held::over(call, notes).await
}

/// Asks the prompted agent when there is time, waits until the answer has broken off and been owned up to, and says
/// goodbye.
pub(super) async fn ask_in_vain(house: &House) -> Held {
    let (notes, mut watched) = (house.notes(), house.notes());
    let mut call = house.call("patient").await;
    call.wait_until_agent_quiet(700).await.unwrap();
    call.speak(speech("When do you have time?")).await.unwrap();
    let failed = |note: &Note| matches!(note, Note::StageFailed { .. }).then_some(());
    watched.until(failed).await;
    call.wait_agent_speaking_ms(100).await.unwrap();
    call.wait_until_agent_quiet(700).await.unwrap();
    call.speak(speech("Thank you, bye.")).await.unwrap();
    call.wait_until_over().await;
    Held::over(call, notes).await
}
