//! What clients' own systems say of a number: what they know of it, and whether to call it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::{Allowed, Code, Line, Predial, Screening, Verdict};
use trunkline_core::screening::{Answer, eligible, screened};

use super::person::Person;
use super::{Dialer, Question};
use crate::desk::{self, Desk, Place};
use crate::hooks::Hooks;
use crate::store::StoreError;
use crate::store::hooks::{Hook, HookKind};
use crate::vault::ClientKeys;

/// After so long a system is asked again what it knows of a number, ms.
const KNOWN_MS: i64 = 24 * 3_600_000;
/// A system that did not answer is asked again after so long, ms.
const AGAIN_MS: i64 = 60_000;

/// What was learnt of a number from clients' systems.
#[derive(Clone, Default)]
pub(super) struct Learnt {
    pub(super) screenings: Vec<Screening>,
    pub(super) line: Option<Line>,
    pub(super) reassigned_ms: Option<i64>,
    pub(super) predial: Predial,
    /// When that was, ms since 1970; `None` if nothing is known.
    asked_ms: Option<i64>,
}

/// What is kept of an answer.
#[derive(Serialize, Deserialize)]
struct Kept {
    screenings: Vec<Screening>,
    line: Option<Line>,
    reassigned_ms: Option<i64>,
}

impl Learnt {
    fn of(answer: Answer, asked_ms: i64) -> Self {
        Self {
            screenings: answer.screenings,
            line: answer.line,
            reassigned_ms: answer.reassigned_ms,
            predial: Predial::NotAsked,
            asked_ms: Some(asked_ms),
        }
    }

    /// What was said before, if anything was.
    pub(super) async fn before(
        desk: &Desk,
        keys: &ClientKeys,
        number: &str,
    ) -> Result<Self, StoreError> {
        let Ok(number) = PhoneNumber::parse(number) else {
            return Ok(Self::default());
        };
        let index = index(keys, &number);
        let Some((sealed, asked_ms)) = desk.store.hooks().screened(keys.id(), &index).await? else {
            return Ok(Self::default());
        };
        let opened = desk::open(keys, place(&hex(&index)), &sealed).ok();
        let kept: Option<Kept> = opened.and_then(|text| serde_json::from_str(&text).ok());
        // What cannot be read is asked about again.
        Ok(kept.map_or_else(Self::default, |kept| Self {
            screenings: kept.screenings,
            line: kept.line,
            reassigned_ms: kept.reassigned_ms,
            predial: Predial::NotAsked,
            asked_ms: Some(asked_ms),
        }))
    }

    async fn keep(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        number: &PhoneNumber,
        asked_ms: i64,
    ) -> Result<(), StoreError> {
        let index = index(keys, number);
        let kept = Kept {
            screenings: self.screenings.clone(),
            line: self.line,
            reassigned_ms: self.reassigned_ms,
        };
        // Texts and numbers: there is nothing in it that cannot be written.
        let text = serde_json::to_string(&kept).unwrap_or_default();
        let sealed = desk::seal(keys, place(&hex(&index)), &text);
        let hooks = desk.store.hooks();
        hooks.screen(keys.id(), &index, &sealed, asked_ms).await
    }
}

fn index(keys: &ClientKeys, number: &PhoneNumber) -> [u8; 32] {
    keys.index("screened number", number.as_str())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn place(id: &str) -> Place<'_> {
    Place::new("screened.body", id)
}

/// Whether to ask what is known of a number: nothing forbids the call but what might be known better.
fn is_of_use(verdict: &Verdict, learnt: &Learnt, now_ms: i64) -> bool {
    let is_old = learnt
        .asked_ms
        .is_none_or(|asked_ms| now_ms.saturating_sub(asked_ms) > KNOWN_MS);
    let might_be_known = |code: Code| {
        matches!(code, Code::RegistryNotChecked | Code::RegistryStale)
            || (code == Code::LineNotAllowed && (learnt.line.is_none() || is_old))
    };
    let reasons = verdict.reasons();
    let all = reasons.iter().all(|reason| might_be_known(reason.code));
    all && (is_old || !reasons.is_empty())
}

impl Dialer {
    /// What the client's system knows of a number, if there is one and its word may help. If it does not answer, nothing is
    /// to be dialled for now.
    pub(super) async fn screened(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        question: &Question<'_>,
        (verdict, learnt): (&Verdict, &Learnt),
    ) -> Result<Option<Learnt>, StoreError> {
        let now_ms = self.now_ms();
        let Ok(number) = PhoneNumber::parse(question.to) else {
            return Ok(None);
        };
        if !is_of_use(verdict, learnt, now_ms) {
            return Ok(None);
        }
        let hooks = desk.store.hooks();
        let Some(hook) = hooks.find(keys.id(), HookKind::Screening).await? else {
            return Ok(None);
        };
        let grounds = verdict.trace().grounds.as_ref();
        let registries = grounds.map(|grounds| grounds.registries.iter());
        let registries = registries.into_iter().flatten();
        let registries: Vec<&str> = registries.map(|check| check.registry.as_str()).collect();
        let data = json!({
            "number": number.as_str(),
            "purpose": question.grounds.purpose,
            "registries": registries,
        });
        let answer = self.asked(keys, &hook, data).await;
        Ok(Some(
            match answer.and_then(|text| screened(&text, now_ms)) {
                Some(answer) => {
                    let learnt = Learnt::of(answer, now_ms);
                    learnt.keep(desk, keys, &number, now_ms).await?;
                    learnt
                }
                None => Learnt {
                    predial: Predial::Unanswered(now_ms.saturating_add(AGAIN_MS)),
                    ..learnt.clone()
                },
            },
        ))
    }

    /// What the client's system says of a call that nothing forbids; `None` if there is no such system.
    pub(super) async fn predial(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        question: &Question<'_>,
        allowed: &Allowed,
    ) -> Result<Option<Predial>, StoreError> {
        let hooks = desk.store.hooks();
        let Some(hook) = hooks.find(keys.id(), HookKind::Predial).await? else {
            return Ok(None);
        };
        let person = Person::of(desk, keys, allowed.number()).await?;
        let data = json!({
            "number": allowed.number().as_str(),
            "purpose": question.grounds.purpose,
            "contact_id": person.contact_id,
            "asked_call_id": question.asked_call_id,
        });
        let answer = self.asked(keys, &hook, data).await;
        Ok(Some(match answer.and_then(|text| eligible(&text)) {
            Some(true) => Predial::Eligible,
            Some(false) => Predial::Refused,
            None => Predial::Unanswered(self.now_ms().saturating_add(AGAIN_MS)),
        }))
    }

    async fn asked(&self, keys: &ClientKeys, hook: &Hook, data: Value) -> Option<String> {
        let hooks: &Hooks = self.hooks.get()?;
        hooks.ask(keys, hook, data).await
    }
}
