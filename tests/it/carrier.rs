//! The carrier's account: its webhooks, its media and its REST interface, over loopback sockets against a double that does
//! what Twilio's documentation says.

mod ahead;
mod amd;
mod check;
mod course;
mod forged;
mod full;
mod inbound;
mod payment;
mod rest;
mod rig;
mod room;
mod tools;
mod whole;
