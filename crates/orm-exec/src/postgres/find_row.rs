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
