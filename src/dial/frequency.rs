//! How often a client calls one number.

use trunkline_core::policy::{Cap, Counted, HoursPack};

use crate::store::dialling::Frequency;

const HOUR_MS: i64 = 3_600_000;
/// The names of the caps that are no law's.
const CLIENT: &str = "client";
const DEFAULT: &str = "default";

/// The caps that hold beside the law's: what the client said, or the default of the rules. Its gap is not kept to the call in
/// which somebody asked to be called.
pub fn caps(own: Option<Frequency>, pack: &HoursPack) -> Vec<Cap> {
    let (rule, frequency) = match own {
        Some(own) => (CLIENT, own),
        None => (DEFAULT, default_of(pack)),
    };
    let cap = |calls_max: i64, within_ms| Cap {
        rule: rule.to_owned(),
        calls_max: u32::try_from(calls_max).unwrap_or(1).max(1),
        within_ms,
        counts: Counted::Calls,
        spares_asked: false,
    };
    let mut caps = vec![
        cap(frequency.calls_24h_max, 24 * HOUR_MS),
        cap(frequency.calls_7d_max, 7 * 24 * HOUR_MS),
    ];
    if frequency.gap_s > 0 {
        caps.push(Cap {
            spares_asked: true,
            ..cap(1, frequency.gap_s.saturating_mul(1_000))
        });
    }
    caps
}

/// The default of the rules, as a client says its own.
pub fn default_of(pack: &HoursPack) -> Frequency {
    let default = pack.frequency();
    Frequency {
        calls_24h_max: default.calls_24h_max.into(),
        calls_7d_max: default.calls_7d_max.into(),
        gap_s: default.gap_ms / 1_000,
    }
}
