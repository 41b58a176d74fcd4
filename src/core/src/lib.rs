//! Pure heart.

pub mod commands;
