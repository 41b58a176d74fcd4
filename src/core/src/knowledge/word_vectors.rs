//! A vector for a text without running a model: the mean of what a table has for each of its tokens.
//!
//! The table is a `safetensors` file with one tensor of half-precision numbers, a row for each token of the vocabulary.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::bpe::{BadVocabulary, Vocabulary};
use super::vector::DIMENSIONS_MAX;

/// Longest description of a table, in bytes.
const HEADER_BYTES_MAX: u64 = 64 * 1_024;
/// The tensor's name.
const TENSOR: &str = "embedding.weight";

/// The table or its vocabulary cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTable {
    /// The vocabulary.
    #[error(transparent)]
    Vocabulary(#[from] BadVocabulary),
    /// The table. Says what is wrong with it.
    #[error("the table of word vectors {0}")]
    Table(&'static str),
}

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: Vec<usize>,
}

/// A table of word vectors.
pub struct WordVectors {
    vocabulary: Vocabulary,
    table: Vec<u8>,
    dimensions: usize,
}

impl std::fmt::Debug for WordVectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WordVectors")
            .field("dimensions", &self.dimensions)
            .finish_non_exhaustive()
    }
}

impl WordVectors {
    /// Of a `tokenizer.json` and a `safetensors` file.
    ///
    /// # Errors
    /// [`BadTable`].
    pub fn read(vocabulary: &[u8], mut table: Vec<u8>) -> Result<Self, BadTable> {
        let vocabulary = Vocabulary::read(vocabulary)?;
        let cut = || BadTable::Table("ends too early");
        let length = table.first_chunk::<8>().ok_or_else(cut)?;
        let length = u64::from_le_bytes(*length);
        let header_end = usize::try_from(length.min(HEADER_BYTES_MAX)).unwrap_or(0) + 8;
        let header = table.get(8..header_end).ok_or_else(cut)?;
        let tensors: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header)
            .map_err(|_| BadTable::Table("has no description that can be read"))?;
        let tensor = tensors.get(TENSOR).cloned();
        let tensor: Option<Tensor> = tensor.and_then(|tensor| serde_json::from_value(tensor).ok());
        let tensor = tensor.ok_or(BadTable::Table("lacks its tensor"))?;
        let (&[rows, dimensions], &[from, to]) =
            (tensor.shape.as_slice(), tensor.data_offsets.as_slice())
        else {
            return Err(BadTable::Table("has not two dimensions"));
        };
        if tensor.dtype != "F16" {
            return Err(BadTable::Table("is not in half precision"));
        }
        if !(1..=DIMENSIONS_MAX).contains(&dimensions) {
            return Err(BadTable::Table("has too many numbers in a row"));
        }
        let bytes = rows.checked_mul(dimensions).and_then(|n| n.checked_mul(2));
        let is_whole =
            from == 0 && bytes == Some(to) && header_end.checked_add(to) == Some(table.len());
        if !is_whole {
            return Err(BadTable::Table("has not as many numbers as it says"));
        }
        table.drain(..header_end);
        Ok(Self {
            vocabulary,
            table,
            dimensions,
        })
    }

    /// Numbers of a vector.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The vector of a text; `None` of one without words.
    #[must_use]
    pub fn of(&self, text: &str) -> Option<Vec<f32>> {
        let mut sum = vec![0.0_f32; self.dimensions];
        let mut count = 0_u32;
        for token in self.vocabulary.tokens(text) {
            let from = token as usize * self.dimensions * 2;
            let Some(row) = self.table.get(from..from + self.dimensions * 2) else {
                continue;
            };
            for (sum, half) in sum.iter_mut().zip(row.as_chunks::<2>().0) {
                *sum += of_half(u16::from_le_bytes(*half));
            }
            count += 1;
        }
        if count == 0 {
            return None;
        }
        for x in &mut sum {
            *x /= count as f32;
        }
        Some(sum)
    }
}

/// A number in half precision.
fn of_half(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let rest = u32::from(half & 0x7fff);
    // Moved to the places that a number of 32 bits has, the exponent is 112 too small; the product mends that, also for
    // numbers that have no leading one.
    let scaled = f32::from_bits(rest << 13) * f32::from_bits(0x7780_0000);
    let bits = if rest >= 0x7c00 {
        // Infinite, or no number.
        0x7f80_0000 | rest << 13
    } else {
        scaled.to_bits()
    };
    f32::from_bits(sign | bits)
}

#[cfg(test)]
mod tests {
    use super::super::bpe::tests::small;
    use super::*;

    fn table(rows: &[[u16; 2]]) -> Vec<u8> {
        let bytes: Vec<u8> = rows
            .iter()
            .flatten()
            .flat_map(|half| half.to_le_bytes())
            .collect();
        let header = format!(
            "{{\"{TENSOR}\":{{\"dtype\":\"F16\",\"shape\":[{},2],\"data_offsets\":[0,{}]}}}}",
            rows.len(),
            bytes.len()
        );
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(header.as_bytes());
        file.extend(bytes);
        file
    }

    #[test]
    fn a_text_is_the_mean_of_its_tokens() {
        // 1, 2, −1, 0.5 in half precision.
        let (one, two, minus, half) = (0x3c00, 0x4000, 0xbc00, 0x3800);
        let mut rows = vec![[0; 2]; 9];
        rows[5] = [one, two];
        rows[8] = [minus, half];
        let vectors = WordVectors::read(small().as_bytes(), table(&rows)).unwrap();
        assert_eq!(vectors.of("a"), Some(vec![1.0, 2.0]));
        assert_eq!(vectors.of("abc"), Some(vec![0.0, 1.25]));
        assert_eq!(vectors.of(" \n"), None);
        // Its bytes stand behind the end of this table.
        assert_eq!(vectors.of("é"), Some(vec![0.0, 0.0]));
    }

    #[test]
    fn halves() {
        for (half, number) in [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65_504.0),
            (0x0001, 5.960_464_5e-8),
            (0x83ff, -6.097_555e-5),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(of_half(half), number, "{half:x}");
        }
        assert!(of_half(0x7e00).is_nan());
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let good = table(&[[0; 2]; 9]);
        let with = |from: &str, to: &str| {
            let text = String::from_utf8(good.clone()).unwrap();
            text.replacen(from, to, 1).into_bytes()
        };
        for file in [
            vec![],
            good[..20].to_vec(),
            good[..good.len() - 1].to_vec(),
            u64::MAX.to_le_bytes().to_vec(),
            with("F16", "F32"),
            with("weight", "xeight"),
            with("[9,2]", "[9,3]"),
            with("[0,36]", "[2,36]"),
        ] {
            let error = WordVectors::read(small().as_bytes(), file);
            assert!(matches!(error, Err(BadTable::Table(_))), "{error:?}");
        }
    }
}
