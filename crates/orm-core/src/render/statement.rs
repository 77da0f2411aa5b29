//! Statements as SQL.

use std::sync::Arc;

use super::Writer;
use super::fingerprint::Fingerprint;
use super::known::{self, Known};
use super::select::{rowset_any, rowset_count, select_joined};
use super::source::answer;
use crate::cells::Cells;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::program::{Returns, StatementShape};
use crate::stmt::{Body, Compiled, Loads};

/// The text of a statement with its parameters. One of a form that was written before is looked up.
///
/// # Errors
/// If the dialect cannot say it, it has more parameters than the database takes, or counts the rows of what is no query.
pub(crate) fn statement(body: &Body, loads: &Loads, dialect: &Dialect) -> Result<Compiled> {
    let Some((number, values)) = Fingerprint::of(body, loads, dialect) else {
        return written(&mut Writer::new(dialect), body, loads);
    };
    if let Some(known) = known::find(number) {
        let compiled =
            Compiled { shape: Arc::clone(&known.shape), input: known.input(&values), dispatch: None };
        debug_assert!(is_as_written(&compiled, body, loads, dialect), "{compiled:?}");
        return Ok(compiled);
    }
    let mut out = Writer::new(dialect);
    out.binds = Some(Vec::with_capacity(values.len()));
    out.values = values.into_iter().map(std::ptr::from_ref).collect();
    let compiled = written(&mut out, body, loads)?;
    if let Some(binds) = out.binds.take() {
        known::keep(number, Known { shape: Arc::clone(&compiled.shape), binds });
    }
    Ok(compiled)
}

/// Whether a statement that was looked up is the one that would be written.
fn is_as_written(compiled: &Compiled, body: &Body, loads: &Loads, dialect: &Dialect) -> bool {
    let values =
        |cells: &Cells| (0..cells.len()).map(|at| format!("{:?}", cells.value(at))).collect::<Vec<_>>();
    let fresh = written(&mut Writer::new(dialect), body, loads);
    fresh.is_ok_and(|fresh| {
        let same = |one: &StatementShape, other: &StatementShape| {
            one.sql == other.sql
                && (one.returns, one.reads_only, one.cheap) == (other.returns, other.reads_only, other.cheap)
        };
        same(&fresh.shape, &compiled.shape) && values(&fresh.input) == values(&compiled.input)
    })
}

fn written(out: &mut Writer<'_>, body: &Body, loads: &Loads) -> Result<Compiled> {
    let dialect = out.dialect;
    let returns = match body {
        Body::Raw(raw) => return raw.compile(dialect),
        Body::Insert(insert) => answer(&insert.returning),
        Body::Update(update) => answer(&update.returning),
        Body::Delete(delete) => answer(&delete.returning),
        _ => {
            query(out, body, loads)?;
            let reads_only = !out.writes;
            return out.compiled(Returns::Rows, reads_only);
        }
    };
    out.prepare(body);
    super::write::write(out, body);
    out.compiled(returns, false)
}

/// Adds a query that reads, which is not raw SQL.
pub(super) fn query(out: &mut Writer<'_>, body: &Body, loads: &Loads) -> Result<()> {
    out.prepare(body);
    match body {
        Body::Select(query) => {
            out.cheap = query.is_cheap() && loads.joined().all(|(_, load)| load.leg.is_cheap());
            select_joined(out, query, loads);
        }
        Body::Compound(compound) => out.compound(compound, true),
        Body::Count(inner) => match &**inner {
            Body::Raw(raw) => {
                out.push("SELECT count(*) FROM (");
                raw.write(out)?;
                out.push(") AS ").name("counted");
            }
            Body::Select(_) | Body::Compound(_) => rowset_count(out, inner),
            _ => return Err(no_query("count")),
        },
        Body::Exists(inner) => {
            out.push("SELECT EXISTS (");
            match &**inner {
                Body::Select(query) => {
                    out.cheap = query.is_cheap_to_find();
                    rowset_any(out, inner);
                }
                Body::Compound(_) => rowset_any(out, inner),
                Body::Raw(raw) => raw.write(out)?,
                _ => return Err(no_query("exists")),
            }
            out.push(")");
        }
        Body::Raw(_) | Body::Values(_) | Body::Insert(_) | Body::Update(_) | Body::Delete(_) => {}
    }
    Ok(())
}

#[cold]
fn no_query(verb: &str) -> Error {
    Error::build(format!("`{verb}` needs a query, and this is an insert, update or delete: use `execute`"))
}
