//! Databases: the one place that speaks SQL.

pub mod keys;
