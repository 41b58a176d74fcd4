//! How long a voice takes for words that it has not yet said.

/// What it is taken to be before the voice has said anything: slow, so that words are not thought heard too early.
const MS_PER_LETTER: f32 = 80.0;
/// Fewer letters than this tell nothing about the pace.
const LETTERS_MIN: usize = 10;
/// However slow a voice seems to be, this many times the usual is the most that is believed.
const SLOWER_MAX: f32 = 3.0;

/// The pace of a voice: the slowest that it has shown.
pub(super) struct Pace {
    usual: f32,
    ms_per_letter: Option<f32>,
}

impl Pace {
    /// `speed`: 1 is a voice's own.
    pub(super) fn new(speed: f32) -> Self {
        Self {
            usual: MS_PER_LETTER / speed.clamp(0.25, 4.0),
            ms_per_letter: None,
        }
    }

    /// How long these words will take, ms.
    pub(super) fn expected_ms(&self, text: &str) -> u32 {
        (letters(text) as f32 * self.ms_per_letter.unwrap_or(self.usual)).ceil() as u32
    }

    /// Said whole, these words took so long.
    pub(super) fn learn(&mut self, text: &str, took_ms: u32) {
        let letters = letters(text);
        if letters < LETTERS_MIN {
            return;
        }
        let took = (took_ms as f32 / letters as f32).min(self.usual * SLOWER_MAX);
        let slowest = self.ms_per_letter.map_or(took, |known| known.max(took));
        self.ms_per_letter = Some(slowest);
    }
}

/// Counted as the call counts them to know which words were heard.
fn letters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_pace_shown_is_expected() {
        let mut pace = Pace::new(1.0);
        assert_eq!(pace.expected_ms("Hello there."), 11 * 80);
        assert_eq!(Pace::new(2.0).expected_ms("Hello there."), 11 * 40);
        pace.learn("Hi.", 900);
        assert_eq!(pace.expected_ms("Hello there."), 880, "too little to tell");
        for (took_ms, expected_ms) in [(660, 660), (550, 660), (1_100, 1_100), (99_000, 2_640)] {
            pace.learn("Hello there.", took_ms);
            assert_eq!(pace.expected_ms("Hello there."), expected_ms);
        }
        assert_eq!(pace.expected_ms(""), 0);
    }
}
