//! Pure heart.

pub mod phone;
pub mod token;
pub mod wire;

#[cfg(test)]
mod seeded;
