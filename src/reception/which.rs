//! Which version of an agent a call is held with. It is settled once: in the call's row, or before it is there in its token.

use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::{Claims, Direction};

/// Which version of an agent.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// That which its owner gives to such a call: the newest, or one of those that share its calls.
    Shared {
        /// The person on the line, if they have a number.
        person: Option<&'a PhoneNumber>,
        /// Our id of the call.
        call_id: &'a str,
    },
    /// The one that was settled on before.
    Settled(u32),
    /// Its draft, as it is now.
    Draft,
}

impl<'a> Which<'a> {
    /// That of the call of these claims.
    pub fn of(claims: &'a Claims, call_id: &'a str) -> Self {
        match claims.version {
            Some(version) => Self::Settled(version),
            None => Self::Shared {
                person: person(claims),
                call_id,
            },
        }
    }
}

/// The person on the line.
pub(crate) fn person(claims: &Claims) -> Option<&PhoneNumber> {
    match claims.direction {
        Direction::Inbound => claims.from.as_ref(),
        Direction::Outbound => claims.to.as_ref(),
    }
}
