use proptest::prelude::*;

use super::*;
use crate::campaign::pace::Rate;

fn bucket(calls: u32) -> Bucket {
    Bucket::full(
        Rate {
            per_1000_s: calls * 1_000,
            burst: calls.max(1),
        },
        0,
    )
}

fn lane(free: u32) -> Lane {
    Lane {
        free,
        bucket: bucket(1_000),
    }
}

fn client() -> Client {
    Client {
        lane: lane(1_000),
        live: 0,
        recent: 0,
    }
}

fn room(free: u32, clients: usize) -> Room {
    Room {
        free,
        clients: vec![client(); clients],
        accounts: vec![lane(1_000)],
    }
}

fn contender(client: usize, priority: u8, due: u32) -> Contender {
    Contender {
        client,
        account: 0,
        weight: weight(priority),
        live: 0,
        live_max: 1_000,
        due,
        recent: 0,
        bucket: bucket(1_000),
    }
}

fn shares(contenders: &[Contender]) -> Vec<u32> {
    contenders.iter().map(|one| one.live).collect()
}

#[test]
fn priorities_share_in_their_weights() {
    let mut contenders = [
        contender(0, 5, 500),
        contender(0, 3, 500),
        contender(0, 1, 500),
    ];
    let planned = plan(0, &mut room(84, 1), &mut contenders, 1_000);
    assert_eq!(planned.dials.len(), 84);
    assert_eq!(shares(&contenders), [64, 16, 4]);
}

#[test]
fn what_one_does_not_want_is_the_others() {
    let mut contenders = [contender(0, 5, 3), contender(0, 1, 500)];
    plan(0, &mut room(40, 1), &mut contenders, 1_000);
    assert_eq!(shares(&contenders), [3, 37]);
}

#[test]
fn clients_share_alike_however_many_campaigns_they_have() {
    let mut contenders = [
        contender(0, 5, 500),
        contender(0, 5, 500),
        contender(0, 5, 500),
        contender(1, 1, 500),
    ];
    plan(0, &mut room(30, 2), &mut contenders, 1_000);
    assert_eq!(shares(&contenders), [5, 5, 5, 15]);
}

#[test]
fn a_single_free_place_comes_round_to_everybody() {
    // Calls that end at once: nothing is live when the next is planned, and only what began lately tells.
    let mut recent = [0_u32; 3];
    for second in 0..210 {
        let mut contenders = [contender(0, 3, 9), contender(0, 2, 9), contender(0, 1, 9)];
        for (one, recent) in contenders.iter_mut().zip(recent) {
            one.recent = recent;
        }
        let planned = plan(second * 1_000, &mut room(1, 1), &mut contenders, 10);
        for index in planned.dials {
            recent[index] += 1;
        }
    }
    assert_eq!(recent, [120, 60, 30]);
}

#[test]
fn room_that_became_free_goes_to_whoever_has_least() {
    let mut contenders = [contender(0, 1, 9), contender(0, 1, 9)];
    contenders[0].live = 10;
    plan(0, &mut room(6, 1), &mut contenders, 10);
    assert_eq!(shares(&contenders), [10, 6]);
}

#[test]
fn a_rate_says_when_it_goes_on_and_a_full_house_does_not() {
    let mut contenders = [contender(0, 1, 100)];
    contenders[0].bucket = bucket(2);
    let planned = plan(0, &mut room(50, 1), &mut contenders, 100);
    assert_eq!((planned.dials.len(), planned.again_ms), (2, Some(500)));
    let mut contenders = [contender(0, 1, 100)];
    let planned = plan(0, &mut room(3, 1), &mut contenders, 100);
    assert_eq!((planned.dials.len(), planned.again_ms), (3, None));
    let mut contenders = [contender(0, 1, 100)];
    let planned = plan(7, &mut room(50, 1), &mut contenders, 20);
    assert_eq!((planned.dials.len(), planned.again_ms), (20, Some(7)));
}

#[test]
fn whoever_belongs_to_nobody_does_not_dial() {
    let mut contenders = [contender(7, 1, 10)];
    assert_eq!(
        plan(0, &mut room(3, 1), &mut contenders, 10),
        Plan::default()
    );
    contenders[0] = Contender {
        account: 3,
        ..contender(0, 1, 10)
    };
    assert_eq!(
        plan(0, &mut room(3, 1), &mut contenders, 10),
        Plan::default()
    );
}

fn contenders() -> impl Strategy<Value = Vec<Contender>> {
    let one = (
        0_usize..4,
        0_usize..3,
        1_u8..6,
        0_u32..9,
        0_u32..20,
        0_u32..30,
        0_u32..9,
        0_u32..12,
    );
    let one = one.prop_map(
        |(client, account, priority, live, live_max, due, recent, rate)| Contender {
            client,
            account,
            live,
            live_max,
            recent,
            bucket: bucket(rate),
            ..contender(client, priority, due)
        },
    );
    prop::collection::vec(one, 0..12)
}

fn rooms() -> impl Strategy<Value = Room> {
    let lane = (0_u32..25, 0_u32..25).prop_map(|(free, rate)| Lane {
        free,
        bucket: bucket(rate),
    });
    let clients = prop::collection::vec(lane.clone(), 4);
    let accounts = prop::collection::vec(lane, 3);
    (0_u32..60, clients, accounts).prop_map(|(free, lanes, accounts)| Room {
        free,
        clients: lanes
            .into_iter()
            .map(|lane| Client { lane, ..client() })
            .collect(),
        accounts,
    })
}

proptest! {
    #![proptest_config(crate::seeded::cases(1_024))]

    #[test]
    fn nothing_is_given_that_is_not_there_and_nothing_is_left_that_is_wanted(
        before in contenders(),
        room_before in rooms(),
        now_ms in 0_i64..3,
    ) {
        let (mut after, mut room) = (before.clone(), room_before.clone());
        for one in &after {
            room.clients[one.client].live += one.live;
        }
        let planned = plan(now_ms, &mut room, &mut after, 10_000);
        let begun = |index: usize| planned.dials.iter().filter(|dial| **dial == index).count();
        prop_assert!(planned.dials.len() <= room_before.free as usize);
        for (index, one) in before.iter().enumerate() {
            let begun = begun(index);
            prop_assert!(begun <= one.due as usize);
            prop_assert!(one.live as usize + begun <= (one.live_max as usize).max(one.live as usize));
        }
        for (index, client) in room_before.clients.iter().enumerate() {
            let begun = planned.dials.iter().filter(|dial| before[**dial].client == index).count();
            prop_assert!(begun <= client.lane.free as usize);
        }
        for (index, account) in room_before.accounts.iter().enumerate() {
            let begun = planned.dials.iter().filter(|dial| before[**dial].account == index).count();
            prop_assert!(begun <= account.free as usize);
        }
        for one in &mut after {
            let (client, account) = (&mut room.clients[one.client], &mut room.accounts[one.account]);
            let is_free = room.free > 0 && client.lane.free > 0 && account.free > 0;
            let wants = one.due > 0 && one.live < one.live_max;
            let in_time = one.bucket.has(now_ms)
                && client.lane.bucket.has(now_ms)
                && account.bucket.has(now_ms);
            prop_assert!(!(is_free && wants && in_time), "work is left undone");
        }
    }

    #[test]
    fn who_has_the_same_means_is_never_far_behind(
        priorities in prop::collection::vec(1_u8..6, 1..6),
        free in 1_u32..200,
    ) {
        let mut all: Vec<_> = priorities.iter().map(|p| contender(0, *p, 10_000)).collect();
        plan(0, &mut room(free, 1), &mut all, 10_000);
        let weights: u32 = all.iter().map(|one| one.weight).sum();
        for one in &all {
            let exact = f64::from(free) * f64::from(one.weight) / f64::from(weights);
            let gap = (f64::from(one.live) - exact).abs();
            prop_assert!(gap <= all.len() as f64, "{} instead of {exact}", one.live);
        }
    }
}
