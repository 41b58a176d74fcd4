//! Clients are told of events: at their webhook endpoints, whatever those do, and by the log.

mod away;
mod bad;
mod disclosed;
pub(crate) mod library;
mod log;
mod many;
pub(crate) mod receiver;
mod told;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use trunkline::deliveries::{self, EventSettings};
use trunkline::stack::Defaults;

use crate::api::rig::{Api, Who, id};
use receiver::Receiver;

/// A server whose clients are its operator: their receivers stand on this machine.
pub(crate) fn on_this_machine(api: &Api) {
    let settings = EventSettings {
        in_own_network: true,
        ..EventSettings::default()
    };
    api.app.deliveries.settings.get_or_init(|| settings);
}

/// A server that tells.
struct House {
    api: Api,
    telling: JoinHandle<()>,
}

impl House {
    async fn open() -> Self {
        Self::of(Api::open().await)
    }

    fn of(api: Api) -> Self {
        on_this_machine(&api);
        let telling = tokio::spawn(deliveries::keep(Arc::clone(&api.app)));
        Self { api, telling }
    }

    /// An endpoint of a client's: its id and secret.
    async fn endpoint(&self, who: &Who, url: &str, events: &[&str]) -> (String, String) {
        endpoint(&self.api, who, url, events).await
    }

    /// A call of a client's that begins, so that there is something to tell.
    async fn call(&self, who: &Who) -> String {
        let from = self.api.new_number();
        let call = self.api.call_of(who, &from, 1_795_365_000_000).await;
        self.api.app.deliveries.look();
        call
    }

    /// It ends: the second event of the call.
    async fn ended(&self, who: &Who, call: &str) {
        let calls = self.api.app.desk.store.calls();
        let end = trunkline::store::calls::CallEnd::default();
        let ended = calls
            .ended(&who.client, call, 1_795_365_009_000, &end)
            .await;
        assert!(ended.unwrap());
        self.api.app.deliveries.look();
    }

    /// Waits until what is asked of the API is so.
    async fn until(&self, who: &Who, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let shown = self.api.get(who, path).await.fine();
            if is_so(&shown) {
                return shown;
            }
            self.api.app.deliveries.look();
            tokio::task::yield_now().await;
        }
    }

    async fn deliveries(&self, who: &Who, endpoint: &str) -> Vec<Value> {
        let path = format!("/v1/webhook-endpoints/{endpoint}/deliveries");
        let shown = self.api.get(who, &path).await.fine();
        shown["data"].as_array().unwrap().clone()
    }

    /// The same data after the process has ended and begun anew.
    async fn again(self) -> Self {
        let Self { api, telling } = self;
        api.app.draining.send_replace(true);
        telling.await.unwrap();
        Self::of(api.again(Defaults::default()).await)
    }
}

pub(crate) async fn endpoint(api: &Api, who: &Who, url: &str, events: &[&str]) -> (String, String) {
    let new = json!({ "url": url, "events": events });
    let made = api.post(who, "/v1/webhook-endpoints", &new).await.made();
    let secret = made["secret"].as_str().unwrap().to_owned();
    (id(&made), secret)
}

/// Kinds of what was taken.
fn kinds(receiver: &Receiver) -> Vec<String> {
    receiver.taken().iter().map(|one| one.kind()).collect()
}
