//! Which of many rows a constraint refused: the server names values, not rows.

use bytes::BytesMut;
use orm_core::program::Step;
use orm_core::{Cells, ValueRef};
use tokio_postgres::error::DbError;
use tokio_postgres::types::IsNull;

use super::codec::encode_text;
use super::error::{key_of, row_of};
use crate::answers::Answers;

/// The parameter row that an error is about, if what the server says fits one.
pub(super) fn failed_row(error: &DbError, step: &Step, input: &Cells, answers: &Answers) -> Option<u32> {
    let outline = step.shape.outline.as_deref()?;
    let place = |column: &str| outline.parameters.iter().position(|parameter| parameter.name == column);
    let rows = Rows { step, input, answers };
    if let Some(column) = error.column() {
        let place = place(column)?;
        return rows.find(|row| rows.text(row, place).is_none());
    }
    let detail = error.detail()?;
    if let Some((columns, key)) = key_of(detail) {
        let places: Option<Vec<usize>> = columns.iter().map(|column| place(column)).collect();
        let places = places?;
        return rows.find(|row| {
            let parts: Option<Vec<String>> = places.iter().map(|&place| rows.text(row, place)).collect();
            parts.is_some_and(|parts| parts.join(", ") == key)
        });
    }
    // The whole row, in the order of the table. It fits only if all that was sent is in there.
    let values: Vec<&str> = row_of(detail)?.split(", ").collect();
    rows.find(|row| {
        (0..outline.parameters.len()).all(|place| match rows.text(row, place) {
            Some(text) => values.contains(&text.as_str()),
            None => values.contains(&"null"),
        })
    })
}

/// The parameter row that an error of COPY is about: the server says its line, `COPY users, line 3, column name: "x"`, in
/// any language.
pub(super) fn copied_row(error: &DbError, step: &Step) -> Option<u32> {
    row_of_line(error.where_()?, step.shape.outline.as_deref()?.table, step.rows)
}

fn row_of_line(context: &str, table: &str, rows: u32) -> Option<u32> {
    // The first line is where the error is: functions that a trigger called come before it.
    let line = context.lines().find(|line| line.contains("COPY") && line.contains(table))?;
    // The name may have digits.
    let (before, after) = line.split_once(table)?;
    let number = |text: &str| -> Option<u32> {
        let start = text.find(|character: char| character.is_ascii_digit())?;
        let digits = &text[start..];
        let end = digits.find(|character: char| !character.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse().ok()
    };
    let number = number(after).or_else(|| number(before))?;
    number.checked_sub(1).filter(|row| *row < rows)
}

struct Rows<'a> {
    step: &'a Step,
    input: &'a Cells,
    answers: &'a Answers,
}

impl Rows<'_> {
    fn find(&self, fits: impl Fn(u32) -> bool) -> Option<u32> {
        (0..self.step.rows).find(|&row| fits(row))
    }

    /// A value as the server writes it.
    fn text(&self, row: u32, place: usize) -> Option<String> {
        let width = usize::from(self.step.shape.parameters);
        let cell = self.step.cells.start as usize + row as usize * width + place;
        let value = match self.input.as_slice()[cell] {
            orm_core::Cell::From { step, column, row } => self.answers.value(step, column, row).ok()?,
            _ => self.input.value(cell),
        };
        text_of(value)
    }
}

fn text_of(value: ValueRef<'_>) -> Option<String> {
    let mut text = BytesMut::new();
    match encode_text(value, &mut text) {
        IsNull::No => String::from_utf8(text.to_vec()).ok(),
        IsNull::Yes => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_copy_is_read_in_any_language() {
        let row = |context: &str| row_of_line(context, "t1", 10);
        assert_eq!(row("COPY t1, line 3"), Some(2));
        assert_eq!(row("COPY t1, line 3, column n7: \"9\""), Some(2));
        assert_eq!(row("COPY t1, Zeile 10, Spalte id: »x«"), Some(9));
        assert_eq!(row("t1のCOPY、行 4、列 id"), Some(3));
        assert_eq!(row("PL/pgSQL function f() line 2 at RAISE\nCOPY t1, line 5: \"1\t2\""), Some(4));
        // The end of the data, which is no row; and what is no COPY.
        assert_eq!(row("COPY t1, line 11"), None);
        assert_eq!(row("COPY t1, line 0"), None);
        assert_eq!(row("SQL statement \"SELECT 1 FROM t1\""), None);
        assert_eq!(row(""), None);
    }
}
