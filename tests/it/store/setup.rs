//! What a client sets up: agents, accounts, providers, numbers.

use trunkline::ids::{ClientId, new_id};
use trunkline::store::StoreError;
use trunkline::store::agents::{Publication, SealedVersion};
use trunkline::store::carriers::{CarrierChange, NewCarrierAccount};
use trunkline::store::numbers::{Bound, NewNumber};
use trunkline::store::providers::{NewProvider, ProviderChange, ProviderKind};
use trunkline::store::tools::ToolChange;

use super::bench::{Bench, NOW, hash, number, sealed};

super::on_both!(
    versions_of_an_agent_never_change,
    an_archived_agent_leaves_lists_and_numbers,
    lists_are_stable_while_rows_are_added,
    a_secret_stays_until_it_is_replaced,
    providers_are_a_clients_or_the_operators,
    a_tool_is_one_clients,
    a_number_belongs_to_one_client_and_to_its_own_agent,
);

/// Makes a version whose document, and whose agent's name, is `text`.
async fn publish(
    bench: &Bench,
    client: &ClientId,
    id: &str,
    revision: i64,
    text: &str,
    now_ms: i64,
) -> Result<(i64, u32), StoreError> {
    let name = sealed(text);
    let seal = |_| SealedVersion {
        body: sealed(text),
        note: None,
    };
    let new = Publication {
        name: &name,
        seal: &seal,
        made_by: None,
        rolled_back_to: None,
        split: None,
        takes_draft: false,
        now_ms,
    };
    let agents = bench.store.agents();
    agents.publish(client, id, revision, &new).await
}

async fn versions_of_an_agent_never_change(bench: Bench) {
    let agents = bench.store.agents();
    let id = new_id("agent");
    agents
        .add(&bench.ours, &id, &sealed("a"), &sealed("one"), None, NOW)
        .await
        .unwrap();
    let two = publish(&bench, &bench.ours, &id, 1, "two", NOW + 1).await;
    assert_eq!(two.unwrap(), (2, 2));
    let stale = publish(&bench, &bench.ours, &id, 1, "three", NOW).await;
    assert!(matches!(stale, Err(StoreError::Stale { revision: 2 })));

    let agent = agents.find(&bench.ours, &id).await.unwrap().unwrap();
    assert_eq!(
        (agent.name, agent.version, agent.updated_ms),
        (sealed("two"), 2, NOW + 1)
    );
    let one = agents
        .find_version(&bench.ours, &id, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((one.body, one.created_ms), (sealed("one"), NOW));
    let (newest, more) = agents
        .list_versions(&bench.ours, &id, None, 1)
        .await
        .unwrap();
    assert_eq!((newest[0].version, newest.len(), more), (2, 1, true));
    let (oldest, more) = agents
        .list_versions(&bench.ours, &id, Some(2), 1)
        .await
        .unwrap();
    assert_eq!((oldest[0].version, more), (1, false));

    // Another client's agents do not exist.
    assert_eq!(agents.find(&bench.theirs, &id).await.unwrap(), None);
    assert_eq!(
        agents.find_version(&bench.theirs, &id, 1).await.unwrap(),
        None
    );
    assert_eq!(
        agents
            .list_versions(&bench.theirs, &id, None, 9)
            .await
            .unwrap()
            .0,
        []
    );
    let theirs = publish(&bench, &bench.theirs, &id, 2, "x", NOW).await;
    assert!(matches!(theirs, Err(StoreError::Missing { .. })));
    let theirs = agents.archive(&bench.theirs, &id, 2, NOW).await;
    assert!(matches!(theirs, Err(StoreError::Missing { .. })));
    assert_eq!(agents.list(&bench.theirs, None, 9).await.unwrap().data, []);
}

async fn an_archived_agent_leaves_lists_and_numbers(bench: Bench) {
    let (agents, numbers) = (bench.store.agents(), bench.store.numbers());
    let id = new_id("agent");
    agents
        .add(&bench.ours, &id, &sealed("a"), &sealed("one"), None, NOW)
        .await
        .unwrap();
    let new = new_number(1, Some(&id));
    numbers.add(&bench.ours, &new).await.unwrap();
    assert_eq!(
        agents.archive(&bench.ours, &id, 1, NOW + 3).await.unwrap(),
        2
    );
    assert_eq!(agents.list(&bench.ours, None, 9).await.unwrap().data, []);
    let agent = agents.find(&bench.ours, &id).await.unwrap().unwrap();
    assert_eq!(agent.archived_ms, Some(NOW + 3));
    assert!(
        agents
            .find_version(&bench.ours, &id, 1)
            .await
            .unwrap()
            .is_some()
    );
    let bound = numbers.find(&bench.ours, &new.id).await.unwrap().unwrap();
    assert_eq!((bound.agent_id, bound.revision), (None, 2));
    let again = publish(&bench, &bench.ours, &id, 2, "x", NOW).await;
    assert!(matches!(again, Err(StoreError::Missing { .. })));
}

async fn lists_are_stable_while_rows_are_added(bench: Bench) {
    let agents = bench.store.agents();
    // Two of each moment, so that a page ends between two of the same.
    let mut ids = Vec::new();
    for n in 0..8 {
        let id = new_id("agent");
        agents
            .add(
                &bench.ours,
                &id,
                &sealed("a"),
                &sealed("v"),
                None,
                NOW + n / 2,
            )
            .await
            .unwrap();
        ids.push((NOW + n / 2, id));
    }
    ids.sort();
    ids.reverse();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = agents.list(&bench.ours, after.as_ref(), 3).await.unwrap();
        seen.extend(
            page.data
                .into_iter()
                .map(|agent| (agent.created_ms, agent.id)),
        );
        let newer = new_id("agent");
        agents
            .add(
                &bench.ours,
                &newer,
                &sealed("a"),
                &sealed("v"),
                None,
                NOW + 100,
            )
            .await
            .unwrap();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);
}

async fn a_secret_stays_until_it_is_replaced(bench: Bench) {
    let carriers = bench.store.carriers();
    let new = NewCarrierAccount {
        id: new_id("carr"),
        kind: "twilio".into(),
        name: sealed("main"),
        secret: sealed("token"),
        settings: sealed("{}"),
        created_ms: NOW,
    };
    carriers.add(&bench.ours, &new).await.unwrap();
    let change = |secret: Option<&str>| CarrierChange {
        name: sealed("other"),
        secret: secret.map(sealed),
        settings: sealed("{1}"),
        updated_ms: NOW + 1,
    };
    assert_eq!(
        carriers
            .update(&bench.ours, &new.id, 1, &change(None))
            .await
            .unwrap(),
        2
    );
    let kept = carriers.find(&bench.ours, &new.id).await.unwrap().unwrap();
    assert_eq!(
        (kept.secret, kept.name, kept.settings),
        (sealed("token"), sealed("other"), sealed("{1}"))
    );
    assert_eq!(
        carriers
            .update(&bench.ours, &new.id, 2, &change(Some("next")))
            .await
            .unwrap(),
        3
    );
    assert_eq!(
        carriers
            .find(&bench.ours, &new.id)
            .await
            .unwrap()
            .unwrap()
            .secret,
        sealed("next")
    );

    assert_eq!(carriers.find(&bench.theirs, &new.id).await.unwrap(), None);
    assert_eq!(
        carriers.list(&bench.theirs, None, 9).await.unwrap().data,
        []
    );
    let theirs = carriers
        .update(&bench.theirs, &new.id, 3, &change(None))
        .await;
    assert!(matches!(theirs, Err(StoreError::Missing { .. })));
    assert!(!carriers.remove(&bench.theirs, &new.id).await.unwrap());
    assert_eq!(
        carriers
            .list(&bench.ours, None, 9)
            .await
            .unwrap()
            .data
            .len(),
        1
    );

    // It cannot go while a number needs it.
    let mut on_it = new_number(7, None);
    on_it.carrier_id = Some(new.id.clone());
    bench
        .store
        .numbers()
        .add(&bench.ours, &on_it)
        .await
        .unwrap();
    let in_use = carriers.remove(&bench.ours, &new.id).await;
    assert!(matches!(in_use, Err(StoreError::Reference)));
    assert!(
        bench
            .store
            .numbers()
            .remove(&bench.ours, &on_it.id)
            .await
            .unwrap()
    );
    assert!(carriers.remove(&bench.ours, &new.id).await.unwrap());
}

async fn a_tool_is_one_clients(bench: Bench) {
    let tools = bench.store.tools();
    let id = new_id("tool");
    let tool = |document: &str, now_ms| ToolChange {
        document: sealed(document),
        secret: sealed("whsec"),
        now_ms,
    };
    tools.add(&bench.ours, &id, &tool("{}", NOW)).await.unwrap();
    let (ours, theirs) = (&bench.ours, &bench.theirs);
    assert_eq!(tools.count(ours).await.unwrap(), 1);
    assert_eq!(tools.count(theirs).await.unwrap(), 0);
    assert_eq!(tools.find(theirs, &id).await.unwrap(), None);
    assert_eq!(tools.list(theirs, None, 9).await.unwrap().data, []);
    let another = tool("[]", NOW + 1);
    let stolen = tools.update(theirs, &id, 1, &another).await;
    assert!(
        matches!(stolen, Err(StoreError::Missing { .. })),
        "{stolen:?}"
    );
    assert_eq!(tools.update(ours, &id, 1, &another).await.unwrap(), 2);
    let stale = tools.update(ours, &id, 1, &another).await;
    assert!(matches!(stale, Err(StoreError::Stale { revision: 2 })));
    let row = tools.find(ours, &id).await.unwrap().unwrap();
    assert_eq!((row.document, row.updated_ms), (sealed("[]"), NOW + 1));
    assert!(!tools.remove(theirs, &id).await.unwrap());
    assert!(tools.remove(ours, &id).await.unwrap());
    assert!(!tools.remove(ours, &id).await.unwrap());
}

async fn providers_are_a_clients_or_the_operators(bench: Bench) {
    let (providers, system) = (bench.store.providers(), bench.store.system());
    let new = || NewProvider {
        id: new_id("prov"),
        kind: ProviderKind::Model,
        vendor: "openai_compatible".into(),
        name: sealed("fast"),
        secret: sealed("sk"),
        settings: sealed("{}"),
        created_ms: NOW,
    };
    let (ours, operators) = (new(), new());
    providers.add(&bench.ours, &ours).await.unwrap();
    system.add_provider(&operators).await.unwrap();

    assert_eq!(
        providers
            .find(&bench.ours, &ours.id)
            .await
            .unwrap()
            .unwrap()
            .kind,
        ProviderKind::Model
    );
    assert_eq!(
        providers
            .list(&bench.ours, None, 9)
            .await
            .unwrap()
            .data
            .len(),
        1
    );
    // The operator's are in no client's list, and a client's are not the operator's.
    assert_eq!(
        providers.find(&bench.ours, &operators.id).await.unwrap(),
        None
    );
    assert!(!providers.remove(&bench.ours, &operators.id).await.unwrap());
    assert_eq!(system.provider(&ours.id).await.unwrap(), None);
    assert!(!system.remove_provider(&ours.id).await.unwrap());
    let defaults = system.providers().await.unwrap();
    assert_eq!((defaults.len(), &defaults[0].id), (1, &operators.id));

    assert_eq!(providers.find(&bench.theirs, &ours.id).await.unwrap(), None);
    let change = ProviderChange {
        name: sealed("x"),
        secret: None,
        settings: sealed("x"),
        updated_ms: NOW,
    };
    let theirs = providers.update(&bench.theirs, &ours.id, 1, &change).await;
    assert!(matches!(theirs, Err(StoreError::Missing { .. })));
    assert_eq!(
        providers
            .update(&bench.ours, &ours.id, 1, &change)
            .await
            .unwrap(),
        2
    );
    assert!(!providers.remove(&bench.theirs, &ours.id).await.unwrap());
    assert!(providers.remove(&bench.ours, &ours.id).await.unwrap());
    assert!(system.remove_provider(&operators.id).await.unwrap());
}

fn bound(agent: Option<&str>) -> Bound {
    Bound {
        agent_id: agent.map(str::to_owned),
        carrier_id: None,
        answering: Some(sealed("from nine to five")),
    }
}

fn new_number(n: u8, agent: Option<&str>) -> NewNumber {
    NewNumber {
        id: new_id("num"),
        number: number(n),
        agent_id: agent.map(str::to_owned),
        carrier_id: None,
        answering: None,
        created_ms: NOW,
    }
}

async fn a_number_belongs_to_one_client_and_to_its_own_agent(bench: Bench) {
    let (agents, numbers) = (bench.store.agents(), bench.store.numbers());
    let (agent, foreign) = (new_id("agent"), new_id("agent"));
    agents
        .add(&bench.ours, &agent, &sealed("a"), &sealed("v"), None, NOW)
        .await
        .unwrap();
    agents
        .add(
            &bench.theirs,
            &foreign,
            &sealed("a"),
            &sealed("v"),
            None,
            NOW,
        )
        .await
        .unwrap();
    let new = new_number(1, None);
    numbers.add(&bench.ours, &new).await.unwrap();
    let taken = numbers.add(&bench.theirs, &new_number(1, None)).await;
    assert!(matches!(taken, Err(StoreError::Conflict)));
    let foreign_agent = numbers
        .add(&bench.ours, &new_number(2, Some(&foreign)))
        .await;
    assert!(matches!(foreign_agent, Err(StoreError::Reference)));
    let foreign_agent = numbers
        .bind(&bench.ours, &new.id, 1, &bound(Some(&foreign)), NOW)
        .await;
    assert!(matches!(foreign_agent, Err(StoreError::Reference)));

    assert_eq!(
        numbers
            .bind(&bench.ours, &new.id, 1, &bound(Some(&agent)), NOW + 1)
            .await
            .unwrap(),
        2
    );
    let called = bench
        .store
        .system()
        .number_called(&hash(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (called.client, called.agent_id, called.number),
        (bench.ours.clone(), Some(agent), number(1))
    );
    assert_eq!(called.answering, Some(sealed("from nine to five")));
    assert_eq!(
        bench.store.system().number_called(&hash(9)).await.unwrap(),
        None
    );

    assert_eq!(numbers.find(&bench.theirs, &new.id).await.unwrap(), None);
    assert_eq!(numbers.list(&bench.theirs, None, 9).await.unwrap().data, []);
    let theirs = numbers
        .bind(&bench.theirs, &new.id, 2, &bound(None), NOW)
        .await;
    assert!(matches!(theirs, Err(StoreError::Missing { .. })));
    assert!(!numbers.remove(&bench.theirs, &new.id).await.unwrap());
    assert_eq!(
        numbers.list(&bench.ours, None, 9).await.unwrap().data.len(),
        1
    );
}
