//! What a key may do.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! scopes {
    // A name is taken as a bare token: wrapped as a literal of the macro's, the schema's derive would not see it.
    ($($name:ident = $text:tt, $means:literal;)*) => {
        /// One thing that a key may do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        pub enum Scope {
            $(
                #[doc = $means]
                #[serde(rename = $text)]
                $name,
            )*
            /// Everything, also what later versions add.
            #[serde(rename = "*")]
            All,
        }

        impl Scope {
            /// Every scope but [`Scope::All`], and what it allows.
            pub const EACH: &[(Self, &str)] = &[$((Self::$name, $means),)*];

            /// Its name, as `calls:read`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::All => "*",
                }
            }
        }
    };
}

scopes! {
    ClientRead = "client:read", "Read the client itself.";
    ClientWrite = "client:write", "Change the client itself.";
    KeysRead = "api-keys:read", "List API keys, without their secrets.";
    KeysWrite = "api-keys:write", "Create API keys of no more scopes than one's own, and revoke them.";
    AgentsRead = "agents:read", "Read agents and their versions.";
    AgentsWrite = "agents:write", "Create and change agents and their versions.";
    ProvidersRead = "providers:read", "Read providers, without their secrets.";
    ProvidersWrite = "providers:write", "Create, change and delete providers.";
    ToolsRead = "tools:read", "Read tools, without their secrets.";
    ToolsWrite = "tools:write", "Create, change and delete tools.";
    CarriersRead = "carrier-accounts:read", "Read carrier accounts, without their secrets.";
    CarriersWrite = "carrier-accounts:write", "Create, change and delete carrier accounts.";
    NumbersRead = "numbers:read", "Read the client's own telephone numbers and whose calls they do not take.";
    NumbersWrite = "numbers:write", "Add, bind and remove telephone numbers, and block callers.";
    CallsRead = "calls:read", "Read calls and their events and consent, without what was said.";
    CallsControl = "calls:control", "Hang up, speak into and mute live calls; make media URLs.";
    CallsPlace = "calls:place", "Place calls, schedule and cancel callbacks, and ask whether a number may be called.";
    TranscriptsRead = "transcripts:read", "Read what was said.";
    RecordingsRead = "recordings:read", "Listen to recordings.";
    ConsentsRead = "consents:read", "List and check consents to calls.";
    ConsentsWrite = "consents:write", "Note consents to calls, and withdrawals.";
    WebhooksRead = "webhooks:read", "Read webhook endpoints and what they were told, without secrets.";
    WebhooksWrite = "webhooks:write", "Add, change, test and remove webhook endpoints, and have events told again.";
    DisclosuresRead = "disclosures:read", "Read what was told of whom, and to which endpoint.";
    EventsRead = "events:read", "Read and follow events.";
    ContactsRead = "contacts:read", "Read contacts, their lists, what happened with them, and whether they may be called.";
    ContactsWrite = "contacts:write", "Add, change, import and remove contacts and lists.";
    ContactsExport = "contacts:export", "Have all contacts as a file.";
    SuppressionsRead = "suppressions:read", "List and check suppressions.";
    SuppressionsWrite = "suppressions:write", "Create and remove suppressions.";
    ComplaintsRead = "complaints:read", "Read complaints, and the calls that they mean.";
    ComplaintsWrite = "complaints:write", "Take complaints, and say what became of them.";
    AnalyticsRead = "analytics:read", "Count calls.";
    KnowledgeRead = "knowledge:read", "Read the state of documents, and look things up in them.";
    KnowledgeWrite = "knowledge:write", "Add, replace and remove documents.";
    RegistriesRead = "registries:read", "Read which do-not-call registers are loaded.";
    RegistriesWrite = "registries:write", "Bring in and remove files of do-not-call registers.";
    PolicyRead = "policy:read", "Read what the client allows of its dialling.";
    PolicyWrite = "policy:write", "Change what the client allows of its dialling.";
}

impl Scope {
    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        if text == Self::All.as_str() {
            return Some(Self::All);
        }
        Self::EACH
            .iter()
            .map(|(scope, _)| *scope)
            .find(|scope| scope.as_str() == text)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one key may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Of names; those that this version does not know allow nothing.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().filter_map(Scope::parse).collect())
    }

    /// Whether they allow `wanted`.
    pub fn allow(&self, wanted: Scope) -> bool {
        self.0.contains(&wanted) || self.0.contains(&Scope::All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_not_allowed() {
        let scopes = Scopes::of(["calls:read", "calls:everything", ""]);
        assert!(scopes.allow(Scope::CallsRead));
        for (scope, _) in Scope::EACH {
            assert_eq!(scopes.allow(*scope), *scope == Scope::CallsRead, "{scope}");
            assert!(Scopes::of(["*"]).allow(*scope));
            assert!(!Scopes::default().allow(*scope));
            let json = serde_json::to_value(scope).unwrap();
            assert_eq!(json, scope.as_str());
        }
        assert!(!scopes.allow(Scope::All));
    }
}
