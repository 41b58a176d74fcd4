//! What the operator pays his providers: data of his own, of which nothing is known here.

use chrono::NaiveDate;
use serde::Deserialize;
use trunkline_core::cost::{Prices, Rate, Unit};

use super::ConfigError;

/// Most rates.
const RATES_MAX: usize = 1_000;

/// What providers cost. Without a rate for something, its cost is not known.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PricesConfig {
    /// The currency of all rates, as `EUR`.
    pub currency: Option<String>,
    /// The rates.
    pub rates: Vec<RateConfig>,
}

/// What something of somebody costs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateConfig {
    /// The vendor, as `deepgram`, or a carrier, as `twilio`.
    pub vendor: String,
    /// The vendor's name for the model; any that has no rate of its own if absent.
    pub model: Option<String>,
    /// `carrier_ms`, `audio_ms`, `characters`, `tokens_in`, `tokens_cached`, `tokens_out`, or the last three with `audio_`
    /// before them.
    pub unit: Unit,
    /// For so many units: 60000 for a minute, 1000000 for a million tokens.
    pub per: u64,
    /// So many millionths of the currency.
    pub micros: u64,
    /// For calls from this day on (UTC), as `2026-01-01`; always if absent.
    pub from: Option<String>,
}

impl PricesConfig {
    /// The prices, checked.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn prices(&self) -> Result<Prices, ConfigError> {
        let wrong = |problem: String| ConfigError::Value {
            key: "prices",
            problem,
        };
        if self.rates.is_empty() {
            return Ok(Prices::default());
        }
        let currency = self.currency.clone().unwrap_or_default();
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(wrong(
                "set prices.currency to a currency's three letters, as EUR".into(),
            ));
        }
        if self.rates.len() > RATES_MAX {
            return Err(wrong(format!("there are more than {RATES_MAX} rates")));
        }
        let rates = self.rates.iter().enumerate().map(|(at, rate)| {
            let problem = |what: &str| wrong(format!("rate {}: {what}", at + 1));
            if rate.per == 0 {
                return Err(problem(
                    "`per` must be at least 1: 60000 for a minute of ms",
                ));
            }
            let from = match &rate.from {
                None => i64::MIN,
                Some(day) => {
                    let day = day.parse::<NaiveDate>();
                    let day = day.map_err(|_| problem("`from` must be a day, as 2026-01-01"))?;
                    day.and_time(chrono::NaiveTime::MIN)
                        .and_utc()
                        .timestamp_millis()
                }
            };
            Ok(Rate {
                vendor: rate.vendor.clone(),
                model: rate.model.clone(),
                unit: rate.unit,
                per: rate.per,
                micros: rate.micros,
                from_ms: from,
            })
        });
        Ok(Prices {
            currency,
            rates: rates.collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(text: &str) -> Result<Prices, String> {
        let config: PricesConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        config.prices().map_err(|error| error.to_string())
    }

    #[test]
    fn rates_are_read_and_dated() {
        let text = "currency = \"EUR\"\n[[rates]]\nvendor = \"deepgram\"\nunit = \"audio_ms\"\nper = 60000\nmicros = 4300\n\
                    from = \"2026-01-01\"\n";
        let read = prices(text).unwrap();
        assert_eq!(read.currency, "EUR");
        assert_eq!(
            (read.rates[0].per, read.rates[0].from_ms),
            (60_000, 1_767_225_600_000)
        );
        assert_eq!(prices("").unwrap(), Prices::default());
        for (wrong, told) in [
            (text.replace("EUR", "euro"), "prices.currency"),
            (text.replace("60000", "0"), "rate 1: `per`"),
            (text.replace("2026-01-01", "January"), "rate 1: `from`"),
            (text.replace("audio_ms", "minutes"), "audio_ms"),
            (text.replace("4300", "-1"), "u64"),
        ] {
            let error = prices(&wrong).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
