//! Places in which nobody is called for a time: emergencies that an authority has declared (La. R.S. 45:844.31; N.Y. GBL
//! 399-z(5-a)), entered by whoever runs the server.

use super::reason::{Code, Reason};
use crate::geo::Place;

/// A place that is closed for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closure {
    /// `clo_…`.
    pub id: String,
    /// Where: all of a country, or one part of it.
    pub place: Place,
    /// From when, ms since 1970.
    pub from_ms: i64,
    /// The first moment at which it holds no more, ms since 1970.
    pub until_ms: i64,
}

impl Closure {
    /// Whether it holds at a moment.
    pub(super) fn holds(&self, at_ms: i64) -> bool {
        (self.from_ms..self.until_ms).contains(&at_ms)
    }

    pub(super) fn reason(&self) -> Reason {
        Reason {
            place: Some(self.place),
            ..Reason::plain(Code::EmergencyClosure, Some(self.id.clone()))
        }
    }

    /// A country of which no more is known may be any of its parts.
    fn is_about(&self, place: Place) -> bool {
        place == self.place || place.country() == self.place || place == self.place.country()
    }
}

/// Those about any of these places.
pub(super) fn that_hold<'a>(closures: &'a [Closure], places: &[Option<Place>]) -> Vec<&'a Closure> {
    let about = |closure: &&Closure| {
        places
            .iter()
            .flatten()
            .any(|place| closure.is_about(*place))
    };
    closures.iter().filter(about).collect()
}
