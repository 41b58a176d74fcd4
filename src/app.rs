//! The handles that a request or a call may use.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio_util::task::TaskTracker;
use trunkline_core::token::{Claims, Key};

use crate::agent::{Agent, Agents, MindSpec};
use crate::provider::{Ears, StageError, Voice};
use crate::session::{LiveNote, Means};
use crate::telephony::{self, Tickets};
use crate::think::{ChatMind, ChatSettings, FlowMind, Mind};

/// Notes kept for a watcher that is slow; it learns how many it missed.
const FEED_NOTES_MAX: usize = 1_024;
/// How long live calls may take to end when the server does: their last words, and a little.
pub const DRAIN_PATIENCE: Duration = Duration::from_secs(20);

/// One server.
pub struct App {
    /// The listening stages.
    pub ears: Arc<dyn Ears>,
    /// The speaking stage.
    pub voice: Arc<dyn Voice>,
    /// Who may answer.
    pub agents: Agents,
    /// Who may open a media socket.
    pub tickets: Tickets,
    /// Notes of live calls.
    pub feed: broadcast::Sender<LiveNote>,
    /// True once the server shuts down.
    pub draining: watch::Sender<bool>,
    /// Live calls.
    pub tasks: TaskTracker,
    http: reqwest::Client,
    chat: Option<Arc<ChatSettings>>,
}

/// What a server is made of.
pub struct Parts {
    /// The listening stages.
    pub ears: Arc<dyn Ears>,
    /// The speaking stage.
    pub voice: Arc<dyn Voice>,
    /// Who may answer.
    pub agents: Agents,
    /// Keys of media tokens, the newest first.
    pub keys: Vec<Key>,
    /// Accept tokens that open many sockets.
    pub allow_reusable: bool,
    /// The language model of prompted agents.
    pub chat: Option<ChatSettings>,
}

/// A call cannot be held by the agent it is for.
#[derive(Debug, thiserror::Error)]
#[error(
    "agent {agent} has a prompt, but no language model is configured; set llm.base_url and llm.model"
)]
pub struct NoModel {
    /// The agent.
    pub agent: String,
}

impl App {
    /// A server that does not listen yet.
    pub fn new(parts: Parts) -> Result<Arc<Self>, reqwest::Error> {
        Ok(Arc::new(Self {
            ears: parts.ears,
            voice: parts.voice,
            agents: parts.agents,
            tickets: Tickets::new(parts.keys, parts.allow_reusable),
            feed: broadcast::Sender::new(FEED_NOTES_MAX),
            draining: watch::Sender::new(false),
            tasks: TaskTracker::new(),
            http: crate::egress::client()?,
            chat: parts.chat.map(Arc::new),
        }))
    }

    /// Voices ahead what every call may need at once, so that no caller waits for it and no later failure of the voice
    /// is silent.
    pub async fn warm(&self) -> Result<(), StageError> {
        for agent in self.agents.iter() {
            for sentence in agent.sentences() {
                self.voice.keep(sentence, agent.speed).await?;
            }
        }
        Ok(())
    }

    /// Voices ahead what calls are likely to need, as long as nothing more urgent is asked of the voice.
    pub async fn prepare(&self) {
        for agent in self.agents.iter() {
            for sentence in agent.likely_sentences() {
                if let Err(error) = self.voice.keep(sentence, agent.speed).await {
                    // It will be tried again when it is to be said.
                    tracing::warn!(%error, agent = %agent.id, "sentence not made ahead");
                }
            }
        }
    }

    /// Our id of the call that a token opens: its own, or a new one for each socket of a reusable token.
    pub fn call_id(&self, claims: &Claims) -> String {
        if claims.reusable {
            new_call_id()
        } else {
            claims.call_id.clone()
        }
    }

    /// What a call with this agent needs.
    pub fn means(&self, agent: &Agent, claims: &Claims) -> Result<Means, NoModel> {
        let mind = match &agent.mind {
            MindSpec::Flow(flow) => Mind::Flow(FlowMind::new(Arc::clone(flow), agent.vars.clone())),
            MindSpec::Prompt { prompt, greeting } => {
                let chat = self.chat.clone().ok_or_else(|| NoModel {
                    agent: agent.id.clone(),
                })?;
                Mind::Chat(ChatMind::new(
                    self.http.clone(),
                    chat,
                    prompt,
                    greeting.clone(),
                ))
            }
        };
        Ok(Means {
            ears: Arc::clone(&self.ears),
            voice: Arc::clone(&self.voice),
            speed: agent.speed,
            settings: Arc::clone(agent.settings(claims.direction)),
            mind,
            feed: self.feed.clone(),
            draining: self.draining.subscribe(),
        })
    }

    /// The routes.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route(
                &format!("{}/{{token}}", telephony::MEDIA_PATH),
                get(telephony::media),
            )
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .with_state(Arc::clone(self))
    }

    /// Serves until `stop`, then lets live calls say goodbye.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let mut closed = self.draining.subscribe();
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            // Small messages at a steady beat: nothing is gained by holding them back.
            let _ = stream.set_nodelay(true);
        });
        let server = axum::serve(listener, self.router()).with_graceful_shutdown(async move {
            let _ = closed.wait_for(|draining| *draining).await;
        });
        let serving = tokio::spawn(server.into_future());
        stop.await;
        tracing::info!(
            calls = self.tasks.len(),
            "shutting down: live calls say goodbye"
        );
        self.draining.send_replace(true);
        self.tasks.close();
        if tokio::time::timeout(DRAIN_PATIENCE, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(calls = self.tasks.len(), "calls were cut off");
        }
        serving.abort();
        Ok(())
    }
}

async fn ready(
    axum::extract::State(app): axum::extract::State<Arc<App>>,
) -> (StatusCode, &'static str) {
    if *app.draining.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n");
    }
    match app.ears.admit() {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy\n"),
    }
}

/// A new id of a call.
pub fn new_call_id() -> String {
    format!("call_{}", ulid::Ulid::new())
}
