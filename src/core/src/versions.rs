//! Versions of an agent: which of them holds a call, where several share its calls, and what differs between two.

mod diff;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use diff::{CHANGES_MAX, Change, Diff, diff};

/// Most versions that share an agent's calls.
pub const SHARES_MAX: usize = 5;

/// What one version gets of an agent's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Its number.
    pub version: u32,
    /// Of a hundred persons, so many: 1 to 100.
    pub percent: u32,
}

/// How versions share an agent's calls. The shares make a hundred.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Share>", into = "Vec<Share>")]
pub struct Split(Vec<Share>);

/// Why shares make no split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSplit {
    /// Nobody gets anything, or too many get something.
    #[error("1 to {SHARES_MAX} versions share the calls")]
    Count,
    /// A share is nothing, or more than all.
    #[error("a share is 1 to 100 percent")]
    Percent {
        /// Which of them, counted from 0.
        at: usize,
    },
    /// A version is there twice.
    #[error("this version is there twice")]
    Twice {
        /// Which of them, counted from 0.
        at: usize,
    },
    /// They do not make a hundred.
    #[error("the shares make {sum} percent, not 100")]
    Sum {
        /// What they make.
        sum: u32,
    },
}

/// Whose call it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// That of a person, by the keyed hash of their number: they get the same version each time.
    Person(&'a [u8; 32]),
    /// That of somebody without a number, by its id.
    Unknown(&'a str),
}

impl TryFrom<Vec<Share>> for Split {
    type Error = NoSplit;

    /// In whatever order they are.
    fn try_from(mut shares: Vec<Share>) -> Result<Self, NoSplit> {
        if shares.is_empty() || shares.len() > SHARES_MAX {
            return Err(NoSplit::Count);
        }
        let mut seen = BTreeSet::new();
        for (at, share) in shares.iter().enumerate() {
            if !(1..=100).contains(&share.percent) {
                return Err(NoSplit::Percent { at });
            }
            if !seen.insert(share.version) {
                return Err(NoSplit::Twice { at });
            }
        }
        let sum = shares.iter().map(|share| share.percent).sum();
        if sum != 100 {
            return Err(NoSplit::Sum { sum });
        }
        shares.sort_by_key(|share| share.version);
        Ok(Self(shares))
    }
}

impl From<Split> for Vec<Share> {
    fn from(split: Split) -> Self {
        split.0
    }
}

impl Split {
    /// All calls for one version.
    #[must_use]
    pub fn all_for(version: u32) -> Self {
        Self(vec![Share {
            version,
            percent: 100,
        }])
    }

    /// The shares, by version.
    #[must_use]
    pub fn shares(&self) -> &[Share] {
        &self.0
    }

    /// What a version gets, in percent.
    #[must_use]
    pub fn percent_of(&self, version: u32) -> u32 {
        let share = self.0.iter().find(|share| share.version == version);
        share.map_or(0, |share| share.percent)
    }

    /// The version that holds a call. Persons stand at points from 0 to 99, spread evenly and for each agent anew, and
    /// versions take the points in their order: while the shares stay, everybody keeps their version, and where two
    /// versions share, a change moves those alone whom it must.
    #[must_use]
    pub fn version_for(&self, agent_id: &str, whose: Whose<'_>) -> u32 {
        let point = point(agent_id, whose);
        let mut end = 0;
        for share in &self.0 {
            end += share.percent;
            if point < end {
                return share.version;
            }
        }
        // The shares make a hundred, so that the loop has returned.
        self.0.last().map_or(0, |share| share.version)
    }
}

/// 0 to 99.
fn point(agent_id: &str, whose: Whose<'_>) -> u32 {
    let (kind, id): (&[u8], &[u8]) = match whose {
        Whose::Person(hash) => (b"person", hash),
        Whose::Unknown(call_id) => (b"call", call_id.as_bytes()),
    };
    let mut sum = Sha256::new();
    for part in [b"split".as_slice(), agent_id.as_bytes(), kind, id] {
        sum.update(part);
        sum.update([0]);
    }
    let sum: [u8; 32] = sum.finalize().into();
    let first = sum
        .first_chunk()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes));
    // Of 2³² values each point gets 42,949,672 or one more.
    u32::try_from((u64::from(first) * 100) >> 32).unwrap_or(99)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::seeded::cases;

    fn split(shares: &[(u32, u32)]) -> Result<Split, NoSplit> {
        let shares = shares
            .iter()
            .map(|&(version, percent)| Share { version, percent });
        Split::try_from(shares.collect::<Vec<_>>())
    }

    fn person(n: u32) -> [u8; 32] {
        Sha256::digest(n.to_be_bytes()).into()
    }

    #[test]
    fn what_is_no_split_is_refused() {
        for (shares, why) in [
            (&[][..], NoSplit::Count),
            (
                &[(1, 20), (2, 20), (3, 20), (4, 20), (5, 10), (6, 10)],
                NoSplit::Count,
            ),
            (&[(1, 100), (2, 0)], NoSplit::Percent { at: 1 }),
            (&[(1, 101)], NoSplit::Percent { at: 0 }),
            (&[(1, 50), (1, 50)], NoSplit::Twice { at: 1 }),
            (&[(1, 50), (2, 49)], NoSplit::Sum { sum: 99 }),
            (&[(1, 100), (2, 100)], NoSplit::Sum { sum: 200 }),
        ] {
            assert_eq!(split(shares), Err(why), "{shares:?}");
        }
        let ordered = split(&[(5, 20), (3, 80)]).unwrap();
        assert_eq!(ordered, split(&[(3, 80), (5, 20)]).unwrap());
        assert_eq!(
            [3, 4, 5].map(|version| ordered.percent_of(version)),
            [80, 0, 20]
        );
    }

    #[test]
    fn it_is_written_and_read_as_json() {
        let json = r#"[{"version":3,"percent":80},{"version":5,"percent":20}]"#;
        let read: Split = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        assert!(serde_json::from_str::<Split>(r#"[{"version":3,"percent":80}]"#).is_err());
    }

    #[test]
    fn the_place_of_a_person_never_changes() {
        // Whoever changes these moves everybody's callers to other versions.
        let hash = [7; 32];
        let at = |agent: &str, whose| point(agent, whose);
        assert_eq!(
            [
                at("agent_1", Whose::Person(&hash)),
                at("agent_2", Whose::Person(&hash)),
                at("agent_1", Whose::Unknown("call_1")),
            ],
            [58, 12, 56]
        );
    }

    /// Any shares that make a hundred.
    fn any_split() -> impl Strategy<Value = Split> {
        proptest::collection::btree_map(1_u32..50, 1_u32..100, 1..=SHARES_MAX).prop_map(|wanted| {
            let sum: u32 = wanted.values().sum();
            let mut shares: Vec<Share> = wanted
                .into_iter()
                .map(|(version, weight)| Share {
                    version,
                    percent: (weight * 100 / sum).max(1),
                })
                .collect();
            let over: u32 = shares.iter().map(|share| share.percent).sum();
            let most = shares.iter_mut().max_by_key(|share| share.percent).unwrap();
            most.percent = most.percent + 100 - over;
            Split::try_from(shares).unwrap()
        })
    }

    proptest! {
        #![proptest_config(cases(48))]

        #[test]
        fn shares_come_out_as_they_were_wanted(split in any_split(), agent in "agent_[A-Z0-9]{8}") {
            const PERSONS: u32 = 20_000;
            let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
            for n in 0..PERSONS {
                let hash = person(n);
                let version = split.version_for(&agent, Whose::Person(&hash));
                // The same person gets the same version.
                prop_assert_eq!(version, split.version_for(&agent, Whose::Person(&hash)));
                *counts.entry(version).or_default() += 1;
            }
            for share in split.shares() {
                let came = f64::from(counts.remove(&share.version).unwrap_or(0)) * 100.0 / f64::from(PERSONS);
                // Five standard deviations of a half of them.
                prop_assert!((came - f64::from(share.percent)).abs() < 1.8, "{share:?} came to {came}");
            }
            prop_assert!(counts.is_empty(), "nobody else gets a call: {counts:?}");
        }

        #[test]
        fn two_versions_move_no_more_than_they_must(less in 1_u32..50, more in 50_u32..100, n in 0_u32..10_000) {
            let hash = person(n);
            let of = |percent| {
                let shares = split(&[(3, 100 - percent), (5, percent)]).unwrap();
                shares.version_for("agent_1", Whose::Person(&hash))
            };
            // Who has the new one keeps it when its share grows.
            prop_assert!(of(less) != 5 || of(more) == 5);
        }

        #[test]
        fn agents_do_not_share_their_guinea_pigs(seed in 0_u32..1_000) {
            let half = split(&[(1, 50), (2, 50)]).unwrap();
            let both = (0..1_000).filter(|n| {
                let hash = person(seed * 1_000 + n);
                let of = |agent| half.version_for(agent, Whose::Person(&hash));
                of("agent_1") == 2 && of("agent_2") == 2
            });
            prop_assert!((170..330).contains(&both.count()));
        }
    }
}
