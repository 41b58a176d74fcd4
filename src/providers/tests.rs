//! The shell of providers against providers that behave and such as do not, over a network in memory with tokio's clock
//! held still, and over loopback for POSTs.

mod counts;
mod failover;
mod posts;
mod rig;
mod streaming;
mod vendors;
mod voice;
