//! How often somebody may be called, place by place.

use super::*;

#[test]
fn a_number_of_no_state_is_called_as_seldom_as_one_of_each() {
    let verdict = may_call(&request(
        "+18005550100",
        at("America/New_York", "2026-11-24 14:00"),
    ));
    let held: Vec<_> = verdict
        .trace()
        .caps
        .iter()
        .map(|check| &check.cap)
        .collect();
    let pack = HoursPack::shipped();
    let mut states = 0;
    for (_, rule) in pack.rules().filter(|(place, _)| place.is_us()) {
        states += usize::from(!rule.caps.is_empty());
        assert!(
            rule.caps.iter().all(|cap| held.contains(&cap)),
            "{}",
            rule.id
        );
    }
    assert_eq!(states, 5);
}
