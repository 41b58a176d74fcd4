//! A whole conversation on one machine: the server, a simulated carrier on a real socket in real time, and a caller with
//! another voice than the agent's.

#![expect(clippy::print_stdout, reason = "the demo talks to its user")]

pub mod caller;
mod report;

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, oneshot};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::{Claims, Direction, Key, sign};

use crate::api;
use crate::app::{App, new_call_id};
use crate::carrier_double::{CallSetup, Carrier};
use crate::clock;
use crate::session::LiveNote;
use crate::telephony::MEDIA_PATH;
use caller::Line;
use report::Report;

/// How long a media URL of the demo works.
const URL_SECONDS: u64 = 3_600;
/// After the call, how long its last notes may take.
const LAST_NOTES: Duration = Duration::from_millis(500);

/// What the user asked for.
pub struct Demo {
    /// Who answers.
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
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        if app.agents.find(&self.agent).is_none() {
            return Err(anyhow!(
                "there is no agent {:?}; `trunkline agents list` names them",
                self.agent
            ));
        }
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("no port on 127.0.0.1")?;
        let address = listener.local_addr()?;
        println!("making the agent's standing sentences …");
        app.warm().await.context("the voice does not work")?;
        app.prepare().await;
        let lines = if self.caller.is_empty() {
            caller::built_in()?
        } else {
            caller::from_files(&self.caller)?
        };
        let (enough, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(api::serve(Arc::clone(&app), listener, async move {
            tokio::select! {
                () = stop => {}
                _ = stopped => {}
            }
        }));
        let url = media_url(&format!("ws://{address}"), &self.agent, key)?;
        println!("\ncalling {} on ws://{address}\n", self.agent);
        let notes = app.feed.subscribe();
        let showing = tokio::spawn(show(notes));
        let record = converse(&url, lines).await?;
        let mut report = tokio::time::timeout(Duration::from_secs(5), showing)
            .await
            .context("the call did not end")??;
        report.line(&record);
        if self.caller.is_empty() {
            report.said(caller::SCRIPT);
        }
        let file =
            std::fs::File::create(&self.out).with_context(|| self.out.display().to_string())?;
        record.write_wav(BufWriter::new(file))?;
        println!("\n{report}");
        println!(
            "recording: {} (left: caller, right: agent as heard)",
            self.out.display()
        );
        if self.keep {
            let next = media_url(&format!("ws://{address}"), &self.agent, key)?;
            println!(
                "\nthe server is still there. A Twilio <Stream> may call it at, once and within the hour:\n  {next}"
            );
            println!("  curl http://{address}/healthz\nstop it with Ctrl-C");
            serving.await??;
            return Ok(());
        }
        // A server that has stopped already needs no telling.
        let _ = enough.send(());
        serving.await??;
        Ok(())
    }
}

fn media_url(server: &str, agent: &str, key: &Key) -> anyhow::Result<String> {
    let claims = Claims {
        call_id: new_call_id(),
        client: None,
        agent: agent.to_owned(),
        from: Some(PhoneNumber::parse("+15550100123")?),
        to: Some(PhoneNumber::parse("+15550100199")?),
        direction: Direction::Inbound,
        expires_unix_s: u64::try_from(clock::unix_ms() / 1_000)? + URL_SECONDS,
        reusable: false,
    };
    Ok(format!("{server}{MEDIA_PATH}/{}", sign(&claims, key)))
}

/// Plays the caller until the script or the call is over.
async fn converse(
    url: &str,
    lines: Vec<Line>,
) -> anyhow::Result<crate::carrier_double::CallRecord> {
    let mut carrier = Carrier::connect(url, CallSetup::new(7))
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
