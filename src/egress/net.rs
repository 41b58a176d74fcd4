//! Names and sockets of a network, and names with the addresses struck out that may not be used.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

use super::EgressError;
use super::target::{Reach, not_there};

/// Addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 16;

/// A stream of bytes in both directions.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A network.
pub trait Net: Send + Sync {
    /// The addresses of a name.
    fn lookup(&self, host: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

    /// A stream to an address.
    fn connect(&self, to: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Io>>>;
}

/// The machine's own network.
pub struct System;

impl Net for System {
    fn lookup(&self, host: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        async move { Ok(lookup_host((host, port)).await?.collect()) }.boxed()
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Io>>> {
        async move {
            let stream = TcpStream::connect(to).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Io>)
        }
        .boxed()
    }
}

/// The addresses of a name that may be used: those alone are connected to.
pub(super) async fn resolve(
    net: &dyn Net,
    reach: Reach,
    host: String,
    port: u16,
) -> Result<Vec<SocketAddr>, EgressError> {
    let Ok(mut found) = net.lookup(host, port).await else {
        return Err(EgressError::Unreachable("its name is not found"));
    };
    if found.is_empty() {
        return Err(EgressError::Unreachable("its name has no address"));
    }
    found.truncate(ADDRESSES_MAX);
    found.retain(|address| reach.allows(address.ip()));
    if found.is_empty() {
        return Err(not_there(reach));
    }
    Ok(found)
}

/// The names of one reach, for HTTP connections.
pub(super) struct Resolver {
    net: Arc<dyn Net>,
    reach: Reach,
}

impl Resolver {
    pub(super) fn new(net: Arc<dyn Net>, reach: Reach) -> Self {
        Self { net, reach }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (net, reach) = (Arc::clone(&self.net), self.reach);
        Box::pin(async move {
            // Port 0 stands for the one of the address.
            let found = resolve(&*net, reach, name.as_str().to_owned(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
