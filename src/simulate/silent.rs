//! Stages for calls without sound: nobody hears and nobody speaks, and a call that asks them for something is told so.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::provider::{Busy, Ears, Hear, Room, Sound, StageError, Voice, Words};
use crate::speech::VadState;

/// Neither ears nor voice.
pub(super) struct Silent;

fn no_sound() -> StageError {
    StageError {
        what: "this call has no sound".into(),
        fatal: true,
    }
}

impl Ears for Silent {
    fn admit(&self, _room: Room) -> Result<Box<dyn Send>, Busy> {
        Ok(Box::new(()))
    }

    fn activity(
        &self,
        _state: VadState,
        _windows: Vec<i16>,
        _wanted_in: Duration,
    ) -> BoxFuture<'static, Result<(VadState, Vec<f32>), StageError>> {
        std::future::ready(Err(no_sound())).boxed()
    }

    fn hear(
        &self,
        _audio: Vec<i16>,
        _kind: Hear,
        _wanted_in: Duration,
    ) -> BoxFuture<'static, Result<Words, StageError>> {
        std::future::ready(Err(no_sound())).boxed()
    }

    fn turn_complete(
        &self,
        _audio: Vec<i16>,
        _wanted_in: Duration,
    ) -> BoxFuture<'static, Result<f32, StageError>> {
        std::future::ready(Err(no_sound())).boxed()
    }
}

impl Voice for Silent {
    fn say(
        &self,
        _text: Arc<str>,
        _speed: f32,
        _wanted_in: Duration,
    ) -> BoxStream<'static, Result<Sound, StageError>> {
        stream::iter([Err(no_sound())]).boxed()
    }

    fn keep(&self, _text: Arc<str>, _speed: f32) -> BoxFuture<'static, Result<(), StageError>> {
        std::future::ready(Ok(())).boxed()
    }
}
