//! Moments of a call.

use core::fmt;

/// A moment of one call: whole milliseconds since its media stream began.
///
/// The shell that owns a clock makes these; nothing here reads one.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(u64);

impl At {
    /// The moment the media stream began.
    pub const START: At = At(0);

    /// The moment `ms` milliseconds after the stream began.
    pub const fn from_ms(ms: u64) -> Self {
        At(ms)
    }

    /// Milliseconds since the stream began.
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// The moment `ms` later.
    #[must_use]
    pub const fn plus(self, ms: u32) -> Self {
        At(self.0.saturating_add(ms as u64))
    }

    /// The moment `ms` earlier, or the start.
    #[must_use]
    pub const fn before(self, ms: u32) -> Self {
        At(self.0.saturating_sub(ms as u64))
    }

    /// Milliseconds from `earlier` to this moment, 0 if that lies later.
    pub const fn since(self, earlier: At) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}
