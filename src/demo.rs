//! A whole conversation on one machine: the server, a simulated carrier on a real socket in real time, and a caller with
//! another voice than the agent's.

#![expect(clippy::print_stdout, reason = "the demo talks to its user")]

mod after;
pub mod caller;
pub(crate) mod report;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, oneshot};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::{Claims, Direction, Key, sign};

use crate::api;
use crate::api_key::Secret;
use crate::app::{App, new_call_id};
use crate::carrier_double::{CallSetup, Carrier};
use crate::clock;
use crate::session::LiveNote;
use crate::telephony::MEDIA_PATH;
use after::Asker;
use caller::Line;
use report::Report;

/// How long a media URL of the demo works.
const URL_SECONDS: u64 = 3_600;
/// After the call, how long its last notes may take.
const LAST_NOTES: Duration = Duration::from_millis(500);

/// What the user asked for.
pub struct Demo {
    /// Who answers: one of the server's agents.
    pub agent: String,
    /// The caller's recordings, in place of the built-in caller.
    pub caller: Vec<PathBuf>,
    /// Where the recording of both sides goes.
    pub out: PathBuf,
    /// Leave the server running.
    pub keep: bool,
}

impl Demo {
    /// Serves, calls, shows the conversation as it happens and sums it up.
    pub async fn run(
        self,
        app: Arc<App>,
        key: &Key,
        secret: Secret,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("no port on 127.0.0.1")?;
        let address = listener.local_addr()?;
        println!("making the agent's standing sentences …");
        app.warm().await.context("the voice does not work")?;
        app.prepare().await;
        let (enough, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(api::serve(Arc::clone(&app), listener, async move {
            tokio::select! {
                () = stop => {}
                _ = stopped => {}
            }
        }));
        let stage = Stage {
            app,
            server: format!("ws://{address}"),
            agent: self.agent.clone(),
            key: key.clone(),
        };
        let is_built_in = self.caller.is_empty();
        let lines = if is_built_in {
            caller::built_in()?
        } else {
            caller::from_files(&self.caller)?
        };
        println!("\n== a call that may be recorded ==\n");
        let first = stage
            .hold(lines, 7, is_built_in.then_some(caller::SCRIPT))
            .await?;
        println!("\n{}", first.report);
        let mut calls = vec![("the first call", first)];
        if is_built_in {
            println!("\n== a call that may not ==\n");
            let second = stage.hold(caller::refusing()?, 8, None).await?;
            calls.push(("the refused call", second));
        }
        let asker = Asker::new(format!("http://{address}"), secret)?;
        show_kept(&asker, &calls, &self.out).await?;
        if self.keep {
            let next = stage.media_url()?.0;
            println!(
                "\nthe server is still there; the same for you:\n{}\n  {}\n  {}",
                asker.preface(),
                Asker::line("/v1/calls"),
                Asker::line("/docs/"),
            );
            println!(
                "a Twilio <Stream> may call it at, once and within the hour:\n  {next}\nstop it with Ctrl-C"
            );
            serving.await??;
            return Ok(());
        }
        // A server that has stopped already needs no telling.
        let _ = enough.send(());
        serving.await??;
        stage.app.desk.close().await;
        Ok(())
    }
}

/// What every call of the demo needs.
struct Stage {
    app: Arc<App>,
    server: String,
    agent: String,
    key: Key,
}

/// A call that is over.
struct Held {
    call_id: String,
    report: Report,
}

impl Stage {
    /// Where the next call goes, and its id.
    fn media_url(&self) -> anyhow::Result<(String, String)> {
        let call_id = new_call_id();
        let claims = Claims {
            call_id: call_id.clone(),
            client: None,
            agent: self.agent.clone(),
            version: None,
            from: Some(PhoneNumber::parse("+15550100123")?),
            to: Some(PhoneNumber::parse("+15550100199")?),
            direction: Direction::Inbound,
            expires_unix_s: u64::try_from(clock::unix_ms() / 1_000)? + URL_SECONDS,
            reusable: false,
            carrier: None,
        };
        let token = sign(&claims, &self.key);
        Ok((format!("{}{MEDIA_PATH}/{token}", self.server), call_id))
    }

    /// Holds one call and shows it as it happens.
    async fn hold(
        &self,
        lines: Vec<Line>,
        seed: u64,
        script: Option<&str>,
    ) -> anyhow::Result<Held> {
        let (url, call_id) = self.media_url()?;
        let showing = tokio::spawn(show(self.app.feed.subscribe()));
        let record = converse(&url, lines, seed).await?;
        let mut report = tokio::time::timeout(Duration::from_secs(5), showing)
            .await
            .context("the call did not end")??;
        report.line(&record);
        if let Some(script) = script {
            report.said(script);
        }
        Ok(Held { call_id, report })
    }
}

/// Shows what was kept, with the lines by which anybody could ask for it.
async fn show_kept(
    asker: &Asker,
    calls: &[(&str, Held)],
    out: &std::path::Path,
) -> anyhow::Result<()> {
    println!("\n== what was kept, through the API ==");
    for (which, held) in calls {
        let id = &held.call_id;
        println!("\n{which}:");
        for path in [
            format!("/v1/calls/{id}/consent"),
            format!("/v1/calls/{id}/transcript?format=text"),
        ] {
            println!("$ {}", Asker::line(&path));
            println!("{}", asker.text(&path).await?);
        }
        if held.report.is_refused() {
            let path = format!("/v1/calls/{id}");
            println!("$ {}", Asker::line(&path));
            println!("{}", asker.text(&path).await?);
            continue;
        }
        let path = format!("/v1/calls/{id}/recording");
        println!("$ {} -o {}", Asker::line(&path), out.display());
        let bytes = asker.save(&path, out).await?;
        println!(
            "recording: {}, {bytes} bytes (left: caller, right: agent as heard)",
            out.display()
        );
    }
    Ok(())
}

/// Plays the caller until the script or the call is over.
async fn converse(
    url: &str,
    lines: Vec<Line>,
    seed: u64,
) -> anyhow::Result<crate::carrier_double::CallRecord> {
    let mut carrier = Carrier::connect(url, CallSetup::new(seed))
        .await
        .context("the server refused the call")?;
    for line in lines {
        if line.perform(&mut carrier).await.is_err() {
            break;
        }
    }
    // The agent has the last word, if it wants it.
    let goodbye = tokio::time::timeout(Duration::from_secs(20), carrier.wait_until_over()).await;
    if goodbye.is_err() {
        println!("the agent did not hang up; the caller does");
    }
    Ok(carrier.finish().await?)
}

/// Prints the conversation as it happens.
async fn show(mut notes: broadcast::Receiver<LiveNote>) -> Report {
    let mut report = Report::default();
    loop {
        let wait = if report.is_over() {
            LAST_NOTES
        } else {
            Duration::from_secs(3_600)
        };
        match tokio::time::timeout(wait, notes.recv()).await {
            Ok(Ok(live)) => {
                if let Some(line) = report.note(&live.note) {
                    println!("{line}");
                    let _ = std::io::stdout().flush();
                }
            }
            Ok(Err(RecvError::Lagged(missed))) => println!("({missed} notes missed)"),
            Ok(Err(RecvError::Closed)) | Err(_) => return report,
        }
    }
}
