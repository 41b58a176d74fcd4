//! Many calls at once, and what the server used for them.

use crate::caller::{Caller, Consent, Script};
use crate::clock::{Clock, Micros, ms, seconds};
use crate::line::{End, Line};
use crate::memory::Curve;
use crate::process::{Usage, machine_cpu_ms};
use crate::report::{Report, ServerUse};
use crate::socket::Socket;
use crate::speech::{Noise, Random, Speech};
use crate::tally::{Lateness, Tally};
use crate::web::{self, Target, twilio_signature};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use trunkline_core::wire::twilio::{CarrierSide, CarrierStart};

/// What callers do, and how the server lets them in.
#[derive(Args, Debug, Clone)]
pub(crate) struct CallOptions {
    /// Calls started per second
    #[arg(long, default_value_t = 10.0)]
    pub(crate) ramp: f64,
    /// Seconds that are measured, once all calls are up
    #[arg(long, default_value_t = 30.0)]
    pub(crate) duration: f64,
    /// Seconds between the last call's start and the measuring
    #[arg(long, default_value_t = 5.0)]
    pub(crate) settle: f64,
    /// Say yes to the question of recording first
    #[arg(long, conflicts_with = "consent_digit")]
    pub(crate) consent: bool,
    /// Press this key to agree to the recording first
    #[arg(long, value_name = "KEY")]
    pub(crate) consent_digit: Option<char>,
    /// Share of turns in which the caller hesitates
    #[arg(long, default_value_t = 0.33)]
    pub(crate) hesitate: f64,
    /// Interrupt one answer in so many; 0: none
    #[arg(long, default_value_t = 3)]
    pub(crate) barge_every: usize,
    /// Share of the answers that are not interrupted in which there is a noise that interrupts nothing
    #[arg(long, default_value_t = 0.0)]
    pub(crate) noises: f64,
    /// Its kinds, in turn
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "KINDS",
        default_value = "cough,mm-hm,street,echo"
    )]
    pub(crate) noise_kinds: Vec<Noise>,
    /// Send no marker tones; then no answer is verified
    #[arg(long, conflicts_with = "noises")]
    pub(crate) no_marker: bool,
    /// Makes a run's pauses and ids again; random without it
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Sign the upgrade as Twilio does, with this auth token
    #[arg(long, value_name = "TOKEN")]
    pub(crate) sign_token: Option<String>,
    /// The URL that is signed, if the server is known under another
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// A header of the upgrade
    #[arg(long, value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,
    /// A custom parameter of the stream
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) param: Vec<String>,
    /// Where the fake providers are, for their share of the figures
    #[arg(long, value_name = "URL")]
    pub(crate) providers: Option<String>,
    /// Their process, if it is one of its own
    #[arg(long)]
    pub(crate) providers_pid: Option<u32>,
    /// The server's process, for CPU and memory
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Write down its memory every so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) rss_every: Option<f64>,
}

/// Where calls go: one URL for all, or one for each.
#[derive(Args, Debug, Clone)]
pub(crate) struct Urls {
    /// The server's media address, as ws://127.0.0.1:8080/path
    #[arg(long, required_unless_present = "media_urls")]
    url: Option<String>,
    /// A file with an address a line, taken in turn
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    media_urls: Option<PathBuf>,
}

impl Urls {
    pub(crate) fn read(&self) -> Result<Vec<Target>> {
        let text = match (&self.url, &self.media_urls) {
            (Some(url), _) => url.clone(),
            (None, Some(file)) => {
                std::fs::read_to_string(file).with_context(|| file.display().to_string())?
            }
            (None, None) => bail!("give --url or --media-urls"),
        };
        targets(&text)
    }
}

/// One address a line.
pub(crate) fn targets(text: &str) -> Result<Vec<Target>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let targets: Vec<Target> = lines.map(Target::parse).collect::<Result<_>>()?;
    if targets.is_empty() {
        bail!("there is no media address to call");
    }
    Ok(targets)
}

/// After this beyond the window a call that has not ended is given up: a turn and its answer take less.
const OVERTIME: Micros = ms(30_000);
/// A consent takes so long.
const CONSENT_SETTLE_S: f64 = 8.0;

impl CallOptions {
    fn consent(&self) -> Consent {
        match (self.consent, self.consent_digit) {
            (true, _) => Consent::Spoken,
            (false, Some(key)) => Consent::Key(key),
            (false, None) => Consent::Unasked,
        }
    }

    /// What the callers do, in a run of `calls` that begins at `start`.
    pub(crate) fn script(&self, calls: usize, start: Micros) -> Result<Script> {
        let mut script = Script::usual(Speech::bundled()?);
        script.consent = self.consent();
        script.hesitate = self.hesitate.clamp(0.0, 1.0);
        script.barge_every = self.barge_every;
        script.noises = self.noises.clamp(0.0, 1.0);
        script.noise_kinds.clone_from(&self.noise_kinds);
        script.is_marked = !self.no_marker;
        let extra = if script.consent == Consent::Unasked {
            0.0
        } else {
            CONSENT_SETTLE_S
        };
        let ramp_s = calls as f64 / self.ramp.max(0.01);
        script.window_from = start + seconds(ramp_s + self.settle + extra);
        script.window_to = script.window_from + seconds(self.duration);
        Ok(script)
    }

    /// The run's seed.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| {
            let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
            let clock = u64::try_from(since.as_nanos()).unwrap_or(0);
            Random::new(clock ^ u64::from(std::process::id())).number()
        })
    }

    /// One call: connects, holds it, tells how it ended.
    pub(crate) async fn call(
        &self,
        target: &Target,
        caller: &mut Caller,
        ids: (u64, usize),
        shared: Shared<'_>,
    ) -> End {
        let (seed, index) = ids;
        let mask = (Random::new(seed ^ index as u64).number() as u32).to_ne_bytes();
        let socket = match self.connect(target, mask).await {
            Ok(socket) => socket,
            Err(error) => return End::Failed(format!("{error:#}")),
        };
        let side = CarrierSide::new(CarrierStart {
            account: format!("AC{:032x}", 1),
            carrier_call_id: format!("CA{seed:016x}{index:016x}"),
            stream_id: format!("MZ{seed:016x}{index:016x}"),
            parameters: self
                .param
                .iter()
                .filter_map(|param| param.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        });
        let line = Line {
            socket,
            side,
            clock: shared.clock,
            lateness: shared.lateness,
            window: shared.window,
        };
        let left = shared.window.1 + OVERTIME;
        tokio::select! {
            end = line.hold(caller) => end,
            () = shared.clock.until(left) => End::Failed("the call did not end".to_owned()),
        }
    }

    async fn connect(&self, target: &Target, mask: [u8; 4]) -> Result<Socket<TcpStream>> {
        let mut headers = Vec::with_capacity(self.header.len() + 1);
        for header in &self.header {
            let (name, value) = header
                .split_once(':')
                .with_context(|| format!("--header {header:?} has no colon"))?;
            headers.push((name.trim(), value.trim().to_owned()));
        }
        if let Some(token) = &self.sign_token {
            let url = self.public_url.as_deref().unwrap_or(&target.url);
            headers.push(("X-Twilio-Signature", twilio_signature(token, url)?));
        }
        let mut stream = target.connect().await?;
        let upgrade = web::upgrade(&mut stream, target, &headers);
        let upgraded = tokio::time::timeout(Duration::from_secs(10), upgrade);
        let rest = upgraded.await.context("the upgrade is not answered")??;
        Ok(Socket::of_client(stream, rest, mask))
    }
}

/// What the calls of a run share.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub(crate) clock: Clock,
    pub(crate) lateness: &'a RefCell<Lateness>,
    pub(crate) window: (Micros, Micros),
}

/// Holds `calls` calls and reports. Must run within a `LocalSet`.
///
/// # Errors
/// A provider's address is wrong or does not answer, or the clips are broken.
pub(crate) async fn hold(
    options: &CallOptions,
    targets: &[Target],
    calls: usize,
) -> Result<Report> {
    let providers = options
        .providers
        .as_deref()
        .map(Target::parse)
        .transpose()?;
    if let Some(providers) = &providers {
        providers.at("/reset").ask("GET").await?;
    }
    let before = options.pid.map(Usage::of);
    let clock = Clock::new();
    let start = ms(100);
    let seed = options.seed();
    let script = Rc::new(options.script(calls, start)?);
    let window = (script.window_from, script.window_to);
    let lateness = Rc::new(RefCell::new(Lateness::default()));
    let mut random = Random::new(seed);
    let mut running = Vec::with_capacity(calls);
    for index in 0..calls {
        // Frames of different calls must not all be due at once.
        let jitter = (random.share() * 20_000.0) as Micros;
        let begins = start + seconds(index as f64 / options.ramp.max(0.01)) + jitter;
        let target = targets[index % targets.len()].clone();
        let (script, options) = (Rc::clone(&script), options.clone());
        let lateness = Rc::clone(&lateness);
        running.push(tokio::task::spawn_local(async move {
            clock.until(begins).await;
            let mut caller = Caller::new(script, index, seed, clock.now());
            let shared = Shared {
                clock,
                lateness: &lateness,
                window,
            };
            let end = options
                .call(&target, &mut caller, (seed, index), shared)
                .await;
            finish(caller.tally, end, index)
        }));
    }
    let (used, memory) = watch(options, clock, window, providers.as_ref(), before).await;
    let mut tally = Tally::default();
    for call in running {
        tally.add(call.await.unwrap_or_default());
    }
    let stats = match &providers {
        Some(providers) => serde_json::from_str(&providers.at("/stats").ask("GET").await?.1).ok(),
        None => None,
    };
    let lateness = lateness.borrow().clone();
    Ok(Report {
        calls,
        duration_s: options.duration,
        seed,
        tally,
        lateness,
        used,
        memory,
        providers: stats,
    })
}

/// What was measured in a call, and how it ended.
pub(crate) fn finish(mut tally: Tally, end: End, index: usize) -> Tally {
    match end {
        End::HungUp => {}
        End::ByServer(code) => {
            tally.ended_by_server += 1;
            tally
                .failures
                .push(format!("call {index}: the server ended it (code {code:?})"));
        }
        End::Failed(reason) => tally.failures.push(format!("call {index}: {reason}")),
    }
    tally
}

/// Reads what everybody used over the window.
async fn watch(
    options: &CallOptions,
    clock: Clock,
    window: (Micros, Micros),
    providers: Option<&Target>,
    before: Option<Usage>,
) -> (ServerUse, Curve) {
    let mark = async |path| {
        if let Some(providers) = providers {
            let _ = providers.at(path).ask("GET").await;
        }
    };
    let usage = || {
        (
            options.pid.map(Usage::of).unwrap_or_default(),
            options.providers_pid.map(Usage::of).unwrap_or_default(),
            Usage::of(std::process::id()),
            machine_cpu_ms(),
        )
    };
    clock.until(window.0).await;
    mark("/window?at=start").await;
    let from = usage();
    let mut rss_max = from.0.rss_kib;
    let mut memory = Curve::default();
    while clock.now() < window.1 {
        clock.until((clock.now() + ms(1_000)).min(window.1)).await;
        let rss_kib = options.pid.map(Usage::of).unwrap_or_default().rss_kib;
        rss_max = rss_max.max(rss_kib);
        let at_s = clock.now().saturating_sub(window.0) as f64 / 1e6;
        let is_due = |every: &f64| {
            memory
                .last_s()
                .is_none_or(|last| at_s >= last + every - 0.5)
        };
        if options.rss_every.as_ref().is_some_and(is_due) {
            memory.note(at_s, rss_kib);
        }
    }
    mark("/window?at=end").await;
    let to = usage();
    let server_ms = to.0.cpu_ms - from.0.cpu_ms;
    let providers_ms = to.1.cpu_ms - from.1.cpu_ms;
    let mut own_ms = to.2.cpu_ms - from.2.cpu_ms;
    if options.pid.is_some_and(is_child) {
        own_ms -= server_ms;
    }
    let used = ServerUse {
        is_known: options.pid.is_some(),
        cpu_ms: server_ms,
        rss_before_kib: before.unwrap_or_default().rss_kib,
        rss_max_kib: rss_max,
        processes: to.0.processes,
        own_ms,
        providers_ms,
        foreign_ms: (to.3 - from.3 - server_ms - providers_ms - own_ms).max(0.0),
    };
    (used, memory)
}

/// Whether this process started `pid`; then its use is part of this one's.
fn is_child(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| {
            stat.rsplit_once(')')?
                .1
                .split_whitespace()
                .nth(1)?
                .parse()
                .ok()
        })
        == Some(std::process::id())
}
