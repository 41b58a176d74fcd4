//! Random walks of call, gate, recorder and journal together: whatever happens, not one sample or word of the caller's is
//! stored from before consent or after its end, and none is lost from between.
//!
//! Every sample tells its place in time and every sentence has a word of its own, so whatever is in the file can be
//! traced to the moment it came from. `KEPT_WALKS=100000 cargo test -p trunkline-core kept` walks further.

mod disk;
mod observer;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_core::call::{Call, Event, Position, ReplyId};
use trunkline_core::consent::{ConsentPlan, Granted, Mode};
use trunkline_core::time::At;
use world::World;

/// How often what happened.
type Tally = BTreeMap<&'static str, u64>;

fn walks() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the test run, not of the product"
    )]
    std::env::var("KEPT_WALKS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(5_000)
}

/// Where the recorder's proof comes from.
#[derive(Clone, Copy)]
enum Guard<'a> {
    /// From the gate of the call itself.
    Gate,
    /// From another call whose caller agreed: what a guard that is off would let through.
    Borrowed(&'a Granted),
}

fn walk(seed: u64, walks: u64, guard: Guard<'_>) -> Result<Tally, String> {
    let mut tally = Tally::new();
    for seed in (0..walks).map(|n| seed.wrapping_add(n)) {
        World::new(seed)
            .live(guard, &mut tally)
            .map_err(|broken| format!("seed {seed}: {broken}"))?;
    }
    Ok(tally)
}

#[test]
fn nothing_of_a_caller_is_kept_but_what_they_agreed_to() {
    let walks = walks();
    let tally = walk(1, walks, Guard::Gate).unwrap_or_else(|broken| panic!("{broken}"));
    println!("{walks} walks: {tally:?}");
    // A walk that never comes by a place proves nothing about it.
    for what in [
        "granted by Silence",
        "granted by WentOn",
        "granted by SaidYes",
        "granted by PressedYes",
        "refused",
        "withdrawn, kept before",
        "withdrawn, erased",
        "caller seconds kept",
        "caller turns kept",
        "keys kept",
        "agent turns kept",
        "not kept",
        "never asked",
    ] {
        let least = (walks / 500).max(1);
        assert!(
            tally.get(what).is_some_and(|n| *n >= least),
            "{what} in {tally:?}"
        );
    }
}

/// What the observer is worth: with a grant that did not come from this call's gate, it finds what is stored unlawfully.
#[test]
fn a_guard_that_is_off_is_found_out() {
    let other = agreed();
    let granted = other.granted().expect("the caller of this call was silent");
    let broken = walk(1, 200, Guard::Borrowed(granted)).expect_err("the guard is off");
    assert!(
        broken.contains("of the caller's is kept unlawfully"),
        "{broken}"
    );
}

/// A call whose caller heard the notice and kept silent.
fn agreed() -> Call {
    let settings = world::settings(ConsentPlan {
        mode: Some(Mode::Announce),
        ..ConsentPlan::default()
    });
    let clauses = settings.notices.opening.len() + settings.consent.opening().count();
    let mut call = Call::new(Arc::new(settings), At::START);
    let mut out = Vec::new();
    let reply = ReplyId(0);
    call.handle(At::START, crate::scenario::all_judged(), &mut out);
    call.handle(At::START, Event::Answered, &mut out);
    call.handle(At::START, Event::PlaybackStarted { reply }, &mut out);
    for clause in 0..clauses {
        let position = Position {
            clause: u16::try_from(clause).unwrap(),
            heard_ms: 100,
            clause_ms: 100,
        };
        call.handle(At::START, Event::Heard { reply, position }, &mut out);
    }
    call.handle(At::START, Event::Played { reply }, &mut out);
    call.tick(At::from_ms(5_000), &mut out);
    call
}
