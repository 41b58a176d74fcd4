//! Numbers of registers as keyed hashes: sorted into blocks when they come, and looked up one by one.

use std::collections::BTreeMap;
use std::ops::Range;

use trunkline_core::geo;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::{Destination, PermissionPack, Screening};

use crate::desk::Desk;
use crate::store::registries::{FileKind, RegistryFile};
use crate::store::{Sealed, StoreError};
use crate::vault::ClientKeys;

/// Of a keyed hash so many bytes are kept: of a hundred million numbers no two are alike.
pub(super) const HASH_BYTES: usize = 16;
/// Blocks of a run. With [`RUN_NUMBERS`] a block has some 500 bytes, which both databases keep in one place.
const BUCKETS: u32 = 2_048;
/// Numbers that are sorted and written together.
pub(super) const RUN_NUMBERS: usize = 65_536;
/// Buckets of which the numbers are removed in one transaction.
const SWEPT_AT_ONCE: u32 = 16;
/// A file that stops to count while it is looked into is looked for so often.
const LOOKS: usize = 3;

/// What is kept of a number.
pub(super) type Hash = [u8; HASH_BYTES];

/// What is kept of a number in a register; another in each register.
pub(super) fn hash(keys: &ClientKeys, registry: &str, number: &PhoneNumber) -> Hash {
    let whole = keys.index(
        "registry number",
        &format!("{registry}:{}", number.as_str()),
    );
    let (kept, _) = whole.split_first_chunk().unwrap_or((&[0; HASH_BYTES], &[]));
    *kept
}

fn bucket(hash: &Hash) -> u32 {
    (u32::from(u16::from_be_bytes([hash[0], hash[1]])) * BUCKETS) >> 16
}

/// Hashes by bucket, each block sorted and without doubles.
pub(super) fn blocks(mut hashes: Vec<Hash>) -> Vec<(u32, Sealed)> {
    hashes.sort_unstable();
    hashes.dedup();
    let same = hashes.chunk_by(|a, b| bucket(a) == bucket(b));
    same.filter_map(|block| Some((bucket(block.first()?), Sealed(block.concat()))))
        .collect()
}

fn is_in(block: &Sealed, hash: &Hash) -> bool {
    let (hashes, _) = block.0.as_chunks::<HASH_BYTES>();
    hashes.binary_search(hash).is_ok()
}

/// The buckets of a file, some at a time.
pub(super) fn buckets() -> impl Iterator<Item = Range<u32>> {
    (0..BUCKETS / SWEPT_AT_ONCE).map(|at| at * SWEPT_AT_ONCE..(at + 1) * SWEPT_AT_ONCE)
}

/// What the files that count say of a number; nothing of registers that do not cover it.
///
/// # Errors
/// The store does not answer.
pub async fn screenings(
    desk: &Desk,
    keys: &ClientKeys,
    number: &PhoneNumber,
) -> Result<Vec<Screening>, StoreError> {
    for _ in 0..LOOKS {
        if let Some(found) = look(desk, keys, number).await? {
            return Ok(found);
        }
    }
    // Whatever is changed so often is not checked.
    Ok(Vec::new())
}

/// `None` if a file stopped to count meanwhile.
async fn look(
    desk: &Desk,
    keys: &ClientKeys,
    number: &PhoneNumber,
) -> Result<Option<Vec<Screening>>, StoreError> {
    let (registries, packs) = (desk.store.registries(), desk.rules.now());
    let mut by_registry: BTreeMap<String, Vec<RegistryFile>> = BTreeMap::new();
    for file in registries.counting(keys.id()).await? {
        let of_it = by_registry.entry(file.registry.clone()).or_default();
        of_it.push(file);
    }
    let mut found = Vec::new();
    for (registry, files) in by_registry {
        if !is_of(&packs.permission, &registry, number) {
            continue;
        }
        let Some(checked_ms) = checked_ms(&files, number) else {
            continue;
        };
        let hash = hash(keys, &registry, number);
        let mut listed = false;
        // The newest first: the last word holds.
        for file in &files {
            let blocks = registries
                .hashes(keys.id(), &file.id, bucket(&hash))
                .await?;
            let Some(blocks) = blocks else {
                return Ok(None);
            };
            if blocks.iter().any(|block| is_in(block, &hash)) {
                listed = file.kind != FileKind::Removals;
                break;
            }
        }
        found.push(Screening {
            registry,
            listed,
            checked_ms,
        });
    }
    Ok(Some(found))
}

/// Whether a register is that of a number's country: one code may be several countries'. A number of no one country is in
/// none.
fn is_of(pack: &PermissionPack, registry: &str, number: &PhoneNumber) -> bool {
    let registry = pack.registry(registry);
    let country = geo::of(number).country;
    registry.is_some_and(|registry| {
        let own = registry.place.country().to_string();
        country.is_some_and(|country| country == own)
    })
}

/// Of when the files of a register are, if they cover a number. Who brings in removals alone knows nothing of who is new.
fn checked_ms(files: &[RegistryFile], number: &PhoneNumber) -> Option<i64> {
    let full = files.iter().find(|file| file.kind == FileKind::Full)?;
    let mut covers = full.covers.iter();
    let is_covered = covers.any(|text| Destination::parse(text).is_ok_and(|d| d.holds(number)));
    let new = files.iter().filter(|file| file.kind != FileKind::Removals);
    new.map(|file| file.as_of_ms).max().filter(|_| is_covered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_found_in_the_block_of_its_bucket_and_nowhere_else() {
        let hash = |n: u32| {
            let mut hash = [0; HASH_BYTES];
            hash[..4].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
            hash[12..].copy_from_slice(&n.to_be_bytes());
            hash
        };
        let all: Vec<Hash> = (0..30_000).chain(0..10).map(hash).collect();
        let blocks = blocks(all);
        let mut buckets_of: Vec<u32> = blocks.iter().map(|(bucket, _)| *bucket).collect();
        let bytes: usize = blocks.iter().map(|(_, block)| block.0.len()).sum();
        assert_eq!(bytes, 30_000 * HASH_BYTES);
        assert!(buckets_of.iter().all(|bucket| *bucket < BUCKETS));
        let count = buckets_of.len();
        buckets_of.dedup();
        assert_eq!(buckets_of.len(), count, "a bucket has two blocks");
        for n in 0..40_000 {
            let hash = hash(n);
            let block = blocks.iter().find(|(at, _)| *at == bucket(&hash));
            let found = block.is_some_and(|(_, block)| is_in(block, &hash));
            assert_eq!(found, n < 30_000, "{n}");
        }
        assert_eq!(bucket(&[0xff; HASH_BYTES]), BUCKETS - 1);
        assert_eq!(buckets().last(), Some(BUCKETS - SWEPT_AT_ONCE..BUCKETS));
    }

    #[test]
    fn a_register_is_asked_about_the_numbers_of_its_country_mobiles_too() {
        for (registry, own) in [
            ("us-national", ["+12125550100", "+13055550100"]),
            ("ca-dncl", ["+14165550123", "+16045550123"]),
            ("gb-tps", ["+442079460018", "+447400123456"]),
            ("it-rpo", ["+390612345678", "+393331234567"]),
            ("be-dncm", ["+3221234567", "+32470123456"]),
            ("ie-ndd", ["+35312345678", "+353851234567"]),
            ("au-dncr", ["+61290123456", "+61412345678"]),
            ("sg-dnc", ["+6561234567", "+6591234567"]),
            ("tr-iys", ["+902121234567", "+905321234567"]),
        ] {
            for number in own {
                let number = PhoneNumber::parse(number).unwrap();
                let known = PermissionPack::shipped().all_registries().iter();
                let found: Vec<&str> = known
                    .map(|known| known.id.as_str())
                    .filter(|id| is_of(PermissionPack::shipped(), id, &number))
                    .collect();
                assert_eq!(found, [registry], "{}", number.as_str());
            }
        }
    }
}
