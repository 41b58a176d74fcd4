//! What a call used of whom, and what that cost.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::store::usage::UsageLine;

/// So much of something of somebody.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Used {
    /// For which part of the call: `carrier`, `recogniser`, `model`, `voice`, `knowledge` or `after`. Further words may come.
    #[schema(example = "recogniser")]
    stage: String,
    /// Of whom; `embedded` is what is built in.
    #[schema(example = "deepgram")]
    vendor: String,
    /// What is counted: `carrier_ms`, `audio_ms`, `characters`, `tokens_in`, `tokens_cached` or `tokens_out`; for sound
    /// `audio_tokens_in`, `audio_tokens_cached` or `audio_tokens_out`. Further words may come.
    #[schema(example = "audio_ms")]
    unit: String,
    #[schema(example = 63_200)]
    quantity: i64,
    /// What it cost, in millionths of the currency; null where the operator has no price for it.
    #[schema(example = 4_530)]
    cost_micros: Option<i64>,
    #[schema(example = "EUR")]
    currency: Option<String>,
}

/// What a call used and cost, by the prices of its day.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CallCost {
    /// All of it, in millionths of the currency; null where something has no price, or nothing was metered.
    #[schema(example = 21_400)]
    total_micros: Option<i64>,
    #[schema(example = "EUR")]
    currency: Option<String>,
    used: Vec<Used>,
}

impl CallCost {
    /// Of the lines of a call.
    pub(super) fn of(lines: Vec<UsageLine>) -> Self {
        let mut sums: BTreeMap<Option<String>, i64> = BTreeMap::new();
        let mut used: Vec<Used> = Vec::with_capacity(lines.len());
        for line in lines {
            let sum = sums.entry(line.currency.clone()).or_default();
            *sum = sum.saturating_add(line.cost_micros.unwrap_or(0));
            let same = |one: &&mut Used| {
                one.stage == line.stage
                    && one.vendor == line.vendor
                    && one.unit == line.unit
                    && one.currency == line.currency
            };
            if let Some(one) = used.iter_mut().find(same) {
                one.quantity = one.quantity.saturating_add(line.quantity);
                let sum = one.cost_micros.zip(line.cost_micros);
                one.cost_micros = sum.map(|(one, more)| one.saturating_add(more));
                continue;
            }
            used.push(Used {
                stage: line.stage,
                vendor: line.vendor,
                unit: line.unit,
                quantity: line.quantity,
                cost_micros: line.cost_micros,
                currency: line.currency,
            });
        }
        // Sums of several currencies are no sum, and what has none has no price.
        let mut sums = sums.into_iter();
        let total = match (sums.next(), sums.next()) {
            (Some((Some(currency), micros)), None) => Some((currency, micros)),
            _ => None,
        };
        let (currency, total_micros) = total.unzip();
        Self {
            total_micros,
            currency,
            used,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(unit: &str, at: u64, quantity: i64, cost: Option<(i64, &str)>) -> UsageLine {
        UsageLine {
            stage: "after".into(),
            vendor: "acme".into(),
            unit: unit.into(),
            at,
            quantity,
            cost_micros: cost.map(|(micros, _)| micros),
            currency: cost.map(|(_, currency)| currency.to_owned()),
        }
    }

    #[test]
    fn a_total_is_of_all_or_not_told() {
        let eur = |micros| Some((micros, "EUR"));
        let whole = CallCost::of(vec![
            line("tokens_in", 0, 5, eur(7)),
            line("tokens_in", 64, 5, eur(8)),
        ]);
        assert_eq!(
            (whole.total_micros, whole.currency.as_deref()),
            (Some(15), Some("EUR"))
        );
        assert_eq!(
            (
                whole.used.len(),
                whole.used[0].quantity,
                whole.used[0].cost_micros
            ),
            (1, 10, Some(15))
        );
        let part = CallCost::of(vec![
            line("tokens_in", 0, 5, eur(7)),
            line("tokens_out", 1, 5, None),
        ]);
        assert_eq!((part.total_micros, part.used.len()), (None, 2));
        let mixed = CallCost::of(vec![
            line("tokens_in", 0, 5, eur(7)),
            line("tokens_in", 1, 5, Some((7, "USD"))),
        ]);
        assert_eq!((mixed.total_micros, mixed.used.len()), (None, 2));
        assert_eq!(CallCost::of(Vec::new()).total_micros, None);
    }
}
