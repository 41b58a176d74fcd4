//! What a caller answered, understood.

use std::fmt;

/// An answer. `Debug` says only what kind it is.
#[derive(Clone, PartialEq, Eq)]
pub enum SlotValue {
    /// Yes or no.
    YesNo(bool),
    /// A whole number.
    Number(i64),
    /// Digits, such as a telephone or customer number, as said or keyed.
    Digits(String),
    /// A day, relative to the day of the call.
    Day(Day),
    /// A time of day.
    Time(Time),
    /// The name of a choice.
    Choice(String),
    /// A person's name.
    Name(String),
    /// Anything that was said.
    Text(String),
}

impl SlotValue {
    /// The value for a machine: `yes`, `12`, `5550142`, `tuesday/morning`, `14:30`, `book`.
    pub fn normalised(&self) -> String {
        match self {
            Self::YesNo(yes) => if *yes { "yes" } else { "no" }.to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Day(day) => day.normalised(),
            Self::Time(time) => format!("{:02}:{:02}", time.hour, time.minute),
            Self::Digits(text) | Self::Choice(text) | Self::Name(text) | Self::Text(text) => {
                text.clone()
            }
        }
    }

    /// The value as one says it: `Tuesday morning`, `2:30 PM`.
    pub fn spoken(&self) -> String {
        match self {
            Self::Day(day) => day.spoken(),
            Self::Time(time) => time.spoken(),
            Self::Choice(name) => name.replace('_', " "),
            Self::YesNo(_) | Self::Number(_) | Self::Digits(_) | Self::Name(_) | Self::Text(_) => {
                self.normalised()
            }
        }
    }
}

impl fmt::Debug for SlotValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::YesNo(_) => "YesNo([redacted])",
            Self::Number(_) => "Number([redacted])",
            Self::Digits(_) => "Digits([redacted])",
            Self::Day(_) => "Day([redacted])",
            Self::Time(_) => "Time([redacted])",
            Self::Choice(_) => "Choice([redacted])",
            Self::Name(_) => "Name([redacted])",
            Self::Text(_) => "Text([redacted])",
        })
    }
}

/// A day as people name it. Turning it into a date takes the date of the call, which is not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// Which day.
    pub when: When,
    /// Which part of it, if that was said.
    pub part: Option<PartOfDay>,
}

/// Which day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So many days from today; 0 is today, 1 tomorrow.
    InDays(u16),
    /// The coming day of that name; `next` if the caller said "next".
    Weekday {
        /// Its name.
        weekday: Weekday,
        /// "next Tuesday" rather than "Tuesday".
        next: bool,
    },
    /// The coming day of the month of that number, 1 to 31.
    DayOfMonth {
        /// 1 to 31.
        day: u8,
        /// Its name, if that was said too.
        weekday: Option<Weekday>,
    },
    /// A date of the coming year.
    Date {
        /// 1 to 12.
        month: u8,
        /// 1 to 31; one that the month can have.
        day: u8,
    },
}

/// A day of the week.
#[expect(missing_docs, reason = "their names say it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// `Monday` to `Sunday`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Monday => "Monday",
            Self::Tuesday => "Tuesday",
            Self::Wednesday => "Wednesday",
            Self::Thursday => "Thursday",
            Self::Friday => "Friday",
            Self::Saturday => "Saturday",
            Self::Sunday => "Sunday",
        }
    }
}

/// A part of a day.
#[expect(missing_docs, reason = "their names say it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartOfDay {
    Morning,
    Afternoon,
    Evening,
}

impl PartOfDay {
    /// `morning`, `afternoon` or `evening`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Morning => "morning",
            Self::Afternoon => "afternoon",
            Self::Evening => "evening",
        }
    }
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl Day {
    /// `+1`, `tuesday`, `next-tuesday`, `day-3`, `tuesday-3`, `03-15`, each with `/morning` and the like if a part was said.
    pub fn normalised(&self) -> String {
        let day = match self.when {
            When::InDays(days) => format!("+{days}"),
            When::Weekday { weekday, next } => {
                format!(
                    "{}{}",
                    if next { "next-" } else { "" },
                    weekday.name().to_lowercase()
                )
            }
            When::DayOfMonth { day, weekday: None } => format!("day-{day}"),
            When::DayOfMonth {
                day,
                weekday: Some(weekday),
            } => format!("{}-{day}", weekday.name().to_lowercase()),
            When::Date { month, day } => format!("{month:02}-{day:02}"),
        };
        match self.part {
            Some(part) => format!("{day}/{}", part.name()),
            None => day,
        }
    }

    /// `tomorrow morning`, `next Tuesday`, `Tuesday the 3rd`, `March 15th`.
    pub fn spoken(&self) -> String {
        let day = match self.when {
            When::InDays(0) => match self.part {
                Some(PartOfDay::Evening) => return "this evening".to_owned(),
                Some(part) => return format!("this {}", part.name()),
                None => "today".to_owned(),
            },
            When::InDays(1) => "tomorrow".to_owned(),
            When::InDays(days) => format!("in {days} days"),
            When::Weekday { weekday, next } => {
                format!("{}{}", if next { "next " } else { "" }, weekday.name())
            }
            When::DayOfMonth { day, weekday: None } => format!("the {}", ordinal(day)),
            When::DayOfMonth {
                day,
                weekday: Some(weekday),
            } => format!("{} the {}", weekday.name(), ordinal(day)),
            When::Date { month, day } => {
                let month = MONTHS
                    .get(usize::from(month).wrapping_sub(1))
                    .copied()
                    .unwrap_or_default();
                format!("{month} {}", ordinal(day))
            }
        };
        match self.part {
            Some(part) if matches!(self.when, When::InDays(1) | When::Weekday { .. }) => {
                format!("{day} {}", part.name())
            }
            Some(part) => format!("{day}, in the {}", part.name()),
            None => day,
        }
    }
}

fn ordinal(day: u8) -> String {
    let ending = match (day % 10, day % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{day}{ending}")
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

impl Time {
    /// `noon`, `midnight`, `3 PM`, `2:30 PM`.
    pub fn spoken(&self) -> String {
        let half = if self.hour < 12 { "AM" } else { "PM" };
        let hour = match self.hour % 12 {
            0 => 12,
            hour => hour,
        };
        match (self.hour, self.minute) {
            (0, 0) => "midnight".to_owned(),
            (12, 0) => "noon".to_owned(),
            (_, 0) => format!("{hour} {half}"),
            (_, minute) => format!("{hour}:{minute:02} {half}"),
        }
    }
}
