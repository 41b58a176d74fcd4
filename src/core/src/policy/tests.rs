//! Verdicts by table, and what no request may bring about.

mod limits;
mod often;
mod places;
mod properties;
mod times;

use super::*;
use chrono::NaiveDateTime;

/// The instant at which a zone's clocks show a wall time, the earlier of two.
fn at(zone: &str, wall: &str) -> i64 {
    use chrono::TimeZone as _;
    let zone: chrono_tz::Tz = zone.parse().unwrap();
    let wall = NaiveDateTime::parse_from_str(wall, "%Y-%m-%d %H:%M").unwrap();
    let instant = zone.from_local_datetime(&wall).earliest().unwrap();
    instant.timestamp_millis()
}

/// Somebody who agreed to everything in writing, long ago, and is in no register.
fn agreed() -> About<'static> {
    use permission::{Entry, Form, What};
    static LEDGER: std::sync::LazyLock<Vec<Entry>> = std::sync::LazyLock::new(|| {
        vec![Entry {
            id: "con_all".to_owned(),
            at_ms: 0,
            purposes: Purpose::ALL.into_iter().collect(),
            what: What::Given {
                form: Form::Written,
                expires_ms: None,
            },
        }]
    });
    static CLEAR: std::sync::LazyLock<Vec<Screening>> = std::sync::LazyLock::new(|| {
        let registries = PermissionPack::shipped().all_registries().iter();
        let clear = registries.map(|registry| Screening {
            registry: registry.id.clone(),
            listed: false,
            checked_ms: i64::MAX,
        });
        clear.collect()
    });
    About {
        ledger: &LEDGER,
        screenings: &CLEAR,
        ..About::default()
    }
}

/// A request that everything but hours allows.
fn request(to: &str, at_unix_ms: i64) -> Request<'_> {
    static EVERYWHERE: std::sync::LazyLock<Vec<Destination>> = std::sync::LazyLock::new(|| {
        let prefixes = ["+1", "+2", "+3", "+4", "+5", "+6", "+7", "+8", "+9"];
        prefixes.map(|p| Destination::parse(p).unwrap()).into()
    });
    Request {
        pack: HoursPack::shipped(),
        at_unix_ms,
        to,
        places: &[],
        zones: &[],
        destinations: &EVERYWHERE,
        suppressed: false,
        caps: &[],
        history: History::default(),
        permission: PermissionPack::shipped(),
        about: agreed(),
        standing: Standing::default(),
        windows: &[],
        closures: &[],
        asked_unix_ms: None,
        engaged: false,
    }
}

/// `allow`, `defer` and the first instant, or `deny`; then the reasons.
fn told(verdict: &Verdict) -> (&'static str, Option<i64>, Vec<&'static str>) {
    let mut codes: Vec<_> = verdict.reasons().iter().map(|r| r.code.name()).collect();
    codes.dedup();
    match verdict {
        Verdict::Allow(_) => ("allow", None, codes),
        Verdict::Defer(deferred) => ("defer", Some(deferred.until_unix_ms), codes),
        Verdict::Deny(_) => ("deny", None, codes),
    }
}

/// A number; a zone and the wall time there; the wall time of the next moment, `now` or `never`; reasons.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

fn check(cases: &[Case]) {
    for (to, zone, wall, until, reasons) in cases {
        let verdict = may_call(&request(to, at(zone, wall)));
        let (kind, at_last, codes) = told(&verdict);
        match *until {
            "now" => assert_eq!(kind, "allow", "{to} {wall}: {verdict:?}"),
            "never" => assert_eq!(kind, "deny", "{to} {wall}: {verdict:?}"),
            until => assert_eq!(at_last, Some(at(zone, until)), "{to} {wall}: {verdict:?}"),
        }
        assert_eq!(codes, *reasons, "{to} {wall}");
    }
}
