//! Every outgoing HTTP connection.

use std::time::Duration;

/// A client for the operator's own providers: no redirects, no cookies, a bounded time to connect.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(3))
        .pool_idle_timeout(Duration::from_secs(60))
        .tcp_nodelay(true)
        .user_agent(concat!("trunkline/", env!("CARGO_PKG_VERSION")))
        .build()
}
