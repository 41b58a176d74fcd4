//! Running a flow: one turn of the caller at a time.

use super::hear::{answer, intends};
use super::template::Template;
use super::value::SlotValue;
use super::words::words;
use super::{
    AnytimeAction, Ask, EndKind, Flow, FlowState, Heard, Kind, Step, TURNS_MAX, Then, Vars, clock,
    number,
};

/// What an answer came to.
enum Outcome {
    Filled(SlotValue),
    /// Digits so far; more are to come.
    Piece(String),
    Missed,
    Silent,
}

impl Flow {
    /// Begins the conversation: what to say first.
    pub fn open(&self, vars: &Vars) -> (FlowState, Step) {
        let mut state = FlowState {
            at: self.start,
            tries: 0,
            silences: 0,
            turns: 0,
            pieces: String::new(),
            slots: Default::default(),
            ended: None,
        };
        let mut step = Step::default();
        self.enter(self.start, &mut state, vars, &mut step);
        (state, step)
    }

    /// Takes one turn of the caller. Once ended it stays ended and says nothing more.
    pub fn step(&self, state: &FlowState, heard: Heard<'_>, vars: &Vars) -> (FlowState, Step) {
        let mut state = state.clone();
        let mut step = Step::default();
        if let Some(end) = state.ended {
            step.end = Some(end);
            return (state, step);
        }
        state.turns = state.turns.saturating_add(1);
        let ask = match self.states.get(state.at).map(|state| &state.then) {
            Some(Then::Ask(ask)) if state.turns <= TURNS_MAX => ask,
            _ => {
                self.give_up(&mut state, vars, &mut step);
                return (state, step);
            }
        };
        let said = words(heard.text);
        if let Some(action) = self.intent(ask, &heard, &said) {
            self.act(action, &mut state, vars, &mut step);
            return (state, step);
        }
        match understand(ask, &state, &heard, &said) {
            Outcome::Filled(value) => self.fill(ask, value, &said, &mut state, vars, &mut step),
            Outcome::Piece(pieces) => {
                state.pieces = pieces;
                step.listen = true;
            }
            Outcome::Missed => self.again(ask, false, &mut state, vars, &mut step),
            Outcome::Silent => self.again(ask, true, &mut state, vars, &mut step),
        }
        (state, step)
    }

    /// The texts that do not depend on any answer, filled in: what a voice can make ahead of the call.
    pub fn standing_texts(&self, vars: &Vars) -> Vec<String> {
        let asks = || {
            self.states.iter().filter_map(|state| {
                if let Then::Ask(ask) = &state.then {
                    Some(ask)
                } else {
                    None
                }
            })
        };
        let is_slot = |name: &str| asks().any(|ask| ask.slot == name);
        let says = self.states.iter().map(|state| &state.say);
        let asked = asks().flat_map(|ask| [&ask.retry, &ask.nudge]).flatten();
        says.chain(asked)
            .chain(&self.gave_up)
            .filter(|template| template.variables().all(|(name, _)| !is_slot(name)))
            .map(|template| {
                template.fill(|name| {
                    let value = vars.value(name).map(str::to_owned);
                    value.or_else(|| self.defaults.get(name).cloned())
                })
            })
            .filter(|text| !text.is_empty())
            .collect()
    }

    /// How many digits would do for the answer awaited, said or pressed; none if it is not made of digits.
    pub fn digits_awaited(&self, state: &FlowState) -> Option<usize> {
        let Some(Then::Ask(ask)) = self.states.get(state.at).map(|state| &state.then) else {
            return None;
        };
        let Kind::Digits { min, .. } = ask.kind else {
            return None;
        };
        Some(min.saturating_sub(state.pieces.len()))
    }

    /// The name of the state where a conversation stands.
    pub fn state_name(&self, state: &FlowState) -> &str {
        self.states.get(state.at).map_or("", |state| &state.name)
    }

    /// The variables that the call must bring along and does not.
    pub fn missing<'a>(&'a self, vars: &Vars) -> Vec<&'a str> {
        let given = |name: &str| {
            vars.value(name)
                .is_some_and(|value| !value.trim().is_empty())
        };
        self.required
            .iter()
            .map(String::as_str)
            .filter(|name| !given(name))
            .collect()
    }

    fn text(&self, template: &Template, state: &FlowState, vars: &Vars) -> String {
        template.fill(|name| {
            let slot = state.slots.get(name).map(SlotValue::spoken);
            slot.or_else(|| vars.value(name).map(str::to_owned))
                .or_else(|| self.defaults.get(name).cloned())
        })
    }

    fn say(&self, template: &Template, state: &FlowState, vars: &Vars, step: &mut Step) {
        let text = self.text(template, state, vars);
        if !text.is_empty() {
            step.say.push(text);
        }
    }

    /// Goes to a state and on through those that only speak.
    fn enter(&self, at: usize, state: &mut FlowState, vars: &Vars, step: &mut Step) {
        state.at = at;
        state.tries = 0;
        state.silences = 0;
        state.pieces.clear();
        // A checked flow leaves this loop by itself; the bound makes that certain.
        for _ in 0..=self.states.len() {
            let Some(here) = self.states.get(state.at) else {
                break;
            };
            self.say(&here.say, state, vars, step);
            match &here.then {
                Then::Go(next) => state.at = *next,
                Then::Ask(_) => {
                    step.listen = true;
                    return;
                }
                Then::End(end) => {
                    state.ended = Some(*end);
                    step.end = Some(*end);
                    return;
                }
            }
        }
        self.give_up(state, vars, step);
    }

    fn give_up(&self, state: &mut FlowState, vars: &Vars, step: &mut Step) {
        if let Some(gave_up) = &self.gave_up {
            self.say(gave_up, state, vars, step);
        }
        state.ended = Some(EndKind::GaveUp);
        step.listen = false;
        step.end = Some(EndKind::GaveUp);
    }

    fn intent(&self, ask: &Ask, heard: &Heard<'_>, said: &[String]) -> Option<AnytimeAction> {
        let takes_keys = matches!(ask.kind, Kind::Digits { .. } | Kind::Number { .. });
        // Where anything may be said, an intent is only what is said on its own.
        let whole = matches!(ask.kind, Kind::Name | Kind::Text);
        let mut keys = heard.keys.chars();
        let key = keys
            .next()
            .filter(|key| !takes_keys && keys.next().is_none() && !ask.keys.contains_key(key));
        let meant = self.anytime.iter().find(|intent| {
            let keyed = key.is_some() && intent.key == key;
            keyed || (heard.keys.is_empty() && intends(&intent.phrases, said, whole))
        })?;
        Some(meant.action)
    }

    fn act(&self, action: AnytimeAction, state: &mut FlowState, vars: &Vars, step: &mut Step) {
        match action {
            AnytimeAction::Go(next) => self.enter(next, state, vars, step),
            AnytimeAction::Repeat => {
                if let Some(here) = self.states.get(state.at) {
                    self.say(&here.say, state, vars, step);
                }
                step.listen = true;
            }
        }
    }

    fn fill(
        &self,
        ask: &Ask,
        value: SlotValue,
        said: &[String],
        state: &mut FlowState,
        vars: &Vars,
        step: &mut Step,
    ) {
        let mut next = keep(ask, value, state, step);
        // "Tuesday at ten" answers the next question too, if that asks for the time.
        if ask.kind == Kind::Day
            && let Some(Then::Ask(later)) = next
                .and_then(|next| self.states.get(next))
                .map(|state| &state.then)
            && let Kind::Time { between } = later.kind
            && let Some(time) = clock::marked_time(said, between)
        {
            next = keep(later, SlotValue::Time(time), state, step);
        }
        match next {
            Some(next) => self.enter(next, state, vars, step),
            None => self.give_up(state, vars, step),
        }
    }

    /// Asks once more, or goes the way of those who were not understood.
    fn again(&self, ask: &Ask, silent: bool, state: &mut FlowState, vars: &Vars, step: &mut Step) {
        state.pieces.clear();
        let count = if silent {
            &mut state.silences
        } else {
            &mut state.tries
        };
        *count = count.saturating_add(1);
        if *count >= ask.tries {
            match ask.otherwise {
                Some(next) => self.enter(next, state, vars, step),
                None => self.give_up(state, vars, step),
            }
            return;
        }
        let own = self.states.get(state.at).map(|here| &here.say);
        let template = if silent {
            ask.nudge.as_ref().or(ask.retry.as_ref())
        } else {
            ask.retry.as_ref()
        };
        if let Some(template) = template.or(own) {
            self.say(template, state, vars, step);
        }
        step.listen = true;
    }
}

/// Keeps an answer; where it leads.
fn keep(ask: &Ask, value: SlotValue, state: &mut FlowState, step: &mut Step) -> Option<usize> {
    let next = ask.to.get(&value.normalised()).copied().or(ask.next);
    step.filled.push((ask.slot.clone(), value.clone()));
    state.slots.insert(ask.slot.clone(), value);
    next
}

fn understand(ask: &Ask, state: &FlowState, heard: &Heard<'_>, said: &[String]) -> Outcome {
    if let Kind::Digits { min, max } = ask.kind {
        return gather(min, max, state, heard, said);
    }
    if !heard.keys.is_empty() {
        return keyed(ask, heard.keys).map_or(Outcome::Missed, Outcome::Filled);
    }
    if said.is_empty() {
        return Outcome::Silent;
    }
    answer(&ask.kind, heard.text, said).map_or(Outcome::Missed, Outcome::Filled)
}

fn keyed(ask: &Ask, keys: &str) -> Option<SlotValue> {
    if let Kind::Number { min, max } = ask.kind {
        let number: i64 = keys.trim_end_matches('#').parse().ok()?;
        return (min..=max)
            .contains(&number)
            .then_some(SlotValue::Number(number));
    }
    // The last key counts: people correct themselves.
    let name = keys.chars().rev().find_map(|key| ask.keys.get(&key))?;
    Some(if ask.kind == Kind::YesNo {
        SlotValue::YesNo(name == "yes")
    } else {
        SlotValue::Choice(name.clone())
    })
}

/// Digits may come in pieces: a number that is still too short waits for more, `#` or silence ends one, `*` begins it anew.
fn gather(
    min: usize,
    max: usize,
    state: &FlowState,
    heard: &Heard<'_>,
    said: &[String],
) -> Outcome {
    let mut digits = state.pieces.clone();
    let mut done = false;
    let mut any = false;
    for key in heard.keys.chars() {
        match key {
            '*' => digits.clear(),
            '#' => done = true,
            digit if digit.is_ascii_digit() && digits.len() <= max => digits.push(digit),
            _ => {}
        }
        any = true;
    }
    if heard.keys.is_empty() {
        let (spoken, only) = number::digits(said);
        if spoken.is_empty() {
            if !said.is_empty() {
                return Outcome::Missed;
            }
            done = true;
        }
        if !only && digits.len() + spoken.len() < min {
            return Outcome::Missed;
        }
        any |= !spoken.is_empty();
        digits.push_str(&spoken);
        // A number of open length that was said in one breath is complete.
        done |= digits.len() >= min;
    }
    match digits.len() {
        length if length > max => Outcome::Missed,
        length if length == max || (done && length >= min) => {
            Outcome::Filled(SlotValue::Digits(digits))
        }
        _ if done => {
            if any {
                Outcome::Missed
            } else {
                Outcome::Silent
            }
        }
        _ => Outcome::Piece(digits),
    }
}
