//! Contacts: by HTTP, from files and into files, of two clients.

pub(crate) mod addresses;
mod imports;
mod national;

use serde_json::{Value, json};

use crate::api::rig::{Answer, Api, Who, id};

async fn add(api: &Api, who: &Who, number: &str, more: Value) -> Answer {
    let mut body = json!({ "phones": [{ "number": number, "label": "mobile" }] });
    let fields = body.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    api.post(who, "/v1/contacts", &body).await
}

#[tokio::test]
async fn a_contact_is_found_by_what_is_not_stored_in_clear() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let more = json!({
        "external_id": "crm-4711", "time_zone": "America/New_York", "country": "US", "region": "NY",
        "variables": { "first_name": "Wilhelmina", "age": 42 },
    });
    let made = add(&api, &ours, "+1 (555) 010-0123", more).await.made();
    let contact = id(&made);
    assert_eq!(made["phones"][0]["number"], "+15550100123");
    assert_eq!(
        (&made["country"], &made["region"]),
        (&json!("US"), &json!("NY"))
    );
    assert_eq!(made["kind"], "unknown");
    for query in ["phone=%2B15550100123", "external_id=crm-4711", "limit=5"] {
        let path = format!("/v1/contacts?{query}");
        let own = api.get(&ours, &path).await.fine();
        assert_eq!(own["data"], json!([made]), "{query}");
        let foreign = api.get(&theirs, &path).await.fine();
        assert_eq!(foreign["data"], json!([]), "{query}");
    }
    // The same person may be another client's too.
    add(
        &api,
        &theirs,
        "+15550100123",
        json!({ "external_id": "crm-4711" }),
    )
    .await
    .made();
    for entry in std::fs::read_dir(api.data()).unwrap() {
        let Ok(bytes) = std::fs::read(entry.unwrap().path()) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        for secret in ["15550100123", "crm-4711", "Wilhelmina", "America/New_York"] {
            assert!(!text.contains(secret), "{secret} is on the disk");
        }
    }
    let path = format!("/v1/contacts/{contact}");
    assert_eq!(api.delete(&ours, &path).await.status, 204);
    assert_eq!(api.get(&ours, &path).await.status, 404);
    assert_eq!(api.delete(&ours, &path).await.status, 404);
    let left = api.get(&theirs, "/v1/contacts").await.fine();
    assert_eq!(left["data"].as_array().unwrap().len(), 1);
    // Its number is free again, and its key is another.
    add(&api, &ours, "+15550100123", json!({})).await.made();
}

#[tokio::test]
async fn a_number_and_an_external_id_are_one_contacts() {
    let api = Api::open().await;
    let who = api.client().await;
    let first = add(&api, &who, "+15550100101", json!({ "external_id": "a" })).await;
    let second = add(&api, &who, "+15550100102", json!({ "external_id": "b" })).await;
    let (first, second) = (id(&first.made()), id(&second.made()));
    let taken = add(&api, &who, "+15550100101", json!({})).await;
    assert_eq!(taken.status, 409);
    assert_eq!(
        taken.fault(),
        ("/phones/0/number".into(), "number_taken".into())
    );
    assert!(
        taken.json()["errors"][0]["detail"]
            .as_str()
            .unwrap()
            .contains(&first)
    );
    let path = format!("/v1/contacts/{second}");
    let taken = api.patch(&who, &path, &json!({ "external_id": "a" })).await;
    assert_eq!(
        taken.fault(),
        ("/external_id".into(), "external_id_taken".into())
    );
    // What it has itself is nobody else's; what it gives up is free.
    let phones = json!([{ "number": "+15550100102" }, { "number": "+15550100103" }]);
    let change = json!({ "phones": phones, "external_id": "" });
    let changed = api.patch(&who, &path, &change).await.fine();
    assert_eq!(changed["external_id"], Value::Null);
    let first = format!("/v1/contacts/{first}");
    api.patch(&who, &first, &json!({ "external_id": "b" }))
        .await
        .fine();
    let wrong = json!({ "time_zone": "Mars/Base", "variables": { "a b": 1 } });
    let wrong = api.patch(&who, &first, &wrong).await;
    assert_eq!(wrong.status, 422);
    let codes: Vec<_> = wrong.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["code"].clone())
        .collect();
    assert_eq!(codes, ["invalid_time_zone", "invalid_name"]);
    let stale = [("if-match", "\"1\"")];
    let stale = api
        .ask(Some(&who.secret), "PATCH", &path, &json!({}), &stale)
        .await;
    assert_eq!(stale.status, 412);
    let lists = api.patch(&who, &path, &json!({ "lists": [] })).await;
    assert_eq!(lists.fault().0, "/lists");
}

#[tokio::test]
async fn a_list_declares_what_its_contacts_are() {
    let api = Api::open().await;
    let (who, theirs) = (api.client().await, api.client().await);
    let list =
        json!({ "name": "Renewals", "variables": { "renews_on": "date", "seats": "number" } });
    let list = id(&api.post(&who, "/v1/contact-lists", &list).await.made());
    let wrong =
        json!({ "lists": [list], "variables": { "renews_on": "2026-02-30", "seats": "many" } });
    let wrong = add(&api, &who, "+15550100101", wrong).await;
    assert_eq!(
        wrong.json()["errors"].as_array().unwrap().len(),
        2,
        "{wrong:?}"
    );
    let right =
        json!({ "lists": [list], "variables": { "renews_on": "2026-02-28", "seats": "12" } });
    let right = add(&api, &who, "+15550100101", right).await.made();
    assert_eq!(right["variables"]["seats"], 12);
    let plain = id(&add(
        &api,
        &who,
        "+15550100102",
        json!({ "variables": { "seats": "x" } }),
    )
    .await
    .made());
    let members = format!("/v1/contact-lists/{list}/contacts");
    let refused = api
        .post(&who, &members, &json!({ "contacts": [plain] }))
        .await;
    assert_eq!(
        refused.fault(),
        ("/contacts/0/variables/seats".into(), "wrong_type".into())
    );
    api.patch(
        &who,
        &format!("/v1/contacts/{plain}"),
        &json!({ "variables": {} }),
    )
    .await
    .fine();
    for added in [1, 0] {
        let put = api
            .post(&who, &members, &json!({ "contacts": [plain] }))
            .await
            .fine();
        assert_eq!(put["added"], added);
    }
    // Nobody puts another's contacts on a list, or theirs on another's.
    let foreign = api
        .post(&theirs, &members, &json!({ "contacts": [plain] }))
        .await;
    assert_eq!(foreign.status, 404);
    let own = api
        .post(&theirs, "/v1/contact-lists", &json!({ "name": "Theirs" }))
        .await;
    let theirs_list = format!("/v1/contact-lists/{}/contacts", id(&own.made()));
    let foreign = api
        .post(&theirs, &theirs_list, &json!({ "contacts": [plain] }))
        .await;
    assert_eq!(foreign.fault(), ("/contacts/0".into(), "not_found".into()));
    // Who is on it stays right.
    let wrong = json!({ "variables": { "seats": "x" } });
    let wrong = api
        .patch(&who, &format!("/v1/contacts/{plain}"), &wrong)
        .await;
    assert_eq!(wrong.fault().1, "wrong_type");
    let shown = api
        .get(&who, &format!("/v1/contact-lists/{list}"))
        .await
        .fine();
    assert_eq!(shown["contacts"], 2);
    let on_it = api
        .get(&who, &format!("/v1/contacts?list={list}&limit=1"))
        .await
        .fine();
    let next = on_it["next_cursor"].as_str().unwrap();
    let rest = api
        .get(
            &who,
            &format!("/v1/contacts?list={list}&limit=1&after={next}"),
        )
        .await
        .fine();
    assert_eq!(
        (&on_it["data"][0]["id"], &rest["data"][0]["id"]),
        (&json!(plain), &right["id"])
    );
    let off = format!("{members}/{plain}");
    assert_eq!(api.delete(&who, &off).await.status, 204);
    assert_eq!(api.delete(&who, &off).await.status, 404);
    assert_eq!(
        api.delete(&who, &format!("/v1/contact-lists/{list}"))
            .await
            .status,
        204
    );
    api.get(&who, &format!("/v1/contacts/{plain}")).await.fine();
}

#[tokio::test]
async fn what_is_known_of_a_contact_is_heeded_and_told() {
    let api = Api::open().await;
    let who = api.client().await;
    let policy = json!({ "destinations": ["+1212"] });
    api.ask(Some(&who.secret), "PUT", "/v1/policy", &policy, &[])
        .await
        .fine();
    let there = json!({ "time_zone": "Pacific/Honolulu" });
    let phones = json!([{ "number": "+12125550123" }, { "number": "+442079460123" }]);
    let mut contact = json!({ "phones": phones });
    contact["time_zone"] = there["time_zone"].clone();
    let contact = id(&api.post(&who, "/v1/contacts", &contact).await.made());
    let agreed = json!({
        "number": "+12125550123", "purposes": ["marketing"], "form": "written", "source": "paper",
        "obtained_at": "2026-01-01T00:00:00Z",
    });
    api.post(&who, "/v1/consents", &agreed).await.made();
    let ask = async |at: &str| {
        let path = format!("/v1/contacts/{contact}/contactability?at={at}");
        api.get(&who, &path).await.fine()
    };
    // Ten in the morning in New York is five in Honolulu: not before eight there.
    let early = ask("2026-11-24T15:00:00Z").await;
    assert_eq!(early["phones"][0]["verdict"], "defer", "{early}");
    assert_eq!(
        early["phones"][0]["reasons"][0]["time_zone"],
        "Pacific/Honolulu"
    );
    assert_eq!(early["phones"][0]["retry_at"], "2026-11-24T18:00:00.000Z");
    assert_eq!(early["phones"][1]["verdict"], "deny");
    let later = ask("2026-11-24T19:00:00Z").await;
    assert_eq!(later["phones"][0]["verdict"], "allow", "{later}");
    let suppression = json!({ "number": "+12125550123", "reason": "opt_out" });
    let suppression = id(&api
        .post(&who, "/v1/suppressions", &suppression)
        .await
        .made());
    let never = ask("2026-11-24T19:00:00Z").await;
    assert_eq!(never["phones"][0]["reasons"][0]["code"], "suppressed");
    let call = api.call_of(&who, "+442079460123", 1_000).await;
    let timeline = api
        .get(&who, &format!("/v1/contacts/{contact}/timeline"))
        .await
        .fine();
    let entries = timeline["data"].as_array().unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry["kind"].as_str().unwrap(),
                entry["id"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("suppression", suppression.as_str()),
            ("call", call.as_str())
        ]
    );
}
