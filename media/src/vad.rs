//! The endpointer: probabilities of voice, one per 32 ms window, become "speech started" and "speech stopped".
//!
//! Two thresholds keep it from flickering; a click is too short to start it and a breath too short to stop it. Both
//! facts carry the sample where the voice began or ended, which lies before the moment of the decision.

use crate::WINDOW;

/// When voice counts as speech.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointSettings {
    /// A window at or above this probability may start speech, and ends a pause inside it.
    pub activation: f32,
    /// A window below this probability is silence.
    pub deactivation: f32,
    /// Voice must last this long before it is speech. Rounded to whole windows, at least one.
    pub speech_ms_min: u32,
    /// Silence of this length within speech is a pause, which may be its end. Rounded like `stop_ms`, at least one window;
    /// longer than the gaps inside words, of up to 60 ms.
    pub pause_ms: u32,
    /// Silence of this length ends speech. Rounded to the nearest whole window (200 is 6 windows, 192 ms), at least one.
    pub stop_ms: u32,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        Self {
            activation: 0.5,
            deactivation: 0.35,
            speech_ms_min: 64,
            pause_ms: 64,
            stop_ms: 200,
        }
    }
}

/// What the endpointer found. Positions are samples since the start of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Voice that lasts began here.
    SpeechStarted {
        /// First sample of the first voiced window.
        at: u64,
    },
    /// No voice since here: a pause, or the end. Comes before every [`Edge::SpeechStopped`] that it does not coincide with.
    SpeechPaused {
        /// First sample of the first silent window.
        at: u64,
    },
    /// It was a pause.
    SpeechResumed,
    /// No voice any more from here on.
    SpeechStopped {
        /// First sample of the first silent window.
        at: u64,
    },
}

#[derive(Debug, Clone, Copy)]
enum State {
    Quiet,
    /// Voiced since `since`, not long enough yet.
    Rising {
        since: u64,
    },
    Speaking,
    /// Silent since `since`, not long enough yet.
    Falling {
        since: u64,
    },
}

/// The endpointer of one line.
#[derive(Debug, Clone)]
pub struct Endpointer {
    activation: f32,
    deactivation: f32,
    speech_windows_min: u64,
    pause_windows: u64,
    stop_windows: u64,
    state: State,
    /// Index of the next window.
    next: u64,
}

impl Endpointer {
    /// An endpointer that has heard nothing.
    pub fn new(settings: &EndpointSettings) -> Self {
        Self {
            activation: settings.activation,
            deactivation: settings.deactivation.min(settings.activation),
            speech_windows_min: windows(settings.speech_ms_min),
            pause_windows: windows(settings.pause_ms),
            stop_windows: windows(settings.stop_ms),
            state: State::Quiet,
            next: 0,
        }
    }

    /// Takes the probability of the next window. Anything that is not a number is silence.
    pub fn push(&mut self, probability: f32) -> Option<Edge> {
        let window = self.next;
        self.next += 1;
        let voiced = probability >= self.activation;
        let silent = probability.is_nan() || probability < self.deactivation;
        match self.state {
            State::Quiet if voiced => self.rise(window),
            State::Rising { .. } if silent => {
                self.state = State::Quiet;
                None
            }
            State::Rising { since } => self.rise(since),
            State::Speaking if silent => self.fall(window),
            State::Falling { since } if voiced => {
                self.state = State::Speaking;
                (window - since >= self.pause_windows).then_some(Edge::SpeechResumed)
            }
            State::Falling { since } => self.fall(since),
            State::Quiet | State::Speaking => None,
        }
    }

    /// Samples judged so far.
    pub fn position(&self) -> u64 {
        self.next * WINDOW as u64
    }

    /// Between a start and its stop.
    pub fn speaking(&self) -> bool {
        matches!(self.state, State::Speaking | State::Falling { .. })
    }

    fn rise(&mut self, since: u64) -> Option<Edge> {
        if self.next - since < self.speech_windows_min {
            self.state = State::Rising { since };
            return None;
        }
        self.state = State::Speaking;
        Some(Edge::SpeechStarted {
            at: since * WINDOW as u64,
        })
    }

    fn fall(&mut self, since: u64) -> Option<Edge> {
        let (silent, at) = (self.next - since, since * WINDOW as u64);
        if silent < self.stop_windows {
            self.state = State::Falling { since };
            return (silent == self.pause_windows).then_some(Edge::SpeechPaused { at });
        }
        self.state = State::Quiet;
        Some(Edge::SpeechStopped { at })
    }
}

fn windows(ms: u32) -> u64 {
    ((u64::from(ms) * crate::SAMPLES_PER_MS + WINDOW as u64 / 2) / WINDOW as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each character is a window: `#` voice, `+` between the thresholds, `.` silence. The result lists the window that
    /// decided and the window the fact names.
    fn edges(windows: &str) -> Vec<(char, u64, u64)> {
        let mut endpointer = Endpointer::new(&EndpointSettings::default());
        let mut found = Vec::new();
        for (index, kind) in windows.chars().enumerate() {
            let probability = match kind {
                '#' => 0.9,
                '+' => 0.4,
                'n' => f32::NAN,
                _ => 0.1,
            };
            match endpointer.push(probability) {
                Some(Edge::SpeechStarted { at }) => found.push(('>', index as u64, at / 256)),
                Some(Edge::SpeechPaused { at }) => found.push(('|', index as u64, at / 256)),
                Some(Edge::SpeechResumed) => found.push(('~', index as u64, index as u64)),
                Some(Edge::SpeechStopped { at }) => found.push(('<', index as u64, at / 256)),
                None => {}
            }
        }
        found
    }

    #[test]
    fn table() {
        type Case = (&'static str, &'static str, &'static [(char, u64, u64)]);
        let cases: &[Case] = &[
            ("a click is not speech", "..#....#....", &[]),
            ("two windows are", "..##", &[('>', 3, 2)]),
            ("a middling window keeps it rising", "..#+", &[('>', 3, 2)]),
            ("a middling window starts nothing", "..++++++", &[]),
            (
                "six silent windows stop it, at their start",
                "##......",
                &[('>', 1, 0), ('|', 4, 2), ('<', 7, 2)],
            ),
            (
                "a pause of five does not",
                "##.....#......",
                &[
                    ('>', 1, 0),
                    ('|', 4, 2),
                    ('~', 7, 7),
                    ('|', 10, 8),
                    ('<', 13, 8),
                ],
            ),
            (
                "a gap of two is no pause",
                "##..#...",
                &[('>', 1, 0), ('|', 7, 5)],
            ),
            (
                "middling windows keep speech alive",
                "##++++++++++",
                &[('>', 1, 0)],
            ),
            (
                "but do not end a pause",
                "##.+.+.+",
                &[('>', 1, 0), ('|', 4, 2), ('<', 7, 2)],
            ),
            (
                "not a number is silence",
                "##nnnnnn",
                &[('>', 1, 0), ('|', 4, 2), ('<', 7, 2)],
            ),
            (
                "and again",
                "##......##......",
                &[
                    ('>', 1, 0),
                    ('|', 4, 2),
                    ('<', 7, 2),
                    ('>', 9, 8),
                    ('|', 12, 10),
                    ('<', 15, 10),
                ],
            ),
        ];
        for (name, windows, expected) in cases {
            assert_eq!(edges(windows), *expected, "{name}");
        }
    }
}
