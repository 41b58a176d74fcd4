//! Dispositions: words of a client's own, which rows name by a keyed hash.

use crate::clock;
use crate::desk::{self, Desk, Place};
use crate::store::StoreError;
use crate::store::after::{OwnWord, SetBy};
use crate::vault::{ClientKeys, Unopened};

/// The name of a word's place.
fn id(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The keyed hash by which rows name a label.
pub(crate) fn label_index(keys: &ClientKeys, label: &str) -> [u8; 32] {
    keys.index("disposition", label)
}

/// A label as rows hold it.
pub(super) fn own_word(keys: &ClientKeys, label: &str) -> OwnWord {
    let hash = label_index(keys, label);
    OwnWord {
        word: desk::seal(keys, Place::new("words.word", &id(&hash)), label),
        hash,
    }
}

/// The label that a row holds.
///
/// # Errors
/// [`Unopened`]: it is another client's.
pub fn label_of(keys: &ClientKeys, word: &OwnWord) -> Result<String, Unopened> {
    desk::open(keys, Place::new("words.word", &id(&word.hash)), &word.word)
}

/// Says what became of a call, by one of its agent's labels: whether it is one is for the caller to look at
/// ([`After::has_label`](crate::agent::After::has_label)). A person's word counts for more than a tool's, and that for more
/// than a model's; of equals the later. False if somebody whose word counts for more has spoken.
///
/// # Errors
/// [`StoreError`]; nothing is changed.
pub async fn set_disposition(
    desk: &Desk,
    keys: &ClientKeys,
    call_id: &str,
    label: &str,
    by: SetBy,
) -> Result<bool, StoreError> {
    let word = own_word(keys, label);
    let after = desk.store.after();
    after
        .label(keys.id(), call_id, &word, by, clock::unix_ms())
        .await
}
