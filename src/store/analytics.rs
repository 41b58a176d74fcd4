//! Calls as analytics count them, a page at a time. Nothing is summed up here but what one call cost.

use trunkline_core::analytics::CallFacts;
use trunkline_core::journal::Latency;
use trunkline_core::transcript::Breakdown;

use super::after::OwnWord;
use super::calls::parse_direction;
use super::sql::{Columns, args, statements};
use super::{Sealed, Store, StoreError};
use crate::ids::ClientId;

/// Calls of a page: few enough that no live call waits while they are counted.
const PAGE_CALLS: i64 = 100;

statements! {
    BEYOND = "SELECT id FROM calls WHERE client_id = $1 AND created_ms >= $2 AND created_ms < $3
        ORDER BY created_ms, id LIMIT 1 OFFSET $4";
    CALLS = "SELECT calls.id, calls.agent_id, agent_version, direction, calls.status, outcome, ended_reason, created_ms, answered_ms,
            duration_ms, consent_state, after_calls.state, after_calls.verdict, words.hash, words.word
        FROM calls
        LEFT JOIN after_calls ON after_calls.client_id = calls.client_id AND after_calls.call_id = calls.id
        LEFT JOIN dispositions ON dispositions.client_id = calls.client_id AND dispositions.call_id = calls.id
        LEFT JOIN words ON words.client_id = dispositions.client_id AND words.hash = dispositions.label
        WHERE calls.client_id = $1 AND created_ms >= $2 AND created_ms < $3 AND (created_ms, calls.id) > ($4, $5)
            AND (calls.agent_id = $6 OR $6 IS NULL)
        ORDER BY created_ms, calls.id LIMIT $7";
    ANSWERS = "SELECT turns.call_id, turns.latency FROM calls
        CROSS JOIN turns
        WHERE calls.client_id = $1 AND (created_ms, calls.id) >= ($2, $3) AND (created_ms, calls.id) <= ($4, $5)
            AND turns.client_id = calls.client_id AND turns.call_id = calls.id AND turns.latency IS NOT NULL";
    OPT_OUTS = "SELECT events.call_id FROM calls
        CROSS JOIN events
        WHERE calls.client_id = $1 AND (created_ms, calls.id) >= ($2, $3) AND (created_ms, calls.id) <= ($4, $5)
            AND events.client_id = calls.client_id AND events.call_id = calls.id AND events.kind = 'opt_out'";
    COSTS = "SELECT usage_lines.call_id, currency, cost_micros FROM calls
        CROSS JOIN usage_lines
        WHERE calls.client_id = $1 AND (created_ms, calls.id) >= ($2, $3) AND (created_ms, calls.id) <= ($4, $5)
            AND usage_lines.client_id = calls.client_id AND usage_lines.call_id = calls.id";
}

/// Which calls are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Made at this time or later, ms since 1970.
    pub from_ms: i64,
    /// Made before this time, ms since 1970.
    pub until_ms: i64,
    /// Held by this agent; `None` for any.
    pub agent_id: Option<String>,
}

/// A call as it is counted, but for its disposition, which is still sealed.
#[derive(Clone, Debug)]
pub struct CountedCall {
    /// `call_…`.
    pub id: String,
    /// What is known of it.
    pub facts: CallFacts,
    /// What became of it.
    pub label: Option<OwnWord>,
}

/// The counting of calls.
pub struct Analytics<'a>(pub(super) &'a Store);

impl Analytics<'_> {
    /// Whether there are more calls in a span than so many, of whichever agent.
    pub async fn is_beyond(
        &self,
        client: &ClientId,
        span: &Span,
        calls: u32,
    ) -> Result<bool, StoreError> {
        let args = args![client, span.from_ms, span.until_ms, calls];
        Ok(self.0.one(BEYOND, args).await?.is_some())
    }

    /// The next calls of a span in the order of their making, behind `after`; none at its end.
    pub async fn page(
        &self,
        client: &ClientId,
        span: &Span,
        after: Option<&CountedCall>,
    ) -> Result<Vec<CountedCall>, StoreError> {
        let (ms, id) = after.map_or((i64::MIN, ""), |call| {
            (call.facts.created_ms, call.id.as_str())
        });
        let args = args![
            client,
            span.from_ms,
            span.until_ms,
            ms,
            id,
            &span.agent_id,
            PAGE_CALLS
        ];
        let mut calls = self.0.all(CALLS, args, read).await?;
        let (Some(first), Some(last)) = (calls.first(), calls.last()) else {
            return Ok(calls);
        };
        let part = args![
            client,
            first.facts.created_ms,
            &first.id,
            last.facts.created_ms,
            &last.id
        ];
        let answers = self.0.all(ANSWERS, part.clone(), answer).await?;
        let opted_out = self
            .0
            .all(OPT_OUTS, part.clone(), |mut row| row.text())
            .await?;
        let costs = self.0.all(COSTS, part, cost).await?;
        let place = |calls: &[CountedCall], id: &str| calls.iter().position(|call| call.id == id);
        for (id, answer_ms) in answers {
            if let Some(call) = place(&calls, &id).and_then(|at| calls.get_mut(at)) {
                call.facts.answers_ms.push(answer_ms);
            }
        }
        for id in opted_out {
            if let Some(call) = place(&calls, &id).and_then(|at| calls.get_mut(at)) {
                call.facts.has_opted_out = true;
            }
        }
        for (id, line) in costs {
            if let Some(call) = place(&calls, &id).and_then(|at| calls.get_mut(at)) {
                call.add(line);
            }
        }
        for call in &mut calls {
            call.facts.is_priced &= !call.facts.costs.is_empty();
        }
        Ok(calls)
    }
}

/// What a part of a call cost, where that has a price.
type Cost = Option<(String, i64)>;

impl CountedCall {
    fn add(&mut self, cost: Cost) {
        let Some((currency, micros)) = cost else {
            self.facts.is_priced = false;
            return;
        };
        let costs = &mut self.facts.costs;
        match costs.iter_mut().find(|(known, _)| *known == currency) {
            Some((_, sum)) => *sum = sum.saturating_add(micros),
            None => costs.push((currency, micros)),
        }
    }
}

fn read(mut row: Columns) -> Result<CountedCall, StoreError> {
    let id = row.text()?;
    let (agent, version) = (row.text()?, row.version()?);
    let direction = row.word("a direction", parse_direction)?;
    let (status, outcome, ended_reason) = (row.text()?, row.text_opt()?, row.text_opt()?);
    let (created_ms, answered_ms, duration_ms) = (row.int()?, row.int_opt()?, row.int_opt()?);
    let (consent, after, verdict) = (row.text()?, row.text_opt()?, row.text_opt()?);
    let (hash, word): (_, Option<Sealed>) = (row.hash_opt()?, row.sealed_opt()?);
    let has_opted_out = ended_reason.as_deref() == Some("opted_out");
    Ok(CountedCall {
        id,
        facts: CallFacts {
            created_ms,
            agent,
            version,
            direction,
            status,
            is_answered: answered_ms.is_some(),
            outcome,
            ended_reason,
            duration_ms: duration_ms.and_then(|ms| u64::try_from(ms).ok()),
            consent,
            after,
            verdict,
            disposition: None,
            has_opted_out,
            answers_ms: Vec::new(),
            costs: Vec::new(),
            is_priced: true,
        },
        label: hash.zip(word).map(|(hash, word)| OwnWord { hash, word }),
    })
}

fn answer(mut row: Columns) -> Result<(String, u64), StoreError> {
    let id = row.text()?;
    let latency: Latency = row.word("a latency", |text| serde_json::from_str(text).ok())?;
    Ok((id, Breakdown::of(&latency).hops.answer_ms))
}

fn cost(mut row: Columns) -> Result<(String, Cost), StoreError> {
    let id = row.text()?;
    let currency = row.text_opt()?;
    Ok((id, currency.zip(row.int_opt()?)))
}
