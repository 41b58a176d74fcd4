//! Uses that were not done, and when they are tried again.

use std::time::Duration;

use super::Used;

/// Tries of a tool that may be tried again.
const TRIES: u32 = 3;
/// Before the second; twice as long before the third.
const BETWEEN_TRIES: Duration = Duration::from_millis(250);

/// A use that was not done, or not surely.
pub(super) enum Missed {
    /// Nobody was reached, or the other side said that it did nothing.
    NotDone(String),
    /// It may have been done.
    Unclear(String),
}

/// Asks, and asks again where that is as good as once, or where nothing was done. Takes as long as it takes.
pub(super) async fn tried<F: Future<Output = Result<Used, Missed>>>(
    repeats: bool,
    ask: impl Fn() -> F,
) -> Used {
    let mut attempt = 1;
    loop {
        let missed = match ask().await {
            Ok(used) => return used,
            Err(missed) => missed,
        };
        let may_repeat = repeats || matches!(missed, Missed::NotDone(_));
        if !may_repeat || attempt >= TRIES {
            return match missed {
                Missed::NotDone(why) => Used::failed(&why),
                Missed::Unclear(why) if repeats => Used::failed(&why),
                Missed::Unclear(why) => Used::unknown(&why),
            };
        }
        tokio::time::sleep(BETWEEN_TRIES * attempt).await;
        attempt += 1;
    }
}
