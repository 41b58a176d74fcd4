//! Whether a client may call a number: what is stored of both is asked here, and decided by the policy.

use trunkline_core::geo::Place;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::permission::Entry;
use trunkline_core::policy::{
    self, About, Destination, HoursPack, PermissionPack, Request, Verdict, Zone,
};

use super::grounds::{self, Grounds};
use super::{Dialer, LIVE_MS_MAX, frequency};
use crate::desk::{self, Desk};
use crate::store::StoreError;
use crate::vault::ClientKeys;

/// So many calls to a number are counted; no cap is higher.
const COUNTED_MAX: u32 = 512;
/// Calls longer ago count for nothing, ms: the longest cap of the rules and of clients.
const COUNTED_MS: i64 = policy::CAP_MS_MAX;

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
    asked_ms: Option<i64>,
    engaged: bool,
    ledger: Vec<Entry>,
}

impl Dialer {
    /// Whether a client may call a number.
    pub async fn may_call(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        question: &Question<'_>,
    ) -> Result<Verdict, StoreError> {
        let allowed = desk.store.dialling().find(keys.id()).await?;
        let destinations = allowed.destinations.iter();
        let destinations: Vec<Destination> = destinations
            .filter_map(|text| Destination::parse(text).ok())
            .collect();
        let known = match PhoneNumber::parse(question.to) {
            Ok(number) => self.known(desk, keys, &number, question).await?,
            Err(_) => Known::default(),
        };
        let pack = HoursPack::shipped();
        let standing = self.standing(desk, keys.id(), question).await?;
        Ok(policy::may_call(&Request {
            pack,
            at_unix_ms: question.at_ms.unwrap_or_else(|| self.now_ms()),
            to: question.to,
            places: question.places,
            zones: question.zones,
            destinations: &destinations,
            suppressed: known.suppressed,
            caps: &frequency::caps(allowed.frequency, pack),
            began_unix_ms: &known.began,
            asked_unix_ms: known.asked_ms,
            engaged: known.engaged,
            permission: PermissionPack::shipped(),
            about: About {
                purpose: question.grounds.purpose,
                kind: question.grounds.kind,
                basis: question.grounds.basis,
                ledger: &known.ledger,
                screenings: &[],
                reassigned_ms: None,
            },
            standing,
            windows: &[],
            closures: &[],
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
        let mut ledger = grounds::ledger(desk, keys, number, now_ms).await?;
        ledger.extend(question.grounds.wish());
        Ok(Known {
            ledger,
            suppressed: is_suppressed(desk, keys, number).await?,
            began: began.await?,
            asked_ms: asked.map(|attempt| attempt.asked_ms),
            engaged,
        })
    }
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
