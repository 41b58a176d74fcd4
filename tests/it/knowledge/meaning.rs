//! Questions in other words than the documents', with the table of word vectors that the server uses; and how long looking up
//! takes.

use std::time::Duration;

use serde_json::json;
use trunkline::clock;
use trunkline::knowledge::Embedder;
use trunkline::models::ModelSet;

use super::{add, document, house, search};
use crate::stack::models;

/// A hotel, each paragraph about one thing.
const HOTEL: &str = "# Checking in\n\nYour room is ready from three in the afternoon. Reception is staffed day and night.\n\n\
    # Checking out\n\nPlease leave the room by eleven; a late departure until two costs thirty euros.\n\n\
    # Breakfast\n\nA buffet is served from half past six to ten, with vegan and gluten-free dishes.\n\n\
    # Dogs and cats\n\nAnimals stay for fifteen euros a night and must be kept on a lead in the corridors.\n\n\
    # Car park\n\nThe garage under the building has a charging station for electric vehicles.\n\n\
    # Wellness\n\nThe sauna and the swimming pool on the roof are free for guests over sixteen.\n\n\
    # Internet\n\nThe wireless network is free; its key lies on the desk.\n\n\
    # Cancellation\n\nA booking can be cancelled without charge until two days before arrival.\n\n\
    # Children\n\nCots are free, and a babysitter can be ordered a day ahead.\n\n\
    # Laundry\n\nClothes handed in before nine are washed and ironed by the evening.\n\n\
    # Getting here\n\nFrom the airport the train takes twenty minutes to Central Station, across the square from us.\n\n\
    # Payment\n\nWe take Visa and Mastercard, and cash in euros; a deposit is held on arrival.\n";

/// What callers ask, and where the answer is.
const QUESTIONS: &[(&str, &str)] = &[
    ("Can I bring my puppy?", "Dogs and cats"),
    ("Do you have wifi?", "Internet"),
    ("What do you offer for toddlers?", "Children"),
    ("Where can I leave my automobile?", "Car park"),
    ("Is there a gym or spa?", "Wellness"),
    ("I have to call off my reservation.", "Cancellation"),
    ("Do you serve food in the morning?", "Breakfast"),
    ("Could somebody clean my shirt?", "Laundry"),
    ("Do you accept credit cards?", "Payment"),
    ("How do I reach you by plane?", "Getting here"),
    (
        "What if I want to stay longer on the last day?",
        "Checking out",
    ),
    ("Can I swim?", "Wellness"),
];

#[tokio::test]
async fn a_question_in_other_words_is_answered() {
    let embedder = Embedder::local(models(ModelSet::Default).root()).unwrap();
    let (by_words, who) = house(None).await;
    let (by_both, other) = house(Some(embedder)).await;
    let mut right = [0, 0];
    for (n, (api, who)) in [(&by_words, &who), (&by_both, &other)]
        .into_iter()
        .enumerate()
    {
        let id = add(api, who, "Our%20hotel", HOTEL).await;
        api.app.knowledge.catch_up().await.unwrap();
        let shown = document(api, who, &id).await;
        let found_by = ["words", "words_and_meaning"][n];
        assert_eq!(shown["found_by"], found_by);
        for (question, heading) in QUESTIONS {
            let found = search(api, who, &[&id], question).await;
            let first = found
                .first()
                .map_or(json!(null), |first| first["headings"][0].clone());
            let score = found
                .first()
                .map_or(json!(null), |first| first["score"].clone());
            println!(
                "{found_by}: {question} → {first} ({score}), {} found",
                found.len()
            );
            right[n] += u32::from(first == *heading);
        }
        // What has nothing to do with it finds little.
        for stranger in [
            "Who won the football match?",
            "Explain quantum chromodynamics.",
        ] {
            let found = search(api, who, &[&id], stranger).await;
            let best = found
                .first()
                .map_or(0.0, |first| first["score"].as_f64().unwrap());
            println!("{found_by}: {stranger} → {best}");
            assert!(best < 0.3, "{found:?}");
        }
    }
    println!("right of {}: {right:?}", QUESTIONS.len());
    assert!(right[1] >= 9, "{right:?}");
    assert!(right[1] >= right[0] + 5, "{right:?}");
}

#[tokio::test]
async fn ten_thousand_passages_are_searched_while_a_caller_waits() {
    let embedder = Embedder::local(models(ModelSet::Default).root()).unwrap();
    let (api, who) = house(Some(embedder)).await;
    let goods = [
        "drill", "ladder", "paint", "hammer", "lamp", "chair", "table", "shelf", "carpet", "mirror",
    ];
    let colours = [
        "red", "blue", "green", "white", "black", "grey", "yellow", "brown",
    ];
    let mut table = String::from("article,description,price\n");
    for n in 0..10_000 {
        let (good, colour) = (goods[n % 10], colours[n % 8]);
        table.push_str(&format!(
            "A-{n:05},\"A {colour} {good} of series {}, made for use indoors and outdoors, weighs {} kilograms and comes with \
             two years of warranty\",{} euros\n",
            n / 10, n % 23, 5 + n % 300
        ));
    }
    let id = add(&api, &who, "Catalogue", table).await;
    let began = clock::now();
    api.app.knowledge.catch_up().await.unwrap();
    let shown = document(&api, &who, &id).await;
    assert_eq!(shown["passages"], 10_000, "{shown}");
    println!("read in {:?}", began.elapsed());
    let ids = [id];
    let knowledge = &api.app.knowledge;
    let look_up = async |question: &str| {
        let within = Duration::from_secs(60);
        knowledge
            .look_up(&who.client, &ids, question, 5, within)
            .await
            .unwrap()
    };
    let began = clock::now();
    assert_eq!(look_up("A-04711").await[0].place.row, Some(4_712));
    println!("the first took {:?}", began.elapsed());
    let mut times = Vec::new();
    for n in 0..100 {
        let question = format!(
            "How heavy is the {} {} of series {n}?",
            colours[n % 8],
            goods[n % 10]
        );
        let began = clock::now();
        assert_eq!(look_up(&question).await.len(), 5);
        times.push(began.elapsed());
    }
    times.sort();
    println!(
        "p50 {:?}, p95 {:?}, worst {:?}",
        times[50], times[95], times[99]
    );
}
