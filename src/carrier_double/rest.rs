//! A carrier's account, as Twilio's documentation describes it: the REST interface on a loopback address, signed webhooks,
//! and calls in both directions whose media runs over this module's own [`Carrier`].
//!
//! A call that is placed by REST is queued, tells its course as far as it was asked to, asks the answer's address once it is
//! answered, and opens the media socket that the instructions name. [`CarrierAccount::ring`] is a stranger who calls one of the account's
//! numbers. Faults can be ordered: lost and broken answers, refusals, pages of HTML, webhooks twice and in reverse.

mod course;
mod interface;
mod road;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use trunkline_core::wire::twilio::form::Form;
use trunkline_core::wire::twilio::signature::{Algorithm, sign};
use trunkline_core::wire::twilio::webhook::Status;

use super::{Carrier, HangUp, Instructions};
use crate::clock;
use crate::egress::{Net, System};

/// Lines that may wait for somebody to take them.
const LINES_MAX: usize = 64;

/// A number of the account's, and where its calls are announced.
#[derive(Clone, Debug, Default)]
pub struct OwnNumber {
    /// In E.164 form.
    pub number: String,
    /// Asked what to do with a call; empty for none.
    pub voice_url: String,
    /// Told how a call goes; empty for none.
    pub status_url: String,
}

/// What an account is.
#[derive(Clone, Debug)]
pub struct AccountSetup {
    /// `AC…`.
    pub account_sid: String,
    /// Opens the interface, and signs webhooks.
    pub auth_token: String,
    /// An API key and its secret, which open the interface too.
    pub api_key: Option<(String, String)>,
    /// The account's numbers.
    pub numbers: Vec<OwnNumber>,
    /// The server's public name and where it really is, as `("https://voice.test", "http://127.0.0.1:4000")`; addresses
    /// that begin otherwise are gone to as they are.
    pub reach: (String, String),
}

/// What goes wrong with the next request to the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is done, and the answer breaks off.
    AnswerLost,
    /// It is done, and there is no answer.
    Silence,
    /// It is done, and the answer is a page.
    PageForAnswer,
    /// It is not done: too many requests, to be asked again after so many seconds.
    TooMany(u64),
    /// It is not done: the carrier's own trouble, told as a page.
    Trouble,
    /// It is not done, and the client is sent elsewhere.
    Elsewhere,
    /// For a change of a call: it is done, and then whoever's call it is hangs up on their way to where they were led, before the answer.
    HangsUp,
}

/// How the person behaves whose number is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Callee {
    /// Answers.
    #[default]
    Answers,
    /// Is talking.
    Busy,
    /// Does not hear it.
    Away,
    /// Cannot be connected.
    Unreachable,
    /// Lets it ring, until [`CarrierAccount::pick_up`] or the caller gives up.
    Waits,
}

/// How webhooks about a call's course are delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// One by one, as it happens.
    #[default]
    InOrder,
    /// Each twice.
    Twice,
    /// All of them once the call is over, the last first, each twice.
    LateAndReversed,
    /// Not at all.
    Lost,
}

/// A call in the account's books.
#[derive(Clone, Debug)]
pub struct BookedCall {
    /// `CA…`.
    pub sid: String,
    /// The number that calls.
    pub from: String,
    /// The number that is called.
    pub to: String,
    /// How it stands.
    pub status: Status,
    /// Whether the account placed it.
    pub is_outbound: bool,
    /// When it was made, ms since 1970.
    pub created_ms: i64,
    /// When it was answered, ms since 1970.
    pub answered_ms: Option<i64>,
    /// When it ended, ms since 1970.
    pub ended_ms: Option<i64>,
    status_url: Option<String>,
    /// Asked what to do once it is answered; empty for a call that came in.
    answer_url: String,
    /// What is told to the status address, by Twilio's names of the events.
    events: Vec<String>,
    /// Courses that were told; the next has this number.
    sequence: u32,
    media: Option<HangUp>,
    /// Told who answered, if that was asked for.
    amd_url: Option<String>,
    /// What the call is to do instead of what it does.
    redirected: Option<Instructions>,
    /// The room that it is in.
    pub room: Option<Room>,
    /// The call that was sent to this one, and whom to ask what comes after it.
    parent: Option<(String, Option<String>)>,
    /// What the carrier's own voice said at its end.
    pub said: Option<String>,
}

/// A call's place in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// The room opens when this call comes.
    pub starts: bool,
    /// The room closes when it leaves.
    ends: bool,
    action: Option<String>,
}

/// What became of a stranger's call.
#[derive(Debug)]
pub enum Rung {
    /// It was taken; its media runs.
    Line(Box<Carrier>),
    /// It was not taken: `busy` or `rejected`.
    Rejected(String),
    /// A sentence was said, and the call ended.
    Said(String),
    /// Keys were asked for.
    Asked {
        /// The call, by the carrier's id.
        sid: String,
        /// What was said.
        words: String,
        /// Whom the keys are told to.
        action: String,
    },
    /// The call dropped: the server did not answer, or not with instructions; an application error to the caller.
    Dropped(String),
}

/// The account, serving. Dropping it ends the interface.
pub struct CarrierAccount {
    books: Arc<Books>,
    address: SocketAddr,
    lines: mpsc::Receiver<(String, Carrier)>,
    serving: JoinHandle<()>,
}

impl Drop for CarrierAccount {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Where an account stands: what it is connected to, and its time of day.
pub struct World {
    /// By which it reaches the server.
    pub net: Arc<dyn Net>,
    /// The time of day when the account is opened, ms since 1970. It goes on with the timers' clock.
    pub unix_ms: i64,
}

impl Default for World {
    /// This machine.
    fn default() -> Self {
        Self {
            net: Arc::new(System),
            unix_ms: clock::unix_ms(),
        }
    }
}

/// Everything that the interface and the calls share.
struct Books {
    setup: AccountSetup,
    world: World,
    opened_at: Instant,
    open: Mutex<Open>,
    counter: AtomicU64,
    /// Where lines go that were answered.
    lines: mpsc::Sender<(String, Carrier)>,
    /// Changes whenever the end of a call has been told.
    told: watch::Sender<()>,
}

#[derive(Default)]
struct Open {
    calls: BTreeMap<String, BookedCall>,
    faults: VecDeque<Fault>,
    /// Of changes of calls.
    change_faults: VecDeque<Option<Fault>>,
    callee: Callee,
    delivery: Delivery,
    /// Webhooks that wait until their call is over.
    held: Vec<(String, String, Form)>,
    /// Requests that came to the interface, as `POST /…`.
    asked: Vec<String>,
}

impl Books {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> i64 {
        let since = clock::timer_now().saturating_duration_since(self.opened_at);
        self.world.unix_ms + i64::try_from(since.as_millis()).unwrap_or(0)
    }

    fn sid(&self, prefix: &str) -> String {
        let n = self.counter.fetch_add(1, Ordering::Relaxed);
        format!("{prefix}{n:032x}")
    }

    /// Where an address really is.
    fn local(&self, url: &str) -> String {
        let (public, local) = &self.setup.reach;
        let web_socket = |base: &str| base.replacen("http", "ws", 1);
        if let Some(rest) = url.strip_prefix(public.as_str()) {
            return format!("{local}{rest}");
        }
        match url.strip_prefix(web_socket(public).as_str()) {
            Some(rest) => format!("{}{rest}", web_socket(local)),
            None => url.to_owned(),
        }
    }

    fn signature(&self, url: &str, form: &Form) -> String {
        sign(&self.setup.auth_token, Algorithm::Sha1, url, form)
    }
}

impl CarrierAccount {
    /// Opens the interface on a loopback address, on this machine and at this time of day.
    pub async fn open(setup: AccountSetup) -> std::io::Result<Self> {
        Self::open_in(setup, World::default()).await
    }

    /// The same in another world. The interface is on a loopback address nevertheless.
    pub async fn open_in(setup: AccountSetup, world: World) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (sender, lines) = mpsc::channel(LINES_MAX);
        let books = Arc::new(Books {
            setup,
            world,
            opened_at: clock::timer_now(),
            open: Mutex::default(),
            counter: AtomicU64::new(1),
            lines: sender,
            told: watch::Sender::default(),
        });
        let router = interface::router(Arc::clone(&books));
        let serving = tokio::spawn(async move {
            // It fails only with its listener, and then nobody is left to tell.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            books,
            address,
            lines,
            serving,
        })
    }

    /// Where the interface is, as `http://127.0.0.1:4001`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next requests to the interface go wrong like this, one each.
    pub fn order(&self, faults: impl IntoIterator<Item = Fault>) {
        self.books.lock().faults.extend(faults);
    }

    /// So go the next requests to change a call, one each; before what was ordered for all.
    pub fn order_changes(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.books.lock().change_faults.extend(faults);
    }

    /// How the people behave who are called from now on.
    pub fn callee(&self, callee: Callee) {
        self.books.lock().callee = callee;
    }

    /// How webhooks about calls are delivered from now on.
    pub fn delivery(&self, delivery: Delivery) {
        self.books.lock().delivery = delivery;
    }

    /// The calls in the books, by id.
    pub fn calls(&self) -> Vec<BookedCall> {
        self.books.lock().calls.values().cloned().collect()
    }

    /// Requests that came to the interface, as `POST /…`.
    pub fn asked(&self) -> Vec<String> {
        self.books.lock().asked.clone()
    }

    /// The next call whose media was opened by the carrier's own doing: one of the account's own that was answered, or one
    /// that came back from where it had been sent. Its id and its line.
    pub async fn answered(&mut self) -> Option<(String, Carrier)> {
        self.lines.recv().await
    }

    /// Somebody answers a call of the account's own that rings: its media comes by [`CarrierAccount::answered`].
    pub fn pick_up(&self, sid: &str) {
        tokio::spawn(course::pick_up(Arc::clone(&self.books), sid.to_owned()));
    }

    /// Somebody answers a call of the account's own that rings, and is led by these instructions; nobody is asked for any.
    pub async fn pick_up_with(&self, sid: &str, twiml: &str) {
        course::pick_up_with(&self.books, sid, twiml).await;
    }

    /// Somebody hangs up, whatever their call is doing.
    pub async fn hang_up(&self, sid: &str) {
        course::end(&self.books, sid).await;
    }

    /// Tells who answered one of the account's own calls, in Twilio's word for it, as it was asked to: the status of the
    /// server's answer; 0 if nobody asked, or nobody answered.
    pub async fn tell_answered_by(&self, sid: &str, word: &str) -> u16 {
        let url = {
            let open = self.books.lock();
            open.calls.get(sid).and_then(|call| call.amd_url.clone())
        };
        let Some(url) = url else {
            return 0;
        };
        let account = &self.books.setup.account_sid;
        let pairs = [
            ("CallSid", sid),
            ("AccountSid", account),
            ("AnsweredBy", word),
            ("MachineDetectionDuration", "4120"),
        ];
        self.post(&url, &pairs).await
    }

    /// A stranger calls one of the account's numbers.
    pub async fn ring(&self, from: &str, to: &str) -> Rung {
        course::ring(&self.books, from, to).await
    }

    /// A caller who was asked for keys presses these.
    pub async fn press(&self, sid: &str, action: &str, keys: &str) -> Rung {
        course::press(&self.books, sid, action, keys).await
    }

    /// Sends a webhook as the carrier does; its status, 0 if nobody answered.
    pub async fn post(&self, url: &str, pairs: &[(&str, &str)]) -> u16 {
        let form = trunkline_core::wire::twilio::form::encode(pairs.iter().copied());
        let Ok(form) = Form::parse(form.as_bytes()) else {
            return 0;
        };
        let answer = road::post(&self.books, url, &form).await;
        answer.map_or(0, |(status, _)| status)
    }

    /// Returns once the call is over and everything about it has been told, or the time is up. Whether it is over.
    pub async fn is_over_within(&self, sid: &str, patience: Duration) -> bool {
        let mut told = self.books.told.subscribe();
        let over = told.wait_for(|()| {
            let open = self.books.lock();
            open.calls.get(sid).is_none_or(BookedCall::told)
        });
        matches!(tokio::time::timeout(patience, over).await, Ok(Ok(_)))
    }
}

impl BookedCall {
    /// One that nobody has heard of yet.
    fn new(sid: String, from: &str, to: &str, created_ms: i64) -> Self {
        Self {
            sid,
            from: from.to_owned(),
            to: to.to_owned(),
            status: Status::Queued,
            is_outbound: true,
            created_ms,
            answered_ms: None,
            ended_ms: None,
            status_url: None,
            answer_url: String::new(),
            events: Vec::new(),
            sequence: 0,
            media: None,
            amd_url: None,
            redirected: None,
            room: None,
            parent: None,
            said: None,
        }
    }

    /// Whether it is over and its end has been told.
    fn told(&self) -> bool {
        self.status.is_final() && self.status_url.is_none()
    }
}
