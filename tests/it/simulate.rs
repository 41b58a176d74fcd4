//! `trunkline simulate`: conversations in words with the program itself, with models that play and judge, and in sound.

mod models;
mod program;
mod sound;
