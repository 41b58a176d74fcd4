//! How often somebody may be called, beside the cases of `fixtures/policy`.

use super::*;

const HOUR: i64 = 3_600_000;

/// What holds where a client has said nothing.
fn default() -> Vec<Cap> {
    let frequency = HoursPack::shipped().frequency();
    let cap = |calls_max, within_ms| Cap {
        rule: "default".to_owned(),
        calls_max,
        within_ms,
        counts: Counted::Calls,
        spares_asked: false,
    };
    vec![
        cap(frequency.calls_24h_max, 24 * HOUR),
        cap(frequency.calls_7d_max, 7 * 24 * HOUR),
        cap(1, frequency.gap_ms),
    ]
}

#[test]
fn a_number_of_no_state_is_called_as_seldom_as_one_of_each() {
    let verdict = may_call(&request(
        "+18005550100",
        at("America/New_York", "2026-11-24 14:00"),
    ));
    let held: Vec<_> = verdict
        .trace()
        .caps
        .iter()
        .map(|check| &check.cap)
        .collect();
    let pack = HoursPack::shipped();
    let mut states = 0;
    for (_, rule) in pack.rules().filter(|(place, _)| place.is_us()) {
        states += usize::from(!rule.caps.is_empty());
        assert!(
            rule.caps.iter().all(|cap| held.contains(&cap)),
            "{}",
            rule.id
        );
    }
    assert_eq!(states, 5);
}

/// Whoever is on the telephone is called later, whatever is asked about beside it.
#[test]
fn nobodys_telephone_rings_twice_at_once() {
    let (new_york, noon) = ("+12125550100", "2026-11-24 12:00");
    let now = at("America/New_York", noon);
    let engaged = |at_unix_ms| Request {
        engaged: true,
        ..request(new_york, at_unix_ms)
    };
    let told_now = told(&may_call(&engaged(now)));
    let minute = Some(now + ENGAGED_AGAIN_MS);
    assert_eq!(told_now, ("defer", minute, vec!["call_in_progress"]));
    // In the last minute of the day it is the next morning.
    let late = at("America/New_York", "2026-11-24 20:59");
    let morning = Some(at("America/New_York", "2026-11-25 08:00"));
    assert_eq!(
        told(&may_call(&engaged(late))),
        ("defer", morning, vec!["call_in_progress"])
    );
    // The later of two reasons counts.
    let often = Request {
        caps: &default(),
        history: History {
            began: &[now],
            ..History::default()
        },
        ..engaged(now)
    };
    let codes = vec!["called_too_often", "call_in_progress"];
    assert_eq!(
        told(&may_call(&often)),
        ("defer", Some(now + 2 * HOUR), codes)
    );
}
