//! Which mode holds for a call: of all places whose law may, the strictest.
//!
//! Four gates stand between a person and what is done with their voice. Whether they may be called at all is not decided
//! here, and nothing in this module says so. That an AI speaks is always said. Whether anything is stored is
//! [`Verdict::mode`]. Whether people or analysis may use what is stored is the client's policy, once consent is given.
//!
//! Unless a client has a counsel's reference on record, no place is laxer than [`UNPROVEN`]; with one, only rows of high
//! confidence are.

use serde::{Deserialize, Serialize};

use super::Mode;
use super::pack::{Basis, Confidence, RulePack};
use crate::geo::{Numbered, Place};

/// The least that is asked for where no counsel has confirmed that less will do.
pub const UNPROVEN: Mode = Mode::AnnounceContinue;

/// A verdict lists at most so many candidates. Its mode heeds all.
pub const CANDIDATES_MAX: usize = 64;

/// What is known when a call begins, or when somebody joins it. What is not known is decided strictly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The person on the line.
    pub contact: Party,
    /// Where the business whose call it is has its seat.
    pub business: Option<Place>,
    /// Where the server stores.
    pub server: Option<Place>,
    /// Everyone the call is, or is about to be, transferred to.
    pub transferred: Vec<Party>,
    /// What the client wants.
    pub policy: Policy,
}

/// Somebody on a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// Where they are said to be, by an address or a state.
    pub places: Vec<Place>,
    /// What their number says; `None` if it is withheld or there is none.
    pub number: Option<Numbered>,
}

/// What a client wants. It can make the law stricter, and laxer only by a counsel's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Record and transcribe, where consent is given.
    pub record: bool,
    /// At least this.
    pub mode: Option<Mode>,
    /// Where a row advises more than its law asks for, do that.
    pub use_recommended: bool,
    /// A counsel's reference is on record: rows of high confidence may be laxer than [`UNPROVEN`].
    pub counsel: bool,
    /// People may listen and read.
    pub review: bool,
    /// Machines may analyse.
    pub analytics: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            record: false,
            mode: None,
            use_recommended: true,
            counsel: false,
            review: false,
            analytics: false,
        }
    }
}

/// What was decided, of what, and by which pack: all that is needed to explain it years later. No name, number or word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What must be agreed to before anything is stored.
    pub mode: Mode,
    /// The other gates.
    pub gates: Gates,
    /// Some place's law holds a recording to be lawful only with the notice in it.
    pub must_record_announcement: bool,
    /// Every place that was heeded, in the order in which they were met; at most [`CANDIDATES_MAX`].
    pub candidates: Vec<Candidate>,
    /// Which pack.
    pub pack: PackName,
    /// Why, for people, a line each.
    pub because: Vec<String>,
}

/// Gates beside storing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gates {
    /// Whether it is said that an AI speaks.
    pub ai_disclosure: AiDisclosure,
    /// People may listen to and read what is stored.
    pub review: Use,
    /// Machines may analyse what is stored.
    pub analytics: Use,
}

/// Whether it is said that an AI speaks. There is no other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AiDisclosure {
    /// With the first words, and again when asked.
    Always,
}

/// A use of what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// Not of this call.
    Never,
    /// Of what was stored with consent.
    OnceGranted,
}

/// A pack by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackName {
    /// [`RulePack::id`].
    pub id: String,
    /// [`RulePack::sha256`].
    pub sha256: String,
}

/// A place whose law may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which; `None` if it is not known.
    pub place: Option<Place>,
    /// From where it is known.
    pub source: Source,
    /// The row, or the default, that was used.
    pub rule: String,
    /// What that asks for.
    pub asks: Mode,
    /// How sure it is.
    pub confidence: Confidence,
    /// What holds there under the client's policy.
    pub mode: Mode,
}

/// From where a place is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// What is known of the contact.
    Contact,
    /// The contact's number, or that there is none.
    Number,
    /// That nothing but an area code says where an American phone is.
    AreaCode,
    /// The seat of the business.
    Business,
    /// Where the server stores.
    Server,
    /// Somebody the call is transferred to.
    Transferred,
}

/// Decides. Whenever somebody joins, it is decided again, of all.
pub fn verdict(pack: &RulePack, facts: &Facts) -> Verdict {
    let mut found = Found {
        pack,
        policy: &facts.policy,
        mode: pack.floor(),
        must_record_announcement: false,
        candidates: Vec::new(),
        because: Vec::new(),
    };
    found.party(&facts.contact, Source::Contact, Source::Number);
    found.place(facts.business, Source::Business);
    found.place(facts.server, Source::Server);
    for party in &facts.transferred {
        found.party(party, Source::Transferred, Source::Transferred);
    }
    found.finish()
}

/// A verdict in the making.
struct Found<'a> {
    pack: &'a RulePack,
    policy: &'a Policy,
    mode: Mode,
    must_record_announcement: bool,
    candidates: Vec<Candidate>,
    because: Vec<String>,
}

impl Found<'_> {
    fn party(&mut self, party: &Party, told: Source, numbered: Source) {
        for place in &party.places {
            self.place(Some(*place), told);
        }
        let Some(number) = party.number else {
            self.place(None, numbered);
            return;
        };
        for place in number.places {
            self.place(Some(*place), numbered);
        }
        if number.places.is_empty() {
            self.place(None, numbered);
        }
        let american = number.country == Some("US");
        let state_is_told = party.places.iter().any(|p| p.is_us() && p.is_part());
        if american && number.only_area_code && !state_is_told {
            let us = number.places.iter().map(|place| place.country()).next();
            self.place(us, Source::AreaCode);
        }
    }

    fn place(&mut self, place: Option<Place>, source: Source) {
        let known = |c: &Candidate| c.place == place && c.source == source;
        if self.candidates.iter().any(known) {
            return;
        }
        let basis = self.pack.basis(place);
        let mode = self.under_policy(&basis);
        self.mode = self.mode.max(mode);
        self.must_record_announcement |=
            basis.rule.is_some_and(|rule| rule.must_record_announcement);
        if self.candidates.len() == CANDIDATES_MAX {
            return;
        }
        let candidate = Candidate {
            place,
            source,
            asks: basis.mode,
            confidence: basis
                .rule
                .map_or(Confidence::Unrated, |rule| rule.confidence),
            rule: basis.code,
            mode,
        };
        self.because.push(line(&candidate));
        self.candidates.push(candidate);
    }

    /// What holds under this policy where a rule asks for less or more.
    fn under_policy(&self, basis: &Basis<'_>) -> Mode {
        let advised = basis.rule.and_then(|rule| rule.recommended);
        let advised = advised.filter(|_| self.policy.use_recommended);
        let asked = basis.mode.max(advised.unwrap_or(basis.mode));
        let sure = basis.own
            && basis
                .rule
                .is_some_and(|rule| rule.confidence == Confidence::High);
        let least = if sure && self.policy.counsel {
            self.pack.floor()
        } else {
            UNPROVEN.max(self.pack.floor())
        };
        asked.max(least)
    }

    fn finish(mut self) -> Verdict {
        if let Some(mode) = self.policy.mode
            && mode > self.mode
        {
            self.because
                .push(format!("the client's policy: at least {}", mode.name()));
            self.mode = mode;
        }
        if !self.policy.record {
            self.because
                .push("the client's policy: nothing is recorded".to_owned());
            self.mode = Mode::NoRecord;
        }
        self.because
            .push(format!("the strictest holds: {}", self.mode.name()));
        let mode = self.mode;
        let allowed = |wanted: bool| match mode {
            Mode::Announce | Mode::AnnounceContinue | Mode::Affirmative if wanted => {
                Use::OnceGranted
            }
            Mode::Announce | Mode::AnnounceContinue | Mode::Affirmative | Mode::NoRecord => {
                Use::Never
            }
        };
        Verdict {
            mode,
            gates: Gates {
                ai_disclosure: AiDisclosure::Always,
                review: allowed(self.policy.review),
                analytics: allowed(self.policy.analytics),
            },
            must_record_announcement: self.must_record_announcement,
            candidates: self.candidates,
            pack: PackName {
                id: self.pack.id().to_owned(),
                sha256: self.pack.sha256().to_owned(),
            },
            because: self.because,
        }
    }
}

impl PackName {
    /// `id@sha256`, as a call's journal names it.
    pub fn at_checksum(&self) -> String {
        format!("{}@{}", self.id, self.sha256)
    }
}

/// A candidate in words: `number in US-CA: affirmative (rule US-CA, high confidence, asks for announce_continue)`.
fn line(candidate: &Candidate) -> String {
    let place = candidate
        .place
        .map_or_else(|| "unknown".to_owned(), |place| format!("in {place}"));
    let what = match candidate.source {
        Source::Contact => format!("contact {place}"),
        Source::Number => format!("number {place}"),
        Source::AreaCode => "an area code alone does not tell where a phone is".to_owned(),
        Source::Business => format!("business {place}"),
        Source::Server => format!("server {place}"),
        Source::Transferred => format!("transferred party {place}"),
    };
    let sure = match candidate.confidence {
        Confidence::High => ", high confidence",
        Confidence::Medium => ", medium confidence",
        Confidence::Low => ", low confidence",
        Confidence::Unrated => ", a default",
    };
    let (mode, rule) = (candidate.mode.name(), &candidate.rule);
    let asks = if candidate.asks == candidate.mode {
        String::new()
    } else {
        format!(", asks for {}", candidate.asks.name())
    };
    format!("{what}: {mode} (rule {rule}{sure}{asks})")
}

#[cfg(test)]
mod tests;
