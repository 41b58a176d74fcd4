//! Letters without their marks, so that "für" is found in "FÜR", "fur" and "fu\u{308}r".

use unicode_normalization::UnicodeNormalization as _;

/// A mark that stands on the letter before it.
pub(crate) fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Adds a letter to `out` in its plain, small form. Turkish `ı` and `İ` are both `i`, so that a recogniser which thinks in
/// English capitals is understood too.
pub(crate) fn fold(c: char, out: &mut String) {
    if c.is_ascii() {
        return out.push(c.to_ascii_lowercase());
    }
    for c in c.to_lowercase() {
        match c {
            'ß' => out.push_str("ss"),
            'ł' => out.push('l'),
            'ı' => out.push('i'),
            'œ' => out.push_str("oe"),
            'æ' => out.push_str("ae"),
            'ø' => out.push('o'),
            'đ' => out.push('d'),
            c => out.extend(std::iter::once(c).nfd().filter(|c| !is_mark(*c))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_capitals_make_no_difference() {
        for (text, want) in [
            ("Für GRÜSSE Straße", "fur grusse strasse"),
            ("fu\u{308}r", "fur"),
            ("żółć ŁÓDŹ", "zolc lodz"),
            ("ąčęėįšųūž", "aceeisuuz"),
            ("ISPARTA ısparta İzmir izmir", "isparta isparta izmir izmir"),
            ("Çağrı ŞÖYLE", "cagri soyle"),
            ("garçon œuvre où à É", "garcon oeuvre ou a e"),
            ("não coração ñ", "nao coracao n"),
            ("ЙЖ 5", "иж 5"),
        ] {
            let mut folded = String::new();
            text.chars().for_each(|c| fold(c, &mut folded));
            assert_eq!(folded, want, "{text}");
        }
    }
}
