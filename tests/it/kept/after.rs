//! What becomes known of a call once it is over, and of which calls nothing does.

use trunkline::after::{self, Round};
use trunkline::store::after::AfterState;

use super::consent::{ASKS, answer};
use super::rig::{DAY, House, Plot, WHY, booker};
use crate::session::model::{Answer, Model};
use crate::session::rig::unhurried;

#[tokio::test(start_paused = true)]
async fn what_an_agent_wants_to_be_known_is_asked_of_what_is_kept_alone() {
    let told = r#"{"summary":"Wednesday, for a toothache."}"#;
    let model = unhurried(Model::open([Answer::Words(vec![told], 0)])).await;
    let agent = booker(&format!(
        "{ASKS}\nanalytics = true\n[after]\nsummary = true"
    ));
    let house = House::build(Plot {
        chat: Some(model.settings.clone()),
        ..Plot::of(agent)
    })
    .await;
    let (agreed, _) = answer(&house, "yes please").await;
    let (refused, _) = answer(&house, "no I do not").await;
    let round = unhurried(after::round(&house.app)).await;
    let want = Round {
        done: 1,
        skipped: 1,
        ..Round::default()
    };
    assert_eq!(round, want);
    let after = house.desk().store.after();
    let row = async |id: &str| {
        unhurried(after.find(&house.client, id))
            .await
            .unwrap()
            .unwrap()
    };
    let known = row(&agreed).await;
    assert_eq!(
        (known.state, known.reason, known.tries),
        (AfterState::Done, None, 1)
    );
    assert_eq!(known.parts, ["summary"]);
    let body = String::from_utf8_lossy(&known.body.unwrap().0).into_owned();
    assert!(!body.contains("toothache"), "it is sealed");
    let skipped = row(&refused).await;
    assert_eq!(skipped.state, AfterState::Skipped);
    assert_eq!(skipped.reason.as_deref(), Some("refused"));
    let requests = model.requests();
    assert_eq!(requests.len(), 1);
    for words in [DAY, WHY] {
        assert!(requests[0].contains(words), "{}", requests[0]);
    }
    // What a call used is counted whether or not it is kept.
    let usage = house.desk().store.usage();
    for id in [&agreed, &refused] {
        let used = unhurried(usage.list(&house.client, id)).await.unwrap();
        let stages: Vec<(&str, &str)> = used
            .iter()
            .map(|line| (line.stage.as_str(), line.unit.as_str()))
            .collect();
        let want = [
            ("carrier", "carrier_ms"),
            ("recogniser", "audio_ms"),
            ("voice", "characters"),
        ];
        assert_eq!(stages, want);
        assert!(
            used.iter()
                .all(|line| line.quantity > 50 && line.cost_micros.is_none()),
            "{used:?}"
        );
    }
    // Nothing is due any more.
    assert_eq!(unhurried(after::round(&house.app)).await, Round::default());
}
