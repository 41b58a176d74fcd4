//! Trunkline: one server that holds phone calls for businesses.

pub mod agent;
pub mod api;
pub mod api_key;
pub mod app;
pub mod carrier_double;
pub mod cli;
pub mod clock;
pub mod config;
pub mod data_folder;
pub mod demo;
pub mod desk;
pub mod egress;
pub mod ids;
pub mod line;
pub mod live;
pub mod media_key;
pub mod models;
pub mod place;
pub mod provider;
pub mod session;
pub mod speech;
pub mod store;
pub mod telephony;
pub mod think;
pub mod tickets;
pub mod vault;
