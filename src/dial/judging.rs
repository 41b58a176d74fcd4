//! Whether people want the calls of clients: shares of them are looked at now and then, and a client of whose calls too many are
//! unwanted is warned, or stopped.

use std::sync::Arc;
use std::time::Duration;

use trunkline_core::policy::Code as Why;
use trunkline_core::ratios::{Judged, Level, Ratio, judge};
use trunkline_core::spend::Period;

use crate::app::App;
use crate::ids::{self, ClientId};
use crate::store::StoreError;
use crate::store::suspensions::{Cause, NewSuspension};

/// From one round to the next.
const EVERY: Duration = Duration::from_secs(60);
/// Clients that are looked at in one round.
const CLIENTS_MAX: u32 = 10_000;
/// The windows, with their lengths, ms.
const WINDOWS: [(&str, i64); 2] = [("24h", 86_400_000), ("30d", 30 * 86_400_000)];

/// The shares of one window.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Its name.
    pub window: &'static str,
    /// From then on, ms since 1970.
    pub since_ms: i64,
    /// The shares.
    pub ratios: [Judged; 4],
}

/// Looks at all clients about once a minute until the server shuts down.
pub async fn keep(app: Arc<App>) {
    let mut draining = app.draining.subscribe();
    let rounds = async {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = round(&app).await {
                tracing::warn!(%error, "whether people want clients' calls cannot be counted");
            }
        }
    };
    tokio::select! {
        () = rounds => {}
        // An error means that the server is gone.
        _ = draining.wait_for(|draining| *draining) => {}
    }
}

/// Looks at every client that is open.
pub async fn round(app: &App) -> Result<(), StoreError> {
    for client in app.desk.store.system().open_clients(CLIENTS_MAX).await? {
        look(app, &client).await?;
    }
    Ok(())
}

/// The shares of a client's calls as they are.
pub async fn judged(app: &App, client: &ClientId) -> Result<Vec<Window>, StoreError> {
    let (table, now_ms) = (app.desk.store.ratios(), app.dialer().now_ms());
    let lifted_ms = table.last_lifted(client).await?;
    let marks = &app.dialer().rules().marks;
    let mut windows = Vec::with_capacity(WINDOWS.len());
    for (window, length_ms) in WINDOWS {
        let since_ms = lifted_ms.max(now_ms - length_ms);
        let counts = table.counts(client, since_ms).await?;
        let ratios = judge(&counts, marks);
        windows.push(Window {
            window,
            since_ms,
            ratios,
        });
    }
    Ok(windows)
}

async fn look(app: &App, client: &ClientId) -> Result<(), StoreError> {
    let now_ms = app.dialer().now_ms();
    let day = Period::Day.of(now_ms);
    let suspensions = app.desk.store.suspensions();
    for of in judged(app, client).await? {
        for judged in of.ratios {
            let Some(level) = judged.level else { continue };
            let name = judged.ratio.name();
            // Once a day, as long as it lasts.
            let once = format!("{day} {} {name} {}", of.window, level.name());
            let ratios = app.desk.store.ratios();
            ratios.crossed(client, &judged, of.window, &once).await?;
            if level == Level::Warn {
                continue;
            }
            let new = NewSuspension {
                id: ids::new_id("sus"),
                agent_id: None,
                cause: cause(judged.ratio),
                note: None,
                hang_up: false,
                since_ms: now_ms,
            };
            if suspensions.suspend(client, &new).await? {
                tracing::warn!(%client, ratio = name, window = of.window, why = Why::Suspended.name(), "a client is stopped");
            }
        }
    }
    Ok(())
}

const fn cause(ratio: Ratio) -> Cause {
    match ratio {
        Ratio::OptOuts => Cause::OptOuts,
        Ratio::ShortCalls => Cause::ShortCalls,
        Ratio::InvalidNumbers => Cause::InvalidNumbers,
        Ratio::Complaints => Cause::Complaints,
    }
}
