//! After the calls: what the server kept of them, through its API, as anybody could ask for it.

use std::path::Path;

use anyhow::{Context as _, anyhow};

use crate::api_key::Secret;

/// Longest answer that is shown, in characters.
const SHOWN_CHARS: usize = 1_600;

/// Asks the API of a running server, and shows each question as a line for a shell.
pub(super) struct Asker {
    http: reqwest::Client,
    server: String,
    key: Secret,
}

impl Asker {
    pub(super) fn new(server: String, key: Secret) -> anyhow::Result<Self> {
        Ok(Self {
            http: crate::egress::client()?,
            server,
            key,
        })
    }

    /// The lines to set up a shell with.
    pub(super) fn preface(&self) -> String {
        format!("  S={}\n  K={}", self.server, Secret::reveal(&self.key))
    }

    /// One question as a line for a shell.
    pub(super) fn line(path: &str) -> String {
        format!("curl -s -H \"Authorization: Bearer $K\" \"$S{path}\"")
    }

    async fn ask(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let asked = self
            .http
            .get(format!("{}{path}", self.server))
            .bearer_auth(Secret::reveal(&self.key))
            .send()
            .await
            .context("the server's API does not answer")?;
        Ok(asked)
    }

    /// Asks and gives the answer's text, shortened; a refusal is an answer too.
    pub(super) async fn text(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.ask(path).await?;
        let status = answer.status();
        let text = answer.text().await?;
        let shown: String = text.chars().take(SHOWN_CHARS).collect();
        let more = if shown.len() < text.len() { " …" } else { "" };
        Ok(match status.is_success() {
            true => format!("{}{more}", shown.trim_end()),
            false => format!("{status}: {}{more}", shown.trim_end()),
        })
    }

    /// Fetches a recording into a file; what the server says instead, if there is none.
    pub(super) async fn save(&self, path: &str, file: &Path) -> anyhow::Result<u64> {
        let answer = self.ask(path).await?;
        if !answer.status().is_success() {
            return Err(anyhow!("{path}: {}", answer.status()));
        }
        let bytes = answer.bytes().await?;
        tokio::fs::write(file, &bytes)
            .await
            .with_context(|| file.display().to_string())?;
        Ok(bytes.len() as u64)
    }
}
