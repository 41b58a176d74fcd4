//! `explain`: whether a number may be called, and why, in words.

#![expect(clippy::print_stdout, reason = "a command talks to its user")]

use anyhow::Context as _;
use clap::Args;
use serde_json::{Map, Value, json};

use super::contacts::Server;
use crate::config::Config;

#[derive(Args)]
pub(super) struct ExplainArgs {
    /// The number, as +15550100123
    number: String,
    /// What the call would be for: marketing, survey, service or collections; marketing if left out
    #[arg(long)]
    purpose: Option<String>,
    /// On which basis of the law, as legitimate_interests
    #[arg(long, value_name = "BASIS")]
    legal_basis: Option<String>,
    /// When, as 2026-11-24T20:59:00-05:00; now if left out
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Where the person lives, as US-CA; may be there several times
    #[arg(long, value_name = "PLACE")]
    place: Vec<String>,
    /// By which clocks they live, as America/Los_Angeles; may be there several times
    #[arg(long, value_name = "ZONE")]
    time_zone: Vec<String>,
    /// The whole answer as JSON
    #[arg(long)]
    json: bool,
    /// The server, as https://voice.example.com; the one of the configuration's `listen` if left out
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// An API key with `calls:place`
    #[arg(
        long,
        env = "TRUNKLINE_API_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    key: String,
}

pub(super) async fn explain(config: &Config, args: ExplainArgs) -> anyhow::Result<()> {
    let server = Server::at(config, args.server.as_deref(), &args.key)?;
    let mut question = Map::new();
    question.insert("to".into(), args.number.into());
    question.insert(
        "contact".into(),
        json!({"places": args.place, "time_zones": args.time_zone}),
    );
    for (name, value) in [
        ("purpose", args.purpose),
        ("legal_basis", args.legal_basis),
        ("at", args.at),
    ] {
        if let Some(value) = value {
            question.insert(name.into(), value.into());
        }
    }
    let asked = server.post("/v1/calls/check").json(&question);
    let answer: Value = server.answer(asked).await?.json().await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer)?);
        return Ok(());
    }
    for line in lines(&answer).context("the server's answer is not understood")? {
        println!("{line}");
    }
    Ok(())
}

/// The answer in words, a line each.
fn lines(answer: &Value) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    lines.push(match answer["verdict"].as_str()? {
        "allow" => "yes".to_owned(),
        "defer" => format!("not before {}", answer["retry_at"].as_str()?),
        verdict => format!("no ({verdict})"),
    });
    for reason in answer["reasons"].as_array()? {
        let of = |name: &str| reason[name].as_str();
        let mut line = format!("  {}: {}", of("code")?, of("detail")?);
        if let Some(rule) = of("rule") {
            line.push_str(&format!(" (rule {rule})"));
        }
        if let (Some(local), Some(zone)) = (of("local_time"), of("time_zone")) {
            line.push_str(&format!("; it is {local} in {zone}"));
        }
        lines.push(line);
    }
    let trace = &answer["trace"];
    lines.push("places and clocks:".to_owned());
    for check in trace["checks"].as_array()? {
        let of = |name: &str| check[name].as_str();
        let hours = check["hours"].as_array()?;
        let hours: Vec<&str> = hours.iter().filter_map(Value::as_str).collect();
        let open = match of("closed") {
            None => "open",
            Some(code) => code,
        };
        lines.push(format!(
            "  {} by rule {}: {} in {}, hours {}: {open}",
            of("place").unwrap_or("place unknown"),
            of("rule")?,
            of("local_time")?,
            of("zone")?,
            if hours.is_empty() {
                "none".to_owned()
            } else {
                hours.join(" ")
            },
        ));
    }
    if let Some(grounds) = trace["grounds"].as_object() {
        let word = |name: &str| grounds.get(name).and_then(Value::as_str).unwrap_or("none");
        let needs = grounds.get("needs").and_then(Value::as_array);
        let needs = needs
            .into_iter()
            .flatten()
            .filter_map(|need| Some(format!("{} wants {}", need[0].as_str()?, need[1].as_str()?)));
        let needs: Vec<String> = needs.collect();
        lines.push(format!(
            "ground: {}; for {}, basis {}, consent {}",
            needs.join(", "),
            word("purpose"),
            word("basis"),
            word("consent")
        ));
        let registers = grounds.get("registries").and_then(Value::as_array);
        for check in registers.into_iter().flatten() {
            let of = |name: &str| check[name].as_str();
            lines.push(format!("  register {}: {}", of("registry")?, of("found")?));
        }
    }
    let pack = |pack: &Value| {
        Some(format!(
            "  {} {}",
            pack["id"].as_str()?,
            pack["sha256"].as_str()?
        ))
    };
    lines.push("packs of rules:".to_owned());
    lines.extend(pack(&trace["pack"]));
    lines.extend(pack(&trace["grounds"]["pack"]));
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_in_words() {
        let answer = json!({
            "verdict": "defer", "retry_at": "2026-11-25T13:00:00.000Z",
            "reasons": [{"code": "outside_calling_hours", "detail": "nobody is called there at that time of day",
                "rule": "US-FL", "time_zone": "America/New_York", "local_time": "2026-11-24T20:59:00-05:00"}],
            "trace": {
                "pack": {"id": "hours", "sha256": "ab"},
                "checks": [{"place": "US-FL", "rule": "US-FL", "zone": "America/New_York",
                    "local_time": "2026-11-24T20:59:00-05:00", "hours": ["08:00-20:00"], "closed": "outside_calling_hours"}],
                "grounds": {"pack": {"id": "grounds", "sha256": "cd"}, "purpose": "marketing", "kind": "consumer",
                    "needs": [["US", "written"]], "consent": "written",
                    "registries": [{"registry": "us-national", "found": "lifted"}]}
            }
        });
        assert_eq!(
            lines(&answer).unwrap().join("\n"),
            "not before 2026-11-25T13:00:00.000Z\n  outside_calling_hours: nobody is called there at that time of day (rule \
             US-FL); it is 2026-11-24T20:59:00-05:00 in America/New_York\nplaces and clocks:\n  US-FL by rule US-FL: \
             2026-11-24T20:59:00-05:00 in America/New_York, hours 08:00-20:00: outside_calling_hours\nground: US wants \
             written; for marketing, basis none, consent written\n  register us-national: lifted\npacks of rules:\n  hours \
             ab\n  grounds cd"
        );
        assert_eq!(lines(&json!({"verdict": "allow"})), None);
    }
}
