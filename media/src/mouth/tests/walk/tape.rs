//! What the mouth says was heard, against what the carrier really played.

use super::*;

/// How far from the truth a place may be.
const NEAR: u64 = 20 * SAMPLES_PER_MS;

struct Piece {
    at: u64,
    from: u64,
    to: u64,
    /// Its place was told by marks.
    marked: bool,
}

/// All that was handed out as heard.
pub(super) struct Tape {
    /// Between one clear and the next.
    takes: Vec<Vec<Piece>>,
    end: u64,
    promised: u64,
    jitter: u64,
}

impl Tape {
    pub(super) fn new(jitter: u64) -> Self {
        Self {
            takes: vec![Vec::new()],
            end: 0,
            promised: 0,
            jitter,
        }
    }

    /// Fetches what is there. After something was taken back, all of it is of the time before.
    pub(super) fn listen(&mut self, mouth: &mut Mouth, now_ms: u64, said: &Said, marked: bool) {
        let now = now_ms * SAMPLES_PER_MS;
        let take = self.takes.last_mut().unwrap();
        mouth.heard_audio(now_ms, &mut |HeardAudio { at, audio }| {
            assert!(at >= self.end, "{at} overlaps what ends at {}", self.end);
            assert!(at >= self.promised, "{at} is before {}", self.promised);
            self.end = at + audio.len() as u64;
            assert!(self.end <= now + self.jitter, "not yet heard");
            let from = said.places[audio.first_chunk::<8>().unwrap()];
            let to = from + audio.len() as u64;
            assert_eq!(audio, &said.audio[from as usize..to as usize]);
            take.push(Piece {
                at,
                from,
                to,
                marked,
            });
        });
        self.promised = mouth.heard_until(now_ms);
        assert_eq!(mouth.counters().heard_dropped, 0);
        if mouth.counters().clears == self.takes.len() as u64 {
            self.takes.push(Vec::new());
        }
    }

    /// In each take, exactly the beginning of what was played was handed out, and of the last, all.
    pub(super) fn check(&self, carrier: &Carrier, slack: u64) {
        assert_eq!(self.takes.len(), carrier.takes.len());
        for (pieces, played) in self.takes.iter().zip(&carrier.takes) {
            let length = |(_, from, to): &(u64, u64, u64)| to - from;
            let mut played_samples: u64 = played.iter().map(length).sum();
            let (mut rest, mut begins) = (played.iter().copied(), None);
            for piece in pieces {
                let mut from = piece.from;
                while from < piece.to {
                    let Some((at, sounded, to)) = begins.take().or_else(|| rest.next()) else {
                        played_samples += piece.to - from;
                        assert!(piece.to - from <= slack, "handed out and never played");
                        break;
                    };
                    assert_eq!(from, sounded, "not what was played");
                    let off = (piece.at + (from - piece.from)).abs_diff(at + carrier.up);
                    if piece.marked && carrier.loses == 0 {
                        assert!(off <= NEAR, "{off} samples off");
                    }
                    let count = (to - sounded).min(piece.to - from);
                    from += count;
                    begins =
                        Some((at + count, sounded + count, to)).filter(|_| count < to - sounded);
                }
            }
            let handed: u64 = pieces.iter().map(|piece| piece.to - piece.from).sum();
            assert!(handed <= played_samples);
        }
        let all = |pieces: &Vec<Piece>| {
            pieces
                .iter()
                .map(|piece| piece.to - piece.from)
                .sum::<u64>()
        };
        let (handed, played) = (self.takes.last().map(all), carrier.takes.last());
        let played = played.map(|played| played.iter().map(|(_, from, to)| to - from).sum());
        assert_eq!(handed, played, "all of the last take was heard");
    }
}
