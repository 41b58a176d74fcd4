//! From which of a pool's numbers a contact is called.

use serde::{Deserialize, Serialize};

use crate::geo;
use crate::phone::PhoneNumber;

/// How a number is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The one that was used least.
    #[default]
    RoundRobin,
    /// One of the contact's own place, else of their country, else any.
    LocalPresence,
    /// The one that called them before, else as [`Strategy::RoundRobin`].
    Sticky,
}

/// A number of a pool.
#[derive(Clone, Debug)]
pub struct Own {
    /// The number.
    pub number: PhoneNumber,
    /// False if it must not be used: its account does not work, or a carrier refused it.
    pub is_usable: bool,
    /// Calls that it began today.
    pub used: u32,
    /// So many it may begin in a day; any if absent.
    pub used_max: Option<u32>,
    /// Calls that it holds.
    pub live: u32,
    /// So many it may hold; any if absent.
    pub live_max: Option<u32>,
}

/// Why no number can call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoNumber {
    /// There is none, or none of them works.
    #[error("no number of the pool can be used")]
    NoneUsable,
    /// Each has begun as many calls as it may today.
    #[error("every number of the pool has begun as many calls as it may today")]
    UsedUp,
    /// Those that may yet begin calls today hold as many as they may.
    #[error("every number of the pool holds as many calls as it may")]
    Busy,
}

impl Own {
    fn is_used_up(&self) -> bool {
        self.used_max.is_some_and(|max| self.used >= max)
    }

    fn is_busy(&self) -> bool {
        self.live_max.is_some_and(|max| self.live >= max)
    }

    fn is_free(&self) -> bool {
        self.is_usable && !self.is_used_up() && !self.is_busy()
    }
}

/// The number that calls, an index of the pool. `before` is the one that called the contact before.
///
/// # Errors
/// [`NoNumber`].
pub fn choose(
    pool: &[Own],
    strategy: Strategy,
    to: &PhoneNumber,
    before: Option<&PhoneNumber>,
) -> Result<usize, NoNumber> {
    let near = |own: &Own| match strategy {
        Strategy::RoundRobin => Near::default(),
        Strategy::LocalPresence => near(&own.number, to),
        Strategy::Sticky => Near {
            is_of_place: before == Some(&own.number),
            ..Near::default()
        },
    };
    let free = pool.iter().enumerate().filter(|(_, own)| own.is_free());
    let best = free.max_by_key(|(index, own)| {
        let rested = std::cmp::Reverse((own.used, own.live, *index));
        (near(own), rested)
    });
    if let Some((index, _)) = best {
        return Ok(index);
    }
    let mut usable = pool.iter().filter(|own| own.is_usable).peekable();
    if usable.peek().is_none() {
        return Err(NoNumber::NoneUsable);
    }
    Err(match usable.all(Own::is_used_up) {
        true => NoNumber::UsedUp,
        false => NoNumber::Busy,
    })
}

/// How near a number is to another, the nearest last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Near {
    is_of_country: bool,
    is_of_place: bool,
    /// Leading digits that are alike, where the place is: of two numbers of a place, one of the same area comes first.
    alike: usize,
}

fn near(own: &PhoneNumber, to: &PhoneNumber) -> Near {
    let (ours, theirs) = (geo::of(own), geo::of(to));
    let is_of_country = ours.country.is_some() && ours.country == theirs.country;
    let is_of_place = ours
        .places
        .iter()
        .any(|place| theirs.places.contains(place));
    let pairs = own.as_str().bytes().zip(to.as_str().bytes());
    let alike = pairs.take_while(|(a, b)| a == b).count();
    Near {
        is_of_country,
        is_of_place,
        alike: if is_of_place { alike } else { 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).unwrap()
    }

    fn own(text: &str) -> Own {
        Own {
            number: number(text),
            is_usable: true,
            used: 0,
            used_max: Some(100),
            live: 0,
            live_max: None,
        }
    }

    fn pool() -> [Own; 4] {
        // New York City, Buffalo, Los Angeles, Berlin.
        [
            "+12125550100",
            "+17165550100",
            "+12135550100",
            "+493012345678",
        ]
        .map(own)
    }

    #[test]
    fn the_nearest_number_calls() {
        for (to, want) in [
            ("+12125550199", 0),
            ("+17165550199", 1),
            // Albany is of New York: 212 begins as 518 does not, and neither does 716, so the first of both calls.
            ("+15185550199", 0),
            ("+13105550199", 2),
            ("+15125550199", 0),
            ("+498912345678", 3),
            ("+33142685300", 0),
        ] {
            let chosen = choose(&pool(), Strategy::LocalPresence, &number(to), None);
            assert_eq!(chosen, Ok(want), "{to}");
        }
    }

    #[test]
    fn a_number_that_is_used_up_or_dead_leaves_it_to_the_next() {
        let to = number("+12125550199");
        let choose = |pool: &[Own]| choose(pool, Strategy::LocalPresence, &to, None);
        let mut pool = pool();
        pool[0].used = 100;
        assert_eq!(choose(&pool), Ok(1));
        pool[1].is_usable = false;
        assert_eq!(choose(&pool), Ok(2));
        pool[2].live_max = Some(0);
        assert_eq!(choose(&pool), Ok(3));
        pool[3].used = 100;
        assert_eq!(choose(&pool), Err(NoNumber::Busy));
        pool[2].used = 100;
        assert_eq!(choose(&pool), Err(NoNumber::UsedUp));
        for own in &mut pool {
            own.is_usable = false;
        }
        assert_eq!(choose(&pool), Err(NoNumber::NoneUsable));
        assert_eq!(choose(&[]), Err(NoNumber::NoneUsable));
    }

    #[test]
    fn numbers_take_turns() {
        let (mut pool, to) = (pool(), number("+12125550199"));
        let mut chosen = Vec::new();
        for _ in 0..8 {
            let index = choose(&pool, Strategy::RoundRobin, &to, None).unwrap();
            pool[index].used += 1;
            chosen.push(index);
        }
        assert_eq!(chosen, [0, 1, 2, 3, 0, 1, 2, 3]);
    }

    #[test]
    fn who_was_called_before_is_called_from_the_same_number() {
        let (mut pool, to) = (pool(), number("+12125550199"));
        let before = number("+12135550100");
        pool[2].used = 50;
        assert_eq!(choose(&pool, Strategy::Sticky, &to, Some(&before)), Ok(2));
        pool[2].used = 100;
        assert_eq!(choose(&pool, Strategy::Sticky, &to, Some(&before)), Ok(0));
        assert_eq!(choose(&pool, Strategy::Sticky, &to, None), Ok(0));
    }
}
