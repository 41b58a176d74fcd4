//! Pure heart.

pub mod clause;
pub mod flow;
pub mod phone;
pub mod token;
pub mod wire;

#[cfg(test)]
mod seeded;
