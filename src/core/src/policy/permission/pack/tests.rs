//! A pack in place of the shipped one.

use serde_json::{Value, json};

use super::*;

fn place(code: &str) -> Option<Place> {
    Some(Place::parse(code).unwrap())
}

fn over(change: impl FnOnce(&mut Value)) -> Result<PermissionPack, PackError> {
    let shipped = include_str!("../../../../rules/call_permission.json");
    let mut pack = serde_json::from_str(shipped).unwrap();
    change(&mut pack);
    PermissionPack::replacing(&pack.to_string(), PermissionPack::shipped())
}

fn lax(pack: &mut Value, confidence: &str) {
    for row in pack["needs"].as_array_mut().unwrap() {
        for purpose in Purpose::ALL {
            row[purpose.name()] = json!("basis");
        }
        row["confidence"] = json!(confidence);
    }
    for row in pack["registries"].as_array_mut().unwrap() {
        row["purposes"] = json!([]);
        row["max_age"] = json!("P300D");
        row["covers"] = json!("consumers");
        row["lifted_by"] = json!("express");
        row["confidence"] = json!(confidence);
    }
    pack["caps"] = json!([]);
}

#[test]
fn what_is_not_sure_or_old_relaxes_nothing() {
    let shipped = PermissionPack::shipped();
    let old = over(|pack| {
        lax(pack, "high");
        pack["as_of"] = json!("2026-01-01");
    });
    for pack in [over(|pack| lax(pack, "medium")), old] {
        let pack = pack.unwrap();
        for code in ["US", "US-FL", "DE", "FI", "CA", "JP", "GB", "IT"] {
            for purpose in Purpose::ALL {
                let (now, was) = (
                    pack.need(place(code), purpose),
                    shipped.need(place(code), purpose),
                );
                assert!(now.1 >= was.1, "{code} {purpose:?}");
            }
        }
        for was in shipped.all_registries() {
            let now = pack.registry(&was.id).unwrap();
            assert_eq!(
                (now.purposes, now.age_ms_max),
                (was.purposes, was.age_ms_max)
            );
            assert!(now.covers_businesses || !was.covers_businesses);
            assert_eq!(now.lifted_by, LiftedBy::Nothing);
        }
        assert_eq!(pack.caps, shipped.caps);
    }
}

#[test]
fn a_sure_row_replaces_and_what_is_left_out_stays() {
    let pack = over(|pack| {
        lax(pack, "high");
        pack["as_of"] = json!("2027-01-01");
        let rows = pack["registries"].as_array_mut().unwrap();
        rows.retain(|row| row["id"] != "gb-tps");
    });
    let pack = pack.unwrap();
    assert_eq!(
        pack.need(place("DE"), Purpose::Marketing),
        ("DE".into(), Need::Basis)
    );
    let shipped = PermissionPack::shipped();
    assert_eq!(pack.registry("gb-tps"), shipped.registry("gb-tps"));
    assert!(pack.registry("us-national").unwrap().purposes.is_empty());
    assert_eq!(
        pack.name().id,
        "callserver/call-permission/1+2027-01-01~2026-11-23"
    );
}

#[test]
fn a_register_stays_where_it_is() {
    let moved = over(|pack| {
        let rows = pack["registries"].as_array_mut().unwrap();
        rows.iter_mut().find(|row| row["id"] == "gb-tps").unwrap()["code"] = json!("JP");
    });
    let why = moved.unwrap_err().to_string();
    assert!(why.contains("\"gb-tps\" is of GB in the pack"), "{why}");
}
