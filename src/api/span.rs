//! Range and If-Range: which bytes of a file are asked for.

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The whole file.
    All,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// Bytes that it does not have.
    Nowhere,
}

/// Reads a request's headers for a file of `length` bytes with the ETag `tag`. Several ranges, and what cannot be read,
/// ask for all, as RFC 9110 allows.
pub(super) fn asked(headers: &HeaderMap, length: u64, tag: &str) -> Asked {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(range) = text(header::RANGE) else {
        return Asked::All;
    };
    // Parts of two different files make no file.
    if text(header::IF_RANGE).is_some_and(|seen| seen != tag) {
        return Asked::All;
    }
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .filter(|range| !range.contains(','))
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Asked::All;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // More digits than fit are past every end.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let part = match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => return Asked::All,
        (Some(first), Some(last)) => first..length.min(last.saturating_add(1)),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(count)) if first.is_empty() => length.saturating_sub(count)..length,
        (Some(_) | None, Some(_) | None) => return Asked::All,
    };
    if part.is_empty() {
        Asked::Nowhere
    } else {
        Asked::Part(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn ranges_are_read_as_they_are_written() {
        for (range, want) in [
            ("bytes=0-0", Asked::Part(0..1)),
            ("bytes=0-99", Asked::Part(0..100)),
            ("bytes=10-19", Asked::Part(10..20)),
            ("bytes=90-", Asked::Part(90..100)),
            ("bytes=-10", Asked::Part(90..100)),
            ("bytes=-1000", Asked::Part(0..100)),
            ("bytes=0-99999999999999999999999", Asked::Part(0..100)),
            ("bytes=100-", Asked::Nowhere),
            ("bytes=100-200", Asked::Nowhere),
            ("bytes=99999999999999999999999-", Asked::Nowhere),
            ("bytes=-0", Asked::Nowhere),
            ("bytes=5-4", Asked::All),
            ("bytes=0-1,5-6", Asked::All),
            ("bytes=", Asked::All),
            ("bytes=-", Asked::All),
            ("bytes=a-b", Asked::All),
            ("bytes=+1-2", Asked::All),
            ("seconds=0-1", Asked::All),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(range));
            assert_eq!(asked(&headers, 100, "\"a\""), want, "{range}");
            headers.insert(header::IF_RANGE, HeaderValue::from_static("\"a\""));
            assert_eq!(asked(&headers, 100, "\"a\""), want, "{range}");
            headers.insert(header::IF_RANGE, HeaderValue::from_static("\"b\""));
            assert_eq!(asked(&headers, 100, "\"a\""), Asked::All, "{range}");
        }
        assert_eq!(asked(&HeaderMap::new(), 100, ""), Asked::All);
    }
}
