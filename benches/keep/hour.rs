//! A call of an hour that was kept: 1,500 turns and all their sound.

use trunkline::ids;
use trunkline_core::journal::{Audio, Ended, Entry, Halt, Latency, Speaker, Turn};

use crate::house::{House, began};
use crate::writing::sound;

const SECONDS: u64 = 3_600;
const TURNS: u64 = 1_500;
/// Seconds that are handed over at once.
const AT_ONCE: u64 = 300;

fn turn(n: u64) -> Entry {
    let from_ms = n * SECONDS * 1_000 / TURNS;
    let is_agent = n.is_multiple_of(2);
    Entry::Turn(Turn {
        speaker: if is_agent {
            Speaker::Agent
        } else {
            Speaker::Caller
        },
        from_ms,
        to_ms: from_ms + 2_000,
        text: "could you tell me what it costs & whether my insurance pays".into(),
        keys: None,
        confidence: (!is_agent).then_some(0.93),
        cut: n.is_multiple_of(8),
        halts: vec![Halt {
            at_ms: from_ms + 500,
            resumed_ms: Some(from_ms + 900),
        }],
        latency: is_agent.then_some(Box::new(Latency {
            speech_end_ms: from_ms,
            decided_ms: from_ms,
            first_token_ms: Some(from_ms),
            first_audio_ms: from_ms + 700,
            ..Latency::default()
        })),
        words: Vec::new(),
        tool: None,
    })
}

/// Its id.
pub(crate) async fn write(house: &House) -> anyhow::Result<String> {
    let id = ids::new_id("call");
    let journal = house.begin(&id, 0).await?;
    let mut turns = (0..TURNS).peekable();
    journal.append(vec![Entry::Began(began())])?;
    for first in (0..SECONDS).step_by(AT_ONCE as usize) {
        for second in first..first + AT_ONCE {
            let mut entries = vec![Entry::Audio(Audio {
                from: second * 8_000,
                samples: 8_000,
                caller: Some(sound(second)),
                agent: Some(sound(second + 7)),
            })];
            while let Some(n) = turns.next_if(|n| n * SECONDS < (second + 1) * TURNS) {
                entries.push(turn(n));
            }
            journal.append(entries)?;
        }
        house.desk.journals.flush().await?;
    }
    journal.append(vec![Entry::Ended(Ended {
        at_ms: SECONDS * 1_000,
        reason: "caller_hung_up".into(),
    })])?;
    journal.close();
    house.desk.journals.flush().await?;
    house.desk.rows.flush().await?;
    Ok(id)
}
