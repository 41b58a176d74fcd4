//! Numbers, destinations, suppressions: what no hour mends.

use super::*;

fn noon() -> i64 {
    at("America/New_York", "2026-11-24 12:00")
}

#[test]
fn every_reason_is_listed_and_not_the_first_alone() {
    let night = at("America/New_York", "2026-11-24 23:00");
    let asked = Request {
        destinations: &[],
        suppressed: true,
        ..request("+19005550100", night)
    };
    let (kind, _, codes) = told(&may_call(&asked));
    assert_eq!(kind, "deny");
    assert_eq!(
        codes,
        [
            "premium_number",
            "suppressed",
            "destination_not_allowed",
            "outside_calling_hours"
        ]
    );
}

#[test]
fn numbers_that_are_never_called_are_denied_at_any_hour() {
    for (to, code) in [
        ("112", "emergency_number"),
        ("911", "emergency_number"),
        ("+1911", "emergency_number"),
        ("211", "service_number"),
        ("+19115550100", "service_number"),
        ("+19005550100", "premium_number"),
        ("+12129765550", "premium_number"),
        ("+449012345678", "premium_number"),
        ("+499001234567", "premium_number"),
        ("+491805123456", "shared_cost_number"),
        ("+881612345678", "satellite_number"),
        ("", "invalid_number"),
        ("+1 212 555 0100", "invalid_number"),
        ("+1212555010012345", "invalid_number"),
        ("12125550100", "invalid_number"),
        ("+٤٤٢٠٧٩٤٦", "invalid_number"),
    ] {
        let verdict = may_call(&request(to, noon()));
        let (kind, _, codes) = told(&verdict);
        assert_eq!(kind, "deny", "{to}");
        assert!(codes.contains(&code), "{to}: {codes:?}");
    }
}

#[test]
fn nowhere_is_called_until_it_is_allowed() {
    let prefixes = |texts: &[&str]| -> Vec<Destination> {
        texts
            .iter()
            .map(|t| Destination::parse(t).unwrap())
            .collect()
    };
    for (texts, kind) in [
        (&[][..], "deny"),
        (&["+44"], "deny"),
        (&["+1213"], "deny"),
        (&["+1"], "allow"),
        (&["+44", "+1212"], "allow"),
        (&["+1212555"], "allow"),
    ] {
        let destinations = prefixes(texts);
        let verdict = may_call(&Request {
            destinations: &destinations,
            ..request("+12125550100", noon())
        });
        assert_eq!(told(&verdict).0, kind, "{texts:?}");
        assert_eq!(verdict.trace().destination.is_some(), kind == "allow");
    }
}

#[test]
fn who_asked_not_to_be_called_is_not_deferred() {
    let night = at("America/New_York", "2026-11-24 23:00");
    for (at_unix_ms, codes) in [
        (noon(), &["suppressed"][..]),
        (night, &["suppressed", "outside_calling_hours"]),
    ] {
        let asked = Request {
            suppressed: true,
            ..request("+12125550100", at_unix_ms)
        };
        assert_eq!(told(&may_call(&asked)), ("deny", None, codes.to_vec()));
    }
}

#[test]
fn a_time_that_is_none_allows_nothing() {
    for at_unix_ms in [i64::MIN, -1, UNIX_MS_MAX + 1, i64::MAX] {
        let verdict = may_call(&request("+12125550100", at_unix_ms));
        assert_eq!(told(&verdict), ("deny", None, vec!["time_unknown"]));
    }
    let _ = may_call(&request("+12125550100", UNIX_MS_MAX));
    let _ = may_call(&request("+33142685300", 0));
}
