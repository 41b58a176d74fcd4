//! Twilio by its REST interface. Shapes and meanings are pure: `trunkline_core::wire::twilio::rest`.

use std::fmt;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, Response};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::wire::twilio::date;
use trunkline_core::wire::twilio::rest::{
    self, AccountResource, CallResource, Change, CreateCall, Machines, NumberResource, Refusal,
    Verdict,
};
use trunkline_core::wire::twilio::twiml::TWIML_CHARS_MAX;
use trunkline_core::wire::twilio::webhook::Status;

use super::account::{CarrierSettings, Secrets, TWILIO};
use super::{Carrier, CarrierCall, CarrierError, CarrierStatus, Place};
use crate::clock;

/// Where Twilio's interface is unless the account lives in a region or the operator says otherwise.
const BASE_USUAL: &str = "https://api.twilio.com";
/// How long an answer may take, from the first byte of the request to the last of the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most of an answer that is read: fifty calls are 100 KiB.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// Longest pause that is believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// One account with Twilio.
#[derive(Clone)]
pub struct Twilio {
    http: reqwest::Client,
    base: String,
    account_sid: String,
    user: String,
    password: String,
    patience: Duration,
}

impl fmt::Debug for Twilio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Twilio")
            .field("base", &self.base)
            .field("account_sid", &self.account_sid)
            .finish_non_exhaustive()
    }
}

/// What came back of a request that was sent.
struct Answer {
    status: u16,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

/// Why nothing usable came back.
enum Lost {
    /// Nothing was sent.
    Unsent,
    /// It was sent, and then there was silence or nonsense.
    Sent(&'static str),
}

/// Whether doing a thing twice does more than doing it once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It reads: what is lost may be asked again.
    None,
    /// It changes something: what is lost must be looked up.
    Some,
}

impl Twilio {
    /// The account of these settings, asked with its API key if it has one. `base_url` is the operator's, in place of
    /// Twilio's own; `http` must follow no redirects.
    pub fn new(
        http: reqwest::Client,
        settings: &CarrierSettings,
        secrets: &Secrets,
        base_url: Option<&str>,
    ) -> Self {
        let base = match (base_url, &settings.region, &settings.edge) {
            (Some(base), _, _) => base.trim_end_matches('/').to_owned(),
            (None, Some(region), Some(edge)) => format!("https://api.{edge}.{region}.twilio.com"),
            (None, _, _) => BASE_USUAL.to_owned(),
        };
        let (user, password) = match (&settings.api_key_sid, &secrets.api_key_secret) {
            (Some(sid), Some(secret)) => (sid, secret),
            (_, _) => (&settings.account_sid, &secrets.auth_token),
        };
        Self {
            http,
            base,
            account_sid: settings.account_sid.clone(),
            user: user.clone(),
            password: password.clone(),
            patience: PATIENCE,
        }
    }

    /// The same, with another time for an answer than ten seconds.
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The account itself: whether the secret opens it, and how it stands.
    pub async fn account(&self) -> Result<AccountResource, CarrierError> {
        let path = rest::account_path(&self.account_sid);
        let body = self.ask(Method::GET, &path, None, Effect::None).await?;
        rest::read_account(&body).map_err(|_| broken(Effect::None))
    }

    /// The account's numbers, or the one that is looked for; at most [`rest::LIST_NUMBERS_MAX`].
    pub async fn numbers(
        &self,
        number: Option<&PhoneNumber>,
    ) -> Result<Vec<NumberResource>, CarrierError> {
        let path = rest::numbers_path(&self.account_sid, number.map(PhoneNumber::as_str));
        let body = self.ask(Method::GET, &path, None, Effect::None).await?;
        rest::read_numbers(&body).map_err(|_| broken(Effect::None))
    }

    async fn place_call(&self, call: Place) -> Result<CarrierCall, CarrierError> {
        let machines = call.machines.as_ref().map(|machines| Machines {
            waits_for_end: machines.waits_for_end,
            timeout_s: machines.timeout.as_secs(),
            verdict_url: machines.verdict_url.as_deref(),
        });
        let form = CreateCall {
            from: call.from.as_str(),
            to: call.to.as_str(),
            answer_url: &call.answer_url,
            status_url: &call.status_url,
            ring_s: call.ring.as_secs(),
            length_s_max: call.length_max.as_secs(),
            machines,
        };
        let path = rest::calls_path(&self.account_sid);
        let body = self
            .ask(Method::POST, &path, Some(form.form()), Effect::Some)
            .await
            // Nothing is gone that does not exist yet: it is the account that is not there.
            .map_err(|error| {
                if error == CarrierError::Gone {
                    return refused(Refusal {
                        status: 401,
                        code: None,
                    });
                }
                error
            })?;
        rest::read_call(&body)
            .map(known)
            .map_err(|_| broken(Effect::Some))
    }

    async fn change(&self, id: &str, change: Change<'_>) -> Result<(), CarrierError> {
        if !rest::is_sid(id) {
            return Err(CarrierError::Gone);
        }
        let path = rest::call_path(&self.account_sid, id);
        self.ask(Method::POST, &path, Some(change.form()), Effect::Some)
            .await
            .map(|_| ())
    }

    /// The body of a success.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        form: Option<String>,
        effect: Effect,
    ) -> Result<Vec<u8>, CarrierError> {
        let asked = tokio::time::timeout(self.patience, self.exchange(method, path, form)).await;
        let answer = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(Lost::Unsent)) => return Err(CarrierError::Unreachable),
            Ok(Err(Lost::Sent(what))) => return Err(lost(effect, what)),
            Err(_) => return Err(lost(effect, "no answer in time")),
        };
        if (200..300).contains(&answer.status) {
            return Ok(answer.body);
        }
        let refusal = rest::read_refusal(answer.status, &answer.body);
        Err(match refusal.verdict() {
            Verdict::Busy => CarrierError::Busy {
                retry_after: answer.retry_after,
            },
            Verdict::Gone => CarrierError::Gone,
            Verdict::Refused => refused(refusal),
            Verdict::Unknown if effect == Effect::None => CarrierError::Busy {
                retry_after: answer.retry_after,
            },
            Verdict::Unknown => lost(effect, "the carrier is in trouble"),
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        form: Option<String>,
    ) -> Result<Answer, Lost> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .basic_auth(&self.user, Some(&self.password))
            .header("accept", "application/json");
        if let Some(form) = form {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form);
        }
        let response = match request.send().await {
            Ok(response) => response,
            // A URL may hold a number.
            Err(error) if error.is_connect() || error.is_builder() => {
                tracing::warn!(error = %error.without_url(), "the carrier is not reached");
                return Err(Lost::Unsent);
            }
            Err(error) => {
                tracing::warn!(error = %error.without_url(), "the carrier's answer is lost");
                return Err(Lost::Sent("the connection broke"));
            }
        };
        let status = response.status().as_u16();
        let retry_after = retry_after(&response);
        Ok(Answer {
            status,
            retry_after,
            body: read_bounded(response).await?,
        })
    }
}

async fn read_bounded(mut response: Response) -> Result<Vec<u8>, Lost> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES_MAX => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => return Err(Lost::Sent("the answer is too long")),
            Ok(None) => return Ok(body),
            Err(_) => return Err(Lost::Sent("the answer broke off")),
        }
    }
}

/// Seconds, or the date as HTTP writes it.
fn retry_after(response: &Response) -> Option<Duration> {
    let told = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match told.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let now_s = clock::unix_ms() / 1_000;
            u64::try_from((date::unix_s(told)? - now_s).max(0)).ok()?
        }
    };
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

fn lost(effect: Effect, what: &'static str) -> CarrierError {
    match effect {
        Effect::None => CarrierError::Busy { retry_after: None },
        Effect::Some => CarrierError::Unknown { what },
    }
}

fn broken(effect: Effect) -> CarrierError {
    lost(effect, "the answer is not what the carrier documents")
}

fn refused(refusal: Refusal) -> CarrierError {
    CarrierError::Refused {
        code: refusal.code.unwrap_or(0),
        what: format!("{} (HTTP {})", refusal.meaning(), refusal.status),
    }
}

/// What a carrier's word is to us.
#[must_use]
pub fn status(status: Status) -> CarrierStatus {
    match status {
        Status::Queued => CarrierStatus::Queued,
        Status::Initiated | Status::Ringing => CarrierStatus::Ringing,
        Status::InProgress => CarrierStatus::InProgress,
        Status::Completed => CarrierStatus::Completed,
        Status::Busy => CarrierStatus::Busy,
        Status::Failed => CarrierStatus::Failed,
        Status::NoAnswer => CarrierStatus::NoAnswer,
        Status::Canceled => CarrierStatus::Canceled,
    }
}

fn known(call: CallResource) -> CarrierCall {
    CarrierCall {
        id: call.sid,
        status: status(call.status),
        created_ms: call.created_unix_s.map(|s| s.saturating_mul(1_000)),
    }
}

impl Carrier for Twilio {
    fn name(&self) -> &'static str {
        TWILIO
    }

    fn place(&self, call: Place) -> BoxFuture<'_, Result<CarrierCall, CarrierError>> {
        self.place_call(call).boxed()
    }

    fn hang_up<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), CarrierError>> {
        self.change(id, Change::Complete).boxed()
    }

    fn redirect<'a>(
        &'a self,
        id: &'a str,
        instructions: &'a str,
    ) -> BoxFuture<'a, Result<(), CarrierError>> {
        async move {
            if instructions.chars().count() > TWIML_CHARS_MAX {
                return Err(CarrierError::Refused {
                    code: 32018,
                    what: format!("instructions have at most {TWIML_CHARS_MAX} characters"),
                });
            }
            self.change(id, Change::Twiml(instructions)).await
        }
        .boxed()
    }

    fn look_up<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<CarrierCall, CarrierError>> {
        async move {
            if !rest::is_sid(id) {
                return Err(CarrierError::Gone);
            }
            let path = rest::call_path(&self.account_sid, id);
            let body = self.ask(Method::GET, &path, None, Effect::None).await?;
            rest::read_call(&body)
                .map(known)
                .map_err(|_| broken(Effect::None))
        }
        .boxed()
    }

    fn find<'a>(
        &'a self,
        from: &'a PhoneNumber,
        to: &'a PhoneNumber,
        since_ms: i64,
    ) -> BoxFuture<'a, Result<Vec<CarrierCall>, CarrierError>> {
        async move {
            let path = rest::list_calls_path(&self.account_sid, from.as_str(), to.as_str());
            let body = self.ask(Method::GET, &path, None, Effect::None).await?;
            let calls = rest::read_calls(&body).map_err(|_| broken(Effect::None))?;
            let calls = calls.into_iter().map(known);
            // The carrier's dates have whole seconds, and a call that was only just made may have none.
            Ok(calls
                .filter(|call| call.created_ms.is_none_or(|ms| ms + 999 >= since_ms))
                .collect())
        }
        .boxed()
    }
}
