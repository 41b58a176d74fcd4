use super::*;
use serde_json::{Value, json};

fn shipped() -> Value {
    serde_json::from_str(include_str!("../../../rules/recording_consent.json")).unwrap()
}

fn place(code: &str) -> Place {
    Place::parse(code).unwrap()
}

/// The shipped pack with one change.
fn changed(change: impl FnOnce(&mut Value)) -> Result<RulePack, PackError> {
    let mut pack = shipped();
    change(&mut pack);
    RulePack::parse(&pack.to_string())
}

#[test]
fn the_shipped_pack_is_read_whole() {
    let pack = RulePack::shipped();
    let rows = shipped()["jurisdictions"].as_array().unwrap().clone();
    assert_eq!(pack.len(), rows.len());
    assert_eq!(pack.len(), 93);
    assert_eq!(pack.id(), "callserver/recording-consent/1+2026-11-22");
    assert_eq!(pack.sha256().len(), 64);
    assert_eq!(pack.floor(), Mode::Announce);
    assert_eq!(pack.on_refusal(), AfterRefusal::ContinueUnrecorded);
    for row in rows {
        let rule = pack.rule(&place(row["code"].as_str().unwrap())).unwrap();
        assert_eq!(row["engine_mode"], rule.mode.name());
        assert_eq!(row["name"], rule.name);
        assert_eq!(row["citations"], rule.citations);
        assert_eq!(row["notes"], rule.notes);
        assert_eq!(
            row["confidence"],
            serde_json::to_value(rule.confidence).unwrap()
        );
        assert_eq!(
            row["consent_class"],
            serde_json::to_value(rule.class).unwrap()
        );
        assert_eq!(
            row["legal_minimum_mode"],
            rule.legal_minimum.map_or("none", Mode::name)
        );
        assert_eq!(
            row["recommended_mode"].as_str(),
            rule.recommended.map(Mode::name)
        );
        assert_eq!(
            row["why_recommended"].as_str(),
            rule.why_recommended.as_deref()
        );
    }
    assert!(pack.rule(&place("US-WA")).unwrap().must_record_announcement);
    assert!(
        pack.rule(&place("US-NY"))
            .unwrap()
            .telemarketing_notice_required
    );
}

#[test]
fn the_checksum_is_of_the_text() {
    // As `sha256sum` gives it. It changes with the file, and only on purpose.
    assert_eq!(
        RulePack::shipped().sha256(),
        "003dd7481f91276a41cb482d550956699a76d09411c737eae1c65e647fbc2411"
    );
    let text = shipped().to_string();
    let one = RulePack::parse(&text).unwrap();
    let other = RulePack::parse(&format!("{text}\n")).unwrap();
    assert_eq!(one.id(), other.id());
    assert_ne!(one.sha256(), other.sha256());
    assert_eq!(one.sha256(), RulePack::parse(&text).unwrap().sha256());
}

#[test]
fn a_place_without_a_row_has_the_strictest_default_of_its_kind() {
    let pack = RulePack::shipped();
    let cases = [
        (Some("US-CA"), "US-CA", Mode::AnnounceContinue, true),
        (Some("US-TX"), "US-TX", Mode::Announce, true),
        (Some("US"), US_UNKNOWN, Mode::AnnounceContinue, false),
        (Some("US-VI"), US_UNKNOWN, Mode::AnnounceContinue, false),
        (Some("US-XX"), US_UNKNOWN, Mode::AnnounceContinue, false),
        (Some("CA"), "CA", Mode::AnnounceContinue, true),
        (Some("CA-QC"), "CA", Mode::AnnounceContinue, true),
        (Some("DE-BY"), "DE", Mode::Affirmative, true),
        (Some("BG"), "EU", Mode::Affirmative, false),
        (Some("IS"), "EU", Mode::Affirmative, false),
        (Some("RU"), "ZZ", Mode::Affirmative, false),
        (Some("XX"), "ZZ", Mode::Affirmative, false),
        (Some("ZZ"), "ZZ", Mode::Affirmative, true),
        (None, "ZZ", Mode::Affirmative, false),
    ];
    for (code, rule, mode, own) in cases {
        let basis = pack.basis(code.map(place));
        assert_eq!(
            (basis.code.as_str(), basis.mode, basis.own),
            (rule, mode, own),
            "{code:?}"
        );
    }
}

#[test]
fn an_unsure_row_for_all_of_europe_relaxes_nothing() {
    let lax = |confidence: &str| {
        changed(|pack| {
            for row in pack["jurisdictions"].as_array_mut().unwrap() {
                if row["code"] == "EU" {
                    row["legal_minimum_mode"] = json!("announce");
                    row["engine_mode"] = json!("announce");
                    row["confidence"] = json!(confidence);
                }
            }
        })
        .unwrap()
        .basis(Some(place("BG")))
        .mode
    };
    assert_eq!(lax("low"), Mode::Affirmative);
    assert_eq!(lax("medium"), Mode::Affirmative);
    assert_eq!(lax("high"), Mode::Announce);
}

#[test]
fn the_row_for_the_unknown_can_only_make_it_stricter() {
    let pack = changed(|pack| {
        let rows = pack["jurisdictions"].as_array_mut().unwrap();
        let last = rows.last_mut().unwrap();
        assert_eq!(last["code"], "ZZ");
        last["engine_mode"] = json!("no_record");
    });
    assert_eq!(pack.unwrap().basis(None).mode, Mode::NoRecord);
}

#[test]
fn what_cannot_be_relied_on_is_refused_with_its_place() {
    type Change = fn(&mut Value);
    let cases: &[(Change, &str)] = &[
        (
            |p| p["schema"] = json!("callserver/recording-consent/2"),
            "schema: this server reads",
        ),
        (|p| p["schema"] = json!(1), "line 1"),
        (
            |p| p["as_of"] = json!("2026-02-30"),
            "as_of: \"2026-02-30\"",
        ),
        (|p| p["as_of"] = json!("22.11.2026"), "as_of"),
        (
            |p| p["modes_in_order_of_strictness"] = json!(["announce"]),
            "modes_in_order_of_strictness",
        ),
        (
            |p| p["unknown_us_default"] = json!("announce"),
            "unknown_us_default: announce is laxer than",
        ),
        (
            |p| p["unknown_country_default"] = json!("announce_continue"),
            "unknown_country_default: announce_continue is laxer than affirmative",
        ),
        (
            |p| p["platform_floor"] = json!("none"),
            "platform_floor: \"none\" is none of announce",
        ),
        (
            |p| p["on_refusal_default"] = json!("hang_up"),
            "on_refusal_default: \"hang_up\"",
        ),
        (
            |p| p["jurisdictions"][4]["engine_mode"] = json!("whisper"),
            "jurisdictions[4] (US-CA).engine_mode: \"whisper\"",
        ),
        (
            |p| p["jurisdictions"][0]["engine_mode"] = json!("none"),
            "jurisdictions[0] (US-AL).engine_mode: \"none\"",
        ),
        (
            |p| p["jurisdictions"][4]["engine_mode"] = json!("announce"),
            "jurisdictions[4] (US-CA).engine_mode: announce is laxer than announce_continue",
        ),
        (
            |p| p["jurisdictions"][4]["recommended_mode"] = json!("announce"),
            "jurisdictions[4] (US-CA).recommended_mode: announce is laxer",
        ),
        (
            |p| p["jurisdictions"][4]["consent_class"] = json!("both"),
            "(US-CA).consent_class",
        ),
        (
            |p| p["jurisdictions"][4]["confidence"] = json!("sure"),
            "(US-CA).confidence",
        ),
        (
            |p| p["jurisdictions"][4]["code"] = json!("California"),
            "jurisdictions[4].code: \"California\"",
        ),
        (
            |p| p["jurisdictions"][5]["code"] = json!("US-AL"),
            "jurisdictions[5]: US-AL is there already, as jurisdictions[0]",
        ),
        (|p| p["jurisdictions"] = json!([]), "no row ZZ"),
        (
            |p| {
                p["jurisdictions"].as_array_mut().unwrap().pop();
            },
            "no row ZZ",
        ),
        // A setting that would not be heeded.
        (
            |p| p["jurisdictions"][4]["reccomended_mode"] = json!("affirmative"),
            "unknown field `reccomended_mode`",
        ),
        (|p| p["strict"] = json!(true), "unknown field `strict`"),
        (
            |p| {
                p.as_object_mut().unwrap().remove("platform_floor");
            },
            "missing field `platform_floor`",
        ),
    ];
    for (change, want) in cases {
        let problem = changed(change).map(|_| ()).unwrap_err().to_string();
        assert!(problem.contains(want), "want {want:?}, got {problem:?}");
    }
    for text in ["", "[]", "{", "null", "\"\\ud800\""] {
        assert!(
            matches!(RulePack::parse(text), Err(PackError::Json { .. })),
            "{text:?}"
        );
    }
    let long = " ".repeat(PACK_BYTES_MAX + 1);
    assert!(matches!(
        RulePack::parse(&long),
        Err(PackError::TooLong { .. })
    ));
}

#[test]
fn a_pack_has_a_bound_on_its_rows() {
    let many = changed(|pack| {
        let row = pack["jurisdictions"][0].clone();
        pack["jurisdictions"] = Value::Array(vec![row; RULES_MAX + 1]);
    });
    // Such a pack may be refused by its bytes first.
    assert!(matches!(
        many,
        Err(PackError::TooMany { .. } | PackError::TooLong { .. })
    ));
}

mod replaced {
    //! A pack in place of the shipped one.

    use super::*;

    fn over(change: impl FnOnce(&mut Value)) -> RulePack {
        let mut pack = shipped();
        change(&mut pack);
        RulePack::replacing(&pack.to_string(), RulePack::shipped()).unwrap()
    }

    fn lax(pack: &mut Value, confidence: &str) {
        for row in pack["jurisdictions"].as_array_mut().unwrap() {
            row["legal_minimum_mode"] = json!("none");
            row["engine_mode"] = json!("announce");
            row["confidence"] = json!(confidence);
            for gone in ["recommended_mode", "why_recommended"] {
                row.as_object_mut().unwrap().remove(gone);
            }
        }
        pack["unknown_us_default"] = json!("announce_continue");
    }

    #[test]
    fn what_is_not_sure_or_old_relaxes_nothing() {
        let shipped = RulePack::shipped();
        let old = over(|pack| {
            lax(pack, "high");
            pack["as_of"] = json!("2020-01-01");
        });
        for pack in [over(|pack| lax(pack, "medium")), old] {
            for place in shipped.rules.keys() {
                let (now, was) = (pack.rule(place).unwrap(), shipped.rule(place).unwrap());
                assert!(now.mode >= was.mode, "{place}");
                assert!(now.legal_minimum >= was.legal_minimum, "{place}");
                assert!(now.confidence != Confidence::High);
            }
            for unknown in [None, Some(place("JP")), Some(place("US"))] {
                assert!(pack.basis(unknown).mode >= shipped.basis(unknown).mode);
            }
        }
    }

    #[test]
    fn a_sure_row_replaces_and_what_is_left_out_stays() {
        let pack = over(|pack| {
            lax(pack, "high");
            pack["as_of"] = json!("2027-01-01");
            let rows = pack["jurisdictions"].as_array_mut().unwrap();
            rows.retain(|row| row["code"] != "US-CA");
        });
        let shipped = RulePack::shipped();
        assert_eq!(pack.rule(&place("US-CA")), shipped.rule(&place("US-CA")));
        assert_eq!(pack.rule(&place("DE")).unwrap().mode, Mode::Announce);
        assert_eq!(
            pack.id(),
            "callserver/recording-consent/1+2027-01-01~2026-11-22"
        );
    }
}
