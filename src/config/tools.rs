//! The operator's own tools, for agents from files and of clients alike.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::Error as _;

use super::ConfigError;
use crate::egress::{Egress, Whose};
use crate::tools::{ID_PREFIX, OwnTool, ToolDocument, ToolSecret};

/// A tool: its document's fields, and what opens the way to it beside them.
#[derive(Clone)]
pub struct ToolConfig(OwnTool);

impl fmt::Debug for ToolConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ToolConfig")
            .field(&self.0.document.name)
            .finish()
    }
}

impl<'de> Deserialize<'de> for ToolConfig {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut table = toml::Table::deserialize(from)?;
        let signing_key = table.remove("signing_key");
        let headers = table.remove("secret_headers");
        let document: ToolDocument = table.try_into().map_err(D::Error::custom)?;
        let headers = headers.map(toml::Value::try_into).transpose();
        let signing_key = signing_key.map(toml::Value::try_into).transpose();
        let secret = ToolSecret {
            // Their errors would repeat the values.
            headers: headers
                .map_err(|_| D::Error::custom("secret_headers must be texts by name"))?
                .unwrap_or_default(),
            signing_key: signing_key.map_err(|_| D::Error::custom("signing_key must be a text"))?,
        };
        Ok(Self(OwnTool { document, secret }))
    }
}

/// The tools by name.
///
/// # Errors
/// One of them cannot be used, or two have the same name.
pub(super) fn by_name(tools: &[ToolConfig]) -> Result<BTreeMap<String, OwnTool>, ConfigError> {
    let mut by_name = BTreeMap::new();
    let egress = Egress::new();
    for ToolConfig(tool) in tools {
        let name = &tool.document.name;
        let wrong = |problem: String| ConfigError::Value {
            key: "tools",
            problem: format!("{name}: {problem}"),
        };
        tool.check(Whose::Operator, &egress)
            .map_err(|error| wrong(error.to_string()))?;
        if name.starts_with(ID_PREFIX) {
            let problem = format!("a name that begins with {ID_PREFIX} is a client's id");
            return Err(wrong(problem));
        }
        if by_name.insert(name.clone(), tool.clone()).is_some() {
            return Err(wrong("two tools have this name".into()));
        }
    }
    Ok(by_name)
}
