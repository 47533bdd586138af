//! How text becomes words, the same way for documents and for queries.
//!
//! Case and accents are folded, a plural `s` is dropped, and scripts without spaces are split into
//! single characters. Nothing is refused: what is no letter or digit only separates.

use unicode_normalization::UnicodeNormalization;

/// Longer words are cut here, on both sides, which bounds the work that one word can cause.
const WORD_CHARS_MAX: usize = 32;

/// Only words of at least this many characters can lose a plural `s` or be forgiven a typo.
const LONG_ENOUGH: usize = 4;

/// Words of at least this many characters are forgiven two typos.
const TWO_TYPOS_FROM: usize = 8;

/// Lower case without accents; control characters become spaces, the ends are trimmed.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkd().flat_map(char::to_lowercase) {
        match c {
            '\u{300}'..='\u{36f}' => {}
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            c if c.is_control() => folded.push(' '),
            c => folded.push(c),
        }
    }
    folded.trim().to_owned()
}

/// The words of a text in order, repeated ones included.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    for c in fold(text).chars() {
        if is_apostrophe(c) {
            continue;
        }
        if stands_alone(c) {
            finish(&mut word, &mut found);
            found.push(c.to_string());
        } else if c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) {
            word.push(c);
        } else {
            finish(&mut word, &mut found);
        }
    }
    finish(&mut word, &mut found);
    found
}

/// How many letters may be wrong, missing, extra or swapped in this word. Short words and numbers
/// must be right: one changed digit is another model.
pub(crate) fn typos_forgiven(word: &str) -> u8 {
    if word.chars().all(|c| c.is_numeric()) {
        return 0;
    }
    match word.chars().count() {
        0..LONG_ENOUGH => 0,
        LONG_ENOUGH..TWO_TYPOS_FROM => 1,
        TWO_TYPOS_FROM.. => 2,
    }
}

fn finish(word: &mut String, found: &mut Vec<String>) {
    if word.is_empty() {
        return;
    }
    if let Some((cut, _)) = word.char_indices().nth(WORD_CHARS_MAX) {
        word.truncate(cut);
    }
    if is_plural(word) {
        word.pop();
    }
    found.push(std::mem::take(word));
}

/// English plurals, which are also many French, Spanish and Portuguese ones. A wrong guess does
/// little harm, since documents and queries lose the same letter.
fn is_plural(word: &str) -> bool {
    let mut ending = word.chars().rev();
    ending.next() == Some('s')
        && ending
            .next()
            .is_some_and(|c| c.is_alphabetic() && !matches!(c, 's' | 'u' | 'i'))
        && ending.count() + 2 >= LONG_ENOUGH
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | 'ʼ')
}

/// Kana and Han: written without spaces.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_folded_words() {
        for (text, expected) in [
            ("Crème Brûlée", &["creme", "brulee"][..]),
            ("cre\u{301}me", &["creme"]),
            ("STRAẞE straße", &["strasse", "strasse"]),
            ("Men's T-Shirts", &["men", "t", "shirt"]),
            ("glass bus tennis gas", &["glass", "bus", "tennis", "gas"]),
            ("500s 5'000", &["500s", "5000"]),
            ("抹茶 tea", &["抹", "茶", "tea"]),
            ("Ёлка İstanbul", &["елка", "istanbul"]),
            ("a\0b\u{7f}c", &["a", "b", "c"]),
            ("\u{0} -- !! \u{301}", &[]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(words(&"é".repeat(10_000)), ["e".repeat(WORD_CHARS_MAX)]);
    }
}
