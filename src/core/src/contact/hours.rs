//! When somebody wants to be called, as their preference `calling_hours` says it.

use crate::policy::{Span, Week};

/// The preference by which a contact says when they want to be called.
pub const CALLING_HOURS: &str = "calling_hours";

/// Nobody calls whoever says this.
const NEVER: &str = "never";
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Most rows of days, and most spans of each.
const PARTS_MAX: usize = 14;

/// A text says no hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "calling hours are days and hours, as `mon-fri 09:00-12:00,14:00-18:00; sat 10:00-13:00`, hours alone for every day, or `never`"
)]
pub struct HoursError;

/// Reads rows of days and hours with semicolons between them: days are `mon` or `mon-fri`, with commas between them, and may
/// be left out; hours are `09:00-17:00`, with commas between them. On days that are not named nobody calls. `never` is no hour.
///
/// # Errors
/// Anything else, hours that overlap or end before they begin.
pub fn calling_hours(text: &str) -> Result<Week, HoursError> {
    let text = text.trim().to_ascii_lowercase();
    let mut days: [Vec<Span>; 7] = Default::default();
    if text == NEVER {
        return Week::new(days).map_err(|_| HoursError);
    }
    let rows: Vec<&str> = text.split(';').map(str::trim).collect();
    let rows = rows.strip_suffix(&[""]).unwrap_or(&rows);
    if rows.is_empty() || rows.len() > PARTS_MAX {
        return Err(HoursError);
    }
    for row in rows {
        let hours_at = row.find(|c: char| c.is_ascii_digit()).ok_or(HoursError)?;
        let (of, hours) = row.split_at(hours_at);
        let spans = spans(hours)?;
        for day in named(of)? {
            days.get_mut(day).ok_or(HoursError)?.extend(&spans);
        }
    }
    for day in &mut days {
        day.sort_unstable();
    }
    Week::new(days).map_err(|_| HoursError)
}

/// The days of a row; all if none is named.
fn named(text: &str) -> Result<Vec<usize>, HoursError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok((0..7).collect());
    }
    let day = |name: &str| {
        let name = name.trim();
        let found = DAYS.iter().position(|day| *day == name);
        found.ok_or(HoursError)
    };
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            None => days.push(day(part)?),
            Some((from, to)) => {
                let (from, to) = (day(from)?, day(to)?);
                // As `sat-mon`.
                let count = (to + 7 - from) % 7 + 1;
                days.extend((0..count).map(|step| (from + step) % 7));
            }
        }
    }
    days.sort_unstable();
    days.dedup();
    Ok(days)
}

fn spans(text: &str) -> Result<Vec<Span>, HoursError> {
    let parts: Vec<&str> = text.split(',').collect();
    if parts.len() > PARTS_MAX {
        return Err(HoursError);
    }
    let span = |part: &&str| {
        let (from, until) = part.split_once('-').ok_or(HoursError)?;
        Ok(Span {
            from: minute(from.trim())?,
            until: minute(until.trim())?,
        })
    };
    parts.iter().map(span).collect()
}

fn minute(text: &str) -> Result<u16, HoursError> {
    let (hours, minutes) = text.split_once(':').ok_or(HoursError)?;
    let is_well = (1..=2).contains(&hours.len()) && minutes.len() == 2;
    let digits = hours.bytes().chain(minutes.bytes());
    if !is_well || !digits.clone().all(|b| b.is_ascii_digit()) {
        return Err(HoursError);
    }
    let (hours, minutes): (u16, u16) = match (hours.parse(), minutes.parse()) {
        (Ok(hours), Ok(minutes)) => (hours, minutes),
        _ => return Err(HoursError),
    };
    if minutes > 59 || hours > 24 {
        return Err(HoursError);
    }
    Ok(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<String, HoursError> {
        let week = calling_hours(text)?;
        let day = |at: usize| {
            let spans = week.day(at).iter().map(ToString::to_string);
            let spans: Vec<String> = spans.collect();
            (!spans.is_empty()).then(|| format!("{} {}", DAYS[at], spans.join(",")))
        };
        let days: Vec<String> = (0..7).filter_map(day).collect();
        Ok(days.join("; "))
    }

    #[test]
    fn hours_are_read_by_day() {
        for (text, wants) in [
            ("Sat 10:00-13:00", "sat 10:00-13:00"),
            (
                "mon-tue 14:00-18:00, 9:00-12:00; sat 10:00-24:00;",
                "mon 09:00-12:00,14:00-18:00; tue 09:00-12:00,14:00-18:00; sat 10:00-24:00",
            ),
            (
                "sun-mon,wed 08:00-09:00",
                "mon 08:00-09:00; wed 08:00-09:00; sun 08:00-09:00",
            ),
            ("never", ""),
        ] {
            assert_eq!(told(text), Ok(wants.to_owned()), "{text}");
        }
        assert_eq!(calling_hours("09:00-17:00").unwrap().day(6).len(), 1);
    }

    #[test]
    fn what_says_no_hours_is_refused() {
        for text in [
            "",
            ";",
            "in the morning",
            "mon",
            "mon 9-17",
            "mon 09:00",
            "mon 17:00-09:00",
            "mon 09:00-25:00",
            "mon 09:00-24:01",
            "mon 09:60-10:00",
            "mon 09:00-12:00,11:00-13:00",
            "mon 09:00-12:00; mon-fri 11:00-13:00",
            "montag 09:00-12:00",
            "mon- 09:00-12:00",
            "mon +9:00-12:00",
            "mon 09:00-12:00-13:00",
            "mon ٠٩:٠٠-١٢:٠٠",
        ] {
            assert_eq!(told(text), Err(HoursError), "{text}");
        }
    }
}
