//! When somebody is to be called back: what they say of it, as an instant and the clock by which it was said.
//!
//! Whether they may be called then is another question: [`crate::policy::may_call`] answers it, of that instant and again
//! when it has come.

use crate::geo::{self, Place};
use crate::phone::PhoneNumber;
use crate::policy::{WallTime, Zone};

/// A wish to be called back.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// When, by a clock on the wall: `2026-11-24T15:30`.
    pub at: &'a str,
    /// By whose clock, an IANA name; by the number's, or the business's, if absent.
    pub zone: Option<&'a str>,
    /// Who is called back.
    pub number: &'a PhoneNumber,
    /// Where the business is, the likeliest place first: its clock counts where the number has none.
    pub business: &'a [Place],
    /// Now, milliseconds since 1970-01-01 UTC.
    pub now_unix_ms: i64,
    /// So far ahead it may be, ms.
    pub ahead_ms_max: i64,
}

/// An instant, and the clock by which it was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970-01-01 UTC.
    pub unix_ms: i64,
    /// Whose clock.
    pub zone: Zone,
}

/// Why a wish names no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vague {
    /// It is no local time.
    NoTime,
    /// There is no such time zone.
    NoZone,
    /// The number may be in several zones that are not alike then, and nothing else tells which is meant.
    WhichZone,
    /// It is over.
    Past,
    /// It is too far ahead; the last moment that is not.
    TooFar(Moment),
}

impl Vague {
    /// Its name in documents.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoTime => "invalid_time",
            Self::NoZone => "invalid_time_zone",
            Self::WhichZone => "time_zone_unknown",
            Self::Past => "past_time",
            Self::TooFar(_) => "too_far_ahead",
        }
    }

    /// What it means and what can be done.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::NoTime => {
                "a local time is written as 2026-11-24T15:30, without a zone or an offset"
            }
            Self::NoZone => "a time zone is an IANA name, as America/New_York or Europe/Berlin",
            Self::WhichZone => {
                "the number may be in several time zones; ask where the person is, and name the zone"
            }
            Self::Past => "this time is over; name one that is to come",
            Self::TooFar(_) => "nobody is promised a call so far ahead; name an earlier time",
        }
    }
}

/// The moment that a wish means. A time that is skipped when clocks leap forward is the moment of the leap; of one that comes
/// twice it is the first.
///
/// # Errors
/// [`Vague`]: it means none, or none that can be promised.
pub fn moment(wish: &Wish<'_>) -> Result<Moment, Vague> {
    let wall = WallTime::parse(wish.at).map_err(|_| Vague::NoTime)?;
    let zone = match wish.zone {
        Some(name) => Zone::parse(name).map_err(|_| Vague::NoZone)?,
        None => {
            alike(wish.number, wish.business, |zone| zone.first_at(wall)).ok_or(Vague::WhichZone)?
        }
    };
    let unix_ms = zone.first_at(wall);
    if unix_ms <= wish.now_unix_ms {
        return Err(Vague::Past);
    }
    let latest = wish.now_unix_ms.saturating_add(wish.ahead_ms_max);
    if unix_ms > latest {
        let unix_ms = latest;
        return Err(Vague::TooFar(Moment { unix_ms, zone }));
    }
    Ok(Moment { unix_ms, zone })
}

/// The clock by which somebody with this number is likely to tell the time now, if it can be told at all.
pub fn clock(number: &PhoneNumber, business: &[Place], now_unix_ms: i64) -> Option<Zone> {
    alike(number, business, |zone| zone.ahead_ms(now_unix_ms))
}

/// Of the number's zones, or else of the first of the business's places: any, if all of them come to the same.
fn alike(number: &PhoneNumber, business: &[Place], comes_to: impl Fn(Zone) -> i64) -> Option<Zone> {
    let places = business.iter().map(|place| geo::zones_of(*place));
    let candidates = std::iter::once(geo::of(number).zones).chain(places);
    for names in candidates {
        let mut zones = names.iter().filter_map(|name| Zone::parse(name).ok());
        let Some(first) = zones.next() else {
            continue;
        };
        let expected = comes_to(first);
        if zones.all(|zone| comes_to(zone) == expected) {
            return Some(first);
        }
    }
    None
}

#[cfg(test)]
mod tests;
