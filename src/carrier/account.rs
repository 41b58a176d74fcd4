//! A client's account with a carrier, opened: what names it, and its secrets.

use std::fmt;

use serde::{Deserialize, Serialize};
use trunkline_core::wire::twilio::signature::{Forged, Signed, verify};
use utoipa::ToSchema;

use super::twilio::Twilio;
use crate::desk::{self, Desk, Place};
use crate::ids::ClientId;
use crate::store::carriers::CarrierAccount as Row;
use crate::store::{Sealed, StoreError};
use crate::vault::{ClientKeys, Unopened, VaultError};

/// Most accounts of one client that are looked at.
pub const ACCOUNTS_MAX: u32 = 50;
/// The carrier's name in rows and in the API.
pub const TWILIO: &str = "twilio";

const SECRET: &str = "carrier_accounts.secret";
const SETTINGS: &str = "carrier_accounts.settings";

/// What is no secret of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CarrierSettings {
    /// The account's id with the carrier.
    #[schema(
        pattern = "^AC[0-9a-f]{32}$",
        example = "AC00000000000000000000000000000000"
    )]
    pub account_sid: String,
    /// The API key to ask with, in place of the auth token; it needs `api_key_secret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^SK[0-9a-f]{32}$")]
    pub api_key_sid: Option<String>,
    /// The region of the account's data, as `ie1`; it needs `edge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "ie1")]
    pub region: Option<String>,
    /// Where the carrier's network is entered, as `dublin`; it needs `region`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "dublin")]
    pub edge: Option<String>,
    /// Who is asked which agent takes an incoming call: an `https` address of the client's. It is told the call in JSON,
    /// signed with `inbound_webhook_secret`, and has three seconds; if it fails, the number's own agent answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://example.com/incoming-call")]
    pub inbound_webhook: Option<String>,
}

/// The secrets of an account. `Debug` says which there are.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// The account's auth token: opens the REST interface, and signs webhooks.
    pub auth_token: String,
    /// The token before it: may still sign webhooks, and opens nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_auth_token: Option<String>,
    /// The secret of the API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_secret: Option<String>,
    /// A shared key that signs webhooks in place of the auth token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_key: Option<String>,
    /// Signs what the client's inbound webhook is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound_webhook_secret: Option<String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("previous_auth_token", &self.previous_auth_token.is_some())
            .field("api_key_secret", &self.api_key_secret.is_some())
            .field("shared_key", &self.shared_key.is_some())
            .field(
                "inbound_webhook_secret",
                &self.inbound_webhook_secret.is_some(),
            )
            .finish_non_exhaustive()
    }
}

impl Secrets {
    /// Reads what a row's secret opens to; one that is no JSON is an auth token alone.
    fn read(text: String) -> Result<Self, Unusable> {
        if text.starts_with('{') {
            return serde_json::from_str(&text).map_err(|_| Unusable::Garbled);
        }
        Ok(Self {
            auth_token: text,
            ..Self::default()
        })
    }

    /// Seals them for the row of this id.
    pub fn seal(&self, keys: &ClientKeys, id: &str) -> Result<Sealed, Unusable> {
        let json = serde_json::to_string(self).map_err(|_| Unusable::Garbled)?;
        Ok(desk::seal(keys, Place::new(SECRET, id), &json))
    }
}

impl CarrierSettings {
    /// Seals them for the row of this id.
    pub fn seal(&self, keys: &ClientKeys, id: &str) -> Result<Sealed, Unusable> {
        let json = serde_json::to_string(self).map_err(|_| Unusable::Garbled)?;
        Ok(desk::seal(keys, Place::new(SETTINGS, id), &json))
    }
}

/// Why an account cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The store.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreError),
    /// The vault.
    #[error("the vault does not open: {0}")]
    Vault(#[from] VaultError),
    /// Its row is not sealed by the client's key.
    #[error("the carrier account cannot be opened: {0}")]
    Unopened(#[from] Unopened),
    /// What is sealed in its row is not what this server writes.
    #[error("the carrier account holds what this server cannot read")]
    Garbled,
}

/// An account, opened.
#[derive(Clone, Debug)]
pub struct Account {
    /// Whose it is.
    pub client: ClientId,
    /// Its owner's keys.
    pub keys: ClientKeys,
    /// `carr_…`.
    pub id: String,
    /// What is no secret of it.
    pub settings: CarrierSettings,
    /// What is.
    pub secrets: Secrets,
}

impl Account {
    /// Opens a row of a client's.
    pub fn open(keys: ClientKeys, row: &Row) -> Result<Self, Unusable> {
        let opened = |column, sealed| desk::open(&keys, Place::new(column, &row.id), sealed);
        let settings = opened(SETTINGS, &row.settings)?;
        Ok(Self {
            client: keys.id().clone(),
            id: row.id.clone(),
            settings: serde_json::from_str(&settings).map_err(|_| Unusable::Garbled)?,
            secrets: Secrets::read(opened(SECRET, &row.secret)?)?,
            keys,
        })
    }

    /// The account that a webhook's address names, whosever it is.
    pub async fn named(desk: &Desk, id: &str) -> Result<Option<Self>, Unusable> {
        let Some((client, row)) = desk.store.system().carrier_account(id).await? else {
            return Ok(None);
        };
        if row.kind != TWILIO {
            return Ok(None);
        }
        Self::open(desk.keys(&client).await?, &row).map(Some)
    }

    /// One account of a client's.
    pub async fn find(desk: &Desk, client: &ClientId, id: &str) -> Result<Option<Self>, Unusable> {
        let Some(row) = desk.store.carriers().find(client, id).await? else {
            return Ok(None);
        };
        Self::open(desk.keys(client).await?, &row).map(Some)
    }

    /// A client's accounts, newest first, at most [`ACCOUNTS_MAX`].
    pub async fn all(desk: &Desk, client: &ClientId) -> Result<Vec<Self>, Unusable> {
        let carriers = desk.store.carriers();
        let page = carriers.list(client, None, ACCOUNTS_MAX).await?;
        let keys = desk.keys(client).await?;
        let rows = page.data.iter().filter(|row| row.kind == TWILIO);
        rows.map(|row| Self::open(keys.clone(), row)).collect()
    }

    /// Whether the carrier signed this request with one of the account's secrets.
    pub fn verify(&self, request: &Signed<'_>) -> Result<(), Forged> {
        let secrets = &self.secrets;
        let mut known = vec![secrets.auth_token.as_str()];
        known.extend(secrets.previous_auth_token.as_deref());
        known.extend(secrets.shared_key.as_deref());
        verify(request, &known)
    }

    /// Asks the carrier. `base_url` is the operator's, in place of the carrier's own.
    pub fn carrier(&self, http: reqwest::Client, base_url: Option<&str>) -> Twilio {
        Twilio::new(http, &self.settings, &self.secrets, base_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_token_or_all_of_them() {
        let token = Secrets::read("0123".into()).unwrap();
        assert_eq!(token.auth_token, "0123");
        let all = Secrets {
            auth_token: "a".into(),
            previous_auth_token: Some("b".into()),
            api_key_secret: Some("c".into()),
            shared_key: Some("d".into()),
            inbound_webhook_secret: Some("e".into()),
        };
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(Secrets::read(json).unwrap(), all);
        assert!(matches!(Secrets::read("{".into()), Err(Unusable::Garbled)));
        let shown = format!("{all:?} {token:?}");
        assert!(
            !shown.contains("\"a\"") && !shown.contains("0123"),
            "{shown}"
        );
    }
}
