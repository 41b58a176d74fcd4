//! The conversation, played from screenplays and at random.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod answering;
mod cards;
mod fuzz;
mod greetings;
mod kept;
mod policy;
mod scenario;
mod walk;
