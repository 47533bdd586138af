//! Readable addresses from names: letters folded to ASCII, words joined by dashes.

use crate::Slug;
use crate::id::MAX_TEXT_ID;

/// What a product is called in addresses when nothing of its name can be spelled in ASCII.
const NAMELESS: &str = "product";

/// Slugs for a product of that name, best first: the name itself, then with `-2`, `-3` and so on. The caller takes the
/// first that is free. Never empty, practically endless.
pub fn slug_candidates(name: &str) -> impl Iterator<Item = Slug> + use<> {
    let base = fold(name);
    (1u64..).filter_map(move |number| {
        let suffix = if number == 1 {
            String::new()
        } else {
            format!("-{number}")
        };
        let kept = base.len().min(MAX_TEXT_ID - suffix.len());
        let text = format!("{}{suffix}", base[..kept].trim_end_matches('-'));
        Slug::new(&text).ok()
    })
}

/// Lower-case ASCII letters and digits, single dashes between; never empty.
fn fold(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            'a'..='z' | '0'..='9' => text.push(letter),
            // Apostrophes and combining accents are part of a word.
            '\'' | '\u{2019}' | '\u{300}'..='\u{36f}' => {}
            _ => match fold_letter(letter) {
                Some(ascii) => text.push_str(ascii),
                None if text.is_empty() || text.ends_with('-') => {}
                None => text.push('-'),
            },
        }
    }
    let end = text.trim_end_matches('-').len();
    text.truncate(end);
    if text.is_empty() {
        NAMELESS.to_owned()
    } else {
        text
    }
}

/// Letters of Latin-1, Latin Extended-A and Romanian; those of other scripts separate words.
fn fold_letter(letter: char) -> Option<&'static str> {
    Some(match letter {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn folds_names_to_readable_slugs() {
        let rows = [
            ("Adventure-Ready Backpack", "adventure-ready-backpack"),
            ("  Crème brûlée (2×)  ", "creme-brulee-2"),
            ("Children's “Straße”", "childrens-strasse"),
            ("Ærø & İzmir, Łódź", "aero-izmir-lodz"),
            ("茶", "product"),
            ("茶 Tea", "tea"),
            ("---", "product"),
            ("e\u{301}tude", "etude"),
            ("a - - b", "a-b"),
            ("x\u{2019}s", "xs"),
        ];
        for (name, slug) in rows {
            let first = slug_candidates(name).next();
            assert_eq!(first.as_ref().map(Slug::as_str), Some(slug), "{name}");
        }
    }

    /// Every letter that is folded, next to the ASCII that it becomes; those next to the ranges are none.
    #[test]
    fn every_latin_letter_has_its_ascii() {
        let rows = [
            ("àáâãäåāăą", "aaaaaaaaa"),
            ("æ", "ae"),
            ("çćĉċč", "ccccc"),
            ("ďđð", "ddd"),
            ("èéêëēĕėęě", "eeeeeeeee"),
            ("ĝğġģ", "gggg"),
            ("ĥħ", "hh"),
            ("ìíîïĩīĭįı", "iiiiiiiii"),
            ("ĵ", "j"),
            ("ķ", "k"),
            ("ĺļľŀł", "lllll"),
            ("ñńņň", "nnnn"),
            ("òóôõöøōŏő", "ooooooooo"),
            ("œ", "oe"),
            ("ŕŗř", "rrr"),
            ("śŝşšș", "sssss"),
            ("ß", "ss"),
            ("ţťŧț", "tttt"),
            ("þ", "th"),
            ("ùúûüũūŭůűų", "uuuuuuuuuu"),
            ("ŵ", "w"),
            ("ýÿŷ", "yyy"),
            ("źżž", "zzz"),
        ];
        for (letters, ascii) in rows {
            assert_eq!(fold(letters), ascii);
        }
        assert_eq!(fold("a÷b×c"), "a-b-c");
    }

    #[test]
    fn numbers_the_next_ones_and_keeps_the_length() {
        let some: Vec<_> = slug_candidates("Mug")
            .take(3)
            .map(|slug| slug.to_string())
            .collect();
        assert_eq!(some, ["mug", "mug-2", "mug-3"]);
        let long = slug_candidates(&"x".repeat(200)).nth(99);
        assert_eq!(
            long.map(|slug| slug.to_string()),
            Some(format!("{}-100", "x".repeat(60)))
        );
        // No dash is left where the name is cut.
        let cut = format!("{}-{}", "x".repeat(61), "y".repeat(9));
        let second = slug_candidates(&cut).nth(1).map(|slug| slug.to_string());
        assert_eq!(second, Some(format!("{}-2", "x".repeat(61))));
    }

    proptest! {
        #[test]
        fn any_name_has_different_valid_candidates(name in "\\PC{0,80}") {
            let some: BTreeSet<_> = slug_candidates(&name).take(20).collect();
            prop_assert_eq!(some.len(), 20);
        }
    }
}
