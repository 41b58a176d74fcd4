//! Hours, days and holidays by the clock of the person called.

use super::*;

const LATE: &[&str] = &["outside_calling_hours"];

#[test]
fn a_minute_decides_in_each_zone() {
    // New York, Tennessee's Memphis, Colorado, Nevada would be 20:00: Idaho has both western zones, so Arizona, and Hawaii.
    check(&[
        (
            "+12125550100",
            "America/New_York",
            "2026-11-24 20:59",
            "now",
            &[],
        ),
        (
            "+12125550100",
            "America/New_York",
            "2026-11-24 21:00",
            "2026-11-25 08:00",
            LATE,
        ),
        (
            "+13125550100",
            "America/Chicago",
            "2026-11-24 20:59",
            "now",
            &[],
        ),
        (
            "+13125550100",
            "America/Chicago",
            "2026-11-24 21:00",
            "2026-11-25 09:00",
            LATE,
        ),
        (
            "+13035550100",
            "America/Denver",
            "2026-11-24 20:59",
            "now",
            &[],
        ),
        (
            "+13035550100",
            "America/Denver",
            "2026-11-24 21:00",
            "2026-11-25 08:00",
            LATE,
        ),
        (
            "+14155550100",
            "America/Los_Angeles",
            "2026-11-24 20:59",
            "now",
            &[],
        ),
        (
            "+14155550100",
            "America/Los_Angeles",
            "2026-11-24 21:00",
            "2026-11-25 09:00",
            LATE,
        ),
        (
            "+16025550100",
            "America/Phoenix",
            "2026-07-01 20:59",
            "now",
            &[],
        ),
        (
            "+16025550100",
            "America/Phoenix",
            "2026-07-01 21:00",
            "2026-07-02 08:00",
            LATE,
        ),
        (
            "+18085550100",
            "Pacific/Honolulu",
            "2026-07-01 20:59",
            "now",
            &[],
        ),
        (
            "+18085550100",
            "Pacific/Honolulu",
            "2026-07-01 07:59",
            "2026-07-01 08:00",
            LATE,
        ),
        // Half-hour and quarter-hour clocks.
        (
            "+919876543210",
            "Asia/Kolkata",
            "2026-11-24 20:59",
            "now",
            &[],
        ),
        (
            "+919876543210",
            "Asia/Kolkata",
            "2026-11-24 21:00",
            "2026-11-25 09:00",
            LATE,
        ),
        (
            "+9779812345678",
            "Asia/Kathmandu",
            "2026-11-24 17:59",
            "now",
            &[],
        ),
        (
            "+9779812345678",
            "Asia/Kathmandu",
            "2026-11-24 18:00",
            "2026-11-25 10:00",
            LATE,
        ),
    ]);
}

#[test]
fn a_state_may_be_stricter_than_the_federation() {
    check(&[
        // Florida until 20:00; Miami's code is of one zone.
        (
            "+13055550100",
            "America/New_York",
            "2026-11-24 19:59",
            "now",
            &[],
        ),
        (
            "+13055550100",
            "America/New_York",
            "2026-11-24 20:00",
            "2026-11-25 08:00",
            LATE,
        ),
        // Texas from 09:00, on Sundays from 12:00.
        (
            "+15125550100",
            "America/Chicago",
            "2026-11-24 08:59",
            "2026-11-24 09:00",
            LATE,
        ),
        (
            "+15125550100",
            "America/Chicago",
            "2026-11-22 11:59",
            "2026-11-22 12:00",
            LATE,
        ),
        (
            "+15125550100",
            "America/Chicago",
            "2026-11-22 12:00",
            "now",
            &[],
        ),
        // Maine: artificial voices from 9 to 17 on weekdays.
        (
            "+12075550100",
            "America/New_York",
            "2026-11-24 16:59",
            "now",
            &[],
        ),
        (
            "+12075550100",
            "America/New_York",
            "2026-11-24 17:00",
            "2026-11-25 09:00",
            LATE,
        ),
        (
            "+12075550100",
            "America/New_York",
            "2026-11-28 12:00",
            "2026-11-30 09:00",
            &["day_barred"],
        ),
        // Nebraska: on Sundays and holidays from 13:00. Thanksgiving; the code has two zones.
        (
            "+14025550100",
            "America/Chicago",
            "2026-11-26 12:00",
            "2026-11-26 14:00",
            &["holiday"],
        ),
        (
            "+14025550100",
            "America/Chicago",
            "2026-11-26 14:00",
            "now",
            &[],
        ),
    ]);
}

#[test]
fn some_days_are_barred_and_holidays_with_them() {
    check(&[
        // Louisiana: no Sundays, no holidays; Thanksgiving and Mardi Gras.
        (
            "+15045550100",
            "America/Chicago",
            "2026-11-22 12:00",
            "2026-11-23 08:00",
            &["day_barred"],
        ),
        (
            "+15045550100",
            "America/Chicago",
            "2026-11-26 12:00",
            "2026-11-27 08:00",
            &["holiday"],
        ),
        (
            "+15045550100",
            "America/Chicago",
            "2026-02-17 12:00",
            "2026-02-18 08:00",
            &["holiday"],
        ),
        (
            "+15045550100",
            "America/Chicago",
            "2026-11-28 20:00",
            "2026-11-30 08:00",
            LATE,
        ),
        // Alabama's 205 on a Saturday evening.
        (
            "+12055550100",
            "America/Chicago",
            "2026-11-21 19:59",
            "now",
            &[],
        ),
        (
            "+12055550100",
            "America/Chicago",
            "2026-11-21 20:00",
            "2026-11-23 08:00",
            LATE,
        ),
        // France: a pause at noon, no weekends, the fourteenth of July.
        (
            "+33142685300",
            "Europe/Paris",
            "2026-11-24 12:59",
            "now",
            &[],
        ),
        (
            "+33142685300",
            "Europe/Paris",
            "2026-11-24 13:00",
            "2026-11-24 14:00",
            LATE,
        ),
        (
            "+33142685300",
            "Europe/Paris",
            "2026-11-21 11:00",
            "2026-11-23 10:00",
            &["day_barred"],
        ),
        (
            "+33142685300",
            "Europe/Paris",
            "2026-07-14 11:00",
            "2026-07-15 10:00",
            &["holiday"],
        ),
        // Italy: the eve of a holiday has a Saturday's hours. The second of June.
        (
            "+390612345678",
            "Europe/Rome",
            "2026-06-01 09:30",
            "2026-06-01 10:00",
            LATE,
        ),
        (
            "+390612345678",
            "Europe/Rome",
            "2026-12-04 09:30",
            "now",
            &[],
        ),
        (
            "+390612345678",
            "Europe/Rome",
            "2026-12-08 12:00",
            "2026-12-09 09:00",
            &["holiday"],
        ),
        // Britain's bank holiday, and Christmas over a weekend.
        (
            "+442079460000",
            "Europe/London",
            "2026-08-31 12:00",
            "2026-09-01 09:00",
            &["holiday"],
        ),
        (
            "+442079460000",
            "Europe/London",
            "2026-12-24 20:00",
            "2026-12-29 09:00",
            LATE,
        ),
    ]);
}

#[test]
fn a_year_that_no_calendar_tells_is_closed_where_holidays_count() {
    check(&[
        (
            "+12125550100",
            "America/New_York",
            "2040-11-26 12:00",
            "now",
            &[],
        ),
        (
            "+15045550100",
            "America/Chicago",
            "2040-11-26 12:00",
            "never",
            &["holidays_unknown", "no_calling_time"],
        ),
        // The last days that the calendar tells.
        (
            "+33142685300",
            "Europe/Paris",
            "2032-12-31 12:00",
            "now",
            &[],
        ),
        (
            "+33142685300",
            "Europe/Paris",
            "2032-12-31 21:00",
            "never",
            &["outside_calling_hours", "no_calling_time"],
        ),
    ]);
}

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
