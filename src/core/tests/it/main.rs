//! The conversation, played from screenplays and at random.

mod scenario;
mod walk;
