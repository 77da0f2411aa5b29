//! Values written into the text, where the database takes no parameters.

use super::Writer;
use crate::error::{Error, Result};
use crate::value::ValueRef;
use crate::value::wire::text;

/// Adds a value as a literal of PostgreSQL that stands for what a parameter would: one whose type the server finds out from
/// its place, except for bytes, which say theirs.
///
/// Nothing that is in a value ends the literal, or is read otherwise by a server that is set up otherwise. It is written in
/// printable ASCII, of which neither the quote nor the backslash is taken from the value: these, and all that is not ASCII,
/// are escapes by number. So it does not matter
///
/// - whether `standard_conforming_strings` is on: `E''` knows escapes either way. (Other literals of a query do not, so that
///   the driver looks at it all the same: a value must not come to stand outside of its own.)
/// - what `backslash_quote` says: no quote is escaped by a backslash;
/// - what `client_encoding` is: all of them agree on ASCII, and the server makes the others of their numbers, or refuses.
///
/// # Errors
/// For a value that is no text, or has the character 0, which no text of the server has.
pub(crate) fn literal(value: ValueRef<'_>, out: &mut String) -> Result<()> {
    if value == ValueRef::Null {
        out.push_str("NULL");
        return Ok(());
    }
    let mut written = Vec::new();
    text::write(value, &mut written);
    let Some(written) = std::str::from_utf8(&written).ok().filter(|text| !text.contains('\0')) else {
        return Err(Error::build(format!(
            "a value of this query is {} that no text of a server can have: COPY takes no parameters, so that values are \
             written into its text; use `stream`, which binds them",
            value.kind()
        )));
    };
    out.push_str("E'");
    for character in written.chars() {
        match character {
            ' '..='~' if !matches!(character, '\'' | '\\') => out.push(character),
            '\0'..='\u{FFFF}' => out.push_str(&format!("\\u{:04X}", u32::from(character))),
            _ => out.push_str(&format!("\\U{:08X}", u32::from(character))),
        }
    }
    out.push('\'');
    if matches!(value, ValueRef::Bytes(_)) {
        out.push_str("::BYTEA");
    }
    Ok(())
}

impl<'d> Writer<'d> {
    /// One that writes values into the text.
    pub(crate) fn with_literals(dialect: &'d crate::dialect::Dialect) -> Self {
        Self { literals: Some(Ok(())), ..Self::new(dialect) }
    }

    /// Writes the value that was added last into the text, if there are to be no parameters. Answers whether it was.
    pub(super) fn write_literal(&mut self) -> bool {
        let Some(written) = &mut self.literals else { return false };
        if written.is_ok() && self.input.fault().is_none() {
            *written = literal(self.input.value(self.input.len() - 1), &mut self.sql);
        }
        true
    }

    /// What went wrong with a value, or a text that has placeholders of its own.
    pub(super) fn take_literals(&mut self) -> Result<()> {
        self.literals.take().unwrap_or(Ok(()))
    }
}

/// Of raw SQL: its text is the program's own, and what stands for a value in there is not looked for.
#[cold]
pub(super) fn raw_with_values() -> Error {
    Error::build(
        "COPY takes no parameters, and this SQL binds values: write them into it if they are your own, and never what comes \
         from outside; or use the query builder, which writes them safely, or `stream`, which binds them",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::wire::WireType;

    fn written(value: ValueRef<'_>) -> String {
        let mut out = String::new();
        literal(value, &mut out).unwrap();
        out
    }

    #[test]
    fn values_are_what_a_parameter_would_be() {
        assert_eq!(written(ValueRef::Null), "NULL");
        assert_eq!(written(ValueRef::Int(-5)), "E'-5'");
        assert_eq!(written(ValueRef::Float(f64::NAN)), "E'NaN'");
        assert_eq!(written(ValueRef::Bool(true)), "E't'");
        assert_eq!(written(ValueRef::Text(b"plain")), "E'plain'");
        assert_eq!(written(ValueRef::Bytes(&[0, 255])), "E'\\u005Cx00ff'::BYTEA");
        let uuid = [7; 16];
        let uuid = written(ValueRef::Wire(WireType::Uuid, &uuid));
        assert_eq!(uuid, "E'07070707-0707-0707-0707-070707070707'");
    }

    #[test]
    fn nothing_in_a_text_ends_it() {
        for hostile in [
            "'; DROP TABLE users; --",
            "\\'; DROP TABLE users; --",
            "\\\\'",
            "''",
            "\u{2019}\u{ff07}",
            "表\\'",
            "$$ $1 ? :name",
            "a\nb\r\t\u{1}\u{7f}",
            "E'\\u0027'",
            "/* ' */ -- '",
            "\u{10FFFF}",
        ] {
            let written = written(ValueRef::Text(hostile.as_bytes()));
            let inner = written.strip_prefix("E'").and_then(|text| text.strip_suffix('\'')).unwrap();
            assert!(inner.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'\''), "{written}");
            // Read again, by the one rule that there is: a backslash begins an escape by number.
            let mut read = String::new();
            let mut rest = inner;
            while let Some((before, after)) = rest.split_once('\\') {
                read.push_str(before);
                let digits = if after.starts_with('u') { 4 } else { 8 };
                assert!(matches!(after.as_bytes()[0], b'u' | b'U'), "{written}");
                let number = u32::from_str_radix(&after[1..=digits], 16).unwrap();
                read.push(char::from_u32(number).unwrap());
                rest = &after[1 + digits..];
            }
            read.push_str(rest);
            assert_eq!(read, hostile);
        }
    }

    #[test]
    fn what_no_server_takes_is_refused() {
        for value in [ValueRef::Text(b"a\0b"), ValueRef::Text(&[0xFF]), ValueRef::Text(&[0x95, b'\''])] {
            let error = literal(value, &mut String::new()).unwrap_err().to_string();
            assert!(error.contains("use `stream`"), "{error}");
        }
    }
}
