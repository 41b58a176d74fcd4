//! A server with stand-ins for its stages, and the ways to call it.

use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tempfile::TempDir;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use trunkline::agent::Agents;
use trunkline::api::{ApiLimits, Doorway, accept};
use trunkline::app::{App, Parts, new_call_id};
use trunkline::carrier_double::{CallRecord, CallSetup, Carrier, ConnectError, Speech};
use trunkline::clock;
use trunkline::desk::Desk;
use trunkline::desk::setup::Books;
use trunkline::journal::JournalSettings;
use trunkline::providers::Providers;
use trunkline::session::LiveNote;
use trunkline::stack::Defaults;
use trunkline::store::StoreConfig;
use trunkline::think::ChatSettings;
use trunkline_core::call::{EndReason, Note};
use trunkline_core::token::{Claims, Direction, Key, sign};

use super::stand_in::{StandInEars, StandInVoice};
use super::tongue;

/// Bytes on their way in one direction; a carrier's socket holds about as much.
pub(crate) const WIRE_BYTES: usize = 64 * 1024;
/// Longest that a call of a test may last.
const CALL_MS_MAX: u64 = 5 * 60 * 1_000;

/// An agent whose first question takes ten seconds to say.
const TALKER: &str = r#"
name = "Robin"
business = "Oak"
flow = "talker.flow.toml"
"#;
const TALKER_FLOW: &str = r#"
start = "day"
[states.day]
say = "We are open from eight in the morning to six in the evening, Monday to Friday, and on the first Saturday of every month from nine to twelve. Which day suits you?"
slot = "day"
type = "day"
retry = "Sorry, which day?"
nudge = "Which day would suit you?"
next = "bye"
else = "bye"
[states.bye]
say = "Thank you. See you on {{day|or:some day}}."
end = true
"#;
/// An agent that books whatever it is told, and asks for more.
const BOOKER: &str = r#"
name = "Robin"
business = "Oak"
flow = "booker.flow.toml"
"#;
const BOOKER_FLOW: &str = r#"
start = "first"
[states.first]
say = "When shall I book?"
slot = "wish"
type = "text"
next = "once"
else = "once"
[states.once]
say = "Booked {{wish|or:some day}} for you. Shall I book another day for you as well?"
slot = "more"
type = "text"
next = "twice"
else = "twice"
[states.twice]
say = "Booked twice."
end = true
"#;
/// An agent that reads aloud for more than a minute.
const READER: &str = r#"
name = "Robin"
business = "Oak"
flow = "reader.flow.toml"
"#;
/// An agent with a language model; as `patient`, it asks the model nothing before the caller's turn is over.
const CHATTER: &str = r#"
name = "Robin"
business = "Oak"
greeting = "How can I help you?"
prompt = "You are Robin."
"#;
/// What a clerk may use; the operator may have set up fewer.
const TOOLS: &str = "tools = [\"find\", \"book\", \"note\", \"opt_out\"]\n";
/// What a presser may use.
const KEYS: &str = "tools = [\"collect_keys\", \"send_keys\"]\n";
/// What both say first.
pub(crate) const OPENING: &str = "Hello, this is Robin, the AI assistant of Oak.";

pub(crate) struct House {
    pub(crate) app: Arc<App>,
    pub(crate) ears: Arc<StandInEars>,
    pub(crate) voice: Arc<StandInVoice>,
    door: mpsc::Sender<DuplexStream>,
    _serving: JoinHandle<()>,
    _open: watch::Sender<bool>,
    _agents: TempDir,
}

pub(crate) struct Plot {
    pub(crate) rooms: usize,
    pub(crate) allow_reusable: bool,
    pub(crate) chat: Option<ChatSettings>,
    /// Who else hears, speaks and thinks.
    pub(crate) defaults: Defaults,
}

impl Default for Plot {
    fn default() -> Self {
        Self {
            rooms: 8,
            allow_reusable: false,
            chat: None,
            defaults: Defaults::default(),
        }
    }
}

pub(crate) struct Door(pub(crate) mpsc::Receiver<DuplexStream>);

impl Listener for Door {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(stream) => (stream, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(crate) fn key() -> Key {
    Key::from_bytes(&[7; 32]).unwrap()
}

pub(crate) fn now_s() -> u64 {
    u64::try_from(clock::unix_ms() / 1_000).unwrap()
}

pub(crate) fn claims(agent: &str) -> Claims {
    Claims {
        call_id: new_call_id(),
        client: None,
        agent: agent.into(),
        version: None,
        from: None,
        to: None,
        direction: Direction::Inbound,
        expires_unix_s: now_s() + 300,
        reusable: false,
        carrier: None,
    }
}

pub(crate) fn url(token: &str) -> String {
    format!("ws://trunkline.test/media/twilio/{token}")
}

/// What is kept in a new folder; calls are kept for `client`, if there is one.
pub(crate) async fn desk(data: &std::path::Path, client: Option<&str>) -> Arc<Desk> {
    let config = StoreConfig::sqlite(&data.join("trunkline.db"));
    let books = Books::make(data, &config).await.unwrap();
    if let Some(name) = client {
        books.add_client(name).await.unwrap();
    }
    drop(books);
    let settings = JournalSettings::default();
    let (desk, _) = Desk::open(data, &config, settings).await.unwrap();
    Arc::new(desk)
}

/// Does `work`, which waits for other threads, while a paused clock stands still: it would leap over every deadline as
/// soon as nothing is to do but to wait. What takes longer than a minute of the day hangs: the clock is let go then, so that
/// deadlines end it.
pub(crate) async fn unhurried<T>(work: impl Future<Output = T>) -> T {
    let (done, wait) = std::sync::mpsc::sync_channel::<()>(0);
    let held = tokio::task::spawn_blocking(move || {
        let _ = wait.recv_timeout(Duration::from_secs(60));
    });
    let outcome = work.await;
    drop(done);
    held.await.unwrap();
    outcome
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::build(Plot::default()).await
    }

    pub(crate) async fn build(plot: Plot) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("talker.toml", TALKER),
            ("talker.flow.toml", TALKER_FLOW),
            ("booker.toml", BOOKER),
            ("booker.flow.toml", BOOKER_FLOW),
            ("reader.toml", READER),
            ("chatter.toml", CHATTER),
            (
                "speaker.toml",
                &format!("{CHATTER}[turn]\ndrafts_max = 0\n[realtime]\n"),
            ),
            ("eager.toml", &format!("{CHATTER}[realtime]\n")),
            (
                "speaking-clerk.toml",
                &format!("{TOOLS}{CHATTER}[turn]\ndrafts_max = 0\n[realtime]\n"),
            ),
            ("eager-clerk.toml", &format!("{TOOLS}{CHATTER}[realtime]\n")),
            (
                "clerk.toml",
                &format!("{TOOLS}{CHATTER}[turn]\ndrafts_max = 0\n"),
            ),
            (
                "presser.toml",
                &format!("{KEYS}{CHATTER}[turn]\ndrafts_max = 0\n"),
            ),
            (
                "patient.toml",
                &format!("{CHATTER}[turn]\ndrafts_max = 0\n"),
            ),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let tale = "Once upon a time there was a telephone that rang and rang. ".repeat(30);
        let flow = format!("start = \"tale\"\n[states.tale]\nsay = \"{tale}\"\nend = true\n");
        std::fs::write(folder.path().join("reader.flow.toml"), flow).unwrap();
        let ears = Arc::new(StandInEars::new(plot.rooms));
        let voice = Arc::new(StandInVoice::new());
        let app = App::new(Parts {
            ears: Arc::clone(&ears) as _,
            voice: Arc::clone(&voice) as _,
            agents: Agents::load(Some(folder.path())).unwrap(),
            keys: vec![key()],
            allow_reusable: plot.allow_reusable,
            defaults: Defaults {
                chat: plot.chat.or(plot.defaults.chat),
                ..plot.defaults
            },
            providers: Providers::default(),
            desk: unhurried(desk(&folder.path().join("data"), None)).await,
            public_url: "wss://trunkline.test".into(),
            limits: ApiLimits::default(),
            place: None,
        });
        app.warm().await.unwrap();
        let (door, visitors) = mpsc::channel(64);
        // The door stays open while the server drains, so that a test can see what late visitors are told.
        let (open, closed) = watch::channel(false);
        let router = trunkline::api::router(&app);
        let serving = accept(Door(visitors), router, Doorway::default(), closed);
        Self {
            ears,
            voice,
            door,
            _serving: tokio::spawn(serving),
            _open: open,
            _agents: folder,
            app,
        }
    }

    /// A line to the server, before anything was said on it.
    pub(crate) async fn knock(&self) -> DuplexStream {
        let (ours, theirs) = duplex(WIRE_BYTES);
        self.door.send(theirs).await.unwrap();
        ours
    }

    pub(crate) async fn call_as(
        &self,
        claims: &Claims,
        seed: u64,
    ) -> Result<Carrier, ConnectError> {
        let mut setup = CallSetup::new(seed);
        setup.call_ms_max = CALL_MS_MAX;
        let token = sign(claims, &key());
        Carrier::connect_over(self.knock().await, &url(&token), setup).await
    }

    pub(crate) async fn call(&self, agent: &str) -> Carrier {
        self.call_as(&claims(agent), 1).await.unwrap()
    }

    pub(crate) fn notes(&self) -> Notes {
        Notes(self.app.feed.subscribe())
    }

    /// Until every call's task has ended; true if all did in time.
    pub(crate) async fn is_empty_within(&self, ms: u64) -> bool {
        self.app.tasks.close();
        let empty = tokio::time::timeout(Duration::from_millis(ms), self.app.tasks.wait()).await;
        self.app.tasks.reopen();
        empty.is_ok()
    }
}

/// What calls noted, from when this was asked for.
pub(crate) struct Notes(broadcast::Receiver<LiveNote>);

impl Notes {
    /// All so far.
    pub(crate) fn take(&mut self) -> Vec<Note> {
        std::iter::from_fn(|| self.0.try_recv().ok())
            .map(|live| live.note)
            .collect()
    }

    /// The next note that answers; the server must be at work meanwhile.
    pub(crate) async fn until<T>(&mut self, wanted: impl Fn(&Note) -> Option<T>) -> T {
        loop {
            let note = self.0.recv().await.unwrap().note;
            if let Some(found) = wanted(&note) {
                return found;
            }
        }
    }
}

/// Why a call ended, of its notes.
pub(crate) fn reason(notes: &[Note]) -> EndReason {
    let reasons = reasons(notes);
    assert_eq!(reasons.len(), 1, "a call ends once: {notes:?}");
    reasons[0]
}

/// Why calls ended, of their notes.
pub(crate) fn reasons(notes: &[Note]) -> Vec<EndReason> {
    let mut reasons = Vec::new();
    for note in notes {
        if let Note::Ended { reason, .. } = note {
            reasons.push(*reason);
        }
    }
    reasons
}

/// What the notes say that the caller heard: the words, and whether they were cut.
pub(crate) fn agent_said(notes: &[Note]) -> Vec<(String, bool)> {
    let mut said = Vec::new();
    for note in notes {
        if let Note::AgentSaid { text, cut, .. } = note {
            said.push((text.clone(), *cut));
        }
    }
    said
}

/// What the notes say that the caller said.
pub(crate) fn caller_said(notes: &[Note]) -> Vec<String> {
    let mut said = Vec::new();
    for note in notes {
        if let Note::CallerSaid { text, .. } = note {
            said.push(text.clone());
        }
    }
    said
}

/// What ships for when there is no voice.
const RECORDED: &[u8] = include_bytes!("../../../fixtures/speech/apology.ulaw");
/// How [`heard`] writes it.
pub(crate) const APOLOGY: &str = "(the recorded apology)";

/// The agent's words, as the recording has them.
pub(crate) fn heard(record: &CallRecord) -> String {
    let agent = record.agent();
    let apology = tongue::samples(RECORDED);
    let Some(at) = agent.windows(apology.len()).position(|w| w == apology) else {
        return tongue::words(&agent);
    };
    let (before, after) = (
        tongue::words(&agent[..at]),
        tongue::words(&agent[at + apology.len()..]),
    );
    format!("{before} {APOLOGY} {after}").trim().to_owned()
}

pub(crate) fn speech(text: &str) -> Speech {
    Speech::mulaw(tongue::by_another(tongue::voiced(text)))
}

/// The longest time in which neither side made a sound, between the first sound and the last, in milliseconds.
pub(crate) fn longest_silence_ms(record: &CallRecord) -> usize {
    let is_loud = |pair: &[i16]| pair.iter().any(|s| s.unsigned_abs() >= 200);
    let loud: Vec<usize> = record
        .stereo
        .chunks_exact(2)
        .enumerate()
        .filter(|(_, pair)| is_loud(pair))
        .map(|(at, _)| at)
        .collect();
    loud.windows(2)
        .map(|two| (two[1] - two[0]) / 8)
        .max()
        .unwrap_or(0)
}
