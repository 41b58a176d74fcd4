//! Several calls at once, on a server that is late now and then.

use std::time::Duration;

use super::barge_in::{QUESTION, question_at, until_opening_is_said};
use super::rig::House;
use super::tongue;

/// Peers 1: audio that breaks up as soon as there are two or three calls.
#[tokio::test(start_paused = true)]
async fn three_calls_at_once_play_without_a_gap_on_a_server_that_stalls() {
    let house = House::open().await;
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.push(house.call("talker").await);
        // They are not in step.
        calls[0].stay_silent(170).await.unwrap();
    }
    for call in &mut calls {
        until_opening_is_said(call).await;
    }
    calls[0].stay_silent(500).await.unwrap();
    let whole = tongue::samples(&tongue::voiced(QUESTION));
    for _ in 0..20 {
        // Nothing of the server's runs for so long, and the carrier plays on.
        tokio::time::advance(Duration::from_millis(300)).await;
        calls[0].stay_silent(560).await.unwrap();
    }
    for call in calls {
        let record = call.finish().await.unwrap();
        assert_eq!((record.underruns, record.violations.len()), (0, 0));
        let agent = record.agent();
        let began = question_at(&agent);
        assert_eq!(
            agent[began..began + whole.len()],
            whole,
            "every sample in its place"
        );
    }
}
