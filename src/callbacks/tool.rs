//! The tool by which an agent's mind has the caller called back: on the number of the call, which no argument can change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::time::timeout;
use trunkline_core::callback::{self, Moment, Vague};
use trunkline_core::geo::Place;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::{Code, Verdict, Zone};

use super::plan::zones;
use super::{Agreed, NotScheduled, Wish, schedule};
use crate::agent::Agent;
use crate::app::App;
use crate::dial;
use crate::dial::grounds::Grounds;
use crate::ids;
use crate::tools::{self, Tool, Used};
use crate::vault::ClientKeys;

/// How long it may take: less than what is done here may.
const PATIENCE: Duration = Duration::from_secs(4);

/// A call whose caller may ask to be called back.
#[derive(Clone)]
pub struct Asker {
    /// The keys of whose call it is.
    pub keys: ClientKeys,
    /// Who speaks, and will.
    pub agent: Arc<Agent>,
    /// `call_…`.
    pub call_id: String,
    /// The caller's number; none if it is withheld.
    pub person: Option<PhoneNumber>,
    /// The client's number in the call.
    pub own: Option<PhoneNumber>,
    /// We placed the call.
    pub is_ours: bool,
    /// What the call brought for the agent's variables.
    pub variables: BTreeMap<String, String>,
}

/// What was said of the person when we called them.
struct Known {
    record: bool,
    places: Vec<Place>,
    zones: Vec<Zone>,
    grounds: Grounds,
}

/// The tool for a call.
pub fn tool(app: &Arc<App>, asker: Asker) -> Option<Tool> {
    let now_ms = app.dialer().now_ms();
    let clock = asker.person.as_ref();
    let clock = clock
        .and_then(|number| callback::clock(number, &app.reception.places(&asker.agent), now_ms));
    let now = match clock {
        Some(zone) => format!(
            "This call began on {} by the clock of {}.",
            zone.words(now_ms),
            zone.name()
        ),
        None => "Where the caller is cannot be told from their number: ask, and name the zone."
            .to_owned(),
    };
    let app = Arc::clone(app);
    let call_back = move |arguments| {
        let (app, asker) = (Arc::clone(&app), asker.clone());
        async move { asker.ask(&app, &arguments).await }.boxed()
    };
    tools::schedule_callback(&now, Arc::new(call_back))
}

impl Asker {
    async fn ask(&self, app: &App, arguments: &Value) -> Used {
        let (Some(to), Some(from)) = (&self.person, &self.own) else {
            return refused(
                "number_unknown",
                "the caller's number is not known, so nobody can call them back",
            );
        };
        let known = match self.known(app).await {
            Ok(known) => known,
            Err(used) => return used,
        };
        let text = |name: &str| arguments[name].as_str().map(str::to_owned);
        let wish = Wish {
            id: ids::new_id("cb"),
            agent: Arc::clone(&self.agent),
            to: to.clone(),
            from: from.clone(),
            at: text("at").unwrap_or_default(),
            zone: text("zone"),
            note: text("note"),
            variables: self.agent.declared(&self.variables),
            record: known.record,
            places: known.places,
            zones: known.zones,
            grounds: known.grounds,
            asked_call_id: Some(self.call_id.clone()),
        };
        match timeout(PATIENCE, schedule(app, &self.keys, &wish)).await {
            Ok(Ok(agreed)) => done(&agreed),
            Ok(Err(not)) => self.not_scheduled(&not),
            // It may be committed all the same. Whoever asks again replaces it.
            Err(_) => Used::unknown("no answer in time"),
        }
    }

    /// Whoever forbade to record the call that we placed forbids it for the next, and where the person is was said of them, not of
    /// that call. What cannot be read allows nothing.
    async fn known(&self, app: &App) -> Result<Known, Used> {
        let unreadable = |error: &dyn std::fmt::Display| {
            tracing::error!(call.id = %self.call_id, %error, "a callback is not scheduled");
            Used::failed("it could not be noted just now")
        };
        let now_ms = app.dialer().now_ms();
        let plan = match self.is_ours {
            true => dial::Plan::of_call(&app.desk, &self.keys, &self.call_id).await,
            false => Ok(None),
        };
        let Some(plan) = plan.map_err(|error| unreadable(&error))? else {
            return Ok(Known {
                record: true,
                places: Vec::new(),
                zones: Vec::new(),
                grounds: Grounds::of_wish(now_ms),
            });
        };
        let zones = zones(&plan.zones).ok_or_else(|| unreadable(&"a zone is none"))?;
        Ok(Known {
            record: plan.record,
            places: plan.places,
            zones,
            // It goes on with what the call was about.
            grounds: Grounds {
                wished_ms: Some(now_ms),
                ..plan.grounds
            },
        })
    }

    fn not_scheduled(&self, not: &NotScheduled) -> Used {
        match not {
            NotScheduled::Vague(Vague::TooFar(latest)) => {
                let vague = Vague::TooFar(*latest);
                let told = told(latest);
                let (error, detail) = (vague.code(), vague.meaning());
                Used::refused_for(&json!({ "error": error, "detail": detail, "latest": told }))
            }
            NotScheduled::Vague(vague) => refused(vague.code(), vague.meaning()),
            NotScheduled::Refused(verdict, zone) => forbidden(verdict, *zone),
            NotScheduled::Agent(_) | NotScheduled::NoAccount(_) => {
                tracing::warn!(call.id = %self.call_id, agent = %self.agent.id, error = %not, "nobody can call back");
                refused(
                    "not_possible",
                    "nobody can call back from here; offer something else",
                )
            }
            NotScheduled::Store(_) | NotScheduled::Vault(_) | NotScheduled::Unwritable(_) => {
                tracing::error!(call.id = %self.call_id, error = %not, "a callback is not scheduled");
                Used::failed("it could not be noted just now")
            }
        }
    }
}

fn refused(error: &str, detail: &str) -> Used {
    Used::refused_for(&json!({ "error": error, "detail": detail }))
}

/// A moment as a model is told it.
fn told(moment: &Moment) -> Value {
    json!({
        "at": moment.zone.wall(moment.unix_ms),
        "zone": moment.zone.name(),
        "in_words": moment.zone.words(moment.unix_ms),
    })
}

fn done(agreed: &Agreed) -> Used {
    let mut answer = told(&agreed.moment);
    answer["status"] = "scheduled".into();
    answer["replaced_another"] = agreed.replaced.into();
    Used::done(&answer.to_string())
}

/// What the policy says against it, with the next moment at which it allows the call.
fn forbidden(verdict: &Verdict, zone: Zone) -> Used {
    let code = verdict.reasons().first().map(|reason| reason.code);
    // It was suppressed after the policy was asked.
    let code = code.unwrap_or(Code::Suppressed);
    let mut answer = json!({ "error": code.name(), "detail": code.meaning() });
    if let Verdict::Defer(deferred) = verdict {
        answer["next_allowed"] = told(&Moment {
            unix_ms: deferred.until_unix_ms,
            zone,
        });
    }
    Used::refused_for(&answer)
}
