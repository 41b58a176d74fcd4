use super::*;
use proptest::prelude::*;

/// A number, its country (`-` for none), places, zones, evidence, and whether only its area code speaks.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Evidence,
    bool,
);

fn check(cases: &[Case]) {
    for (number, country, places, zones, evidence, only_area_code) in cases {
        let got = of(&PhoneNumber::parse(number).unwrap());
        let listed: Vec<String> = got.places.iter().map(Place::to_string).collect();
        assert_eq!(got.country.unwrap_or("-"), *country, "{number}");
        assert_eq!(listed.join(" "), *places, "{number}");
        assert_eq!(got.zones.join(" "), *zones, "{number}");
        assert_eq!(got.evidence, *evidence, "{number}");
        assert_eq!(got.only_area_code, *only_area_code, "{number}");
    }
}

const FIFTY_STATES: &str = "America/Adak America/Anchorage America/Chicago America/Denver America/Los_Angeles \
                            America/New_York America/Phoenix Pacific/Honolulu";

#[test]
fn an_american_area_code_is_a_state_and_all_its_zones() {
    use Evidence::{Area, Nomadic};
    let both = "America/Chicago America/New_York";
    let west = "America/Denver America/Los_Angeles";
    let plains = "America/Chicago America/Denver";
    let east = "America/New_York";
    check(&[
        ("+12125550100", "US", "US-NY", east, Area, true),
        (
            "+14155550100",
            "US",
            "US-CA",
            "America/Los_Angeles",
            Area,
            true,
        ),
        ("+13125550100", "US", "US-IL", "America/Chicago", Area, true),
        ("+12025550100", "US", "US-DC", east, Area, true),
        (
            "+12065550100",
            "US",
            "US-WA",
            "America/Los_Angeles",
            Area,
            true,
        ),
        ("+16175550100", "US", "US-MA", east, Area, true),
        ("+13055550100", "US", "US-FL", east, Area, true),
        ("+12155550100", "US", "US-PA", east, Area, true),
        ("+15125550100", "US", "US-TX", "America/Chicago", Area, true),
        ("+16025550100", "US", "US-AZ", "America/Phoenix", Area, true),
        (
            "+18085550100",
            "US",
            "US-HI",
            "Pacific/Honolulu",
            Area,
            true,
        ),
        // One state, two zones; with the codes laid over them.
        ("+18505550100", "US", "US-FL", both, Area, true),
        ("+14485550100", "US", "US-FL", both, Area, true),
        ("+12085550100", "US", "US-ID", west, Area, true),
        ("+19865550100", "US", "US-ID", west, Area, true),
        ("+15415550100", "US", "US-OR", west, Area, true),
        ("+16055550100", "US", "US-SD", plains, Area, true),
        ("+17015550100", "US", "US-ND", plains, Area, true),
        ("+17855550100", "US", "US-KS", plains, Area, true),
        ("+16205550100", "US", "US-KS", plains, Area, true),
        ("+19065550100", "US", "US-MI", both, Area, true),
        ("+12705550100", "US", "US-KY", both, Area, true),
        ("+13645550100", "US", "US-KY", both, Area, true),
        ("+14235550100", "US", "US-TN", both, Area, true),
        ("+18125550100", "US", "US-IN", both, Area, true),
        ("+19305550100", "US", "US-IN", both, Area, true),
        ("+13085550100", "US", "US-NE", plains, Area, true),
        (
            "+19285550100",
            "US",
            "US-AZ",
            "America/Denver America/Phoenix",
            Area,
            true,
        ),
        // Free to the caller, premium and nomadic.
        ("+18005550100", "US", "US", FIFTY_STATES, Nomadic, false),
        ("+18885550100", "US", "US", FIFTY_STATES, Nomadic, false),
        ("+15005550006", "US", "US", FIFTY_STATES, Nomadic, false),
        ("+15335550100", "US", "US", FIFTY_STATES, Nomadic, false),
        ("+19005550100", "US", "US", FIFTY_STATES, Nomadic, false),
    ]);
}

#[test]
fn plus_one_is_many_countries() {
    use Evidence::Area;
    check(&[
        ("+14165550100", "CA", "CA", "America/Toronto", Area, true),
        ("+13065550100", "CA", "CA", "America/Regina", Area, true),
        (
            "+17095550100",
            "CA",
            "CA",
            "America/Halifax America/St_Johns",
            Area,
            true,
        ),
        (
            "+17875550100",
            "US",
            "US-PR",
            "America/Puerto_Rico",
            Area,
            true,
        ),
        ("+16715550100", "US", "US-GU", "Pacific/Guam", Area, true),
        (
            "+13405550100",
            "US",
            "US-VI",
            "America/St_Thomas",
            Area,
            true,
        ),
        ("+18765550100", "JM", "JM", "America/Jamaica", Area, true),
        (
            "+18495550100",
            "DO",
            "DO",
            "America/Santo_Domingo",
            Area,
            true,
        ),
        ("+12425550100", "BS", "BS", "America/Nassau", Area, true),
        ("+14415550100", "BM", "BM", "Atlantic/Bermuda", Area, true),
        (
            "+17215550100",
            "SX",
            "SX",
            "America/Lower_Princes",
            Area,
            true,
        ),
    ]);
    // A code of a thinly settled north has many zones.
    let north = of(&PhoneNumber::parse("+18675550100").unwrap());
    assert_eq!(north.country, Some("CA"));
    assert!(north.zones.len() >= 4, "{:?}", north.zones);
    for zone in ["America/Whitehorse", "America/Edmonton"] {
        assert!(north.zones.contains(&zone), "{zone}");
    }
}

#[test]
fn elsewhere_a_number_is_a_country_and_a_mobile_is_anywhere_in_it() {
    use Evidence::{Area, Country};
    let brazil = "America/Manaus America/Noronha America/Rio_Branco America/Sao_Paulo";
    let mexico = "America/Cancun America/Ciudad_Juarez America/Matamoros America/Mazatlan America/Mexico_City \
                  America/Tijuana";
    let indonesia = "Asia/Jakarta Asia/Jayapura Asia/Makassar";
    check(&[
        ("+4930123456", "DE", "DE", "Europe/Berlin", Country, false),
        ("+491701234567", "DE", "DE", "Europe/Berlin", Country, false),
        ("+33612345678", "FR", "FR", "Europe/Paris", Country, false),
        ("+431234567890", "AT", "AT", "Europe/Vienna", Country, false),
        ("+41446681800", "CH", "CH", "Europe/Zurich", Country, false),
        ("+37061234567", "LT", "LT", "Europe/Vilnius", Country, false),
        (
            "+34612345678",
            "ES",
            "ES",
            "Atlantic/Canary Europe/Madrid",
            Country,
            false,
        ),
        ("+34922123456", "ES", "ES", "Atlantic/Canary", Area, false),
        ("+34911234567", "ES", "ES", "Europe/Madrid", Area, false),
        (
            "+351912345678",
            "PT",
            "PT",
            "Atlantic/Azores Europe/Lisbon",
            Country,
            false,
        ),
        ("+351296123456", "PT", "PT", "Atlantic/Azores", Area, false),
        ("+442079460000", "GB", "GB", "Europe/London", Country, false),
        ("+447400123456", "GB", "GB", "Europe/London", Country, false),
        ("+441534700000", "JE", "JE", "Europe/Jersey", Country, false),
        (
            "+441481700000",
            "GG",
            "GG",
            "Europe/Guernsey",
            Country,
            false,
        ),
        (
            "+447624000000",
            "IM",
            "IM",
            "Europe/Isle_of_Man",
            Country,
            false,
        ),
        ("+393331234567", "IT", "IT", "Europe/Rome", Country, false),
        ("+390612345678", "IT", "IT", "Europe/Rome", Country, false),
        (
            "+390669812345",
            "VA",
            "VA",
            "Europe/Vatican",
            Country,
            false,
        ),
        (
            "+358401234567",
            "FI",
            "FI",
            "Europe/Helsinki",
            Country,
            false,
        ),
        ("+4791234567", "NO", "NO", "Europe/Oslo", Country, false),
        (
            "+212522123456",
            "MA",
            "MA",
            "Africa/Casablanca",
            Country,
            false,
        ),
        ("+74951234567", "RU", "RU", "Europe/Moscow", Area, false),
        ("+77172123456", "KZ", "KZ", "Asia/Almaty", Area, false),
        (
            "+551133334444",
            "BR",
            "BR",
            "America/Sao_Paulo",
            Area,
            false,
        ),
        ("+559233334444", "BR", "BR", "America/Manaus", Area, false),
        ("+5511987654321", "BR", "BR", brazil, Country, false),
        ("+525512345678", "MX", "MX", mexico, Country, false),
        ("+622112345678", "ID", "ID", "Asia/Jakarta", Area, false),
        ("+62812345678", "ID", "ID", indonesia, Country, false),
        ("+61280000000", "AU", "AU", "Australia/Sydney", Area, false),
        (
            "+8613800000000",
            "CN",
            "CN",
            "Asia/Shanghai",
            Country,
            false,
        ),
        ("+819012345678", "JP", "JP", "Asia/Tokyo", Country, false),
        ("+919812345678", "IN", "IN", "Asia/Kolkata", Country, false),
        ("+971501234567", "AE", "AE", "Asia/Dubai", Country, false),
        ("+97235551234", "IL", "IL", "Asia/Jerusalem", Country, false),
        ("+2348012345678", "NG", "NG", "Africa/Lagos", Country, false),
        (
            "+27821234567",
            "ZA",
            "ZA",
            "Africa/Johannesburg",
            Country,
            false,
        ),
        ("+6433051234", "NZ", "NZ", "Pacific/Chatham", Area, false),
        (
            "+262269123456",
            "YT",
            "YT",
            "Indian/Mayotte",
            Country,
            false,
        ),
        (
            "+905321234567",
            "TR",
            "TR",
            "Europe/Istanbul",
            Country,
            false,
        ),
    ]);
    for (mobile, places, zones) in [
        (
            "+61491570156",
            "AU",
            ["Australia/Perth", "Australia/Sydney", "Australia/Adelaide"],
        ),
        (
            "+79161234567",
            "RU",
            ["Europe/Kaliningrad", "Europe/Moscow", "Asia/Kamchatka"],
        ),
    ] {
        let got = of(&PhoneNumber::parse(mobile).unwrap());
        assert_eq!(got.country, Some(places), "{mobile}");
        assert!(got.zones.len() >= 7, "{mobile}: {:?}", got.zones);
        for zone in zones {
            assert!(got.zones.contains(&zone), "{mobile}: {zone}");
        }
    }
}

#[test]
fn what_is_in_nobodys_plan_is_nowhere_and_in_every_zone() {
    for number in [
        "+88212345678", // satellite phones
        "+80012345678", // free in many countries
        "+21012345678",
        "+99912345678",
        "+12115550100",  // an area code that begins as a service code
        "+121255501",    // too short for +1
        "+121255501001", // too long
    ] {
        let got = of(&PhoneNumber::parse(number).unwrap());
        assert_eq!(got.country, None, "{number}");
        assert!(got.places.is_empty(), "{number}");
        assert!(got.zones.len() > 10, "{number}");
        assert_eq!(got.evidence, Evidence::Unknown, "{number}");
        assert!(!got.only_area_code, "{number}");
    }
    // Under a code of several countries it may be in any of them.
    let shared = of(&PhoneNumber::parse("+447700900123").unwrap());
    let listed: Vec<String> = shared.places.iter().map(Place::to_string).collect();
    assert_eq!(listed, ["GB", "GG", "IM", "JE"]);
    assert_eq!((shared.country, shared.evidence), (None, Evidence::Unknown));
}

proptest! {
    #[test]
    fn every_number_has_zones_and_consistent_places(text in "\\+[1-9][0-9]{8,14}") {
        let number = PhoneNumber::parse(&text).unwrap();
        let got = of(&number);
        prop_assert!(!got.zones.is_empty());
        prop_assert!(got.zones.windows(2).all(|pair| pair[0] < pair[1]), "sorted, none twice");
        prop_assert_eq!(got.country.is_none(), got.evidence == Evidence::Unknown);
        for place in got.places {
            if let Some(country) = got.country {
                prop_assert_eq!(place.country().to_string(), country);
            }
        }
        if got.only_area_code {
            prop_assert!(text.starts_with("+1"));
        }
        prop_assert_eq!(got, of(&number));
    }

    #[test]
    fn a_north_american_number_of_a_state_is_of_the_united_states(digits in "[2-9][0-9]{9}") {
        let got = of(&PhoneNumber::parse(&format!("+1{digits}")).unwrap());
        for place in got.places.iter().filter(|place| place.is_part()) {
            prop_assert!(place.is_us());
            prop_assert!(got.only_area_code);
        }
    }
}

#[test]
fn a_place_has_the_zones_of_all_its_numbers() {
    let cases = [
        ("US-CA", "America/Los_Angeles"),
        ("US-FL", "America/Chicago America/New_York"),
        ("US-AZ", "America/Denver America/Phoenix"),
        ("DE", "Europe/Berlin"),
        ("GB-ENG", "Europe/London"),
        ("US", FIFTY_STATES),
    ];
    for (code, zones) in cases {
        let place = Place::parse(code).unwrap();
        assert_eq!(zones_of(place).join(" "), zones, "{code}");
    }
    assert!(zones_of(Place::parse("ZZ").unwrap()).len() > 50);
}
