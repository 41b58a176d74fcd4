//! What is known when somebody is about to be called, with owners, so that a test can make it up.

use trunkline_core::geo::Place;
use trunkline_core::policy::pack::Rule;
use trunkline_core::policy::permission::{Entry, Form, What};
use trunkline_core::policy::{
    About, Cap, Closure, Destination, History, HoursPack, Kind, LegalBasis, Line, PermissionPack,
    Purpose, Request, Screening, Standing, Zone,
};

/// Everything a [`Request`] borrows.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) to: String,
    pub(super) at_ms: i64,
    pub(super) places: Vec<Place>,
    pub(super) zones: Vec<Zone>,
    pub(super) destinations: Vec<Destination>,
    pub(super) suppressed: bool,
    pub(super) caps: Vec<Cap>,
    pub(super) began_ms: Vec<i64>,
    pub(super) talked_ms: Vec<i64>,
    pub(super) declined_ms: Vec<i64>,
    pub(super) engaged: bool,
    pub(super) purpose: Purpose,
    pub(super) kind: Kind,
    pub(super) basis: Option<LegalBasis>,
    pub(super) ledger: Vec<Entry>,
    pub(super) screenings: Vec<Screening>,
    pub(super) reassigned_ms: Option<i64>,
    pub(super) standing: Standing<'static>,
    pub(super) lines: Vec<Line>,
    pub(super) windows: Vec<Rule>,
    pub(super) closures: Vec<Closure>,
}

impl Known {
    /// Somebody of whom nothing is known, at a number that the client allows.
    pub(super) fn nothing(to: &str, at_ms: i64) -> Self {
        let everywhere = (1..=9).map(|digit| Destination::parse(&format!("+{digit}")).unwrap());
        Self {
            to: to.to_owned(),
            at_ms,
            places: Vec::new(),
            zones: Vec::new(),
            destinations: everywhere.collect(),
            suppressed: false,
            caps: Vec::new(),
            began_ms: Vec::new(),
            talked_ms: Vec::new(),
            declined_ms: Vec::new(),
            engaged: false,
            purpose: Purpose::Marketing,
            kind: Kind::Consumer,
            basis: None,
            ledger: Vec::new(),
            screenings: Vec::new(),
            reassigned_ms: None,
            standing: Standing::default(),
            lines: Vec::new(),
            windows: Vec::new(),
            closures: Vec::new(),
        }
    }

    /// They agreed to everything in writing, and no register has them.
    pub(super) fn agree(&mut self) {
        self.ledger.push(Entry {
            id: "con_all".to_owned(),
            at_ms: 0,
            purposes: Purpose::ALL.into_iter().collect(),
            what: What::Given {
                form: Form::Written,
                expires_ms: None,
            },
        });
        let registries = PermissionPack::shipped().all_registries().iter();
        self.screenings.extend(registries.map(|registry| Screening {
            registry: registry.id.clone(),
            listed: false,
            checked_ms: self.at_ms,
        }));
    }

    pub(super) fn request(&self) -> Request<'_> {
        Request {
            pack: HoursPack::shipped(),
            at_unix_ms: self.at_ms,
            to: &self.to,
            places: &self.places,
            zones: &self.zones,
            destinations: &self.destinations,
            suppressed: self.suppressed,
            caps: &self.caps,
            history: History {
                began: &self.began_ms,
                talked: &self.talked_ms,
                declined: &self.declined_ms,
            },
            asked_unix_ms: None,
            engaged: self.engaged,
            permission: PermissionPack::shipped(),
            about: About {
                purpose: self.purpose,
                kind: self.kind,
                basis: self.basis,
                ledger: &self.ledger,
                screenings: &self.screenings,
                reassigned_ms: self.reassigned_ms,
            },
            standing: Standing {
                lines: &self.lines,
                ..self.standing
            },
            windows: &self.windows,
            closures: &self.closures,
        }
    }
}
