//! Keys of one client, and of the people it speaks with.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use trunkline_core::phone::PhoneNumber;

use super::call::CallKey;
use super::sealing::{Cipher, Indexer, KEY_BYTES, Secret, Unopened, base32, fill_random};
use super::{Vault, VaultError};
use crate::clock;
use crate::ids::ClientId;

const WRAPS_SUBJECT: &str = "subject key";
const WRAPS_CALL: &str = "call key";
const FIELD: &str = "field";
const PHONE: &str = "subject phone";
const CONTACT: &str = "subject contact";
const SUBJECT_PREFIX: &str = "sub_";
const SUBJECT_DIGITS: usize = 52;

/// A person as a client knows them: `sub_` and the whole keyed hash of their number, or random digits for a call
/// without one. Says nothing without the client's key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId(Arc<str>);

impl SubjectId {
    /// Reads `sub_` and 52 digits of Crockford's base 32.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(SUBJECT_PREFIX)?;
        let fits = |c: u8| c.is_ascii_digit() || (c.is_ascii_uppercase() && !b"ILOU".contains(&c));
        (digits.len() == SUBJECT_DIGITS && digits.bytes().all(fits)).then(|| Self(text.into()))
    }

    fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(format!("{SUBJECT_PREFIX}{}", base32(bytes)).into())
    }

    /// The id, as `sub_4X…`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) struct ClientSecrets {
    fields: Cipher,
    wrap: Cipher,
    index: Indexer,
}

impl ClientSecrets {
    pub(super) fn new(secret: &Secret, pepper: &Secret) -> Self {
        Self {
            fields: Cipher::new(&secret.derive(b"", "client fields")),
            wrap: Cipher::new(&secret.derive(b"", "client subjects")),
            index: Indexer::new(&secret.derive(pepper.bytes(), "client index")),
        }
    }
}

/// The keys of one client; clones are cheap.
#[derive(Clone)]
pub struct ClientKeys {
    vault: Vault,
    client: ClientId,
    secrets: Arc<ClientSecrets>,
}

impl fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKeys")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl ClientKeys {
    pub(super) fn new(vault: Vault, client: ClientId, secrets: Arc<ClientSecrets>) -> Self {
        Self {
            vault,
            client,
            secrets,
        }
    }

    /// Whose they are.
    pub fn id(&self) -> &ClientId {
        &self.client
    }

    /// Seals what belongs to the client and to no one person; `aad` says where it is stored, so that it opens there
    /// alone. 29 bytes longer than `plain`.
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        self.secrets.fields.seal(FIELD, aad, plain)
    }

    /// Opens what [`ClientKeys::seal`] sealed for the same place.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        self.secrets.fields.open(FIELD, aad, sealed)
    }

    /// Keyed hash of a value, by which it is found; another client's of the same value differs. `kind` keeps values of
    /// different sorts apart, as `suppression` and `contact`.
    pub fn index(&self, kind: &str, value: &str) -> [u8; 32] {
        self.secrets.index.of(kind, value)
    }

    /// The id that [`ClientKeys::subject`] gives a number, whether it is known or not.
    pub fn subject_id(&self, phone: &PhoneNumber) -> SubjectId {
        SubjectId::from_bytes(&self.index(PHONE, phone.as_str()))
    }

    /// The keys of whoever has this number, made at first sight; without a number, those of somebody new. They are on disk
    /// when this returns.
    pub async fn subject(&self, phone: Option<&PhoneNumber>) -> Result<SubjectKeys, VaultError> {
        let id = match phone {
            Some(phone) => self.subject_id(phone),
            None => {
                let mut bytes = [0; KEY_BYTES];
                fill_random(&mut bytes);
                SubjectId::from_bytes(&bytes)
            }
        };
        self.find(id, true).await
    }

    /// The id of the subject that a contact is. It is none of its numbers', whose calls have keys of their own: so a contact
    /// can be forgotten without its calls, and a number can change.
    pub fn contact_id(&self, contact: &str) -> SubjectId {
        SubjectId::from_bytes(&self.index(CONTACT, contact))
    }

    /// The keys of these subjects, made at first sight, in their order; on disk when this returns. For many at once: they are
    /// not kept in memory.
    pub async fn new_subjects(&self, ids: Vec<SubjectId>) -> Result<Vec<SubjectKeys>, VaultError> {
        let secrets: Vec<Secret> = ids.iter().map(|_| Secret::random()).collect();
        let wrapped = ids.iter().zip(&secrets).map(|(id, secret)| {
            let aad = self.bound(id.as_str());
            let sealed = self.secrets.wrap.seal(WRAPS_SUBJECT, &aad, secret.bytes());
            (id.as_str(), sealed)
        });
        let wrapped: Vec<(&str, Vec<u8>)> = wrapped.collect();
        let now = clock::unix_ms();
        let store = &self.vault.0.store;
        let added = store.add_subjects(&self.client, &wrapped, now).await?;
        if added < ids.len() as u64 {
            // What an attempt before made is sealed with already.
            let there = self.subjects_by_ids(&ids).await?.into_iter();
            return there
                .map(|keys| keys.ok_or(VaultError::Forgotten))
                .collect();
        }
        let made = ids.iter().zip(&secrets).map(|(id, secret)| SubjectKeys {
            client: self.client.clone(),
            id: id.clone(),
            secrets: Arc::new(SubjectSecrets::new(secret)),
        });
        Ok(made.collect())
    }

    /// The keys of these subjects, in their order; none of whoever was forgotten. For many at once: they are not kept in
    /// memory, so whoever is forgotten from now on is so for what asks again.
    pub async fn subjects_by_ids(
        &self,
        ids: &[SubjectId],
    ) -> Result<Vec<Option<SubjectKeys>>, VaultError> {
        let names: Vec<&str> = ids.iter().map(SubjectId::as_str).collect();
        let found = self.vault.0.store.subjects(&self.client, &names).await?;
        let found: HashMap<String, Vec<u8>> = found.into_iter().collect();
        let open = |id: &SubjectId| {
            let Some(sealed) = found.get(id.as_str()) else {
                return Ok(None);
            };
            let aad = self.bound(id.as_str());
            let secret = self.secrets.wrap.open_secret(WRAPS_SUBJECT, &aad, sealed);
            let secret = secret.map_err(|Unopened| VaultError::KeyDamaged {
                of: id.as_str().to_owned(),
            })?;
            Ok(Some(SubjectKeys {
                client: self.client.clone(),
                id: id.clone(),
                secrets: Arc::new(SubjectSecrets::new(&secret)),
            }))
        };
        ids.iter().map(open).collect()
    }

    /// The keys of a subject that a stored call names.
    pub async fn subject_by_id(&self, id: &SubjectId) -> Result<SubjectKeys, VaultError> {
        self.find(id.clone(), false).await
    }

    async fn find(&self, id: SubjectId, make: bool) -> Result<SubjectKeys, VaultError> {
        let vault = &self.vault.0;
        let key = (self.client.clone(), id);
        let secrets = loop {
            let since = match vault.subjects.find(&key) {
                Ok(secrets) => break secrets,
                Err(since) => since,
            };
            let id = key.1.as_str();
            let aad = self.bound(id);
            let mut sealed = vault.store.subject(&self.client, id).await?;
            if sealed.is_none() && make {
                let fresh = self
                    .secrets
                    .wrap
                    .seal(WRAPS_SUBJECT, &aad, Secret::random().bytes());
                let now = clock::unix_ms();
                sealed = Some(
                    vault
                        .store
                        .add_subject(&self.client, id, &fresh, now)
                        .await?,
                );
            }
            let sealed = sealed.ok_or(VaultError::Forgotten)?;
            let secret = self.secrets.wrap.open_secret(WRAPS_SUBJECT, &aad, &sealed);
            let secret = secret.map_err(|Unopened| VaultError::KeyDamaged { of: id.to_owned() })?;
            let secrets = Arc::new(SubjectSecrets::new(&secret));
            let kept = Arc::clone(&secrets);
            if vault.subjects.keep(&since, key.clone(), kept) {
                break secrets;
            }
        };
        let (client, id) = key;
        Ok(SubjectKeys {
            client,
            id,
            secrets,
        })
    }

    fn bound(&self, subject: &str) -> Vec<u8> {
        bound(&self.client, subject)
    }
}

pub(super) struct SubjectSecrets {
    fields: Cipher,
    wrap: Cipher,
}

impl SubjectSecrets {
    fn new(secret: &Secret) -> Self {
        Self {
            fields: Cipher::new(&secret.derive(b"", "subject fields")),
            wrap: Cipher::new(&secret.derive(b"", "subject calls")),
        }
    }
}

/// The keys of one person as one client knows them; clones are cheap.
#[derive(Clone)]
pub struct SubjectKeys {
    client: ClientId,
    id: SubjectId,
    secrets: Arc<SubjectSecrets>,
}

impl fmt::Debug for SubjectKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectKeys")
            .field("client", &self.client)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl SubjectKeys {
    /// Who.
    pub fn id(&self) -> &SubjectId {
        &self.id
    }

    /// Whose.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// Seals what is about this person, as their number; `aad` says where it is stored. 29 bytes longer than `plain`.
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        self.secrets.fields.seal(FIELD, aad, plain)
    }

    /// Opens what [`SubjectKeys::seal`] sealed for the same place.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        self.secrets.fields.open(FIELD, aad, sealed)
    }

    /// A new key for one call, and the same wrapped, to be stored with the call: 61 bytes.
    pub fn new_call_key(&self) -> (CallKey, Vec<u8>) {
        let secret = Secret::random();
        let aad = bound(&self.client, self.id.as_str());
        let sealed = self.secrets.wrap.seal(WRAPS_CALL, &aad, secret.bytes());
        (CallKey::new(&secret), sealed)
    }

    /// The key of a stored call.
    pub fn open_call_key(&self, sealed: &[u8]) -> Result<CallKey, Unopened> {
        let aad = bound(&self.client, self.id.as_str());
        let secret = self.secrets.wrap.open_secret(WRAPS_CALL, &aad, sealed)?;
        Ok(CallKey::new(&secret))
    }
}

/// Neither id has a slash, so no other two give the same.
fn bound(client: &ClientId, subject: &str) -> Vec<u8> {
    format!("{client}/{subject}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subject_ids_have_one_spelling() {
        let id = SubjectId::from_bytes(&[0xA5; 32]);
        assert_eq!(id.as_str().len(), 56);
        assert_eq!(SubjectId::parse(id.as_str()), Some(id.clone()));
        for wrong in [
            "sub_",
            &id.as_str()[1..],
            &id.as_str()[..55],
            &id.as_str().to_lowercase(),
            &format!("{}0", id.as_str()),
            &id.as_str().replacen('M', "U", 1),
        ] {
            if wrong != id.as_str() {
                assert_eq!(SubjectId::parse(wrong), None, "{wrong}");
            }
        }
    }
}
