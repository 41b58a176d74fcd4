//! A consent that is told, put on the ledger once.

use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::permission::{Consent as Known, consent};

use super::{
    EVIDENCE, EVIDENCE_CHARS_MAX, Given, Purpose, moment, names, past, sealed, too_many, word,
};
use crate::api::body::text;
use crate::api::problem::Problem;
use crate::api::refuse::stored;
use crate::api::when;
use crate::app::App;
use crate::desk::{self, Place};
use crate::dial::grounds;
use crate::store::call_consents::{CallConsent as Row, ConsentForm as Stored};
use crate::vault::{ClientKeys, SubjectKeys};

/// What is on a ledger that bears on a consent that is told.
struct Before {
    /// Something of it was taken back, and not given again since.
    is_withdrawn: bool,
    /// The very same is there, and holds.
    is_known: bool,
}

impl Given {
    /// Puts it on the ledger, for calls of these purposes. The id makes it one, however often it is told.
    pub(in crate::api) async fn note(
        &self,
        app: &App,
        keys: &ClientKeys,
        (at, person): (&str, &PhoneNumber),
        (id, call_id): (&str, Option<&str>),
        purposes: &[Purpose],
    ) -> Result<(), Problem> {
        let now_ms = app.dialer().now_ms();
        let obtained = format!("{at}/obtained_at");
        let at_ms = past(&obtained, self.obtained_at.as_ref(), now_ms)?;
        let expires = format!("{at}/expires_at");
        let expires_ms = moment(&expires, self.expires_at.as_ref())?;
        if expires_ms.is_some_and(|expires_ms| expires_ms <= at_ms) {
            let detail = "it ends before it was given";
            return Err(Problem::invalid(expires, "out_of_order", detail));
        }
        if let Some(evidence) = &self.evidence {
            text(&format!("{at}/evidence"), evidence, EVIDENCE_CHARS_MAX)?;
        }
        let subject = keys.subject(Some(person)).await;
        let subject = subject.map_err(|error| Problem::internal(&error))?;
        let before = self.before(app, &subject, keys, person, (purposes, expires_ms));
        let before = before.await?;
        if before.is_withdrawn && self.obtained_at.is_none() {
            let detail =
                "they took back what they had agreed to for such calls: say when they agreed anew";
            return Err(Problem::invalid(obtained, "missing", detail));
        }
        // What comes with every call of a client's is one consent.
        if before.is_known && call_id.is_some() {
            return Ok(());
        }
        let row = Row {
            id: id.to_owned(),
            subject_id: subject.id().as_str().to_owned(),
            form: Some(self.form.into()),
            purposes: names(purposes),
            source: word(&self.source),
            at_ms,
            expires_ms,
            recorded_ms: now_ms,
            call_id: call_id.map(str::to_owned),
            evidence: sealed(&subject, id, self.evidence.as_deref()),
        };
        let hash = desk::consent_index(keys, person);
        let consents = app.desk.store.call_consents();
        let added = consents.add(keys.id(), &hash, &row).await;
        if added.map_err(stored)? {
            Ok(())
        } else {
            let of = if at.is_empty() { "/number" } else { at };
            Err(too_many(of))
        }
    }

    /// What the ledger says of such calls to this person.
    async fn before(
        &self,
        app: &App,
        subject: &SubjectKeys,
        keys: &ClientKeys,
        person: &PhoneNumber,
        (purposes, expires_ms): (&[Purpose], Option<i64>),
    ) -> Result<Before, Problem> {
        let hash = desk::consent_index(keys, person);
        let consents = app.desk.store.call_consents();
        let rows = consents.ledger(keys.id(), &hash, i64::MAX).await;
        let rows = rows.map_err(stored)?;
        let ledger: Vec<_> = rows.iter().map(grounds::entry).collect();
        let now_ms = app.dialer().now_ms();
        let stands = |purpose: &Purpose| consent(&ledger, (*purpose).into(), now_ms, None);
        let form: Stored = self.form.into();
        let obtained_ms = self.obtained_at.as_deref().and_then(when::parse);
        let is_same = |row: &Row| {
            let own = names(purposes);
            let evidence = row.evidence.as_ref().map(|sealed| {
                let place = Place::new(EVIDENCE, &row.id);
                desk::open_for(subject, place, sealed).unwrap_or_default()
            });
            row.form == Some(form)
                && own.iter().all(|name| row.purposes.contains(name))
                && row.source == word(&self.source)
                && row.expires_ms == expires_ms
                && obtained_ms.is_none_or(|at_ms| row.at_ms == at_ms)
                && evidence == self.evidence
        };
        let holds = purposes.iter().all(
            |purpose| matches!(stands(purpose), Known::Given(_, held) if held >= self.form.into()),
        );
        Ok(Before {
            is_withdrawn: purposes
                .iter()
                .any(|purpose| matches!(stands(purpose), Known::Withdrawn(_))),
            is_known: holds && rows.iter().rev().any(is_same),
        })
    }
}
