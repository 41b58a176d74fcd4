//! The caller of a walk: when they speak, and what the recogniser makes of it.

use trunkline_core::call::Event;
use trunkline_core::time::At;

use super::super::observer::token;
use super::super::{Guard, Tally};
use super::{Speech, World};

impl World {
    pub(super) fn talk(&mut self, guard: Guard<'_>, tally: &mut Tally) {
        match &self.speech {
            None => {
                if self.chance(12) {
                    let from = self
                        .now
                        .saturating_sub(self.random % 60)
                        .max(self.quiet_since);
                    let lasts = 200
                        + self.below(if self.random.is_multiple_of(4) {
                            3_000
                        } else {
                            900
                        });
                    self.sentences += 1;
                    self.speech = Some(Speech {
                        from,
                        until: self.now + lasts,
                        number: self.sentences,
                    });
                    let at = At::from_ms(from);
                    self.hear(Event::SpeechStarted { at }, guard, tally);
                }
            }
            Some(speech) if speech.until <= self.now => {
                let speech = Speech { ..*speech };
                self.speech = None;
                self.quiet_since = speech.until;
                self.spoke.push((speech.from, speech.until));
                self.observer
                    .spoke(speech.number, speech.from, speech.until);
                let until = At::from_ms(speech.until);
                self.hear(Event::SpeechStopped { at: until }, guard, tally);
                self.verdict(&speech, until);
            }
            Some(_) => {}
        }
    }

    /// The ear tells of something, at once or when it gets to it.
    pub(super) fn hear(&mut self, event: Event, guard: Guard<'_>, tally: &mut Tally) {
        match self.ear_late {
            0 => self.feed(event, guard, tally),
            late => self.coming.push((self.now + late, event)),
        }
    }

    /// What the recogniser will make of a speech, and when.
    fn verdict(&mut self, speech: &Speech, until: At) {
        let at = self.now
            + self.ear_late
            + 40
            + self.below(if self.random.is_multiple_of(8) {
                3_000
            } else {
                400
            });
        let word = token(speech.number);
        let text = match self.below(16) {
            0..=2 => {
                self.last_yes_from = Some(speech.from);
                "Yes.".to_owned()
            }
            3 => "No.".to_owned(),
            4 => "Please don't record this call.".to_owned(),
            5 => format!("Stop recording. My name is {word}."),
            6 => "Mm-hm.".to_owned(),
            7 => String::new(),
            8 => "Are you a robot?".to_owned(),
            9 => format!("Don't {word}."),
            10 => format!("Record {word}."),
            _ => format!("I would like to speak about {word} please."),
        };
        if self.chance(40) {
            self.coming.push((
                at,
                Event::HearFailed {
                    until,
                    fatal: false,
                },
            ));
            return;
        }
        if self.chance(500) {
            let complete = self.below(100) as f32 / 100.0;
            self.coming
                .push((at.min(self.now + 60), Event::TurnScored { until, complete }));
        }
        let text = if self.chance(10) {
            "Don't call me again.".to_owned()
        } else {
            text
        };
        let confidence = if self.chance(150) { 0.3 } else { 0.95 };
        self.coming.push((
            at,
            Event::Final {
                until,
                text,
                confidence,
            },
        ));
    }
}
