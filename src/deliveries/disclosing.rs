//! Of whom an event is, for endpoints that asked for it: read at the moment of sending, and noted before anything is sent.
//!
//! An event itself never holds it. So whoever was forgotten meanwhile is told of no more, also in what was sent before and is
//! tried again, and the log of what was told says nothing that could be theirs: who it was is a keyed hash.

use serde_json::{Value, json};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::Direction;

use crate::app::App;
use crate::callbacks::{Plan, PlanError};
use crate::clock;
use crate::contacts::{NotOpened, number_index, open_all};
use crate::desk::{self, Desk, Side};
use crate::ids::new_id;
use crate::store::StoreError;
use crate::store::disclosures::Disclosure;
use crate::store::endpoints::Endpoint;
use crate::store::outbox::EventRow;
use crate::vault::{ClientKeys, SubjectId, SubjectKeys, VaultError};

/// What is told of a person cannot be read, or not be noted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undisclosed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Contact(#[from] NotOpened),
    #[error(transparent)]
    Callback(#[from] PlanError),
}

/// The keyed hash under which a client finds what was told of somebody.
pub fn person_index(keys: &ClientKeys, number: &PhoneNumber) -> [u8; 32] {
    keys.index("disclosure", number.as_str())
}

/// An endpoint that is told of whom events are.
pub(super) struct Discloses {
    keys: ClientKeys,
    endpoint_id: String,
}

/// Whom an event is of, as far as it is told.
pub(super) struct Person {
    number: PhoneNumber,
    contact: Option<(String, Option<String>)>,
}

impl Person {
    fn value(&self) -> Value {
        let mut person = json!({ "number": self.number.as_str() });
        if let Some((id, external_id)) = &self.contact {
            person["contact_id"] = id.as_str().into();
            if let Some(external_id) = external_id {
                person["external_id"] = external_id.as_str().into();
            }
        }
        person
    }

    /// An event with it.
    pub(super) fn within(self, mut event: Value) -> Value {
        event["data"]["person"] = self.value();
        event
    }

    /// Names of what is told.
    fn fields(&self) -> Vec<String> {
        let value = self.value();
        let fields = value.as_object().into_iter().flatten();
        fields.map(|(name, _)| format!("person.{name}")).collect()
    }
}

impl Discloses {
    /// To an endpoint, if it asked for it.
    pub(super) fn to(keys: &ClientKeys, endpoint: &Endpoint) -> Option<Self> {
        endpoint.include_pii.then(|| Self {
            keys: keys.clone(),
            endpoint_id: endpoint.id.clone(),
        })
    }

    /// Whom an event is of, as it is known now; noted as told when this returns. Nobody where it is of no person, where they
    /// were forgotten, or where nobody may work with what is kept of them.
    pub(super) async fn person(
        &self,
        app: &App,
        event: &EventRow,
    ) -> Result<Option<Person>, Undisclosed> {
        let Some(number) = self.number(&app.desk, event).await? else {
            return Ok(None);
        };
        let Some(person) = self.known(&app.desk, number).await? else {
            return Ok(None);
        };
        let disclosure = Disclosure {
            id: new_id("dis"),
            person: person_index(&self.keys, &person.number),
            fields: person.fields(),
            endpoint_id: self.endpoint_id.clone(),
            event_id: event.id.clone(),
            kind: event.kind.name().to_owned(),
            object_id: event.object_id.clone(),
            at_ms: clock::unix_ms(),
        };
        let disclosures = app.desk.store.disclosures();
        disclosures.add(self.keys.id(), &disclosure).await?;
        Ok(Some(person))
    }

    /// The number of the person whom a call or callback is with, if their key is still there.
    async fn number(
        &self,
        desk: &Desk,
        event: &EventRow,
    ) -> Result<Option<PhoneNumber>, Undisclosed> {
        let (client, id) = (self.keys.id(), event.object_id.as_str());
        if id.starts_with("call_") {
            let Some(call) = desk.store.calls().find(client, id).await? else {
                return Ok(None);
            };
            let Some(subject) = self.subject(call.subject_id.as_deref()).await? else {
                return Ok(None);
            };
            let (side, sealed) = match call.direction {
                Direction::Inbound => (Side::From, call.from),
                Direction::Outbound => (Side::To, call.to),
            };
            let number = sealed.and_then(|sealed| {
                let text = desk::open_call_number(&subject, id, side, &sealed).ok()?;
                PhoneNumber::parse(&text).ok()
            });
            return Ok(number);
        }
        if id.starts_with("cb_") {
            let Some(callback) = desk.store.callbacks().find(client, id).await? else {
                return Ok(None);
            };
            if self.subject(Some(&callback.subject_id)).await?.is_none() {
                return Ok(None);
            }
            return match Plan::open(&self.keys, &callback).await {
                Ok((plan, _)) => Ok(Some(plan.to)),
                Err(PlanError::Vault(VaultError::Forgotten)) => Ok(None),
                Err(error) => Err(error.into()),
            };
        }
        Ok(None)
    }

    /// The keys of somebody, asked of the database: another server may have forgotten them just now.
    async fn subject(&self, id: Option<&str>) -> Result<Option<SubjectKeys>, VaultError> {
        let Some(id) = id.and_then(SubjectId::parse) else {
            return Ok(None);
        };
        let found = self.keys.subjects_by_ids(&[id]).await?;
        Ok(found.into_iter().next().flatten())
    }

    /// The contact that has the number, if there is one. Of nobody who may only be kept (GDPR art. 18) is anything told.
    async fn known(&self, desk: &Desk, number: PhoneNumber) -> Result<Option<Person>, Undisclosed> {
        let contacts = desk.store.contacts();
        let index = number_index(&self.keys, &number);
        let owners = contacts.of_numbers(self.keys.id(), &[index]).await?;
        let row = match owners.first() {
            Some((_, id)) => contacts.find(self.keys.id(), id).await?,
            None => None,
        };
        let opened = open_all(&self.keys, row.into_iter().collect()).await?;
        let contact = opened.into_iter().next();
        if contact
            .as_ref()
            .is_some_and(|(_, known, _)| known.restricted)
        {
            return Ok(None);
        }
        let contact = contact.map(|(row, known, _)| (row.id, known.external_id));
        Ok(Some(Person { number, contact }))
    }
}
