//! The load driver: simulated carrier calls in real time, AI providers with fixed delays and faults, and honest measures.
//! `load/README.md` says what is measured and how.

mod caller;
mod calls;
mod cli;
mod clock;
mod faults;
mod limits;
mod line;
mod memory;
mod own_providers;
mod playout;
mod process;
pub mod providers;
mod report;
mod run;
mod server;
mod soak;
mod socket;
mod speech;
mod tally;
mod tone;
mod web;

pub use cli::command;
