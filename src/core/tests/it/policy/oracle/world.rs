//! People who might be called, made up from a number.

use trunkline_core::geo::Place;
use trunkline_core::policy::permission::{Entry, Form, What};
use trunkline_core::policy::{
    Cap, Closure, Counted, Destination, Kind, LegalBasis, Line, PermissionPack, Predial, Purpose,
    Screening, Zone,
};

use super::Known;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// 2026-01-01 to 2032-01-01, in days since 1970.
const DAYS: (i64, i64) = (20_454, 22_645);

/// Arizona and the Navajo Nation, Indiana, Florida's panhandle, Lord Howe, states with rows of their own, and much else.
const BEGINNINGS: [&str; 30] = [
    "+1928555", "+1602555", "+1812555", "+1317555", "+1850555", "+1305555", "+1212555", "+1208555",
    "+1504555", "+1207555", "+1402555", "+1808555", "+1401555", "+1601555", "+1605555", "+1800555",
    "+1787555", "+1416555", "+1900555", "+612675", "+614123", "+442079", "+491511", "+331426",
    "+390612", "+346123", "+358401", "+971455", "+919876", "+999123",
];
const PLACES: [&str; 10] = [
    "US-FL", "US-LA", "US-NE", "US-MS", "US", "FR", "IT", "AU", "DE", "ZZ",
];
const ZONES: [&str; 9] = [
    "America/New_York",
    "America/Phoenix",
    "America/Denver",
    "America/Indiana/Indianapolis",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Casablanca",
];

/// SplitMix64: the same numbers from the same seed, everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: i64) -> i64 {
        (self.next() % limit.unsigned_abs()).cast_signed()
    }

    fn one_in(&mut self, many: i64) -> bool {
        self.below(many) == 0
    }

    fn of<T: Copy>(&mut self, some: &[T]) -> T {
        some[usize::try_from(self.below(i64::try_from(some.len()).unwrap())).unwrap()]
    }
}

/// Any moment; often the hour by a clock, on the minute before it, or in a night in which clocks change.
fn moment(dice: &mut Dice) -> i64 {
    let day = DAYS.0 + dice.below(DAYS.1 - DAYS.0);
    let minutes = dice.below(24 * 60);
    match dice.below(4) {
        0 => day * DAY + dice.below(DAY),
        1 => day * DAY + minutes / 30 * 30 * 60_000 - dice.below(2),
        2 => {
            // The second Sunday of March, the first of November, the last of March and October, the first of April and
            // October: some day about them.
            let year = 2026 + i32::try_from(dice.below(6)).unwrap();
            let month = dice.of(&[3_u32, 4, 10, 11]);
            let first = chrono::NaiveDate::from_ymd_opt(year, month, 1).unwrap();
            let from = first
                .and_hms_opt(0, 0, 0)
                .unwrap()
                .and_utc()
                .timestamp_millis();
            from + dice.below(31) * DAY + minutes * 60_000
        }
        // When most of the world is awake enough to be called.
        _ => day * DAY + 15 * HOUR + dice.below(3 * HOUR),
    }
}

fn ledger(dice: &mut Dice, at_ms: i64) -> Vec<Entry> {
    let some = dice.below(4);
    (0..some)
        .map(|index| {
            let form = if dice.one_in(2) {
                Form::Express
            } else {
                Form::Written
            };
            let entry_ms = at_ms - DAY * 5 + dice.below(7) * DAY;
            Entry {
                id: format!("con_{index}"),
                at_ms: entry_ms,
                purposes: Purpose::ALL
                    .into_iter()
                    .filter(|_| !dice.one_in(3))
                    .collect(),
                what: if dice.one_in(4) {
                    What::Withdrawn
                } else {
                    What::Given {
                        form,
                        expires_ms: dice.one_in(4).then(|| entry_ms + dice.below(8) * DAY),
                    }
                },
            }
        })
        .collect()
}

fn screenings(dice: &mut Dice, at_ms: i64) -> Vec<Screening> {
    let mut some = Vec::new();
    for registry in PermissionPack::shipped().all_registries() {
        for _ in 0..dice.below(3) {
            some.push(Screening {
                registry: registry.id.clone(),
                listed: dice.one_in(5),
                checked_ms: at_ms - dice.below(20) * DAY,
            });
        }
    }
    some
}

/// Somebody. Most have agreed, so that the other rules are reached.
pub(super) fn known(seed: u64) -> Known {
    let mut dice = Dice(seed);
    let dice = &mut dice;
    let to = format!("{}{:04}", dice.of(&BEGINNINGS), dice.below(10_000));
    let mut known = Known::nothing(&to, moment(dice));
    let at_ms = known.at_ms;
    known.purpose = dice.of(&Purpose::ALL);
    if dice.one_in(3) {
        known.ledger = ledger(dice, at_ms);
        known.screenings = screenings(dice, at_ms);
        known.reassigned_ms = dice.one_in(6).then(|| at_ms - dice.below(6) * DAY);
    } else {
        known.agree();
    }
    known.basis = dice.one_in(3).then(|| {
        dice.of(&[
            LegalBasis::Consent,
            LegalBasis::Contract,
            LegalBasis::LegitimateInterests,
        ])
    });
    known.kind = if dice.one_in(4) {
        Kind::Business
    } else {
        Kind::Consumer
    };
    if dice.one_in(4) {
        known.places.push(Place::parse(dice.of(&PLACES)).unwrap());
    }
    if dice.one_in(4) {
        known.zones.push(Zone::parse(dice.of(&ZONES)).unwrap());
    }
    for _ in 0..dice.below(10) - 4 {
        known.began_ms.push(at_ms - dice.below(40 * 24) * HOUR / 4);
        if dice.below(4) == 0 {
            known.talked_ms.push(at_ms - dice.below(30 * 24) * HOUR / 2);
        }
        if dice.below(6) == 0 {
            known.declined_ms.push(at_ms - dice.below(80 * 24) * HOUR);
        }
    }
    for _ in 0..dice.below(4) - 1 {
        known.caps.push(Cap {
            rule: "client".to_owned(),
            counts: Counted::Calls,
            spares_asked: false,
            calls_max: 1 + u32::try_from(dice.below(3)).unwrap(),
            within_ms: dice.of(&[2 * HOUR, DAY, 7 * DAY]),
        });
    }
    if dice.one_in(12) {
        let from_ms = at_ms - dice.below(3) * HOUR;
        known.closures.push(Closure {
            id: "clo_0".to_owned(),
            place: Place::parse(dice.of(&PLACES)).unwrap(),
            from_ms,
            until_ms: from_ms + (1 + dice.below(3)) * HOUR,
        });
    }
    rest(&mut known, dice);
    known
}

/// What is seldom so.
fn rest(known: &mut Known, dice: &mut Dice) {
    known.suppressed = dice.one_in(30);
    known.engaged = dice.one_in(30);
    if dice.one_in(30) {
        known.destinations = vec![Destination::parse("+1212").unwrap()];
    }
    let standing = &mut known.standing;
    standing.suspended = dice.one_in(60);
    standing.not_agreed = dice.one_in(60);
    standing.restricted = dice.one_in(60);
    standing.spent_until_ms = dice.one_in(60).then_some(known.at_ms + HOUR);
    if dice.one_in(20) {
        standing.answered = u64::try_from(dice.below(200)).unwrap();
        standing.abandoned = u64::try_from(dice.below(6)).unwrap();
    }
    if dice.one_in(20) {
        let lines = [Line::Mobile, Line::Landline, Line::Voip];
        known.lines = vec![dice.of(&lines)];
        standing.line = dice.one_in(2).then(|| dice.of(&lines));
    }
    if dice.one_in(20) {
        let answers = [
            Predial::Eligible,
            Predial::Refused,
            Predial::Unanswered(known.at_ms + HOUR),
        ];
        standing.predial = dice.of(&answers);
    }
}
