//! The log of events: read a page at a time, and followed as a stream.

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures_util::StreamExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use std::time::Duration;

use super::House;
use crate::api::rig::Who;
use crate::session::rig::unhurried;

/// A stream that is open.
struct Stream {
    body: BodyDataStream,
    read: String,
}

impl Stream {
    /// Opens one; the status if it was refused.
    async fn open(
        house: &House,
        who: &Who,
        query: &str,
        last_id: Option<&str>,
    ) -> Result<Self, u16> {
        let mut request = Request::builder()
            .uri(format!("/v1/events{query}"))
            .header("authorization", format!("Bearer {}", who.secret))
            .header("accept", "text/event-stream");
        if let Some(last_id) = last_id {
            request = request.header("last-event-id", last_id);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = house.api.router().oneshot(request).await.unwrap();
        if response.status() != 200 {
            return Err(response.status().as_u16());
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Ok(Self {
            body: response.into_body().into_data_stream(),
            read: String::new(),
        })
    }

    /// The next event: its id, its name and its data. `None` at the end.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = block.lines();
                    let mut values = lines.filter_map(|line| line.strip_prefix(name));
                    values.next().map(|value| value.trim().to_owned())
                };
                let event = field("id:").zip(field("event:")).zip(field("data:"));
                self.read = rest.to_owned();
                if let Some(((id, name), data)) = event {
                    return Some((id, name, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let piece = self.body.next().await?.unwrap();
            self.read += std::str::from_utf8(&piece).unwrap();
        }
    }
}

/// Waits until so many events can be read: their ids.
async fn placed(house: &House, who: &Who, count: usize) -> Vec<String> {
    let all = |page: &Value| page["data"].as_array().unwrap().len() == count;
    let page = house.until(who, "/v1/events", all).await;
    let events = page["data"].as_array().unwrap().iter();
    events
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn events_are_read_a_page_at_a_time_and_each_once() {
    let house = House::open().await;
    let (ours, theirs) = (house.api.client().await, house.api.client().await);
    let empty = house.api.get(&ours, "/v1/events").await.fine();
    assert_eq!(
        (&empty["data"], &empty["next_cursor"]),
        (&Value::Array(vec![]), &Value::Null)
    );
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.push(house.call(&ours).await);
    }
    house.ended(&ours, &calls[0]).await;
    let ids = placed(&house, &ours, 4).await;
    let mut read = Vec::new();
    let mut path = "/v1/events?limit=2".to_owned();
    loop {
        let page = house.api.get(&ours, &path).await.fine();
        let events = page["data"].as_array().unwrap().iter();
        read.extend(events.map(|one| one["id"].as_str().unwrap().to_owned()));
        let next = page["next_cursor"].as_str().unwrap();
        path = format!("/v1/events?limit=2&after={next}");
        if page["has_more"] == false {
            // Whoever asks again goes on where they were.
            let page = house.api.get(&ours, &path).await.fine();
            assert_eq!(page["data"], Value::Array(vec![]));
            assert_eq!(page["next_cursor"], *read.last().unwrap());
            break;
        }
    }
    assert_eq!(read, ids);
    let ends = house
        .api
        .get(&ours, "/v1/events?types=call.ended")
        .await
        .fine();
    assert_eq!(ends["data"].as_array().unwrap().len(), 1);
    assert_eq!(ends["data"][0]["data"]["id"], calls[0].as_str());
    assert_eq!(ends["data"][0]["seq"], 2);
    // Nothing of it is there for others, not even as a place.
    let none = house.api.get(&theirs, "/v1/events").await.fine();
    assert_eq!(none["data"], Value::Array(vec![]));
    for wrong in [
        ids[0].as_str(),
        "evt_01JD0000000000000000000000",
        "nonsense",
    ] {
        let path = format!("/v1/events?after={wrong}");
        assert_eq!(house.api.get(&theirs, &path).await.code(), "invalid_cursor");
    }
    let wrong = house.api.get(&ours, "/v1/events?types=calls").await;
    assert_eq!(wrong.fault().0, "query:types");
}

#[tokio::test]
async fn a_stream_tells_what_happens_and_goes_on_where_it_was_cut_off() {
    let house = House::open().await;
    let (ours, theirs) = (house.api.client().await, house.api.client().await);
    house.call(&ours).await;
    let before = placed(&house, &ours, 1).await;
    // Without a word of where, it begins now.
    let mut stream = Stream::open(&house, &ours, "", None).await.unwrap();
    let mut ends = Stream::open(&house, &ours, "?types=call.ended", None)
        .await
        .unwrap();
    let mut foreign = Stream::open(&house, &theirs, "", None).await.unwrap();
    let call = house.call(&ours).await;
    let (id, name, event) = stream.next().await.unwrap();
    assert_eq!(
        (name.as_str(), &event["id"]),
        ("call.answered", &Value::from(id.as_str()))
    );
    assert_eq!(event["data"]["id"], call.as_str());
    drop(stream);
    house.ended(&ours, &call).await;
    let last = house.call(&ours).await;
    assert_eq!(ends.next().await.unwrap().1, "call.ended");
    // What happened meanwhile comes first.
    let mut stream = Stream::open(&house, &ours, "", Some(&id)).await.unwrap();
    assert_eq!(stream.next().await.unwrap().1, "call.ended");
    let (_, _, event) = stream.next().await.unwrap();
    assert_eq!(event["data"]["id"], last.as_str());
    let mut all = Stream::open(&house, &ours, &format!("?after={}", before[0]), None)
        .await
        .unwrap();
    assert_eq!(all.next().await.unwrap().0, id);
    // Another's place is none, and another's events do not come.
    let refused = Stream::open(&house, &theirs, "", Some(&id)).await;
    assert_eq!(refused.err(), Some(400));
    let own = house.call(&theirs).await;
    assert_eq!(foreign.next().await.unwrap().2["data"]["id"], own.as_str());
    // A server that goes ends its streams.
    house.api.app.draining.send_replace(true);
    assert!(foreign.next().await.is_none());
}

#[tokio::test]
async fn a_client_has_so_many_streams() {
    let house = House::open().await;
    let (ours, theirs) = (house.api.client().await, house.api.client().await);
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(Stream::open(&house, &ours, "", None).await.unwrap());
    }
    assert_eq!(Stream::open(&house, &ours, "", None).await.err(), Some(429));
    let other = Stream::open(&house, &theirs, "", None).await;
    assert!(other.is_ok());
    open.pop();
    assert!(Stream::open(&house, &ours, "", None).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_after_a_quarter_of_an_hour() {
    let (house, who, mut stream) = unhurried(async {
        let house = House::open().await;
        let who = house.api.client().await;
        let stream = Stream::open(&house, &who, "", None).await.unwrap();
        (house, who, stream)
    })
    .await;
    let mut over = tokio::spawn(async move { stream.next().await.is_none() });
    for minute in 1..20 {
        tokio::time::advance(Duration::from_secs(60)).await;
        unhurried(async {
            for _ in 0..20 {
                house.api.get(&who, "/v1/events").await.fine();
            }
        })
        .await;
        if over.is_finished() {
            assert!((&mut over).await.unwrap());
            assert!((15..=17).contains(&minute), "{minute}");
            return;
        }
    }
    panic!("it goes on");
}
