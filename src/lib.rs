//! Trunkline.

pub mod carrier_double;
