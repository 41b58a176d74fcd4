//! The way of each piece of speech through the providers, and how long every part of it took.

use crate::clock::Micros;
use crate::tally::Spread;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Trails kept; beyond that the oldest are dropped.
const TRAILS_MAX: usize = 100_000;

/// When what happened to one piece of speech.
#[derive(Debug, Default, Clone)]
pub(super) struct Trail {
    pub(super) voice_end: Option<Micros>,
    pub(super) finalised: Option<Micros>,
    /// The latest chat request whose last words it is.
    pub(super) asked: Option<Micros>,
    /// How many of those there were.
    pub(super) requests: u64,
    /// The first chat request that holds it at all.
    pub(super) carried: Option<Micros>,
    /// Pieces of speech in front of it that the model was never told of.
    pub(super) lost_before: u64,
    /// The model was told of the same words before.
    pub(super) is_twice: bool,
    pub(super) first_token: Option<Micros>,
    pub(super) sentence: Option<Micros>,
    pub(super) voiced: Option<Micros>,
    pub(super) first_audio: Option<Micros>,
}

/// All of them.
pub(super) struct Trails {
    trails: BTreeMap<u64, Trail>,
    from: Option<Micros>,
    to: Option<Micros>,
    unanswered_after: Micros,
}

impl Trails {
    pub(super) fn new(unanswered_after: Micros) -> Self {
        Self {
            trails: BTreeMap::new(),
            from: None,
            to: None,
            unanswered_after,
        }
    }

    /// That of one piece of speech.
    pub(super) fn of(&mut self, id: u64) -> &mut Trail {
        if self.trails.len() >= TRAILS_MAX && !self.trails.contains_key(&id) {
            self.trails.pop_first();
        }
        self.trails.entry(id).or_default()
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(self.unanswered_after);
    }

    /// The window begins or ends: only speech that ends within it counts.
    pub(super) fn window(&mut self, now: Micros, is_end: bool) {
        if is_end {
            self.to = Some(now);
        } else {
            (self.from, self.to) = (Some(now), None);
        }
    }

    fn counted(&self) -> impl Iterator<Item = &Trail> {
        self.trails.values().filter(|trail| {
            trail.voice_end.is_some_and(|end| {
                self.from.is_none_or(|from| end >= from) && self.to.is_none_or(|to| end < to)
            })
        })
    }

    /// The stages, and what became of the finals.
    pub(super) fn json(&self, now: Micros) -> Value {
        type Moment = fn(&Trail) -> Option<Micros>;
        let stages: [(&str, Moment, Moment); 7] = [
            ("1_voice_end_to_final", |t| t.voice_end, |t| t.finalised),
            ("2_final_to_chat_request", |t| t.finalised, |t| t.asked),
            (
                "3_chat_request_to_first_token",
                |t| t.asked,
                |t| t.first_token,
            ),
            ("4_sentence_to_voice_request", |t| t.sentence, |t| t.voiced),
            (
                "5_voice_request_to_first_audio",
                |t| t.voiced,
                |t| t.first_audio,
            ),
            (
                "all_voice_end_to_chat_request",
                |t| t.voice_end,
                |t| t.asked,
            ),
            (
                "all_voice_end_to_first_audio",
                |t| t.voice_end,
                |t| t.first_audio,
            ),
        ];
        let mut spreads = Map::new();
        for (name, from, to) in stages {
            // Speech that is drafted on is answered before its final: then nothing was waited for.
            let times: Vec<Micros> = self
                .counted()
                .filter_map(|trail| Some(to(trail)?.saturating_sub(from(trail)?)))
                .collect();
            if !times.is_empty() {
                spreads.insert(name.to_owned(), Spread::of(&times).json());
            }
        }
        let finals: Vec<&Trail> = self
            .counted()
            .filter(|trail| trail.finalised.is_some_and(|at| at <= now))
            .collect();
        let unanswered = finals.iter().filter(|trail| {
            let in_time = trail.finalised.unwrap_or(0) + self.unanswered_after;
            trail.carried.is_none_or(|at| at > in_time)
        });
        let requests: u64 = self.counted().map(|trail| trail.requests).sum();
        let lost: u64 = self.trails.values().map(|trail| trail.lost_before).sum();
        let twice = self.trails.values().filter(|trail| trail.is_twice).count();
        json!({"stages_ms": spreads, "words": {"lost": lost, "twice": twice}, "window": {"finals": finals.len(), "unanswered_finals": unanswered.count(),
            "llm_requests": requests}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ms;

    #[test]
    fn stages_and_unanswered_finals_are_of_the_window() {
        let mut trails = Trails::new(ms(6_000));
        *trails.of(1) = Trail {
            voice_end: Some(ms(50)),
            finalised: Some(ms(250)),
            ..Trail::default()
        };
        trails.window(ms(100), false);
        *trails.of(2) = Trail {
            voice_end: Some(ms(1_000)),
            finalised: Some(ms(1_200)),
            asked: Some(ms(1_205)),
            requests: 2,
            carried: Some(ms(1_205)),
            first_token: Some(ms(1_305)),
            ..Trail::default()
        };
        *trails.of(3) = Trail {
            voice_end: Some(ms(2_000)),
            finalised: Some(ms(2_200)),
            carried: Some(ms(9_000)),
            ..Trail::default()
        };
        let stats = trails.json(ms(10_000));
        assert_eq!(stats["stages_ms"]["1_voice_end_to_final"]["n"], 2);
        assert_eq!(stats["stages_ms"]["2_final_to_chat_request"]["p50"], 5.0);
        assert_eq!(
            stats["window"],
            json!({"finals": 2, "unanswered_finals": 1, "llm_requests": 2})
        );
    }
}
