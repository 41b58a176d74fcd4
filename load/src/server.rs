//! The server under test, if the driver is to start it.

use crate::calls::targets;
use crate::web::Target;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// How often and how long it is asked whether it is up.
const ASK_EVERY: Duration = Duration::from_millis(50);
const UP_WITHIN: Duration = Duration::from_secs(60);
/// How long it may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// How to start it and where to find it.
#[derive(Args, Debug, Clone)]
pub(crate) struct ServerOptions {
    /// A shell command that becomes the server, started anew for each number of calls; without it, one runs already
    #[arg(long, value_name = "COMMAND")]
    server: Option<String>,
    /// An address that answers once the server is up
    #[arg(long, value_name = "URL")]
    health: Option<String>,
    /// The server's media address
    #[arg(long, required_unless_present_any = ["url_command", "media_urls"])]
    url: Option<String>,
    /// A file of media addresses, taken in turn
    #[arg(long, value_name = "FILE")]
    media_urls: Option<std::path::PathBuf>,
    /// A shell command that prints media addresses once the server is up
    #[arg(long, value_name = "COMMAND")]
    url_command: Option<String>,
}

/// One that runs.
pub(crate) struct Server {
    child: Option<Child>,
    /// Where to call.
    pub(crate) targets: Vec<Target>,
}

impl ServerOptions {
    /// Starts it, if it is to be started, and waits until it is up.
    ///
    /// # Errors
    /// It ends at once or is not up in a minute, or there is no media address.
    pub(crate) async fn start(&self) -> Result<Server> {
        let mut child = match &self.server {
            Some(command) => Some(
                shell(&format!("exec {command}"))
                    .stdout(Stdio::null())
                    .spawn()?,
            ),
            None => None,
        };
        if let Some(health) = &self.health {
            self.wait_for(&Target::parse(health)?, child.as_mut())
                .await?;
        }
        let targets = self.targets().await?;
        if child.is_some() {
            listens(&targets[0]).await?;
        }
        Ok(Server { child, targets })
    }

    /// Where to call now: addresses may be good for a while only, and a command makes new ones.
    ///
    /// # Errors
    /// The command fails, the file cannot be read, or there is no address.
    pub(crate) async fn targets(&self) -> Result<Vec<Target>> {
        let addresses = match (&self.url_command, &self.media_urls) {
            (Some(command), _) => {
                let output = shell(command).output().await?;
                if !output.status.success() {
                    bail!(
                        "{command}: {}",
                        String::from_utf8_lossy(&output.stderr).trim()
                    );
                }
                String::from_utf8(output.stdout)?
            }
            (None, Some(file)) => {
                std::fs::read_to_string(file).with_context(|| file.display().to_string())?
            }
            (None, None) => self.url.clone().unwrap_or_default(),
        };
        targets(&addresses)
    }

    async fn wait_for(&self, health: &Target, mut child: Option<&mut Child>) -> Result<()> {
        let up = async {
            let mut beat = tokio::time::interval(ASK_EVERY);
            loop {
                beat.tick().await;
                if let Some(status) = child
                    .as_mut()
                    .and_then(|child| child.try_wait().ok().flatten())
                {
                    bail!("the server ended before it was up: {status}");
                }
                if matches!(health.ask("GET").await, Ok((200..=299, _))) {
                    return Ok(());
                }
            }
        };
        tokio::time::timeout(UP_WITHIN, up)
            .await
            .context("the server is not up after 60 s")?
    }
}

/// Waits until somebody takes calls at an address, whatever the health address said.
async fn listens(target: &Target) -> Result<()> {
    let up = async {
        let mut beat = tokio::time::interval(ASK_EVERY);
        while target.connect().await.is_err() {
            beat.tick().await;
        }
    };
    let up = tokio::time::timeout(UP_WITHIN, up).await;
    up.with_context(|| format!("nobody listens at {} after 60 s", target.authority))
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    shell
}

impl Server {
    /// Its process, if it was started here.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Ends it: politely, then not.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let Some(child) = &mut self.child else {
            return Ok(());
        };
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        if tokio::time::timeout(ENDS_WITHIN, child.wait())
            .await
            .is_err()
        {
            child.kill().await?;
        }
        Ok(())
    }
}
