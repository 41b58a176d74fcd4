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
        "e0973e0978ca19ab7a463db9590667c0310c849780950f93fe953b9a24811f80"
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

mod replaced {
    //! A pack in place of the shipped one.

    use super::*;

    fn over(change: impl FnOnce(&mut Value)) -> HoursPack {
        let mut pack = shipped();
        change(&mut pack);
        HoursPack::replacing(&pack.to_string(), HoursPack::shipped()).unwrap()
    }

    fn row<'a>(pack: &'a mut Value, code: &str) -> &'a mut Value {
        let rows = pack["rules"].as_array_mut().unwrap();
        rows.iter_mut().find(|row| row["code"] == code).unwrap()
    }

    fn open_always(row: &mut Value) {
        for day in ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] {
            row["windows"][day] = json!([["00:00", "24:00"]]);
        }
        row["holidays"] = json!("open");
        row["frequency_caps"] = json!([]);
        for gone in [
            "artificial_voice_windows",
            "artificial_voice_holidays",
            "eves_of_holidays",
            "fixed_timezone",
        ] {
            row.as_object_mut().unwrap().remove(gone);
        }
    }

    #[test]
    fn the_same_pack_over_itself_is_the_same() {
        let (shipped, pack) = (HoursPack::shipped(), over(|_| {}));
        assert_eq!(
            pack.id(),
            "callserver/calling-hours/1+2026-11-22~2026-11-22"
        );
        for (place, rule) in shipped.rules() {
            assert_eq!(pack.rule(place), Some(rule));
        }
        assert_eq!(pack.basis(None), shipped.basis(None));
        let us = Some(place("US"));
        assert_eq!(pack.basis(us).week, shipped.basis(us).week);
        assert_eq!(pack.basis(us).caps, shipped.basis(us).caps);
    }

    /// Everything is open at all hours, in rows that are not sure or in a pack that is old: nothing becomes laxer anywhere.
    #[test]
    fn what_is_not_sure_or_old_relaxes_nothing() {
        let lax = |pack: &mut Value, confidence: Option<&str>| {
            for row in pack["rules"].as_array_mut().unwrap() {
                open_always(row);
                if let Some(confidence) = confidence {
                    row["confidence"] = json!(confidence);
                }
            }
            let windows = pack["rules"][0]["windows"].clone();
            pack["unknown_us_default"]["windows"] = windows;
            pack["unknown_us_default"]["holidays"] = json!("open");
            pack["frequency_default"]["max_attempts_per_24h"] = json!(99);
            pack["frequency_default"]["min_gap"] = json!("PT1H");
        };
        let shipped = HoursPack::shipped();
        let old = over(|pack| {
            lax(pack, Some("high"));
            pack["as_of"] = json!("2026-11-21");
        });
        for pack in [
            over(|pack| lax(pack, Some("medium"))),
            over(|pack| lax(pack, Some("low"))),
            old,
        ] {
            let mut places: Vec<Option<Place>> = shipped.rules().map(|(p, _)| Some(*p)).collect();
            places.extend([None, Some(place("JP")), Some(place("FI"))]);
            for place in places {
                let (now, was) = (pack.basis(place), shipped.basis(place));
                assert_eq!(now.week, was.week, "{place:?}");
                assert_eq!(now.on_holidays, was.on_holidays, "{place:?}");
                assert_eq!(now.eves_as_saturday, was.eves_as_saturday);
                assert!(was.caps.iter().all(|cap| now.caps.contains(cap)));
                assert!(was.also_in.iter().all(|zone| now.also_in.contains(zone)));
            }
            assert_eq!(pack.frequency(), shipped.frequency());
        }
    }

    #[test]
    fn a_sure_row_of_a_young_pack_replaces_and_still_obeys_its_nation() {
        let pack = over(|pack| {
            pack["as_of"] = json!("2027-01-01");
            let florida = row(pack, "US-FL");
            open_always(florida);
            florida["confidence"] = json!("high");
        });
        let (florida, nation) = (pack.rule(&place("US-FL")), pack.rule(&place("US")));
        assert_eq!(shown(florida.unwrap(), 0), "08:00-21:00");
        assert_eq!(shown(nation.unwrap(), 0), "08:00-21:00");
        let shipped = HoursPack::shipped().rule(&place("US-FL"));
        assert_eq!(shown(shipped.unwrap(), 0), "08:00-20:00");
    }

    #[test]
    fn a_row_that_is_left_out_stays() {
        let pack = over(|pack| {
            pack["as_of"] = json!("2027-01-01");
            let rows = pack["rules"].as_array_mut().unwrap();
            rows.retain(|row| ["US", "ZZ"].contains(&row["code"].as_str().unwrap()));
        });
        let shipped = HoursPack::shipped();
        for code in ["US-FL", "FR", "IT"] {
            assert_eq!(pack.rule(&place(code)), shipped.rule(&place(code)));
        }
    }

    #[test]
    fn a_row_that_is_not_sure_tightens() {
        let pack = over(|pack| {
            let florida = row(pack, "US-FL");
            florida["confidence"] = json!("low");
            florida["windows"]["mon"] = json!([["10:00", "22:00"]]);
        });
        let florida = pack.rule(&place("US-FL")).unwrap();
        assert_eq!(shown(florida, 0), "10:00-20:00");
    }
}
