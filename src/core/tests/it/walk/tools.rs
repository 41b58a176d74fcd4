//! What is done for a mind is done once, and digits that are secret are told to nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trunkline_core::call::{Action, Event, KeyWork, KeysDone, Note, UseId};

use super::invariants::{Cause, Step};

/// What is known of what was done.
#[derive(Default)]
pub(super) struct Observer {
    used: BTreeSet<UseId>,
    ended: BTreeSet<UseId>,
    /// What was begun, and whether the caller has heard anything since.
    begun: BTreeMap<(Arc<str>, Arc<str>), bool>,
    /// What each use was.
    uses: BTreeMap<UseId, (Arc<str>, Arc<str>)>,
    /// Uses that want keys.
    wanting: BTreeSet<UseId>,
    /// The use whose keys are secret.
    secret: Option<UseId>,
    withheld: bool,
    is_over: bool,
}

impl Observer {
    pub(super) fn begun(
        &mut self,
        id: UseId,
        tool: &Arc<str>,
        arguments: &Arc<str>,
    ) -> Result<(), String> {
        let same = (Arc::clone(tool), Arc::clone(arguments));
        self.uses.insert(id, same.clone());
        let before = self.begun.insert(same, false);
        match before {
            // Twice is as good as once for looking.
            Some(false) if &**tool != "look" => {
                Err(format!("nothing is done twice unheard: {tool} {arguments}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn used(&mut self, id: UseId) -> Result<(), String> {
        match self.used.insert(id) {
            true => Ok(()),
            false => Err(format!("a use is one: {id:?}")),
        }
    }

    pub(super) fn ended(&mut self, id: UseId) -> Result<(), String> {
        match self.used.contains(&id) && self.ended.insert(id) {
            true => Ok(()),
            false => Err(format!("a use ends once: {id:?}")),
        }
    }

    /// What came of keys that were wanted.
    pub(super) fn keys(&mut self, id: UseId, done: &KeysDone) -> Result<(), String> {
        if !self.wanting.remove(&id) {
            return Err(format!("keys are told to who wants them, once: {id:?}"));
        }
        self.secret.take_if(|secret| *secret == id);
        if let KeysDone::Not(_) = done
            && let Some(same) = self.uses.get(&id)
        {
            // Nothing was done: the same may be wanted again.
            self.begun.remove(same);
        }
        Ok(())
    }

    /// What is to be known before the actions of a step are looked at.
    pub(super) fn told(&mut self, step: &Step) {
        if let Cause::Event(Event::KeysWanted { id, work }) = &step.cause
            && !self.is_over
        {
            self.wanting.insert(*id);
            let is_secret = matches!(
                work,
                KeyWork::Collect {
                    is_secret: true,
                    ..
                }
            );
            if is_secret && self.secret.is_none() {
                self.secret = Some(*id);
            }
        }
    }

    /// While digits are secret, what the caller does is noted by nobody.
    pub(super) fn look(&mut self, step: &Step) -> Result<(), String> {
        if self.secret.is_some() && !step.is_withheld && !step.is_ended {
            return Err("a secret is withheld while it is collected".into());
        }
        let key = matches!(step.cause, Cause::Event(Event::Key { .. }));
        let of_key = |action: &Action| {
            matches!(
                action,
                Action::Note(Note::CallerPressed { .. } | Note::Commanded { .. })
            )
        };
        if key && self.secret.is_some() && step.actions.iter().any(of_key) {
            return Err(format!("a key of a secret is noted: {:?}", step.actions));
        }
        let spans = step.actions.iter();
        let spans = spans
            .filter(|a| matches!(a, Action::Note(Note::Withheld { .. })))
            .count();
        if spans != usize::from(self.withheld && !step.is_withheld) {
            return Err(format!("what is withheld is a span in the notes: {spans}"));
        }
        self.withheld = step.is_withheld;
        self.is_over = step.is_ended;
        if step.is_ended && !self.wanting.is_empty() {
            return Err("a call that is over tells of all keys".into());
        }
        Ok(())
    }

    /// Somebody is asked for keys, or hears them.
    pub(super) fn wants_keys(&self) -> bool {
        !self.wanting.is_empty()
    }

    /// The caller heard something.
    pub(super) fn heard(&mut self) {
        self.begun.values_mut().for_each(|heard| *heard = true);
    }
}
