//! Whether a number may be called now: the one way to a carrier.
//!
//! [`may_call`] is a function of what it is given. It says yes, not before, or no, always with every reason that it found;
//! its yes is an [`Allowed`], which nothing else can make, and without which nothing dials.
//!
//! - Hours and caps treat everybody as a consumer, and every call as one that sells: none is relaxed for less.
//! - There must be a ground for the call: consent, or another basis where the law of every place is content with one
//!   ([`permission`]).
//! - Hours and holidays hold for **every** place and zone where the phone may be: those that its number names, and those
//!   that are known of the person. To know more never allows what knowing less forbids.
//! - The agent's voice is artificial, so hours for artificial voices hold where a place has them.
//! - No hour is relaxed by consent.
//! - Nobody's telephone rings for a client while a call of that client's with it goes on.
//! - Nobody is called more often than the law of any such place allows, and the client or the pack's default.
//!
//! A caller who is put through to the client's own staff is another matter: [`may_transfer`].

mod caps;
mod closure;
mod destination;
mod holidays;
mod hours;
mod open_hours;
pub mod pack;
pub mod permission;
mod purpose;
mod reason;
mod refused;
mod standing;
mod trace;
mod transfer;
mod week;
mod zone;

pub use caps::{CAP_MS_MAX, Cap, CapCheck, Counted, History};
pub use closure::Closure;
pub use destination::{Destination, DestinationError};
pub use open_hours::{OpenHours, OpenHoursError, OpenWindow, WINDOWS_MAX};
pub use pack::{Frequency, HoursPack, PackError};
pub use permission::{About, PermissionPack, Screening};
pub use purpose::{Kind, LegalBasis, Purpose, Purposes};
pub use reason::{Code, Reason};
pub use standing::{Line, Predial, Standing};
pub use trace::{Check, Evidence, Source, Trace};
pub use transfer::{TransferAllowed, TransferRequest, may_transfer, never_called};
pub use week::{Span, Week, WeekError};
pub use zone::{WallTime, WallTimeError, Zone, ZoneError};

use crate::geo::{self, Place};
use crate::phone::PhoneNumber;
use hours::Candidate;

/// A next moment is looked for in so many days.
pub const HORIZON_DAYS: i64 = 62;

/// Of a person's places and zones at most so many are given; the trace lists no more candidates, but all are heeded.
pub const CANDIDATES_MAX: usize = 64;

/// Of the reasons that rest on hours at most so many are listed.
pub const REASONS_MAX: usize = 64;

/// Who is on the telephone is asked about again after so long, ms.
pub const ENGAGED_AGAIN_MS: i64 = 60_000;

/// The end of the year 9999.
const UNIX_MS_MAX: i64 = 253_402_300_799_999;

/// What is known when somebody is about to be called.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The rules of hours.
    pub pack: &'a HoursPack,
    /// When the call would begin, milliseconds since 1970-01-01 UTC.
    pub at_unix_ms: i64,
    /// The number, as it was given.
    pub to: &'a str,
    /// Where the person is said to be; the number's own places always hold beside them.
    pub places: &'a [Place],
    /// The zones by whose clocks the person is said to live.
    pub zones: &'a [Zone],
    /// What the client allows to be called; empty allows nothing.
    pub destinations: &'a [Destination],
    /// The number asked this client, or everybody, not to be called.
    pub suppressed: bool,
    /// How often the client calls anybody at most; the caps of places hold beside them.
    pub caps: &'a [Cap],
    /// What happened with this number, in the longest cap's time at least.
    pub history: History<'a>,
    /// The rules of grounds.
    pub permission: &'a PermissionPack,
    /// What the call is for, and what makes it lawful.
    pub about: About<'a>,
    /// How the client stands, and what was learnt of the line.
    pub standing: Standing<'a>,
    /// Hours that the campaign or the person wants beside those of the law, by every clock where the phone may be.
    pub windows: &'a [pack::Rule],
    /// Places that are closed for a time, in any order.
    pub closures: &'a [Closure],
    /// When the call began in which the person asked to be called at this moment, milliseconds since 1970-01-01 UTC. One call
    /// of the history that began then is it.
    pub asked_unix_ms: Option<i64>,
    /// A call with the number goes on, or may: it rings, somebody talks, or nobody knows whether it was placed.
    pub engaged: bool,
}

/// What was decided.
#[derive(Debug)]
pub enum Verdict {
    /// The number may be called at the time that was asked about.
    Allow(Allowed),
    /// Not before.
    Defer(Deferred),
    /// No.
    Deny(Denied),
}

/// Proof that a number may be called at a moment. Only [`may_call`] makes one; it cannot be copied.
#[derive(Debug)]
pub struct Allowed {
    number: PhoneNumber,
    trace: Trace,
}

/// A number that may be called later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// The first moment at which all rules of hours and all caps allow the call, milliseconds since 1970-01-01 UTC. Everything is asked
    /// again then.
    pub until_unix_ms: i64,
    /// Why not now; never empty.
    pub reasons: Vec<Reason>,
    /// How it was decided.
    pub trace: Trace,
}

/// A number that may not be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Why; never empty.
    pub reasons: Vec<Reason>,
    /// How it was decided.
    pub trace: Trace,
}

impl Allowed {
    /// The number that may be called.
    pub fn number(&self) -> &PhoneNumber {
        &self.number
    }

    /// The moment that was asked about, milliseconds since 1970-01-01 UTC.
    pub fn at_unix_ms(&self) -> i64 {
        self.trace.at_unix_ms
    }

    /// How it was decided.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }
}

impl Verdict {
    /// Why not; empty for a yes.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Allow(_) => &[],
            Self::Defer(deferred) => &deferred.reasons,
            Self::Deny(denied) => &denied.reasons,
        }
    }

    /// How it was decided.
    pub fn trace(&self) -> &Trace {
        match self {
            Self::Allow(allowed) => &allowed.trace,
            Self::Defer(deferred) => &deferred.trace,
            Self::Deny(denied) => &denied.trace,
        }
    }
}

/// Decides, and lists every reason that it finds.
pub fn may_call(request: &Request<'_>) -> Verdict {
    let mut trace = Trace::new(request);
    let number = PhoneNumber::parse(request.to).ok();
    let refused = refused::refused(number.as_ref().map_or(request.to, PhoneNumber::as_str));
    let refused = refused
        .into_iter()
        .map(|(code, rule)| Reason::plain(code, Some(rule)));
    let mut reasons: Vec<Reason> = request.standing.reasons().collect();
    let standing = reasons.len();
    reasons.extend(refused);
    if number.is_none() && reasons.len() == standing {
        reasons.push(Reason::plain(Code::InvalidNumber, None));
    }
    if request.suppressed {
        reasons.push(Reason::plain(Code::Suppressed, None));
    }
    let Some(number) = number else {
        return Verdict::Deny(Denied { reasons, trace });
    };
    match request.destinations.iter().find(|d| d.holds(&number)) {
        Some(destination) => trace.destination = Some(destination.clone()),
        None => reasons.push(Reason::plain(Code::DestinationNotAllowed, None)),
    }
    if !(0..=UNIX_MS_MAX).contains(&request.at_unix_ms) {
        reasons.push(Reason::plain(Code::TimeUnknown, None));
        return Verdict::Deny(Denied { reasons, trace });
    }
    let candidates = candidates(request, &number, &mut trace);
    let places = places(&candidates);
    let at = request.at_unix_ms;
    let (lacking, grounds) = permission::grounds(request.permission, &request.about, &places, at);
    reasons.extend(lacking);
    trace.grounds = Some(grounds);
    let closures: Vec<&Closure> = closure::that_hold(request.closures, &places);
    reasons.extend(closures.iter().filter(|c| c.holds(at)).map(|c| c.reason()));
    reasons.extend(closed(at, &candidates));
    let of_purpose = request.permission.caps(&places, request.about.purpose);
    trace.caps = caps::checks(
        request.caps,
        of_purpose,
        &candidates,
        at,
        (request.history, request.asked_unix_ms),
    );
    let used = trace
        .caps
        .iter()
        .filter(|check| check.until_unix_ms.is_some());
    reasons.extend(
        used.map(|check| Reason::plain(Code::CalledTooOften, Some(check.cap.rule.clone()))),
    );
    if request.engaged {
        reasons.push(Reason::plain(Code::CallInProgress, None));
    }
    let free = trace.caps.iter().filter_map(|check| check.until_unix_ms);
    let again = request.standing.again_unix_ms();
    let hung_up = request.engaged.then(|| at.saturating_add(ENGAGED_AGAIN_MS));
    let from = free.chain(again).chain(hung_up).fold(at, i64::max);
    let until = if reasons.iter().all(|r| !r.code.passes_with_time()) {
        None
    } else {
        let open = next_moment(&candidates, &closures, at, from);
        match open {
            None => reasons.push(Reason::plain(Code::NoCallingTime, None)),
            Some(then) => {
                // What is wanting then already is no reason to wait. A register is asked again.
                let (lacking, _) =
                    permission::grounds(request.permission, &request.about, &places, then);
                let new = |reason: &Reason| {
                    reason.code != Code::RegistryStale && !reasons.contains(reason)
                };
                let lacking: Vec<Reason> = lacking.into_iter().filter(new).collect();
                reasons.extend(lacking);
            }
        }
        open
    };
    reasons.sort_by_key(|reason| reason.code);
    if reasons.is_empty() {
        return Verdict::Allow(Allowed { number, trace });
    }
    match until {
        Some(until_unix_ms) if reasons.iter().all(|r| r.code.passes_with_time()) => {
            Verdict::Defer(Deferred {
                until_unix_ms,
                reasons,
                trace,
            })
        }
        _ => Verdict::Deny(Denied { reasons, trace }),
    }
}

/// The first moment from `from` on that hours and closures allow, within the horizon.
fn next_moment(
    candidates: &[Candidate<'_>],
    closures: &[&Closure],
    at: i64,
    from: i64,
) -> Option<i64> {
    let mut from = from;
    // Each round leaves one closure behind.
    for _ in 0..=closures.len() {
        let open = hours::next_open(candidates, at, from)?;
        let behind = closures.iter().filter(|c| c.holds(open));
        match behind.map(|closure| closure.until_ms).max() {
            None => return Some(open),
            Some(until_ms) => from = until_ms,
        }
    }
    None
}

/// Every place that may be the phone's, each once.
fn places(candidates: &[Candidate<'_>]) -> Vec<Option<Place>> {
    let mut places: Vec<Option<Place>> = Vec::new();
    for candidate in candidates {
        if !places.contains(&candidate.place) {
            places.push(candidate.place);
        }
    }
    places
}

/// Every rule and clock that may hold, each pair once.
fn candidates<'a>(
    request: &Request<'a>,
    number: &PhoneNumber,
    trace: &mut Trace,
) -> Vec<Candidate<'a>> {
    let numbered = geo::of(number);
    trace.country = numbered.country.map(ToOwned::to_owned);
    trace.evidence = Evidence::of(numbered.evidence);
    let mut found: Vec<Candidate<'a>> = Vec::new();
    let mut add = |place: Option<Place>, zone: Zone, source: Source| {
        let rule = request.pack.basis(place);
        for zone in std::iter::once(zone).chain(rule.also_in.iter().copied()) {
            if found.iter().any(|c| c.zone == zone && c.place == place) {
                continue;
            }
            for rule in std::iter::once(rule).chain(request.windows) {
                let candidate = Candidate { place, rule, zone };
                trace.note(&candidate, source);
                found.push(candidate);
            }
        }
    };
    let places: Vec<Option<Place>> = match numbered.places {
        [] => vec![None],
        places => places.iter().copied().map(Some).collect(),
    };
    for place in &places {
        for zone in numbered_zones(numbered.zones) {
            add(*place, zone, Source::Number);
        }
    }
    for place in request.places {
        for zone in numbered_zones(geo::zones_of(*place)) {
            add(Some(*place), zone, Source::Contact);
        }
    }
    let told = request.places.iter().copied().map(Some);
    for place in places.iter().copied().chain(told) {
        for zone in request.zones {
            add(place, *zone, Source::Contact);
        }
    }
    found
}

/// Zones by their names. A test holds that every name of the table is one.
fn numbered_zones(names: &'static [&'static str]) -> impl Iterator<Item = Zone> {
    names.iter().filter_map(|name| Zone::parse(name).ok())
}

fn closed(at_unix_ms: i64, candidates: &[Candidate<'_>]) -> Vec<Reason> {
    let closed = candidates.iter().filter_map(|candidate| {
        let code = candidate.closed(at_unix_ms)?;
        Some(Reason {
            code,
            rule: Some(candidate.rule.id.clone()),
            place: candidate.place,
            zone: Some(candidate.zone.name().to_owned()),
            local_time: Some(candidate.zone.local(at_unix_ms).to_string()),
        })
    });
    let mut reasons: Vec<Reason> = closed.collect();
    reasons.sort_by_key(|reason| reason.code);
    reasons.truncate(REASONS_MAX);
    reasons
}

#[cfg(test)]
mod tests;
