//! What a call is for, whom it reaches, and on which ground of the law.

use serde::{Deserialize, Serialize};

/// What a call is for. Whoever says nothing sells.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// It sells, advertises, or asks for donations.
    #[default]
    Marketing,
    /// It asks for opinions.
    Survey,
    /// It is about something the person already has with the client: an order, an appointment, a contract.
    Service,
    /// It asks for money that is owed.
    Collections,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [
        Self::Marketing,
        Self::Survey,
        Self::Service,
        Self::Collections,
    ];

    /// Its name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::Survey => "survey",
            Self::Service => "service",
            Self::Collections => "collections",
        }
    }

    /// The purpose of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == text)
    }
}

/// Some purposes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Purpose>", into = "Vec<Purpose>")]
pub struct Purposes(u8);

impl Purposes {
    /// Whether it is among them.
    pub const fn has(self, purpose: Purpose) -> bool {
        self.0 & (1 << purpose as u8) != 0
    }

    /// None at all.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order of [`Purpose::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Purpose> {
        Purpose::ALL
            .into_iter()
            .filter(move |purpose| self.has(*purpose))
    }
}

impl FromIterator<Purpose> for Purposes {
    fn from_iter<I: IntoIterator<Item = Purpose>>(purposes: I) -> Self {
        Self(
            purposes
                .into_iter()
                .fold(0, |set, one| set | 1 << one as u8),
        )
    }
}

impl From<Vec<Purpose>> for Purposes {
    fn from(purposes: Vec<Purpose>) -> Self {
        purposes.into_iter().collect()
    }
}

impl From<Purposes> for Vec<Purpose> {
    fn from(purposes: Purposes) -> Self {
        purposes.iter().collect()
    }
}

/// Whom a number reaches. Whoever is not known to be a business is a consumer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A business.
    Business,
    /// Anybody else.
    #[default]
    Consumer,
}

/// On which ground somebody's number is used: the six of article 6 of the GDPR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegalBasis {
    /// They agreed. It holds only with a consent on the ledger.
    Consent,
    /// A contract with them, or their wish for one.
    Contract,
    /// The law demands it.
    LegalObligation,
    /// Somebody's life.
    VitalInterests,
    /// A task in the public interest.
    PublicTask,
    /// Interests of the client's that theirs do not outweigh.
    LegitimateInterests,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_are_a_set_with_names() {
        let some: Purposes = serde_json::from_str(r#"["service","marketing","service"]"#).unwrap();
        assert_eq!(
            serde_json::to_string(&some).unwrap(),
            r#"["marketing","service"]"#
        );
        for purpose in Purpose::ALL {
            let json = serde_json::to_string(&purpose).unwrap();
            assert_eq!(json, format!("\"{}\"", purpose.name()));
            assert_eq!(Purpose::parse(purpose.name()), Some(purpose));
            let is_one = matches!(purpose, Purpose::Marketing | Purpose::Service);
            assert_eq!(some.has(purpose), is_one);
        }
        assert_eq!(Purpose::parse("sales"), None);
        assert!(Purposes::default().is_empty() && !some.is_empty());
    }
}
