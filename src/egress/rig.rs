//! A network in memory, for tests: names that lead where the test says, and sockets whose other end it holds.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use super::net::{Io, Net};

/// A connection that was made: to which address, and its other end.
pub(crate) type Knock = (SocketAddr, DuplexStream);

/// The network.
pub(crate) struct Memory {
    names: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    lookups: Mutex<Vec<String>>,
    knocks: mpsc::Sender<Knock>,
    /// Bytes on their way in each direction.
    capacity: usize,
}

impl Memory {
    /// An empty network, and where connections arrive.
    pub(crate) fn new(capacity: usize) -> (Arc<Self>, mpsc::Receiver<Knock>) {
        let (knocks, arrivals) = mpsc::channel(64);
        let net = Self {
            names: Mutex::default(),
            lookups: Mutex::default(),
            knocks,
            capacity,
        };
        (Arc::new(net), arrivals)
    }

    /// What a name leads to: one answer after the other, the last for good.
    pub(crate) fn name(&self, name: &str, answers: &[&[&str]]) {
        let parsed = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        let answers = answers.iter().map(parsed).collect();
        self.names.lock().unwrap().insert(name.into(), answers);
    }

    /// Every name that was looked up.
    pub(crate) fn lookups(&self) -> Vec<String> {
        self.lookups.lock().unwrap().clone()
    }
}

impl Net for Memory {
    fn lookup(&self, host: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        self.lookups.lock().unwrap().push(host.clone());
        let mut names = self.names.lock().unwrap();
        let found = match names.get_mut(&host) {
            Some(answers) if answers.len() > 1 => answers.pop_front(),
            Some(answers) => answers.front().cloned(),
            None => None,
        };
        let found = found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
        let found = found.map(|ips| {
            ips.into_iter()
                .map(|ip| SocketAddr::new(ip, port))
                .collect()
        });
        async move { found }.boxed()
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Io>>> {
        let (ours, theirs) = tokio::io::duplex(self.capacity);
        let knocked = self.knocks.try_send((to, theirs));
        async move {
            match knocked {
                Ok(()) => Ok(Box::new(ours) as Box<dyn Io>),
                Err(_) => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        }
        .boxed()
    }
}
