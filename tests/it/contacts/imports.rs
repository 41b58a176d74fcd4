//! Files in and out.

use std::fmt::Write as _;

use serde_json::{Value, json};
use trunkline::clock;

use crate::api::rig::{Answer, Api, Who, id};

const IMPORTS: &str = "/v1/imports";

async fn send(
    api: &Api,
    who: &Who,
    query: &str,
    media_type: &str,
    bytes: impl Into<Vec<u8>>,
) -> Answer {
    let path = format!("{IMPORTS}{query}");
    api.upload(who, ("POST", &path), Some(media_type), bytes.into())
        .await
}

/// Sends a file and has it read: what is told of it.
async fn import(api: &Api, who: &Who, query: &str, bytes: impl Into<Vec<u8>>) -> Value {
    let sent = send(api, who, query, "text/csv", bytes).await.made();
    assert_eq!(sent["state"], "waiting");
    read(api, who, &id(&sent)).await
}

async fn read(api: &Api, who: &Who, import: &str) -> Value {
    api.app.imports.catch_up().await.unwrap();
    api.get(who, &format!("{IMPORTS}/{import}")).await.fine()
}

fn counts(import: &Value) -> [u64; 5] {
    ["rows", "added", "updated", "skipped", "failed"].map(|name| import[name].as_u64().unwrap())
}

async fn errors(api: &Api, who: &Who, import: &Value) -> String {
    let path = format!("{IMPORTS}/{}/errors.csv", import["id"].as_str().unwrap());
    String::from_utf8(api.get(who, &path).await.bytes.to_vec()).unwrap()
}

async fn by_phone(api: &Api, who: &Who, number: &str) -> Value {
    let path = format!("/v1/contacts?phone=%2B{}", number.trim_start_matches('+'));
    api.get(who, &path).await.fine()["data"].clone()
}

#[tokio::test]
async fn every_bad_row_has_its_reason_and_the_good_rows_go_in() {
    let api = Api::open().await;
    let (who, theirs) = (api.client().await, api.client().await);
    let list = json!({ "name": "L", "variables": { "seats": "number" } });
    let list = id(&api.post(&who, "/v1/contact-lists", &list).await.made());
    let mut file = b"\xef\xbb\xbfPhone;First Name;tz;seats\r\n".to_vec();
    file.extend_from_slice(b"+15550100101;Ann;America/New_York;3\r\n");
    file.extend_from_slice(b"5550100102;Bob;;\r\n");
    file.extend_from_slice(b"+15550100103;Cy;Mars/Base;\r\n");
    file.extend_from_slice(b"+15550100104;Dee\r\n");
    file.extend_from_slice(b"+15550100105;\"Ed; the \"\"first\"\"\";;7\r\n");
    file.extend_from_slice(b"+15550100106;M\xfcller;;\r\n");
    file.extend_from_slice(b"+1 555 010 0101;Ann again;;\r\n");
    file.extend_from_slice(b"+15550100107;\"Flo;;\r\n");
    file.extend_from_slice(b"'+15550100108;'=1+1;;x\r\n");
    file.extend_from_slice(format!("+15550100109;{};;\r\n", "x".repeat(1 << 20)).as_bytes());
    file.extend_from_slice(b"'+15550100110;'=1+1;;8");
    let done = import(&api, &who, &format!("?list={list}"), file).await;
    assert_eq!(done["state"], "completed", "{done}");
    assert_eq!(counts(&done), [11, 3, 0, 1, 7], "{done}");
    let told = errors(&api, &who, &done).await;
    let told: Vec<String> = told
        .lines()
        .map(|line| line.split(",\"").next().unwrap().to_owned())
        .collect();
    let want = [
        "line,column,field,code,detail",
        "3,1,/phones/0/number,invalid_number",
        "4,3,/time_zone,invalid_time_zone",
        "5,,,wrong_cell_count",
        "7,2,,not_utf8",
        "9,,,unclosed_quote",
        "10,4,/variables/seats,wrong_type",
        "11,,,row_too_long",
    ];
    assert_eq!(told, want);
    let ed = by_phone(&api, &who, "+15550100105").await;
    assert_eq!(
        ed[0]["variables"],
        json!({ "first_name": "Ed; the \"first\"", "seats": 7 })
    );
    let formula = by_phone(&api, &who, "+15550100110").await;
    assert_eq!(formula[0]["variables"]["first_name"], "=1+1");
    assert_eq!(by_phone(&api, &theirs, "+15550100105").await, json!([]));
    let shown = api
        .get(&who, &format!("/v1/contact-lists/{list}"))
        .await
        .fine();
    assert_eq!(shown["contacts"], 3);
    // Nothing of the file is left.
    let left = std::fs::read_dir(api.data().join("imports"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn who_is_there_stays_or_changes_and_is_on_both_lists() {
    let api = Api::open().await;
    let who = api.client().await;
    let mut lists = Vec::new();
    for name in ["A", "B"] {
        lists.push(id(&api
            .post(&who, "/v1/contact-lists", &json!({ "name": name }))
            .await
            .made()));
    }
    let first =
        "number,external_id,plan\n+15550100101,a,gold\n+15550100102,b,iron\n+15550100101,,\n";
    let done = import(&api, &who, &format!("?list={}", lists[0]), first).await;
    assert_eq!(counts(&done), [3, 2, 0, 1, 0]);
    let next = "number,external_id,plan,city\n+15550100101,,tin,Rome\n+15550100103,b,lead,\n+15550100101,b,,\n+15550100104,,,\n";
    let dry = import(
        &api,
        &who,
        &format!("?list={}&on_duplicate=update&dry_run=true", lists[1]),
        next,
    )
    .await;
    assert_eq!(counts(&dry), [4, 1, 2, 0, 1], "{dry}");
    assert_eq!(by_phone(&api, &who, "+15550100104").await, json!([]));
    let skipped = import(&api, &who, "", next).await;
    assert_eq!(counts(&skipped), [4, 1, 0, 2, 1]);
    let found = by_phone(&api, &who, "+15550100101").await;
    assert_eq!(found[0]["variables"], json!({ "plan": "gold" }));
    let updated = import(
        &api,
        &who,
        &format!("?list={}&on_duplicate=update", lists[1]),
        next,
    )
    .await;
    assert_eq!(counts(&updated), [4, 0, 3, 0, 1], "{updated}");
    let found = by_phone(&api, &who, "+15550100101").await;
    assert_eq!(
        found[0]["variables"],
        json!({ "plan": "tin", "city": "Rome" })
    );
    // Known by its external id, it has a second number now.
    let second = by_phone(&api, &who, "+15550100103").await;
    assert_eq!(second[0]["phones"].as_array().unwrap().len(), 2);
    for (list, count) in lists.iter().zip([2, 3]) {
        let shown = api
            .get(&who, &format!("/v1/contact-lists/{list}"))
            .await
            .fine();
        assert_eq!(shown["contacts"], count);
    }
    let told = errors(&api, &who, &updated).await;
    assert!(told.contains("several_contacts"), "{told}");
}

#[tokio::test]
async fn files_that_cannot_be_used_say_why() {
    let api = Api::open().await;
    let who = api.client().await;
    for (file, code) in [
        (&b""[..], "empty"),
        (b"\xff\xfep\0h\0", "utf_16"),
        (b"name,plan\nAnn,gold\n", "no_phone_column"),
        (b"phone,plan,Plan\n+15550100101,a,b\n", "bad_columns"),
        (b"phone,na\xefve\n+15550100101,a\n", "bad_header"),
    ] {
        let done = import(&api, &who, "", file).await;
        assert_eq!(
            (&done["state"], &done["problem"]["code"]),
            (&json!("failed"), &json!(code))
        );
    }
    let header_alone = import(&api, &who, "", "phone\n").await;
    assert_eq!(counts(&header_alone), [0; 5]);
    assert_eq!(header_alone["state"], "completed");
    for (query, media_type, status) in [
        ("", "application/pdf", 415),
        ("?list=list_01J8Z0000000000000000000AA", "text/csv", 422),
        ("?mapping=%7B%22a%22%3A%22nonsense%22%7D", "text/csv", 422),
        ("?dry_run=perhaps", "text/csv", 422),
        ("?what=else", "text/csv", 422),
    ] {
        let answer = send(&api, &who, query, media_type, "phone\n").await;
        assert_eq!(answer.status, status, "{query}: {answer:?}");
    }
    let mapped = "?mapping=%7B%22A%22%3A%22phone_number.work%22%2C%22B%22%3A%22ignore%22%7D";
    let done = import(&api, &who, mapped, "A,B,C\n+15550100101,secret,x\n").await;
    assert_eq!(counts(&done), [1, 1, 0, 0, 0]);
    let found = by_phone(&api, &who, "+15550100101").await;
    assert_eq!(found[0]["phones"][0]["label"], "work");
    assert_eq!(found[0]["variables"], json!({ "c": "x" }));
}

#[tokio::test]
async fn what_is_taken_back_or_sent_twice_is_done_once() {
    let api = Api::open().await;
    let (who, theirs) = (api.client().await, api.client().await);
    let import = id(&send(&api, &who, "", "text/csv", "phone\n+15550100101\n")
        .await
        .made());
    let path = format!("{IMPORTS}/{import}/cancel");
    assert_eq!(api.post(&theirs, &path, &Value::Null).await.status, 404);
    let cancelled = api.post(&who, &path, &Value::Null).await.fine();
    assert_eq!(cancelled["state"], "cancelled");
    let done = read(&api, &who, &import).await;
    assert_eq!(
        (&done["state"], counts(&done)),
        (&json!("cancelled"), [0; 5])
    );
    let mut ids = Vec::new();
    for bytes in [
        "phone\n+15550100102\n",
        "phone\n+15550100102\n",
        "phone\n+15550100103\n",
    ] {
        let request = axum::http::Request::builder()
            .method("POST")
            .uri(IMPORTS)
            .header("authorization", format!("Bearer {}", who.secret))
            .header("content-type", "text/csv")
            .header("idempotency-key", "one");
        let answer = api.send(request.body(bytes.into()).unwrap()).await;
        ids.push((answer.status, answer.json()["id"].clone()));
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[2].0, 422);
    let listed = api.get(&who, IMPORTS).await.fine();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    let left = std::fs::read_dir(api.data().join("imports"))
        .unwrap()
        .count();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn what_goes_out_comes_in_again() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let evil = json!({
        "phones": [{ "number": "+15550100101", "label": "home" }, { "number": "+15550100102" }],
        "external_id": "=cmd|' /C calc'!A0", "country": "US", "region": "NY", "kind": "business",
        "variables": { "note": "-1+1, \"quoted\"\nand more", "at": "@x", "n": 12, "kind": "'=1" },
        "restricted": true, "preferences": { "calling_hours": "mon-fri 09:00-12:00" },
    });
    let made = api.post(&ours, "/v1/contacts", &evil).await.made();
    let alike = |contact: &Value| {
        let mut contact = contact.clone();
        for own in ["id", "created_at", "updated_at"] {
            contact.as_object_mut().unwrap().remove(own);
        }
        contact
    };
    let csv = api.get(&ours, "/v1/contacts/export").await;
    let text = String::from_utf8(csv.bytes.to_vec()).unwrap();
    assert!(text.contains("\"'+15550100101\""), "{text}");
    assert!(text.contains("\"'=cmd"), "{text}");
    assert!(
        text.contains("\"'-1+1, \"\"quoted\"\"\nand more\""),
        "{text}"
    );
    let empty = api.get(&theirs, "/v1/contacts/export").await;
    assert_eq!(String::from_utf8_lossy(&empty.bytes).lines().count(), 1);
    let done = import(&api, &theirs, "", text).await;
    assert_eq!(
        counts(&done),
        [1, 1, 0, 0, 0],
        "{}",
        errors(&api, &theirs, &done).await
    );
    let back = by_phone(&api, &theirs, "+15550100102").await[0].clone();
    let mut want = alike(&made);
    want["phones"][0]["label"] = Value::Null;
    want["variables"]["n"] = "12".into();
    assert_eq!(alike(&back), want);
    // Lines of JSON keep labels and types.
    let third = api.client().await;
    let lines = api.get(&ours, "/v1/contacts/export?format=jsonl").await;
    let sent = send(
        &api,
        &third,
        "",
        "application/x-ndjson",
        lines.bytes.to_vec(),
    )
    .await;
    let done = read(&api, &third, &id(&sent.made())).await;
    assert_eq!(
        counts(&done),
        [1, 1, 0, 0, 0],
        "{}",
        errors(&api, &third, &done).await
    );
    let back = by_phone(&api, &third, "+15550100101").await[0].clone();
    assert_eq!(alike(&back), alike(&made));
}

/// `CONTACTS=100000 cargo test --test it -- how_long --nocapture` measures more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::disallowed_methods,
    reason = "how much a test does is no configuration of the product"
)]
async fn how_long_an_import_takes() {
    let rows = std::env::var("CONTACTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2_000);
    let api = Api::open().await;
    let who = api.client().await;
    let list = id(&api
        .post(&who, "/v1/contact-lists", &json!({ "name": "L" }))
        .await
        .made());
    let mut file = String::from("phone_number,external_id,first_name,time_zone,plan\n");
    for n in 0..rows {
        writeln!(file, "+1555{:07},crm-{n},Name{n},America/New_York,gold", n).unwrap();
    }
    let bytes = file.len();
    let sent = send(&api, &who, &format!("?list={list}"), "text/csv", file)
        .await
        .made();
    let began = clock::now();
    let done = read(&api, &who, &id(&sent)).await;
    let took = began.elapsed();
    println!(
        "{rows} rows, {bytes} bytes in {took:?}: {:.0} rows a second",
        rows as f64 / took.as_secs_f64()
    );
    assert_eq!(counts(&done), [rows, rows, 0, 0, 0]);
}

/// What a row calls its fields may be about the person: it is told nowhere, and breaks no line of the table of errors.
#[tokio::test]
async fn names_of_fields_are_in_no_error() {
    let api = Api::open().await;
    let who = api.client().await;
    let mut file = String::new();
    for name in ["Ann Miller, ill", "x\\r\\n=HYPERLINK(1)", "a\\u0000"] {
        writeln!(
            file,
            "{{\"phone\":\"+15550100131\",\"{name}\":{{\"a\":1}}}}"
        )
        .unwrap();
    }
    writeln!(file, "{{\"phone\":\"+15550100132\"}}").unwrap();
    let media_type = "application/x-ndjson";
    let sent = send(&api, &who, "", media_type, file).await.made();
    let done = read(&api, &who, &id(&sent)).await;
    assert_eq!(done["state"], "completed", "{done}");
    assert_eq!(counts(&done), [4, 1, 0, 0, 3], "{done}");
    let told = errors(&api, &who, &done).await;
    for line in 1..=3 {
        let want = format!("\r\n{line},,,wrong_type,");
        assert!(told.contains(&want), "{told}");
    }
    for name in ["Ann", "HYPERLINK"] {
        assert!(!told.contains(name), "{told}");
    }
}

#[tokio::test]
async fn a_row_of_thousands_of_fields_is_refused_before_they_are_looked_at() {
    let api = Api::open().await;
    let who = api.client().await;
    let mut row = String::from("{\"phone\":\"+15550100133\"");
    for n in 0..300 {
        write!(row, ",\"f{n}\":1").unwrap();
    }
    row.push_str("}\n{\"phone\":\"+15550100134\"}\n");
    let media_type = "application/x-ndjson";
    let sent = send(&api, &who, "", media_type, row).await.made();
    let done = read(&api, &who, &id(&sent)).await;
    assert_eq!(counts(&done), [2, 1, 0, 0, 1], "{done}");
    let told = errors(&api, &who, &done).await;
    assert!(told.contains("too_many_columns"), "{told}");
}

#[tokio::test]
async fn megabytes_of_blank_lines_are_passed_by() {
    let api = Api::open().await;
    let who = api.client().await;
    let mut file = "\r\n".repeat(1 << 20);
    file.push_str("phone\n");
    file.push_str(&"\n".repeat(3 << 20));
    file.push_str("+15550100135\nnonsense\n");
    file.push_str(&"\n".repeat(3 << 20));
    let done = import(&api, &who, "", file).await;
    assert_eq!(counts(&done), [2, 1, 0, 0, 1], "{done}");
    let told = errors(&api, &who, &done).await;
    let line = (1 << 20) + 1 + (3 << 20) + 2;
    assert!(told.contains(&format!("\n{line},1,")), "{told}");
}
