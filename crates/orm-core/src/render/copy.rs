//! A query whose answer comes as text.

use std::sync::Arc;

use super::Writer;
use super::statement::query;
use crate::copy::CopyFormat;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::program::Returns;
use crate::stmt::{Body, Compiled, Loads};

/// `COPY (SELECT ..) TO STDOUT ..`, whose values stand in the text.
///
/// # Errors
/// For what is no query of rows, relations to load with them, and values that cannot be written.
pub(crate) fn copy_out(
    body: &Body,
    loads: &Loads,
    format: CopyFormat,
    dialect: &Dialect,
) -> Result<Compiled> {
    if !dialect.copies {
        return Err(Error::build(format!(
            "`copy_out` is for PostgreSQL: {} has no COPY; use `stream`, and write the text of each row",
            dialect.name
        )));
    }
    if !loads.nodes().is_empty() {
        return Err(Error::build(
            "`copy_out` writes the columns of one query, and this one loads relations: leave out `with`, and join what is \
             to be written",
        ));
    }
    let mut out = Writer::with_literals(dialect);
    out.push("COPY (");
    match body {
        Body::Raw(raw) => {
            let before = out.so_far().len();
            raw.write(&mut out)?;
            if !crate::stmt::only_reads(&out.so_far()[before..]) {
                return Err(no_query());
            }
        }
        Body::Select(_) | Body::Compound(_) | Body::Count(_) | Body::Exists(_) => {
            query(&mut out, body, loads)?
        }
        Body::Values(_) | Body::Insert(_) | Body::Update(_) | Body::Delete(_) => return Err(no_query()),
    }
    if out.writes {
        return Err(no_query());
    }
    out.lacking.take().map_or(Ok(()), Err)?;
    out.push(") TO STDOUT (").push(format.options()).push(")");
    if let Some(fault) = out.input.fault() {
        return Err(Error::build(format!("a value of this query cannot be written: {}", fault.reason)));
    }
    out.take_literals()?;
    // They are in the text.
    out.take_input();
    out.parameters = 0;
    let shape = out.shape(Returns::Copied, true);
    Ok(Compiled { shape: Arc::new(shape), input: crate::cells::Cells::default(), dispatch: None })
}

#[cold]
fn no_query() -> Error {
    Error::build(
        "`copy_out` only reads, and this may write: a copy that is dropped half way stops its statement",
    )
}
