//! Audio that the recogniser is not given yet.

use trunkline_media::FRAME;
use trunkline_media::ear::Ear;
use trunkline_media::g711::MULAW_SILENCE;

/// A frame without sound.
const SILENCE: [u8; FRAME] = [MULAW_SILENCE; FRAME];

/// The newest of the caller's audio. While we may be heard on their line, it takes a moment to know whether a sound is our
/// own voice coming back; and of our own words the recogniser gets none.
#[derive(Default)]
pub(super) struct Withheld {
    mulaw: Vec<u8>,
    /// Samples given.
    given: u64,
}

impl Withheld {
    /// Takes in what the ear was given last, and gives what it knows about, with silence in place of our own voice.
    pub(super) fn push(&mut self, mulaw: &[u8], ear: &Ear, mut give: impl FnMut(&[u8])) {
        self.mulaw.extend_from_slice(mulaw);
        let known = ear.known();
        let mut used = 0;
        while self.given < known {
            let left = FRAME - (self.given % FRAME as u64) as usize;
            let left = left.min((known - self.given) as usize);
            let Some(part) = self.mulaw.get(used..used + left) else {
                break;
            };
            give(match ear.is_own_voice(self.given) {
                true => &SILENCE[..left],
                false => part,
            });
            used += left;
            self.given += left as u64;
        }
        self.mulaw.drain(..used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_media::ear::EarSettings;
    use trunkline_media::g711::{mulaw_decode, mulaw_encode};

    /// Two seconds of a line that returns, 200 ms later and a tenth as loud, what is played on it from 500 ms on, in
    /// messages of so many bytes: what came in, what was given of it, and how much of that at once.
    fn heard(played: Option<&[u8]>, message: usize) -> (Vec<u8>, Vec<u8>, bool) {
        let (starts, delay) = (4_000, 1_600);
        let mut ear = Ear::new(EarSettings::default());
        let mut withheld = Withheld::default();
        let (mut came, mut given, mut facts) = (Vec::new(), Vec::new(), Vec::new());
        let mut is_at_once = true;
        for at in (0..16_000).step_by(message) {
            if let Some(played) = played.filter(|_| at >= starts && at < starts + message) {
                ear.sent((at / 8) as u64, played);
            }
            let line: Vec<u8> = (at..at + message)
                .map(|at| {
                    let back = at.checked_sub(starts + delay);
                    let back = back.and_then(|back| played?.get(back));
                    mulaw_encode(back.map_or(0, |code| mulaw_decode(*code) / 10))
                })
                .collect();
            ear.next_spoken_at((at / 8) as u64);
            ear.push(&line, &mut facts);
            withheld.push(&line, &ear, |part| given.extend_from_slice(part));
            came.extend(line);
            is_at_once &= given.len() == came.len();
        }
        (came, given, is_at_once)
    }

    fn is_loud(codes: &[u8]) -> bool {
        codes
            .iter()
            .any(|code| mulaw_decode(*code).unsigned_abs() > 100)
    }

    #[test]
    fn of_our_own_voice_the_recogniser_hears_nothing() {
        // The agent of the demo's fixtures: `fixtures/speech/README.md`.
        let voice: &[u8] = include_bytes!("../../../fixtures/speech/long.ulaw");
        for message in [160, 320, 100] {
            let (came, given, _) = heard(Some(&voice[..8_000]), message);
            assert!(is_loud(&came) && !is_loud(&given), "{message}");
            // What is not known yet is not given yet.
            let left = came.len() - given.len();
            assert!(left <= 5 * FRAME, "{left}");
        }
    }

    #[test]
    fn while_we_are_silent_nothing_is_withheld() {
        for message in [160, 320, 100] {
            let (came, given, is_at_once) = heard(None, message);
            assert!(is_at_once && came == given, "{message}");
        }
    }
}
