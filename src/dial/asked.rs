//! Whether a client may call a number: what is stored of both is asked here, and decided by the policy.

use trunkline_core::geo::Place;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::permission::Entry;
use trunkline_core::policy::{
    self, About, Closure, Destination, History, Line, Request, Screening, Standing, Verdict, Zone,
};

use super::grounds::{self, Grounds};
use super::hooked::Learnt;
use super::person::{self, Person};
use super::{Dialer, LIVE_MS_MAX, frequency};
use crate::after;
use crate::desk::{self, Desk};
use crate::registries;
use crate::store::StoreError;
use crate::vault::ClientKeys;

/// So many calls to a number are counted; no cap is higher.
const COUNTED_MAX: u32 = 512;
/// Calls longer ago count for nothing, ms: the longest cap of the rules and of clients.
const COUNTED_MS: i64 = policy::CAP_MS_MAX;

/// Dispositions that say that the person did not want what was offered.
const DECLINING: [&str; 3] = ["not_interested", "declined", "refused"];

/// Who may be called is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The number, as it was given.
    pub to: &'a str,
    /// Where the person is said to be.
    pub places: &'a [Place],
    /// By which clocks they are said to live.
    pub zones: &'a [Zone],
    /// When, ms since 1970; now if absent. Who is on the telephone counts only for now.
    pub at_ms: Option<i64>,
    /// The call in which they asked to be called then: the client's gap is not kept to it, and to every other.
    pub asked_call_id: Option<&'a str>,
    /// What the call is for, and what the client says makes it lawful.
    pub grounds: Grounds,
    /// The agent that would speak; whether it was stopped is not asked if absent.
    pub agent_id: Option<&'a str>,
}

/// What is stored of a number.
#[derive(Default)]
struct Known {
    suppressed: bool,
    began: Vec<i64>,
    talked: Vec<i64>,
    declined: Vec<i64>,
    asked_ms: Option<i64>,
    engaged: bool,
    ledger: Vec<Entry>,
    screenings: Vec<Screening>,
    person: Person,
}

impl Dialer {
    /// Whether a client may call a number.
    pub async fn may_call(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        question: &Question<'_>,
    ) -> Result<Verdict, StoreError> {
        let (verdict, _) = self.judged(desk, keys, question).await?;
        Ok(verdict)
    }

    /// The last word before a call: if nothing else forbids it, the client's own system is asked too.
    pub async fn may_dial(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        question: &Question<'_>,
    ) -> Result<Verdict, StoreError> {
        let (verdict, mut learnt) = self.judged(desk, keys, question).await?;
        let Verdict::Allow(allowed) = &verdict else {
            return Ok(verdict);
        };
        let Some(predial) = self.predial(desk, keys, question, allowed).await? else {
            return Ok(verdict);
        };
        learnt.predial = predial;
        // It took its time: everything is looked at again.
        self.decided(desk, keys, question, &learnt).await
    }

    async fn judged(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        question: &Question<'_>,
    ) -> Result<(Verdict, Learnt), StoreError> {
        let before = Learnt::before(desk, keys, question.to).await?;
        let verdict = self.decided(desk, keys, question, &before).await?;
        let learnt = self.screened(desk, keys, question, (&verdict, &before));
        match learnt.await? {
            None => Ok((verdict, before)),
            Some(learnt) => {
                let verdict = self.decided(desk, keys, question, &learnt).await?;
                Ok((verdict, learnt))
            }
        }
    }

    async fn decided(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        question: &Question<'_>,
        learnt: &Learnt,
    ) -> Result<Verdict, StoreError> {
        // What is read now is no older than the moment that is asked about.
        let at_unix_ms = question.at_ms.unwrap_or_else(|| self.now_ms());
        let allowed = desk.store.dialling().find(keys.id()).await?;
        let destinations = allowed.destinations.iter();
        let destinations: Vec<Destination> = destinations
            .filter_map(|text| Destination::parse(text).ok())
            .collect();
        let lines = allowed.lines.iter();
        let lines: Vec<Line> = lines.filter_map(|name| Line::parse(name)).collect();
        let mut known = match PhoneNumber::parse(question.to) {
            Ok(number) => self.known(desk, keys, &number, question).await?,
            Err(_) => Known::default(),
        };
        known.screenings.extend_from_slice(&learnt.screenings);
        let packs = desk.rules.now();
        let closures = closures(desk, at_unix_ms).await?;
        let standing = self.standing(desk, keys.id(), question).await?;
        let pack = &packs.hours;
        Ok(policy::may_call(&Request {
            pack,
            at_unix_ms,
            to: question.to,
            places: &person::with(question.places, known.person.place),
            zones: &person::with(question.zones, known.person.zone),
            destinations: &destinations,
            suppressed: known.suppressed,
            caps: &frequency::caps(allowed.frequency, pack),
            history: History {
                began: &known.began,
                talked: &known.talked,
                declined: &known.declined,
            },
            asked_unix_ms: known.asked_ms,
            engaged: known.engaged,
            permission: &packs.permission,
            about: About {
                purpose: question.grounds.purpose,
                kind: known.person.kind(question.grounds.kind),
                basis: question.grounds.basis,
                ledger: &known.ledger,
                screenings: &known.screenings,
                reassigned_ms: learnt.reassigned_ms,
            },
            standing: Standing {
                restricted: known.person.restricted,
                line: learnt.line,
                lines: &lines,
                predial: learnt.predial,
                ..standing
            },
            windows: known.person.window.as_slice(),
            closures: &closures,
        }))
    }

    async fn known(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        number: &PhoneNumber,
        question: &Question<'_>,
    ) -> Result<Known, StoreError> {
        let (attempts, now_ms) = (desk.store.attempts(), self.now_ms());
        let index = desk::call_index(keys, number);
        let since_ms = now_ms - COUNTED_MS;
        let began = attempts.began(keys.id(), &index, since_ms, COUNTED_MAX);
        let talked = attempts.talked(keys.id(), &index, since_ms, COUNTED_MAX);
        let declining = DECLINING.map(|label| after::label_index(keys, label));
        let counted = (since_ms, COUNTED_MAX);
        let declined = attempts.declined(keys.id(), &index, counted, &declining);
        let asked = match question.asked_call_id {
            Some(call_id) => attempts.of_call(keys.id(), call_id).await?,
            None => None,
        };
        let live_since_ms = now_ms - LIVE_MS_MAX;
        let engaged = match question.at_ms {
            None => {
                attempts
                    .is_engaged(keys.id(), &index, live_since_ms)
                    .await?
            }
            Some(_) => false,
        };
        let mut ledger = grounds::ledger(desk, keys, number, i64::MAX).await?;
        ledger.extend(question.grounds.wish());
        Ok(Known {
            ledger,
            suppressed: is_suppressed(desk, keys, number).await?,
            began: began.await?,
            talked: talked.await?,
            declined: declined.await?,
            asked_ms: asked.map(|attempt| attempt.asked_ms),
            engaged,
            screenings: registries::screenings(desk, keys, number).await?,
            person: Person::of(desk, keys, number).await?,
        })
    }
}

/// Places that are closed at a moment, or will be.
async fn closures(desk: &Desk, at_ms: i64) -> Result<Vec<Closure>, StoreError> {
    let rows = desk.store.rules().closures(at_ms).await?;
    let read = rows.into_iter().map(|row| {
        let what = "the place of a closure";
        let place = Place::parse(&row.place).map_err(|_| StoreError::Unreadable { what })?;
        Ok(Closure {
            id: row.id,
            place,
            from_ms: row.from_ms,
            until_ms: row.until_ms,
        })
    });
    read.collect()
}

/// Whether the number asked the client, or everybody, not to be called.
pub(super) async fn is_suppressed(
    desk: &Desk,
    keys: &ClientKeys,
    number: &PhoneNumber,
) -> Result<bool, StoreError> {
    let own = desk::suppression_index(keys, number);
    let platform = desk.platform_suppression_index(number);
    let suppressions = desk.store.suppressions();
    let found = suppressions.check(keys.id(), &own, &platform, None).await?;
    Ok(found.is_some())
}
