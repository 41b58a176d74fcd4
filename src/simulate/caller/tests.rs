//! Callers and the moments they wait for.

use super::*;

fn view(now_ms: u64, agent_since_ms: Option<u64>, quiet_since_ms: u64) -> View<'static> {
    View {
        now_ms,
        agent_since_ms,
        quiet_since_ms,
        is_busy: false,
        is_working: false,
        is_calling: false,
        heard: &[],
    }
}

fn say(words: &str) -> Deed {
    Deed::Say(words.into(), When::Polite)
}

#[test]
fn a_polite_caller_waits_for_the_answer_and_then_a_moment() {
    let mut caller = Caller::scripted(vec![say("One."), say("Two.")]);
    assert_eq!(caller.poll(&view(0, None, 0)), Move::Wait(Some(12_000)));
    assert_eq!(caller.poll(&view(100, Some(90), 0)), Move::Wait(None));
    assert_eq!(
        caller.poll(&view(2_000, None, 1_900)),
        Move::Wait(Some(2_700))
    );
    assert_eq!(
        caller.poll(&view(2_700, None, 1_900)),
        Move::Say("One.".into())
    );
    caller.did(3_500);
    let busy = View {
        is_busy: true,
        ..view(3_000, None, 1_900)
    };
    assert_eq!(caller.poll(&busy), Move::Wait(None));
    // The agent has been silent since before that: there is no answer yet.
    assert_eq!(
        caller.poll(&view(4_500, None, 1_900)),
        Move::Wait(Some(16_500))
    );
    assert_eq!(
        caller.poll(&view(16_500, None, 1_900)),
        Move::Say("Two.".into())
    );
    caller.did(17_000);
    assert_eq!(
        caller.poll(&view(19_000, None, 18_000)),
        Move::Wait(Some(23_000))
    );
    assert_eq!(caller.poll(&view(23_000, None, 18_000)), Move::HangUp);
    assert_eq!(caller.undone(), None);
}

#[test]
fn an_interruption_waits_until_the_agent_speaks() {
    let mut caller = Caller::scripted(vec![Deed::Say("Stop.".into(), When::Over(1_000))]);
    assert_eq!(caller.poll(&view(0, None, 0)), Move::Wait(Some(60_000)));
    assert_eq!(
        caller.poll(&view(500, Some(500), 0)),
        Move::Wait(Some(1_500))
    );
    assert_eq!(
        caller.poll(&view(1_500, Some(500), 0)),
        Move::Say("Stop.".into())
    );
    let mut caller = Caller::scripted(vec![Deed::HangUp(When::Over(1_000))]);
    assert_eq!(caller.poll(&view(0, None, 0)), Move::Wait(Some(60_000)));
    assert_eq!(caller.poll(&view(60_000, None, 0)), Move::HangUp);
    assert!(
        caller
            .undone()
            .unwrap()
            .contains("did not speak for 1000 ms")
    );
}

#[test]
fn silence_lasts_from_where_the_agent_has_finished() {
    let mut caller = Caller::scripted(vec![Deed::Silence(9_000), say("Yes.")]);
    assert_eq!(caller.poll(&view(1_000, Some(0), 0)), Move::Wait(None));
    assert_eq!(
        caller.poll(&view(4_000, None, 4_000)),
        Move::Wait(Some(13_000))
    );
    // A nudge does not make it longer.
    assert_eq!(
        caller.poll(&view(12_500, Some(12_000), 4_000)),
        Move::Wait(Some(13_000))
    );
    assert_eq!(
        caller.poll(&view(14_000, Some(12_000), 4_000)),
        Move::Wait(None)
    );
    assert_eq!(
        caller.poll(&view(16_000, None, 15_000)),
        Move::Say("Yes.".into())
    );
}

#[test]
fn words_are_waited_for_and_missed_if_they_do_not_come() {
    let heard = ["Hello there.".to_owned(), "Which DAY suits you?".to_owned()];
    let mut caller = Caller::scripted(vec![Deed::WaitFor("which day".into()), say("Monday.")]);
    let heard_view = |now_ms, heard| View {
        heard,
        ..view(now_ms, None, 1_000)
    };
    assert_eq!(
        caller.poll(&heard_view(1_000, &heard[..1])),
        Move::Wait(Some(61_000))
    );
    assert_eq!(
        caller.poll(&heard_view(2_000, &heard)),
        Move::Say("Monday.".into())
    );
    let mut caller = Caller::scripted(vec![Deed::WaitFor("never".into())]);
    assert_eq!(
        caller.poll(&heard_view(0, &heard)),
        Move::Wait(Some(60_000))
    );
    assert_eq!(caller.poll(&heard_view(60_000, &heard)), Move::HangUp);
    assert!(caller.undone().unwrap().contains("did not say \"never\""));
}

#[test]
fn who_is_played_is_asked_when_it_is_their_turn() {
    let mut caller = Caller::played(1);
    assert_eq!(caller.poll(&view(0, Some(0), 0)), Move::Wait(None));
    assert_eq!(caller.poll(&view(2_000, None, 1_000)), Move::Ask);
    caller.decided(say("Hello."));
    assert_eq!(
        caller.poll(&view(2_000, None, 1_000)),
        Move::Say("Hello.".into())
    );
    caller.did(3_000);
    assert_eq!(caller.poll(&view(9_000, None, 8_000)), Move::HangUp);
}

#[test]
fn what_is_left_when_the_call_ends_is_told() {
    let mut caller = Caller::scripted(vec![say("One."), Deed::HangUp(When::Polite)]);
    caller.cut_short();
    assert_eq!(
        caller.undone(),
        Some("the call was over before the caller could say \"One.\"")
    );
    let mut caller = Caller::scripted(vec![Deed::HangUp(When::Polite)]);
    caller.cut_short();
    assert_eq!(caller.undone(), None);
}

#[test]
fn a_step_is_one_thing() {
    let step = |yaml: &str| -> Result<Deed, WrongStep> {
        Deed::try_from(&serde_saphyr::from_str::<Step>(yaml).unwrap())
    };
    assert_eq!(step("say: Hello"), Ok(say("Hello")));
    assert_eq!(
        step("say: Stop\ninterrupt_after_ms: 300"),
        Ok(Deed::Say("Stop".into(), When::Over(300)))
    );
    assert_eq!(
        step("press: '12#'"),
        Ok(Deed::Press("12#".into(), When::Polite))
    );
    assert_eq!(step("hang_up: true"), Ok(Deed::HangUp(When::Polite)));
    for (yaml, wrong) in [
        ("{}", WrongStep::NotOne),
        ("hang_up: false", WrongStep::NotOne),
        ("say: x\npress: '1'", WrongStep::NotOne),
        ("say: ' '", WrongStep::Nothing),
        ("press: 12x", WrongStep::Keys),
        (
            "silence_ms: 5\ninterrupt_after_ms: 1",
            WrongStep::Interrupts,
        ),
        ("silence_ms: 99999999", WrongStep::TooLong),
    ] {
        assert_eq!(step(yaml), Err(wrong), "{yaml}");
    }
}

#[test]
fn words_are_found_whatever_their_dress() {
    assert!(holds("Your name, please?", "name please"));
    assert!(holds("ten-thirty", "Ten thirty"));
    assert!(!holds("tomorrow", "tom"));
    assert!(!holds("anything", "?!"));
}
