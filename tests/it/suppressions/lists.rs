//! Lists of numbers not to be called, as files in and out.

use serde_json::{Value, json};

use super::{check, is_suppressed};
use crate::api::rig::{Answer, Api, Who, id};

const IMPORT: &str = "/v1/suppressions/import";

async fn send(api: &Api, who: &Who, query: &str, media_type: &str, file: &str) -> Answer {
    let path = format!("{IMPORT}{query}");
    api.upload(who, ("POST", &path), Some(media_type), file.to_owned())
        .await
}

/// Sends a list and has it read: what is told of it.
async fn import(api: &Api, who: &Who, query: &str, media_type: &str, file: &str) -> Value {
    let sent = send(api, who, query, media_type, file).await.made();
    assert_eq!(
        (&sent["state"], &sent["kind"]),
        (&json!("waiting"), &json!("suppressions"))
    );
    api.app.imports.catch_up().await.unwrap();
    let path = format!("/v1/imports/{}", id(&sent));
    api.get(who, &path).await.fine()
}

fn counts(import: &Value) -> [u64; 4] {
    ["rows", "added", "skipped", "failed"].map(|name| import[name].as_u64().unwrap())
}

#[tokio::test]
async fn a_list_makes_suppressions_and_every_bad_row_has_its_reason() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let before = json!({ "number": "+15550100101", "reason": "complaint" });
    let first = id(&api.post(&ours, "/v1/suppressions", &before).await.made());
    let file = "\u{feff}Phone;Name;Reason;Campaign\r\n\
        +15550100101;Ann;opt_out;\r\n\
        +1 555 010-0102;\"Bob; the \"\"first\"\"\";;\r\n\
        5550100103;Cy;;\r\n\
        +15550100104;Dee;because;\r\n\
        +15550100105;Ed;do_not_call;spring-26\r\n\
        +15550100106;Flo;;a b\r\n\
        '+15550100107;=1+1;objection;\r\n\
        +15550100102;Bob;;\r\n\
        +15550100108;Gus\r\n";
    let done = import(&api, &ours, "?reason=do_not_call", "text/csv", file).await;
    assert_eq!(done["state"], "completed", "{done}");
    assert_eq!(counts(&done), [9, 3, 2, 4], "{done}");
    let path = format!("/v1/imports/{}/errors.csv", id(&done));
    let told = String::from_utf8(api.get(&ours, &path).await.bytes.to_vec()).unwrap();
    let told: Vec<&str> = told
        .lines()
        .map(|line| line.split(",\"").next().unwrap())
        .collect();
    let want = [
        "line,column,field,code,detail",
        "4,1,/number,invalid_number",
        "5,3,/reason,unknown_value",
        "7,4,/campaign_id,invalid",
        "10,,,wrong_cell_count",
    ];
    assert_eq!(told, want);
    // Who stands on two lists stays on the first.
    let found = check(&api, &ours, "+15550100101", None).await;
    assert_eq!(
        (&found["suppression"]["id"], &found["suppression"]["reason"]),
        (&json!(first), &json!("complaint"))
    );
    for (number, reason) in [
        ("+15550100102", "do_not_call"),
        ("+15550100107", "objection"),
    ] {
        let found = check(&api, &ours, number, None).await;
        let row = &found["suppression"];
        assert_eq!(
            (&row["reason"], &row["source"], &row["scope"]),
            (&json!(reason), &json!("import"), &json!("client"))
        );
    }
    assert!(!is_suppressed(&api, &ours, "+15550100105").await);
    let of_campaign = check(&api, &ours, "+15550100105", Some("spring-26")).await;
    assert_eq!(of_campaign["suppression"]["scope"], "campaign");
    for n in 101..=108 {
        assert!(!is_suppressed(&api, &theirs, &format!("+15550100{n}")).await);
    }
    assert_eq!(
        api.get(&theirs, &format!("/v1/imports/{}", id(&done)))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn each_number_of_a_list_is_told_of_once() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let plain = "+15550100101\n+15550100102\n\n+15550100101\n";
    let done = import(&api, &ours, "", "text/plain", plain).await;
    assert_eq!(counts(&done), [3, 2, 1, 0], "{done}");
    let again = import(&api, &ours, "", "text/csv", plain).await;
    assert_eq!(counts(&again), [3, 0, 3, 0], "{again}");
    while api
        .app
        .desk
        .store
        .system()
        .publish(0, 100)
        .await
        .unwrap()
        .events
        > 0
    {}
    let events = api.get(&ours, "/v1/events?limit=100").await.fine();
    let events = events["data"].as_array().unwrap();
    let made: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "suppression.created")
        .collect();
    assert_eq!(made.len(), 2, "{events:?}");
    for event in made {
        let data = &event["data"];
        assert_eq!(
            (&data["source"], &data["reason"], &data["scope"]),
            (&json!("import"), &json!("opt_out"), &json!("client")),
            "{event}"
        );
    }
    let foreign = api.get(&theirs, "/v1/events").await.fine();
    assert_eq!(foreign["data"], json!([]));
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let api = Api::open().await;
    let ours = api.client().await;
    let lines = "{\"number\":\"+15550100101\"}\n{\"n\":\"x\"}\n{\"phone\":\"+15550100102\"}\n\
        {\"number\":\"+15550100101\"}\n{\"number\":\"+15550100101\",\"campaign_id\":\"c\"}\nnot json\n";
    let kind = "application/x-ndjson";
    let dry = import(&api, &ours, "?dry_run=true", kind, lines).await;
    assert_eq!(counts(&dry), [6, 3, 1, 2], "{dry}");
    assert!(!is_suppressed(&api, &ours, "+15550100101").await);
    let real = import(&api, &ours, "", kind, lines).await;
    assert_eq!(counts(&real), counts(&dry), "{real}");
    let dry = import(&api, &ours, "?dry_run=true", kind, lines).await;
    assert_eq!(counts(&dry), [6, 0, 4, 2], "{dry}");
}

#[tokio::test]
async fn a_list_that_cannot_be_used_says_why() {
    let api = Api::open().await;
    let ours = api.client().await;
    for (query, media_type, status) in [
        ("", "application/pdf", 415),
        ("?reason=because", "text/csv", 422),
        ("?campaign_id=a%20b", "text/csv", 422),
        (
            "?mapping=%7B%22a%22%3A%22phone_number%22%7D",
            "text/csv",
            422,
        ),
        ("?list=list_01J8Z0000000000000000000AA", "text/csv", 422),
    ] {
        let answer = send(&api, &ours, query, media_type, "phone\n").await;
        assert_eq!(answer.status, status, "{query}: {answer:?}");
    }
    let done = import(&api, &ours, "", "text/csv", "name,why\nAnn,x\n").await;
    assert_eq!(done["problem"]["code"], "no_phone_column");
    let mapped = "?mapping=%7B%22Nummer%22%3A%22number%22%7D";
    let done = import(&api, &ours, mapped, "text/csv", "Nummer\n+15550100101\n").await;
    assert_eq!(counts(&done), [1, 1, 0, 0]);
    let taken_back = send(&api, &ours, "", "text/csv", "phone\n+15550100102\n").await;
    let path = format!("/v1/imports/{}/cancel", id(&taken_back.made()));
    let cancelled = api.post(&ours, &path, &Value::Null).await.fine();
    assert_eq!(cancelled["state"], "cancelled");
    api.app.imports.catch_up().await.unwrap();
    assert!(!is_suppressed(&api, &ours, "+15550100102").await);
}

#[tokio::test]
async fn an_export_says_everything_but_the_numbers() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let list: String = (0..450).map(|n| format!("+1555030{n:04}\n")).collect();
    import(&api, &ours, "?reason=objection", "text/plain", &list).await;
    let body = json!({ "number": "+15550100123", "reason": "opt_out", "campaign_id": "spring-26" });
    let lifted = id(&api.post(&ours, "/v1/suppressions", &body).await.made());
    let path = format!("/v1/suppressions/{lifted}?reason=mistake");
    assert_eq!(api.delete(&ours, &path).await.status, 204);
    let table = api.get(&ours, "/v1/suppressions/export").await;
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
    let table = String::from_utf8(table.bytes.to_vec()).unwrap();
    assert_eq!(table.lines().count(), 452);
    assert!(table.starts_with("id,scope,campaign_id,reason,source,call_id,created_at"));
    let row = table.lines().find(|line| line.contains(&lifted)).unwrap();
    assert!(
        row.contains("\"campaign\",\"spring-26\",\"opt_out\",\"api\""),
        "{row}"
    );
    assert!(row.ends_with("\"mistake\""), "{row}");
    let lines = api.get(&ours, "/v1/suppressions/export?format=jsonl").await;
    let lines = String::from_utf8(lines.bytes.to_vec()).unwrap();
    let ids: std::collections::BTreeSet<String> = lines
        .lines()
        .map(|line| id(&serde_json::from_str::<Value>(line).unwrap()))
        .collect();
    assert_eq!(ids.len(), 451);
    assert!(!table.contains("555030") && !lines.contains("555030"));
    let foreign = api
        .get(&theirs, "/v1/suppressions/export?format=jsonl")
        .await;
    assert!(foreign.bytes.is_empty(), "{foreign:?}");
    let wrong = api.get(&ours, "/v1/suppressions/export?format=xml").await;
    assert_eq!(wrong.status, 422);
}
