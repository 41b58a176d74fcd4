//! Who asks the API, over a socket, and how long the answers took.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use reqwest::Method;
use serde_json::Value;
use trunkline::clock;

use crate::house::House;
use crate::verdict;

/// One request.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) name: &'static str,
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Ask {
    pub(crate) fn get(path: String) -> Self {
        Self {
            name: "reads",
            method: Method::GET,
            path,
            body: None,
        }
    }

    pub(crate) fn post(path: &str, body: Value) -> Self {
        Self {
            name: "writes",
            method: Method::POST,
            path: path.to_owned(),
            body: Some(body),
        }
    }

    pub(crate) fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    address: String,
    secret: String,
}

impl Client {
    pub(crate) fn new(house: &House) -> anyhow::Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().build()?,
            address: house.address.clone(),
            secret: house.secret.clone(),
        })
    }

    /// Until the whole answer is there; one that is no success is an error.
    pub(crate) async fn send(&self, ask: &Ask) -> anyhow::Result<Duration> {
        let began = clock::now();
        let url = format!("http://{}{}", self.address, ask.path);
        let mut request = self
            .http
            .request(ask.method.clone(), url)
            .bearer_auth(&self.secret);
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        let response = request.send().await.context(ask.name)?;
        let status = response.status();
        let body = response.bytes().await?;
        if !status.is_success() {
            let body = String::from_utf8_lossy(&body);
            return Err(anyhow!("{} {}: {status} {body}", ask.method, ask.path));
        }
        Ok(began.elapsed())
    }
}

/// What answers took.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// A line of the table. The target is a share of the answers and what they may take at most, ms.
    pub(crate) fn tell(&self, what: &str, target: Option<(f64, f64)>) {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let ms = |share: f64| {
            let at = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
            sorted.get(at).copied().unwrap_or_default().as_secs_f64() * 1e3
        };
        let judged = target.map_or(String::new(), |(share, most)| {
            let name = (share * 100.0).round();
            format!("  {}, p{name} at most {most}", verdict(ms(share), most))
        });
        println!(
            "{what:48} {:6} answers  p50 {:7.2} ms  p99 {:7.2} ms  most {:7.2} ms{judged}",
            sorted.len(),
            ms(0.5),
            ms(0.99),
            ms(1.0)
        );
    }
}
