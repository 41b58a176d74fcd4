//! Hours, days and holidays by the clock of the person called.

use super::*;

const LATE: &[&str] = &["outside_calling_hours"];

#[test]
fn a_clock_that_changes_is_asked_at_the_instant() {
    // In 2026 the clocks of New York change on 8 March and 1 November, those of Berlin on 29 March and 25 October.
    let hour = 3_600_000;
    let new_york = "America/New_York";
    for (before, behind, hours) in [
        ("2026-03-07 21:00", "2026-03-08 08:00", 10),
        ("2026-06-01 21:00", "2026-06-02 08:00", 11),
        ("2026-10-31 21:00", "2026-11-01 08:00", 12),
    ] {
        let (from, until) = (at(new_york, before), at(new_york, behind));
        let verdict = may_call(&request("+12125550100", from));
        assert_eq!(told(&verdict).1, Some(until), "{before}");
        assert_eq!(until - from, hours * hour, "{before}");
    }
    check(&[
        (
            "+12125550100",
            new_york,
            "2026-03-08 07:59",
            "2026-03-08 08:00",
            LATE,
        ),
        ("+12125550100", new_york, "2026-11-01 20:59", "now", &[]),
        // A Saturday and the Sunday behind it; Lord Howe's clocks go by half an hour, and all of Australia must be awake, to the Cocos Islands.
        (
            "+493012345678",
            "Europe/Berlin",
            "2026-10-24 16:00",
            "2026-10-26 09:00",
            LATE,
        ),
        (
            "+61412345678",
            "Australia/Lord_Howe",
            "2026-04-07 09:00",
            "2026-04-07 13:00",
            LATE,
        ),
    ]);
}

/// Hours that begin or end inside a gap or a repeated hour: a rule of no place, to hold the arithmetic.
#[test]
fn hours_inside_a_gap_or_a_repeated_hour_are_found_to_the_minute() {
    let week = |from: &str, until: &str| {
        let mut pack: serde_json::Value =
            serde_json::from_str(include_str!("../../../rules/calling_hours.json")).unwrap();
        for row in pack["rules"].as_array_mut().unwrap() {
            if row["code"] == "US" {
                for day in ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] {
                    row["windows"][day] = serde_json::json!([[from, until]]);
                }
            }
        }
        HoursPack::parse(&pack.to_string()).unwrap()
    };
    let cases = [
        ("02:15", "02:45", "2026-03-07 12:00"),
        ("02:15", "03:30", "2026-03-07 12:00"),
        ("01:30", "01:45", "2026-10-31 12:00"),
        ("01:30", "02:30", "2026-11-01 01:50"),
        ("00:00", "24:00", "2026-11-01 01:50"),
        ("00:00", "00:01", "2026-11-01 00:01"),
    ];
    for (from, until, start) in cases {
        let pack = week(from, until);
        let start = at("America/New_York", start);
        let mut open = (0..60 * 50).map(|minute| start + minute * 60_000);
        let is_open = |t: &i64| {
            matches!(
                may_call(&Request {
                    pack: &pack,
                    ..request("+16145550100", *t)
                }),
                Verdict::Allow(_)
            )
        };
        let want = open.find(is_open).unwrap();
        let verdict = may_call(&Request {
            pack: &pack,
            ..request("+16145550100", start)
        });
        let got = match verdict {
            Verdict::Allow(_) => start,
            Verdict::Defer(deferred) => deferred.until_unix_ms,
            Verdict::Deny(denied) => panic!("{denied:?}"),
        };
        assert_eq!(got, want, "{from} {until}");
    }
}
