//! The providers that a call can be held with: who they are, what they do, where they are and how they are spoken to.
//!
//! A vendor is one line of [`VENDORS`] and a codec in `trunkline_core::wire`. Connecting, deadlines, retries,
//! reconnections, watching and counting are the same for all of them, and are here.

mod attempts;
mod audio;
mod circuit;
mod hop;
mod realtime;
mod streaming;
mod transcription;
mod voice;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use trunkline_core::wire::realtime::{Dialect, RealtimeSettings};
use trunkline_core::wire::stt::assemblyai::AssemblyAi;
use trunkline_core::wire::stt::deepgram::Deepgram;
use trunkline_core::wire::stt::flux::Flux;
use trunkline_core::wire::stt::{SttCodec, SttSettings};
use trunkline_core::wire::tts::aura::{self, Aura};
use trunkline_core::wire::tts::cartesia::Cartesia;
use trunkline_core::wire::tts::elevenlabs::{self, ElevenLabs};
use trunkline_core::wire::tts::{TtsCodec, TtsRequest, TtsSettings, openai_speech};

pub use circuit::{Circuit, Circuits, Identity};
pub use hop::{Hop, Kind};
pub(crate) use realtime::END_CALL;
pub use realtime::{Held, Speaker, Talk, Waits};
pub use streaming::{MakeStt, StreamingRecogniser};
pub use transcription::Transcriber;
pub use voice::{CloudVoice, CloudVoices, Kept, MakePost, MakeTts, Speaks};

use crate::egress::{Egress, EgressError, Whose};

/// What a vendor does, one way of it.
#[derive(Clone, Copy)]
pub enum Does {
    /// Hears over a socket, while the caller speaks.
    HearsStream(fn(&SttSettings, &str) -> Box<dyn SttCodec>),
    /// Hears what it is sent, by the utterance. See [`Transcriber`].
    HearsClips,
    /// Thinks, by OpenAI's chat API.
    ThinksAsOpenAi,
    /// Thinks, by Anthropic's Messages API.
    ThinksAsAnthropic,
    /// Speaks over a socket.
    SpeaksStream(fn(&TtsSettings, &str) -> Box<dyn TtsCodec>),
    /// Speaks by a POST for each text.
    SpeaksPost(fn(&TtsSettings, &str, &str) -> TtsRequest),
    /// Hears, thinks and speaks over one socket.
    Converses(Dialect),
}

impl Does {
    /// What part of a call that is.
    pub fn kind(self) -> Kind {
        match self {
            Self::HearsStream(_) | Self::HearsClips => Kind::Recogniser,
            Self::ThinksAsOpenAi | Self::ThinksAsAnthropic => Kind::Model,
            Self::SpeaksStream(_) | Self::SpeaksPost(_) => Kind::Voice,
            Self::Converses(_) => Kind::Realtime,
        }
    }
}

/// How a vendor wants its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySent {
    /// `Authorization: Bearer KEY`; none may be needed where the endpoint is one's own.
    BearerIfAny,
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// `Authorization: Token KEY`.
    Token,
    /// `Authorization: KEY`.
    Bare,
    /// A header of its own, by this name.
    Header(&'static str),
}

impl KeySent {
    /// Nothing works without a key.
    pub fn is_needed(self) -> bool {
        self != Self::BearerIfAny
    }
}

/// One way to use a vendor. The same vendor may stand here several times.
#[derive(Clone, Copy)]
pub struct Vendor {
    /// Its name in configurations, requests, metrics and logs.
    pub name: &'static str,
    /// What it does.
    pub does: Does,
    /// Where it is unless somebody says otherwise; `None`: somebody must.
    pub base_url: Option<&'static str>,
    /// How it wants its key.
    pub key: KeySent,
    /// It speaks with a voice of its choice if none is named.
    pub has_usual_voice: bool,
    /// It says when a turn is over, and cannot be asked for the words before.
    pub judges_turns: bool,
}

impl Vendor {
    const fn with_usual_voice(mut self) -> Self {
        self.has_usual_voice = true;
        self
    }

    const fn that_judges_turns(mut self) -> Self {
        self.judges_turns = true;
        self
    }
}

const fn vendor(
    name: &'static str,
    does: Does,
    base_url: Option<&'static str>,
    key: KeySent,
) -> Vendor {
    Vendor {
        name,
        does,
        base_url,
        key,
        has_usual_voice: false,
        judges_turns: false,
    }
}

const DEEPGRAM: Option<&str> = Some("https://api.deepgram.com");
const ASSEMBLYAI: Option<&str> = Some("https://streaming.assemblyai.com");
const CARTESIA: Option<&str> = Some("https://api.cartesia.ai");
const ELEVENLABS: Option<&str> = Some("https://api.elevenlabs.io");
const OPENAI: Option<&str> = Some("https://api.openai.com/v1");
const ANTHROPIC: Option<&str> = Some("https://api.anthropic.com");

/// Every vendor.
#[rustfmt::skip]
pub const VENDORS: &[Vendor] = &[
    vendor("deepgram", Does::HearsStream(|s, key| Box::new(Deepgram::new(s, key))), DEEPGRAM, KeySent::Token),
    vendor("deepgram_flux", Does::HearsStream(|s, key| Box::new(Flux::new(s, key))), DEEPGRAM, KeySent::Token).that_judges_turns(),
    vendor("assemblyai", Does::HearsStream(|s, key| Box::new(AssemblyAi::new(s, key))), ASSEMBLYAI, KeySent::Bare),
    vendor("openai", Does::HearsClips, OPENAI, KeySent::Bearer),
    vendor("openai_compatible", Does::HearsClips, None, KeySent::BearerIfAny),
    vendor("openai", Does::ThinksAsOpenAi, OPENAI, KeySent::Bearer),
    vendor("openai_compatible", Does::ThinksAsOpenAi, None, KeySent::BearerIfAny),
    vendor("anthropic", Does::ThinksAsAnthropic, ANTHROPIC, KeySent::Header("x-api-key")),
    vendor("cartesia", Does::SpeaksStream(|s, key| Box::new(Cartesia::new(s, key))), CARTESIA, KeySent::Header("x-api-key")),
    vendor("elevenlabs", Does::SpeaksStream(|s, key| Box::new(ElevenLabs::new(s, key))), ELEVENLABS, KeySent::Header("xi-api-key")),
    vendor("elevenlabs_post", Does::SpeaksPost(elevenlabs::request), ELEVENLABS, KeySent::Header("xi-api-key")),
    vendor("deepgram_aura", Does::SpeaksStream(|s, key| Box::new(Aura::new(s, key))), DEEPGRAM, KeySent::Token).with_usual_voice(),
    vendor("deepgram_aura_post", Does::SpeaksPost(aura::request), DEEPGRAM, KeySent::Token).with_usual_voice(),
    vendor("openai", Does::SpeaksPost(openai_speech::request), OPENAI, KeySent::Bearer),
    vendor("openai_compatible", Does::SpeaksPost(openai_speech::request), None, KeySent::BearerIfAny),
    vendor("openai", Does::Converses(Dialect::Present), OPENAI, KeySent::Bearer),
    vendor("openai_compatible", Does::Converses(Dialect::Present), None, KeySent::BearerIfAny),
    vendor("openai_beta", Does::Converses(Dialect::Beta), None, KeySent::BearerIfAny),
];

/// The vendor of this name that does this.
pub fn find(name: &str, kind: Kind) -> Option<&'static Vendor> {
    VENDORS
        .iter()
        .find(|vendor| vendor.name == name && vendor.does.kind() == kind)
}

/// Where and with what somebody uses a vendor.
#[derive(Clone)]
pub struct Account {
    /// Whose address it is.
    pub whose: Whose,
    /// Id of the client whose it is; empty for the operator's.
    pub owner: String,
    /// Another address than the vendor's own.
    pub base_url: Option<String>,
    /// The key; empty for none.
    pub key: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("whose", &self.whose)
            .finish_non_exhaustive()
    }
}

/// A vendor cannot be used as it is set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No address.
    #[error("{vendor} has no address of its own; set its base URL")]
    NoAddress {
        /// The vendor.
        vendor: &'static str,
    },
    /// No key.
    #[error("{vendor} needs a key; set it")]
    NoKey {
        /// The vendor.
        vendor: &'static str,
    },
    /// No voice was chosen.
    #[error("{vendor} has no usual voice; set the id of one")]
    NoVoice {
        /// The vendor.
        vendor: &'static str,
    },
    /// It does something else.
    #[error("{vendor} does not do that")]
    OtherKind {
        /// The vendor.
        vendor: &'static str,
    },
    /// Its address may not be used.
    #[error("the base URL of {vendor}: {cause}")]
    Address {
        /// The vendor.
        vendor: &'static str,
        /// Why.
        cause: EgressError,
    },
}

/// A recogniser, whichever way it is asked.
pub enum Hears {
    /// While the caller speaks.
    Stream(StreamingRecogniser),
    /// By the utterance.
    Clips(Transcriber),
}

/// The way to every vendor. Cheap to clone.
#[derive(Clone, Default)]
pub struct Providers {
    egress: Egress,
    kept: Kept,
    circuits: Circuits,
}

impl Providers {
    /// Providers by this way out.
    pub fn new(egress: Egress) -> Self {
        Self {
            egress,
            kept: Kept::default(),
            circuits: Circuits::default(),
        }
    }

    /// The way out.
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// What all calls know of each account.
    pub fn circuits(&self) -> &Circuits {
        &self.circuits
    }

    /// Where a vendor is for this account, whatever its model.
    ///
    /// # Errors
    /// [`Unusable`]: the account has no address or key, or an address that it may not use.
    pub fn hop(&self, vendor: &'static Vendor, account: &Account) -> Result<Hop, Unusable> {
        let name = vendor.name;
        let base_url = account.base_url.as_deref().or(vendor.base_url);
        let base_url = base_url.ok_or(Unusable::NoAddress { vendor: name })?;
        if vendor.key.is_needed() && account.key.trim().is_empty() {
            return Err(Unusable::NoKey { vendor: name });
        }
        let hop = Hop {
            egress: self.egress.clone(),
            whose: account.whose,
            base_url: base_url.to_owned(),
            provider: name,
            model: Arc::default(),
            kind: vendor.does.kind(),
            circuit: Circuit::default(),
        };
        match hop.check() {
            Ok(()) => Ok(hop),
            Err(cause) => Err(Unusable::Address {
                vendor: name,
                cause,
            }),
        }
    }

    /// The same for calls of this model.
    fn hop_for(
        &self,
        vendor: &'static Vendor,
        account: &Account,
        model: &str,
    ) -> Result<Hop, Unusable> {
        let hop = self.hop(vendor, account)?;
        let circuit = self.circuits.of(&Identity {
            kind: hop.kind,
            vendor: hop.provider,
            owner: &account.owner,
            base_url: &hop.base_url,
            key: &account.key,
            model,
        });
        Ok(Hop {
            circuit,
            model: model.into(),
            ..hop
        })
    }

    /// A vendor's recogniser.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn hears(
        &self,
        vendor: &'static Vendor,
        account: &Account,
        settings: &SttSettings,
    ) -> Result<Hears, Unusable> {
        let hop = self.hop_for(vendor, account, &settings.model)?;
        let (settings, key) = (settings.clone(), account.key.clone());
        match vendor.does {
            Does::HearsStream(make) => {
                let codec: MakeStt = Arc::new(move || make(&settings, &key));
                Ok(Hears::Stream(StreamingRecogniser::new(hop, codec)))
            }
            Does::HearsClips => Ok(Hears::Clips(Transcriber::new(hop, settings, &key))),
            Does::ThinksAsOpenAi
            | Does::ThinksAsAnthropic
            | Does::SpeaksStream(_)
            | Does::SpeaksPost(_)
            | Does::Converses(_) => Err(Unusable::OtherKind {
                vendor: vendor.name,
            }),
        }
    }

    /// A vendor's model that hears and speaks, for one call. `settings.dialect` is the vendor's.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn converses(
        &self,
        vendor: &'static Vendor,
        account: &Account,
        settings: RealtimeSettings,
    ) -> Result<Speaker, Unusable> {
        let Does::Converses(dialect) = vendor.does else {
            return Err(Unusable::OtherKind {
                vendor: vendor.name,
            });
        };
        let hop = self.hop_for(vendor, account, &settings.model)?;
        let settings = RealtimeSettings {
            dialect,
            ..settings
        };
        Ok(Speaker::new(hop, settings, &account.key))
    }

    /// A vendor's voice. The pace of `settings` is passed over: every text is given its own.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn speaks(
        &self,
        vendor: &'static Vendor,
        account: &Account,
        settings: &TtsSettings,
    ) -> Result<CloudVoices, Unusable> {
        let hop = self.hop_for(vendor, account, &settings.model)?;
        // A usual voice is an English one.
        let has_usual_voice = vendor.has_usual_voice
            && matches!(settings.language.split(['-', '_']).next(), Some("" | "en"));
        if settings.voice.trim().is_empty() && !has_usual_voice {
            return Err(Unusable::NoVoice {
                vendor: vendor.name,
            });
        }
        let (chosen, key) = (settings.clone(), account.key.clone());
        let paced = move |speed| TtsSettings {
            speed,
            ..chosen.clone()
        };
        let speaks = match vendor.does {
            Does::SpeaksStream(make) => {
                Speaks::Socket(Arc::new(move |speed| make(&paced(speed), &key)))
            }
            Does::SpeaksPost(make) => {
                Speaks::Post(Arc::new(move |text, speed| make(&paced(speed), &key, text)))
            }
            Does::HearsStream(_)
            | Does::HearsClips
            | Does::ThinksAsOpenAi
            | Does::ThinksAsAnthropic
            | Does::Converses(_) => {
                return Err(Unusable::OtherKind {
                    vendor: vendor.name,
                });
            }
        };
        let TtsSettings {
            model,
            voice,
            language,
            ..
        } = settings;
        // What one account has voiced is not given to another.
        let account = Sha256::digest(account.key.as_bytes());
        let identity = format!("{model}\n{voice}\n{language}\n{account:?}");
        Ok(CloudVoices::new(hop, speaks, self.kept.clone(), &identity))
    }
}
