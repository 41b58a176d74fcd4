//! What calls cost a client by day and by month, and what it lets itself spend.

use trunkline_core::event::EventKind;
use trunkline_core::spend::{NEARING_PERCENT, Period, Spent};

use super::outbox::{Told, data, tell};
use super::sql::{Columns, Tx, args, statements};
use super::standing::Asks;
use super::{Store, StoreError};
use crate::ids::ClientId;

statements! {
    CAPS = "SELECT currency, day_max, month_max FROM spend_caps WHERE client_id = $1";
    SET_CAPS = "INSERT INTO spend_caps (client_id, currency, day_max, month_max, updated_ms) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (client_id) DO UPDATE SET currency = excluded.currency, day_max = excluded.day_max,
            month_max = excluded.month_max, updated_ms = excluded.updated_ms";
    NO_CAPS = "DELETE FROM spend_caps WHERE client_id = $1";
    ADD = "INSERT INTO spending (client_id, period, currency, micros, calls) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (client_id, period, currency) DO UPDATE SET micros = spending.micros + excluded.micros,
            calls = spending.calls + excluded.calls
        RETURNING micros";
    FIND = "SELECT micros, calls FROM spending WHERE client_id = $1 AND period = $2 AND currency = $3";
}

/// What a client lets itself spend, in millionths of a currency; `None` is no cap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caps {
    /// The currency, as `EUR`.
    pub currency: String,
    /// In a day, UTC.
    pub day_max: Option<i64>,
    /// In a month, UTC.
    pub month_max: Option<i64>,
}

impl Caps {
    /// That of a period.
    #[must_use]
    pub fn of(&self, period: Period) -> Option<i64> {
        match period {
            Period::Day => self.day_max,
            Period::Month => self.month_max,
        }
    }
}

/// What calls of a period have cost, in millionths of the currency, and how many they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Millionths of the currency.
    pub micros: i64,
    /// Calls.
    pub calls: i64,
}

fn read(mut row: Columns) -> Result<Caps, StoreError> {
    Ok(Caps {
        currency: row.text()?,
        day_max: row.int_opt()?,
        month_max: row.int_opt()?,
    })
}

/// The tables of what is and may be spent.
pub struct Spending<'a>(pub(super) &'a Store);

impl Spending<'_> {
    /// What the client lets itself spend; `None` if it never said.
    pub async fn caps(&self, client: &ClientId) -> Result<Option<Caps>, StoreError> {
        let row = self.0.one(CAPS, args![client]).await?;
        row.map(read).transpose()
    }

    /// Replaces it; none takes it away.
    pub async fn set_caps(
        &self,
        client: &ClientId,
        caps: Option<&Caps>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let set = match caps {
            None => self.0.run(NO_CAPS, args![client]).await,
            Some(caps) => {
                let args = args![client, &caps.currency, caps.day_max, caps.month_max, now_ms];
                self.0.run(SET_CAPS, args).await
            }
        };
        set.map(|_| ())
    }

    /// What calls of the period in which a moment lies have cost.
    pub async fn cost(
        &self,
        client: &ClientId,
        period: Period,
        currency: &str,
        at_ms: i64,
    ) -> Result<Cost, StoreError> {
        let mut store = self.0;
        cost(&mut store, client, period, currency, at_ms).await
    }

    /// What is known of the periods for which there are caps.
    pub async fn spent(
        &self,
        client: &ClientId,
        caps: &Caps,
        at_ms: i64,
    ) -> Result<Vec<Spent>, StoreError> {
        let mut store = self.0;
        spent(&mut store, client, caps, at_ms).await
    }
}

async fn cost(
    ask: &mut impl Asks,
    client: &ClientId,
    period: Period,
    currency: &str,
    at_ms: i64,
) -> Result<Cost, StoreError> {
    let args = args![client, &period.of(at_ms), currency];
    let Some(mut row) = ask.ask(FIND, args).await? else {
        return Ok(Cost::default());
    };
    Ok(Cost {
        micros: row.int()?,
        calls: row.int()?,
    })
}

/// What is known of the periods for which there are caps, in whichever way it is asked.
pub(super) async fn spent(
    ask: &mut impl Asks,
    client: &ClientId,
    caps: &Caps,
    at_ms: i64,
) -> Result<Vec<Spent>, StoreError> {
    let mut spent = Vec::new();
    for period in Period::ALL {
        let Some(max_micros) = caps.of(period) else {
            continue;
        };
        let Cost { micros, calls } = cost(ask, client, period, &caps.currency, at_ms).await?;
        spent.push(Spent {
            period,
            max_micros,
            micros,
            calls,
        });
    }
    Ok(spent)
}

/// Calls cost so much more, in the transaction that writes down what they used. The client is told once for each period in which
/// it comes near its cap, and reaches it.
pub(super) async fn add(
    tx: &mut Tx,
    client: &ClientId,
    currency: &str,
    more: Cost,
    at_ms: i64,
) -> Result<(), StoreError> {
    let caps = tx.one(CAPS, args![client]).await?.map(read).transpose()?;
    let caps = caps.filter(|caps| caps.currency == currency);
    for period in Period::ALL {
        let name = period.of(at_ms);
        let add = args![client, &name, currency, more.micros, more.calls];
        let Some(mut row) = tx.one(ADD, add).await? else {
            continue;
        };
        let micros = row.int()?;
        let Some(max) = caps.as_ref().and_then(|caps| caps.of(period)) else {
            continue;
        };
        let nearing = i64::try_from(i128::from(max) * i128::from(NEARING_PERCENT) / 100);
        for (kind, mark) in [
            (EventKind::SpendNearingCap, nearing.unwrap_or(max)),
            (EventKind::SpendCapReached, max),
        ] {
            if micros < mark {
                continue;
            }
            let data = data! {
                "period": period.name(), "of": name.as_str(), "currency": currency,
                "spent_micros": micros, "cap_micros": max,
            };
            let told = Told {
                once: &name,
                ..Told::once(kind, client.as_str(), data)
            };
            tell(tx, client.as_str(), told).await?;
        }
    }
    Ok(())
}
