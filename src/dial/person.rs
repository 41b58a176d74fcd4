//! What the client knows of the person behind a number: their places, their clock, whether they are a consumer, and when
//! they want to be called. It holds beside what a request says, and can only forbid.

use trunkline_core::contact::{CALLING_HOURS, Contact, Kind as Sort, calling_hours};
use trunkline_core::geo::Place;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::pack::Rule;
use trunkline_core::policy::{Kind, Zone};

use crate::contacts::{NotOpened, number_index, open_all};
use crate::desk::Desk;
use crate::store::StoreError;
use crate::vault::ClientKeys;

/// The name of the hours that a person wants, among those of laws.
const OWN: &str = "contact";

/// What is known of a person.
#[derive(Default)]
pub(super) struct Person {
    /// The contact, if there is one: `con_…`.
    pub(super) contact_id: Option<String>,
    /// Where they are said to live.
    pub(super) place: Option<Place>,
    /// By whose clocks.
    pub(super) zone: Option<Zone>,
    /// They are known to be a consumer, whatever a request says.
    is_consumer: bool,
    /// When they want to be called.
    pub(super) window: Option<Rule>,
    /// They may not be worked with: the client says so, they are erased, or nobody can read what is known.
    pub(super) restricted: bool,
}

impl Person {
    /// Who has this number; nobody in particular if no contact has.
    pub(super) async fn of(
        desk: &Desk,
        keys: &ClientKeys,
        number: &PhoneNumber,
    ) -> Result<Self, StoreError> {
        let contacts = desk.store.contacts();
        let index = number_index(keys, number);
        let owners = contacts.of_numbers(keys.id(), &[index]).await?;
        let Some((_, id)) = owners.into_iter().next() else {
            return Ok(Self::default());
        };
        let Some(row) = contacts.find(keys.id(), &id).await? else {
            return Ok(Self::default());
        };
        match open_all(keys, vec![row]).await {
            Ok(opened) => Ok(match opened.first() {
                Some((_, contact, _)) => Self::known(id, contact),
                None => Self::forgotten(),
            }),
            Err(NotOpened::Store(error)) => Err(error),
            Err(error @ (NotOpened::Vault(_) | NotOpened::Unreadable)) => {
                tracing::error!(contact = id, %error, "a contact cannot be read, so nobody calls them");
                Ok(Self::forgotten())
            }
        }
    }

    fn forgotten() -> Self {
        Self {
            restricted: true,
            ..Self::default()
        }
    }

    fn known(id: String, contact: &Contact) -> Self {
        let hours = contact.preferences.get(CALLING_HOURS);
        Self {
            contact_id: Some(id),
            place: contact.place,
            zone: contact.zone(),
            is_consumer: contact.kind == Sort::Consumer,
            // What cannot be read may mean that they want no call at all.
            window: hours.map(|text| {
                let week = calling_hours(text).unwrap_or_default();
                Rule::window(OWN, week, false)
            }),
            restricted: contact.restricted,
        }
    }

    /// Whom a call reaches: a consumer, if either says so.
    pub(super) fn kind(&self, said: Kind) -> Kind {
        if self.is_consumer {
            Kind::Consumer
        } else {
            said
        }
    }
}

/// The same with one more.
pub(super) fn with<T: Copy>(said: &[T], known: Option<T>) -> Vec<T> {
    said.iter().copied().chain(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_can_only_make_stricter() {
        let nobody = Person::default();
        let consumer = Person {
            is_consumer: true,
            ..Person::default()
        };
        for (person, said, wants) in [
            (&nobody, Kind::Business, Kind::Business),
            (&nobody, Kind::Consumer, Kind::Consumer),
            (&consumer, Kind::Business, Kind::Consumer),
        ] {
            assert_eq!(person.kind(said), wants);
        }
        assert_eq!(with(&[1, 2], Some(3)), [1, 2, 3]);
    }
}
