//! Who may open a media socket, and once only.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use trunkline_core::token::{Claims, Key, TokenError, sign, verify_any};

use crate::clock;

/// Most spent tokens remembered. Beyond it the one that expires first is forgotten, which only a flood of our own valid
/// tokens can bring about.
const SPENT_MAX: usize = 200_000;

/// Why a token opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not ours, or not any more.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// It has opened a socket before.
    #[error("this media URL has been used; each is good for one call")]
    Used,
    /// Tokens that open many sockets are for load drivers.
    #[error("reusable tokens are not allowed here; start the server with --allow-reusable-tokens")]
    Reusable,
}

/// The doorkeeper of the media path.
pub struct Tickets {
    keys: Vec<Key>,
    allow_reusable: bool,
    /// Spent tokens by when they expire; after that their expiry refuses them.
    spent: Mutex<BTreeSet<(u64, String)>>,
}

impl Tickets {
    /// Accepts tokens signed with any of `keys`.
    pub fn new(keys: Vec<Key>, allow_reusable: bool) -> Self {
        Self {
            keys,
            allow_reusable,
            spent: Mutex::default(),
        }
    }

    /// A token that says this, signed with the newest key.
    pub fn sign(&self, claims: &Claims) -> Option<String> {
        self.keys.first().map(|key| sign(claims, key))
    }

    /// What the token says, if it may open a socket now.
    pub fn admit(&self, token: &str) -> Result<Claims, Refused> {
        let claims = verify_any(token, &self.keys, now_s())?;
        if claims.reusable && !self.allow_reusable {
            return Err(Refused::Reusable);
        }
        if !claims.reusable && self.lock().contains(&place(&claims)) {
            return Err(Refused::Used);
        }
        Ok(claims)
    }

    /// Uses up a token that is good for one call. An error if somebody else was quicker.
    pub fn spend(&self, claims: &Claims) -> Result<(), Refused> {
        if claims.reusable {
            return Ok(());
        }
        let mut spent = self.lock();
        let now = now_s();
        while spent.first().is_some_and(|(expires, _)| *expires <= now) || spent.len() >= SPENT_MAX
        {
            spent.pop_first();
        }
        if spent.insert(place(claims)) {
            Ok(())
        } else {
            Err(Refused::Used)
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(u64, String)>> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(claims: &Claims) -> (u64, String) {
    (claims.expires_unix_s, claims.call_id.clone())
}

fn now_s() -> u64 {
    u64::try_from(clock::unix_ms() / 1_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use trunkline_core::token::Direction;

    use super::*;

    #[test]
    fn of_two_who_bring_a_token_at_once_one_spends_it() {
        let key = Key::from_bytes(&[7; 32]).unwrap();
        let tickets = Tickets::new(vec![key], false);
        let claims = Claims {
            call_id: "call_1".into(),
            client: None,
            agent: "front-desk".into(),
            version: None,
            from: None,
            to: None,
            direction: Direction::Inbound,
            expires_unix_s: now_s() + 300,
            reusable: false,
            carrier: None,
        };
        let token = tickets.sign(&claims).unwrap();
        // Both are let in before either is known to have come.
        let (one, other) = (tickets.admit(&token), tickets.admit(&token));
        let spent = [one, other].map(|claims| tickets.spend(&claims.unwrap()).is_ok());
        assert_eq!(spent, [true, false]);
        assert!(matches!(tickets.admit(&token), Err(Refused::Used)));
    }
}
