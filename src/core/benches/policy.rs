//! How long a decision takes: `cargo bench -p trunkline-core --bench policy`.
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot go on says so by panicking"
)]

use divan::Bencher;
use trunkline_core::policy::permission::{Entry, Form, What};
use trunkline_core::policy::{
    About, Cap, Counted, Destination, History, HoursPack, PermissionPack, Purpose, Request,
    Screening, Standing, may_call,
};

fn main() {
    divan::main();
}

/// Noon in New York on a Tuesday: allowed; at night: the next morning is looked for; a number of no state: every zone of fifty.
#[divan::bench(args = [
    ("+12125550100", 1_795_539_600_000_i64),
    ("+12125550100", 1_795_575_600_000),
    ("+18505550100", 1_795_539_600_000),
    ("+493012345678", 1_795_515_600_000),
    ("+18005550100", 1_795_539_600_000),
])]
fn decide(bencher: Bencher<'_, '_>, (to, at_unix_ms): (&str, i64)) {
    let destinations = [
        Destination::parse("+1").unwrap(),
        Destination::parse("+49").unwrap(),
    ];
    let caps = [(3, 86_400_000_i64), (7, 7 * 86_400_000), (1, 7_200_000)];
    let caps = caps.map(|(calls_max, within_ms)| Cap {
        rule: "client".to_owned(),
        counts: Counted::Calls,
        spares_asked: true,
        calls_max,
        within_ms,
    });
    let ledger = [Entry {
        id: "con_1".to_owned(),
        at_ms: 0,
        purposes: Purpose::ALL.into_iter().collect(),
        what: What::Given {
            form: Form::Written,
            expires_ms: None,
        },
    }];
    let screenings = [Screening {
        registry: "us-national".to_owned(),
        listed: false,
        checked_ms: at_unix_ms,
    }];
    let began = [at_unix_ms - 90_000_000, at_unix_ms - 200_000_000];
    let request = Request {
        pack: HoursPack::shipped(),
        at_unix_ms,
        to,
        places: &[],
        zones: &[],
        destinations: &destinations,
        suppressed: false,
        caps: &caps,
        history: History {
            began: &began,
            ..History::default()
        },
        asked_unix_ms: None,
        engaged: false,
        permission: PermissionPack::shipped(),
        about: About {
            ledger: &ledger,
            screenings: &screenings,
            ..About::default()
        },
        standing: Standing::default(),
        windows: &[],
        closures: &[],
    };
    bencher.bench(|| may_call(divan::black_box(&request)));
}
