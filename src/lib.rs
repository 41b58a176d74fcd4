//! Trunkline.

pub mod clock;
pub mod models;
