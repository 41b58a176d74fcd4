//! The data folder as a thief finds it: nothing in it is readable; and as its owner does: nothing of a refused call is there.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use trunkline_core::journal::{SILENCE, Speaker};

use super::consent::{ASKS, answer};
use super::rig::{AGENT_BYE, AGENT_WHY, CLIENT, DAY, FROM, House, QUESTION, TO, WHY, booker};
use crate::session::rig::heard;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

/// A text in all the forms in which it might lie about. base64 hides the start and the end of what does not begin at a
/// third byte: the middle that is the same wherever it lies is looked for.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let wide: Vec<u16> = text.encode_utf16().collect();
    let mut forms = vec![
        text.as_bytes().to_vec(),
        wide.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        wide.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
    ];
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.push(hex.into_bytes());
    for before in 0..3 {
        let shifted = [vec![0; before], text.as_bytes().to_vec()].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let coded = engine.encode(&shifted);
            let begin = (before * 8).div_ceil(6);
            let end = (shifted.len() * 8) / 6;
            // So short a piece may be there by chance.
            if end - begin >= 6 {
                forms.push(coded.as_bytes()[begin..end].to_vec());
            }
        }
    }
    forms
}

/// Words that would tell something: of five letters and more.
fn telling(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() >= 5)
        .flat_map(|word| [word.to_owned(), word.to_lowercase()])
        .collect()
}

/// Many texts in all their forms, by the first four bytes of each.
#[derive(Default)]
struct Wanted(HashMap<[u8; 4], Vec<(Vec<u8>, String)>>);

impl Wanted {
    fn new<'a>(texts: impl IntoIterator<Item = &'a String>) -> Self {
        let mut wanted = Self::default();
        for text in texts {
            for form in forms(text) {
                let first = *form.first_chunk().unwrap();
                wanted
                    .0
                    .entry(first)
                    .or_default()
                    .push((form, text.clone()));
            }
        }
        wanted
    }

    /// The first of the texts that is there.
    fn find(&self, bytes: &[u8]) -> Option<&str> {
        let mut windows = bytes.windows(4).enumerate();
        windows.find_map(|(at, window)| {
            let first: &[u8; 4] = window.first_chunk()?;
            let mut found = self.0.get(first)?.iter();
            found.find_map(|(form, text)| bytes[at..].starts_with(form).then_some(text.as_str()))
        })
    }
}

#[test]
fn a_text_is_found_in_whatever_form_it_lies_about() {
    let wanted = Wanted::new(&["grandmother".to_owned()]);
    for before in ["", "x", "xy", "xyz"] {
        let text = format!("{before}grandmother and more");
        let standard = STANDARD_NO_PAD.encode(&text);
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [text.as_bytes(), standard.as_bytes(), &wide] {
            assert_eq!(wanted.find(bytes), Some("grandmother"), "{text}");
        }
    }
    assert_eq!(wanted.find(b"grandfather and more"), None);
}

/// Every text that must not be readable: who spoke, what was said, and what the agent was told to say.
fn secrets(agent: &str, lines: &[String]) -> BTreeSet<String> {
    let mut secrets = BTreeSet::new();
    for number in [FROM, TO] {
        let digits = number.trim_start_matches('+');
        secrets.extend([number, digits, &digits[1..]].map(str::to_owned));
    }
    let spoken = [CLIENT, "Robinson", QUESTION, DAY, WHY, AGENT_WHY, AGENT_BYE];
    let all = spoken
        .into_iter()
        .chain([agent])
        .chain(lines.iter().map(String::as_str));
    for text in all {
        secrets.extend(telling(text));
        secrets.insert(text.to_owned());
    }
    secrets
}

#[tokio::test(start_paused = true)]
async fn a_data_folder_tells_nobody_who_called_and_what_was_said() {
    let agent = booker(ASKS);
    let house = House::open(agent.clone()).await;
    let (granted, first) = answer(&house, "yes please").await;
    let (refused, second) = answer(&house, "no thank you").await;
    let lines = [heard(&first), heard(&second)];
    // Also what is not yet in the database proper.
    let mut found = Vec::new();
    files(house.folder(), &mut found);
    let mut kinds = BTreeSet::new();
    // The words of the database's and the documents' own language are everywhere.
    let own = own_words();
    let secrets = secrets(&agent, &lines);
    let secrets: Vec<&String> = secrets
        .iter()
        .filter(|secret| !own.contains(&secret.to_lowercase()))
        .collect();
    assert!(secrets.len() > 50, "{secrets:?}");
    for must in [
        "grandmother",
        "toothache",
        "Wednesday",
        "Wintergreen",
        "12125550137",
    ] {
        assert!(secrets.iter().any(|secret| *secret == must), "{must}");
    }
    let wanted = Wanted::new(secrets.iter().copied());
    for path in &found {
        let bytes = fs::read(path).unwrap();
        kinds.extend(
            path.extension()
                .map(|end| end.to_string_lossy().into_owned()),
        );
        let name = path.to_string_lossy().into_owned();
        assert_eq!(wanted.find(&bytes), None, "readable in {name}");
        assert_eq!(wanted.find(name.as_bytes()), None, "in the name {name}");
    }
    println!(
        "{} files of kinds {kinds:?}, {} secrets",
        found.len(),
        secrets.len()
    );
    assert!(found.len() >= 4, "{found:?}");

    // As the owner: everything that can be opened.
    let kept = house.kept(&granted).await;
    assert_eq!(
        kept.said(Speaker::Caller),
        [DAY, WHY],
        "what is looked for can be found"
    );
    let kept = house.kept(&refused).await;
    let refused_at = kept.steps().last().unwrap().at_ms;
    assert!(kept.caller.iter().all(|byte| *byte == SILENCE));
    let opened = format!("{:?}", kept.entries) + &serde_json::to_string(&kept.entries).unwrap();
    let rows = house.turn_rows(&refused).await;
    let opened = opened + &serde_json::to_string(&rows).unwrap();
    for said in [DAY, WHY, AGENT_WHY, AGENT_BYE, "no thank you"] {
        assert!(!opened.contains(said), "{said}");
        for word in telling(said)
            .iter()
            .filter(|word| !QUESTION.contains(word.as_str()))
        {
            assert!(!opened.contains(word.as_str()), "{word}");
        }
    }
    assert!(rows.iter().all(|turn| turn.to_ms <= refused_at));
    assert_eq!(rows.len(), kept.transcript().turns.len());
    for event in house.event_rows(&refused).await {
        assert!(["not_kept"].contains(&event.kind.as_str()), "{event:?}");
    }
}

/// What stands in every database and journal of Trunkline, with or without a call.
fn own_words() -> String {
    let schema = include_str!("../../../migrations/sqlite/0001_calls_and_clients.sql");
    let of_rules = "affirmative announced granted refused said_yes said_no question agent caller agent_hung_up";
    format!("{schema} {of_rules}").to_lowercase()
}
