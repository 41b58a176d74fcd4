use super::*;
use serde_json::{Value, json};

fn shipped() -> Value {
    serde_json::from_str(include_str!("../../../rules/calling_hours.json")).unwrap()
}

fn changed(change: impl FnOnce(&mut Value)) -> Result<HoursPack, PackError> {
    let mut pack = shipped();
    change(&mut pack);
    HoursPack::parse(&pack.to_string())
}

fn place(code: &str) -> Place {
    Place::parse(code).unwrap()
}

fn shown(rule: &Rule, weekday: usize) -> String {
    let spans: Vec<_> = rule
        .week
        .day(weekday)
        .iter()
        .map(ToString::to_string)
        .collect();
    spans.join(" ")
}

#[test]
fn the_shipped_pack_is_read_whole() {
    let pack = HoursPack::shipped();
    let rows = shipped()["rules"].as_array().unwrap().clone();
    assert_eq!((pack.rules().count(), rows.len()), (53, 53));
    assert_eq!(pack.id(), "callserver/calling-hours/1+2026-11-22");
    for row in &rows {
        let rule = pack.rule(&place(row["code"].as_str().unwrap())).unwrap();
        assert_eq!(row["name"], rule.name);
        assert_eq!(row["citations"], rule.citations);
        // Together with others a row is never laxer than it says.
        for (weekday, day) in ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            .iter()
            .enumerate()
        {
            let inside = |span: &Span| {
                row["windows"][day].as_array().unwrap().iter().any(|hours| {
                    let text = span.to_string();
                    let (from, until) = text.split_once('-').unwrap();
                    hours[0].as_str().unwrap() <= from && until <= hours[1].as_str().unwrap()
                })
            };
            assert!(
                rule.week.day(weekday).iter().all(inside),
                "{} {day}",
                rule.id
            );
        }
    }
}

#[test]
fn the_checksum_is_of_the_text() {
    // As `sha256sum` gives it. It changes with the file, and only on purpose.
    assert_eq!(
        HoursPack::shipped().sha256(),
        "ebe45bc48f8ec16a7e9fcf479551cf4c33f20784f6a58eb56dcd34f9bd04a18b"
    );
}

#[test]
fn a_place_has_its_own_hours_or_a_default() {
    let pack = HoursPack::shipped();
    let cases = [
        (Some("US-NY"), "US-NY", "08:00-21:00", "08:00-21:00"),
        (Some("US-AK"), "US", "08:00-21:00", "08:00-21:00"),
        (Some("US-PR"), "US", "08:00-21:00", "08:00-21:00"),
        (Some("US"), "US-UNKNOWN", "10:00-20:00", ""),
        (Some("US-CA"), "US-CA", "09:00-21:00", "09:00-21:00"),
        (Some("US-ME"), "US-ME", "09:00-17:00", ""),
        (Some("US-SD"), "US-SD", "09:00-21:00", ""),
        (Some("GB-ENG"), "GB", "09:00-20:00", ""),
        (Some("DE"), "DE", "09:00-20:00", ""),
        (Some("FI"), "EU", "10:00-18:00", ""),
        (Some("JP"), "ZZ", "10:00-18:00", ""),
        (None, "ZZ", "10:00-18:00", ""),
    ];
    for (code, id, monday, sunday) in cases {
        let rule = pack.basis(code.map(place));
        assert_eq!(rule.id, id, "{code:?}");
        assert_eq!(
            (shown(rule, 0).as_str(), shown(rule, 6).as_str()),
            (monday, sunday),
            "{code:?}"
        );
    }
    let sure = |wanted| move |row: &Value| row["code"] == wanted;
    assert_eq!(pack.basis(Some(place("US-MS"))).also_in.len(), 1);
    assert!(
        shipped()["rules"]
            .as_array()
            .unwrap()
            .iter()
            .any(sure("US-MS"))
    );
}

#[test]
fn a_row_that_is_not_sure_tightens_and_never_relaxes() {
    let with = |code: &'static str, confidence: &'static str| {
        changed(|pack| {
            let rows = pack["rules"].as_array_mut().unwrap();
            let mut japan = rows.last().unwrap().clone();
            japan["code"] = "JP".into();
            rows.push(japan);
            let row = rows.iter_mut().find(|row| row["code"] == code).unwrap();
            row["confidence"] = confidence.into();
            row["windows"]["mon"] = json!([["10:00", "20:00"]]);
            row["artificial_voice_windows"] = row["windows"].clone();
            row["artificial_voice_windows"]["mon"] = json!([["07:00", "19:00"]]);
        })
        .unwrap()
    };
    // Sure of hours for artificial voices, a row has these; a state never more than the federation.
    assert_eq!(
        shown(with("JP", "high").basis(Some(place("JP"))), 0),
        "07:00-19:00"
    );
    for confidence in ["medium", "low", "n/a"] {
        assert_eq!(
            shown(with("JP", confidence).basis(Some(place("JP"))), 0),
            "10:00-19:00"
        );
    }
    assert_eq!(
        shown(with("US-NY", "high").basis(Some(place("US-NY"))), 0),
        "08:00-19:00"
    );
    // A default for many countries that is sure of itself stands by itself.
    let sure = changed(|pack| {
        for row in pack["rules"].as_array_mut().unwrap() {
            if row["code"] == "EU" {
                row["confidence"] = "high".into();
            }
        }
    });
    assert_eq!(
        shown(sure.unwrap().basis(Some(place("FI"))), 0),
        "09:00-20:00"
    );
}

#[test]
fn a_pack_that_cannot_be_relied_on_is_refused() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 16] = [
        (
            |p| p["schema"] = "other/1".into(),
            "schema: this server reads",
        ),
        (|p| p["as_of"] = "2026-02-30".into(), "as_of"),
        (|p| p["surprise"] = 1.into(), "surprise"),
        (|p| p["rules"][3]["surprise"] = 1.into(), "surprise"),
        (
            |p| p["rules"][3]["confidence"] = "sure".into(),
            "rules[3] (US-CT).confidence",
        ),
        (
            |p| p["rules"][3]["holidays"] = "ajar".into(),
            "rules[3] (US-CT).holidays",
        ),
        (
            |p| p["rules"][3]["applies_to"] = "surveys".into(),
            "applies_to",
        ),
        (|p| p["rules"][3]["code"] = "us".into(), "rules[3].code"),
        (
            |p| p["rules"][3]["code"] = "US".into(),
            "rules[3]: US is there already, as rules[0]",
        ),
        (|p| p["rules"][0]["code"] = "US-ZZZ".into(), "no row US"),
        (|p| p["rules"][52]["code"] = "YY".into(), "no row ZZ"),
        (
            |p| p["rules"][3]["windows"]["mon"] = json!([["21:00", "08:00"]]),
            "rules[3] (US-CT).windows.mon",
        ),
        (
            |p| p["rules"][3]["windows"]["mon"] = json!([["08:00", "24:01"]]),
            "24:00",
        ),
        (
            |p| p["rules"][3]["windows"]["mon"] = json!([["08:00", "12:00"], ["11:00", "13:00"]]),
            "overlap",
        ),
        (
            |p| {
                p["rules"][3]["windows"]
                    .as_object_mut()
                    .unwrap()
                    .remove("sun");
            },
            "sun",
        ),
        (
            |p| p["rules"][3]["fixed_timezone"] = "Mars/Base".into(),
            "fixed_timezone",
        ),
    ];
    for (change, want) in cases {
        let problem = changed(change).unwrap_err().to_string();
        assert!(problem.contains(want), "{want}: {problem}");
    }
    assert!(matches!(
        HoursPack::parse(&" ".repeat(PACK_BYTES_MAX + 1)),
        Err(PackError::TooLong { .. })
    ));
    assert!(HoursPack::parse("{").is_err());
}

#[test]
fn a_cap_that_cannot_be_read_is_no_cap_less() {
    for caps in [
        json!([{ "max_calls": 0, "period": "PT24H", "key": "callee" }]),
        json!([{ "max_calls": 3, "period": "P1M", "key": "callee" }]),
        json!([{ "max_calls": 3, "period": "P9999D", "key": "callee" }]),
        json!([{ "max_calls": 3, "period": "PT-1H", "key": "callee" }]),
        json!([{ "max_calls": 3, "priod": "PT24H", "key": "callee" }]),
        json!([{ "cooldown": "P60D", "after": "sale" }]),
        json!("3 a day"),
    ] {
        let read = changed(|pack| {
            let rows = pack["rules"].as_array_mut().unwrap();
            let row = rows.iter_mut().find(|row| row["code"] == "US-FL");
            row.unwrap()["frequency_caps"] = caps.clone();
        });
        assert!(read.is_err(), "{caps}");
    }
    let read = changed(|pack| pack["frequency_default"]["min_gap"] = json!("two hours"));
    assert!(matches!(read, Err(PackError::Period { .. })));
}

#[test]
fn a_part_is_called_no_more_often_than_its_country() {
    let pack = changed(|pack| {
        let rows = pack["rules"].as_array_mut().unwrap();
        let row = rows.iter_mut().find(|row| row["code"] == "US");
        row.unwrap()["frequency_caps"] =
            json!([{ "max_calls": 2, "period": "PT24H", "key": "callee" }]);
    });
    let caps = pack.unwrap().rule(&place("US-FL")).unwrap().caps.clone();
    let rules: Vec<_> = caps
        .iter()
        .map(|cap| (cap.rule.as_str(), cap.calls_max))
        .collect();
    assert_eq!(rules, [("US-FL", 3), ("US", 2)]);
}
