//! Numbers as they are written within one country.

use serde_json::{Value, json};

use crate::api::rig::{Api, Who, id};

async fn import(api: &Api, who: &Who, path: &str, (media_type, file): (&str, &str)) -> Value {
    let sent = api.upload(who, ("POST", path), Some(media_type), file.to_owned());
    let import = id(&sent.await.made());
    api.app.imports.catch_up().await.unwrap();
    api.get(who, &format!("/v1/imports/{import}")).await.fine()
}

async fn errors(api: &Api, who: &Who, import: &Value) -> Vec<String> {
    let path = format!("/v1/imports/{}/errors.csv", import["id"].as_str().unwrap());
    let text = String::from_utf8(api.get(who, &path).await.bytes.to_vec()).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

async fn found(api: &Api, who: &Who, number: &str) -> Value {
    let path = format!("/v1/contacts?phone=%2B{}", number.trim_start_matches('+'));
    api.get(who, &path).await.fine()["data"].clone()
}

#[tokio::test]
async fn a_file_of_national_numbers_is_kept_in_e164_and_each_bad_one_says_why() {
    let api = Api::open().await;
    let (who, theirs) = (api.client().await, api.client().await);
    let file = "phone,Name,country\n030 123456,Ann,\n0171/1234567,Bob,\n044 123 45 67,Cy,CH\n+44 20 7946 0123,Dee,\n\
                110,Ed,\n49171 1234567,Flo,\n030 123456 ext. 3,Gus,\n0800 REIFEN,Hal,\n012,Ida,\n";
    let path = "/v1/imports?default_country=de";
    let done = import(&api, &who, path, ("text/csv", file)).await;
    assert_eq!(done["default_country"], "DE");
    assert_eq!((&done["added"], &done["failed"]), (&json!(4), &json!(5)));
    for (number, name) in [
        ("+4930123456", "Ann"),
        ("+491711234567", "Bob"),
        ("+41441234567", "Cy"),
        ("+442079460123", "Dee"),
    ] {
        let found = found(&api, &who, number).await;
        assert_eq!(found[0]["phones"][0]["number"], number);
        assert_eq!(found[0]["variables"]["name"], name);
    }
    assert_eq!(found(&api, &theirs, "+4930123456").await, json!([]));
    let told = errors(&api, &who, &done).await;
    for (line, why) in [
        (6, "area code is missing"),
        (7, "with the country code or one without"),
        (8, "only digits"),
        (9, "only digits"),
        (10, "area code is missing"),
    ] {
        let own = told
            .iter()
            .find(|told| told.starts_with(&format!("{line},1,")));
        let own = own.unwrap_or_else(|| panic!("{line} is not in {told:?}"));
        assert!(own.contains("/phones/0/number,invalid_number"), "{own}");
        assert!(own.contains(why), "{own}");
    }
    // The same people, written otherwise, are the same.
    let again = "phone,plan\n+49 30 123456,gold\n0049 171 1234567,tin\n";
    let path = "/v1/imports?default_country=DE&on_duplicate=update";
    let again = import(&api, &who, path, ("text/csv", again)).await;
    assert_eq!((&again["added"], &again["updated"]), (&json!(0), &json!(2)));
    let ann = found(&api, &who, "+4930123456").await;
    assert_eq!(ann[0]["phones"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_country_nothing_is_guessed() {
    let api = Api::open().await;
    let who = api.client().await;
    let file = "{\"phone\":\"030 123456\",\"country\":\"DE\"}\n";
    let jsonl = ("application/x-ndjson", file);
    let done = import(&api, &who, "/v1/imports", jsonl).await;
    assert_eq!(
        (&done["failed"], &done["default_country"]),
        (&json!(1), &json!(null))
    );
    let path = "/v1/imports?default_country=AT";
    let done = import(&api, &who, path, jsonl).await;
    assert_eq!(done["added"], 1);
    assert_eq!(found(&api, &who, "+4930123456").await[0]["country"], "DE");
    for wrong in ["XX", "Germany", "49", "%20"] {
        let path = format!("/v1/imports?default_country={wrong}");
        let sent = api.upload(&who, ("POST", &path), Some("text/csv"), "phone\n");
        assert_eq!(sent.await.status, 422, "{wrong}");
    }
}

#[tokio::test]
async fn lists_of_opt_outs_and_single_contacts_are_read_so_too() {
    let api = Api::open().await;
    let who = api.client().await;
    let path = "/v1/suppressions/import?default_country=GB";
    let done = import(&api, &who, path, ("text/plain", "020 7946 0123\n999\n")).await;
    assert_eq!((&done["added"], &done["failed"]), (&json!(1), &json!(1)));
    let asked = json!({ "numbers": ["+442079460123", "+442079460124"] });
    let asked = api
        .post(&who, "/v1/suppressions/check-many", &asked)
        .await
        .fine();
    assert_eq!(asked["suppressed"].as_array().unwrap().len(), 1);
    assert_eq!(asked["suppressed"][0]["index"], 0);

    let new = json!({ "phones": [{ "number": "020 7946 0124" }], "default_country": "GB" });
    let made = api.post(&who, "/v1/contacts", &new).await.made();
    assert_eq!(made["phones"][0]["number"], "+442079460124");
    let path = format!("/v1/contacts/{}", id(&made));
    let change = json!({ "phones": [{ "number": "(212) 555-0123" }], "default_country": "US" });
    let changed = api.patch(&who, &path, &change).await.fine();
    assert_eq!(changed["phones"][0]["number"], "+12125550123");
    for (country, pointer) in [
        (json!("XX"), "/default_country"),
        (json!(null), "/phones/0/number"),
    ] {
        let new = json!({ "phones": [{ "number": "020 7946 0125" }], "default_country": country });
        let refused = api.post(&who, "/v1/contacts", &new).await;
        assert_eq!(refused.status, 422);
        assert_eq!(refused.fault().0, pointer);
    }
}
