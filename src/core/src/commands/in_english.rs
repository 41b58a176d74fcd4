//! The detectors' names for English, for the tests that are about it.

use super::{Answer, Answered, Detected};
use crate::language::Language::English;

pub(super) fn detect(text: &str, confidence: f32) -> Option<Detected> {
    super::detect(English, text, confidence)
}

pub(super) fn detect_all(text: &str, confidence: f32) -> Vec<Detected> {
    super::detect_all(English, text, confidence)
}

pub(super) fn yes_no(text: &str) -> Option<Answer> {
    super::yes_no(English, text)
}

pub(super) fn answered(text: &str) -> Option<Answered> {
    super::answered(English, text)
}

pub(super) fn is_puzzled(text: &str) -> bool {
    super::is_puzzled(English, text)
}

pub(super) fn is_backchannel(text: &str) -> bool {
    super::is_backchannel(English, text)
}

pub(super) fn is_greeting(text: &str) -> bool {
    super::is_greeting(English, text)
}

pub(super) fn is_farewell(text: &str) -> bool {
    super::is_farewell(English, text)
}
