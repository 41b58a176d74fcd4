//! A caller who agrees to the recording and talks until the line breaks.

use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use trunkline::carrier_double::{CallOver, CallRecord, CallSetup, Carrier, Ending, Event, Speech};

use super::server::Place;

const YES: &[u8] = include_bytes!("../../../fixtures/speech/caller/consent-1.wav");
const LINES: [&[u8]; 6] = [
    include_bytes!("../../../fixtures/speech/caller/1.wav"),
    include_bytes!("../../../fixtures/speech/caller/2.wav"),
    include_bytes!("../../../fixtures/speech/caller/3.wav"),
    include_bytes!("../../../fixtures/speech/caller/4.wav"),
    include_bytes!("../../../fixtures/speech/caller/5.wav"),
    include_bytes!("../../../fixtures/speech/caller/6.wav"),
];
/// The carrier's number for a socket that ends without a word.
const ABNORMAL_CLOSE: u16 = 31_921;
/// Silence of the agent's after which the caller speaks.
const POLITE_MS: u64 = 800;

/// How the caller agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    /// By staying: in the place of this caller no more is asked.
    Stays,
    /// By saying so.
    SaysYes,
    /// By the key for yes.
    PressesYes,
}

/// A call that is going on.
pub(super) struct Call {
    pub(super) id: String,
    consent: Consent,
    talking: JoinHandle<(Carrier, broadcast::Receiver<Event>)>,
}

/// A call that is over, as the carrier knows it. Times are those of the carrier's stream.
pub(super) struct Over {
    pub(super) id: String,
    pub(super) consent: Consent,
    pub(super) line: CallRecord,
    /// When what the agent said before was heard, ms.
    pub(super) heard: Vec<u64>,
}

impl Call {
    pub(super) async fn begin(place: &Place, from: &str, consent: Consent, seed: u64) -> Self {
        let url = [
            "stream-url",
            "--agent",
            "desk",
            "--to",
            "+12125550199",
            "--from",
            from,
        ];
        let url = place.say(&url);
        let setup = CallSetup::new(seed * 3 + consent as u64);
        let carrier = Carrier::connect(url.trim(), setup).await.unwrap();
        Self {
            id: call_id(url.trim()),
            consent,
            talking: tokio::spawn(talk(carrier, consent)),
        }
    }

    /// The line broke.
    pub(super) async fn over(self) -> Over {
        let (carrier, mut events) = self.talking.await.unwrap();
        let line = carrier.finish().await.unwrap();
        assert!(
            matches!(line.ending, Ending::Broken | Ending::ServerClosed(None)),
            "{:?}",
            line.ending
        );
        // A process that is killed closes nothing; anything else would be new.
        assert!(
            line.violations.iter().all(|v| v.code == ABNORMAL_CLOSE),
            "{:?}",
            line.violations
        );
        let mut heard = Vec::new();
        while let Ok(event) = events.try_recv() {
            if let Event::MarkEchoed { at_ms, .. } = event {
                heard.push(at_ms);
            }
        }
        Over {
            id: self.id,
            consent: self.consent,
            line,
            heard,
        }
    }

    /// How this caller agrees.
    pub(super) fn consent(&self) -> Consent {
        self.consent
    }

    /// The caller hangs up.
    pub(super) async fn hangs_up(self) {
        self.talking.abort();
        // The carrier goes with its task: that is how this caller hangs up.
        let gone = self.talking.await;
        assert!(gone.is_err());
    }
}

/// A caller who presses the key that means never again as soon as the agent has said why it calls, and is gone once they hear that
/// they were understood: the call's id.
pub(super) async fn opts_out(place: &Place, from: &str) -> (String, Carrier) {
    let url = [
        "stream-url",
        "--agent",
        "desk",
        "--to",
        "+12125550199",
        "--from",
        from,
    ];
    let url = place.say(&url);
    let mut carrier = Carrier::connect(url.trim(), CallSetup::new(7))
        .await
        .unwrap();
    carrier.wait_for_answer().await.unwrap();
    carrier.wait_until_agent_quiet(POLITE_MS).await.unwrap();
    carrier.press('9').await.unwrap();
    carrier.wait_agent_speaking_ms(100).await.unwrap();
    (call_id(url.trim()), carrier)
}

/// The id in a token: `t1.<claims>.<signature>`, the claims in base64.
fn call_id(url: &str) -> String {
    use base64::Engine as _;
    let claims = url.rsplit('/').next().unwrap().split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .unwrap();
    let text = String::from_utf8(claims).unwrap();
    let at = text.find("call_").unwrap();
    text[at..at + "call_".len() + 26].to_owned()
}

async fn talk(mut carrier: Carrier, consent: Consent) -> (Carrier, broadcast::Receiver<Event>) {
    let events = carrier.events();
    // The line breaks sooner or later; that ends the talk.
    let _ = until_over(&mut carrier, consent).await;
    carrier.wait_until_over().await;
    (carrier, events)
}

async fn until_over(carrier: &mut Carrier, consent: Consent) -> Result<(), CallOver> {
    carrier.wait_for_answer().await?;
    carrier.wait_until_agent_quiet(POLITE_MS).await?;
    match consent {
        // After two seconds the gate opens, and the agent goes on.
        Consent::Stays => carrier.wait_agent_speaking_ms(100).await?,
        Consent::SaysYes => carrier.speak(speech(YES)).await?,
        Consent::PressesYes => {
            carrier.press('1').await?;
            carrier.wait_agent_speaking_ms(100).await?;
        }
    }
    for line in LINES {
        carrier.wait_for_answer().await?;
        carrier.wait_until_agent_quiet(POLITE_MS).await?;
        carrier.speak(speech(line)).await?;
    }
    Ok(())
}

fn speech(wav: &[u8]) -> Speech {
    Speech::pcm(&trunkline_media::wav::read(wav).unwrap().into_mono())
}
