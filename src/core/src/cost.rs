//! What a call used of whom, and what that cost by an operator's prices. Units are whole numbers, money is millionths of a
//! currency; what has no price has no cost, rather than none to pay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Most different lines of one call; further ones are not counted.
pub const LINES_MAX: usize = 64;

/// Which part of a call used something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The carrier.
    Carrier,
    /// Hearing.
    Recogniser,
    /// Thinking.
    Model,
    /// Speaking.
    Voice,
    /// Looking up what the agent knows.
    Knowledge,
    /// What was found out after the call.
    After,
}

impl Stage {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Carrier => "carrier",
            Self::Recogniser => "recogniser",
            Self::Model => "model",
            Self::Voice => "voice",
            Self::Knowledge => "knowledge",
            Self::After => "after",
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Milliseconds on the line.
    CarrierMs,
    /// Milliseconds of sound given to a recogniser.
    AudioMs,
    /// Characters given to a voice.
    Characters,
    /// Tokens read, but for those of `tokens_cached`.
    TokensIn,
    /// Tokens read that the provider had read before.
    TokensCached,
    /// Tokens written.
    TokensOut,
    /// Tokens of sound read, but for those of `audio_tokens_cached`.
    AudioTokensIn,
    /// Tokens of sound read that the provider had read before.
    AudioTokensCached,
    /// Tokens of sound made.
    AudioTokensOut,
}

impl Unit {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CarrierMs => "carrier_ms",
            Self::AudioMs => "audio_ms",
            Self::Characters => "characters",
            Self::TokensIn => "tokens_in",
            Self::TokensCached => "tokens_cached",
            Self::TokensOut => "tokens_out",
            Self::AudioTokensIn => "audio_tokens_in",
            Self::AudioTokensCached => "audio_tokens_cached",
            Self::AudioTokensOut => "audio_tokens_out",
        }
    }
}

/// Whose what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// For which part of the call.
    pub stage: Stage,
    /// Of whom: a vendor, or `embedded`.
    pub vendor: String,
    /// The vendor's name for the model; empty for its usual one.
    pub model: String,
    /// What is counted.
    pub unit: Unit,
}

/// Tokens that a model says an answer took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Read, all of them.
    pub read: u64,
    /// Of these, those that it had read before.
    pub cached: u64,
    /// Written.
    pub written: u64,
}

/// Tokens of an answer by a model that hears and speaks, which are priced apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpokenTokens {
    /// Of words, instructions and tools.
    pub text: Tokens,
    /// Of sound.
    pub audio: Tokens,
}

/// What a call has used so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Units(BTreeMap<Line, u64>);

impl Units {
    /// Nothing was used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So much more of something. Nothing of anything leaves no line.
    pub fn add(&mut self, line: Line, quantity: u64) {
        if quantity == 0 {
            return;
        }
        if let Some(sum) = self.0.get_mut(&line) {
            *sum = sum.saturating_add(quantity);
        } else if self.0.len() < LINES_MAX {
            self.0.insert(line, quantity);
        }
    }

    /// Tokens of an answer, for a part of the call.
    pub fn add_tokens(&mut self, stage: Stage, vendor: &str, model: &str, tokens: Tokens) {
        let units = [Unit::TokensIn, Unit::TokensCached, Unit::TokensOut];
        self.add_tokens_as(units, stage, vendor, model, tokens);
    }

    /// Tokens of an answer by a model that hears and speaks.
    pub fn add_spoken(&mut self, stage: Stage, vendor: &str, model: &str, tokens: SpokenTokens) {
        self.add_tokens(stage, vendor, model, tokens.text);
        let units = [
            Unit::AudioTokensIn,
            Unit::AudioTokensCached,
            Unit::AudioTokensOut,
        ];
        self.add_tokens_as(units, stage, vendor, model, tokens.audio);
    }

    fn add_tokens_as(
        &mut self,
        [read, again, written]: [Unit; 3],
        stage: Stage,
        vendor: &str,
        model: &str,
        tokens: Tokens,
    ) {
        let cached = tokens.cached.min(tokens.read);
        for (unit, quantity) in [
            (read, tokens.read - cached),
            (again, cached),
            (written, tokens.written),
        ] {
            let line = Line {
                stage,
                vendor: vendor.to_owned(),
                model: model.to_owned(),
                unit,
            };
            self.add(line, quantity);
        }
    }

    /// Every line with its quantity, in order.
    pub fn lines(&self) -> impl Iterator<Item = (&Line, u64)> {
        self.0.iter().map(|(line, quantity)| (line, *quantity))
    }
}

/// What an operator pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Whom.
    pub vendor: String,
    /// For which model; for any that has no rate of its own if `None`.
    pub model: Option<String>,
    /// For what.
    pub unit: Unit,
    /// For so many units …
    pub per: u64,
    /// … so many millionths of the currency.
    pub micros: u64,
    /// For calls from this moment on, ms since 1970.
    pub from_ms: i64,
}

/// What an operator pays whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// The currency of all of it, as `EUR`.
    pub currency: String,
    /// The rates.
    pub rates: Vec<Rate>,
}

impl Prices {
    /// What so much cost at a time (ms since 1970), in millionths of the currency, rounded to the nearest; `None` where there
    /// is no price for it.
    #[must_use]
    pub fn cost(&self, line: &Line, quantity: u64, at_ms: i64) -> Option<i64> {
        let rate = self.rate(line, at_ms)?;
        let per = u128::from(rate.per.max(1));
        let exact = u128::from(quantity) * u128::from(rate.micros);
        i64::try_from((exact + per / 2) / per).ok()
    }

    /// The rate that holds: one for the very model before one for any, and of these the latest.
    fn rate(&self, line: &Line, at_ms: i64) -> Option<&Rate> {
        let fits = |rate: &&Rate| {
            rate.vendor == line.vendor
                && rate.unit == line.unit
                && rate.from_ms <= at_ms
                && rate.model.as_ref().is_none_or(|model| *model == line.model)
        };
        let holding = self.rates.iter().filter(fits);
        holding.max_by_key(|rate| (rate.model.is_some(), rate.from_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(vendor: &str, model: &str, unit: Unit) -> Line {
        Line {
            stage: Stage::Model,
            vendor: vendor.into(),
            model: model.into(),
            unit,
        }
    }

    fn rate(model: Option<&str>, micros: u64, from_ms: i64) -> Rate {
        Rate {
            vendor: "acme".into(),
            model: model.map(str::to_owned),
            unit: Unit::TokensIn,
            per: 1_000_000,
            micros,
            from_ms,
        }
    }

    #[test]
    fn the_price_that_holds_is_the_most_particular_and_then_the_latest() {
        let prices = Prices {
            currency: "EUR".into(),
            rates: vec![
                rate(None, 1_000_000, 0),
                rate(None, 2_000_000, 100),
                rate(Some("large"), 9_000_000, 0),
                rate(Some("large"), 5_000_000, 200),
            ],
        };
        for (model, at_ms, want) in [
            ("small", 0, Some(1_000_000)),
            ("small", 99, Some(1_000_000)),
            ("small", 100, Some(2_000_000)),
            ("large", 150, Some(9_000_000)),
            ("large", 200, Some(5_000_000)),
            ("small", -1, None),
        ] {
            let line = line("acme", model, Unit::TokensIn);
            assert_eq!(
                prices.cost(&line, 1_000_000, at_ms),
                want,
                "{model} {at_ms}"
            );
        }
        assert_eq!(
            prices.cost(&line("other", "large", Unit::TokensIn), 1, 500),
            None
        );
        assert_eq!(
            prices.cost(&line("acme", "large", Unit::TokensOut), 1, 500),
            None
        );
        assert_eq!(
            Prices::default().cost(&line("acme", "", Unit::TokensIn), 1, 0),
            None
        );
    }

    #[test]
    fn money_is_whole_and_rounded_to_the_nearest() {
        let mut minutes = Prices {
            currency: "EUR".into(),
            rates: vec![Rate {
                vendor: "acme".into(),
                model: None,
                unit: Unit::AudioMs,
                per: 60_000,
                micros: 4_300,
                from_ms: 0,
            }],
        };
        let audio = line("acme", "", Unit::AudioMs);
        for (ms, micros) in [
            (0, 0),
            (60_000, 4_300),
            (90_000, 6_450),
            (6, 0),
            (7, 1),
            (u64::MAX, 1_322_016_658_615_851_199),
        ] {
            assert_eq!(minutes.cost(&audio, ms, 0), Some(micros), "{ms}");
        }
        // More than money can be has no cost that can be told.
        minutes.rates[0].per = 1;
        assert_eq!(minutes.cost(&audio, u64::MAX, 0), None);
    }

    #[test]
    fn units_add_up_and_are_bounded() {
        let mut units = Units::default();
        let tokens = Tokens {
            read: 100,
            cached: 40,
            written: 7,
        };
        units.add_tokens(Stage::Model, "acme", "large", tokens);
        units.add_tokens(Stage::Model, "acme", "large", tokens);
        units.add_tokens(Stage::After, "acme", "large", Tokens::default());
        let lines: Vec<_> = units
            .lines()
            .map(|(line, quantity)| (line.unit, quantity))
            .collect();
        assert_eq!(
            lines,
            [
                (Unit::TokensIn, 120),
                (Unit::TokensCached, 80),
                (Unit::TokensOut, 14)
            ]
        );
        for n in 0..LINES_MAX * 2 {
            units.add(line("acme", &n.to_string(), Unit::Characters), 1);
        }
        assert_eq!(units.lines().count(), LINES_MAX);
        assert!(Units::default().is_empty() && !units.is_empty());
    }
}
