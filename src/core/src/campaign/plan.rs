//! Which campaigns dial now, and how many calls each: fair shares of what is free.
//!
//! A place that becomes free goes to the client who has the fewest calls for its weight, and among its campaigns to the one that
//! has the fewest for its priority. So shares follow the weights as soon as calls end, whoever has nothing on the line
//! comes first, and nobody starves. All of it is read from calls that are counted anyway: nothing has to be remembered over a
//! restart to be fair.
//!
//! What is planned is only that a campaign may ask for its next contact: the policy still says no to whom it will, and the
//! place is then free for the next round.

use std::cmp::Ordering;

use super::pace::Bucket;

/// The weights of priorities 1 to 5: the highest has sixteen times the share of the lowest.
const WEIGHTS: [u32; 5] = [1, 2, 4, 8, 16];

/// The weight of a priority: 1 is the lowest, 5 the highest, and what is beyond counts as these.
#[must_use]
pub fn weight(priority: u8) -> u32 {
    let index = usize::from(priority.clamp(1, 5)) - 1;
    WEIGHTS.get(index).copied().unwrap_or(1)
}

/// Something that calls share: a client's lines, an account with a carrier.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    /// Calls that may go on in it beside those that do.
    pub free: u32,
    /// How fast they may begin.
    pub bucket: Bucket,
}

/// A client that has campaigns.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Its calls.
    pub lane: Lane,
    /// How many of its campaigns' calls go on.
    pub live: u32,
    /// How many began lately: who began fewer comes first where as many go on.
    pub recent: u32,
}

/// A campaign that has somebody to call now.
#[derive(Clone, Copy, Debug)]
pub struct Contender {
    /// Whose it is, an index of [`Room::clients`].
    pub client: usize,
    /// By which account it calls, an index of [`Room::accounts`].
    pub account: usize,
    /// Of its priority ([`weight`]).
    pub weight: u32,
    /// How many of its calls go on.
    pub live: u32,
    /// So many may, warmed up as it is ([`super::pace::warmed`]).
    pub live_max: u32,
    /// How many of its contacts are due.
    pub due: u32,
    /// How many of its calls began lately.
    pub recent: u32,
    /// How fast its calls may begin.
    pub bucket: Bucket,
}

/// What there is to be shared out.
#[derive(Clone, Debug)]
pub struct Room {
    /// Calls that the server can hold beside those that live, without the room that is kept for those that come in.
    pub free: u32,
    /// The clients.
    pub clients: Vec<Client>,
    /// Their accounts with carriers.
    pub accounts: Vec<Lane>,
}

/// What is to be done now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The campaigns that dial, an index of the contenders for each call, in the order in which they do.
    pub dials: Vec<usize>,
    /// When more can begin though no call ends and nobody becomes due, ms since 1970.
    pub again_ms: Option<i64>,
}

/// What keeps a campaign from one more call.
enum Kept {
    /// Nothing but a rate, until then, ms since 1970.
    Until(i64),
    /// A call has to end, or somebody to become due.
    Back,
}

/// Shares out what is free at a moment, at most `dials_max` calls. What is dialled is taken out of `room` and `contenders`.
pub fn plan(now_ms: i64, room: &mut Room, contenders: &mut [Contender], dials_max: usize) -> Plan {
    let mut plan = Plan::default();
    let mut out = vec![false; contenders.len()];
    while plan.dials.len() < dials_max {
        let Some(index) = next(room, contenders, &out) else {
            return plan;
        };
        match kept(now_ms, room, contenders, index) {
            None => {
                begin(room, contenders, index);
                plan.dials.push(index);
            }
            // Nothing becomes more free in this round.
            Some(kept) => {
                if let Some(out) = out.get_mut(index) {
                    *out = true;
                }
                if let Kept::Until(then_ms) = kept {
                    let sooner = plan.again_ms.map_or(then_ms, |ms| ms.min(then_ms));
                    plan.again_ms = Some(sooner);
                }
            }
        }
    }
    // There was more than may be begun at once.
    plan.again_ms = Some(now_ms);
    plan
}

/// Who comes next of those that are not out.
fn next(room: &Room, contenders: &[Contender], out: &[bool]) -> Option<usize> {
    let mut best: Option<(usize, &Contender)> = None;
    for (index, one) in contenders.iter().enumerate() {
        if out.get(index).copied().unwrap_or(true) {
            continue;
        }
        match best {
            Some((_, other)) if before(room, one, other) != Ordering::Less => {}
            _ => best = Some((index, one)),
        }
    }
    best.map(|(index, _)| index)
}

/// Who has less, and so comes first.
fn before(room: &Room, one: &Contender, other: &Contender) -> Ordering {
    let of_client = |contender: &Contender| {
        let client = room.clients.get(contender.client);
        client.map_or((u32::MAX, u32::MAX), |client| (client.live, client.recent))
    };
    let of_clients = match one.client == other.client {
        true => Ordering::Equal,
        false => of_client(one).cmp(&of_client(other)),
    };
    // Fractions, without dividing.
    let less = |a: u32, b: u32| {
        let (a, b) = (u64::from(a), u64::from(b));
        (a * u64::from(other.weight)).cmp(&(b * u64::from(one.weight)))
    };
    of_clients
        .then_with(|| less(one.live, other.live))
        .then_with(|| less(one.recent, other.recent))
        .then_with(|| other.weight.cmp(&one.weight))
}

fn kept(now_ms: i64, room: &mut Room, contenders: &mut [Contender], index: usize) -> Option<Kept> {
    let Some(one) = contenders.get_mut(index) else {
        return Some(Kept::Back);
    };
    let (client, account) = (
        room.clients.get_mut(one.client),
        room.accounts.get_mut(one.account),
    );
    let (Some(client), Some(account)) = (client, account) else {
        return Some(Kept::Back);
    };
    let is_full = room.free == 0 || client.lane.free == 0 || account.free == 0;
    if is_full || one.due == 0 || one.live >= one.live_max {
        return Some(Kept::Back);
    }
    let buckets = [
        &mut one.bucket,
        &mut client.lane.bucket,
        &mut account.bucket,
    ];
    let mut until_ms: Option<i64> = None;
    for bucket in buckets {
        if bucket.has(now_ms) {
            continue;
        }
        match bucket.next_ms() {
            None => return Some(Kept::Back),
            Some(next_ms) => until_ms = Some(until_ms.map_or(next_ms, |ms| ms.max(next_ms))),
        }
    }
    until_ms.map(Kept::Until)
}

fn begin(room: &mut Room, contenders: &mut [Contender], index: usize) {
    let Some(one) = contenders.get_mut(index) else {
        return;
    };
    room.free = room.free.saturating_sub(1);
    if let Some(client) = room.clients.get_mut(one.client) {
        client.lane.free = client.lane.free.saturating_sub(1);
        client.lane.bucket.take();
        client.live = client.live.saturating_add(1);
        client.recent = client.recent.saturating_add(1);
    }
    if let Some(account) = room.accounts.get_mut(one.account) {
        account.free = account.free.saturating_sub(1);
        account.bucket.take();
    }
    one.bucket.take();
    one.live = one.live.saturating_add(1);
    one.recent = one.recent.saturating_add(1);
    one.due -= 1;
}

#[cfg(test)]
mod tests;
