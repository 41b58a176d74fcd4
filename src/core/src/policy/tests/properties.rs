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

fn caps() -> impl Strategy<Value = Vec<Cap>> {
    let cap = (1_u32..4, 1_i64..200).prop_map(|(calls_max, hours)| Cap {
        rule: "client".to_owned(),
        calls_max,
        within_ms: hours * 3_600_000,
        counts: Counted::Calls,
        spares_asked: false,
    });
    prop::collection::vec(cap, 0..3)
}

/// Whether one more call at that moment would be within what every cap of the place and the client's own say, counted
/// anew: of any `calls_max + 1` calls that would have been made by then, the first and the last lie too near.
fn is_one_more_within(caps: &[Cap], began: &[i64], at: i64) -> bool {
    let mut all: Vec<i64> = began.to_vec();
    all.push(at);
    all.sort_unstable();
    caps.iter().all(|cap| {
        let reach = usize::try_from(cap.calls_max).unwrap();
        let near = |pair: (&i64, &i64)| pair.1 - pair.0 < cap.within_ms;
        let pairs = all.iter().zip(all.iter().skip(reach));
        !pairs.filter(|(_, last)| **last >= at).any(near)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nobody_is_called_more_often_than_every_cap_says(
        to in numbers(), at in TIMES, own in caps(), ago in prop::collection::vec(0_i64..240, 0..8), places in places(),
    ) {
        let began: Vec<i64> = ago.iter().map(|hours| at - hours * 3_600_000).collect();
        let asked = Request { caps: &own, history: History { began: &began, ..History::default() }, places: &places, ..request(&to, at) };
        let verdict = may_call(&asked);
        let held: Vec<Cap> = verdict.trace().caps.iter().map(|check| check.cap.clone())
            .filter(|cap| cap.counts == Counted::Calls).collect();
        prop_assert!(own.iter().all(|cap| held.contains(cap)));
        let is_within = is_one_more_within(&held, &began, at);
        prop_assert_eq!(is_within, verdict.reasons().iter().all(|r| r.code != Code::CalledTooOften));
        if let Verdict::Defer(deferred) = &verdict {
            let then = |at_unix_ms| may_call(&Request { at_unix_ms, ..asked });
            prop_assert!(is_one_more_within(&held, &began, deferred.until_unix_ms));
            prop_assert!(matches!(then(deferred.until_unix_ms), Verdict::Allow(_)));
            prop_assert!(!matches!(then(deferred.until_unix_ms - 1), Verdict::Allow(_)));
        }
        // More calls never allow more.
        if let Some(at_last) = first(&verdict) {
            let fewer = Request { history: History { began: began.get(1..).unwrap_or_default(), ..History::default() }, ..asked };
            prop_assert!(first(&may_call(&fewer)).is_some_and(|at_first| at_first <= at_last));
        }
    }
}
