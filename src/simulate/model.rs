//! The language model that plays callers and judges conversations.

use std::time::Duration;

use trunkline_core::wire::openai::ChatMessage;

use crate::egress::{Egress, Whose};
use crate::think::{Bounds, ChatSettings, ask_once};

/// How long an answer is waited for, and how long it may be.
const BOUNDS: Bounds = Bounds {
    patience: Duration::from_secs(60),
    bytes_max: 16 * 1024,
};
/// Tries, since what a model says once may not be what was asked for.
const TRIES: usize = 3;

/// Who is asked, and by which way.
#[derive(Clone)]
pub struct Model {
    http: reqwest::Client,
    settings: ChatSettings,
}

impl Model {
    /// An operator's model.
    ///
    /// # Errors
    /// Its address may not be used.
    pub fn new(settings: ChatSettings) -> anyhow::Result<Self> {
        let http = Egress::new().http(Whose::Operator, &settings.base_url)?;
        Ok(Self { http, settings })
    }

    /// Asks until there is an answer that `read` understands.
    pub(super) async fn ask<T>(
        &self,
        messages: &[ChatMessage],
        read: impl Fn(&str) -> Option<T>,
    ) -> anyhow::Result<T> {
        let mut problem = anyhow::anyhow!("it was not asked");
        for _ in 0..TRIES {
            match ask_once(&self.http, &self.settings, messages, BOUNDS).await {
                Ok(answered) => match read(&answered.text) {
                    Some(meant) => return Ok(meant),
                    None => problem = anyhow::anyhow!("its answer is not what was asked for"),
                },
                Err(error) => problem = error.into(),
            }
        }
        let Self { settings, .. } = self;
        Err(problem.context(format!(
            "the model {} at {}",
            settings.model, settings.base_url
        )))
    }
}
