//! Pure heart.

pub mod commands;
pub mod phone;
pub mod token;
pub mod wire;

#[cfg(test)]
mod seeded;
