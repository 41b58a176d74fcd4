use super::*;

/// Tuesday noon in New York.
const NOON_MS: i64 = 1_795_539_600_000;
const DAY_MS: i64 = 86_400_000;
const NEW_YORK: &str = "+12125550137";
/// Free to the caller: it may be anywhere in North America.
const TOLL_FREE: &str = "+18005550137";

fn wished(at: &str, zone: Option<&str>, number: &str, business: &[&str]) -> Result<Moment, Vague> {
    let number = PhoneNumber::parse(number).unwrap();
    let business: Vec<Place> = business
        .iter()
        .map(|place| place.parse().unwrap())
        .collect();
    moment(&Wish {
        at,
        zone,
        number: &number,
        business: &business,
        now_unix_ms: NOON_MS,
        ahead_ms_max: 30 * DAY_MS,
    })
}

fn told(at: &str, zone: Option<&str>, number: &str, business: &[&str]) -> String {
    let moment = wished(at, zone, number, business).unwrap();
    format!("{} {}", moment.zone.name(), moment.unix_ms - NOON_MS)
}

#[test]
fn a_time_is_told_by_the_clock_that_was_named_or_the_numbers_or_the_businesss() {
    let hour = 3_600_000;
    for (at, zone, number, business, expected) in [
        (
            "2026-11-24T15:00",
            None,
            NEW_YORK,
            vec![],
            format!("America/New_York {}", 3 * hour),
        ),
        (
            "2026-11-24T15:00",
            Some("America/Los_Angeles"),
            NEW_YORK,
            vec![],
            format!("America/Los_Angeles {}", 6 * hour),
        ),
        // Nothing is known of where the number is: the business's clock.
        (
            "2026-11-24T15:00",
            None,
            TOLL_FREE,
            vec!["US-NY"],
            format!("America/New_York {}", 3 * hour),
        ),
        // A country of several clocks tells nothing; the next place does.
        (
            "2026-11-24T15:00",
            None,
            TOLL_FREE,
            vec!["US", "US-NY"],
            format!("America/New_York {}", 3 * hour),
        ),
        // Where the number is counts before where the business is.
        (
            "2026-11-24T15:00",
            None,
            "+4930123456",
            vec!["US-NY"],
            format!("Europe/Berlin {}", -3 * hour),
        ),
    ] {
        if expected.contains(" -") {
            assert_eq!(
                wished(at, zone, number, &business),
                Err(Vague::Past),
                "{expected}"
            );
        } else {
            assert_eq!(told(at, zone, number, &business), expected);
        }
    }
}

#[test]
fn what_means_no_moment_is_refused_for_what_it_is() {
    for (at, zone, number, expected) in [
        ("at three", None, NEW_YORK, "invalid_time"),
        ("2026-11-24T15:00Z", None, NEW_YORK, "invalid_time"),
        (
            "2026-11-24T15:00",
            Some("EST"),
            NEW_YORK,
            "invalid_time_zone",
        ),
        ("2026-11-24T15:00", Some(""), NEW_YORK, "invalid_time_zone"),
        ("2026-11-24T15:00", None, TOLL_FREE, "time_zone_unknown"),
        ("2026-11-24T12:00", None, NEW_YORK, "past_time"),
        ("2026-11-23T15:00", None, NEW_YORK, "past_time"),
        ("2026-12-24T12:01", None, NEW_YORK, "too_far_ahead"),
        ("2027-11-24T12:00", None, NEW_YORK, "too_far_ahead"),
    ] {
        let vague = wished(at, zone, number, &[]).unwrap_err();
        assert_eq!(vague.code(), expected, "{at}");
        assert!(!vague.meaning().is_empty());
    }
    assert!(wished("2026-12-24T12:00", None, NEW_YORK, &[]).is_ok());
    let far = wished("2027-11-24T12:00", None, NEW_YORK, &[]).unwrap_err();
    let Vague::TooFar(latest) = far else {
        panic!("{far:?}");
    };
    assert_eq!(
        latest.zone.words(latest.unix_ms),
        "Thursday 24 December 2026, 12:00"
    );
}

#[test]
fn clocks_that_change_meanwhile_are_heeded() {
    let number = PhoneNumber::parse(NEW_YORK).unwrap();
    let wish = |at, now_unix_ms| {
        let wish = Wish {
            at,
            zone: None,
            number: &number,
            business: &[],
            now_unix_ms,
            ahead_ms_max: 30 * DAY_MS,
        };
        let moment = moment(&wish).unwrap();
        moment.zone.words(moment.unix_ms)
    };
    // 1 March 2026 and 25 October 2026, noon UTC.
    assert_eq!(
        wish("2026-03-08T02:30", 1_772_366_400_000),
        "Sunday 8 March 2026, 03:00"
    );
    assert_eq!(
        wish("2026-11-01T01:30", 1_792_929_600_000),
        "Sunday 1 November 2026, 01:30"
    );
}

#[test]
fn the_clock_of_now_is_told_where_there_is_one() {
    let clock = |number: &str, business: &[Place]| {
        clock(&PhoneNumber::parse(number).unwrap(), business, NOON_MS).map(Zone::name)
    };
    let new_york: [Place; 1] = ["US-NY".parse().unwrap()];
    assert_eq!(clock(NEW_YORK, &[]), Some("America/New_York"));
    assert_eq!(clock(TOLL_FREE, &[]), None);
    assert_eq!(clock(TOLL_FREE, &new_york), Some("America/New_York"));
}
