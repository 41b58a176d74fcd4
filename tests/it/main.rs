//! The one integration binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too"
)]

mod after;
mod agents;
mod amd;
mod analytics;
mod api;
mod carrier;
mod cli;
mod cli_folder;
mod commands_recall;
mod complaints;
mod contacts;
mod desk;
mod dial;
mod doorway;
mod events;
mod journal;
mod kept;
mod kill;
mod knowledge;
mod metrics;
mod second_pass;
mod session;
mod simulate;
mod speech;
mod stack;
mod store;
mod suppressions;
mod traces;
mod vault;
