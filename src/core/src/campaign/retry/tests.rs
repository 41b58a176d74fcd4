use proptest::prelude::*;

use super::*;
use crate::policy::WallTime;

const MINUTE_MS: i64 = 60_000;

fn at(text: &str) -> i64 {
    berlin().first_at(WallTime::parse(text).unwrap())
}

fn berlin() -> Zone {
    Zone::parse("Europe/Berlin").unwrap()
}

fn tried(outcome: Outcome, began: &str) -> Tried {
    let began_ms = at(began);
    Tried {
        outcome,
        began_ms,
        ended_ms: began_ms + MINUTE_MS,
    }
}

fn contact(tried: &[Tried]) -> Contact<'_> {
    Contact {
        added_ms: at("2026-11-23T08:00"),
        zone: Some(berlin()),
        tried,
        parts: &[],
    }
}

#[track_caller]
fn expect(tried: &[Tried], want: Next) {
    assert_eq!(next(&RetryRules::default(), &contact(tried)), want);
}

#[test]
fn whoever_was_not_tried_is_due_at_once() {
    expect(&[], Next::CallAt(at("2026-11-23T08:00")));
}

#[test]
fn each_outcome_leads_where_it_should() {
    for outcome in Outcome::ALL {
        let tried = [tried(*outcome, "2026-11-23T09:00")];
        let got = next(&RetryRules::default(), &contact(&tried));
        let has_rule = RetryRules::default()
            .rules
            .iter()
            .any(|rule| rule.on == *outcome);
        let is_well = match outcome.leads() {
            Leads::Reached => got == Next::Reached,
            Leads::Never => got == Next::Over(Why::NeverAgain),
            Leads::Unknown => got == Next::Wait,
            Leads::Again => matches!(got, Next::CallAt(_)),
            Leads::ByRule if has_rule => matches!(got, Next::CallAt(_)),
            Leads::ByRule => got == Next::Over(Why::NoRule),
        };
        assert!(is_well, "{outcome:?}: {got:?}");
    }
}

#[test]
fn a_busy_line_waits_for_the_gap_too() {
    // A quarter of an hour by its rule, two hours by the gap.
    expect(
        &[tried(Outcome::Busy, "2026-11-23T09:00")],
        Next::CallAt(at("2026-11-23T11:00")),
    );
    let rules = RetryRules {
        gap_ms: 0,
        ..RetryRules::default()
    };
    let busy = [tried(Outcome::Busy, "2026-11-23T09:00")];
    assert_eq!(
        next(&rules, &contact(&busy)),
        Next::CallAt(at("2026-11-23T09:16"))
    );
}

#[test]
fn a_day_has_so_many_attempts() {
    let rules = RetryRules {
        attempts_max: 9,
        ..RetryRules::default()
    };
    let busy = [
        tried(Outcome::Busy, "2026-11-23T09:00"),
        tried(Outcome::Unreachable, "2026-11-23T11:00"),
    ];
    assert_eq!(
        next(&rules, &contact(&busy)),
        Next::CallAt(at("2026-11-24T09:00"))
    );
}

#[test]
fn whoever_does_not_answer_is_tried_at_another_part_of_the_day() {
    let first = tried(Outcome::NoAnswer, "2026-11-23T09:00");
    expect(&[first], Next::CallAt(at("2026-11-23T13:01")));
    // The evening is left; two attempts a day make it the next.
    let second = tried(Outcome::NoAnswer, "2026-11-23T13:01");
    expect(&[first, second], Next::CallAt(at("2026-11-24T17:00")));
    // A campaign that has no evenings begins again.
    let parts = [DayPart::Morning, DayPart::Afternoon];
    let tried = [first, second];
    let without = Contact {
        parts: &parts,
        ..contact(&tried)
    };
    let got = next(&RetryRules::default(), &without);
    assert_eq!(got, Next::CallAt(at("2026-11-24T09:00")));
}

#[test]
fn nobodys_clock_varies_nothing() {
    let first = [tried(Outcome::NoAnswer, "2026-11-23T09:00")];
    let got = next(
        &RetryRules::default(),
        &Contact {
            zone: None,
            ..contact(&first)
        },
    );
    assert_eq!(got, Next::CallAt(at("2026-11-23T13:01")));
}

#[test]
fn attempts_run_out() {
    let no = |began| tried(Outcome::NoAnswer, began);
    let three = [
        no("2026-11-23T09:00"),
        no("2026-11-24T13:00"),
        no("2026-11-25T18:00"),
    ];
    expect(&three, Next::Over(Why::OutcomeUsed));
    let mixed = [
        no("2026-11-23T09:00"),
        no("2026-11-24T13:00"),
        tried(Outcome::Busy, "2026-11-25T18:00"),
    ];
    expect(&mixed, Next::Over(Why::AttemptsUsed));
    let late = [tried(Outcome::Busy, "2026-12-07T07:30")];
    expect(&late, Next::Over(Why::Expired));
}

#[test]
fn what_we_took_back_is_not_held_against_them() {
    let back = |began| tried(Outcome::Cancelled, began);
    let tried = [
        back("2026-11-23T09:00"),
        back("2026-11-23T12:00"),
        back("2026-11-24T12:00"),
        back("2026-11-25T12:00"),
    ];
    // Their telephone may have rung, so the gap and the day hold.
    expect(&tried, Next::CallAt(at("2026-11-25T14:00")));
}

#[test]
fn rules_that_cannot_be_kept_are_refused() {
    let usual = RetryRules::default();
    assert_eq!(usual.check(), Ok(()));
    let of = |rule: RetryRule| RetryRules {
        rules: vec![rule, usual.rules[0]],
        ..usual.clone()
    };
    let rule = usual.rules[1];
    for (rules, want) in [
        (
            RetryRules {
                attempts_max: 0,
                ..usual.clone()
            },
            RetryError::Attempts,
        ),
        (
            RetryRules {
                attempts_max: 21,
                ..usual.clone()
            },
            RetryError::Attempts,
        ),
        (
            RetryRules {
                per_day_max: 0,
                ..usual.clone()
            },
            RetryError::Attempts,
        ),
        (
            RetryRules {
                gap_ms: -1,
                ..usual.clone()
            },
            RetryError::Delay,
        ),
        (
            RetryRules {
                expire_after_ms: i64::MAX,
                ..usual.clone()
            },
            RetryError::Delay,
        ),
        (
            of(RetryRule {
                delay_ms: -1,
                ..rule
            }),
            RetryError::Delay,
        ),
        (
            of(RetryRule {
                on: Outcome::Busy,
                ..rule
            }),
            RetryError::Twice(Outcome::Busy),
        ),
        (
            of(RetryRule {
                on: Outcome::AnsweredHuman,
                ..rule
            }),
            RetryError::NoRuleFor(Outcome::AnsweredHuman),
        ),
        (
            of(RetryRule {
                on: Outcome::UnknownOutcome,
                ..rule
            }),
            RetryError::NoRuleFor(Outcome::UnknownOutcome),
        ),
    ] {
        assert_eq!(rules.check(), Err(want));
    }
}

fn zones() -> impl Strategy<Value = Zone> {
    const NAMES: [&str; 5] = [
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Pacific/Apia",
    ];
    prop::sample::select(&NAMES[..]).prop_map(|name| Zone::parse(name).unwrap())
}

proptest! {
    #![proptest_config(crate::seeded::cases(512))]

    /// A contact that answers nothing is tried until it is given up, and never more often than any of the rules says.
    #[test]
    fn no_rule_is_broken_until_the_end(
        outcomes in prop::collection::vec(prop::sample::select(Outcome::ALL), 1..40),
        zone in zones(),
        start_h in 0_i64..9_000,
        attempts_max in 1_u32..8,
        per_day_max in 1_u32..4,
        gap_h in 0_i64..5,
    ) {
        let rules = RetryRules { attempts_max, per_day_max, gap_ms: gap_h * HOUR_MS, ..RetryRules::default() };
        let added_ms = 1_767_225_600_000 + start_h * HOUR_MS;
        let mut tried: Vec<Tried> = Vec::new();
        for outcome in outcomes {
            let contact = Contact { added_ms, zone: Some(zone), tried: &tried, parts: &[] };
            let Next::CallAt(at_ms) = next(&rules, &contact) else {
                break;
            };
            prop_assert!(at_ms <= added_ms + rules.expire_after_ms);
            let counts = |one: &&Tried| one.outcome.leads() != Leads::Again;
            prop_assert!(tried.iter().filter(counts).count() < attempts_max as usize);
            if let Some(last) = tried.last() {
                prop_assert!(last.outcome.leads() != Leads::Unknown);
                prop_assert!(last.outcome != Outcome::AnsweredHuman);
                prop_assert!(at_ms > last.ended_ms);
            }
            let rang = tried.iter().filter(|one| one.outcome.may_have_rung());
            for one in rang.clone() {
                prop_assert!(at_ms >= one.began_ms + rules.gap_ms);
            }
            let today = rang.filter(|one| one.began_ms > at_ms - DAY_MS).count();
            prop_assert!(today < per_day_max as usize, "{} within a day", today + 1);
            tried.push(Tried { outcome, began_ms: at_ms, ended_ms: at_ms + MINUTE_MS });
        }
    }
}
