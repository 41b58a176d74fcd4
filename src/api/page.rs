//! Lists, a page at a time: `?limit=&after=` in, `{data, has_more, next_cursor}` out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::body::{Params, wrong_param};
use super::problem::{Code, Problem};
use crate::store::{self, Cursor};

/// Items of a page whose request does not say.
const LIMIT_USUAL: u32 = 50;
/// Most items of a page.
const LIMIT_MAX: u32 = 200;
/// Bytes of a cursor that prove that it is one of ours.
const CHECK_BYTES: usize = 6;
/// Longest cursor that is looked at.
const CURSOR_BYTES_MAX: usize = 256;

/// Which page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `Page` is what is read")]
pub(super) struct PageParams {
    /// Items of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    after: Option<String>,
}

/// Which page of a list, read.
#[derive(Clone, Debug)]
pub(super) struct Page {
    list: &'static str,
    pub(super) limit: u32,
    /// Where the page before ended, as the list's rows are placed.
    place: Option<String>,
}

/// One page.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Paged<T> {
    /// The items, the newest first.
    data: Vec<T>,
    /// Whether there are more.
    has_more: bool,
    /// What to give as `after` for the next page; none on the last.
    next_cursor: Option<String>,
}

impl Page {
    /// Takes `limit` and `after` of a list with this name: cursors of other lists are refused.
    pub(super) fn take(list: &'static str, params: &mut Params) -> Result<Self, Problem> {
        let limit = params.read("limit", "expected 1 to 200", |text| {
            text.parse()
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit))
        })?;
        let after = params
            .take("after")
            .map(|cursor| {
                read(list, &cursor).ok_or_else(|| {
                    let detail = "this is no cursor of this list";
                    let field = wrong_param("after", "invalid_cursor", detail);
                    field.recoded(Code::InvalidCursor)
                })
            })
            .transpose()?;
        Ok(Self {
            list,
            limit: limit.unwrap_or(LIMIT_USUAL),
            place: after,
        })
    }

    /// Only the page, of a list without filters.
    pub(super) fn alone(list: &'static str, mut params: Params) -> Result<Self, Problem> {
        let page = Self::take(list, &mut params)?;
        params.finish()?;
        Ok(page)
    }

    /// Where the page begins, in a list of rows by time.
    pub(super) fn after(&self) -> Option<Cursor> {
        self.place.as_deref().and_then(Cursor::parse)
    }

    /// Where the page begins, in a list by number.
    pub(super) fn after_number<N: std::str::FromStr>(&self) -> Option<N> {
        self.place.as_deref().and_then(|place| place.parse().ok())
    }

    /// The page of these rows.
    pub(super) fn try_of<I, T, E>(
        &self,
        page: store::Page<I>,
        show: impl FnMut(I) -> Result<T, E>,
    ) -> Result<Paged<T>, E> {
        let next = page.next.map(|cursor| cursor.encode());
        let data: Result<Vec<T>, E> = page.data.into_iter().map(show).collect();
        Ok(self.up_to(data?, next))
    }

    /// The page of these items; `next` is the place of the last one, if there are more.
    pub(super) fn up_to<T>(&self, data: Vec<T>, next: Option<String>) -> Paged<T> {
        Paged {
            data,
            has_more: next.is_some(),
            next_cursor: next.map(|place| write(self.list, &place)),
        }
    }
}

fn check(list: &str, place: &str) -> [u8; CHECK_BYTES] {
    let sum = Sha256::new()
        .chain_update(list)
        .chain_update([0])
        .chain_update(place)
        .finalize();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&sum[..CHECK_BYTES]);
    check
}

fn write(list: &str, place: &str) -> String {
    let mut bytes = check(list, place).to_vec();
    bytes.extend_from_slice(place.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read(list: &str, cursor: &str) -> Option<String> {
    if cursor.len() > CURSOR_BYTES_MAX {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (sum, place) = bytes.split_at_checked(CHECK_BYTES)?;
    let place = std::str::from_utf8(place).ok()?;
    (sum == check(list, place)).then(|| place.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_list_alone() {
        let cursor = write("calls", "call_01");
        assert_eq!(read("calls", &cursor).as_deref(), Some("call_01"));
        assert_eq!(read("agents", &cursor), None);
        for at in 0..cursor.len() {
            let mut bytes = cursor.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(read("calls", &changed), None, "character {at}");
        }
        for wrong in ["", "A", "!!", "\u{e9}", &"A".repeat(10_000)] {
            assert_eq!(read("calls", wrong), None);
        }
    }
}
