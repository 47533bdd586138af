//! Texts of callers as columns: PostgreSQL keeps every letter but U+0000. JSON spells that one as an escape, and is kept as it is written.

use std::borrow::Cow;

/// Stands for itself twice, and before a zero for U+0000. Of the private planes: nobody writes it.
const ESCAPE: char = '\u{10FFFD}';

/// As a column keeps it.
pub(super) fn kept(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\0' => out.extend([ESCAPE, '0']),
            ESCAPE => out.extend([ESCAPE, ESCAPE]),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// As it was given.
pub(super) fn given(text: &str) -> Cow<'_, str> {
    if !text.contains(ESCAPE) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let next = if letter == ESCAPE {
            letters.next()
        } else {
            Some(letter)
        };
        out.extend(next.map(|next| {
            if letter == ESCAPE && next == '0' {
                '\0'
            } else {
                next
            }
        }));
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_reads_back() {
        for text in [
            "",
            "anna",
            "\0",
            "a\0b",
            "\u{10FFFD}",
            "\u{10FFFD}0",
            "0\0\u{10FFFD}\0",
        ] {
            let column = kept(text);
            assert!(!column.contains('\0'));
            assert_eq!(given(&column), text);
        }
    }
}
