//! How a client's number takes calls beside who answers them: its hours, what becomes of calls outside them, and whether it is
//! the line that people call to be called no more. Sealed with the number.

pub mod callers;
pub mod floods;

use serde::{Deserialize, Serialize};
use trunkline_core::language::{Language, fill};
use trunkline_core::policy::{OpenHours, OpenHoursError, OpenWindow, Zone};
use trunkline_core::wire::twilio::twiml::SAY_CHARS_MAX;
use utoipa::ToSchema;

use crate::desk::{self, Desk, Place};
use crate::store::{Sealed, StoreError};
use crate::vault::{ClientKeys, Unopened};

pub use floods::{FloodLimits, Floods};

/// Hours of some days of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NumberWindow)]
pub struct Window {
    /// `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`.
    #[schema(example = json!(["mon", "tue", "wed", "thu", "fri"]))]
    pub days: Vec<String>,
    /// The first minute, by the clocks of the place.
    #[schema(example = "09:00")]
    pub start: String,
    /// The first minute that is no more in it, up to `24:00`; one that is not behind the start is of the next day.
    #[schema(example = "17:30")]
    pub end: String,
}

/// When a number is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NumberHours)]
pub struct Hours {
    /// Whose clocks count: an IANA name.
    #[schema(example = "America/New_York")]
    pub time_zone: String,
    /// At most 50; none is never.
    pub windows: Vec<Window>,
    /// Days on which nobody answers, from midnight to midnight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["2026-12-25"]))]
    pub closed_on: Vec<String>,
}

/// What becomes of calls outside the hours: one of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NumberOutsideHours)]
pub struct OutsideHours {
    /// The caller hears this, by the carrier's own voice in the number's language, and the call ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// This agent answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
}

/// How a number takes calls beside who answers them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answering {
    /// Whoever calls it is called no more by the client.
    #[serde(default)]
    pub opt_out_line: bool,
    /// The language of what the carrier says, as a BCP 47 tag; English if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// When it is answered; always if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// What becomes of other calls; they hear that the business is closed if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside_hours: Option<OutsideHours>,
}

/// What is wrong with how a number is to take calls: where, as a JSON pointer, a stable name, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub pointer: String,
    /// A stable name.
    pub code: &'static str,
    /// What it means.
    pub detail: String,
}

fn fault(pointer: &str, code: &'static str, detail: impl Into<String>) -> Fault {
    Fault {
        pointer: pointer.to_owned(),
        code,
        detail: detail.into(),
    }
}

/// What is stored of a number cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    /// Its seal.
    #[error(transparent)]
    Unopened(#[from] Unopened),
    /// What is in it.
    #[error("what is stored of a number cannot be read")]
    Unreadable,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Hours {
    fn open_hours(&self) -> Result<OpenHours, Fault> {
        let zone = Zone::parse(&self.time_zone);
        let zone = zone
            .map_err(|error| fault("/hours/time_zone", "invalid_time_zone", error.to_string()))?;
        let windows = self.windows.iter().map(|window| OpenWindow {
            days: &window.days,
            start: &window.start,
            end: &window.end,
        });
        let windows: Vec<OpenWindow<'_>> = windows.collect();
        OpenHours::new(zone, &windows, &self.closed_on).map_err(|error| {
            let pointer = match error {
                OpenHoursError::TooMany => "/hours/windows".to_owned(),
                OpenHoursError::Day { window } => format!("/hours/windows/{window}/days"),
                OpenHoursError::Time { window } => format!("/hours/windows/{window}"),
                OpenHoursError::Date { at } => format!("/hours/closed_on/{at}"),
            };
            fault(&pointer, "invalid", error.to_string())
        })
    }
}

impl Answering {
    /// Looks at all of it, beside the agent that the number has.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, agent_id: Option<&str>) -> Result<(), Fault> {
        if let Some(tag) = &self.language
            && Language::of(tag).is_none()
        {
            let known: Vec<&str> = Language::ALL.iter().map(|one| one.tag()).collect();
            let detail = format!("expected one of {}", known.join(", "));
            return Err(fault("/language", "unknown_value", detail));
        }
        if self.opt_out_line
            && (agent_id.is_some() || self.hours.is_some() || self.outside_hours.is_some())
        {
            let detail =
                "an opt-out line has no agent and no hours: whoever calls it is heard at once";
            return Err(fault("/opt_out_line", "conflict", detail));
        }
        if let Some(hours) = &self.hours {
            hours.open_hours()?;
        }
        let Some(outside) = &self.outside_hours else {
            return Ok(());
        };
        if self.hours.is_none() {
            let detail = "a number without hours is always answered";
            return Err(fault("/outside_hours", "conflict", detail));
        }
        match (&outside.message, &outside.agent_id) {
            (Some(message), None) => {
                let chars = message.chars().count();
                match message.trim().is_empty() || chars > SAY_CHARS_MAX {
                    false => Ok(()),
                    true => {
                        let detail = format!("a message has 1 to {SAY_CHARS_MAX} characters");
                        Err(fault("/outside_hours/message", "invalid", detail))
                    }
                }
            }
            (None, Some(_)) => Ok(()),
            (Some(_), Some(_)) | (None, None) => {
                let detail = "expected either message or agent_id";
                Err(fault("/outside_hours", "invalid", detail))
            }
        }
    }

    /// The language of what the carrier says.
    #[must_use]
    pub fn language(&self) -> Language {
        let tag = self.language.as_deref();
        tag.and_then(Language::of).unwrap_or_default()
    }

    /// Whether it is answered at an instant, ms since 1970. What cannot be read closes nothing.
    #[must_use]
    pub fn is_open(&self, unix_ms: i64) -> bool {
        let hours = self.hours.as_ref().and_then(|of| of.open_hours().ok());
        hours.is_none_or(|hours| hours.is_open(unix_ms))
    }

    /// What a caller hears outside the hours, where no agent answers.
    #[must_use]
    pub fn closed(&self, business: &str) -> String {
        let message = self
            .outside_hours
            .as_ref()
            .and_then(|of| of.message.clone());
        message.unwrap_or_else(|| {
            let said = self.language().line().closed.as_str();
            fill(said, &[("business", business)])
        })
    }

    /// Sealed with the number of this id; nothing if it says nothing.
    #[must_use]
    pub fn seal(&self, keys: &ClientKeys, id: &str) -> Option<Sealed> {
        if *self == Self::default() {
            return None;
        }
        // Texts and lists: there is nothing in it that cannot be written.
        let text = serde_json::to_string(self).unwrap_or_default();
        Some(desk::seal(keys, place(id), &text))
    }

    /// As it stands with a number.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub fn open(keys: &ClientKeys, id: &str, sealed: Option<&Sealed>) -> Result<Self, NotOpened> {
        let Some(sealed) = sealed else {
            return Ok(Self::default());
        };
        let text = desk::open(keys, place(id), sealed)?;
        serde_json::from_str(&text).map_err(|_| NotOpened::Unreadable)
    }
}

fn place(id: &str) -> Place<'_> {
    Place::new("numbers.answering", id)
}

/// What a client is called, for what the carrier says.
///
/// # Errors
/// [`NotOpened`].
pub async fn business(desk: &Desk, keys: &ClientKeys) -> Result<String, NotOpened> {
    let client = desk.store.clients().find(keys.id()).await?;
    let client = client.ok_or(NotOpened::Unreadable)?;
    let place = Place::new("clients.name", keys.id().as_str());
    Ok(desk::open(keys, place, &client.name)?)
}
