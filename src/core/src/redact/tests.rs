use proptest::prelude::*;

use super::*;
use crate::numerals::{TENS, UNITS};

/// Numbers that the schemes publish for tests.
const CARDS: [&str; 10] = [
    "4111111111111111",
    "4242424242424242",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
    "3566002020360505",
    "30569309025904",
    "6200000000000005",
    "4222222222222",
];

#[test]
fn a_cards_number_is_told_by_its_end_alone() {
    for (text, told) in [
        (
            "It is 4111 1111 1111 1111.",
            "It is [card number ending 1111].",
        ),
        ("4111-1111-1111-1111", "[card number ending 1111]"),
        ("4111111111111111", "[card number ending 1111]"),
        (
            "4 1 1 1, 1 1 1 1, 1 1 1 1, 1 1 1 1",
            "[card number ending 1111]",
        ),
        (
            "four one one one one one one one one one one one one one one one thanks",
            "[card number ending 1111] thanks",
        ),
        (
            "four triple one double one double one, quadruple one and quadruple one",
            "[card number ending 1111]",
        ),
        (
            // 41 and 40, 1 are both numbers of cards here.
            "Forty-one eleven eleven eleven eleven eleven eleven eleven",
            "[card number]",
        ),
        (
            "Five five five five, um, triple 5 five dash fifty-five fifty five forty four forty-four, please",
            "[card number], please",
        ),
        (
            "3782 822463 10005 and the code is 1234",
            "[card number ending 0005] and the code is 1234",
        ),
        (
            "４１１１ １１１１ １１１１ １１１１",
            "[card number ending 1111]",
        ),
        (
            "4111111111111111 then 12 27",
            "[card number ending 1111] then 12 27",
        ),
        ("41111111111111111227", "[card number ending 1111]1227"),
        ("27 4111 1111 1111 1111", "27 [card number ending 1111]"),
        (
            "4111 1111 1111 1111 or else 5555 5555 5555 4444",
            "[card number ending 1111] or else [card number ending 4444]",
        ),
        // One digit off.
        ("4111 1111 1111 1112", "4111 1111 1111 1112"),
        // No issuer's.
        ("1111 1111 1111 1117", "1111 1111 1111 1117"),
        (
            "Call me on 555 123 4567, or 555 123 4568.",
            "Call me on 555 123 4567, or 555 123 4568.",
        ),
        ("", ""),
    ] {
        assert_eq!(cards(text), told, "{text}");
    }
}

#[test]
fn what_stands_already_cannot_be_taken_back_but_is_not_completed() {
    for (before, pieces, told) in [
        (
            "",
            ["4111 1111", "1111 1111 thanks"],
            ["[card number ending 1111]", " thanks"],
        ),
        (
            "4111",
            ["1111", "1111 1111"],
            ["[card number ending 1111]", ""],
        ),
        ("4111 1111", ["1111", "1111"], ["[card number]", ""]),
        ("my number is", ["4111", "1111"], ["4111", "1111"]),
    ] {
        let mut pieces = pieces.map(str::to_owned);
        let [one, two] = &mut pieces;
        cards_across(before, &mut [one, two], false);
        assert_eq!(pieces, told.map(str::to_owned), "{before}");
    }
}

#[test]
fn a_text_ends_in_digits_or_not() {
    for (text, expected) in [
        ("my card is 4111 11", Some((11, 6))),
        ("four one, um,", Some((0, 2))),
        ("four one please", None),
        ("", None),
    ] {
        assert_eq!(trailing(text), expected, "{text}");
    }
}

#[test]
fn a_row_is_most_of_a_card_or_another_number() {
    for (text, expected) in [
        ("4111 1111 11", false),
        ("4111 1111 111", true),
        ("9 4111 1111 111", true),
        ("4111 1111 111 please", false),
        // A telephone number, and one of an order.
        ("my number is 415 555 26 71", false),
        ("order 1000 0712 1001 1", false),
        ("forty-one eleven eleven eleven eleven eleven", true),
        ("", false),
    ] {
        assert_eq!(is_most_of_card(text), expected, "{text}");
    }
}

#[test]
fn values_are_taken_out_of_answers_whatever_their_form() {
    let secrets = ["4111111111111111", "123", "7"];
    for (text, told) in [
        (
            r#"{"card":"4111 1111 1111 1111","id":71234}"#,
            r#"{"card":"[withheld]","id":"[withheld]"}"#,
        ),
        (
            r#"{"n":4111111111111111,"ok":true}"#,
            r#"{"n":"[withheld]","ok":true}"#,
        ),
        (
            r#"{"4111111111111111":7}"#,
            r#"{"[withheld]":"[withheld]"}"#,
        ),
        (r#"[4,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"#, r#""[withheld]""#),
        (
            r#"{"other":"5555555555554444"}"#,
            r#"{"other":"[card number ending 4444]"}"#,
        ),
        (r#"{"\u0034111111111111111":0}"#, r#"{"[withheld]":0}"#),
        (
            "paid with 4111-1111-1111-1111 (cvc 123)",
            "paid with [withheld] (cvc [withheld])",
        ),
        ("17 of 70", "17 of 70"),
        (
            r#"{"receipt":"K-17","cents":4500}"#,
            r#"{"receipt":"K-17","cents":4500}"#,
        ),
    ] {
        assert_eq!(values(text, &secrets), told, "{text}");
    }
}

/// Digits as somebody says or writes them, from so many choices.
fn said(digits: &str, choices: &[u8]) -> String {
    let digits: Vec<usize> = digits.bytes().map(|b| usize::from(b - b'0')).collect();
    let between = [
        " ", "-", " - ", ", ", ". ", " dash ", " um ", " and ", "\u{2013}", " / ", "\u{a0}", "… ",
    ];
    let mut out = String::new();
    let (mut at, mut choice) = (0, choices.iter().cycle());
    let mut next = || usize::from(*choice.next().unwrap_or(&0));
    while at < digits.len() {
        let (one, two) = (digits[at], digits.get(at + 1).copied());
        let written = |count: usize| -> String {
            let part = digits.iter().skip(at).take(count);
            part.map(|d| char::from(b'0' + u8::try_from(*d).unwrap()))
                .collect()
        };
        let (word, taken) = match (next() % 8, two) {
            (0 | 1, _) => (UNITS[one].to_owned(), 1),
            (2, Some(two)) if two == one => (format!("double {}", UNITS[one]), 2),
            (3, Some(two)) if one == 1 => (UNITS[10 + two].to_owned(), 2),
            (3, Some(0)) if one >= 2 => (TENS[one - 2].to_owned(), 2),
            (3, Some(two)) if one >= 2 => (format!("{}-{}", TENS[one - 2], UNITS[two]), 2),
            (4, _) if one == 0 => ("oh".to_owned(), 1),
            _ => {
                let count = 1 + next() % 6;
                let text = written(count);
                let count = text.len();
                (text, count)
            }
        };
        if !out.is_empty() {
            out.push_str(between[next() % between.len()]);
        }
        out.push_str(&word);
        at += taken;
    }
    out
}

/// A number of this length that begins so, with the right check digit.
fn number(prefix: &str, length: usize, rest: &[u8]) -> String {
    let mut digits = prefix.to_owned();
    digits.extend(
        rest.iter()
            .cycle()
            .take(length - 1 - prefix.len())
            .map(|d| char::from(b'0' + d % 10)),
    );
    let check = (0..10).map(|d| format!("{digits}{d}")).find(|n| is_luhn(n));
    check.unwrap()
}

/// How many digits a text tells.
fn digits_told(text: &str) -> usize {
    rows(text).0.iter().map(Vec::len).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_spelling_and_no_sign_lets_a_number_through(
        which in 0..8_usize, rest in prop::collection::vec(any::<u8>(), 20), choices in prop::collection::vec(any::<u8>(), 40),
        words in any::<bool>(),
    ) {
        let (prefix, length) = [
            ("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16), ("3528", 16), ("36", 14), ("62", 19),
        ][which];
        let card = number(prefix, length, &rest);
        let mut text = said(&card, &choices);
        if words {
            text = format!("Sure, the number is {text}. Have you got that?");
        }
        let told = cards(&text);
        prop_assert!(told.contains("[card number"), "{text}");
        prop_assert!(digits_told(&told) <= 4, "{text}: {told}");
        if words {
            prop_assert!(told.starts_with("Sure, the number is [") && told.ends_with("]. Have you got that?"), "{told}");
        }
    }

    #[test]
    fn any_text_at_all_is_read_and_read_again(text in any::<String>()) {
        let told = cards(&text).into_owned();
        prop_assert_eq!(cards(&told), told.as_str());
        trailing(&text);
        let _ = values(&text, &["411"]);
    }
}

#[test]
fn the_numbers_of_the_schemes_are_found() {
    for card in CARDS {
        assert!(is_luhn(card), "{card}");
        assert!(cards(card).starts_with("[card number ending"), "{card}");
    }
    assert!(!is_luhn("") && !is_luhn("4111111111111112") && !is_luhn("41x"));
}

#[test]
fn what_was_pressed_right_before_a_number_hides_none_of_it() {
    for before in ["1", "12", "4111", "0042"] {
        for card in CARDS.iter().filter(|card| card.len() >= 14) {
            let said = format!("{before}{card}");
            let told = cards(&said);
            assert!(!told.contains(card), "{before} {card}: {told}");
        }
    }
    // And what stands behind: cards of fourteen and of sixteen digits that begin with a three.
    for card in ["3566002020360505", "30569309025904", "378282246310005"] {
        let said = format!("{card}1227");
        let told = cards(&said);
        assert!(!told.contains(card), "{card}: {told}");
    }
}
