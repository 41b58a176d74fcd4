//! What differs between two JSON documents, place by place.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Most changes that are told.
pub const CHANGES_MAX: usize = 1_000;
/// Most bytes that all their pointers may have.
const POINTER_BYTES_MAX: usize = 256 * 1_024;

/// One place that is not as it was.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// There is something where there was nothing.
    Added {
        /// Where, as a JSON pointer (RFC 6901) into the newer document.
        pointer: String,
        /// What.
        after: Value,
    },
    /// There is nothing any more.
    Removed {
        /// Where it was, as a pointer into the older document.
        pointer: String,
        /// What was there.
        before: Value,
    },
    /// There is something else.
    Changed {
        /// Where, as a pointer into both.
        pointer: String,
        /// What was there.
        before: Value,
        /// What is there now.
        after: Value,
    },
}

/// Everything that differs, in the order of the documents' keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// The changes; of lists, what they begin and end with alike is left alone, and the rest is compared one by one.
    pub changes: Vec<Change>,
    /// There are more, which are not told.
    pub is_cut: bool,
}

/// What makes `after` of `before`.
#[must_use]
pub fn diff(before: &Value, after: &Value) -> Diff {
    let mut walk = Walk::default();
    walk.values(before, after);
    walk.diff
}

#[derive(Default)]
struct Walk {
    at: String,
    pointer_bytes: usize,
    diff: Diff,
}

impl Walk {
    fn values(&mut self, before: &Value, after: &Value) {
        match (before, after) {
            _ if before == after => {}
            (Value::Object(before), Value::Object(after)) => self.objects(before, after),
            (Value::Array(before), Value::Array(after)) => self.lists(before, after),
            _ => self.tell(Some(before), Some(after)),
        }
    }

    fn objects(&mut self, before: &Map<String, Value>, after: &Map<String, Value>) {
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            if self.diff.is_cut {
                return;
            }
            let step = name.replace('~', "~0").replace('/', "~1");
            self.within(&step, |walk| match (before.get(name), after.get(name)) {
                (Some(before), Some(after)) => walk.values(before, after),
                (before, after) => walk.tell(before, after),
            });
        }
    }

    fn lists(&mut self, before: &[Value], after: &[Value]) {
        let pairs = before.iter().zip(after);
        let begin = pairs.take_while(|(before, after)| before == after).count();
        let (before, after) = (rest(before, begin), rest(after, begin));
        let pairs = before.iter().rev().zip(after.iter().rev());
        let end = pairs.take_while(|(before, after)| before == after).count();
        let middle = (before.len() - end).max(after.len() - end);
        for at in 0..middle {
            if self.diff.is_cut {
                return;
            }
            let one = |list: &'_ [Value]| {
                (at < list.len() - end)
                    .then(|| list.get(at).cloned())
                    .flatten()
            };
            let (before, after) = (one(before), one(after));
            self.within(&(begin + at).to_string(), |walk| match (&before, &after) {
                (Some(before), Some(after)) => walk.values(before, after),
                (before, after) => walk.tell(before.as_ref(), after.as_ref()),
            });
        }
    }

    fn within(&mut self, step: &str, walk: impl FnOnce(&mut Self)) {
        let length = self.at.len();
        self.at.push('/');
        self.at.push_str(step);
        walk(self);
        self.at.truncate(length);
    }

    fn tell(&mut self, before: Option<&Value>, after: Option<&Value>) {
        self.pointer_bytes += self.at.len();
        let changes = &mut self.diff.changes;
        if changes.len() >= CHANGES_MAX || self.pointer_bytes > POINTER_BYTES_MAX {
            self.diff.is_cut = true;
            return;
        }
        let pointer = self.at.clone();
        changes.extend(match (before.cloned(), after.cloned()) {
            (Some(before), Some(after)) => Some(Change::Changed {
                pointer,
                before,
                after,
            }),
            (Some(before), None) => Some(Change::Removed { pointer, before }),
            (None, Some(after)) => Some(Change::Added { pointer, after }),
            (None, None) => None,
        });
    }
}

fn rest(list: &[Value], from: usize) -> &[Value] {
    list.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::seeded::cases;

    /// As `+/pointer value`, `-/pointer value` and `~/pointer value value`.
    fn lines(before: &Value, after: &Value) -> Vec<String> {
        let told = diff(before, after);
        assert!(!told.is_cut);
        let line = |change: &Change| match change {
            Change::Added { pointer, after } => format!("+{pointer} {after}"),
            Change::Removed { pointer, before } => format!("-{pointer} {before}"),
            Change::Changed {
                pointer,
                before,
                after,
            } => format!("~{pointer} {before} {after}"),
        };
        told.changes.iter().map(line).collect()
    }

    #[test]
    fn each_place_is_told_once() {
        for (before, after, want) in [
            (json!({"a": 1}), json!({"a": 1}), vec![]),
            (json!({"a": 1}), json!({"a": 2}), vec!["~/a 1 2"]),
            (json!({"a": 1}), json!({}), vec!["-/a 1"]),
            (json!({}), json!({"a": {"b": 1}}), vec!["+/a {\"b\":1}"]),
            (
                json!({"voice": {"speed": 1.0, "id": "x"}, "name": "Robin"}),
                json!({"voice": {"speed": 1.2, "id": "x"}, "greeting": "Hi."}),
                vec![
                    "+/greeting \"Hi.\"",
                    "-/name \"Robin\"",
                    "~/voice/speed 1.0 1.2",
                ],
            ),
            // A place that turned into something else is one change.
            (
                json!({"a": [1]}),
                json!({"a": {"0": 1}}),
                vec!["~/a [1] {\"0\":1}"],
            ),
            (json!({"a": null}), json!({}), vec!["-/a null"]),
            (json!(1), json!("1"), vec!["~ 1 \"1\""]),
            // Of lists, one more in front is one more.
            (json!(["b", "c"]), json!(["a", "b", "c"]), vec!["+/0 \"a\""]),
            (json!(["a", "b", "c"]), json!(["a", "c"]), vec!["-/1 \"b\""]),
            (
                json!(["a", "b", "c"]),
                json!(["a", "x", "c"]),
                vec!["~/1 \"b\" \"x\""],
            ),
            (json!([1, 1]), json!([1, 1, 1]), vec!["+/2 1"]),
            (
                json!([{"a": 1}, 2]),
                json!([{"a": 3}, 4, 2]),
                vec!["~/0/a 1 3", "+/1 4"],
            ),
            (
                json!({"a/b~c": 1}),
                json!({"a/b~c": 2}),
                vec!["~/a~1b~0c 1 2"],
            ),
        ] {
            assert_eq!(lines(&before, &after), want, "{before} {after}");
        }
    }

    #[test]
    fn there_is_an_end_to_it() {
        let many = |value: i32| -> Value {
            (0..2 * CHANGES_MAX)
                .map(|n| (n.to_string(), json!(value)))
                .collect()
        };
        let told = diff(&many(1), &many(2));
        assert_eq!((told.changes.len(), told.is_cut), (CHANGES_MAX, true));
        // A pointer is told with each change within: a long name does not make much of little.
        let long = |value: i32| json!({ "k".repeat(50_000): many(value) });
        let told = diff(&long(1), &long(2));
        assert!(
            told.is_cut && told.changes.len() < 10,
            "{}",
            told.changes.len()
        );
    }

    /// Makes the newer document of the older one.
    fn apply(document: &mut Value, changes: &[Change]) {
        // From the end, so that places of lists in front of it stay where they are.
        for change in changes
            .iter()
            .rev()
            .filter(|one| matches!(one, Change::Removed { .. }))
        {
            put(document, change);
        }
        for change in changes
            .iter()
            .filter(|one| !matches!(one, Change::Removed { .. }))
        {
            put(document, change);
        }
    }

    fn put(document: &mut Value, change: &Change) {
        let (pointer, after) = match change {
            Change::Added { pointer, after } | Change::Changed { pointer, after, .. } => {
                (pointer, Some(after))
            }
            Change::Removed { pointer, .. } => (pointer, None),
        };
        let Some((parent, step)) = pointer.rsplit_once('/') else {
            *document = after.unwrap().clone();
            return;
        };
        let step = step.replace("~1", "/").replace("~0", "~");
        match (document.pointer_mut(parent).unwrap(), after) {
            (Value::Object(fields), Some(after)) => drop(fields.insert(step, after.clone())),
            (Value::Object(fields), None) => drop(fields.remove(&step).unwrap()),
            (Value::Array(list), Some(after)) => {
                let at: usize = step.parse().unwrap();
                match change {
                    Change::Added { .. } => list.insert(at, after.clone()),
                    Change::Changed { .. } | Change::Removed { .. } => list[at] = after.clone(),
                }
            }
            (Value::Array(list), None) => drop(list.remove(step.parse().unwrap())),
            (other, _) => panic!("{other} has no places"),
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..4).prop_map(Value::from),
            "[ab/~]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("[ab/~]{0,2}", inner, 0..5)
                    .prop_map(|fields| fields.into_iter().collect::<Value>()),
            ]
        })
    }

    proptest! {
        #![proptest_config(cases(2_000))]

        #[test]
        fn whoever_follows_it_arrives(before in any_value(), after in any_value()) {
            let told = diff(&before, &after);
            prop_assert!(!told.is_cut);
            prop_assert_eq!(told.changes.is_empty(), before == after);
            let mut followed = before;
            apply(&mut followed, &told.changes);
            prop_assert_eq!(followed, after);
        }
    }
}
