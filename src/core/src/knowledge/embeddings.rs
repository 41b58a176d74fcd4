//! Vectors of texts from a provider, as OpenAI's endpoint makes them, and many servers besides: a POST of texts, answered
//! with as many vectors. A refusal is told as those of its other endpoints:
//! [`refused`](crate::wire::transcription::refused).

use serde::Deserialize;

use super::vector::DIMENSIONS_MAX;
use crate::wire::link::{Trouble, TroubleKind};

/// Texts of one request.
pub const TEXTS_MAX: usize = 64;
/// Longest answer that is read, in bytes: as many vectors of the longest sort, with all digits.
pub const ANSWER_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// A POST whose answer is vectors.
#[derive(Clone, PartialEq, Eq)]
pub struct EmbeddingsRequest {
    /// Path behind the base URL, which ends in `/v1` as a rule.
    pub path: &'static str,
    /// Headers, lower-case names. They hold the key, if there is one.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for EmbeddingsRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddingsRequest")
            .field("path", &self.path)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: Option<usize>,
    embedding: Vec<f32>,
}

/// What to post for these texts, at most [`TEXTS_MAX`]. `key` may be empty for a server that asks for none.
#[must_use]
pub fn request(model: &str, key: &str, texts: &[&str]) -> EmbeddingsRequest {
    let body = serde_json::json!({ "model": model, "input": texts, "encoding_format": "float" });
    let mut headers = vec![("content-type", "application/json".to_owned())];
    if !key.trim().is_empty() {
        headers.push(("authorization", format!("Bearer {}", key.trim())));
    }
    EmbeddingsRequest {
        path: "/embeddings",
        headers,
        body: body.to_string().into_bytes(),
    }
}

/// The vectors in a good answer, in the order of the texts, `count` of them, all of as many numbers.
///
/// # Errors
/// [`TroubleKind::Protocol`]: it is no such answer, or not for these texts.
pub fn vectors(body: &[u8], count: usize) -> Result<Vec<Vec<f32>>, Trouble> {
    let wrong = |what: &str| Trouble::new(TroubleKind::Protocol, what);
    if body.len() > ANSWER_BYTES_MAX {
        return Err(wrong("the answer is too long"));
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|_| wrong("no vectors"))?;
    if answer.data.len() != count {
        return Err(wrong("not as many vectors as texts"));
    }
    let dimensions = answer.data.first().map_or(0, |item| item.embedding.len());
    let mut vectors: Vec<Option<Vec<f32>>> = vec![None; count];
    for (at, item) in answer.data.into_iter().enumerate() {
        let vector = item.embedding;
        let is_one = !vector.is_empty()
            && vector.len() <= DIMENSIONS_MAX
            && vector.len() == dimensions
            && vector.iter().all(|x| x.is_finite());
        let place = vectors.get_mut(item.index.unwrap_or(at));
        match place.filter(|place| place.is_none() && is_one) {
            Some(place) => *place = Some(vector),
            None => return Err(wrong("vectors that make no sense")),
        }
    }
    vectors
        .into_iter()
        .collect::<Option<_>>()
        .ok_or_else(|| wrong("a vector is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_go_up_and_vectors_come_back_in_their_order() {
        let asked = request("m", " k ", &["one", "two \"quoted\""]);
        let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
        assert_eq!(body["input"][1], "two \"quoted\"");
        assert_eq!(asked.headers[1], ("authorization", "Bearer k".to_owned()));
        assert_eq!(request("m", "", &[]).headers.len(), 1);
        assert!(!format!("{asked:?}").contains("Bearer"));
        let answer = br#"{"object":"list","data":[{"index":1,"embedding":[0,1]},{"index":0,"embedding":[1,0.5]}]}"#;
        assert_eq!(vectors(answer, 2).unwrap(), [[1.0, 0.5], [0.0, 1.0]]);
        let unnumbered = br#"{"data":[{"embedding":[1]},{"embedding":[2]}]}"#;
        assert_eq!(vectors(unnumbered, 2).unwrap(), [[1.0], [2.0]]);
    }

    #[test]
    fn answers_that_do_not_fit_are_refused() {
        for (answer, count) in [
            ("", 1),
            ("{}", 1),
            (r#"{"data":[]}"#, 1),
            (r#"{"data":[{"index":0,"embedding":[]}]}"#, 1),
            (r#"{"data":[{"index":0,"embedding":["a"]}]}"#, 1),
            (r#"{"data":[{"index":7,"embedding":[1]}]}"#, 1),
            (
                r#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}"#,
                2,
            ),
            (
                r#"{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[1,2]}]}"#,
                2,
            ),
            (r#"{"data":[{"index":0,"embedding":[1e999]}]}"#, 1),
            (r#"{"data":[{"index":0,"embedding":[1]}]}"#, 2),
        ] {
            let trouble = vectors(answer.as_bytes(), count).unwrap_err();
            assert_eq!(trouble.kind, TroubleKind::Protocol, "{answer}");
        }
        assert!(vectors(&vec![b' '; ANSWER_BYTES_MAX + 1], 1).is_err());
    }
}
