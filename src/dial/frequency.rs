//! How often a client calls one number.

use trunkline_core::policy::{Cap, HoursPack};

use crate::store::dialling::Frequency;

const HOUR_MS: i64 = 3_600_000;
/// The name of a client's caps.
const CLIENT: &str = "client";

/// A client's caps: what it said, or the default of the rules.
pub fn caps(own: Option<Frequency>, pack: &HoursPack) -> Vec<Cap> {
    let Some(own) = own else {
        return pack.frequency().to_vec();
    };
    let cap = |calls_max: i64, within_ms| Cap {
        rule: CLIENT.to_owned(),
        calls_max: u32::try_from(calls_max).unwrap_or(1).max(1),
        within_ms,
    };
    let mut caps = vec![
        cap(own.calls_24h_max, 24 * HOUR_MS),
        cap(own.calls_7d_max, 7 * 24 * HOUR_MS),
    ];
    if own.gap_s > 0 {
        caps.push(cap(1, own.gap_s.saturating_mul(1_000)));
    }
    caps
}

/// The caps of the rules, as a client says its own.
pub fn default_of(pack: &HoursPack) -> Frequency {
    let least = |within_ms| {
        let caps = pack.frequency().iter();
        let most = caps
            .filter(|cap| cap.within_ms == within_ms)
            .map(|cap| cap.calls_max);
        most.min().map_or(1, i64::from)
    };
    let gap = pack.frequency().iter().filter(|cap| cap.calls_max == 1);
    Frequency {
        calls_24h_max: least(24 * HOUR_MS),
        calls_7d_max: least(7 * 24 * HOUR_MS),
        gap_s: gap.map(|cap| cap.within_ms / 1_000).max().unwrap_or(0),
    }
}
