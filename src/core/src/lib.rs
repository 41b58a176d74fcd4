//! The pure heart of Trunkline.
//!
//! Everything here is a function of what it is given: no clock, no I/O, no async. Its `Cargo.toml` holds none of the
//! crates that could do otherwise, so the compiler keeps it that way.
//!
//! [`call`] is the conversation: facts go in with the time, actions come out.

pub mod call;
pub mod commands;
pub mod flow;
pub mod phone;
pub mod time;
pub mod token;
pub mod wire;

#[cfg(test)]
mod seeded;
