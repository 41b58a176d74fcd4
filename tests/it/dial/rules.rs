//! Rules that change while the server runs, places that are closed, and why somebody was not called.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline::rules::{self, CONSENT_FILE, HOURS_FILE, Looks};
use trunkline::store::rules::Closure;
use trunkline_core::policy::HoursPack;

use super::rig::{NOON, Office, moment};

const NEW_YORK: &str = "+12125550100";
const MIAMI: &str = "+13055550100";
const HOUR_MS: i64 = 3_600_000;

fn codes(answer: &Value) -> Vec<&str> {
    let reasons = answer["reasons"].as_array().unwrap().iter();
    reasons
        .map(|reason| reason["code"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn nobody_is_called_in_a_place_that_is_closed() {
    let office = Office::open().await;
    let now_ms = moment(NOON);
    let closure = Closure {
        id: "clo_1".into(),
        place: "US-NY".into(),
        from_ms: now_ms - 1,
        until_ms: now_ms + 2 * HOUR_MS,
        reason: "Executive order 47".into(),
        created_ms: now_ms,
    };
    let rows = office.api.app.desk.store.rules();
    assert!(rows.close(&closure).await.unwrap());
    let refused = office.place(NEW_YORK).await;
    assert_eq!(refused.status, 409, "{}", refused.json());
    assert_eq!(refused.json()["errors"][0]["code"], "emergency_closure");
    let asked = office.check(json!({ "to": NEW_YORK })).await;
    assert_eq!(
        (&asked["verdict"], &asked["retry_at"]),
        (&json!("defer"), &json!("2026-11-24T19:00:00.000Z"))
    );
    assert_eq!(codes(&asked), ["emergency_closure"]);
    office.place(MIAMI).await.made();
    let shown = office.api.get(&office.who, "/v1/rules").await.fine();
    assert_eq!(shown["closures"][0]["reason"], "Executive order 47");
    assert_eq!(shown["packs"].as_array().unwrap().len(), 3);
    // It ends early.
    assert!(rows.open("clo_1", now_ms).await.unwrap());
    office.place(NEW_YORK).await.made();
}

/// A pack by which nobody in New York is called on Tuesdays.
fn without_tuesdays() -> String {
    let mut pack: Value = serde_json::from_str(HoursPack::SHIPPED_TEXT).unwrap();
    let rows = pack["rules"].as_array_mut().unwrap();
    let row = rows.iter_mut().find(|row| row["code"] == "US-NY").unwrap();
    row["windows"]["tue"] = json!([]);
    row["confidence"] = json!("medium");
    pack.to_string()
}

#[tokio::test]
async fn packs_are_taken_while_the_server_runs_and_wrong_ones_are_not() {
    let office = Office::open().await;
    let desk = &office.api.app.desk;
    let ask = async || office.check(json!({ "to": NEW_YORK })).await;
    let shipped = ask().await;
    assert_eq!(shipped["verdict"], "allow");
    let folder = tempfile::tempdir().unwrap();
    let watching = tokio::spawn(rules::watch(
        desk.rules.clone(),
        desk.store.clone(),
        folder.path().to_owned(),
        Looks::default(),
    ));
    std::fs::write(folder.path().join(HOURS_FILE), without_tuesdays()).unwrap();
    let looked = async || {
        // The files are looked at every two seconds, by the real clock as they have it.
        for _ in 0..600 {
            if desk.rules.now().texts[0].is_own {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the packs were not taken");
    };
    looked().await;
    watching.abort();
    let refused = ask().await;
    assert_eq!(
        (codes(&refused)[0], &refused["retry_at"]),
        ("day_barred", &json!("2026-11-25T13:00:00.000Z"))
    );
    // Both can be read, also the one that holds no more.
    for answer in [&shipped, &refused] {
        let pack = &answer["trace"]["pack"];
        let path = format!("/v1/rules/{}", pack["sha256"].as_str().unwrap());
        let text = office.api.get(&office.who, &path).await.fine();
        assert_eq!(
            (&text["id"], &text["sha256"]),
            (&pack["id"], &pack["sha256"])
        );
        assert_eq!(text["pack"]["schema"], "callserver/calling-hours/1");
    }
    let none = office.api.get(&office.who, "/v1/rules/ab").await;
    assert_eq!(none.status, 404);
    // One file that is wrong, and all stays as it was.
    std::fs::write(folder.path().join(HOURS_FILE), HoursPack::SHIPPED_TEXT).unwrap();
    std::fs::write(folder.path().join(CONSENT_FILE), "{").unwrap();
    let wrong = desk.rules.take(&desk.store, folder.path()).await;
    let why = wrong.unwrap_err().to_string();
    assert!(
        why.contains(CONSENT_FILE) && why.contains("line 1"),
        "{why}"
    );
    assert_eq!(ask().await["trace"]["pack"], refused["trace"]["pack"]);
    std::fs::remove_file(folder.path().join(CONSENT_FILE)).unwrap();
    desk.rules.take(&desk.store, folder.path()).await.unwrap();
    assert_eq!(ask().await["verdict"], "allow");
}

#[tokio::test]
async fn why_somebody_was_not_called_can_be_read_later() {
    let office = Office::open().await;
    office.suppress(NEW_YORK).await;
    assert_eq!(office.place(NEW_YORK).await.status, 409);
    // What is only asked about is no decision.
    office.check(json!({ "to": NEW_YORK })).await;
    let night = moment("2026-11-24T22:00:00-05:00");
    office.set_time(night);
    assert_eq!(office.place(MIAMI).await.status, 409);
    let list = async |path: &str| {
        let page = office.api.get(&office.who, path).await.fine();
        page["data"].as_array().unwrap().clone()
    };
    let all = list("/v1/decisions").await;
    assert_eq!(all.len(), 2);
    assert_eq!(
        (&all[0]["verdict"], &all[0]["reasons"], &all[0]["about"]),
        (
            &json!("defer"),
            &json!(["outside_calling_hours"]),
            &json!("call")
        )
    );
    assert_eq!(all[0]["retry_at"], "2026-11-25T13:00:00.000Z");
    assert!(all[0]["object_id"].as_str().unwrap().starts_with("call_"));
    let of_one = list("/v1/decisions?number=%2B12125550100").await;
    assert_eq!(of_one, [all[1].clone()]);
    assert_eq!(of_one[0]["reasons"], json!(["suppressed"]));
    let path = format!("/v1/decisions/{}", all[0]["id"].as_str().unwrap());
    let one = office.api.get(&office.who, &path).await.fine();
    assert_eq!(one["trace"]["checks"][0]["rule"], "US-FL");
    let rules = one["rules"].as_str().unwrap();
    let sha256 = one["trace"]["pack"]["sha256"].as_str().unwrap();
    assert!(rules.ends_with(&format!("@{sha256}")), "{rules}");
    // Nobody else reads of it.
    let other = office.api.client().await;
    assert_eq!(office.api.get(&other, &path).await.status, 404);
    let theirs = office.api.get(&other, "/v1/decisions").await.fine();
    assert_eq!(theirs["data"], json!([]));
    // The number is nowhere in it.
    assert!(!one.to_string().contains("305555"), "{one}");
    let wrong = office
        .api
        .get(&office.who, "/v1/decisions?number=305")
        .await;
    assert_eq!(wrong.status, 422);
}

#[tokio::test]
async fn why_somebody_was_called_can_be_read_later() {
    let office = Office::open().await;
    let call = office.place(NEW_YORK).await.made();
    let path = format!("/v1/calls/{}/decision", call["id"].as_str().unwrap());
    let shown = office.api.get(&office.who, &path).await.fine();
    assert_eq!(shown["call_id"], call["id"]);
    assert_eq!(shown["trace"]["grounds"]["consent"], "written");
    let other = office.api.client().await;
    assert_eq!(office.api.get(&other, &path).await.status, 404);
    let none = office.api.get(&office.who, "/v1/calls/call_x/decision");
    assert_eq!(none.await.status, 404);
}

#[tokio::test]
async fn a_callback_that_is_refused_is_a_decision_too() {
    let office = Office::open().await;
    let wish = json!({
        "to": NEW_YORK, "from": office.number_id, "agent_id": office.agent_id,
        "at": "2026-11-25T03:00", "variables": { "day": "Monday" },
        "consent": { "form": "written", "source": "web_form" },
    });
    let refused = office.api.post(&office.who, "/v1/callbacks", &wish).await;
    assert_eq!(refused.status, 409, "{}", refused.json());
    let page = office.api.get(&office.who, "/v1/decisions").await.fine();
    assert_eq!(page["data"][0]["about"], "callback");
    assert_eq!(page["data"][0]["reasons"], json!(["outside_calling_hours"]));
}
