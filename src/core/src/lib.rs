//! Pure heart.
