//! What a call uses of whom, counted while it lives, and written down with what it cost once it is over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trunkline_core::call::Provider;
use trunkline_core::cost::{Line, Prices, SpokenTokens, Stage, Tokens, Unit, Units};

use crate::ids::ClientId;
use crate::store::usage::UsageLine;
use crate::store::{Store, StoreError};

/// Samples of a millisecond.
const SAMPLES_PER_MS: u64 = trunkline_media::SAMPLES_PER_MS;

/// What one call has used so far. A clone counts for the same call; nothing waits for long.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<Units>>);

impl Meter {
    /// Milliseconds of sound that a recogniser was given.
    pub fn heard(&self, by: &Provider, ms: u64) {
        self.add(Stage::Recogniser, by, Unit::AudioMs, ms);
    }

    /// A text that a voice was given.
    pub fn voiced(&self, by: &Provider, text: &str) {
        let characters = text.chars().count() as u64;
        self.add(Stage::Voice, by, Unit::Characters, characters);
    }

    /// Tokens that a model says an answer took.
    pub fn thought(&self, by: &Provider, tokens: Tokens) {
        self.lock()
            .add_tokens(Stage::Model, by.vendor, &by.model, tokens);
    }

    /// Tokens that a model which hears and speaks says an answer took.
    pub fn spoke(&self, by: &Provider, tokens: SpokenTokens) {
        self.lock()
            .add_spoken(Stage::Model, by.vendor, &by.model, tokens);
    }

    /// Tokens that were read to look something up.
    pub fn looked_up(&self, by: &Provider, tokens: Tokens) {
        self.lock()
            .add_tokens(Stage::Knowledge, by.vendor, &by.model, tokens);
    }

    /// Milliseconds on a carrier's line.
    pub fn carried(&self, carrier: &'static str, ms: u64) {
        self.add(Stage::Carrier, &Provider::of(carrier), Unit::CarrierMs, ms);
    }

    /// What was used so far.
    #[must_use]
    pub fn units(&self) -> Units {
        self.lock().clone()
    }

    fn add(&self, stage: Stage, by: &Provider, unit: Unit, quantity: u64) {
        let line = Line {
            stage,
            vendor: by.vendor.to_owned(),
            model: by.model.to_string(),
            unit,
        };
        self.lock().add(line, quantity);
    }

    fn lock(&self) -> MutexGuard<'_, Units> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sound that one recogniser after the other is given, told to the meter when another one is, and at the end: with every
/// frame only a number grows.
pub struct Given {
    meter: Meter,
    by: Provider,
    samples: u64,
}

impl Given {
    /// To this one first.
    #[must_use]
    pub fn to(by: Provider, meter: Meter) -> Self {
        Self {
            meter,
            by,
            samples: 0,
        }
    }

    /// So many samples more.
    pub fn add(&mut self, samples: usize) {
        self.samples += samples as u64;
    }

    /// From now on to another one.
    pub fn goes_to(&mut self, by: Provider) {
        self.tell();
        self.by = by;
    }

    fn tell(&mut self) {
        let samples = std::mem::take(&mut self.samples);
        self.meter.heard(&self.by, samples / SAMPLES_PER_MS);
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        self.tell();
    }
}

/// Writes down what was used for a call, numbered from `first` on, and what it cost by the prices of `at_ms` (ms since 1970).
/// Names of models, which are a client's choice, are not among it.
///
/// # Errors
/// [`StoreError`]; nothing is written.
pub async fn write(
    store: &Store,
    client: &ClientId,
    call_id: &str,
    units: &Units,
    prices: &Prices,
    at_ms: i64,
    first: u64,
) -> Result<(), StoreError> {
    let lines = units.lines().zip(first..).map(|((line, quantity), at)| {
        let cost_micros = prices.cost(line, quantity, at_ms);
        UsageLine {
            stage: line.stage.as_str().to_owned(),
            vendor: line.vendor.clone(),
            unit: line.unit.as_str().to_owned(),
            at,
            quantity: i64::try_from(quantity).unwrap_or(i64::MAX),
            currency: cost_micros.map(|_| prices.currency.clone()),
            cost_micros,
        }
    });
    let lines: Vec<UsageLine> = lines.collect();
    store.usage().add(client, call_id, &lines, at_ms).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_counts_for_who_was_given_it() {
        let meter = Meter::default();
        let mut given = Given::to(Provider::of("deepgram"), meter.clone());
        for _ in 0..100 {
            given.add(160);
        }
        given.goes_to(Provider::of("embedded"));
        given.add(8_000);
        drop(given);
        meter.voiced(&Provider::of("cartesia"), "Grüße");
        meter.carried("twilio", 3_000);
        let units = meter.units();
        let lines: Vec<_> = units
            .lines()
            .map(|(line, quantity)| {
                (
                    line.stage.as_str(),
                    line.vendor.as_str(),
                    line.unit.as_str(),
                    quantity,
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                ("carrier", "twilio", "carrier_ms", 3_000),
                ("recogniser", "deepgram", "audio_ms", 2_000),
                ("recogniser", "embedded", "audio_ms", 1_000),
                ("voice", "cartesia", "characters", 5),
            ]
        );
    }
}
