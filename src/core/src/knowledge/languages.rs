//! In which language a document is, by its commonest words; those words are also passed over in a search.

use rust_stemmers::{Algorithm, Stemmer};

/// A language whose words are known to some degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
    /// French.
    French,
    /// Spanish.
    Spanish,
    /// Italian.
    Italian,
    /// Portuguese.
    Portuguese,
    /// Dutch.
    Dutch,
    /// Polish.
    Polish,
    /// Lithuanian.
    Lithuanian,
    /// Turkish.
    Turkish,
}

/// Words of a language that say little, without accents.
const COMMON: &[(Language, &str)] = &[
    (
        Language::English,
        "a about am an and any are as at be been but by can could did do does for from had has have he her his how i if \
         in is it its me my no not of on or our please she should so some tell than that the their them then there they \
         this to us was we were what when where which who why will with would you your",
    ),
    (
        Language::German,
        "aber als am an auch auf aus bei bin bis bitte da das dass dem den der des die ein eine einem einen einer es fur \
         gibt habe haben hat hatte ich ihr im in ist ja kann konnen man mein mich mir mit nach nicht noch nur oder sein \
         sich sie sind so um und uns von vor wann war was wenn wer werden wie wir wird wo zu zum zur",
    ),
    (
        Language::French,
        "a au aux avec avez avons c ce ces cette combien comment d dans de des du elle en est et etes eu ils il j je l la \
         le les leur lui ma mais me mes mon n ne nos notre nous on ont ou par pas plus pour qu quand que quel quelle qui \
         s sa se ses si son sont sur t un une vos votre vous y",
    ),
    (
        Language::Spanish,
        "a al como con cual cuando cuanto de del donde el ella en entre es esta estan este esto ha han hay la las le lo \
         los mas me mi mis muy no nos o para pero por puede puedo que quien se ser si sin sobre son su sus tengo tiene un \
         una usted y ya yo",
    ),
    (
        Language::Italian,
        "a ai al alla anche c che chi ci come con cosa cui da dal dalla dei del della delle di dove e gli ha hanno ho i il \
         in io l la le lo ma mi mio ne nel nella non o per perche piu posso puo quale quali quando quanto se si sono su \
         sua suo un una uno vi",
    ),
    (
        Language::Portuguese,
        "a ao aos as ate com como da das de do dos e ela ele em entre era esta estao eu foi ha isso ja la mais mas me meu \
         minha muito na nao nas no nos o onde os ou para pela pelo pode posso qual quando quanto que quem se sem ser seu \
         sua sao tem um uma voce",
    ),
    (
        Language::Dutch,
        "aan als bij dan dat de deze die dit door een en er geen had heb hebben heeft het hij hoe ik in is je kan kunnen \
         maar me meer met mijn moet naar niet nog of om onze ook op over te tot u uit uw van veel voor waar wanneer was wat \
         we welke wie wij wordt worden zal ze zich zijn zo",
    ),
    (
        Language::Polish,
        "a albo ale bardzo bez bo by byc byl co czy dla do gdy gdzie go i ich ile ja jak jaki jakie jest jestem juz kiedy \
         kto ktora ktore ktory ma mam mi mnie moge mozna na nam nas nie niz o od oraz pan pani po pod prosze przez przy sa \
         sie sobie ta tak te tego ten to tym u w we z za ze",
    ),
    (
        Language::Lithuanian,
        "ant apie ar arba as bet bus buvo del gali galima galiu i ir is iki jau jei ji jie jis jo jos jus jusu ka kad kaip \
         kas kiek kokia koks kuri kuris kur mano mes mus musu ne nei nes nuo o pas per prasau prie su tai taip tas tik tu \
         turi uz yra kada",
    ),
    (
        Language::Turkish,
        "acaba ama ancak bana ben beni benim bir biz bu bunu cok da daha de degil diye en gibi hangi her icin ile ise kac \
         kadar ki kim mi mu nasil ne neden nedir nerede o olan olarak olur once sen siz size sonra su var ve veya ya yok",
    ),
];

impl Language {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        COMMON.iter().map(|(language, _)| *language)
    }

    /// Whose commonest words these folded words have most of; English of a text that has none of any.
    #[must_use]
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut counts = vec![0_u32; COMMON.len()];
        for word in words {
            for (count, (_, common)) in counts.iter_mut().zip(COMMON) {
                *count += u32::from(common.split_whitespace().any(|known| known == word));
            }
        }
        let mut best = (Self::English, 0);
        for ((language, _), count) in COMMON.iter().zip(counts) {
            if count > best.1 {
                best = (*language, count);
            }
        }
        best.0
    }

    /// Whether a folded word is one that says little.
    #[must_use]
    pub fn is_common(self, word: &str) -> bool {
        let common = COMMON.iter().find(|(language, _)| *language == self);
        common.is_some_and(|(_, words)| words.split_whitespace().any(|known| known == word))
    }

    /// What reduces its words to their stems, where there is something that does.
    pub(super) fn stemmer(self) -> Option<Stemmer> {
        let algorithm = match self {
            Self::English => Algorithm::English,
            Self::German => Algorithm::German,
            Self::French => Algorithm::French,
            Self::Spanish => Algorithm::Spanish,
            Self::Italian => Algorithm::Italian,
            Self::Portuguese => Algorithm::Portuguese,
            Self::Dutch => Algorithm::Dutch,
            Self::Turkish => Algorithm::Turkish,
            Self::Polish | Self::Lithuanian => return None,
        };
        Some(Stemmer::create(algorithm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::words::folded;

    #[test]
    fn a_text_shows_its_language() {
        for (text, language) in [
            (
                "We are open from nine to five, and you can park behind the house.",
                Language::English,
            ),
            (
                "Wir haben von neun bis fünf geöffnet, und Sie können hinter dem Haus parken.",
                Language::German,
            ),
            (
                "Nous sommes ouverts de neuf heures à dix-sept heures, et vous pouvez vous garer.",
                Language::French,
            ),
            (
                "Abrimos de nueve a cinco y puede aparcar detrás de la casa con su coche.",
                Language::Spanish,
            ),
            (
                "Siamo aperti dalle nove alle cinque e il parcheggio è dietro la casa, non davanti.",
                Language::Italian,
            ),
            (
                "Estamos abertos das nove às cinco e você pode estacionar com o seu carro, mas não aqui.",
                Language::Portuguese,
            ),
            (
                "Wij zijn open van negen tot vijf en u kunt achter het huis parkeren.",
                Language::Dutch,
            ),
            (
                "Jesteśmy otwarci od dziewiątej do piątej i można parkować przy domu, ale nie za nim.",
                Language::Polish,
            ),
            (
                "Mes dirbame nuo devynių iki penkių, o automobilį galima statyti prie namo.",
                Language::Lithuanian,
            ),
            (
                "Saat dokuzdan beşe kadar açığız ve evin arkasına park etmek için bir yer var.",
                Language::Turkish,
            ),
            ("", Language::English),
        ] {
            let words = folded(text);
            assert_eq!(
                Language::of(words.iter().map(String::as_str)),
                language,
                "{text}"
            );
        }
    }

    #[test]
    fn common_words_are_written_as_they_are_compared() {
        for (language, words) in COMMON {
            for word in words.split_whitespace() {
                assert_eq!(folded(word), [word], "{language:?}");
            }
        }
    }
}
