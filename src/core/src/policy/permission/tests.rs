//! Packs that can be relied on, and those that cannot. What the shipped one makes of people is in `fixtures/policy`.

use serde_json::{Value, json};

use super::*;
use crate::pack::PackError;

fn changed(change: impl FnOnce(&mut Value)) -> Result<PermissionPack, PackError> {
    let shipped = include_str!("../../../rules/call_permission.json");
    let mut pack = serde_json::from_str(shipped).unwrap();
    change(&mut pack);
    PermissionPack::parse(&pack.to_string())
}

fn place(code: &str) -> Option<Place> {
    Some(Place::parse(code).unwrap())
}

#[test]
fn the_shipped_pack_is_read_whole() {
    let pack = PermissionPack::shipped();
    assert_eq!(pack.name().id, "callserver/call-permission/1+2026-11-23");
    assert_eq!(pack.all_registries().len(), 9);
    for (code, purpose, rule, need) in [
        ("US-FL", Purpose::Marketing, "US", Need::Written),
        ("US", Purpose::Service, "US", Need::Express),
        ("PR", Purpose::Marketing, "PR", Need::Written),
        ("DE", Purpose::Service, "DE", Need::Basis),
        ("FI", Purpose::Survey, "EU", Need::Express),
        ("CA", Purpose::Service, "CA", Need::Express),
        ("JP", Purpose::Service, "ZZ", Need::Express),
    ] {
        assert_eq!(
            pack.need(place(code), purpose),
            (rule.to_owned(), need),
            "{code}"
        );
    }
    assert_eq!(
        pack.need(None, Purpose::Service),
        ("ZZ".to_owned(), Need::Express)
    );
}

#[test]
fn a_row_that_is_not_sure_relaxes_nothing() {
    let unsure = changed(|pack| {
        for table in ["needs", "registries"] {
            for row in pack[table].as_array_mut().unwrap() {
                row["confidence"] = "medium".into();
            }
        }
    });
    let unsure = unsure.unwrap();
    assert_eq!(unsure.need(place("DE"), Purpose::Service).1, Need::Express);
    assert_eq!(
        unsure.need(place("US-NY"), Purpose::Marketing).1,
        Need::Written
    );
    let there = [place("US-NY")];
    let of = |kind| {
        let asked = unsure.registries(&there, Purpose::Marketing, kind);
        asked
            .map(|r| (r.id.clone(), r.is_lifted_by(Some(Form::Written))))
            .collect::<Vec<_>>()
    };
    for kind in [Kind::Business, Kind::Consumer] {
        assert_eq!(of(kind), [("us-national".to_owned(), false)], "{kind:?}");
    }
    let sure = PermissionPack::shipped();
    let asked = sure.registries(&there, Purpose::Marketing, Kind::Business);
    assert_eq!(asked.count(), 0);
    // A part of a country may want more than its country, and never less.
    let part = changed(|pack| {
        let mut row = pack["needs"][0].clone();
        row["code"] = "US-TX".into();
        row["marketing"] = "basis".into();
        row["service"] = "written".into();
        pack["needs"].as_array_mut().unwrap().push(row);
    });
    let part = part.unwrap();
    assert_eq!(
        part.need(place("US-TX"), Purpose::Marketing).1,
        Need::Written
    );
    assert_eq!(part.need(place("US-TX"), Purpose::Service).1, Need::Written);
}

#[test]
fn a_pack_that_cannot_be_relied_on_is_refused() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change); 12] = [
        ("schema", |p| {
            p["schema"] = "callserver/calling-hours/1".into()
        }),
        ("as_of", |p| p["as_of"] = "soon".into()),
        ("needs[0] (US).marketing", |p| {
            p["needs"][0]["marketing"] = "spoken".into()
        }),
        ("needs[0] (US).confidence", |p| {
            p["needs"][0]["confidence"] = "sure".into()
        }),
        ("needs[1].code", |p| {
            p["needs"][1]["code"] = "Puerto Rico".into()
        }),
        ("needs", |p| p["needs"][1]["code"] = "US".into()),
        ("ZZ", |p| {
            p["needs"].as_array_mut().unwrap().pop();
        }),
        ("registries[0].id", |p| {
            p["registries"][0]["id"] = "US National".into()
        }),
        ("registries", |p| {
            p["registries"][1]["id"] = "us-national".into()
        }),
        ("registries[2].max_age", |p| {
            p["registries"][2]["max_age"] = "P4W".into()
        }),
        ("registries[0].lifted_by", |p| {
            p["registries"][0]["lifted_by"] = "written ".into()
        }),
        ("caps[0]", |p| p["caps"][0]["max_calls"] = json!(0)),
    ];
    for (at, change) in cases {
        let error = changed(change).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(at), "{at}: {error}");
    }
    // What is not understood is not passed over.
    let unknown = changed(|p| p["needs"][0]["sms"] = "basis".into());
    assert!(unknown.is_err());
}
