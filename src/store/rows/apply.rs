//! A batch of rows, written in one transaction. Writing a row twice is writing it once.

use trunkline_core::consent::Refusal;
use trunkline_core::event::EventKind;
use trunkline_core::journal::{Began, Step};

use super::many::{EVENTS, Run, TURNS};
use super::{Body, Row};
use crate::store::after;
use crate::store::callbacks;
use crate::store::calls::{self, ConsentState, direction_word, word};
use crate::store::sql::{Tx, args, statements};
use crate::store::{Durability, Store, StoreError};

/// What the journal calls an opt-out.
const OPT_OUT: &str = "opt_out";

statements! {
    BEGAN = "INSERT INTO calls (client_id, id, agent_id, agent_version, direction, status, created_ms, answered_ms,
            consent_mode, consent_state, rules, recorded_ms, has_recording, revision, rows_done)
        VALUES ($1, $2, $3, $4, $5, 'in_progress', $6, $6, $7, 'undecided', $8, 0, 0, 1, 0)
        ON CONFLICT (client_id, id) DO UPDATE SET
            status = CASE WHEN calls.status = 'ended' THEN calls.status ELSE excluded.status END,
            answered_ms = COALESCE(calls.answered_ms, excluded.answered_ms),
            consent_mode = excluded.consent_mode, rules = excluded.rules, revision = calls.revision + 1
        WHERE calls.answered_ms IS NULL OR calls.consent_mode IS DISTINCT FROM excluded.consent_mode
            OR calls.rules IS DISTINCT FROM excluded.rules";
    CONSENT = "INSERT INTO consents (client_id, call_id, seq, at_ms, step, detail)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (client_id, call_id, seq) DO NOTHING";
    CONSENT_STATE = "UPDATE calls SET consent_state = $3, consent_method = COALESCE($4, consent_method),
            has_recording = CASE WHEN $3 = 'granted' THEN 1 ELSE has_recording END,
            revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND consent_state <> $3 AND consent_state <> 'withdrawn'";
    SECOND = "INSERT INTO second_passes (client_id, call_id, seq, recogniser, body) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (client_id, call_id, seq) DO UPDATE SET recogniser = excluded.recogniser, body = excluded.body";
    KEYED = "UPDATE calls SET subject_id = $3, sealed_key = $4, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND (sealed_key IS NULL OR sealed_key <> $4)";
    ERASED_TURNS = "DELETE FROM turns WHERE client_id = $1 AND call_id = $2 AND seq < $3";
    ERASED_SECOND = "DELETE FROM second_passes WHERE client_id = $1 AND call_id = $2 AND seq < $3";
    UNRECORDED = "UPDATE calls SET has_recording = 0, recorded_ms = 0
        WHERE client_id = $1 AND id = $2 AND (has_recording = 1 OR recorded_ms > 0)";
    EVENT = "SELECT seq FROM events WHERE client_id = $1 AND call_id = $2 AND seq = $3";
    ENDED = "UPDATE calls SET status = 'ended', duration_ms = COALESCE(duration_ms, $3),
            ended_ms = COALESCE(ended_ms, COALESCE(answered_ms, created_ms) + $3),
            ended_reason = COALESCE(ended_reason, $4), rows_done = 1, revision = revision + 1
        WHERE client_id = $1 AND id = $2 AND rows_done = 0";
}

/// Writes all of `rows`, or nothing and an error.
pub(super) async fn batch(
    store: &Store,
    rows: &[Row],
    durability: Durability,
) -> Result<(), StoreError> {
    let (mut turns, mut events) = (Run::of(&TURNS), Run::of(&EVENTS));
    let mut tx = store.begin(durability).await?;
    for row in rows {
        match &row.body {
            Body::Turn { .. } => turns.add(&mut tx, row).await?,
            Body::Event { kind, .. } => {
                if kind == OPT_OUT {
                    opted_out(&mut tx, row).await?;
                }
                events.add(&mut tx, row).await?;
            }
            Body::Forget => {
                // It is about turns that came before it, and about none that come after.
                turns.write(&mut tx).await?;
                forget(&mut tx, row).await?;
            }
            Body::Began(began) => began_row(&mut tx, row, began).await?,
            Body::Consent(consent) => {
                consent_step(&mut tx, row, consent.at_ms, &consent.step).await?;
            }
            Body::Second { recogniser, sealed } => {
                let args = args![&row.client, &*row.call_id, row.seq, recogniser, sealed];
                tx.run(SECOND, args).await?;
            }
            Body::Ended { at_ms, reason } => {
                let args = args![&row.client, &*row.call_id, *at_ms, reason];
                if tx.run(ENDED, args).await? > 0 {
                    // Whether there is a transcript shows once its turns are written.
                    turns.write(&mut tx).await?;
                    calls::complete(&mut tx, &row.client, &row.call_id).await?;
                }
            }
        }
        if let Some(key) = &row.key {
            let args = args![&row.client, &*row.call_id, &key.subject_id, &key.sealed_key];
            tx.run(KEYED, args).await?;
        }
    }
    turns.write(&mut tx).await?;
    events.write(&mut tx).await?;
    tx.commit().await
}

async fn began_row(tx: &mut Tx, row: &Row, began: &Began) -> Result<(), StoreError> {
    let args = args![
        &row.client,
        &*row.call_id,
        &began.agent,
        began.agent_version,
        direction_word(began.direction),
        began.unix_ms,
        &word(&began.mode),
        &began.rules,
    ];
    if tx.run(BEGAN, args).await? > 0 {
        calls::told(
            tx,
            row.client.as_str(),
            &row.call_id,
            EventKind::CallAnswered,
        )
        .await?;
    }
    Ok(())
}

/// The person wants no more calls: their client is told when the first row of it comes. Whether the number was to be
/// suppressed is another question; a call without a number has none.
async fn opted_out(tx: &mut Tx, row: &Row) -> Result<(), StoreError> {
    let (client, call_id) = (&row.client, &*row.call_id);
    let known = tx.one(EVENT, args![client, call_id, row.seq]).await?;
    match known {
        Some(_) => Ok(()),
        None => calls::told(tx, client.as_str(), call_id, EventKind::CallOptOut).await,
    }
}

async fn forget(tx: &mut Tx, row: &Row) -> Result<(), StoreError> {
    for sql in [ERASED_TURNS, ERASED_SECOND] {
        let args = args![&row.client, &*row.call_id, row.seq];
        tx.run(sql, args).await?;
    }
    after::taken_back(tx, &row.client, &row.call_id, "erased").await
}

async fn consent_step(tx: &mut Tx, row: &Row, at_ms: u64, step: &Step) -> Result<(), StoreError> {
    let (client, call_id) = (&row.client, &*row.call_id);
    let (name, state, method) = match step {
        Step::Announced { .. } => ("announced", None, None),
        Step::Unclear { .. } => ("unclear", None, None),
        Step::Granted { method } => ("granted", Some(ConsentState::Granted), Some(word(method))),
        Step::Refused { .. } => ("refused", Some(ConsentState::Refused), None),
        Step::Withdrawn { .. } => ("withdrawn", Some(ConsentState::Withdrawn), None),
    };
    let detail =
        serde_json::to_string(step).map_err(|_| StoreError::Unreadable { what: "a step" })?;
    tx.run(
        CONSENT,
        args![client, call_id, row.seq, at_ms, name, &detail],
    )
    .await?;
    if let Some(state) = state {
        let args = args![client, call_id, state, &method];
        if tx.run(CONSENT_STATE, args).await? > 0 {
            let kind = match state {
                ConsentState::Granted => Some(EventKind::CallConsentGranted),
                ConsentState::Refused => Some(EventKind::CallConsentRefused),
                ConsentState::Withdrawn => Some(EventKind::ConsentWithdrawn),
                ConsentState::Undecided => None,
            };
            if let Some(kind) = kind {
                calls::told(tx, client.as_str(), call_id, kind).await?;
            }
        }
    }
    let objected = match step {
        // Nobody was asked, and nobody said no.
        Step::Refused { class } => *class != Refusal::NotAsked,
        Step::Withdrawn { .. } => true,
        Step::Announced { .. } | Step::Unclear { .. } | Step::Granted { .. } => false,
    };
    if objected {
        callbacks::forget_notes(tx, client, call_id).await?;
    }
    if let Step::Withdrawn { .. } = step {
        after::taken_back(tx, client, call_id, "withdrawn").await?;
    }
    if let Step::Withdrawn { erase: true, .. } = step {
        tx.run(UNRECORDED, args![client, call_id]).await?;
    }
    Ok(())
}
