//! The words by which the end of a turn is known.

use serde::Deserialize;

use crate::language::{phrases, terms};

/// One or more words in a row.
pub(crate) type Phrase = &'static [&'static str];

/// What one language says, in small letters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TurnWords {
    /// Names of the digit 0: a telephone number that begins with it is not a short, local one.
    #[serde(default, deserialize_with = "terms")]
    pub(super) zeros: &'static [&'static str],
    /// Names of digits.
    #[serde(default, deserialize_with = "terms")]
    pub(super) digits: &'static [&'static str],
    /// Words that say a digit or letter again.
    #[serde(default, deserialize_with = "terms")]
    pub(super) doubles: &'static [&'static str],
    /// Names of larger numbers, as house numbers have them.
    #[serde(default, deserialize_with = "terms")]
    pub(super) numbers: &'static [&'static str],
    /// Speech goes on after these, unless the recogniser ends a sentence there.
    #[serde(default, deserialize_with = "terms")]
    pub(super) dangling: &'static [&'static str],
    /// Speech goes on after these even so: small recognisers put a full stop after anything.
    #[serde(default, deserialize_with = "phrases")]
    pub(super) always_dangling: &'static [Phrase],
    /// Between a letter and a word that begins with it.
    #[serde(default, deserialize_with = "phrases")]
    pub(super) as_in: &'static [Phrase],
    /// Letters that are said so without being spelled.
    #[serde(default, deserialize_with = "terms")]
    pub(super) not_spelled: &'static [&'static str],
    /// The word "number".
    #[serde(default, deserialize_with = "terms")]
    pub(super) number: &'static [&'static str],
    /// Of telephone numbers.
    #[serde(default, deserialize_with = "phrases")]
    pub(super) phone: &'static [Phrase],
    /// So many digits are a whole telephone number; more than the last are one too.
    pub(super) phone_lengths: Vec<usize>,
    /// Of payment cards.
    #[serde(default, deserialize_with = "terms")]
    pub(super) card: &'static [&'static str],
    /// Of references, accounts, codes.
    #[serde(default, deserialize_with = "terms")]
    pub(super) reference: &'static [&'static str],
    /// Of numbers that are short: rooms, flights.
    #[serde(default, deserialize_with = "terms")]
    pub(super) short_number: &'static [&'static str],
    /// Asking for, or announcing, a spelling.
    #[serde(default, deserialize_with = "terms")]
    pub(super) spelling: &'static [&'static str],
    /// Asking for, or announcing, an e-mail address.
    #[serde(default, deserialize_with = "terms")]
    pub(super) email: &'static [&'static str],
    /// "@", spoken.
    #[serde(default, deserialize_with = "terms")]
    pub(super) at: &'static [&'static str],
    /// ".", spoken.
    #[serde(default, deserialize_with = "terms")]
    pub(super) dot: &'static [&'static str],
    /// "_", spoken: of nothing but such addresses.
    #[serde(default, deserialize_with = "terms")]
    pub(super) underscore: &'static [&'static str],
    /// Other signs in an e-mail address, spoken.
    #[serde(default, deserialize_with = "terms")]
    pub(super) signs: &'static [&'static str],
    /// Asking for, or announcing, where somebody lives.
    #[serde(default, deserialize_with = "phrases")]
    pub(super) address: &'static [Phrase],
    /// Words for streets.
    #[serde(default, deserialize_with = "terms")]
    pub(super) streets: &'static [&'static str],
    /// Ends of words for streets, where they are written in one.
    #[serde(default, deserialize_with = "terms")]
    pub(super) street_ends: &'static [&'static str],
}
