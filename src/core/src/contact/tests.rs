use super::*;

fn details(phone: &str) -> Details {
    Details {
        phones: vec![(phone.into(), None)],
        ..Details::default()
    }
}

fn faults(details: Details) -> Vec<(String, &'static str)> {
    let faults = Contact::read(details, &[]).unwrap_err();
    let pairs = faults.into_iter().map(|fault| (fault.pointer, fault.code));
    pairs.collect()
}

#[test]
fn numbers_are_read_as_people_write_them() {
    for (text, want) in [
        ("+1 (555) 010-0123", Some("+15550100123")),
        ("+44 (0)20 7946 0123", Some("+442079460123")),
        (" +49\u{a0}30/901820 ", Some("+4930901820")),
        ("555 010 0123", None),
        ("0049 30 901820", None),
        ("+1 555 CALL", None),
        ("+1555010012345678", None),
    ] {
        let read = number(text).ok();
        assert_eq!(read.as_ref().map(PhoneNumber::as_str), want, "{text}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let wrong = Details {
        phones: vec![("5550100123".into(), None), ("+15550100123".into(), None)],
        time_zone: Some("Mars/Base".into()),
        country: Some("Germany".into()),
        language: Some("klingonisch".into()),
        kind: Some("robot".into()),
        lawful_basis: Some("because".into()),
        preferences: BTreeMap::from([(CALLING_HOURS.into(), "mornings".into())]),
        restricted: Some("perhaps".into()),
        ..Details::default()
    };
    let want = [
        ("/phones/0/number", "invalid_number"),
        ("/time_zone", "invalid_time_zone"),
        ("/country", "invalid_place"),
        ("/language", "invalid_language"),
        ("/kind", "unknown_value"),
        ("/lawful_basis", "unknown_value"),
        ("/preferences/calling_hours", "invalid_hours"),
        ("/restricted", "unknown_value"),
    ];
    let want = want.map(|(pointer, code)| (pointer.to_owned(), code));
    assert_eq!(faults(wrong), want);
    assert_eq!(faults(Details::default())[0].0, "/phones");
}

#[test]
fn a_region_has_its_country() {
    for (country, region, want) in [
        (Some("us"), Some("ca"), Some("US-CA")),
        (None, Some("US-CA"), Some("US-CA")),
        (Some("DE"), None, Some("DE")),
        (None, Some("CA"), None),
        (Some("DE"), Some("US-CA"), None),
        (Some("US"), Some("California"), None),
    ] {
        let read = Contact::read(
            Details {
                country: country.map(str::to_owned),
                region: region.map(str::to_owned),
                ..details("+15550100123")
            },
            &[],
        );
        let place = read.ok().and_then(|contact| contact.place);
        assert_eq!(place.map(|place| place.to_string()).as_deref(), want);
    }
}

#[test]
fn variables_are_of_their_declared_types() {
    let types = [
        ("age", Type::Number),
        ("member", Type::Boolean),
        ("since", Type::Date),
        ("plan", Type::String),
    ];
    let types = types.map(|(name, kind)| (name.to_owned(), kind));
    let schema = Schema::of(types.into_iter().collect()).unwrap();
    let read = |name: &str, text: &str| {
        let mut given = details("+15550100123");
        let value = Value::Text(text.into());
        given.variables.insert(name.into(), value);
        let read = Contact::read(given, &[&schema]).ok()?;
        serde_json::to_value(&read.variables[name]).ok()
    };
    for (name, text, want) in [
        ("age", "42", Some(serde_json::json!(42))),
        ("age", "042.5", Some(serde_json::json!(42.5))),
        ("age", "NaN", None),
        ("age", "1e9", None),
        ("age", "4 2", None),
        ("member", "Yes", Some(true.into())),
        ("member", "maybe", None),
        ("since", "2024-02-29", Some("2024-02-29".into())),
        ("since", "2023-02-29", None),
        ("since", "24.12.2023", None),
        ("plan", "gold", Some("gold".into())),
        ("other", "anything", Some("anything".into())),
        ("a b", "x", None),
    ] {
        assert_eq!(read(name, text), want, "{name} {text}");
    }
}

#[test]
fn bounds_hold() {
    let long = "x".repeat(VALUE_CHARS_MAX + 1);
    let mut given = details("+15550100123");
    given
        .variables
        .insert("v".into(), Value::Text(long.clone()));
    given.external_id = Some(long);
    let codes: Vec<_> = faults(given).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["too_long", "too_long"]);
    let many = (0..9).map(|n| (format!("+1555010012{n}"), None)).collect();
    let given = Details {
        phones: many,
        ..Details::default()
    };
    assert_eq!(faults(given), [("/phones".to_owned(), "too_many")]);
}

#[test]
fn a_contact_reads_back_and_shows_nothing() {
    let mut given = details("+15550100123");
    given
        .phones
        .push(("+1 555 010 0123".into(), Some("again".into())));
    given.time_zone = Some("America/New_York".into());
    given.country = Some("US".into());
    given.region = Some("NY".into());
    given.kind = Some("Business".into());
    let contact = Contact::read(given, &[]).unwrap();
    assert_eq!(contact.phones.len(), 1);
    let json = serde_json::to_string(&contact).unwrap();
    assert!(serde_json::from_str::<Contact>(&json).unwrap() == contact);
    assert!(Contact::read(contact.clone().into_details(), &[]).unwrap() == contact);
    assert_eq!(format!("{contact:?}"), "Contact([redacted])");
}
