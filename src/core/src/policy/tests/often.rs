//! How often somebody may be called, place by place.

use super::*;

const HOUR: i64 = 3_600_000;

/// A number; its zone and the wall time there; how many hours ago it was called; the wall time of the next moment, or `now`;
/// the rules to blame.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static [i64],
    &'static str,
    &'static [&'static str],
);

const CASES: &[Case] = &[
    // Nobody is called three times in two hours, whatever the law of the place says.
    (
        "+12125550100",
        "America/New_York",
        "2026-11-24 12:00",
        &[],
        "now",
        &[],
    ),
    (
        "+12125550100",
        "America/New_York",
        "2026-11-24 12:00",
        &[1],
        "2026-11-24 13:00",
        &["default"],
    ),
    (
        "+12125550100",
        "America/New_York",
        "2026-11-24 12:00",
        &[2],
        "now",
        &[],
    ),
    (
        "+12125550100",
        "America/New_York",
        "2026-11-24 20:00",
        &[3, 5, 7],
        "2026-11-25 13:00",
        &["default"],
    ),
    // Seven in a week: the eighth when the first is a week old.
    (
        "+12125550100",
        "America/New_York",
        "2026-11-24 12:00",
        &[26, 50, 74, 98, 122, 146, 167],
        "2026-11-24 13:00",
        &["default"],
    ),
    // Florida: three in 24 hours, and so says the default.
    (
        "+13055550100",
        "America/New_York",
        "2026-11-24 18:00",
        &[4, 6, 8],
        "2026-11-25 10:00",
        &["default", "US-FL"],
    ),
    // Maine: one in eight hours.
    (
        "+12075550100",
        "America/New_York",
        "2026-11-24 12:00",
        &[3],
        "2026-11-25 09:00",
        &["US-ME"],
    ),
    (
        "+12075550100",
        "America/New_York",
        "2026-11-24 16:59",
        &[8],
        "now",
        &[],
    ),
    // France: four in thirty days.
    (
        "+33142685300",
        "Europe/Paris",
        "2026-11-24 11:00",
        &[30, 200, 400, 719],
        "2026-11-24 12:00",
        &["FR"],
    ),
    (
        "+33142685300",
        "Europe/Paris",
        "2026-11-24 11:00",
        &[30, 200, 400, 720],
        "now",
        &[],
    ),
    // The Emirates: one a day, two a week.
    (
        "+97145550100",
        "Asia/Dubai",
        "2026-11-24 12:00",
        &[5],
        "2026-11-25 09:00",
        &["AE"],
    ),
];

/// What holds where a client has said nothing.
fn default() -> Vec<Cap> {
    let frequency = HoursPack::shipped().frequency();
    let cap = |calls_max, within_ms| Cap {
        rule: "default".to_owned(),
        calls_max,
        within_ms,
        spares_asked: false,
    };
    vec![
        cap(frequency.calls_24h_max, 24 * HOUR),
        cap(frequency.calls_7d_max, 7 * 24 * HOUR),
        cap(1, frequency.gap_ms),
    ]
}

#[test]
fn calls_that_were_made_defer_the_next() {
    for (to, zone, wall, hours_ago, until, rules) in CASES {
        let now = at(zone, wall);
        let began: Vec<i64> = hours_ago.iter().map(|hours| now - hours * HOUR).collect();
        let verdict = may_call(&Request {
            caps: &default(),
            began_unix_ms: &began,
            ..request(to, now)
        });
        let (kind, at_last, codes) = told(&verdict);
        let case = format!("{to} {wall} {hours_ago:?}");
        match *until {
            "now" => assert_eq!(kind, "allow", "{case}: {verdict:?}"),
            until => assert_eq!(at_last, Some(at(zone, until)), "{case}: {verdict:?}"),
        }
        let expected: &[&str] = if rules.is_empty() {
            &[]
        } else {
            &["called_too_often"]
        };
        assert_eq!(codes, expected, "{case}");
        let mut blamed: Vec<_> = verdict
            .reasons()
            .iter()
            .filter_map(|r| r.rule.as_deref())
            .collect();
        blamed.dedup();
        assert_eq!(blamed, *rules, "{case}");
    }
}

/// A number of which the state is not known may be any state's.
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
        began_unix_ms: &[now],
        ..engaged(now)
    };
    let codes = vec!["called_too_often", "call_in_progress"];
    assert_eq!(
        told(&may_call(&often)),
        ("defer", Some(now + 2 * HOUR), codes)
    );
}
