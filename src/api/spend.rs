//! What the client spends on calls, and lets itself spend.

use serde::{Deserialize, Serialize};
use trunkline_core::spend::Period;
use utoipa::ToSchema;

use super::auth::Caller;
use super::problem::Problem;
use super::refuse::stored;
use crate::app::App;
use crate::store::spending::Caps;

/// What the client lets itself spend on calls, in millionths of the currency of the operator's prices. Days and months are of UTC.
/// What calls that go on may still cost counts with it.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SpendCaps {
    /// In a day; any amount if absent.
    #[schema(minimum = 0, example = 50_000_000)]
    per_day_micros: Option<i64>,
    /// In a month; any amount if absent.
    #[schema(minimum = 0, example = 900_000_000)]
    per_month_micros: Option<i64>,
}

/// What is spent in a period, and may be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SpentInPeriod {
    /// Null if there is no cap.
    cap_micros: Option<i64>,
    /// What calls have cost that are over.
    spent_micros: i64,
}

/// What the client spends on calls, in millionths of the currency.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Spend {
    #[schema(example = "EUR")]
    currency: String,
    /// Of today, UTC.
    day: SpentInPeriod,
    /// Of this month, UTC.
    month: SpentInPeriod,
}

impl SpendCaps {
    /// As they are stored.
    pub(super) fn read(self, app: &App) -> Result<Caps, Problem> {
        for (name, value) in [
            ("per_day_micros", self.per_day_micros),
            ("per_month_micros", self.per_month_micros),
        ] {
            if value.is_some_and(|value| value < 0) {
                let pointer = format!("/spend/{name}");
                return Err(Problem::invalid(pointer, "out_of_range", "0 or more"));
            }
        }
        let Some(currency) = currency(app) else {
            let detail = "the operator has set no prices, so nobody knows what is spent";
            return Err(Problem::invalid("/spend", "no_prices", detail));
        };
        Ok(Caps {
            currency,
            day_max: self.per_day_micros,
            month_max: self.per_month_micros,
        })
    }
}

/// The currency of the operator's prices, if there are any.
fn currency(app: &App) -> Option<String> {
    let currency = app.prices.get().map(|prices| prices.currency.clone());
    currency.filter(|currency| !currency.is_empty())
}

/// What the client spends; nothing where nobody knows.
pub(super) async fn show(app: &App, caller: &Caller) -> Result<Option<Spend>, Problem> {
    let (spending, client) = (app.desk.store.spending(), &caller.client);
    let caps = spending.caps(client).await.map_err(stored)?;
    let currency = match &caps {
        Some(caps) => Some(caps.currency.clone()),
        None => currency(app),
    };
    let Some(currency) = currency else {
        return Ok(None);
    };
    let now_ms = app.dialer().now_ms();
    let of = async |period| {
        let cost = spending.cost(client, period, &currency, now_ms).await;
        Ok::<_, Problem>(SpentInPeriod {
            cap_micros: caps.as_ref().and_then(|caps| caps.of(period)),
            spent_micros: cost.map_err(stored)?.micros,
        })
    };
    Ok(Some(Spend {
        day: of(Period::Day).await?,
        month: of(Period::Month).await?,
        currency,
    }))
}
