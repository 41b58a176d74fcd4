//! Voices of other people's servers, as a call sees them: a text goes in, pieces of 8 kHz mu-law come out.

mod clause;
mod kept;
mod link;
mod post;
mod speaking;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::timeout;
use trunkline_core::call::Provider;
use trunkline_core::wire::link::{Trouble, TroubleKind};
use trunkline_core::wire::tts::{TtsCodec, TtsRequest};

pub use self::kept::Kept;
use self::kept::{Made, pace};
use self::link::Link;
use super::circuit::Circuit;
use super::hop::Hop;
use crate::provider::{Pieces, Sound, StageError, Voice};

/// How long a sentence that is made ahead may take as a whole.
const KEEP_PATIENCE: Duration = Duration::from_secs(30);
/// Links of one call: a call has one pace, and another for a moment.
const LINKS_MAX: usize = 4;

/// Sentences that are begun before anybody asks for them.
const BEGUN_MAX: usize = 4;

/// Makes the codec of one connection, for a pace.
pub type MakeTts = Arc<dyn Fn(f32) -> Box<dyn TtsCodec> + Send + Sync>;
/// Makes the request for a text, at a pace.
pub type MakePost = Arc<dyn Fn(&str, f32) -> TtsRequest + Send + Sync>;

/// How a voice is spoken to.
#[derive(Clone)]
pub enum Speaks {
    /// Over a socket that is held for the call.
    Socket(MakeTts),
    /// By a POST for each text.
    Post(MakePost),
}

/// A voice of a provider, for any number of calls. Cheap to clone.
#[derive(Clone)]
pub struct CloudVoices(Arc<Inner>);

struct Inner {
    hop: Hop,
    speaks: Speaks,
    kept: Kept,
    /// What makes two voices the same, for what is kept.
    identity: Arc<str>,
}

impl CloudVoices {
    /// A voice at `hop`. `identity`: model, voice and language, whatever makes it sound as it does.
    pub fn new(hop: Hop, speaks: Speaks, kept: Kept, identity: &str) -> Self {
        let identity = format!("{}\n{}\n{identity}", hop.provider, hop.base_url).into();
        Self(Arc::new(Inner {
            hop,
            speaks,
            kept,
            identity,
        }))
    }

    /// The voice of one call, which begins to connect at once where it is spoken to over a socket. Must be called within
    /// a runtime. Dropping it says goodbye.
    pub fn open(&self, speed: f32) -> CloudVoice {
        let voice = self.ready();
        if let Speaks::Socket(make) = &self.0.speaks {
            let link = Link::open(&self.0.hop, make, speed);
            voice.links().push(link);
        }
        voice
    }
}

impl CloudVoices {
    /// The same, which connects when it is first asked to say something.
    pub fn ready(&self) -> CloudVoice {
        CloudVoice {
            inner: Arc::clone(&self.0),
            links: Mutex::default(),
            begun: Mutex::default(),
        }
    }

    /// Who that is.
    pub fn served_by(&self) -> Provider {
        self.0.hop.served_by()
    }

    /// What all calls know of it.
    pub fn circuit(&self) -> &Circuit {
        &self.0.hop.circuit
    }
}

/// The voice of one call.
pub struct CloudVoice {
    inner: Arc<Inner>,
    links: Mutex<Vec<Link>>,
    /// What is being made before anybody asks for it.
    begun: Mutex<Vec<Begun>>,
}

/// A sentence that is to be said first.
struct Begun {
    text: Arc<str>,
    speed: f32,
    pieces: Pieces,
}

impl CloudVoice {
    fn links(&self) -> std::sync::MutexGuard<'_, Vec<Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begun(&self) -> std::sync::MutexGuard<'_, Vec<Begun>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was begun of this text, unless it failed before anybody waited for it. If it is another that is said now,
    /// nobody waits for those that were begun.
    fn take_begun(&self, text: &Arc<str>, speed: f32) -> Option<Pieces> {
        let mut begun = self.begun();
        let is = |begun: &Begun| begun.text == *text && pace(begun.speed) == pace(speed);
        let at = begun.iter().position(is);
        let taken = at.map(|at| begun.remove(at).pieces);
        let unwanted = match taken {
            Some(_) => Vec::new(),
            None => std::mem::take(&mut *begun),
        };
        drop(begun);
        drop(unwanted);
        let mut pieces = taken?;
        match pieces.next().now_or_never() {
            None => Some(pieces),
            Some(Some(Ok(first))) => Some(stream::iter([Ok(first)]).chain(pieces).boxed()),
            Some(Some(Err(_)) | None) => None,
        }
    }

    fn fresh(&self, text: Arc<str>, speed: f32) -> Pieces {
        let make = match &self.inner.speaks {
            Speaks::Post(make) => {
                let request = make(&text, speed);
                return post::say(self.inner.hop.clone(), request);
            }
            Speaks::Socket(make) => make,
        };
        let hop = &self.inner.hop;
        let mut links = self.links();
        let at = links.iter().position(|link| link.has_pace(speed));
        let at = at.unwrap_or_else(|| {
            if links.len() >= LINKS_MAX {
                links.remove(0);
            }
            links.push(Link::open(hop, make, speed));
            links.len() - 1
        });
        let said = if links[at].is_single() {
            // The next text needs a socket of its own, which is opened ahead of it.
            let spare = Link::open(hop, make, speed);
            let link = std::mem::replace(&mut links[at], spare);
            link.say_and_end(text)
        } else {
            links[at].say(text)
        };
        match said {
            Some(said) => said.boxed(),
            None => {
                let trouble = Trouble::new(TroubleKind::Rate, "too many clauses at once");
                let error = hop.failed(&trouble);
                stream::once(async move { Err(error) }).boxed()
            }
        }
    }
}

impl Voice for CloudVoice {
    fn say(
        &self,
        text: Arc<str>,
        speed: f32,
        _wanted_in: Duration,
    ) -> BoxStream<'static, Result<Sound, StageError>> {
        match self.inner.kept.find(&self.inner.identity, speed, &text) {
            Some(Made { audio, words }) => {
                let words = Some(words).filter(|words| !words.is_empty());
                let made = words.map(Sound::Words).into_iter();
                stream::iter(made.chain([Sound::Audio(audio)]).map(Ok)).boxed()
            }
            None => {
                let begun = self.take_begun(&text, speed);
                begun.unwrap_or_else(|| self.fresh(text, speed))
            }
        }
    }

    /// Over a socket alone: a POST is not made before somebody reads what comes of it.
    fn begin(&self, text: &Arc<str>, speed: f32) {
        let is_socket = matches!(self.inner.speaks, Speaks::Socket(_));
        let is_kept = self.inner.kept.find(&self.inner.identity, speed, text);
        let mut begun = self.begun();
        let is_there = begun.iter().any(|begun| begun.text == *text);
        if is_socket && is_kept.is_none() && !is_there && begun.len() < BEGUN_MAX {
            begun.push(Begun {
                text: Arc::clone(text),
                speed,
                pieces: self.fresh(Arc::clone(text), speed),
            });
        }
    }

    fn keep(&self, text: Arc<str>, speed: f32) -> BoxFuture<'static, Result<(), StageError>> {
        let inner = Arc::clone(&self.inner);
        if inner.kept.find(&inner.identity, speed, &text).is_some() {
            return std::future::ready(Ok(())).boxed();
        }
        let mut pieces = self.fresh(Arc::clone(&text), speed);
        async move {
            let (mut audio, mut words) = (Vec::new(), Vec::new());
            let all = async {
                while let Some(piece) = pieces.next().await {
                    match piece? {
                        Sound::Audio(piece) => audio.extend_from_slice(&piece),
                        Sound::Words(told) => words.extend_from_slice(&told),
                    }
                }
                Ok::<(), StageError>(())
            };
            match timeout(KEEP_PATIENCE, all).await {
                Ok(made) => made?,
                Err(_) => {
                    let trouble = Trouble::new(TroubleKind::Server, "too slow");
                    return Err(inner.hop.failed(&trouble));
                }
            }
            inner.kept.put(
                &inner.identity,
                speed,
                &text,
                Made {
                    audio: audio.into(),
                    words: words.into(),
                },
            );
            Ok(())
        }
        .boxed()
    }
}
