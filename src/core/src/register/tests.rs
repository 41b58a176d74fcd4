//! How files of registers are read.

use super::*;

fn numbering(country: &str) -> Numbering {
    Numbering::of(Place::parse(country).unwrap()).unwrap()
}

fn all(text: &str, country: &str) -> Result<Vec<String>, Fault> {
    let (one, other) = read(text, Some(&numbering(country)))?;
    Ok([Some(one), other]
        .into_iter()
        .flatten()
        .map(String::from)
        .collect())
}

#[test]
fn a_number_is_read_as_its_country_writes_it() {
    for (country, text, wants) in [
        ("US", "2125550100", "+12125550100"),
        ("US", "(212) 555-0100", "+12125550100"),
        ("US", "1-212-555-0100", "+12125550100"),
        ("US", "+12125550100", "+12125550100"),
        ("CA", "4165550100", "+14165550100"),
        ("GB", "020 7946 0018", "+442079460018"),
        ("GB", "2079460018", "+442079460018"),
        ("GB", "442079460018", "+442079460018"),
        ("GB", "0044 20 7946 0018", "+442079460018"),
        ("GB", "'07700900123", "+447700900123"),
        ("IT", "06 1234567", "+39061234567"),
        ("IT", "3331234567", "+393331234567"),
        ("IT", "393331234567", "+393331234567"),
        ("IT", "39061234567", "+39061234567"),
        ("IE", "01 234 5678", "+35312345678"),
        ("SG", "61234567", "+6561234567"),
        ("AU", "0412345678", "+61412345678"),
        ("BE", "02 123 45 67", "+3221234567"),
        ("TR", "05321234567", "+905321234567"),
    ] {
        assert_eq!(all(text, country), Ok(vec![wants.to_owned()]), "{text}");
    }
}

#[test]
fn what_may_be_two_numbers_is_both() {
    // A mobile, or a number of Rome without its mark.
    assert_eq!(
        all("3906123456", "IT"),
        Ok(vec!["+393906123456".to_owned(), "+3906123456".to_owned()])
    );
}

#[test]
fn what_is_no_number_of_the_country_is_none() {
    for (country, text, fault) in [
        ("US", "", Fault::NoNumber),
        ("US", "555-0100", Fault::NoNumber),
        ("US", "1125550100", Fault::NoNumber),
        ("US", "2121550100", Fault::NoNumber),
        ("US", "number", Fault::NoNumber),
        ("US", "+442079460018", Fault::OtherCountry),
        ("GB", "+393331234567", Fault::OtherCountry),
        ("GB", "07700", Fault::NoNumber),
        ("GB", "0770090012345", Fault::NoNumber),
        ("IT", "٣٣٣١٢٣٤٥٦٧", Fault::NoNumber),
        ("SG", "6123456", Fault::NoNumber),
    ] {
        assert_eq!(all(text, country), Err(fault), "{text}");
    }
    // Of a country that is not known only what is international is understood.
    assert!(read("+819012345678", None).is_ok());
    assert_eq!(read("9012345678", None), Err(Fault::NoNumber));
    assert_eq!(Numbering::of(Place::parse("JP").unwrap()), None);
}

#[test]
fn the_column_is_told_by_its_name_or_by_what_is_in_it() {
    let us = numbering("US");
    for (first, column, wants) in [
        (
            &["212", "5550100"][..],
            None,
            Ok((Layout::Split(0, 1), false)),
        ),
        (
            &["Area Code", "Number"],
            None,
            Ok((Layout::Split(0, 1), true)),
        ),
        (&["2125550100"], None, Ok((Layout::One(0), false))),
        (&["555"], None, Ok((Layout::One(0), false))),
        (&["DNC list"], None, Ok((Layout::One(0), true))),
        (
            &["id", "Phone Number", "since"],
            None,
            Ok((Layout::One(1), true)),
        ),
        (
            &["id", "who", "since"],
            Some("WHO"),
            Ok((Layout::One(1), true)),
        ),
        (&["id", "who", "since"], Some("whom"), Err(NoColumn)),
        (&["7", "2125550100", "x"], None, Ok((Layout::One(1), false))),
        (&["2125550100", "2125550101"], None, Err(NoColumn)),
        (&["phone", "mobile"], None, Err(NoColumn)),
    ] {
        assert_eq!(Layout::of(first, column, Some(&us)), wants, "{first:?}");
    }
    let row = ["212", "5550100"];
    let (number, _) = Layout::Split(0, 1)
        .read(row.into_iter(), Some(&us))
        .unwrap();
    assert_eq!(number.as_str(), "+12125550100");
    assert_eq!(
        Layout::One(4).read(row.into_iter(), Some(&us)),
        Err(Fault::NoNumber)
    );
}
