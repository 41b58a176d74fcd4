//! Files that are fetched from an address that a client names: a few at a time, of a client's one, and each anew after a restart.
//!
//! They come by `egress`, so from the public internet alone unless the operator allows more; where the other server points
//! elsewhere, that address is looked at as the first was. The file is sealed as it comes and then read as any other.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use reqwest::{Response, Url};
use tokio::time::{sleep, timeout};

use super::{FILE_BYTES_MAX, Imports, Intake, IntakeError, Settings, settings_place};
use crate::app::App;
use crate::clock;
use crate::desk;
use crate::egress::EgressError;
use crate::ids::new_id;
use crate::store::StoreError;
use crate::store::fetches::Fetch;
use crate::store::imports::ImportState;
use crate::vault::ClientKeys;

/// Files that are fetched at once, all clients together.
const FETCHES_MAX: usize = 8;
/// How often a file is begun to be fetched.
pub const TRIES_MAX: u32 = 4;
/// How long after a try that failed the next one begins; the last holds for further ones.
const AGAIN: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
];
/// How long the whole of a file may take.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// How long an answer may take to begin, and how long nothing of it may come.
const PIECE_PATIENCE: Duration = Duration::from_secs(30);
/// How long a file may come as slowly as it likes.
const SLOW_PATIENCE: Duration = Duration::from_secs(60);
/// How quickly it comes on the whole afterwards, in bytes a second: whoever drips holds a place of others'.
const BYTES_A_SECOND_MIN: u64 = 32 * 1024;
/// How often an answer may point elsewhere.
const REDIRECTS_MAX: usize = 3;
/// How long nothing is looked for, unless something comes.
const REST: Duration = Duration::from_secs(10);
/// How long a server that fetches may be silent, ms.
const HELD_MS: i64 = 60_000;
/// Between two times that it says so, and sees whether the import was taken back.
const HOLD_EVERY: Duration = Duration::from_secs(5);

/// Why a file cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfetched {
    /// The address may not be used, or leads where none may.
    Refused,
    /// Nobody is there.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// It broke off.
    BrokenOff,
    /// Addresses point to addresses.
    Redirects,
    /// The other server does not give it.
    Status,
    /// The other server fails.
    ServerError,
    /// A page for people comes in its place.
    WebPage,
    /// It comes compressed, which was not asked for.
    Encoded,
    /// It is longer than a file may be.
    TooLong,
    /// It cannot be kept here, or the server ended each time.
    Interrupted,
}

impl Unfetched {
    const ALL: [(Self, &str, &str); 11] = [
        (
            Self::Refused,
            "address_refused",
            "the address, or where it leads, is none that may be used: it must be encrypted and on the public internet",
        ),
        (
            Self::Unreachable,
            "unreachable",
            "the server of the address is not reached",
        ),
        (Self::TimedOut, "timed_out", "the file did not come in time"),
        (
            Self::BrokenOff,
            "broken_off",
            "the file broke off before its end",
        ),
        (
            Self::Redirects,
            "too_many_redirects",
            "the address points to another one, and that again, more than three times",
        ),
        (
            Self::Status,
            "not_given",
            "the server of the address answers that it does not give the file: the address may be wrong, or have expired",
        ),
        (
            Self::ServerError,
            "server_error",
            "the server of the address fails, or is too busy",
        ),
        (
            Self::WebPage,
            "web_page",
            "the address answers with a page for people, not with the file",
        ),
        (
            Self::Encoded,
            "encoded",
            "the file comes compressed; it must come as it is",
        ),
        (Self::TooLong, "too_large", "the file is longer than 1 GiB"),
        (
            Self::Interrupted,
            "not_kept",
            "the file could not be kept; ask for it again",
        ),
    ];

    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        let row = Self::ALL.into_iter().find(|(problem, ..)| *problem == self);
        row.map_or("not_kept", |(_, code, _)| code)
    }

    /// What a stable word means, for people.
    #[must_use]
    pub fn detail(code: &str) -> Option<&'static str> {
        let row = Self::ALL.into_iter().find(|(_, word, _)| *word == code);
        row.map(|(.., detail)| detail)
    }

    /// Whether it may be otherwise in a moment.
    fn may_pass(self) -> bool {
        match self {
            Self::Unreachable
            | Self::TimedOut
            | Self::BrokenOff
            | Self::ServerError
            | Self::Interrupted => true,
            Self::Refused
            | Self::Redirects
            | Self::Status
            | Self::WebPage
            | Self::Encoded
            | Self::TooLong => false,
        }
    }
}

impl Imports {
    /// There is something to be fetched.
    pub fn asked(&self) {
        self.fetch_wake.notify_one();
    }
}

/// Fetches what waits, until it is aborted.
pub async fn keep(app: Arc<App>) {
    if !app.desk.store.is_shared() {
        // Who fetched before is gone.
        while let Err(error) = app.desk.store.system().release_fetches().await {
            tracing::warn!(%error, "files to be fetched are not known yet");
            sleep(REST).await;
        }
    }
    join_all((0..FETCHES_MAX).map(|_| work(&app))).await;
}

async fn work(app: &App) {
    loop {
        match next(app).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "files are not fetched for a moment"),
        }
        let _ = timeout(REST, app.imports.fetch_wake.notified()).await;
    }
}

/// Fetches everything that is due now, one after the other. How many tries that were.
///
/// # Errors
/// The database failed.
pub async fn catch_up(app: &App) -> Result<usize, StoreError> {
    let mut count = 0;
    while next(app).await? {
        count += 1;
    }
    Ok(count)
}

/// Whether there was one.
async fn next(app: &App) -> Result<bool, StoreError> {
    let (fetcher, now_ms) = (new_id("srv"), clock::unix_ms());
    let system = app.desk.store.system();
    let Some(fetch) = system
        .claim_fetch(&fetcher, now_ms, now_ms + HELD_MS)
        .await?
    else {
        return Ok(false);
    };
    let got = tokio::select! {
        got = timeout(PATIENCE, get(app, &fetch)) => got.unwrap_or(Err(Unfetched::TimedOut)),
        () = lost(app, &fetch) => return Ok(true),
    };
    settle(app, &fetch, got).await?;
    Ok(true)
}

/// Waits until the fetch is none of this server's any more: it was taken back, or the server was silent for too long.
async fn lost(app: &App, fetch: &Fetch) {
    loop {
        sleep(HOLD_EVERY).await;
        let until_ms = clock::unix_ms() + HELD_MS;
        match app
            .desk
            .store
            .fetches()
            .hold(&fetch.client, fetch, until_ms)
            .await
        {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, "a fetch cannot be held"),
        }
    }
}

async fn settle(
    app: &App,
    fetch: &Fetch,
    got: Result<Intake, Unfetched>,
) -> Result<(), StoreError> {
    let (client, id) = (&fetch.client, &fetch.id);
    let finished = match got {
        Ok(intake) => intake.finish(id).await.map_err(|error| kept(&error)),
        Err(problem) => Err(problem),
    };
    let problem = match finished {
        Ok(bytes) => {
            if app
                .desk
                .store
                .fetches()
                .fetched(client, fetch, bytes)
                .await?
            {
                app.imports.added();
            } else {
                app.imports.discard(id);
            }
            return Ok(());
        }
        Err(problem) => problem,
    };
    let now_ms = clock::unix_ms();
    if problem.may_pass() && fetch.tries < TRIES_MAX {
        let at = usize::try_from(fetch.tries.saturating_sub(1)).unwrap_or(usize::MAX);
        let wait = AGAIN.get(at).or(AGAIN.last()).copied().unwrap_or(REST);
        let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        let later = app.desk.store.fetches();
        later
            .later(client, fetch, now_ms.saturating_add(wait_ms))
            .await?;
        return Ok(());
    }
    let (state, code) = (ImportState::FetchFailed, problem.code());
    let imports = app.desk.store.imports();
    imports.end(client, id, state, Some(code), now_ms).await?;
    app.imports.discard(id);
    tracing::info!(client = %client, import = id, problem = code, "the file of an import cannot be had");
    Ok(())
}

/// Takes the file in, sealed, from the address that its settings name.
async fn get(app: &App, fetch: &Fetch) -> Result<Intake, Unfetched> {
    if fetch.tries > TRIES_MAX {
        return Err(Unfetched::Interrupted);
    }
    let keys = app.desk.keys(&fetch.client).await.map_err(|error| {
        tracing::warn!(client = %fetch.client, %error, "a file cannot be fetched now");
        Unfetched::Interrupted
    })?;
    let opened = desk::open(&keys, settings_place(&fetch.id), &fetch.settings).ok();
    let settings = opened.and_then(|text| serde_json::from_str::<Settings>(&text).ok());
    let address = settings.and_then(|settings| settings.address);
    let mut url = Url::parse(&address.unwrap_or_default()).map_err(|_| Unfetched::Refused)?;
    for _ in 0..=REDIRECTS_MAX {
        let response = ask(app, &url).await?;
        match response.status().as_u16() {
            200 => return take(app, &keys, response).await,
            301 | 302 | 303 | 307 | 308 => {
                let to = response.headers().get(LOCATION);
                let to = to
                    .and_then(|to| to.to_str().ok())
                    .ok_or(Unfetched::Status)?;
                url = url.join(to).map_err(|_| Unfetched::Refused)?;
            }
            408 | 425 | 429 | 500..=599 => return Err(Unfetched::ServerError),
            _ => return Err(Unfetched::Status),
        }
    }
    Err(Unfetched::Redirects)
}

async fn ask(app: &App, url: &Url) -> Result<Response, Unfetched> {
    let whose = app.deliveries.settings().whose();
    let http = app.egress.http(whose, url.as_str());
    let http = http.map_err(|error| match error {
        EgressError::Refused(_) => Unfetched::Refused,
        EgressError::Unreachable(_)
        | EgressError::Late { .. }
        | EgressError::Status { .. }
        | EgressError::Protocol
        | EgressError::Tls(_) => Unfetched::Unreachable,
    })?;
    let request = http
        .get(url.clone())
        .header(ACCEPT, "text/csv, application/x-ndjson, */*;q=0.5")
        .header(ACCEPT_ENCODING, "identity");
    match timeout(PIECE_PATIENCE, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(why(&error)),
        Err(_) => Err(Unfetched::TimedOut),
    }
}

async fn take(app: &App, keys: &ClientKeys, mut response: Response) -> Result<Intake, Unfetched> {
    let header = |name| {
        let value = response.headers().get(name);
        let text = value.and_then(|value| value.to_str().ok());
        text.unwrap_or_default().trim().to_ascii_lowercase()
    };
    if header(CONTENT_TYPE).starts_with("text/html") {
        return Err(Unfetched::WebPage);
    }
    if !matches!(header(CONTENT_ENCODING).as_str(), "" | "identity") {
        return Err(Unfetched::Encoded);
    }
    if response
        .content_length()
        .is_some_and(|length| length > FILE_BYTES_MAX)
    {
        return Err(Unfetched::TooLong);
    }
    let intake = app.imports.take_in(keys).await;
    let mut intake = intake.map_err(|error| kept(&error))?;
    let (began, mut bytes) = (clock::timer_now(), 0_u64);
    loop {
        if is_too_slow(bytes, clock::timer_now().saturating_duration_since(began)) {
            return Err(Unfetched::TimedOut);
        }
        match timeout(PIECE_PATIENCE, response.chunk()).await {
            Ok(Ok(Some(piece))) => {
                bytes += piece.len() as u64;
                intake.write(&piece).await.map_err(|error| kept(&error))?;
            }
            Ok(Ok(None)) => return Ok(intake),
            Ok(Err(error)) => return Err(why(&error)),
            Err(_) => return Err(Unfetched::TimedOut),
        }
    }
}

fn is_too_slow(bytes: u64, since: Duration) -> bool {
    since.saturating_sub(SLOW_PATIENCE).as_secs() > bytes / BYTES_A_SECOND_MIN
}

fn kept(error: &IntakeError) -> Unfetched {
    match error {
        IntakeError::TooLong => Unfetched::TooLong,
        IntakeError::Disk(error) => {
            tracing::warn!(%error, "a file that is fetched cannot be kept");
            Unfetched::Interrupted
        }
    }
}

/// Why there was no answer; nothing of the address is told.
fn why(error: &reqwest::Error) -> Unfetched {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(EgressError::Refused(_)) = one.downcast_ref::<EgressError>() {
            return Unfetched::Refused;
        }
        cause = one.source();
    }
    if error.is_builder() {
        Unfetched::Refused
    } else if error.is_timeout() {
        Unfetched::TimedOut
    } else if error.is_connect() {
        Unfetched::Unreachable
    } else {
        Unfetched::BrokenOff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_drips_is_let_go_and_a_large_file_may_take_its_time() {
        for (bytes, seconds, is_so) in [
            (0, 60, false),
            (0, 62, true),
            (100_000, 62, false),
            (100_000, 70, true),
            (FILE_BYTES_MAX, 3_600, false),
        ] {
            let since = Duration::from_secs(seconds);
            assert_eq!(is_too_slow(bytes, since), is_so, "{bytes} in {seconds}");
        }
    }

    #[test]
    fn every_problem_has_its_own_word_and_sentence() {
        for (problem, code, detail) in Unfetched::ALL {
            assert_eq!(problem.code(), code);
            assert_eq!(Unfetched::detail(code), Some(detail));
        }
        assert_eq!(Unfetched::detail("utf_16"), None);
    }
}
