//! What holds for any number at any time.

use super::*;
use proptest::prelude::*;

/// Numbers of many places, by their first digits.
const BEGINNINGS: [&str; 24] = [
    "+1212555", "+1850555", "+1208555", "+1928555", "+1504555", "+1207555", "+1402555", "+1800555",
    "+1812555", "+1808555", "+1416555", "+1809555", "+1900555", "+442079", "+491511", "+331426",
    "+390612", "+346123", "+614123", "+919876", "+977981", "+358401", "+716123", "+999123",
];
const PLACES: [&str; 8] = ["US-FL", "US-LA", "US-NE", "US", "FR", "IT", "AU", "ZZ"];
const ZONES: [&str; 8] = [
    "America/New_York",
    "America/Los_Angeles",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Europe/Dublin",
    "America/St_Johns",
];
/// From the first to the last day of the calendar of holidays.
const TIMES: std::ops::Range<i64> = 1_767_225_600_000..1_956_528_000_000;

fn numbers() -> impl Strategy<Value = String> {
    (prop::sample::select(&BEGINNINGS[..]), 0..10_000)
        .prop_map(|(head, tail)| format!("{head}{tail:04}"))
}

fn some_of<T: Clone + std::fmt::Debug + 'static>(
    names: &'static [&'static str],
    read: impl Fn(&str) -> T + 'static,
) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(prop::sample::select(names), 0..3)
        .prop_map(move |chosen| chosen.into_iter().map(&read).collect())
}

fn places() -> impl Strategy<Value = Vec<Place>> {
    some_of(&PLACES, |code| Place::parse(code).unwrap())
}

fn zones() -> impl Strategy<Value = Vec<Zone>> {
    some_of(&ZONES, |name| Zone::parse(name).unwrap())
}

/// The first instant at which it is allowed: the asked one, a later one, or none.
fn first(verdict: &Verdict) -> Option<i64> {
    match verdict {
        Verdict::Allow(allowed) => Some(allowed.at_unix_ms()),
        Verdict::Defer(deferred) => Some(deferred.until_unix_ms),
        Verdict::Deny(_) => None,
    }
}

fn allows(request: &Request<'_>) -> bool {
    matches!(may_call(request), Verdict::Allow(_))
}

/// The shipped pack with the hours of one row cut.
fn tighter(code: &str) -> HoursPack {
    let mut pack: serde_json::Value =
        serde_json::from_str(include_str!("../../../rules/calling_hours.json")).unwrap();
    for row in pack["rules"].as_array_mut().unwrap() {
        if row["code"] == code {
            row["windows"]["tue"] = serde_json::json!([["11:00", "12:00"]]);
            row["holidays"] = "closed".into();
        }
    }
    HoursPack::parse(&pack.to_string()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn to_know_more_never_allows_more(
        to in numbers(), at in TIMES, (some, more) in (places(), places()), (few, many) in (zones(), zones()),
    ) {
        let less = Request { places: &some, zones: &few, ..request(&to, at) };
        let all_places: Vec<_> = some.iter().chain(&more).copied().collect();
        let all_zones: Vec<_> = few.iter().chain(&many).copied().collect();
        let verdict = may_call(&less);
        let stricter = may_call(&Request { places: &all_places, zones: &all_zones, ..less });
        if let Some(at_last) = first(&stricter) {
            prop_assert!(first(&verdict).is_some_and(|at_first| at_first <= at_last));
        }
        // And any single reason forbids, whatever else there is.
        let suppressed = Request { suppressed: true, ..less };
        prop_assert!(matches!(may_call(&suppressed), Verdict::Deny(_)));
        let nowhere = Request { destinations: &[], ..less };
        prop_assert!(matches!(may_call(&nowhere), Verdict::Deny(_)));
    }

    #[test]
    fn a_verdict_is_allowed_exactly_without_reasons(to in numbers(), at in TIMES, places in places(), zones in zones()) {
        let asked = Request { places: &places, zones: &zones, ..request(&to, at) };
        let verdict = may_call(&asked);
        prop_assert_eq!(matches!(verdict, Verdict::Allow(_)), verdict.reasons().is_empty());
        let open = verdict.trace().checks.iter().all(|check| check.closed.is_none());
        let by_time = verdict.reasons().iter().any(|r| r.code.passes_with_time());
        if verdict.trace().checks.len() < CANDIDATES_MAX {
            prop_assert_eq!(open, !by_time);
        }
    }

    #[test]
    fn any_text_at_any_time_is_decided(to in "\\PC{0,20}|\\+?[0-9]{0,18}", at in any::<i64>()) {
        let verdict = may_call(&request(&to, at));
        prop_assert!(!matches!(verdict, Verdict::Allow(_)) || crate::phone::PhoneNumber::parse(&to).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_next_moment_is_allowed_and_none_before_it_is(
        to in numbers(), minute in TIMES.start / 60_000..TIMES.end / 60_000, places in places(), zones in zones(),
    ) {
        let at = minute * 60_000;
        let asked = Request { places: &places, zones: &zones, ..request(&to, at) };
        if let Verdict::Defer(deferred) = may_call(&asked) {
            let until = deferred.until_unix_ms;
            prop_assert!(until > at && until <= at + HORIZON_DAYS * 86_400_000);
            let then = |at_unix_ms| allows(&Request { at_unix_ms, ..asked });
            prop_assert!(then(until));
            prop_assert!(!then(until - 1));
            // At every minute of the day before it; at every tenth of the time before that.
            let day = (1..1_440).map(|minutes| until - minutes * 60_000);
            let before = (1..5_000).map(|tens| until - tens * 600_000);
            for earlier in day.chain(before).filter(|earlier| *earlier >= at) {
                prop_assert!(!then(earlier), "{earlier}");
            }
        }
    }

    #[test]
    fn a_tighter_rule_never_allows_more(to in numbers(), at in TIMES, code in prop::sample::select(&["US", "US-LA", "FR", "ZZ", "EU"][..])) {
        let pack = tighter(code);
        let asked = request(&to, at);
        if let Some(at_last) = first(&may_call(&Request { pack: &pack, ..asked })) {
            prop_assert!(first(&may_call(&asked)).is_some_and(|at_first| at_first <= at_last));
        }
    }
}
