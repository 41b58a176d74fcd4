//! What carriers tell and ask by HTTP. These routes want no API key: the carrier's signature is the key, and a request
//! without a good one is answered 403 and leaves nothing behind but a count.

mod awaited;
mod choosing;
mod course;
mod door;
mod incoming;
mod opt_out_line;
mod voice;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

use crate::app::App;
pub use awaited::{AWAITED_MAX, Awaited, AwaitedCall, Full};
pub(crate) use course::moment;
pub use door::verify_upgrade;
pub(crate) use door::{Visit, admit};
pub(crate) use voice::{connect, to_socket, xml};

/// Where Twilio's webhooks are; the account's id and what is told follow.
pub(crate) const TWILIO_PATH: &str = "/webhooks/twilio";
/// The parameter that names one of our calls, of which the carrier's id may not be known yet.
const CALL: &str = "call";
/// Asked once a caller has keyed in the number that is to be called no more.
const OPT_OUT: &str = "opt-out";
/// The parameter that says how often they were asked.
const TRY: &str = "try";

/// The routes.
pub fn routes() -> Router<Arc<App>> {
    let at = |what: &str| format!("{TWILIO_PATH}/{{carrier_id}}/{what}");
    Router::new()
        .route(&at("voice"), post(voice::voice))
        .route(&at("after"), post(voice::after))
        .route(&at(OPT_OUT), post(opt_out_line::keyed))
        .route(&at("status"), post(course::status))
        .route(&at("amd"), post(course::answered_by))
        .route(&at("stream"), post(course::stream))
}

/// The public address of HTTP requests: `https://` where carriers open their sockets at `wss://`.
#[must_use]
pub fn https_base(public_url: &str) -> String {
    match public_url.split_once("://") {
        Some(("wss", rest)) => format!("https://{rest}"),
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(_) | None => public_url.to_owned(),
    }
}

/// Where Twilio is to send what concerns an account.
#[derive(Clone, Debug)]
pub struct Addresses {
    base: String,
}

impl Addresses {
    /// Those of an account (`carr_…`) on the server at `public_url` (`wss://…`).
    #[must_use]
    pub fn new(public_url: &str, carrier_id: &str) -> Self {
        Self {
            base: format!("{}{TWILIO_PATH}/{carrier_id}", https_base(public_url)),
        }
    }

    fn of(&self, what: &str, call_id: Option<&str>) -> String {
        let base = &self.base;
        match call_id {
            Some(call_id) => format!("{base}/{what}?{CALL}={call_id}"),
            None => format!("{base}/{what}"),
        }
    }

    /// Where it asks what to do with a call: with an incoming one, or with ours of this id once it is answered, which
    /// must be among [`App::awaited`] then.
    #[must_use]
    pub fn voice(&self, call_id: Option<&str>) -> String {
        self.of("voice", call_id)
    }

    /// Where it asks what to do after the media stream.
    #[must_use]
    pub fn after(&self) -> String {
        self.of("after", None)
    }

    /// Where it sends the number that a caller keyed in to be called no more, asked for the how manieth time.
    #[must_use]
    pub fn opt_out(&self, tried: u32) -> String {
        format!("{}/{OPT_OUT}?{TRY}={tried}", self.base)
    }

    /// Where it tells how a call goes.
    #[must_use]
    pub fn status(&self, call_id: Option<&str>) -> String {
        self.of("status", call_id)
    }

    /// Where it tells who answered our call of this id.
    #[must_use]
    pub fn answered_by(&self, call_id: &str) -> String {
        self.of("amd", Some(call_id))
    }

    /// Where it tells how a media stream goes.
    #[must_use]
    pub fn stream(&self) -> String {
        self.of("stream", None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_public_name() {
        for (public, expected) in [
            ("wss://v.example.com", "https://v.example.com"),
            ("ws://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://v.example.com/x", "https://v.example.com/x"),
        ] {
            assert_eq!(https_base(public), expected);
        }
        let addresses = Addresses::new("wss://v.example.com", "carr_1");
        let base = "https://v.example.com/webhooks/twilio/carr_1";
        assert_eq!(addresses.voice(None), format!("{base}/voice"));
        assert_eq!(
            addresses.status(Some("call_1")),
            format!("{base}/status?call=call_1")
        );
    }
}
