use super::*;
use crate::geo;
use crate::phone::PhoneNumber;
use Mode::{Affirmative, Announce, AnnounceContinue, NoRecord};
use proptest::prelude::*;

fn place(code: &str) -> Place {
    Place::parse(code).unwrap()
}

fn places(codes: &str) -> Vec<Place> {
    codes.split_whitespace().map(place).collect()
}

fn numbered(number: &str) -> Option<Numbered> {
    (!number.is_empty()).then(|| geo::of(&PhoneNumber::parse(number).unwrap()))
}

/// `contact` and `number` are of the person on the line, `seat` of both business and server.
fn facts(contact: &str, number: &str, seat: &str, policy: Policy) -> Facts {
    let seat = (!seat.is_empty()).then(|| place(seat));
    Facts {
        contact: Party {
            places: places(contact),
            number: numbered(number),
        },
        business: seat,
        server: seat,
        transferred: Vec::new(),
        policy,
    }
}

/// Records, by law alone.
fn law() -> Policy {
    Policy {
        record: true,
        use_recommended: false,
        ..Policy::default()
    }
}

/// By law alone, with a counsel's reference.
fn counsel() -> Policy {
    Policy {
        counsel: true,
        ..law()
    }
}

/// As a client begins, but recording.
fn usual() -> Policy {
    Policy {
        record: true,
        ..Policy::default()
    }
}

fn decide(facts: &Facts) -> Verdict {
    verdict(RulePack::shipped(), facts)
}

const CALIFORNIA: &str = "+14155550100";
const TEXAS: &str = "+15125550100";
const NEW_YORK: &str = "+12125550100";
const GERMANY: &str = "+4930123456";
const BRITAIN: &str = "+442079460000";
const FRANCE: &str = "+33612345678";

#[test]
fn the_strictest_of_all_places_holds() {
    let cases: &[(&str, &str, &str, Policy, Mode)] = &[
        // One-party business and server, all-party person on the line, as in Kearney v. Salomon Smith Barney.
        ("US-CA", CALIFORNIA, "US-GA", counsel(), AnnounceContinue),
        ("US-CA", CALIFORNIA, "US-GA", law(), AnnounceContinue),
        ("US-CA", CALIFORNIA, "US-GA", usual(), Affirmative),
        // And the other way round.
        (
            "US-GA",
            "+14045550100",
            "US-CA",
            counsel(),
            AnnounceContinue,
        ),
        // One-party everywhere: the floor, but only by a counsel's word and where the state is told.
        ("US-TX", TEXAS, "US-TX", counsel(), Announce),
        ("US-TX", TEXAS, "US-TX", law(), AnnounceContinue),
        ("US-TX", TEXAS, "US-TX", usual(), AnnounceContinue),
        ("", TEXAS, "US-TX", counsel(), AnnounceContinue),
        ("US-NY", NEW_YORK, "US-NY", counsel(), Announce),
        // The address is in a one-party state, the number is not: both count.
        ("US-TX", CALIFORNIA, "US-TX", counsel(), AnnounceContinue),
        ("US-TX", "+16175550100", "US-TX", usual(), Affirmative),
        // Conflicting statutes are all-party; Oregon's telephone rule is one-party, but not surely so.
        (
            "US-DE",
            "+13025550100",
            "US-TX",
            counsel(),
            AnnounceContinue,
        ),
        (
            "US-MI",
            "+13135550100",
            "US-TX",
            counsel(),
            AnnounceContinue,
        ),
        (
            "US-CT",
            "+12035550100",
            "US-TX",
            counsel(),
            AnnounceContinue,
        ),
        (
            "US-NV",
            "+17025550100",
            "US-TX",
            counsel(),
            AnnounceContinue,
        ),
        (
            "US-OR",
            "+15035550100",
            "US-TX",
            counsel(),
            AnnounceContinue,
        ),
        // Advice beyond the law: California, Massachusetts, Pennsylvania.
        ("US-PA", "+12155550100", "US-TX", law(), AnnounceContinue),
        ("US-PA", "+12155550100", "US-TX", usual(), Affirmative),
        ("US-FL", "+13055550100", "US-TX", usual(), AnnounceContinue),
        // Territories, and the states' unknown.
        (
            "US-PR",
            "+17875550100",
            "US-TX",
            counsel(),
            AnnounceContinue,
        ),
        (
            "US-VI",
            "+13405550100",
            "US-TX",
            counsel(),
            AnnounceContinue,
        ),
        ("US", TEXAS, "US-TX", counsel(), AnnounceContinue),
        // Other countries; an unsure row is not relied on to be lax.
        ("DE", GERMANY, "DE", law(), Affirmative),
        ("DE", GERMANY, "DE", counsel(), Affirmative),
        ("", GERMANY, "US-TX", counsel(), Affirmative),
        ("GB", BRITAIN, "GB", counsel(), AnnounceContinue),
        ("FR", FRANCE, "FR", counsel(), AnnounceContinue),
        ("AT", "+431234567890", "US-TX", law(), Affirmative),
        ("CH", "+41446681800", "US-TX", law(), Affirmative),
        ("TR", "+905321234567", "US-TX", law(), Affirmative),
        ("CA", "+14165550100", "US-TX", counsel(), AnnounceContinue),
        ("US-TX", TEXAS, "DE", counsel(), Affirmative),
        // A member of the EEA without a row, and a country of which nothing is known.
        ("BG", "+359888123456", "US-TX", law(), Affirmative),
        ("", "+2348012345678", "US-TX", counsel(), Affirmative),
        // Numbers that say nothing.
        ("US-TX", "", "US-TX", counsel(), Affirmative),
        ("", "", "US-TX", counsel(), Affirmative),
        ("US-TX", "+80012345678", "US-TX", counsel(), Affirmative),
        (
            "US-TX",
            "+18005550100",
            "US-TX",
            counsel(),
            AnnounceContinue,
        ),
        // Where the business or the server is has not been said.
        ("US-TX", TEXAS, "", counsel(), Affirmative),
    ];
    for (contact, number, seat, policy, want) in cases {
        let got = decide(&facts(contact, number, seat, policy.clone()));
        assert_eq!(
            got.mode, *want,
            "{contact:?} {seat:?} {policy:?}: {:#?}",
            got.because
        );
    }
}

#[test]
fn a_clients_policy_makes_it_stricter_only() {
    let with = |mode| Policy {
        mode: Some(mode),
        ..counsel()
    };
    let cases = [
        ("US-TX", TEXAS, with(Announce), Announce),
        ("US-TX", TEXAS, with(AnnounceContinue), AnnounceContinue),
        ("US-TX", TEXAS, with(Affirmative), Affirmative),
        ("US-TX", TEXAS, with(NoRecord), NoRecord),
        ("DE", GERMANY, with(Announce), Affirmative),
        ("DE", GERMANY, with(NoRecord), NoRecord),
        (
            "US-TX",
            TEXAS,
            Policy {
                record: false,
                ..counsel()
            },
            NoRecord,
        ),
        ("DE", GERMANY, Policy::default(), NoRecord),
    ];
    for (contact, number, policy, want) in cases {
        let got = decide(&facts(contact, number, "US-TX", policy.clone()));
        assert_eq!(got.mode, want, "{contact} {policy:?}");
    }
}

#[test]
fn who_a_call_is_transferred_to_counts() {
    let mut call = facts("US-TX", TEXAS, "US-TX", counsel());
    assert_eq!(decide(&call).mode, Announce);
    call.transferred.push(Party {
        places: places("US-WA"),
        number: numbered("+12065550100"),
    });
    let got = decide(&call);
    assert_eq!(got.mode, AnnounceContinue);
    assert!(
        got.must_record_announcement,
        "Washington's notice must be in the recording"
    );
    call.transferred.push(Party::default());
    assert_eq!(decide(&call).mode, Affirmative, "nobody knows who that is");
}

#[test]
fn every_candidate_says_where_it_comes_from() {
    let got = decide(&facts("US-GA", CALIFORNIA, "US-TX", usual()));
    let told: Vec<_> = got
        .candidates
        .iter()
        .map(|c| {
            (
                c.place.map(|p| p.to_string()).unwrap_or_default(),
                c.source,
                c.rule.as_str(),
                c.asks,
                c.mode,
            )
        })
        .collect();
    let want = [
        (
            "US-GA".to_owned(),
            Source::Contact,
            "US-GA",
            Announce,
            AnnounceContinue,
        ),
        (
            "US-CA".to_owned(),
            Source::Number,
            "US-CA",
            AnnounceContinue,
            Affirmative,
        ),
        (
            "US-TX".to_owned(),
            Source::Business,
            "US-TX",
            Announce,
            AnnounceContinue,
        ),
        (
            "US-TX".to_owned(),
            Source::Server,
            "US-TX",
            Announce,
            AnnounceContinue,
        ),
    ];
    assert_eq!(told, want);
    assert_eq!(
        got.because,
        [
            "contact in US-GA: announce_continue (rule US-GA, high confidence, asks for announce)",
            "number in US-CA: affirmative (rule US-CA, high confidence, asks for announce_continue)",
            "business in US-TX: announce_continue (rule US-TX, high confidence, asks for announce)",
            "server in US-TX: announce_continue (rule US-TX, high confidence, asks for announce)",
            "the strictest holds: affirmative",
        ]
    );
    let pack = RulePack::shipped();
    assert_eq!(
        got.pack.at_checksum(),
        format!("{}@{}", pack.id(), pack.sha256())
    );
    let json = serde_json::to_string(&got).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), got);
}

#[test]
fn an_area_code_alone_adds_the_unknown_of_the_united_states() {
    let added = |contact: &str, number: &str| {
        let got = decide(&facts(contact, number, "US-TX", counsel()));
        let found = got.candidates.iter().find(|c| c.source == Source::AreaCode);
        found.map(|c| (c.rule.clone(), c.mode))
    };
    let unknown = Some(("US-UNKNOWN".to_owned(), AnnounceContinue));
    assert_eq!(added("", TEXAS), unknown);
    assert_eq!(
        added("US", TEXAS),
        unknown,
        "a country says no more than the number"
    );
    assert_eq!(
        added("DE", TEXAS),
        unknown,
        "an address abroad does not say which state"
    );
    assert_eq!(added("US-TX", TEXAS), None);
    assert_eq!(added("US-CA", TEXAS), None);
    assert_eq!(added("", "+14165550100"), None, "Canada");
    assert_eq!(added("", GERMANY), None);
}

#[test]
fn no_line_holds_a_number() {
    for number in [CALIFORNIA, GERMANY, "+80012345678"] {
        let got = decide(&facts("US-TX", number, "US-TX", usual()));
        let json = serde_json::to_string(&got).unwrap();
        assert!(!json.contains(&number[1..]), "{json}");
        assert!(!format!("{got:?}").contains(&number[1..]));
    }
}

#[test]
fn the_other_gates() {
    let uses = |policy: Policy| {
        let got = decide(&facts("US-TX", TEXAS, "US-TX", policy));
        assert_eq!(got.gates.ai_disclosure, AiDisclosure::Always);
        (got.gates.review, got.gates.analytics)
    };
    let wanted = Policy {
        review: true,
        analytics: true,
        ..usual()
    };
    assert_eq!(uses(usual()), (Use::Never, Use::Never));
    assert_eq!(uses(wanted.clone()), (Use::OnceGranted, Use::OnceGranted));
    assert_eq!(
        uses(Policy {
            analytics: false,
            ..wanted.clone()
        }),
        (Use::OnceGranted, Use::Never)
    );
    assert_eq!(
        uses(Policy {
            record: false,
            ..wanted.clone()
        }),
        (Use::Never, Use::Never)
    );
    assert_eq!(
        uses(Policy {
            mode: Some(NoRecord),
            ..wanted
        }),
        (Use::Never, Use::Never)
    );
}

#[test]
fn a_floor_of_the_pack_holds_everywhere() {
    let mut pack: serde_json::Value =
        serde_json::from_str(include_str!("../../../rules/recording_consent.json")).unwrap();
    pack["platform_floor"] = "affirmative".into();
    let pack = RulePack::parse(&pack.to_string()).unwrap();
    let got = verdict(&pack, &facts("US-TX", TEXAS, "US-TX", counsel()));
    assert_eq!(got.mode, Affirmative);
}

#[test]
fn a_long_list_is_cut_but_heeded() {
    let mut call = facts("", TEXAS, "US-TX", counsel());
    let letters = || (b'A'..=b'Z').map(char::from);
    let many = letters().flat_map(|a| letters().map(move |b| format!("US-{a}{b}")));
    call.contact.places = many.map(|code| place(&code)).collect();
    call.contact.places.push(place("DE"));
    let got = decide(&call);
    assert_eq!(got.candidates.len(), CANDIDATES_MAX);
    assert!(got.because.len() <= CANDIDATES_MAX + 3);
    assert_eq!(got.mode, Affirmative);
}

fn any_place() -> impl Strategy<Value = Place> {
    let codes = [
        "US-CA", "US-TX", "US-WA", "US", "US-VI", "DE", "GB", "FR", "BG", "XX", "CA", "NL", "LV",
    ];
    proptest::sample::select(codes.to_vec()).prop_map(place)
}

fn any_party() -> impl Strategy<Value = Party> {
    let numbers = [
        "",
        CALIFORNIA,
        TEXAS,
        GERMANY,
        BRITAIN,
        "+18005550100",
        "+80012345678",
        "+447700900123",
    ];
    let number = proptest::sample::select(numbers.to_vec()).prop_map(numbered);
    (proptest::collection::vec(any_place(), 0..3), number)
        .prop_map(|(places, number)| Party { places, number })
}

fn any_mode() -> impl Strategy<Value = Option<Mode>> {
    proptest::sample::select(vec![
        None,
        Some(Announce),
        Some(AnnounceContinue),
        Some(Affirmative),
        Some(NoRecord),
    ])
}

proptest! {
    #[test]
    fn nothing_that_is_added_makes_a_verdict_laxer(
        contact in any_party(),
        seats in (proptest::option::of(any_place()), proptest::option::of(any_place())),
        transferred in proptest::collection::vec(any_party(), 0..3),
        mode in any_mode(),
        flags in any::<[bool; 3]>(),
        joins in any_party(),
        found in any_place(),
    ) {
        let [record, use_recommended, counsel] = flags;
        let policy = Policy { record, mode, use_recommended, counsel, ..Policy::default() };
        let facts = Facts { contact, business: seats.0, server: seats.1, transferred, policy };
        let before = decide(&facts);
        for candidate in &before.candidates {
            prop_assert!(before.mode >= candidate.mode);
            prop_assert!(candidate.mode >= candidate.asks);
            prop_assert!(counsel || candidate.mode >= UNPROVEN);
        }
        prop_assert!(mode.is_none_or(|mode| before.mode >= mode));
        prop_assert!(record || before.mode == NoRecord);
        prop_assert!(!before.candidates.is_empty());

        let mut joined = facts.clone();
        joined.transferred.push(joins);
        prop_assert!(decide(&joined).mode >= before.mode);

        let mut advised = facts.clone();
        advised.policy.use_recommended = true;
        prop_assert!(decide(&advised).mode >= before.mode);

        let mut doubted = facts.clone();
        doubted.policy.counsel = false;
        prop_assert!(decide(&doubted).mode >= before.mode);

        // A state takes away only the doubt of which state it is.
        let mut placed = facts.clone();
        placed.contact.places.push(found);
        let after = decide(&placed);
        prop_assert!(after.mode >= before.mode || found.is_us() && found.is_part() && counsel);
    }
}
