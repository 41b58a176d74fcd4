//! After a call: what its agent wants to be known of it is asked of a model, checked, sealed and stored.
//!
//! What is wanted stands in the database from the call's begin, so neither the end of a call nor a crash has to remember
//! it; it is due once the call's rows are complete. A few calls at a time are worked on, and none is begun while the server
//! has much to do. Consent is looked at in the journal before a word is read and again before anything is stored, and the
//! statement that stores it looks once more: whoever takes consent back meanwhile wins.

mod asking;
mod words;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use metrics::counter;
use trunkline_core::after::Said;
use trunkline_core::cost::Units;
use trunkline_core::journal::{Entry, Step};
use trunkline_core::transcript::{Transcript, Turn};

use crate::agent::{After, Agent};
use crate::app::App;
use crate::clock;
use crate::journal::{JournalError, Reading};
use crate::reception::Turned;
use crate::stack::NoStack;
use crate::store::StoreError;
use crate::store::after::{AfterState, DueCall, Found};
use crate::vault::{CallKey, ClientKeys, Unopened, VaultError};

pub use asking::Known;
use asking::Unknown;
pub(crate) use words::label_index;
pub use words::{label_of, set_disposition};

/// Calls that are worked on at once.
const AT_ONCE: usize = 2;
/// Calls that are looked up at once.
const PAGE: u32 = 50;
/// How often it is asked what is due.
const EVERY: Duration = Duration::from_secs(2);
/// Tries for a call before it is given up.
pub const TRIES_MAX: u64 = 6;
/// Lines of what a call used have numbers below this.
const LINES_EACH: u64 = trunkline_core::cost::LINES_MAX as u64;
/// Before the second try, ms; before each later one four times as long, up to an hour.
const AGAIN_MS: i64 = 15_000;
const AGAIN_MS_MAX: i64 = 3_600_000;

/// What a call's content after the call is sealed to.
fn place(client: &crate::ids::ClientId, call_id: &str) -> Vec<u8> {
    format!("after_calls.body:{client}:{call_id}").into_bytes()
}

/// What was found out of a call, opened with its key.
///
/// # Errors
/// [`Unopened`]: it was sealed with another key, or is nothing of ours.
pub fn open(
    client: &crate::ids::ClientId,
    call_id: &str,
    key: &CallKey,
    sealed: &crate::store::Sealed,
) -> Result<Known, Unopened> {
    let json = key.open(&place(client, call_id), &sealed.0)?;
    Ok(serde_json::from_slice(&json).unwrap_or_default())
}

/// The parts of what an agent wants, as rows name them.
#[must_use]
pub fn parts(after: &After) -> Vec<&'static str> {
    let wanted = &after.wanted;
    [
        ("summary", wanted.summary),
        ("data", wanted.extract.is_some()),
        ("verdict", wanted.success.is_some()),
        ("disposition", !wanted.dispositions.is_empty()),
    ]
    .into_iter()
    .filter_map(|(part, is_wanted)| is_wanted.then_some(part))
    .collect()
}

/// What a round has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Calls of which it was found out.
    pub done: u64,
    /// Calls that were given up.
    pub failed: u64,
    /// Calls of which nothing is kept, or no longer.
    pub skipped: u64,
    /// Calls that are tried again later.
    pub later: u64,
}

/// What became of one call in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Failed,
    Skipped,
    Later,
    /// It is not this server's, or is not wanted any more.
    Left,
}

impl Outcome {
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Done => Some("done"),
            Self::Failed => Some("failed"),
            Self::Skipped => Some("skipped"),
            Self::Later => Some("later"),
            Self::Left => None,
        }
    }
}

/// Why it was not found out.
enum Why {
    /// Nothing of the call may be read, or nothing is there.
    Skip(&'static str),
    /// Another try would come to the same.
    GiveUp(&'static str),
    /// Another try may help, no sooner than in so many ms if the model said so.
    TryAgain(&'static str, Option<u64>),
    /// It concerns another server, or nobody any more.
    Leave,
}

impl From<StoreError> for Why {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "what is to be known of a call waits for the store");
        Self::TryAgain("store", None)
    }
}

/// Works on what is due until the server shuts down.
pub async fn keep(app: Arc<App>) {
    let mut draining = app.draining.subscribe();
    let rounds = async {
        loop {
            let round = round(&app).await;
            if round != Round::default() {
                tracing::info!(?round, "calls that are over were looked into");
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::select! {
        () = rounds => {}
        // An error means that the server is gone.
        _ = draining.wait_for(|draining| *draining) => {}
    }
}

/// Works on everything that is due now, as long as the server has little enough to do.
pub async fn round(app: &App) -> Round {
    let mut round = Round::default();
    let mut after: Option<DueCall> = None;
    let mut working = FuturesUnordered::new();
    let now_ms = clock::unix_ms();
    'pages: loop {
        let system = app.desk.store.system();
        let page = match system.due_after(now_ms, after.as_ref(), PAGE).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "what is to be known of calls cannot be looked up");
                break;
            }
        };
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.clone());
        for due in page {
            if is_busy(app) {
                break 'pages;
            }
            if working.len() >= AT_ONCE {
                round.count(working.next().await);
            }
            working.push(async move { work(app, &due).await });
        }
    }
    while let Some(outcome) = working.next().await {
        round.count(Some(outcome));
    }
    round
}

/// Calls that are live, and those that want to come, are more urgent.
fn is_busy(app: &App) -> bool {
    app.admission.strained().is_some() || app.takes_calls(false).is_err()
}

impl Round {
    fn count(&mut self, outcome: Option<Outcome>) {
        let Some(outcome) = outcome else {
            return;
        };
        match outcome {
            Outcome::Done => self.done += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Skipped => self.skipped += 1,
            Outcome::Later => self.later += 1,
            Outcome::Left => {}
        }
        if let Some(word) = outcome.word() {
            counter!("trunkline_after_calls_total", "outcome" => word).increment(1);
        }
    }
}

async fn work(app: &App, due: &DueCall) -> Outcome {
    let why = match find_out(app, due).await {
        Ok(()) => return Outcome::Done,
        Err(why) => why,
    };
    let (after, now_ms) = (app.desk.store.after(), clock::unix_ms());
    let (client, call_id) = (&due.client, &due.call_id);
    let tries = due.tries + 1;
    let (state, reason, outcome) = match why {
        Why::Leave => return Outcome::Left,
        Why::Skip(reason) => (AfterState::Skipped, reason, Outcome::Skipped),
        Why::GiveUp(reason) => (AfterState::Failed, reason, Outcome::Failed),
        Why::TryAgain(reason, _) if tries >= TRIES_MAX => {
            (AfterState::Failed, reason, Outcome::Failed)
        }
        Why::TryAgain(reason, wanted_ms) => {
            let wait_ms =
                again_ms(tries).max(wanted_ms.and_then(|ms| ms.try_into().ok()).unwrap_or(0));
            let later = after
                .try_later(client, call_id, now_ms + wait_ms, reason)
                .await;
            tracing::debug!(call.id = %call_id, reason, tries, "not found out yet");
            if let Err(error) = later {
                tracing::warn!(call.id = %call_id, %error, "a later try is not noted");
            }
            return Outcome::Later;
        }
    };
    tracing::info!(call.id = %call_id, state = state.as_str(), reason, "nothing is to be known of this call");
    match after.give_up(client, call_id, state, reason, now_ms).await {
        Ok(true) => outcome,
        Ok(false) => Outcome::Left,
        Err(error) => {
            tracing::warn!(call.id = %call_id, %error, "it is not noted that it was given up");
            Outcome::Left
        }
    }
}

/// How long to wait after so many tries, ms.
fn again_ms(tries: u64) -> i64 {
    let times = 4_i64.saturating_pow(u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX));
    AGAIN_MS.saturating_mul(times).min(AGAIN_MS_MAX)
}

async fn find_out(app: &App, due: &DueCall) -> Result<(), Why> {
    let (desk, client, call_id) = (&app.desk, &due.client, due.call_id.as_str());
    let keys = match desk.keys(client).await {
        Err(VaultError::NoClient { .. }) => return Err(Why::Leave),
        keys => keys.map_err(|_| Why::TryAgain("keys", None))?,
    };
    // Whatever ended the tries before, and be it the server, is not met for ever.
    if due.tries >= TRIES_MAX {
        return Err(Why::GiveUp("tried_too_often"));
    }
    let (reading, said) = said(app, due).await?;
    let agent = agent(app, &keys, due).await?;
    let after = &agent.after;
    if after.wanted.is_nothing() {
        return Err(Why::Skip("not_wanted"));
    }
    if !desk.store.after().begin_try(client, call_id).await? {
        return Err(Why::Leave);
    }
    let asked = app
        .stacks
        .for_after(desk, &keys, &agent)
        .await
        .map_err(|error| {
            tracing::warn!(call.id = %call_id, %error, "nobody can be asked about a call");
            nobody(&error)
        })?;
    let mut units = Units::default();
    let known = asking::ask(&asked, after, &said, &mut units).await;
    // Lines of a call have numbers of their own in every try.
    app.used(client, call_id, &units, LINES_EACH * (due.tries + 1))
        .await;
    let known = known.map_err(Why::from)?;
    // It took a while, and somebody may have wished otherwise.
    let (still, _) = self::said(app, due).await?;
    drop(reading);
    let label = known
        .disposition
        .as_deref()
        .map(|label| words::own_word(&keys, label));
    let json = serde_json::to_vec(&known).unwrap_or_default();
    let body = crate::store::Sealed(still.key().seal(&place(client, call_id), &json));
    let found = Found {
        now_ms: clock::unix_ms(),
        verdict: known
            .verdict
            .as_ref()
            .map(|verdict| verdict.result.as_str()),
        body: &body,
        label: label.as_ref(),
    };
    match desk.store.after().done(client, call_id, &found).await? {
        true => Ok(()),
        false => Err(Why::Leave),
    }
}

/// What was said in a call, as far as it is kept, by a caller who agreed to that and stayed with it.
async fn said(app: &App, due: &DueCall) -> Result<(Reading, Vec<Said>), Why> {
    let (desk, client, call_id) = (&app.desk, &due.client, due.call_id.as_str());
    if desk
        .store
        .consents()
        .withdrawal(client, call_id)
        .await?
        .is_some()
    {
        return Err(Why::Skip("withdrawn"));
    }
    let reading = desk
        .journals
        .read(client, call_id)
        .await
        .map_err(|error| unread(&error))?;
    let read = tokio::task::spawn_blocking(move || {
        let entries: Vec<Entry> = match reading.contents() {
            Ok(contents) => contents
                .entries
                .into_iter()
                .map(|(_, entry)| entry)
                .collect(),
            Err(error) => return Err(unread(&error)),
        };
        may_read(&entries).map_err(Why::Skip)?;
        let turns = Transcript::of(&entries).turns.into_iter();
        let said: Vec<Said> = turns.map(said_in).collect();
        if said.is_empty() {
            return Err(Why::Skip("nothing_said"));
        }
        Ok((reading, said))
    });
    read.await.unwrap_or(Err(Why::TryAgain("journal", None)))
}

/// A turn as a model is told of it.
fn said_in(turn: Turn) -> Said {
    let text = match (turn.keys, turn.tool) {
        (Some(keys), _) => format!("[keys pressed: {keys}]"),
        (None, Some(tool)) => format!(
            "[{} was asked for with {}: {}] {}",
            tool.name, tool.arguments, tool.outcome, tool.result
        ),
        (None, None) => turn.text,
    };
    Said {
        speaker: turn.speaker,
        text,
    }
}

fn unread(error: &JournalError) -> Why {
    match error {
        JournalError::Missing { .. } => Why::Skip("nothing_kept"),
        JournalError::Erased { .. } => Why::Skip("erased"),
        JournalError::Vault(VaultError::Forgotten) => Why::Skip("forgotten"),
        JournalError::Vault(_)
        | JournalError::Io { .. }
        | JournalError::Failed { .. }
        | JournalError::Live { .. }
        | JournalError::Stopped => Why::TryAgain("journal", None),
        JournalError::Present { .. }
        | JournalError::Unfit
        | JournalError::Head { .. }
        | JournalError::Misplaced { .. }
        | JournalError::Damaged { .. }
        | JournalError::Key { .. }
        | JournalError::Entry { .. }
        | JournalError::Long => {
            tracing::error!(%error, "a journal cannot be read");
            Why::GiveUp("journal")
        }
    }
}

/// Whether a journal says that its caller agreed, and neither took it back nor had anything erased. Otherwise why not.
fn may_read<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<(), &'static str> {
    let mut said = Err("nothing_kept");
    for entry in entries {
        match entry {
            Entry::Consent(consent) => match consent.step {
                Step::Granted { .. } => said = Ok(()),
                Step::Refused { .. } => return Err("refused"),
                Step::Withdrawn { .. } => return Err("withdrawn"),
                Step::Announced { .. } | Step::Unclear { .. } => {}
            },
            Entry::Erased { .. } => return Err("erased"),
            Entry::Second { .. }
            | Entry::Began(_)
            | Entry::Audio(_)
            | Entry::Turn(_)
            | Entry::NotKept { .. }
            | Entry::Event(_)
            | Entry::Ended(_) => {}
        }
    }
    said
}

/// The agent that held the call, in the version that did.
async fn agent(app: &App, keys: &ClientKeys, due: &DueCall) -> Result<Arc<Agent>, Why> {
    let call = app
        .desk
        .store
        .calls()
        .find(&due.client, &due.call_id)
        .await?;
    let call = call.ok_or(Why::Leave)?;
    let reception = &app.reception;
    let agent = reception
        .version(&app.desk, keys, &call.agent_id, call.agent_version)
        .await;
    agent.map_err(|turned| match turned {
        Turned::NoAgent
        | Turned::NoVersion
        | Turned::NoDraft
        | Turned::NoClient
        | Turned::WhichClient
        | Turned::Suspended
        | Turned::Used => Why::GiveUp("agent_gone"),
        Turned::Agent(_) | Turned::Plan(_) | Turned::Unopened(_) => Why::GiveUp("agent_unusable"),
        Turned::Store(_) | Turned::Vault(_) => Why::TryAgain("store", None),
    })
}

/// Why there is nobody to ask.
fn nobody(error: &NoStack) -> Why {
    match error {
        NoStack::NoModel { .. } | NoStack::NoRealtime { .. } | NoStack::EnglishOnly { .. } => {
            Why::GiveUp("no_model")
        }
        NoStack::NoProvider { .. } => Why::GiveUp("no_provider"),
        NoStack::Unusable(_) | NoStack::Unopened(_) | NoStack::Http(_) => {
            Why::GiveUp("provider_unusable")
        }
        NoStack::Store(_) => Why::TryAgain("store", None),
    }
}

impl From<Unknown> for Why {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::Final(reason) => Self::GiveUp(reason),
            Unknown::Passing(reason, wait_ms) => Self::TryAgain(reason, wait_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_core::consent::{Method, Refusal};
    use trunkline_core::journal::Consent;

    #[test]
    fn only_who_agreed_and_stayed_with_it_is_read() {
        let step = |step| Entry::Consent(Consent { at_ms: 0, step });
        let yes = || {
            step(Step::Granted {
                method: Method::SaidYes,
            })
        };
        let class = Refusal::Objected;
        let withdrawn = |erase| {
            step(Step::Withdrawn {
                class,
                erase,
                from_ms: 0,
            })
        };
        let erased = Entry::Erased {
            at_ms: 0,
            entries: 1,
        };
        let second = Entry::Second {
            turns: Vec::new(),
            recogniser: String::new(),
        };
        for (entries, may) in [
            (vec![], Err("nothing_kept")),
            (vec![yes()], Ok(())),
            (vec![yes(), second], Ok(())),
            (vec![step(Step::Refused { class })], Err("refused")),
            (vec![yes(), withdrawn(true)], Err("withdrawn")),
            (vec![yes(), withdrawn(false)], Err("withdrawn")),
            (vec![yes(), erased], Err("erased")),
        ] {
            assert_eq!(may_read(&entries), may, "{entries:?}");
        }
    }

    #[test]
    fn waits_grow_up_to_an_hour() {
        let waits: Vec<i64> = (1..=TRIES_MAX)
            .map(|tries| again_ms(tries) / 1_000)
            .collect();
        assert_eq!(waits, [15, 60, 240, 960, 3_600, 3_600]);
        assert_eq!(again_ms(u64::MAX), AGAIN_MS_MAX);
    }
}
