//! What a server says that it has, read within bounds: what cannot be used is left out, and told of.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::providers::END_CALL;
use crate::schema::Schema;
use crate::tools::{BUILT_IN, NAME_CHARS_MAX, ToolDocument};

/// Most tools of one server that are offered to a model.
pub const OFFERS_MAX: usize = 32;
/// Most tools that are told of as left out.
const LEFT_OUT_MAX: usize = 64;
/// Longest description that a model gets, in characters.
const DESCRIPTION_CHARS_MAX: usize = 1_024;
/// Longest name of theirs that is told of, in characters.
const TOLD_CHARS_MAX: usize = 80;

/// A tool of a server's.
#[derive(Clone, Debug)]
pub struct Offer {
    /// What the model calls it.
    pub name: String,
    /// What the server calls it.
    pub theirs: String,
    /// What it does, in the server's words, on one line.
    pub description: String,
    /// What it takes.
    pub arguments: Schema,
    /// What it answers, if the server says so.
    pub result: Option<Schema>,
    /// The server says that it only reads, or that twice is as good as once.
    pub repeats: bool,
}

/// A tool of a server's that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// What the server calls it, shortened.
    pub name: String,
    /// Why.
    pub why: String,
}

/// What a server has.
#[derive(Clone, Debug, Default)]
pub struct Offers {
    /// What can be used, at most [`OFFERS_MAX`].
    pub tools: Vec<Offer>,
    /// What cannot.
    pub left_out: Vec<LeftOut>,
}

impl Offers {
    /// What a server listed, each as the protocol writes a tool.
    pub fn read(document: &ToolDocument, listed: &[Value]) -> Self {
        let mut offers = Self::default();
        let mut names = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for tool in listed {
            let theirs = tool["name"].as_str().unwrap_or_default();
            seen.insert(theirs);
            let allowed = document.tools.as_ref();
            if allowed.is_some_and(|allowed| !allowed.iter().any(|name| name == theirs)) {
                continue;
            }
            match read(&document.name, theirs, tool) {
                Ok(_) if offers.tools.len() >= OFFERS_MAX => {
                    let why = format!("it comes after the first {OFFERS_MAX}; list in tools which");
                    offers.leave_out(theirs, why);
                }
                Ok(offer) if names.insert(offer.name.clone()) => offers.tools.push(offer),
                Ok(_) => offers.leave_out(theirs, "another has this name already".into()),
                Err(why) => offers.leave_out(theirs, why),
            }
        }
        for name in document.tools.iter().flatten() {
            if !seen.contains(name.as_str()) {
                offers.leave_out(name, "the server does not have it".into());
            }
        }
        offers
    }

    fn leave_out(&mut self, theirs: &str, why: String) {
        if self.left_out.len() < LEFT_OUT_MAX {
            let name = one_line(theirs, TOLD_CHARS_MAX);
            self.left_out.push(LeftOut { name, why });
        }
    }
}

fn read(server: &str, theirs: &str, tool: &Value) -> Result<Offer, String> {
    if theirs.is_empty() {
        return Err("it has no name".into());
    }
    let name = name(server, theirs);
    if name.len() > NAME_CHARS_MAX {
        return Err(format!(
            "its name and the server's are longer than {NAME_CHARS_MAX} characters"
        ));
    }
    if name == END_CALL || BUILT_IN.contains(&name.as_str()) {
        return Err("a tool of this name is built in".into());
    }
    let arguments = schema("inputSchema", &tool["inputSchema"])?;
    if arguments.as_json()["type"] != "object" {
        return Err("inputSchema is not of an object".into());
    }
    let result = Some(&tool["outputSchema"]).filter(|schema| !schema.is_null());
    let result = result.map(|of| schema("outputSchema", of)).transpose()?;
    let said = |field: &str| tool[field].as_str().filter(|text| !text.trim().is_empty());
    let description = said("description").or(said("title")).unwrap_or(theirs);
    let hints = |hint: &str| tool["annotations"][hint] == true;
    Ok(Offer {
        name,
        theirs: theirs.to_owned(),
        description: one_line(description, DESCRIPTION_CHARS_MAX),
        arguments,
        result,
        repeats: hints("readOnlyHint") || hints("idempotentHint"),
    })
}

fn schema(field: &str, schema: &Value) -> Result<Schema, String> {
    Schema::parse(schema).map_err(|problem| format!("{field}: {problem}"))
}

/// A name that a model can call.
fn name(server: &str, theirs: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() || c == '_' || c == '-' {
        true => c,
        false => '_',
    };
    let theirs: String = theirs.chars().map(plain).collect();
    format!("{server}_{theirs}")
}

fn one_line(text: &str, chars_max: usize) -> String {
    let is_gap = |c: char| c.is_control() || c.is_whitespace();
    let words: Vec<&str> = text.split(is_gap).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(tools: Option<&[&str]>) -> ToolDocument {
        serde_json::from_value(json!({
            "kind": "mcp", "name": "crm", "description": "Ours.", "url": "https://crm.example.com/mcp", "tools": tools,
        }))
        .unwrap()
    }

    fn tool(name: &str) -> Value {
        json!({ "name": name, "description": "Does\n  it.", "inputSchema": { "type": "object" } })
    }

    fn names(offers: &Offers) -> Vec<&str> {
        offers.tools.iter().map(|o| o.name.as_str()).collect()
    }

    #[test]
    fn what_can_be_used_is_named_after_its_server_and_the_rest_is_told_of() {
        let reads = json!({ "name": "find.it", "inputSchema": { "type": "object" }, "annotations": { "readOnlyHint": true } });
        let wrong = json!({ "name": "odd", "inputSchema": { "type": "daytime" } });
        let list = json!({ "name": "list", "inputSchema": { "type": "array" } });
        let listed = [
            tool("book"),
            reads,
            wrong,
            list,
            json!({ "name": "none" }),
            json!(5),
            tool(&"x".repeat(70)),
            tool("book"),
        ];
        let offers = Offers::read(&document(None), &listed);
        assert_eq!(names(&offers), ["crm_book", "crm_find_it"]);
        assert_eq!(offers.tools[0].description, "Does it.");
        assert_eq!(offers.tools[1].description, "find.it");
        let repeats: Vec<bool> = offers.tools.iter().map(|o| o.repeats).collect();
        assert_eq!(repeats, [false, true]);
        let why: Vec<&str> = offers.left_out.iter().map(|l| l.why.as_str()).collect();
        assert_eq!(why.len(), 6, "{why:?}");
        assert!(why[0].starts_with("inputSchema: /type"), "{why:?}");
        assert_eq!(why[1], "inputSchema is not of an object");
        assert_eq!(why[3], "it has no name");
        assert!(offers.left_out[4].name.len() <= TOLD_CHARS_MAX);
        assert_eq!(why[5], "another has this name already");
    }

    #[test]
    fn an_allow_list_counts_and_what_is_not_there_is_told() {
        let listed = [tool("book"), tool("wipe"), tool("find")];
        let offers = Offers::read(&document(Some(&["find", "fly"])), &listed);
        assert_eq!(names(&offers), ["crm_find"]);
        let left: Vec<&str> = offers.left_out.iter().map(|l| l.name.as_str()).collect();
        assert_eq!(left, ["fly"]);
    }

    #[test]
    fn a_crowd_of_tools_is_bounded() {
        let listed: Vec<Value> = (0..500).map(|n| tool(&format!("t{n}"))).collect();
        let offers = Offers::read(&document(None), &listed);
        assert_eq!(offers.tools.len(), OFFERS_MAX);
        assert_eq!(offers.left_out.len(), LEFT_OUT_MAX);
    }
}
