//! Passages and their vectors as they are stored: some in each part, sealed to their document and place.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use trunkline_core::knowledge::vector::Small;
use trunkline_core::knowledge::{Passage, Place as Where};

use crate::desk::{self, Place};
use crate::store::Sealed;
use crate::vault::{ClientKeys, Unopened};

/// Passages of a part.
pub(super) const PART_PASSAGES: usize = 64;

/// A passage with its vector, if it has one.
pub(super) type Made = (Passage, Option<Small>);

#[derive(Serialize, Deserialize)]
struct Row<'a> {
    #[serde(default)]
    place: Cow<'a, Where>,
    text: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vector: Option<String>,
}

/// A stored part cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadPart {
    #[error(transparent)]
    Unopened(#[from] Unopened),
    #[error("what was stored of a document is not what this server writes")]
    Form,
}

/// Where a part belongs: it opens nowhere else.
fn place_id(document: &str, generation: u32, part: u32) -> String {
    format!("{document}.{generation}.{part}")
}

/// Seals passages as one part.
pub(super) fn seal(
    keys: &ClientKeys,
    (document, generation, part): (&str, u32, u32),
    made: &[Made],
) -> Result<Sealed, BadPart> {
    let rows: Vec<Row<'_>> = made
        .iter()
        .map(|(passage, vector)| Row {
            place: Cow::Borrowed(&passage.place),
            text: Cow::Borrowed(&passage.text),
            vector: vector
                .as_ref()
                .map(|small| STANDARD_NO_PAD.encode(small.bytes())),
        })
        .collect();
    let json = serde_json::to_string(&rows).map_err(|_| BadPart::Form)?;
    let id = place_id(document, generation, part);
    Ok(desk::seal(
        keys,
        Place::new("knowledge_parts.body", &id),
        &json,
    ))
}

/// Opens what [`seal`] sealed.
pub(super) fn open(
    keys: &ClientKeys,
    (document, generation, part): (&str, u32, u32),
    sealed: &Sealed,
) -> Result<Vec<Made>, BadPart> {
    let id = place_id(document, generation, part);
    let json = desk::open(keys, Place::new("knowledge_parts.body", &id), sealed)?;
    let rows: Vec<Row<'_>> = serde_json::from_str(&json).map_err(|_| BadPart::Form)?;
    let made = rows.into_iter().map(|row| {
        let vector = row
            .vector
            .and_then(|text| STANDARD_NO_PAD.decode(text).ok());
        let vector = vector.and_then(|bytes| Small::from_bytes(&bytes));
        let (place, text) = (row.place.into_owned(), row.text.into_owned());
        (Passage { place, text }, vector)
    });
    Ok(made.collect())
}

/// Seals what was uploaded.
pub fn seal_source(keys: &ClientKeys, document: &str, bytes: &[u8]) -> Sealed {
    Sealed(keys.seal(&source_aad(document), bytes))
}

/// Opens what [`seal_source`] sealed.
pub(super) fn open_source(
    keys: &ClientKeys,
    document: &str,
    sealed: &Sealed,
) -> Result<Vec<u8>, Unopened> {
    keys.open(&source_aad(document), &sealed.0)
}

fn source_aad(document: &str) -> Vec<u8> {
    format!("knowledge_sources.body:{document}").into_bytes()
}

/// Where the name of a document is sealed to.
pub fn name_place(document: &str) -> Place<'_> {
    Place::new("knowledge_documents.name", document)
}
