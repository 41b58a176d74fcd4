//! What is wanted of keys, and what came of it.

use std::sync::Arc;

use crate::secret::Secret;

/// Most digits of one field.
pub const FIELD_DIGITS_MAX: u8 = 32;
/// Most keys that are pressed for one use.
pub const PRESSED_MAX: usize = 32;

/// What must hold of digits beside their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Nothing.
    #[default]
    None,
    /// The last is the check digit of a card's number.
    Luhn,
}

/// A row of digits that is to be pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyField {
    /// Asks for it.
    pub prompt: Arc<str>,
    /// Said before it is asked for again; the usual words of the call's language if absent.
    pub wrong: Option<Arc<str>>,
    /// Fewest digits.
    pub digits_min: u8,
    /// Most digits, up to [`FIELD_DIGITS_MAX`]: with the last of them it is complete.
    pub digits_max: u8,
    /// The key that ends it before that.
    pub terminator: Option<char>,
    /// How long the first key is waited for, once nothing is said any more, ms.
    pub first_ms: u32,
    /// How long the next one is, ms. Digits that are enough by then are complete.
    pub between_ms: u32,
    /// What else must hold.
    pub check: Check,
    /// How often it is asked for.
    pub tries: u8,
}

/// What a use of a tool wants of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyWork {
    /// Digits of the caller's.
    Collect {
        /// Each row of them, in order.
        fields: Vec<KeyField>,
        /// Nobody else may know them.
        is_secret: bool,
    },
    /// These keys pressed: digits, `*`, `#`, `A`–`D`, and `w` for half a second of silence; at most [`PRESSED_MAX`].
    Press(Arc<str>),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysDone {
    /// The digits, a row for each field.
    Collected(Vec<Secret>),
    /// All keys were played to the other side.
    Pressed,
    /// None.
    Not(Unkeyed),
}

/// Why there are no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unkeyed {
    /// They did not come in time.
    TimedOut,
    /// They were wrong too often.
    Wrong,
    /// The caller called it off with `*`.
    Cancelled,
    /// The conversation went elsewhere, or the call is over. Of keys that were being pressed nobody knows how many were.
    Left,
}
