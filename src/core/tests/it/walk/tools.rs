//! What is done for a mind is done once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trunkline_core::call::UseId;

/// What is known of what was done.
#[derive(Default)]
pub(super) struct Observer {
    used: BTreeSet<UseId>,
    ended: BTreeSet<UseId>,
    /// What was begun, and whether the caller has heard anything since.
    begun: BTreeMap<(Arc<str>, Arc<str>), bool>,
}

impl Observer {
    pub(super) fn begun(&mut self, tool: &Arc<str>, arguments: &Arc<str>) -> Result<(), String> {
        let same = (Arc::clone(tool), Arc::clone(arguments));
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

    /// The caller heard something.
    pub(super) fn heard(&mut self) {
        self.begun.values_mut().for_each(|heard| *heard = true);
    }
}
