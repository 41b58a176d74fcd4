//! The carrier's account: its webhooks, its media and its REST interface, over loopback sockets against a double that does
//! what Twilio's documentation says.

mod ahead;
mod amd;
mod answering;
mod callbacks;
mod check;
mod cost;
mod course;
mod events;
mod forged;
mod full;
mod german;
mod hand_off;
mod inbound;
#[cfg(feature = "mcp")]
mod mcp;
mod payment;
mod rest;
mod rig;
mod room;
mod tools;
mod transfer;
mod vendors;
mod versions;
mod whole;
