//! A server with one client whose calls are kept, and what is found of a call afterwards.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use trunkline::agent::{AgentSpec, Agents};
use trunkline::api::{ApiLimits, Doorway, accept};
use trunkline::app::{App, Parts};
use trunkline::carrier_double::{CallRecord, CallSetup, Carrier, ConnectError};
use trunkline::clock;
use trunkline::desk::setup::Books;
use trunkline::desk::{self, Desk, Place};
use trunkline::ids::{ClientId, new_id};
use trunkline::journal::{Disk, JournalSettings, Journals};
use trunkline::providers::Providers;
use trunkline::stack::{Defaults, RealtimeChosen};
use trunkline::store::StoreConfig;
use trunkline::store::calls::Call;
use trunkline::store::events::EventRow;
use trunkline::store::rows::content_aad;
use trunkline::think::ChatSettings;
use trunkline::vault::ClientKeys;
use trunkline_core::journal::{Consent, Entry, SAMPLES_PER_MS, SILENCE, Speaker, Step, Turn};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::{Claims, sign};
use trunkline_core::transcript::Transcript;

use crate::session::rig::{self, Door, key, unhurried, url};
use crate::session::stand_in::{StandInEars, StandInVoice};
use crate::session::tongue;

/// Bytes on their way in one direction; a carrier's socket holds about as much.
const WIRE_BYTES: usize = 64 * 1024;
/// Longest that a call of a test may last.
const CALL_MS_MAX: u64 = 25 * 60 * 1_000;
/// Whose server it is.
pub(super) const CLIENT: &str = "Wintergreen Orthodontics";
/// Who calls, and whom.
pub(super) const FROM: &str = "+12125550137";
pub(super) const TO: &str = "+12125550188";

/// The notice and the question of the agent that asks for a yes, as they are heard.
pub(super) const QUESTION: &str = "We would like to record and transcribe this call to improve our treatment. \
    Is that all right? Please say yes or no, or press 1 for yes.";
/// The same of the agent that only tells.
pub(super) const NOTICE: &str = "This call is recorded and transcribed to improve our treatment. \
    If you prefer not, say: please don't record this call, or press 8.";

/// An agent that asks two questions and says goodbye.
pub(super) fn booker(recording: &str) -> String {
    format!(
        r#"
name = "Robinson"
business = "{CLIENT}"
flow_text = '''
start = "day"
[states.day]
say = "Which weekday suits your appointment?"
slot = "day"
type = "day"
retry = "Sorry, which weekday?"
nudge = "Which weekday would suit?"
next = "why"
else = "bye"
[states.why]
say = "Wonderful, {{{{day}}}}. What seems to be the trouble with your teeth?"
slot = "why"
type = "text"
nudge = "What is the trouble?"
next = "bye"
else = "bye"
[states.bye]
say = "Understood. Everything is arranged for {{{{day|or:some day}}}}. Goodbye!"
end = true
'''
[recording]
record = true
reason = "to improve our treatment"
places = ["US-NY"]
{recording}
"#
    )
}

/// What the caller answers the booker.
pub(super) const DAY: &str = "Wednesday suits my grandmother";
pub(super) const WHY: &str = "A terrible toothache since yesterday";
pub(super) const AGENT_WHY: &str =
    "Wonderful, Wednesday. What seems to be the trouble with your teeth?";
pub(super) const AGENT_BYE: &str = "Understood. Everything is arranged for Wednesday. Goodbye!";

pub(super) struct House {
    pub(super) app: Arc<App>,
    pub(super) client: ClientId,
    pub(super) keys: ClientKeys,
    pub(super) agent: String,
    door: mpsc::Sender<DuplexStream>,
    _serving: JoinHandle<()>,
    _open: watch::Sender<bool>,
    folder: TempDir,
}

/// What a house is built of.
pub(super) struct Plot {
    /// The agent's document, in TOML.
    pub(super) agent: String,
    pub(super) disk: Option<Arc<dyn Disk>>,
    pub(super) chat: Option<ChatSettings>,
    pub(super) realtime: Option<RealtimeChosen>,
}

impl Plot {
    pub(super) fn of(agent: String) -> Self {
        Self {
            agent,
            disk: None,
            chat: None,
            realtime: None,
        }
    }
}

impl House {
    pub(super) async fn open(agent: String) -> Self {
        Self::build(Plot::of(agent)).await
    }

    pub(super) async fn build(plot: Plot) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let (desk, client) = unhurried(furnish(&data, plot.disk)).await;
        let keys = unhurried(desk.keys(&client)).await.unwrap();
        let agent = unhurried(add_agent(&desk, &keys, &plot.agent)).await;
        let app = App::new(Parts {
            ears: Arc::new(StandInEars::new(8)),
            voice: Arc::new(StandInVoice::new()),
            agents: Agents::load(None).unwrap(),
            keys: vec![key()],
            allow_reusable: false,
            defaults: Defaults {
                chat: plot.chat,
                realtime: plot.realtime,
                ..Defaults::default()
            },
            providers: Providers::default(),
            desk: Arc::new(desk),
            public_url: "wss://trunkline.test".into(),
            place: "US-NY".parse().ok(),
            limits: ApiLimits::default(),
        });
        let (door, visitors) = mpsc::channel(64);
        let (open, closed) = watch::channel(false);
        let router = trunkline::api::router(&app);
        let serving = accept(Door(visitors), router, Doorway::default(), closed);
        Self {
            client,
            keys,
            agent,
            door,
            _serving: tokio::spawn(serving),
            _open: open,
            folder,
            app,
        }
    }

    pub(super) fn desk(&self) -> &Desk {
        &self.app.desk
    }

    /// All that there is on disk of this house.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn claims(&self) -> Claims {
        Claims {
            client: Some(self.client.as_str().to_owned()),
            from: Some(PhoneNumber::parse(FROM).unwrap()),
            to: Some(PhoneNumber::parse(TO).unwrap()),
            ..rig::claims(&self.agent)
        }
    }

    /// Calls; gives our id of the call too.
    pub(super) async fn call(&self) -> (String, Carrier) {
        self.call_as(self.claims(), CallSetup::new(1)).await
    }

    pub(super) async fn call_as(&self, claims: Claims, setup: CallSetup) -> (String, Carrier) {
        let carrier = self.try_call(&claims, setup).await;
        (claims.call_id, carrier.unwrap())
    }

    /// Calls, and is perhaps turned away.
    pub(super) async fn try_call(
        &self,
        claims: &Claims,
        mut setup: CallSetup,
    ) -> Result<Carrier, ConnectError> {
        setup.call_ms_max = CALL_MS_MAX;
        let (ours, theirs) = duplex(WIRE_BYTES);
        self.door.send(theirs).await.unwrap();
        let media = url(&sign(claims, &key()));
        // The server asks its database before it answers.
        unhurried(Carrier::connect_over(ours, &media, setup)).await
    }

    /// Ends the call, and returns once everything of it is written.
    pub(super) async fn finish(&self, call: Carrier) -> CallRecord {
        let record = call.finish().await.unwrap();
        // The server's side may wait for its clock; and then for other threads.
        self.over().await;
        self.settle().await;
        assert_eq!(record.violations, []);
        record
    }

    /// Returns once no call is held any more.
    pub(super) async fn over(&self) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.app.tasks.close();
        unhurried(self.app.tasks.wait()).await;
        self.app.tasks.reopen();
    }

    /// Returns once everything that calls handed over is written, while they go on.
    pub(super) async fn settle(&self) {
        unhurried(async {
            self.desk().journals.flush().await.unwrap();
            self.desk().rows.flush().await.unwrap();
        })
        .await;
    }

    pub(super) async fn kept(&self, call_id: &str) -> Kept {
        let reading = unhurried(self.desk().journals.read(&self.client, call_id))
            .await
            .unwrap();
        let contents = reading.contents().unwrap();
        assert_eq!(contents.damaged, 0);
        let (mut caller, mut agent) = (Vec::new(), Vec::new());
        let end = reading.samples().unwrap();
        while (caller.len() as u64) < end {
            let from = caller.len() as u64;
            let sound = reading.audio(from, end.min(from + 4_000_000)).unwrap();
            assert_eq!(sound.damaged, 0);
            caller.extend(sound.caller);
            agent.extend(sound.agent);
        }
        Kept {
            entries: contents
                .entries
                .into_iter()
                .map(|(_, entry)| entry)
                .collect(),
            caller,
            agent,
        }
    }

    pub(super) async fn row(&self, call_id: &str) -> Call {
        let calls = self.desk().store.calls();
        let found = unhurried(calls.find(&self.client, call_id)).await;
        found.unwrap().expect("there is a row of the call")
    }

    /// The rows of turns, opened with the call's key.
    pub(super) async fn turn_rows(&self, call_id: &str) -> Vec<Turn> {
        let reading = unhurried(self.desk().journals.read(&self.client, call_id))
            .await
            .unwrap();
        let turns = self.desk().store.turns();
        let rows = unhurried(turns.list(&self.client, call_id)).await.unwrap();
        rows.into_iter()
            .map(|row| {
                let aad = content_aad(&self.client, call_id, row.seq);
                let json = reading.key().open(&aad, &row.body.0).unwrap();
                serde_json::from_slice(&json).unwrap()
            })
            .collect()
    }

    pub(super) async fn event_rows(&self, call_id: &str) -> Vec<EventRow> {
        let events = self.desk().store.events();
        unhurried(events.list(&self.client, call_id, None, 200))
            .await
            .unwrap()
            .0
    }

    pub(super) async fn consent_rows(&self, call_id: &str) -> Vec<Step> {
        let consents = self.desk().store.consents();
        let rows = unhurried(consents.list(&self.client, call_id)).await;
        rows.unwrap().into_iter().map(|row| row.step).collect()
    }
}

async fn furnish(data: &Path, disk: Option<Arc<dyn Disk>>) -> (Desk, ClientId) {
    let config = StoreConfig::sqlite(&data.join("trunkline.db"));
    let books = Books::make(data, &config).await.unwrap();
    let client = books.add_client(CLIENT).await.unwrap();
    drop(books);
    // A paused clock leaps over what takes the disk a moment.
    let settings = JournalSettings {
        waiting_max: 1 << 16,
        ..JournalSettings::default()
    };
    let (mut desk, _) = Desk::open(data, &config, settings).await.unwrap();
    if let Some(disk) = disk {
        desk.journals.close().await;
        let (vault, rows) = (desk.vault.clone(), Arc::new(desk.rows.clone()));
        desk.journals = Journals::open_on(disk, data, vault, rows, settings).unwrap();
    }
    (desk, client)
}

/// Stores an agent as the API does.
async fn add_agent(desk: &Desk, keys: &ClientKeys, text: &str) -> String {
    let spec: AgentSpec = toml::from_str(text).unwrap();
    let body = serde_json::to_string(&spec).unwrap();
    let id = new_id("agent");
    let version = desk::version_id(&id, 1);
    let name = desk::seal(keys, Place::new("agents.name", &id), &spec.name);
    let body = desk::seal(keys, desk::version_place(&version), &body);
    let agents = desk.store.agents();
    let added = agents.add(keys.id(), &id, &name, &body, None, clock::unix_ms());
    added.await.unwrap();
    id
}

/// What is stored of a call, opened.
pub(super) struct Kept {
    pub(super) entries: Vec<Entry>,
    /// mu-law, 8 kHz, from the start of the call.
    pub(super) caller: Vec<u8>,
    pub(super) agent: Vec<u8>,
}

impl Kept {
    pub(super) fn transcript(&self) -> Transcript {
        Transcript::of(&self.entries)
    }

    /// What one side said, a turn each.
    pub(super) fn said(&self, speaker: Speaker) -> Vec<String> {
        let turns = self.transcript().turns.into_iter();
        let of_side = turns.filter(|turn| turn.speaker == speaker);
        of_side.map(|turn| turn.text).collect()
    }

    pub(super) fn steps(&self) -> Vec<Consent> {
        self.transcript().consent
    }

    /// When it was granted, in samples.
    pub(super) fn granted_at(&self) -> usize {
        let granted = |c: &&Consent| matches!(c.step, Step::Granted { .. });
        let at_ms = self.steps().iter().find(granted).unwrap().at_ms;
        (at_ms * SAMPLES_PER_MS) as usize
    }

    /// Whether any sound of the caller's is stored, silence too.
    pub(super) fn has_caller_sound(&self) -> bool {
        let has = |entry: &Entry| matches!(entry, Entry::Audio(audio) if audio.caller.is_some());
        // Sound is not among the contents, so the channel itself must be still.
        self.entries.iter().any(has) || self.caller.iter().any(|byte| *byte != SILENCE)
    }

    /// The words in the caller's channel.
    pub(super) fn caller_words(&self) -> String {
        tongue::words(&tongue::samples(&self.caller))
    }

    /// The words in the agent's channel.
    pub(super) fn agent_words(&self) -> String {
        tongue::words(&tongue::samples(&self.agent))
    }

    pub(super) fn events(&self) -> Vec<(String, String)> {
        let event = |entry: &Entry| {
            let Entry::Event(event) = entry else {
                return None;
            };
            Some((event.kind.clone(), event.detail.clone()))
        };
        self.entries.iter().filter_map(event).collect()
    }
}

/// Waits until the agent has said all this, and for a moment more.
pub(super) async fn hear_out(call: &mut Carrier) {
    call.wait_agent_speaking_ms(100).await.unwrap();
    call.wait_until_agent_quiet(700).await.unwrap();
}

/// Speaks, and hears the answer out.
pub(super) async fn ask(call: &mut Carrier, words: &str) {
    call.speak(rig::speech(words)).await.unwrap();
    call.wait_for_answer().await.unwrap();
    call.wait_until_agent_quiet(700).await.unwrap();
}
