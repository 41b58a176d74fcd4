//! The one integration binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too"
)]

mod cli;
#[expect(
    clippy::disallowed_methods,
    reason = "the environment says where the models are"
)]
mod commands_recall;
mod doorway;
mod session;
#[expect(
    clippy::disallowed_methods,
    reason = "the environment says where the models are"
)]
mod speech;
mod stack;
