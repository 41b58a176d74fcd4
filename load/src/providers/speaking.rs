//! How the fake voices speak: a piece of audio for a piece of text, in the tone of the code it carries.

use super::Delays;
use crate::clock::{Micros, ms};
use crate::tone::Reference;
use std::collections::VecDeque;

/// Audio comes in pieces of so long.
pub(super) const PIECE_MS: u64 = 100;

/// Text that came for a context.
#[derive(Debug, Default)]
pub(super) struct Ask {
    pub(super) context: String,
    pub(super) text: String,
    /// Speak all there is.
    pub(super) now: bool,
    /// Nothing follows in this context.
    pub(super) ends: bool,
    /// Speak what there is after so long at the latest.
    pub(super) patience: Option<Micros>,
}

/// What is to be sent of a context.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// [`PIECE_MS`] of the tone of a code.
    Audio {
        context: String,
        /// Which piece of speech it answers.
        reference: Option<Reference>,
        /// The first of that.
        is_first: bool,
        /// The last of a whole answer.
        is_last: bool,
        /// Text whose speech begins with it, and where in the context's audio, ms.
        words: Option<(String, u64)>,
    },
    /// All that was to be spoken so far has been sent.
    Flushed { context: String },
    /// The context is over.
    Done { context: String },
}

struct Context {
    name: String,
    waiting: String,
    speak_by: Option<Micros>,
    parts: VecDeque<Part>,
    due: Micros,
    sent_ms: u64,
    ends: bool,
    reference: Option<Reference>,
}

struct Part {
    left: u64,
    reference: Option<Reference>,
    is_first: bool,
    /// An answer ends with it.
    ends_answer: bool,
    words: Option<String>,
}

/// One connection's contexts.
pub(super) struct Speaking {
    first: Micros,
    step: Micros,
    ms_per_char: f64,
    contexts: Vec<Context>,
}

/// How many pieces a text takes.
pub(super) fn pieces_in(text: &str, ms_per_char: f64) -> u64 {
    let ms = text.trim().chars().count() as f64 * ms_per_char;
    ((ms / PIECE_MS as f64).ceil() as u64).clamp(2, 1_200)
}

/// How long after the one before a piece comes.
pub(super) fn step(delays: &Delays) -> Micros {
    (ms(PIECE_MS) as f64 / delays.tts_speed.max(0.1)) as Micros
}

impl Speaking {
    pub(super) fn new(delays: &Delays) -> Self {
        Self {
            first: ms(delays.tts_first_ms),
            step: step(delays),
            ms_per_char: delays.tts_ms_per_char,
            contexts: Vec::new(),
        }
    }

    /// Text came; the reference it carries, if it is the first of the context to do so. `late`: first audio comes so much
    /// later.
    pub(super) fn ask(&mut self, now: Micros, late: Micros, ask: Ask) -> Option<Reference> {
        let found = self
            .contexts
            .iter()
            .position(|context| context.name == ask.context);
        let at = match found {
            Some(at) => at,
            // The end of a context that is over, or a sign of life.
            None if ask.text.trim().is_empty() => return None,
            None => {
                self.contexts.push(Context {
                    name: ask.context,
                    waiting: String::new(),
                    speak_by: None,
                    parts: VecDeque::new(),
                    due: now,
                    sent_ms: 0,
                    ends: false,
                    reference: None,
                });
                self.contexts.len() - 1
            }
        };
        let context = &mut self.contexts[at];
        context.waiting.push_str(&ask.text);
        context.ends |= ask.ends;
        let news =
            Reference::last(&context.waiting).filter(|found| context.reference != Some(*found));
        let is_sentence =
            context.waiting.trim_end().ends_with(['.', '?', '!']) && ask.patience.is_some();
        if ask.now || ask.ends || is_sentence {
            self.speak(at, now, late);
        } else if let Some(patience) = ask.patience {
            context.speak_by.get_or_insert(now + patience);
        }
        news
    }

    fn speak(&mut self, at: usize, now: Micros, late: Micros) {
        let context = &mut self.contexts[at];
        context.speak_by = None;
        let text = std::mem::take(&mut context.waiting);
        if text.trim().is_empty() {
            return;
        }
        if context.parts.is_empty() {
            context.due = context.due.max(now) + self.first + late;
        }
        for (part, reference) in parted(&text, context.reference) {
            context.reference = reference;
            context.parts.push_back(Part {
                left: pieces_in(&part, self.ms_per_char),
                reference,
                is_first: true,
                ends_answer: ends_answer(&part),
                words: Some(part),
            });
        }
    }

    /// Forgets a context; what it has not said is not said.
    pub(super) fn cancel(&mut self, context: &str) {
        self.contexts.retain(|c| c.name != context);
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Option<Micros> {
        let speaking = self
            .contexts
            .iter()
            .filter(|c| !c.parts.is_empty())
            .map(|c| c.due);
        speaking
            .chain(self.contexts.iter().filter_map(|c| c.speak_by))
            .min()
    }

    /// What is due now.
    pub(super) fn take(&mut self, now: Micros) -> Vec<Piece> {
        for at in 0..self.contexts.len() {
            if self.contexts[at].speak_by.is_some_and(|by| by <= now) {
                self.speak(at, now, 0);
            }
        }
        let step = self.step;
        let mut out = Vec::new();
        for context in &mut self.contexts {
            while context.due <= now {
                let Some(part) = context.parts.front_mut() else {
                    break;
                };
                out.push(Piece::Audio {
                    context: context.name.clone(),
                    reference: part.reference,
                    is_first: std::mem::take(&mut part.is_first),
                    is_last: part.ends_answer && part.left == 1,
                    words: part.words.take().map(|words| (words, context.sent_ms)),
                });
                part.left -= 1;
                context.due += step;
                context.sent_ms += PIECE_MS;
                if part.left == 0 {
                    context.parts.pop_front();
                    if context.parts.is_empty() {
                        out.push(Piece::Flushed {
                            context: context.name.clone(),
                        });
                    }
                }
            }
        }
        self.contexts.retain(|context| {
            let is_over = context.ends && context.parts.is_empty();
            if is_over {
                out.push(Piece::Done {
                    context: context.name.clone(),
                });
            }
            !is_over
        });
        out
    }
}

/// Whether an answer's last words are the text's.
pub(super) fn ends_answer(text: &str) -> bool {
    text.trim_end().ends_with(super::mind::ENDING)
}

/// A text in parts of one reference each: it can hold the end of one answer and the beginning of another.
fn parted(text: &str, before: Option<Reference>) -> Vec<(String, Option<Reference>)> {
    let mut parts: Vec<(usize, Option<Reference>)> = Vec::new();
    for (at, reference) in Reference::all(text) {
        let is_same = parts
            .last()
            .is_some_and(|(_, last)| last.is_some_and(|last| last.id == reference.id));
        if !is_same {
            // It begins with the sentence that names it.
            let sentence = text[..at].rfind(['.', '?', '!']).map_or(0, |end| end + 1);
            let from = if parts.is_empty() { 0 } else { sentence };
            parts.push((from, Some(reference)));
        }
    }
    if parts.is_empty() {
        parts.push((0, before));
    }
    let ends: Vec<usize> = parts
        .iter()
        .skip(1)
        .map(|part| part.0)
        .chain([text.len()])
        .collect();
    let spans = parts.into_iter().zip(ends);
    spans
        .filter(|((from, _), to)| from < to)
        .map(|((from, reference), to)| (text[from..to].to_owned(), reference))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speaking() -> Speaking {
        Speaking {
            first: ms(60),
            step: ms(20),
            ms_per_char: 35.0,
            contexts: Vec::new(),
        }
    }

    #[test]
    fn first_audio_comes_after_its_delay_and_the_rest_five_times_faster_than_it_plays() {
        let mut speaking = speaking();
        let news = speaking.ask(
            ms(10),
            0,
            Ask {
                context: "a".into(),
                text: "The reference 10104 is.".into(),
                ends: true,
                ..Ask::default()
            },
        );
        assert_eq!(
            news,
            Some(Reference {
                id: 101,
                code: Some(4)
            })
        );
        assert_eq!(speaking.due(), Some(ms(70)));
        assert_eq!(speaking.take(ms(69)), []);
        assert_eq!(speaking.take(ms(70)).len(), 1);
        assert_eq!(speaking.take(ms(110)).len(), 2);
        // 23 characters are nine pieces; then it says that it is done.
        let rest = speaking.take(ms(1_000));
        assert_eq!(rest.len(), 6 + 2);
        assert_eq!(
            rest.last(),
            Some(&Piece::Done {
                context: "a".into()
            })
        );
        assert_eq!(speaking.due(), None);
    }

    #[test]
    fn half_a_sentence_waits_as_long_as_it_was_told_to() {
        let mut speaking = speaking();
        let ask = |text: &str| Ask {
            text: text.into(),
            patience: Some(ms(200)),
            ..Ask::default()
        };
        speaking.ask(0, 0, ask("Well, "));
        assert_eq!(speaking.due(), Some(ms(200)));
        speaking.ask(ms(50), 0, ask("yes."));
        assert_eq!(speaking.due(), Some(ms(110)));
        speaking.cancel("");
        assert_eq!((speaking.due(), speaking.take(ms(900)).len()), (None, 0));
    }

    #[test]
    fn every_part_has_the_tone_of_its_own_answer() {
        let text = "That was it. The reference 10105 is. A reference 20206 too.";
        let old = Some(Reference {
            id: 9,
            code: Some(1),
        });
        let parts = parted(text, old);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1].0, " A reference 20206 too.");
        assert_eq!(
            parts[1].1,
            Some(Reference {
                id: 202,
                code: Some(6)
            })
        );
        assert_eq!(parted("More.", old), [("More.".to_owned(), old)]);
    }

    #[test]
    fn the_last_piece_of_an_answer_is_told_apart() {
        let mut speaking = speaking();
        for (text, ends) in [("Is that right now? ", false), ("Is that right?", true)] {
            let ask = Ask {
                text: text.into(),
                now: true,
                ends,
                ..Ask::default()
            };
            speaking.ask(0, 0, ask);
        }
        let is_last: Vec<bool> = speaking
            .take(ms(9_000))
            .iter()
            .filter_map(|piece| match piece {
                Piece::Audio { is_last, .. } => Some(*is_last),
                Piece::Flushed { .. } | Piece::Done { .. } => None,
            })
            .collect();
        assert!(is_last.len() > 9);
        assert_eq!(is_last.iter().position(|is| *is), Some(is_last.len() - 1));
    }
}
