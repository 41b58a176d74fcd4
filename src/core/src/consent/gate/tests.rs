//! What the gate makes of each order of events.

use super::*;
use Meaning::{No, Sign, Unclear, Words, Yes};

/// One fact, with the time in ms.
#[derive(Clone, Copy, Debug)]
enum Fact {
    /// The notice begins.
    Begins(u64),
    /// It was heard whole.
    Heard(u64),
    /// It was cut or lost.
    Lost,
    /// From, to; judged 500 ms later.
    Said(u64, u64, Meaning),
    /// The key for yes.
    Yes(u64),
    /// Another key.
    Key(u64),
    /// Nobody has made a sound since; now.
    Quiet(u64, u64),
    Objects(Refusal),
    /// Something else was answered in between.
    Repeats,
    Ends,
}
use Fact::{Begins, Ends, Heard, Key, Lost, Objects, Quiet, Repeats, Said};

fn gate(mode: Mode) -> Gate {
    Gate::new(&ConsentPlan {
        mode: Some(mode),
        ..ConsentPlan::default()
    })
}

fn tell(gate: &mut Gate, fact: Fact) -> Vec<Step> {
    let at = At::from_ms;
    let one = match fact {
        Begins(ms) => {
            gate.notice_began(at(ms));
            None
        }
        Heard(ms) => return gate.notice_heard(at(ms)),
        Lost => gate.notice_lost(),
        Said(from, to, meaning) => {
            let (from, to) = (at(from), at(to));
            gate.spoke(Spoken { from, to, meaning }, to.plus(500))
        }
        Fact::Yes(ms) => gate.pressed_yes(at(ms)),
        Key(ms) => gate.pressed_other(at(ms)),
        Quiet(since, now) => gate.silent(at(since), at(now)),
        Objects(class) => gate.objected(class),
        Repeats => {
            gate.repeat_question();
            None
        }
        Ends => gate.ended(),
    };
    one.into_iter().collect()
}

/// How it came out: granted by, or refused or withdrawn for; `None` while it is open.
fn outcome(mode: Mode, facts: &[Fact]) -> (Option<Method>, Option<Refusal>) {
    let mut gate = gate(mode);
    let steps: Vec<Step> = facts.iter().flat_map(|f| tell(&mut gate, *f)).collect();
    let mut granted = None;
    let mut refused = None;
    for step in steps {
        match step {
            Step::Granted { method } => granted = Some(method),
            Step::Refused { class } | Step::Withdrawn { class, .. } => {
                assert!(refused.is_none(), "decided twice: {facts:?}");
                refused = Some(class);
            }
            Step::Announced { .. } | Step::Unclear { .. } => {}
        }
    }
    let holds = gate.granted().map(Granted::method);
    assert_eq!(holds, granted.filter(|_| refused.is_none()), "{facts:?}");
    (granted, refused)
}

const GRANTED: fn(Method) -> (Option<Method>, Option<Refusal>) = |m| (Some(m), None);
const REFUSED: fn(Refusal) -> (Option<Method>, Option<Refusal>) = |r| (None, Some(r));
const OPEN: (Option<Method>, Option<Refusal>) = (None, None);

#[test]
fn the_announcing_modes() {
    for mode in [Mode::Announce, Mode::AnnounceContinue] {
        let heard = [Begins(1_000), Heard(3_000)];
        let asked_again = [
            Begins(1_000),
            Heard(3_000),
            Said(3_500, 4_000, Unclear),
            Begins(5_000),
            Heard(6_000),
        ];
        for (before, after, want) in [
            (&heard[..0], &[Quiet(0, 60_000)][..], OPEN),
            (&heard[..1], &[Said(1_500, 2_000, Words)], OPEN),
            (
                &heard[..1],
                &[Said(1_500, 2_000, No)],
                REFUSED(Refusal::SaidNo),
            ),
            // Before the notice it is a "no" to something else.
            (&heard[..0], &[Said(100, 900, No), Begins(1_000)], OPEN),
            (&heard[..], &[], OPEN),
            (&heard[..], &[Quiet(0, 4_999)], OPEN),
            (&heard[..], &[Quiet(0, 5_000)], GRANTED(Method::Silence)),
            (&heard[..], &[Quiet(4_000, 5_999)], OPEN),
            (&heard[..], &[Quiet(4_000, 6_000)], GRANTED(Method::Silence)),
            (
                &heard[..],
                &[Said(3_500, 4_000, Words)],
                GRANTED(Method::WentOn),
            ),
            (
                &heard[..],
                &[Said(2_500, 3_001, Words)],
                GRANTED(Method::WentOn),
            ),
            (&heard[..], &[Said(2_500, 3_000, Words)], OPEN),
            (
                &heard[..],
                &[Said(3_500, 4_000, Yes)],
                GRANTED(Method::WentOn),
            ),
            (&heard[..], &[Said(3_500, 4_000, Sign)], OPEN),
            (&heard[..], &[Said(3_500, 4_000, Unclear)], OPEN),
            (
                &heard[..],
                &[Said(3_500, 4_000, No)],
                REFUSED(Refusal::SaidNo),
            ),
            (&heard[..], &[Fact::Yes(3_500)], OPEN),
            (&heard[..], &[Key(3_500)], OPEN),
            (
                &heard[..],
                &[Objects(Refusal::Objected)],
                REFUSED(Refusal::Objected),
            ),
            (&heard[..], &[Ends], REFUSED(Refusal::Ended)),
            (&asked_again[..3], &[Quiet(0, 60_000)], OPEN),
            (&asked_again[..3], &[Said(4_500, 4_800, Words)], OPEN),
            (
                &asked_again[..3],
                &[Said(4_500, 4_800, No)],
                REFUSED(Refusal::SaidNo),
            ),
            (&asked_again[..], &[Quiet(6_000, 11_999)], OPEN),
            (
                &asked_again[..],
                &[Quiet(6_000, 12_000)],
                REFUSED(Refusal::NoAnswer),
            ),
            (
                &asked_again[..],
                &[Said(6_100, 6_500, Words)],
                GRANTED(Method::WentOn),
            ),
            (
                &asked_again[..],
                &[Said(6_100, 6_500, Yes)],
                GRANTED(Method::SaidYes),
            ),
            (
                &asked_again[..],
                &[Said(6_100, 6_500, Unclear)],
                REFUSED(Refusal::Unclear),
            ),
            (
                &asked_again[..],
                &[Said(6_100, 6_500, Sign)],
                REFUSED(Refusal::Unclear),
            ),
            (
                &asked_again[..],
                &[Fact::Yes(6_500)],
                GRANTED(Method::PressedYes),
            ),
            (&asked_again[..], &[Key(6_500)], REFUSED(Refusal::Unclear)),
        ] {
            let facts = [before, after].concat();
            assert_eq!(outcome(mode, &facts), want, "{mode:?} {facts:?}");
        }
    }
}

#[test]
fn a_yes_that_is_needed() {
    let heard = [Begins(1_000), Heard(3_000)];
    let asked_again = [
        Begins(1_000),
        Heard(3_000),
        Quiet(3_000, 9_000),
        Begins(9_200),
        Heard(10_000),
    ];
    for (before, after, want) in [
        (
            &heard[..],
            &[Quiet(0, 8_999), Said(8_000, 8_500, Yes)][..],
            GRANTED(Method::SaidYes),
        ),
        (
            &heard[..],
            &[Said(3_000, 3_300, Yes)],
            GRANTED(Method::SaidYes),
        ),
        (&heard[..], &[Said(2_999, 3_300, Yes)], OPEN),
        (
            &heard[..],
            &[
                Said(2_999, 3_300, Yes),
                Heard(5_000),
                Said(5_100, 5_500, Yes),
            ],
            GRANTED(Method::SaidYes),
        ),
        (
            &heard[..1],
            &[Said(1_200, 1_600, Yes), Heard(3_000), Fact::Yes(3_500)],
            OPEN,
        ),
        (
            &heard[..1],
            &[
                Fact::Yes(1_500),
                Heard(3_000),
                Heard(4_000),
                Fact::Yes(4_500),
            ],
            GRANTED(Method::PressedYes),
        ),
        (&heard[..], &[Fact::Yes(3_500)], GRANTED(Method::PressedYes)),
        (&heard[..], &[Said(3_100, 3_500, Words)], OPEN),
        (
            &heard[..],
            &[Said(3_100, 3_500, No)],
            REFUSED(Refusal::SaidNo),
        ),
        (
            &heard[..],
            &[Objects(Refusal::PressedNo)],
            REFUSED(Refusal::PressedNo),
        ),
        (
            &heard[..],
            &[Objects(Refusal::OptedOut)],
            REFUSED(Refusal::OptedOut),
        ),
        // Noise over the question need not be asked about.
        (
            &heard[..1],
            &[Said(1_200, 1_600, Unclear), Heard(3_000), Fact::Yes(3_500)],
            GRANTED(Method::PressedYes),
        ),
        // Another question in between: the answer counts from the new end.
        (&heard[..], &[Repeats, Fact::Yes(3_500)], OPEN),
        (
            &heard[..],
            &[Repeats, Begins(4_000), Heard(5_000), Fact::Yes(5_500)],
            GRANTED(Method::PressedYes),
        ),
        (
            &asked_again[..],
            &[Said(10_100, 10_500, Yes)],
            GRANTED(Method::SaidYes),
        ),
        (&asked_again[..], &[Said(9_900, 10_500, Yes)], OPEN),
        (
            &asked_again[..],
            &[Said(9_900, 10_500, Yes), Said(11_000, 11_400, Yes)],
            GRANTED(Method::SaidYes),
        ),
        (
            &asked_again[..],
            &[Said(10_100, 10_500, Words)],
            REFUSED(Refusal::Unclear),
        ),
        (
            &asked_again[..],
            &[Quiet(10_000, 16_000)],
            REFUSED(Refusal::NoAnswer),
        ),
    ] {
        let facts = [before, after].concat();
        assert_eq!(outcome(Mode::Affirmative, &facts), want, "{facts:?}");
    }
}

#[test]
fn a_notice_that_is_not_heard_opens_nothing() {
    for mode in [Mode::Announce, Mode::AnnounceContinue, Mode::Affirmative] {
        let lost = [Begins(1_000), Lost, Begins(5_000), Lost];
        assert_eq!(outcome(mode, &lost[..3]), OPEN);
        assert_eq!(outcome(mode, &lost), REFUSED(Refusal::NotHeard));
        let said_again = [
            Lost,
            Begins(5_000),
            Heard(6_000),
            Objects(Refusal::Objected),
        ];
        assert_eq!(outcome(mode, &said_again), REFUSED(Refusal::Objected));
    }
}

#[test]
fn what_is_decided_stays() {
    let after = [
        Begins(9_000),
        Heard(10_000),
        Said(10_100, 10_500, Yes),
        Fact::Yes(11_000),
        Quiet(11_000, 60_000),
        Ends,
    ];
    for (mode, by) in [
        (Mode::Announce, Method::Silence),
        (Mode::Affirmative, Method::PressedYes),
    ] {
        let open: &[Fact] = match by {
            Method::Silence => &[Heard(3_000), Quiet(3_000, 5_000)],
            Method::WentOn | Method::SaidYes | Method::PressedYes => {
                &[Heard(3_000), Fact::Yes(4_000)]
            }
        };
        // Granted stays until it is withdrawn, and that stays.
        let facts = [open, &after].concat();
        assert_eq!(outcome(mode, &facts), GRANTED(by));
        let withdrawn = [open, &[Objects(Refusal::Objected)], &after].concat();
        let want = (Some(by), Some(Refusal::Objected));
        assert_eq!(outcome(mode, &withdrawn), want);
        let refused = [&[Objects(Refusal::PressedNo)], open, &after].concat();
        assert_eq!(outcome(mode, &refused), REFUSED(Refusal::PressedNo));
    }
}

#[test]
fn nothing_from_the_moment_of_the_grant_or_before_is_covered() {
    let mut gate = gate(Mode::Announce);
    for fact in [Heard(3_000), Quiet(3_000, 5_000)] {
        tell(&mut gate, fact);
    }
    assert_eq!(gate.granted().map(Granted::since), Some(At::from_ms(5_001)));
}

#[test]
fn a_plan_that_asks_nothing_is_decided_and_stays_shut() {
    let mut silent = ConsentPlan {
        mode: Some(Mode::Announce),
        ..ConsentPlan::default()
    };
    silent.notice = vec!["  ".into()];
    let of = |mode| ConsentPlan {
        mode,
        ..ConsentPlan::default()
    };
    for plan in [of(None), of(Some(Mode::NoRecord)), silent] {
        let mut gate = Gate::new(&plan);
        assert!(gate.is_decided());
        for fact in [
            Heard(1),
            Fact::Yes(2),
            Said(3, 9_000, Yes),
            Quiet(0, 99_000),
        ] {
            assert_eq!(tell(&mut gate, fact), []);
        }
        assert!(gate.granted().is_none());
    }
}

#[test]
fn a_hasty_plan_waits_as_long_as_it_must() {
    let mut gate = Gate::new(&ConsentPlan {
        mode: Some(Mode::Announce),
        silence_ms: 0,
        ..ConsentPlan::default()
    });
    tell(&mut gate, Heard(1_000));
    assert_eq!(gate.silence_due(At::START), Some(At::from_ms(3_000)));
}
