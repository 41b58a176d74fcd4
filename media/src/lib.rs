//! Audio engine.
