//! Trunkline.

pub mod clock;
pub mod models;
pub mod speech;
