//! A run as JUnit's XML, which most CI servers read: a suite for each file, a case for each conversation.

use std::fmt::Write as _;
use std::path::Path;

use super::{Conversation, Outcome};
use crate::simulate::seconds;

/// The whole run.
pub fn junit(results: &[Conversation]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let took: f64 = results.iter().map(|result| seconds(result.took)).sum();
    let (tests, failures, errors) = counts(results.iter());
    let head =
        format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{took:.3}\"");
    put(
        &mut xml,
        &format!("<testsuites name=\"trunkline simulate\" {head}>\n"),
    );
    let mut files: Vec<&Path> = results.iter().map(|result| result.file.as_path()).collect();
    files.dedup();
    for file in files {
        let of_file = || results.iter().filter(|result| result.file == file);
        let took: f64 = of_file().map(|result| seconds(result.took)).sum();
        let (tests, failures, errors) = counts(of_file());
        let name = escaped(&file.display().to_string());
        let head = format!(
            "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{took:.3}\""
        );
        put(&mut xml, &format!("  <testsuite name=\"{name}\" {head}>\n"));
        for result in of_file() {
            case(&mut xml, &name, result);
        }
        put(&mut xml, "  </testsuite>\n");
    }
    put(&mut xml, "</testsuites>\n");
    xml
}

fn case(xml: &mut String, suite: &str, result: &Conversation) {
    let (name, took) = (escaped(&result.name), seconds(result.took));
    put(
        xml,
        &format!("    <testcase classname=\"{suite}\" name=\"{name}\" time=\"{took:.3}\">\n"),
    );
    if let Outcome::Unplayed(why) = &result.outcome {
        let why = escaped(why);
        put(xml, &format!("      <error message=\"{why}\"/>\n"));
    }
    for (what, why) in result.missed() {
        let message = escaped(&format!("expected: {what}; but: {why}"));
        put(xml, &format!("      <failure message=\"{message}\"/>\n"));
    }
    if let Some(course) = &result.course {
        let shown = escaped(&course.shown());
        put(xml, &format!("      <system-out>{shown}</system-out>\n"));
    }
    put(xml, "    </testcase>\n");
}

fn counts<'a>(results: impl Iterator<Item = &'a Conversation>) -> (usize, usize, usize) {
    let (mut tests, mut failures, mut errors) = (0, 0, 0);
    for result in results {
        tests += 1;
        failures += usize::from(result.is_played() && !result.is_met());
        errors += usize::from(!result.is_played());
    }
    (tests, failures, errors)
}

fn put(xml: &mut String, text: &str) {
    // Writing to a string does not fail.
    let _ = xml.write_str(text);
}

/// A text as XML has it. Characters that XML 1.0 does not know are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callers_say_cannot_break_the_report() {
        let bad = "\"]]></testcase>&\u{0}\u{1b}[2J";
        let safe = escaped(bad);
        assert_eq!(
            safe,
            "&quot;]]&gt;&lt;/testcase&gt;&amp;\u{fffd}\u{fffd}[2J"
        );
    }
}
