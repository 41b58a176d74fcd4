//! The table of prefixes, as `data/generate.py` writes it, and the longest prefix of a number in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::{Evidence, Place};

/// The shipped table, read at its first use.
#[expect(
    clippy::expect_used,
    reason = "the file is part of the program, and a test reads it"
)]
pub(super) static TABLE: LazyLock<Table> = LazyLock::new(|| {
    Table::parse(include_str!("../../data/numbers.txt")).expect("the shipped table is whole")
});

/// What holds for the numbers of some prefixes.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) country: Option<&'static str>,
    pub(super) places: Box<[Place]>,
    pub(super) zones: Box<[&'static str]>,
    pub(super) evidence: Evidence,
}

#[derive(Debug)]
pub(super) struct Table {
    /// Zones of a number of which nothing is known.
    pub(super) world: Box<[&'static str]>,
    /// Zones of every place: of all numbers that are of this place alone.
    pub(super) zones: BTreeMap<Place, Box<[&'static str]>>,
    values: Vec<Value>,
    /// Prefixes and the index of their values, sorted. A prefix is its digits as a number, behind a leading 1 that keeps
    /// its length.
    prefixes: Vec<(u64, u16)>,
    /// Digits of the longest prefix.
    longest: usize,
}

/// More digits than this no prefix has.
const PREFIX_DIGITS_MAX: usize = 15;

impl Table {
    /// What holds for the longest prefix of `digits` that the table has.
    pub(super) fn longest(&self, digits: &str) -> Option<&Value> {
        let digits = digits.as_bytes();
        let longest = digits.len().min(self.longest);
        let found = (1..=longest).rev().find_map(|length| {
            let key = key(digits.get(..length)?)?;
            let at = self.prefixes.binary_search_by_key(&key, |entry| entry.0);
            self.prefixes.get(at.ok()?)
        })?;
        self.values.get(usize::from(found.1))
    }

    fn parse(text: &'static str) -> Result<Self, String> {
        let mut table = Self {
            world: Box::default(),
            zones: BTreeMap::new(),
            values: Vec::new(),
            prefixes: Vec::new(),
            longest: 0,
        };
        let mut zone_sets: Vec<Box<[&'static str]>> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let read = if line.starts_with('#') {
                Some(())
            } else if let Some(prefixes) = line.strip_prefix(' ') {
                table.add_prefixes(prefixes)
            } else if let Some(set) = line.strip_prefix("zones ") {
                zone_set(set, &mut zone_sets)
            } else if let Some(zones) = line.strip_prefix("world ") {
                table.world = zones.split(',').collect();
                Some(())
            } else {
                table.add_value(line, &zone_sets)
            };
            read.ok_or_else(|| format!("line {}: not understood", index + 1))?;
        }
        table.prefixes.sort_unstable();
        if table.world.is_empty() {
            return Err("no line `world`".to_owned());
        }
        if table
            .prefixes
            .windows(2)
            .any(|pair| pair.first().map(|e| e.0) == pair.get(1).map(|e| e.0))
        {
            return Err("a prefix is there twice".to_owned());
        }
        table.zones = zones_by_place(&table.values);
        Ok(table)
    }

    /// `EVIDENCE COUNTRY PLACES ZONE-SET`; `-` is none.
    fn add_value(&mut self, line: &'static str, zone_sets: &[Box<[&'static str]>]) -> Option<()> {
        let mut words = line.split(' ');
        let evidence = match words.next()? {
            "unknown" => Evidence::Unknown,
            "nomadic" => Evidence::Nomadic,
            "country" => Evidence::Country,
            "area" => Evidence::Area,
            _ => return None,
        };
        let country = words.next().map(|word| (word != "-").then_some(word))?;
        let places = match words.next()? {
            "-" => Box::default(),
            listed => listed
                .split(',')
                .map(|code| Place::parse(code).ok())
                .collect::<Option<_>>()?,
        };
        let zones = zone_sets.get(words.next()?.parse::<usize>().ok()?)?.clone();
        self.values.push(Value {
            country,
            places,
            zones,
            evidence,
        });
        words.next().is_none().then_some(())
    }

    /// Prefixes of the value read last.
    fn add_prefixes(&mut self, line: &str) -> Option<()> {
        let value = u16::try_from(self.values.len().checked_sub(1)?).ok()?;
        for prefix in line.split(' ') {
            self.prefixes.push((key(prefix.as_bytes())?, value));
            self.longest = self.longest.max(prefix.len());
        }
        Some(())
    }
}

fn zones_by_place(values: &[Value]) -> BTreeMap<Place, Box<[&'static str]>> {
    let mut zones = BTreeMap::<Place, BTreeSet<&'static str>>::new();
    for value in values {
        if let [place] = *value.places {
            zones.entry(place).or_default().extend(&value.zones);
        }
    }
    let boxed = |(place, zones): (_, BTreeSet<_>)| (place, zones.into_iter().collect());
    zones.into_iter().map(boxed).collect()
}

/// `N ZONE,ZONE,…`; sets are numbered in order.
fn zone_set(line: &'static str, zone_sets: &mut Vec<Box<[&'static str]>>) -> Option<()> {
    let (number, zones) = line.split_once(' ')?;
    if number.parse() != Ok(zone_sets.len()) || zones.is_empty() {
        return None;
    }
    zone_sets.push(zones.split(',').collect());
    Some(())
}

fn key(digits: &[u8]) -> Option<u64> {
    if !(1..=PREFIX_DIGITS_MAX).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(1, |key, digit| {
        digit
            .is_ascii_digit()
            .then(|| key * 10 + u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "# c\nzones 0 A/B\nzones 1 A/B,C/D\nworld E/F\ncountry DE DE 0\n 49\narea DE DE,FR 1\n 490 4912\n";

    #[test]
    fn the_longest_prefix_holds() {
        let table = Table::parse(SMALL).unwrap();
        let zones = |digits| table.longest(digits).map(|v| v.zones.len());
        assert_eq!(zones("4930"), Some(1));
        assert_eq!(zones("49"), Some(1));
        assert_eq!(zones("4"), None);
        assert_eq!(zones(""), None);
        assert_eq!(zones("4903"), Some(2));
        assert_eq!(zones("49129999999999999999999"), Some(2));
        assert_eq!(zones("0490"), None, "the length of a prefix counts");
        assert_eq!(zones("49x"), Some(1));
    }

    #[test]
    fn a_table_that_is_not_whole_is_refused() {
        let cases = [
            ("zones 1 A/B\nworld A/B\n", "line 1"),
            ("zones 0 \nworld A/B\n", "line 1"),
            ("world A/B\n 49\n", "line 2"),
            ("zones 0 A/B\nworld A/B\ncountry DE DE 1\n", "line 3"),
            ("zones 0 A/B\nworld A/B\ncountry DE de 0\n", "line 3"),
            ("zones 0 A/B\nworld A/B\nsure DE DE 0\n", "line 3"),
            ("zones 0 A/B\nworld A/B\ncountry DE DE 0 9\n", "line 3"),
            ("zones 0 A/B\nworld A/B\ncountry DE DE 0\n 4x\n", "line 4"),
            ("zones 0 A/B\ncountry DE DE 0\n 49\n", "world"),
            ("zones 0 A/B\nworld A/B\ncountry DE DE 0\n 49 49\n", "twice"),
        ];
        for (text, want) in cases {
            let problem = Table::parse(text).unwrap_err();
            assert!(problem.contains(want), "{text:?}: {problem}");
        }
    }

    #[test]
    fn every_value_of_the_shipped_table_names_zones() {
        assert!(TABLE.prefixes.len() > 4_000);
        for value in &TABLE.values {
            assert!(
                !value.zones.is_empty() && !value.places.is_empty()
                    || value.evidence == Evidence::Unknown
            );
            for zone in &value.zones {
                assert!(zone.contains('/'), "{zone}");
            }
        }
    }
}
