//! The one integration binary.

mod commands_recall;
mod speech;
