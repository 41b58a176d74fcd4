//! The embedded speech as the stages of a call.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};

use super::{Hear, Speech, SpeechError, VadState, VoiceSettings};
use crate::provider::{self, Busy, Ears, Room, Sound, StageError, Voice, Words};

/// A sentence that is made ahead of every call may wait for all that is more urgent.
const AHEAD: Duration = Duration::from_secs(30);

impl From<SpeechError> for StageError {
    fn from(error: SpeechError) -> Self {
        let fatal = matches!(error, SpeechError::Stopped);
        StageError {
            what: error.to_string(),
            fatal,
        }
    }
}

impl Ears for Speech {
    fn admit(&self, room: Room) -> Result<Box<dyn Send>, Busy> {
        match Speech::admit(self, room) {
            Ok(admission) => Ok(Box::new(admission)),
            Err(_) => Err(Busy),
        }
    }

    fn activity(
        &self,
        state: VadState,
        windows: Vec<i16>,
        wanted_in: Duration,
    ) -> BoxFuture<'static, Result<(VadState, Vec<f32>), StageError>> {
        let speech = self.clone();
        async move { Ok(speech.voice_activity(state, windows, wanted_in).await?) }.boxed()
    }

    fn hear(
        &self,
        audio: Vec<i16>,
        kind: provider::Hear,
        wanted_in: Duration,
    ) -> BoxFuture<'static, Result<Words, StageError>> {
        let speech = self.clone();
        let kind = match kind {
            provider::Hear::Partial => Hear::Partial,
            provider::Hear::Final => Hear::Final,
        };
        async move {
            let heard = Speech::hear(&speech, audio, kind, wanted_in).await?;
            Ok(Words {
                text: heard.text,
                confidence: heard.confidence,
            })
        }
        .boxed()
    }

    fn turn_complete(
        &self,
        audio: Vec<i16>,
        wanted_in: Duration,
    ) -> BoxFuture<'static, Result<f32, StageError>> {
        let speech = self.clone();
        async move { Ok(Speech::turn_complete(&speech, audio, wanted_in).await?) }.boxed()
    }
}

impl Voice for Speech {
    fn say(
        &self,
        text: Arc<str>,
        speed: f32,
        wanted_in: Duration,
    ) -> BoxStream<'static, Result<Sound, StageError>> {
        let speech = self.clone();
        // A sentence is made in one go, so it is one piece.
        async move {
            let said = Speech::say(&speech, &text, &VoiceSettings { speed }, wanted_in).await?;
            Ok(Sound::Audio(said.audio))
        }
        .into_stream()
        .boxed()
    }

    fn keep(&self, text: Arc<str>, speed: f32) -> BoxFuture<'static, Result<(), StageError>> {
        let speech = self.clone();
        async move { Ok(speech.pin(&text, &VoiceSettings { speed }, AHEAD).await?) }.boxed()
    }
}
