//! Who is let in to a media socket, and with which status the others are turned away.

use futures_util::future::join;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use trunkline::carrier_double::ConnectError;
use trunkline_core::token::{Claims, Key, sign};

use crate::session::raw::{Raw, upgrade};
use crate::session::rig::{House, Plot, claims, key, now_s, unhurried};

/// Status, `retry-after` and words of the answer to a token; `None` if it opened a socket.
async fn refusal(house: &House, token: &str) -> Option<(u16, Option<String>, String)> {
    let answer = upgrade(house, token).await.err()?;
    let retry_after = answer.headers().get("retry-after");
    Some((
        answer.status().as_u16(),
        retry_after.map(|value| value.to_str().unwrap().to_owned()),
        String::from_utf8(answer.body().clone().unwrap_or_default()).unwrap(),
    ))
}

async fn status(house: &House, token: &str) -> Option<u16> {
    refusal(house, token).await.map(|(status, _, _)| status)
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_ours_opens_nothing() {
    let house = House::open().await;
    let good = sign(&claims("talker"), &key());
    let foreign = sign(&claims("talker"), &Key::from_bytes(&[8; 32]).unwrap());
    let (signed, mac) = good.rsplit_once('.').unwrap();
    let other = sign(&claims("front-desk"), &key());
    let other_mac = other.rsplit_once('.').unwrap().1;
    for (token, what) in [
        ("x".to_owned(), "no token"),
        (signed.to_owned(), "no signature"),
        (format!("{signed}."), "an empty signature"),
        (format!("{signed}.{other_mac}"), "another token's signature"),
        (format!("{signed}A.{mac}"), "a byte more"),
        (good.replacen("t1.", "t2.", 1), "another form"),
        (good.to_lowercase(), "another case"),
        (format!("%20{good}"), "a space"),
        (format!("{good}%00"), "a nul"),
        ("A".repeat(4_000), "a long text"),
        (foreign, "another's key"),
    ] {
        assert_eq!(status(&house, &token).await, Some(403), "{what}");
    }
    assert_eq!(status(&house, "").await, Some(404));
    assert_eq!(status(&house, &format!("{good}/more")).await, Some(404));
    assert_eq!(house.ears.rooms(), 8);
    assert_eq!(
        status(&house, &good).await,
        None,
        "and the good one is still good"
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_is_good_for_a_time_and_for_one_call() {
    let house = House::open().await;
    let expired = |ago| Claims {
        expires_unix_s: now_s() - ago,
        ..claims("talker")
    };
    for ago in [0, 1, 86_400] {
        let (status, _, words) = refusal(&house, &sign(&expired(ago), &key())).await.unwrap();
        assert_eq!(status, 403);
        assert!(words.contains("expired"), "{words}");
    }
    let token = sign(&claims("talker"), &key());
    assert_eq!(status(&house, &token).await, None);
    let (status, _, words) = refusal(&house, &token).await.unwrap();
    assert_eq!(status, 409);
    assert!(words.contains("used"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn a_reusable_token_needs_leave() {
    let reusable = Claims {
        reusable: true,
        ..claims("talker")
    };
    let token = sign(&reusable, &key());
    let strict = House::open().await;
    let (status_strict, _, words) = refusal(&strict, &token).await.unwrap();
    assert_eq!(status_strict, 403);
    assert!(words.contains("--allow-reusable-tokens"), "{words}");
    let lenient = House::build(Plot {
        allow_reusable: true,
        ..Plot::default()
    })
    .await;
    for _ in 0..3 {
        assert_eq!(status(&lenient, &token).await, None);
    }
    let expired = Claims {
        expires_unix_s: now_s(),
        ..reusable
    };
    assert_eq!(status(&lenient, &sign(&expired, &key())).await, Some(403));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_cannot_answer_does_not_cost_the_token() {
    let house = House::open().await;
    assert_eq!(
        status(&house, &sign(&claims("nobody"), &key())).await,
        Some(404)
    );
    // It has a prompt, and there is no language model.
    let (status, _, words) = refusal(&house, &sign(&claims("chatter"), &key()))
        .await
        .unwrap();
    assert_eq!(status, 503);
    assert!(words.contains("no language model"), "{words}");
    assert_eq!(house.ears.rooms(), 8, "no room is taken");
}

#[tokio::test(start_paused = true)]
async fn a_full_house_asks_to_come_again_and_keeps_the_token_good() {
    let house = House::build(Plot {
        rooms: 1,
        ..Plot::default()
    })
    .await;
    let first = Raw::begin(&house, &claims("talker")).await;
    let token = sign(&claims("talker"), &key());
    let (status_full, retry_after, _) = refusal(&house, &token).await.unwrap();
    assert_eq!((status_full, retry_after.as_deref()), (503, Some("5")));
    first.cut();
    assert!(house.is_empty_within(5_000).await);
    assert_eq!(status(&house, &token).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_lets_nobody_in() {
    let house = House::open().await;
    house.app.draining.send_replace(true);
    let (status, _, words) = refusal(&house, &sign(&claims("talker"), &key()))
        .await
        .unwrap();
    assert_eq!(status, 503);
    assert!(words.contains("shutting down"), "{words}");
    assert_eq!(get(&house, "/readyz", "").await.0, 503);
    assert_eq!(get(&house, "/healthz", "").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn of_two_sockets_with_one_token_exactly_one_is_let_in() {
    for seed in 0..20 {
        let house = House::open().await;
        let claims = claims("talker");
        let (one, other) = join(house.call_as(&claims, seed), house.call_as(&claims, seed)).await;
        let (winner, loser) = match (one, other) {
            (Ok(winner), Err(loser)) | (Err(loser), Ok(winner)) => (winner, loser),
            (Ok(_), Ok(_)) => panic!("both were let in"),
            (Err(one), Err(other)) => panic!("neither was let in: {one}, {other}"),
        };
        assert!(matches!(loser, ConnectError::Refused(409)), "{loser}");
        assert_eq!(house.ears.rooms(), 7, "the loser's room is free again");
        drop(winner);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_upgrade_does_not_cost_the_token() {
    let house = House::open().await;
    let token = sign(&claims("talker"), &key());
    let path = format!("/media/twilio/{token}");
    let (status_get, _) = get(&house, &path, "").await;
    assert!((400..500).contains(&status_get), "{status_get}");
    let half = "connection: upgrade\r\nupgrade: websocket\r\n";
    let (status_half, _) = get(&house, &path, half).await;
    assert!((400..500).contains(&status_half), "{status_half}");
    assert_eq!(house.ears.rooms(), 8);
    assert_eq!(status(&house, &token).await, None, "it is still good");
}

#[tokio::test(start_paused = true)]
async fn readiness_follows_the_room() {
    let house = House::build(Plot {
        rooms: 1,
        ..Plot::default()
    })
    .await;
    assert_eq!(get(&house, "/readyz", "").await, (200, "ready\n".into()));
    let _first = Raw::begin(&house, &claims("talker")).await;
    assert_eq!(
        get(&house, "/readyz", "").await,
        (503, "busy: places\n".into())
    );
    assert_eq!(get(&house, "/healthz", "").await, (200, "ok\n".into()));
}

/// A plain request: the status and the body.
async fn get(house: &House, path: &str, headers: &str) -> (u16, String) {
    unhurried(ask(house, path, headers)).await
}

async fn ask(house: &House, path: &str, headers: &str) -> (u16, String) {
    let mut line = house.knock().await;
    let request = format!("GET {path} HTTP/1.1\r\nhost: trunkline.test\r\n{headers}\r\n");
    line.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    while !answer.contains("\r\n\r\n") {
        let mut bytes = [0_u8; 4_096];
        let count = line.read(&mut bytes).await.unwrap();
        assert!(count > 0, "no answer: {answer}");
        answer.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, body.to_owned())
}
