//! A call with two answers, held for what is told of it elsewhere: in metrics, and as spans.

use trunkline::stack::Defaults;
use trunkline_core::call::Note;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::Claims;

use super::model::{Answer, Model};
use super::rig::{House, Plot, claims, speech};
use super::speaker::{Reply, Speaker};

const SAYS: [&str; 2] = ["Have you got strawberries?", "No thank you."];
const FAREWELL: &str = "Farewell, dear marmalade.";
/// Words, numbers and names of this call's that nobody is to be told.
pub(crate) const SECRETS: [&str; 9] = [
    "strawberries",
    "raspberries",
    "marmalade",
    "Anything",
    "thank",
    "500555",
    "Robin",
    "Oak",
    "patient",
];

/// Who answers.
pub(crate) enum By {
    /// A language model; the embedded speech hears and speaks.
    Model,
    /// A model that hears and speaks itself.
    Speaker,
}

/// A call that is over.
pub(crate) struct Held {
    pub(crate) house: House,
    pub(crate) claims: Claims,
    pub(crate) notes: Vec<Note>,
}

/// Holds it in a house that is made ready first.
pub(crate) async fn hold(by: By, ready: impl FnOnce(&House)) -> Held {
    let words = ["We have raspberries. ", "Anything else?"];
    let model = Model::open([Answer::Words(words.to_vec(), 20), Answer::Goodbye(FAREWELL)]).await;
    let replies = [
        Reply::Says("We have raspberries. Anything else?"),
        Reply::Goodbye(FAREWELL),
    ];
    let speaker = Speaker::open(false, replies).await;
    // Neither is asked anything before a turn is over, so each is asked as often as it has answers.
    let (agent, defaults) = match by {
        By::Model => (
            "patient",
            Defaults {
                chat: Some(model.settings.clone()),
                ..Defaults::default()
            },
        ),
        By::Speaker => (
            "speaker",
            Defaults {
                realtime: Some(speaker.chosen()),
                ..Defaults::default()
            },
        ),
    };
    let house = House::build(Plot {
        defaults,
        ..Plot::default()
    })
    .await;
    ready(&house);
    let mut notes = house.notes();
    let mut claims = claims(agent);
    claims.from = PhoneNumber::parse("+15005550006").ok();
    claims.to = PhoneNumber::parse("+15005550009").ok();
    let mut call = house.call_as(&claims, 1).await.unwrap();
    for words in SAYS {
        call.wait_until_agent_quiet(900).await.unwrap();
        call.speak(speech(words)).await.unwrap();
        call.wait_for_answer().await.unwrap();
    }
    call.wait_until_over().await;
    call.finish().await.unwrap();
    assert!(house.is_empty_within(100).await);
    Held {
        notes: notes.take(),
        house,
        claims,
    }
}
