//! `?` in raw SQL, for a dialect whose placeholders have numbers.

use std::sync::Arc;

use crate::dialect::{Dialect, Placeholder};
use crate::error::{Error, Result};

/// The text with its `?` as the dialect writes placeholders: so one text does for all databases. Where no values are bound, or
/// there are placeholders with numbers, they are something else (an operator of PostgreSQL's JSON), and the text stays as it is.
///
/// # Errors
/// If there are not as many of them as values.
pub(super) fn placeholders(text: &Arc<str>, values: usize, dialect: &Dialect) -> Result<Arc<str>> {
    if dialect.placeholder == Placeholder::Question || values == 0 || !text.contains('?') {
        return Ok(Arc::clone(text));
    }
    let mut places = Vec::with_capacity(values);
    let (mut at, mut has_numbers) = (0, false);
    while at < text.len() {
        let rest = &text[at..];
        at += match skipped(rest) {
            Some(length) => length,
            None => {
                match rest.as_bytes() {
                    [b'?', ..] => places.push(at),
                    [b'$', b'0'..=b'9', ..] => has_numbers = true,
                    _ => {}
                }
                rest.chars().next().map_or(1, char::len_utf8)
            }
        };
    }
    if has_numbers {
        return Ok(Arc::clone(text));
    }
    if places.len() != values {
        return Err(miscounted(places.len(), values, text));
    }
    let mut out = String::with_capacity(text.len() + 2 * values);
    let mut from = 0;
    for (number, place) in places.into_iter().enumerate() {
        out.push_str(&text[from..place]);
        dialect.placeholder(number, &mut out);
        from = place + 1;
    }
    out.push_str(&text[from..]);
    Ok(out.into())
}

#[cold]
fn miscounted(places: usize, values: usize, text: &str) -> Error {
    let places = if places == 1 { "1 placeholder".to_owned() } else { format!("{places} placeholders") };
    let values = if values == 1 { "1 value is".to_owned() } else { format!("{values} values are") };
    Error::build(format!(
        "this statement has {places}, and {values} bound: bind one value for each; where `?` is an operator, write \
         placeholders as `$1`\n  in: {text}"
    ))
}

/// How long the text, the name or the comment is that begins here. One that does not end goes to the end of all.
fn skipped(rest: &str) -> Option<usize> {
    let end =
        |close: &str, from: usize| rest[from..].find(close).map_or(rest.len(), |at| from + at + close.len());
    match rest.as_bytes() {
        // A doubled quote inside is the end of one and the beginning of another.
        [b'\'', ..] => Some(end("'", 1)),
        [b'"', ..] => Some(end("\"", 1)),
        [b'-', b'-', ..] => Some(end("\n", 2)),
        [b'/', b'*', ..] => Some(end("*/", 2)),
        [b'$', ..] => {
            let tag = &rest[..=rest[1..].find('$')? + 1];
            let is_tag = tag[1..tag.len() - 1].chars().all(|c| c.is_alphanumeric() || c == '_');
            is_tag.then(|| end(tag, tag.len()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::placeholders;
    use crate::dialect::{POSTGRES, SQLITE};

    #[test]
    fn question_marks_are_numbered_where_they_are_placeholders() {
        for (text, values, expected) in [
            ("a = ? AND b = ?", 2, "a = $1 AND b = $2"),
            ("'?' \"?\" ? -- ?\n /* ? */", 1, "'?' \"?\" $1 -- ?\n /* ? */"),
            ("'it''s ?' = ?", 1, "'it''s ?' = $1"),
            ("$a$ ? $a$ = ?", 1, "$a$ ? $a$ = $1"),
            ("a = $1", 1, "a = $1"),
            ("tags ? 'x' AND id = $1", 1, "tags ? 'x' AND id = $1"),
            ("tags ? 'x' AND a = $1 AND b = $2", 2, "tags ? 'x' AND a = $1 AND b = $2"),
            ("tags ? 'x' AND a = '?' AND b = $1", 1, "tags ? 'x' AND a = '?' AND b = $1"),
            ("tags ? 'x'", 0, "tags ? 'x'"),
            ("é ? 'unended", 1, "é $1 'unended"),
            ("?", 1, "$1"),
        ] {
            assert_eq!(&*placeholders(&text.into(), values, &POSTGRES).unwrap(), expected, "{text}");
            assert_eq!(&*placeholders(&text.into(), values, &SQLITE).unwrap(), text);
        }
    }

    #[test]
    fn too_few_and_too_many_values_are_counted() {
        for (text, values, said) in [
            ("SELECT ? + ?", 1, "2 placeholders, and 1 value is bound"),
            ("SELECT ?", 2, "1 placeholder, and 2 values are bound"),
            ("tags ? 'x' AND a = ?", 1, "2 placeholders, and 1 value is bound"),
        ] {
            let error = placeholders(&text.into(), values, &POSTGRES).unwrap_err().to_string();
            assert!(error.contains(said) && error.ends_with(text), "{error}");
        }
    }
}
