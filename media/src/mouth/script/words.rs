//! Words within what is said, and where speech that was cut goes on.

use super::Script;
use crate::{FRAME, SAMPLES_PER_MS, g711};

/// How far back a resume may begin where no word is known, in samples.
const REWIND: u64 = 400 * SAMPLES_PER_MS;

/// The same for a word whose beginning is known. What was heard is kept for so long.
pub(super) const REWIND_WORD: u64 = 1_200 * SAMPLES_PER_MS;

/// Voices tell the beginning of a word a little late: so much of the silence before it is said with it.
const ATTACK: u64 = 20 * SAMPLES_PER_MS;

/// Most words of a clause whose times are kept.
const WORDS_MAX: usize = 1_000;

impl Script {
    /// Further words of a clause are said then, ms from its start.
    pub(in crate::mouth) fn timed(
        &mut self,
        reply: u32,
        clause: u16,
        words: impl Iterator<Item = (u32, u32)>,
    ) {
        let mut clauses = self.clauses.iter_mut().rev();
        let Some(clause) = clauses.find(|known| known.is(reply, clause)) else {
            return;
        };
        let room = WORDS_MAX.saturating_sub(clause.words.len());
        for (from_ms, to_ms) in words.take(room) {
            let sample = |ms: u32| ms.saturating_mul(SAMPLES_PER_MS as u32);
            let last = clause.words.last().map_or(0, |(_, to)| *to);
            let from = sample(from_ms).max(last);
            clause.words.push((from, sample(to_ms).max(from)));
        }
    }

    /// Moves the next audio to send back to the word that was cut, or to a quiet spot of the same reply.
    pub(in crate::mouth) fn rewind(&mut self) {
        let cut = self.sent;
        let index = self.clauses.partition_point(|clause| clause.end < cut);
        let Some(clause) = self
            .clauses
            .get(index)
            .filter(|clause| clause.start < cut && cut < clause.end)
        else {
            return;
        };
        let at = (cut - clause.start) as u32;
        let said = clause.words.partition_point(|(_, to)| *to <= at);
        let over = said.checked_sub(1).and_then(|last| clause.words.get(last));
        let over = clause.start + over.map_or(0, |(_, to)| u64::from(*to));
        if let Some((from, _)) = clause.words.get(said) {
            let from = (clause.start + u64::from(*from))
                .saturating_sub(ATTACK)
                .max(over);
            if from.saturating_add(REWIND_WORD) >= cut {
                self.sent = from.min(cut);
                return;
            }
        }
        let mut earliest = clause.start;
        for before in self.clauses.iter().take(index).rev() {
            if before.reply != clause.reply || before.end != earliest {
                break;
            }
            earliest = before.start;
        }
        let earliest = match said {
            0 => earliest,
            _ => over,
        };
        let earliest = earliest.max(cut.saturating_sub(REWIND));
        let mut scratch = Vec::with_capacity(FRAME);
        let mut quietest = u64::MAX;
        let mut at = cut;
        while at >= earliest + FRAME as u64 {
            at -= FRAME as u64;
            let energy = energy(self.reel.bytes(at, at + FRAME as u64, &mut scratch));
            if energy < quietest {
                quietest = energy;
                self.sent = at;
            }
        }
    }
}

fn energy(bytes: &[u8]) -> u64 {
    let square = |&byte: &u8| u64::from(g711::mulaw_decode(byte).unsigned_abs()).pow(2);
    bytes.iter().map(square).sum()
}
