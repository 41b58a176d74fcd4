//! What a call leaves in the log, and what it never may.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Mutex, Once};

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::sign;

use super::model::{Answer, Model};
use super::raw::Raw;
use super::rig::{House, Plot, claims, key, speech};
use super::stand_in::Does;

type Pages = Arc<Mutex<Vec<u8>>>;

thread_local! {
    static PAGES: RefCell<Option<Pages>> = const { RefCell::new(None) };
}

/// All that this thread logs, until it is dropped.
pub(crate) struct Log {
    text: Pages,
}

/// Writes to the pages of this thread.
struct Here;

impl Write for Here {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        PAGES.with_borrow(|pages| {
            if let Some(pages) = pages {
                pages.lock().unwrap().extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Of the product's own code, at every level. One subscriber serves all threads: with one for each, a line of code that
    /// two tests reach at once may be taken for one that nobody listens to.
    pub(crate) fn start() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let wanted = dynamic_filter_fn(|line, _| {
                line.target().starts_with("trunkline") && PAGES.with_borrow(Option::is_some)
            });
            let layer = tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .with_writer(|| Here)
                .with_filter(wanted);
            tracing_subscriber::registry().with(layer).init();
        });
        let text = Pages::default();
        PAGES.set(Some(Arc::clone(&text)));
        Self { text }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }

    /// The lines that hold this.
    pub(crate) fn lines(&self, with: &str) -> Vec<String> {
        let text = self.text();
        text.lines()
            .filter(|line| line.contains(with))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        PAGES.set(None);
    }
}

#[tokio::test(start_paused = true)]
async fn no_word_number_key_or_token_is_ever_logged() {
    let log = Log::start();
    let model = Model::open([
        Answer::Words(vec!["We have raspberries. ", "Anything else?"], 10),
        Answer::Status(500, ""),
        Answer::Status(401, ""),
        Answer::Goodbye("Farewell, dear marmalade."),
    ])
    .await;
    let house = House::build(Plot {
        chat: Some(model.settings.clone()),
        ..Plot::default()
    })
    .await;
    let numbers = ("+15005550006", "+15005550009");
    let mut said = claims("chatter");
    said.from = PhoneNumber::parse(numbers.0).ok();
    said.to = PhoneNumber::parse(numbers.1).ok();
    house.ears.partial.next([Does::Fails]);
    house.ears.turn.next([Does::Fails]);
    house.voice.plan.next([Does::Answers(10), Does::Fails]);

    let mut call = house.call_as(&said, 3).await.unwrap();
    call.wait_until_agent_quiet(700).await.unwrap();
    call.speak(speech("Have you got any strawberries left for Tuesday?"))
        .await
        .unwrap();
    call.wait_for_answer().await.unwrap();
    call.wait_until_agent_quiet(700).await.unwrap();
    for digit in "4635264352#".chars() {
        call.press(digit).await.unwrap();
    }
    call.wait_agent_speaking_ms(100).await.unwrap();
    call.wait_until_over().await;
    call.finish().await.unwrap();
    assert!(
        model
            .requests()
            .iter()
            .any(|body| body.contains("strawberries"))
    );
    assert!(
        model
            .requests()
            .iter()
            .any(|body| body.contains("4635264352"))
    );

    // The doorway, and a line that talks nonsense.
    let token = sign(&said, &key());
    assert!(house.call_as(&said, 3).await.is_err(), "used");
    let mut other = claims("nobody-of-that-name");
    other.expires_unix_s = 5;
    assert!(house.call_as(&other, 3).await.is_err(), "expired");
    let mut raw = Raw::begin(&house, &claims("talker")).await;
    for nonsense in [
        r#"{"event":"dtmf","streamSid":"MZ-elderberry","dtmf":{"digit":"5"}}"#,
        r#"{"event":"elderberry"}"#,
        r#"{"event":"media","media":{"payload":"elderberry!"}}"#,
        "elderberry",
    ] {
        raw.text = nonsense.into();
        raw.send_text().await;
    }
    raw.silence_for(500).await;
    raw.cut();
    assert!(house.is_empty_within(5_000).await);

    let text = log.text();
    assert!(
        text.contains("call ended") && text.contains("language model refused"),
        "{text}"
    );
    assert!(text.lines().count() > 10, "{text}");
    let claims_part = token.split('.').nth(1).unwrap();
    for secret in [
        "strawberries",
        "raspberries",
        "marmalade",
        "elderberry",
        "Anything else",
        "Hello, this is",
        "How can I help",
        "4635264352",
        "500555",
        "a-key-of-the-model",
        token.as_str(),
        claims_part,
    ] {
        let shown: Vec<&str> = text.lines().filter(|line| line.contains(secret)).collect();
        assert!(shown.is_empty(), "{secret:?} is in the log: {shown:?}");
    }
    // A key alone is a digit like any other; what names it is not.
    for named in ["digit", "keys=", "key="] {
        assert!(!text.contains(named), "{named:?}: {text}");
    }
}
