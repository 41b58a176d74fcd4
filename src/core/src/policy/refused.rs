//! Numbers that are never called, whoever asks: what is dialled for help, service codes, and lines that cost more than a
//! call. The table is made of libphonenumber's data; `data/README.md` has sources, versions and what was changed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Code;

#[expect(
    clippy::expect_used,
    reason = "the file is part of the program, and a test reads it"
)]
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    Table::parse(include_str!("../../data/refused.txt")).expect("the shipped table is whole")
});

/// More digits than this no short number has.
const SHORT_DIGITS_MAX: usize = 6;
const NORTH_AMERICA: &str = "1";
/// With the country code.
const NORTH_AMERICAN_DIGITS: usize = 11;

/// Why a text is not to be dialled as a number, with the rule that says so. Empty for an ordinary number, and for a text
/// that is no number at all.
pub(super) fn refused(text: &str) -> Vec<(Code, String)> {
    let (digits, international) = match text.strip_prefix('+') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let mut found = Vec::new();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return found;
    }
    if TABLE.is_emergency(digits, international) {
        found.push((Code::EmergencyNumber, "emergency".to_owned()));
    }
    let national = digits.strip_prefix(NORTH_AMERICA).unwrap_or(digits);
    if is_n11(national) {
        found.push((Code::ServiceNumber, "n11".to_owned()));
    } else if !international && digits.len() <= SHORT_DIGITS_MAX {
        found.push((Code::ServiceNumber, "short".to_owned()));
    }
    if !international {
        return found;
    }
    if let Some(prefix) = north_american_service(digits) {
        found.push((Code::ServiceNumber, format!("+1 {prefix}")));
    }
    found.extend(TABLE.priced(digits));
    found
}

/// 211, 311 and so on to 911.
fn is_n11(digits: &str) -> bool {
    digits.len() == 3 && digits.ends_with("11") && !digits.starts_with(['0', '1'])
}

/// No area code and no exchange of the North American plan is an N11; a carrier that dials one reaches the service.
fn north_american_service(digits: &str) -> Option<&str> {
    let national = digits.strip_prefix(NORTH_AMERICA)?;
    if digits.len() != NORTH_AMERICAN_DIGITS {
        return None;
    }
    [national.get(..3), national.get(3..6)]
        .into_iter()
        .flatten()
        .find(|part| is_n11(part))
}

#[derive(Debug, Default)]
struct Table {
    /// By prefix, from the country code on.
    prefixes: BTreeMap<&'static str, Code>,
    /// Country codes with area codes of three digits, and an exchange behind any of them.
    exchanges: Vec<(&'static str, &'static str)>,
    /// By country code.
    emergency: BTreeMap<&'static str, Vec<&'static str>>,
    longest: usize,
}

impl Table {
    fn is_emergency(&self, digits: &str, international: bool) -> bool {
        if digits.len() <= SHORT_DIGITS_MAX
            && self
                .emergency
                .values()
                .flatten()
                .any(|code| *code == digits)
        {
            return true;
        }
        let split = |(cc, codes): (&&str, &Vec<&str>)| {
            let rest = digits.strip_prefix(cc);
            rest.is_some_and(|rest| codes.contains(&rest))
        };
        international && self.emergency.iter().any(split)
    }

    /// Numbers that cost the caller more than a call.
    fn priced(&self, digits: &str) -> Option<(Code, String)> {
        let longest = digits.len().min(self.longest);
        let found = (1..=longest).rev().find_map(|length| {
            let prefix = digits.get(..length)?;
            Some((*self.prefixes.get(prefix)?, format!("+{prefix}")))
        });
        found.or_else(|| {
            let (cc, exchange) = self.exchanges.iter().find(|(cc, exchange)| {
                let national = digits.strip_prefix(cc);
                national
                    .and_then(|n| n.get(3..))
                    .is_some_and(|n| n.starts_with(exchange))
            })?;
            Some((Code::PremiumNumber, format!("+{cc} any {exchange}")))
        })
    }

    fn parse(text: &'static str) -> Result<Self, String> {
        let mut table = Self::default();
        let mut kind = None;
        for (index, line) in text.lines().enumerate() {
            let words: Vec<&'static str> = line.split_whitespace().collect();
            let read = match words.as_slice() {
                _ if line.starts_with('#') => Some(()),
                prefixes if line.starts_with(' ') => table.add(kind, prefixes),
                ["premium"] => kind
                    .replace(Code::PremiumNumber)
                    .map_or(Some(()), |_| Some(())),
                ["shared_cost"] => kind.replace(Code::SharedCostNumber).map(|_| ()),
                ["satellite"] => kind.replace(Code::SatelliteNumber).map(|_| ()),
                ["exchange", cc, digits] => {
                    table.exchanges.push((cc, digits));
                    Some(())
                }
                ["emergency", cc, codes] => {
                    let codes = codes.split(',').collect();
                    table.emergency.insert(cc, codes).map_or(Some(()), |_| None)
                }
                _ => None,
            };
            read.ok_or_else(|| format!("line {}: not understood", index + 1))?;
        }
        Ok(table)
    }

    fn add(&mut self, kind: Option<Code>, prefixes: &[&'static str]) -> Option<()> {
        for prefix in prefixes {
            if !prefix.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            self.longest = self.longest.max(prefix.len());
            if self.prefixes.insert(prefix, kind?).is_some() {
                return None;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Code::{EmergencyNumber, PremiumNumber, SatelliteNumber, ServiceNumber, SharedCostNumber};

    fn codes(text: &str) -> Vec<Code> {
        refused(text).into_iter().map(|(code, _)| code).collect()
    }

    #[test]
    fn help_and_services_are_never_dialled() {
        let cases: &[(&str, &[Code])] = &[
            ("112", &[EmergencyNumber, ServiceNumber]),
            ("911", &[EmergencyNumber, ServiceNumber]),
            ("999", &[EmergencyNumber, ServiceNumber]),
            ("000", &[EmergencyNumber, ServiceNumber]),
            ("110", &[EmergencyNumber, ServiceNumber]),
            ("+112", &[EmergencyNumber]),
            ("+911", &[EmergencyNumber, ServiceNumber]),
            ("+1911", &[EmergencyNumber, ServiceNumber]),
            ("1911", &[ServiceNumber]),
            ("+49110", &[EmergencyNumber]),
            ("+44999", &[EmergencyNumber, PremiumNumber]),
            ("+3315", &[EmergencyNumber]),
            ("411", &[ServiceNumber]),
            ("+1411", &[ServiceNumber]),
            ("811", &[ServiceNumber]),
            ("988", &[ServiceNumber]),
            ("72345", &[ServiceNumber]),
            ("+19115550100", &[ServiceNumber]),
            ("+12124115550", &[ServiceNumber]),
            ("", &[]),
            ("+", &[]),
            ("nobody", &[]),
            ("9-1-1", &[]),
        ];
        for (text, want) in cases {
            assert_eq!(codes(text), want.to_vec(), "{text}");
        }
    }

    #[test]
    fn what_costs_more_than_a_call_is_known_by_its_digits() {
        let cases: &[(&str, &[Code])] = &[
            ("+19005550100", &[PremiumNumber]),
            ("+12129765550", &[PremiumNumber]),
            ("+12125559760", &[]),
            // A country of its own, charged as abroad, and not a premium line.
            ("+18095550100", &[]),
            ("+18765550100", &[]),
            ("+18005550100", &[]),
            ("+12125550100", &[]),
            ("+449012345678", &[PremiumNumber]),
            ("+448712345678", &[PremiumNumber]),
            ("+448432345678", &[PremiumNumber]),
            ("+448001111111", &[]),
            ("+442079460000", &[]),
            ("+447700900000", &[]),
            ("+499001234567", &[PremiumNumber]),
            ("+491805123456", &[SharedCostNumber]),
            ("+4930123456", &[]),
            ("+4915112345678", &[]),
            ("+33899123456", &[PremiumNumber]),
            ("+33142685300", &[]),
            ("+870773123456", &[SatelliteNumber]),
            ("+881612345678", &[SatelliteNumber]),
            ("+88213123456", &[SatelliteNumber]),
            ("+97912345678", &[PremiumNumber]),
            ("+80812345678", &[SharedCostNumber]),
            ("+80012345678", &[]),
        ];
        for (text, want) in cases {
            assert_eq!(codes(text), want.to_vec(), "{text}");
        }
    }

    #[test]
    fn a_table_that_is_not_whole_is_refused() {
        assert!(TABLE.prefixes.len() > 500);
        assert!(TABLE.emergency.len() > 150);
        for (text, line) in [
            (" 49\n", 1),
            ("premium\n 49 49\n", 2),
            ("premium\n 4x\n", 2),
            ("dear\n", 1),
            ("exchange 1\n", 1),
            ("emergency 1 911\nemergency 1 112\n", 2),
        ] {
            let problem = Table::parse(text).unwrap_err();
            assert!(
                problem.contains(&format!("line {line}:")),
                "{text:?}: {problem}"
            );
        }
    }
}
