//! Mouth.
