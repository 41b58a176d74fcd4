//! Who is not the carrier gets 403 and leaves nothing but a count.

use futures_util::future::join_all;
use serde_json::json;
use trunkline::app::new_call_id;
use trunkline::carrier_double::rest::Rung;
use trunkline::carrier_double::{CallSetup, Carrier, ConnectError};
use trunkline_core::token::{Claims, sign};
use trunkline_core::wire::twilio::form::Form;
use trunkline_core::wire::twilio::signature::{Algorithm, SIGNATURE_HEADER, sign as signature};

use super::rig::{Counts, NUMBER, PUBLIC, SID, STRANGER, TOKEN, Town};
use crate::session::logs::Log;
use crate::session::rig::{claims, key, now_s};

const CALL: &str = "CAfedcba9876543210fedcba9876543210";
const BODY: &str = "AccountSid=AC0123456789abcdef0123456789abcdef&CallSid=CAfedcba9876543210fedcba9876543210&CallStatus=completed&From=%2B14155550100&To=%2B15005550006";

async fn post(town: &Town, path: &str, signature: Option<&str>) -> u16 {
    let mut request = reqwest::Client::new()
        .post(format!("{}{path}", town.local))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(BODY);
    if let Some(signature) = signature {
        request = request.header(SIGNATURE_HEADER, signature);
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_forged_webhook_leaves_nothing_but_a_count() {
    let town = Town::found().await;
    let (counts, log) = (Counts::start(), Log::start());
    let form = Form::parse(BODY.as_bytes()).unwrap();
    let mut expected = [0_u64; 3];
    for what in [
        "voice",
        "after",
        "opt-out",
        "status",
        "amd",
        "stream",
        "transfer/tran_01JD0000000000000000000000/answer",
        "transfer/tran_01JD0000000000000000000000/sent",
    ] {
        let path = format!("/webhooks/twilio/{}/{what}", town.carrier_id);
        let by = |secret: &str, url: &str| signature(secret, Algorithm::Sha1, url, &form);
        let good = by(TOKEN, &format!("{PUBLIC}{path}"));
        for (path, signature, counted) in [
            (path.clone(), None, 0),
            (path.clone(), Some(String::new()), 1),
            (
                path.clone(),
                Some(by("another", &format!("{PUBLIC}{path}"))),
                1,
            ),
            (path.clone(), Some(by("", &format!("{PUBLIC}{path}"))), 1),
            // For where the server is, and not for what it is called.
            (
                path.clone(),
                Some(by(TOKEN, &format!("{}{path}", town.local))),
                1,
            ),
            (format!("{path}?call=call_1"), Some(good.clone()), 1),
            (
                "/webhooks/twilio/carr_01JD0000000000000000000000/voice".into(),
                Some(good.clone()),
                2,
            ),
            (
                "/webhooks/twilio/..%2f..%2fetc/voice".into(),
                Some(good.clone()),
                2,
            ),
        ] {
            assert_eq!(
                post(&town, &path, signature.as_deref()).await,
                403,
                "{path}"
            );
            expected[counted] += 1;
        }
    }
    for (reason, expected) in ["unsigned", "signature", "account"].iter().zip(expected) {
        assert_eq!(
            counts.of(&format!("trunkline_webhooks_refused_total {reason}")),
            expected,
            "{reason}"
        );
    }
    assert!(town.rows().await.is_empty());
    assert!(
        town.api
            .app
            .awaited
            .of_carrier(&town.carrier_id, CALL)
            .is_none()
    );
    let log = log.text();
    for secret in ["5550100", "5550006", CALL, TOKEN, &town.carrier_id] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[tokio::test]
async fn the_old_secret_is_good_until_it_is_taken_away() {
    let town = Town::found().await;
    let path = format!("/v1/carrier-accounts/{}", town.carrier_id);
    let status = town.addresses().status(None);
    let pairs = [
        ("CallSid", "CA1"),
        ("AccountSid", SID),
        ("CallStatus", "completed"),
    ];
    assert_eq!(town.carrier.post(&status, &pairs).await, 200);
    let change = json!({ "secret": "00000000000000000000000000000001" });
    town.api.patch(&town.who, &path, &change).await.fine();
    assert_eq!(
        town.carrier.post(&status, &pairs).await,
        200,
        "signed with the old one"
    );
    let change = json!({ "previous_secret": null });
    town.api.patch(&town.who, &path, &change).await.fine();
    assert_eq!(town.carrier.post(&status, &pairs).await, 403);
    town.api
        .patch(&town.who, &path, &json!({ "shared_key": TOKEN }))
        .await
        .fine();
    assert_eq!(town.carrier.post(&status, &pairs).await, 200);
}

/// How the upgrade with these claims and this signature's secret is answered; `None` if the socket opened.
async fn upgrade(town: &Town, claims: &Claims, secret: Option<&str>) -> Option<u16> {
    let path = format!("/media/twilio/{}", sign(claims, &key()));
    let mut setup = CallSetup::new(1);
    if let Some(secret) = secret {
        let url = format!("wss://trunkline.test{path}");
        let signature = signature(secret, Algorithm::Sha1, &url, &Form::default());
        setup = setup.header(SIGNATURE_HEADER, signature);
    }
    let url = format!("{}{path}", town.local.replacen("http", "ws", 1));
    match Carrier::connect(&url, setup).await {
        Ok(line) => {
            line.hang_up().await.unwrap();
            None
        }
        Err(ConnectError::Refused(status)) => Some(status),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_forged_upgrade_and_an_expired_token_leave_nothing_but_a_count() {
    let town = Town::found().await;
    let counts = Counts::start();
    let log = Log::start();
    let token = || Claims {
        call_id: new_call_id(),
        client: Some(town.who.client.as_str().to_owned()),
        carrier: Some(town.carrier_id.clone()),
        from: STRANGER.parse().ok(),
        to: NUMBER.parse().ok(),
        ..claims(&town.agent_id)
    };
    let given_away = Claims {
        carrier: None,
        ..token()
    };
    let expired = Claims {
        expires_unix_s: now_s(),
        ..token()
    };
    let of_nobody = Claims {
        carrier: Some("carr_01JD0000000000000000000000".into()),
        ..token()
    };
    for (claims, secret, reason) in [
        (&token(), None, "unsigned"),
        (&token(), Some("another"), "signature"),
        (&given_away, Some("another"), "signature"),
        (&of_nobody, Some(TOKEN), "account"),
        (&expired, Some(TOKEN), "expired"),
    ] {
        let name = format!("trunkline_media_refused_total {reason}");
        let before = counts.of(&name);
        assert_eq!(upgrade(&town, claims, secret).await, Some(403), "{reason}");
        assert_eq!(counts.of(&name), before + 1, "{reason}");
    }
    assert!(town.rows().await.is_empty());
    assert_eq!(town.api.app.tasks.len(), 0);
    let text = log.text();
    for secret in ["5550100", "5550006", "t1."] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    drop(log);
    // What was refused is not used up.
    assert_eq!(upgrade(&town, &given_away, None).await, None);
    assert_eq!(upgrade(&town, &token(), Some(TOKEN)).await, None);
}

#[tokio::test]
async fn a_socket_opens_once_for_each_webhook() {
    let town = Town::found().await;
    let rungs = join_all((0..3).map(|_| town.carrier.ring(STRANGER, NUMBER))).await;
    let taken = rungs
        .iter()
        .filter(|rung| matches!(rung, Rung::Line(_)))
        .count();
    assert_eq!(taken, 3);
    assert_eq!(town.rows().await.len(), 3);
}
