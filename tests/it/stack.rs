//! The real speech stack, fetched if need be and loaded once for all tests.

use std::sync::OnceLock;

use trunkline::config::Config;
use trunkline::models::{Check, ModelSet, ModelsDir};
use trunkline::speech::{Speech, SpeechSettings};

/// The models of `set`. Fetching them is setting up; without them the tests fail.
pub(crate) fn models(set: ModelSet) -> ModelsDir {
    let root = Config::default().models_root().unwrap();
    let mut show = |progress| println!("{progress}");
    ModelsDir::ensure(&root, set, Check::Stamp, &mut show).unwrap_or_else(|e| panic!("{e}"))
}

/// The stack as the server loads it by default, with one worker.
pub(crate) fn speech() -> Speech {
    static SPEECH: OnceLock<Speech> = OnceLock::new();
    let load = || {
        let settings = SpeechSettings {
            workers: Some(1),
            ..SpeechSettings::default()
        };
        Speech::load(&models(ModelSet::Default), &settings).unwrap()
    };
    SPEECH.get_or_init(load).clone()
}
