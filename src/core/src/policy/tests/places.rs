//! Every place and zone where a phone may be.

use super::*;

#[test]
fn what_is_known_of_the_person_holds_beside_the_number() {
    let evening = at("America/New_York", "2026-11-24 20:30");
    let california = [Place::parse("US-CA").unwrap()];
    let florida = [Place::parse("US-FL").unwrap()];
    let rome = [Zone::parse("Europe/Rome").unwrap()];
    let allowed = |places: &[Place], zones: &[Zone], at_unix_ms| {
        let asked = request("+12125550100", at_unix_ms);
        matches!(
            may_call(&Request {
                places,
                zones,
                ..asked
            }),
            Verdict::Allow(_)
        )
    };
    assert!(allowed(&[], &[], evening));
    assert!(allowed(&california, &[], evening));
    assert!(!allowed(&florida, &[], evening), "20:30 in Florida");
    assert!(!allowed(&[], &rome, evening), "02:30 in Rome");
    let morning = at("America/New_York", "2026-11-24 10:00");
    assert!(allowed(&[], &[], morning));
    assert!(!allowed(&california, &[], morning), "07:00 in California");
    let pinned = [Zone::parse("America/New_York").unwrap()];
    assert!(
        !allowed(&california, &pinned, morning),
        "to know more allows no more"
    );
}

#[test]
fn the_trace_names_every_place_and_clock_and_no_number() {
    let verdict = may_call(&request(
        "+18505550100",
        at("America/New_York", "2026-11-24 20:30"),
    ));
    let trace = verdict.trace();
    assert_eq!(trace.country.as_deref(), Some("US"));
    assert_eq!(trace.evidence, Evidence::Area);
    assert_eq!(trace.pack.id, "callserver/calling-hours/1+2026-11-22");
    let told: Vec<_> = trace
        .checks
        .iter()
        .map(|c| {
            (
                c.rule.as_str(),
                c.zone.as_str(),
                c.local_time.as_str(),
                c.closed,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "US-FL",
                "America/Chicago",
                "2026-11-24T19:30:00-06:00",
                None
            ),
            (
                "US-FL",
                "America/New_York",
                "2026-11-24T20:30:00-05:00",
                Some(Code::OutsideCallingHours)
            ),
        ]
    );
    let reason = verdict.reasons().first().unwrap();
    assert_eq!(reason.place.unwrap().to_string(), "US-FL");
    assert_eq!(
        reason.local_time.as_deref(),
        Some("2026-11-24T20:30:00-05:00")
    );
    let json = serde_json::to_string(trace).unwrap();
    assert_eq!(&serde_json::from_str::<Trace>(&json).unwrap(), trace);
    assert!(!json.contains("8505550100") && !format!("{verdict:?}").contains("8505550100"));
}

#[test]
fn every_zone_of_the_table_of_numbers_is_known_here() {
    for place in HoursPack::shipped().rules().map(|(place, _)| *place) {
        for name in crate::geo::zones_of(place) {
            assert!(Zone::parse(name).is_ok(), "{name}");
        }
    }
    let table = include_str!("../../../data/numbers.txt");
    for line in table
        .lines()
        .filter(|l| l.starts_with("zones ") || l.starts_with("world "))
    {
        for name in line.split(' ').next_back().unwrap().split(',') {
            assert!(Zone::parse(name).is_ok(), "{name}");
        }
    }
}
