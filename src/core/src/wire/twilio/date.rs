//! Dates as mail and HTTP write them (RFC 2822), read into Unix time.

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
/// Longest text that is looked at, in bytes.
const DATE_BYTES_MAX: usize = 64;

/// Seconds since 1970 UTC of `Thu, 01 Jan 2026 00:00:00 +0000`; the weekday may be absent and the zone be `GMT`. `None`
/// for anything else, and for days that no calendar has.
#[must_use]
pub fn unix_s(text: &str) -> Option<i64> {
    if text.len() > DATE_BYTES_MAX {
        return None;
    }
    let text = text.split_once(',').map_or(text, |(_, rest)| rest);
    let mut parts = text.split_ascii_whitespace();
    let day: i64 = whole(parts.next()?)?;
    let month = parts.next()?.to_ascii_lowercase();
    let month = i64::try_from(MONTHS.iter().position(|known| *known == month)?).ok()? + 1;
    let year: i64 = whole(parts.next()?)?;
    let mut clock = parts.next()?.split(':');
    let hour = whole(clock.next()?)?;
    let minute = whole(clock.next()?)?;
    let second = clock.next().map_or(Some(0), whole)?;
    let zone_s = zone(parts.next()?)?;
    let is_real = (1970..=9999).contains(&year)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60
        && clock.next().is_none()
        && parts.next().is_none();
    is_real.then(|| {
        days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - zone_s
    })
}

/// A number of at most four digits, and nothing else.
fn whole(text: &str) -> Option<i64> {
    let fits = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// Seconds that the zone's clocks are ahead of UTC.
fn zone(text: &str) -> Option<i64> {
    if ["GMT", "UTC", "UT", "Z"].contains(&text) {
        return Some(0);
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let hhmm = (digits.len() == 4).then(|| whole(digits)).flatten()?;
    let (hours, minutes) = (hhmm / 100, hhmm % 100);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts from the first of March, so that a leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months_since_march = (month + 9) % 12;
    let day_of_year = (153 * months_since_march + 2) / 5 + day - 1;
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 +0000", 0),
            ("Thu, 01 Jan 2026 00:00:00 +0000", 1_767_225_600),
            ("Sun, 22 Nov 2026 19:49:42 GMT", 1_795_376_982),
            ("22 Nov 2026 20:49:42 +0100", 1_795_376_982),
            ("Sun, 22 Nov 2026 14:19:42 -0530", 1_795_376_982),
            ("Thu, 29 Feb 2024 23:59:60 UTC", 1_709_251_200),
            ("1 mar 2000 12:30 Z", 951_913_800),
        ] {
            assert_eq!(unix_s(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "null",
            "2026-01-01T00:00:00Z",
            "Thu, 31 Feb 2026 00:00:00 +0000",
            "Thu, 29 Feb 2023 00:00:00 +0000",
            "Thu, 00 Jan 2026 00:00:00 +0000",
            "Thu, 01 Foo 2026 00:00:00 +0000",
            "Thu, 01 Jan 2026 24:00:00 +0000",
            "Thu, 01 Jan 2026 00:60:00 +0000",
            "Thu, 01 Jan 2026 00:00:00",
            "Thu, 01 Jan 2026 00:00:00 EST",
            "Thu, 01 Jan 2026 00:00:00 +00",
            "Thu, 01 Jan 2026 00:00:00 +0000 and more",
            "Thu, 01 Jan 99999 00:00:00 +0000",
            "Thu, -1 Jan 2026 00:00:00 +0000",
            "Thu, 01 Jan 2026 00:00:00:00 +0000",
            "Thu, 01 Jan 2026 é:00 +0000",
        ] {
            assert_eq!(unix_s(text), None, "{text}");
        }
        assert_eq!(unix_s(&"1".repeat(1_000)), None);
    }
}
