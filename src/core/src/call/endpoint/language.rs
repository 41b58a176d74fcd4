//! The words by which the end of a turn is known, language by language.

mod english;
mod french;
mod german;
mod spanish;

/// The language that a caller speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English, and every language without words of its own here: digits, punctuation and scores are the same in all.
    #[default]
    English,
    /// German.
    German,
    /// French.
    French,
    /// Spanish.
    Spanish,
}

impl Language {
    /// The language of a BCP 47 tag, whatever its region.
    pub fn of(tag: &str) -> Self {
        let main = tag.split('-').next().unwrap_or(tag);
        let known = [
            ("de", Language::German),
            ("fr", Language::French),
            ("es", Language::Spanish),
        ];
        known
            .into_iter()
            .find(|(name, _)| main.eq_ignore_ascii_case(name))
            .map_or(Language::English, |(_, language)| language)
    }

    pub(super) fn words(self) -> &'static Words {
        match self {
            Language::English => &english::WORDS,
            Language::German => &german::WORDS,
            Language::French => &french::WORDS,
            Language::Spanish => &spanish::WORDS,
        }
    }
}

/// One or more words in a row.
pub(super) type Phrase = &'static [&'static str];

/// What one language says, in small letters.
pub(super) struct Words {
    /// Names of the digit 0: a telephone number that begins with it is not a short, local one.
    pub(super) zeros: &'static [&'static str],
    /// Names of digits, in lists.
    pub(super) digits: &'static [&'static [&'static str]],
    /// Words that say a digit or letter again.
    pub(super) doubles: &'static [&'static str],
    /// Names of larger numbers, as house numbers have them, in lists.
    pub(super) numbers: &'static [&'static [&'static str]],
    /// Speech goes on after these, unless the recogniser ends a sentence there.
    pub(super) dangling: &'static [&'static str],
    /// Speech goes on after these even so: small recognisers put a full stop after anything.
    pub(super) always_dangling: &'static [Phrase],
    /// Between a letter and a word that begins with it.
    pub(super) as_in: &'static [Phrase],
    /// Letters that are said so without being spelled.
    pub(super) not_spelled: &'static [&'static str],
    /// The word "number".
    pub(super) number: &'static [&'static str],
    /// Of telephone numbers.
    pub(super) phone: &'static [Phrase],
    /// So many digits are a whole telephone number; more than the last are one too.
    pub(super) phone_lengths: &'static [usize],
    /// Of payment cards.
    pub(super) card: &'static [&'static str],
    /// Of references, accounts, codes.
    pub(super) reference: &'static [&'static str],
    /// Of numbers that are short: rooms, flights.
    pub(super) short_number: &'static [&'static str],
    /// Asking for, or announcing, a spelling.
    pub(super) spelling: &'static [&'static str],
    /// Asking for, or announcing, an e-mail address.
    pub(super) email: &'static [&'static str],
    /// "@", spoken.
    pub(super) at: &'static [&'static str],
    /// ".", spoken.
    pub(super) dot: &'static [&'static str],
    /// "_", spoken: of nothing but such addresses.
    pub(super) underscore: &'static [&'static str],
    /// Other signs in an e-mail address, spoken.
    pub(super) signs: &'static [&'static str],
    /// Asking for, or announcing, where somebody lives.
    pub(super) address: &'static [Phrase],
    /// Words for streets.
    pub(super) streets: &'static [&'static str],
    /// Ends of words for streets, where they are written in one.
    pub(super) street_ends: &'static [&'static str],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_leads_to_its_language() {
        for (tag, language) in [
            ("en", Language::English),
            ("en-GB", Language::English),
            ("de-AT", Language::German),
            ("FR", Language::French),
            ("es-419", Language::Spanish),
            ("nl", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::of(tag), language, "{tag}");
        }
    }

    #[test]
    fn tables_are_written_in_small_letters() {
        for language in [
            Language::English,
            Language::German,
            Language::French,
            Language::Spanish,
        ] {
            let words = language.words();
            let lists = [
                words.zeros,
                words.doubles,
                words.dangling,
                words.not_spelled,
                words.number,
                words.card,
                words.reference,
                words.short_number,
                words.spelling,
                words.email,
                words.at,
                words.dot,
                words.underscore,
                words.signs,
                words.streets,
                words.street_ends,
            ];
            let phrases = [
                words.digits,
                words.numbers,
                words.always_dangling,
                words.as_in,
                words.phone,
                words.address,
            ];
            let phrases = phrases.into_iter().flatten().copied();
            for word in lists.into_iter().chain(phrases).flatten() {
                assert_eq!(*word, word.to_lowercase(), "{language:?}");
                let is_bare = word
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '\'' | '-'));
                assert!(is_bare, "{word:?}");
            }
            assert!(words.digits.concat().len() >= 10 && !words.phone_lengths.is_empty());
        }
    }
}
