//! Trunkline.

pub mod carrier_double;
pub mod clock;
pub mod models;
pub mod speech;
