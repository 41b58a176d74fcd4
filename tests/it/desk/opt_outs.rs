//! Who was promised not to be called again is not, whatever happens to database and server.

use trunkline::clock;
use trunkline::desk::{self, Desk, Side, care};
use trunkline::ids;
use trunkline::journal::CallJournal;
use trunkline::store::calls::{CallStatus, NewCall};
use trunkline::store::suppressions::Suppression;
use trunkline_core::consent::{Mode, Refusal};
use trunkline_core::journal::{Consent, Entry, Event, Step};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::Direction;

use super::{Folder, began, end};

const CALLER: &str = "+12125550137";

/// A call that has begun, with a row as reception makes it.
async fn begin(house: &Folder, desk: &Desk) -> (String, CallJournal) {
    let id = ids::new_id("call");
    let keys = desk.vault.client(&house.client).await.unwrap();
    let caller = PhoneNumber::parse(CALLER).unwrap();
    let subject = keys.subject(Some(&caller)).await.unwrap();
    let row = NewCall {
        id: id.clone(),
        agent_id: "front-desk".into(),
        agent_version: 0,
        direction: Direction::Inbound,
        status: CallStatus::InProgress,
        created_ms: clock::unix_ms(),
        from: Some(desk::seal_call_number(
            &keys,
            &subject,
            &id,
            Side::From,
            &caller,
        )),
        to: None,
        subject_id: Some(subject.id().as_str().to_owned()),
        consent_mode: Some(Mode::Announce),
        rules: None,
        sealed_key: None,
        carrier: None,
        carrier_call_id: None,
        metadata: None,
    };
    desk.store.calls().add(&house.client, &row).await.unwrap();
    let journals = &desk.journals;
    let journal = journals.begin(&house.client, &id, subject, began());
    let journal = journal.unwrap();
    journal.append(vec![Entry::Began(began())]).unwrap();
    (id, journal)
}

fn opt_out() -> Entry {
    Entry::Event(Event {
        at_ms: 900,
        kind: "opt_out".into(),
        detail: "means=words".into(),
    })
}

fn refused() -> Entry {
    let class = Refusal::OptedOut;
    Entry::Consent(Consent {
        at_ms: 900,
        step: Step::Refused { class },
    })
}

async fn suppressed(house: &Folder, desk: &Desk) -> Option<Suppression> {
    let keys = desk.vault.client(&house.client).await.unwrap();
    let caller = PhoneNumber::parse(CALLER).unwrap();
    let hash = desk::suppression_index(&keys, &caller);
    let platform = desk.platform_suppression_index(&caller);
    let suppressions = desk.store.suppressions();
    let found = suppressions.check(&house.client, &hash, &platform, None);
    found.await.unwrap()
}

fn marks(house: &Folder) -> usize {
    let marks = std::fs::read_dir(house.path().join("journal/open"));
    marks.unwrap().count()
}

#[tokio::test]
async fn an_opt_out_outlives_a_database_that_is_away_and_a_server_that_dies() {
    for said in [vec![opt_out()], vec![refused()], vec![]] {
        let house = Folder::new().await;
        let desk = house.open().await;
        let (id, journal) = begin(&house, &desk).await;
        let is_in_journal = !said.is_empty();
        journal.append(said).unwrap();
        if !is_in_journal {
            // What the journal was not given any more is in the mark.
            let promised = desk.journals.promise(&house.client, &id, began().unix_ms);
            drop(promised.await.unwrap());
        }
        desk.journals.flush().await.unwrap();
        desk.store.close().await;
        drop((journal, desk));

        let desk = house.open().await;
        let found = suppressed(&house, &desk).await.unwrap();
        assert_eq!(
            (found.reason.as_str(), found.source.as_str()),
            ("opt_out", "call")
        );
        assert_eq!(found.call_id.as_deref(), Some(&*id));
        desk.close().await;
        assert_eq!(marks(&house), 0);
    }
}

#[tokio::test]
async fn a_suppression_that_was_lifted_since_is_not_made_again() {
    let house = Folder::new().await;
    let desk = house.open().await;
    let (id, journal) = begin(&house, &desk).await;
    journal.append(vec![opt_out()]).unwrap();
    end(&desk, journal, 1_000).await;
    let promised = desk.journals.promise(&house.client, &id, began().unix_ms);
    drop(promised.await.unwrap());
    care::round(&desk).await;
    let found = suppressed(&house, &desk).await.unwrap();

    let suppressions = desk.store.suppressions();
    let now_ms = clock::unix_ms();
    let lifted = suppressions.remove(&house.client, &found.id, "new_consent", now_ms);
    assert!(lifted.await.unwrap());
    let promised = desk.journals.promise(&house.client, &id, began().unix_ms);
    drop(promised.await.unwrap());
    care::round(&desk).await;
    assert_eq!(suppressed(&house, &desk).await, None);
    desk.close().await;
    assert_eq!(marks(&house), 0);
}

#[tokio::test]
async fn a_promise_stays_until_the_suppression_is_in() {
    let house = Folder::new().await;
    let desk = house.open().await;
    let (id, journal) = begin(&house, &desk).await;
    end(&desk, journal, 1_000).await;
    let promised = desk.journals.promise(&house.client, &id, began().unix_ms);
    drop(promised.await.unwrap());
    desk.store.close().await;
    care::round(&desk).await;
    assert!(marks(&house) >= 1);
    drop(desk);
    let desk = house.open().await;
    assert!(suppressed(&house, &desk).await.is_some());
}
