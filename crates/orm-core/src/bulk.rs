//! Many plain values as one program: inserted, or written over the rows of their keys.
//!
//! Values are encoded as they come; consecutive ones of one shape share a prepared statement.

use std::collections::HashSet;
use std::sync::Arc;

use crate::cells::Cell;
use crate::dialect::Dialect;
use crate::entity::{Entity, RelationKind, VersionKind};
use crate::error::{Error, Result, StaleDataError};
use crate::program::{Expect, Failure, FailureKind, OnFailure, Program, Returns, StatementShape, Step};
use crate::relation::{Link, OneState};
use crate::shapes;
use crate::value::ValueRef;

/// The savepoint to which a part of a longer transaction goes back.
const SAVEPOINT: &str = "anyorm_bulk";

/// What tells rows that cannot share a statement apart: whether the key is set, and which defaults are left to the
/// database.
type Kind = (bool, u64);

/// Inserts values in their order, past any session. Keys that the database gives are not read back.
///
/// # Errors
/// For a link to an entity that has no key yet: only a session can wait for it.
pub fn insert<E: Entity>(values: impl IntoIterator<Item = E>, dialect: &Dialect) -> Result<Program> {
    let meta = E::meta();
    let (mut program, mut columns, mut last) = (Program::default(), Vec::new(), None);
    for mut value in values {
        check_links(&value)?;
        value.make_key();
        let kind: Kind = (!meta.auto_key || value.key().is_some(), value.unset());
        if last != Some(kind) {
            let written = (0..meta.columns.len()).filter(|&column| is_written::<E>(column, kind));
            columns = written.collect();
            // As with a key of its own: nothing is answered.
            begin_step(
                &mut program,
                shapes::insert_columns(meta, dialect, &columns, true, &[]),
                Expect::Any,
            )?;
            last = Some(kind);
        }
        for &column in &columns {
            value.encode(column, &mut program.input);
            stamp::<E>(&mut program, column);
        }
        end_row(&mut program);
    }
    Ok(program)
}

fn is_written<E: Entity>(column: usize, (keyed, unset): Kind) -> bool {
    let meta = E::meta();
    let bit = meta.server_defaults.iter().position(|&own| own == column);
    (keyed || !meta.key.contains(&column))
        && !meta.generated.contains(&column)
        && bit.is_none_or(|bit| unset & (1 << bit) == 0)
}

/// A version that is a time and not set: the row is made now.
fn stamp<E: Entity>(program: &mut Program, column: usize) {
    let meta = E::meta();
    if meta.version == Some(column) && meta.version_kind == VersionKind::Timestamp {
        let cell = program.input.len() - 1;
        if program.input.value(cell) == ValueRef::Int(0) {
            program.input.set(cell, Cell::Int(VersionKind::now()));
        }
    }
}

/// Writes values over the rows of their keys: all columns but the key, what the database computes, and defaults of the
/// database's that are unset. Each must find its row, at the version that the value has.
#[derive(Debug)]
pub struct Updates<K> {
    /// The program.
    pub program: Program,
    /// The keys of the rows, for its errors.
    keys: Vec<K>,
    /// The first row of each step, and whether rows have versions.
    starts: Vec<usize>,
    entity: &'static str,
    versioned: bool,
}

/// Makes the program of such an update.
///
/// # Errors
/// For a value without a key, an entity that is nothing but its key, and as [`insert`].
pub fn update<E: Entity>(values: impl IntoIterator<Item = E>, dialect: &Dialect) -> Result<Updates<E::Key>> {
    let meta = E::meta();
    let (now, versioned) = (VersionKind::now(), meta.version.is_some());
    let (mut program, mut columns, mut last) = (Program::default(), Vec::new(), None);
    let (mut keys, mut starts, mut stepped) = (Vec::new(), Vec::new(), HashSet::new());
    for value in values {
        check_links(&value)?;
        let Some(key) = value.key() else {
            return Err(Error::build(format!(
                "`update_many` finds the row of each {} by its key, and value {} has none: insert it instead",
                meta.name,
                keys.len() + 1
            )));
        };
        let kind: Kind = (true, value.unset());
        // A statement over arrays writes a row once: one that comes again has to wait for the next.
        let again = dialect.arrays && !stepped.insert(key.clone());
        if last != Some(kind) || again {
            stepped.clear();
            stepped.extend(dialect.arrays.then(|| key.clone()));
            let written = (0..meta.columns.len())
                .filter(|column| is_written::<E>(*column, kind) && !meta.key.contains(column));
            columns = written.collect();
            if columns.is_empty() {
                return Err(Error::build(format!("{} has no columns to update but its key", meta.name)));
            }
            starts.push(keys.len());
            begin_step(&mut program, shapes::update(meta, dialect, &columns, versioned), Expect::OnePerRow)?;
            last = Some(kind);
        }
        let mut version = None;
        for &column in &columns {
            value.encode(column, &mut program.input);
            let cell = program.input.len() - 1;
            if let (true, ValueRef::Int(before)) = (meta.version == Some(column), program.input.value(cell)) {
                program.input.set(cell, Cell::Int(meta.version_kind.next(before, now)));
                version = Some(before);
            }
        }
        meta.key.iter().for_each(|&column| value.encode(column, &mut program.input));
        if let Some(version) = version {
            program.input.int(version);
        }
        end_row(&mut program);
        keys.push(key);
    }
    Ok(Updates { program, keys, starts, entity: meta.name, versioned })
}

impl<K: std::fmt::Debug> Updates<K> {
    /// Takes the program, and leaves what its errors need.
    pub fn split(mut self) -> (Program, Self) {
        (std::mem::take(&mut self.program), self)
    }

    /// Names the entity and the key in the error of a row that was not there.
    pub fn explain(&self, failure: Failure) -> Error {
        let (FailureKind::RowCount { matched }, Some(step)) = (failure.kind, failure.step) else {
            return failure.error;
        };
        // The first step may be a savepoint: steps are told by what they come from.
        let Some(&start) = self.starts.get(usize::from(step)) else { return failure.error };
        let end = self.starts.get(usize::from(step) + 1).copied().unwrap_or(self.keys.len());
        let Some(key) = self.keys.get(start + failure.row as usize) else { return failure.error };
        Error::StaleData(Arc::new(StaleDataError {
            entity: self.entity,
            key: format!("{key:?}"),
            version: None,
            action: if self.versioned { "update of this version" } else { "update" },
            expected: (end - start) as u64,
            matched,
        }))
    }
}

impl Program {
    /// Makes the program happen wholly or not at all inside a transaction that goes on: by a savepoint of its own, if it
    /// has more than one row.
    pub fn guarded(mut self) -> Self {
        let rows: u64 = self.steps.iter().map(|step| u64::from(step.rows)).sum();
        if rows < 2 {
            return self;
        }
        self.before.push(format!("SAVEPOINT {SAVEPOINT}").into());
        let end = self.input.len() as u32;
        let shape = StatementShape {
            sql: format!("RELEASE {SAVEPOINT}").into(),
            parameters: 0,
            returns: Returns::Count,
            reads_only: false,
            cheap: false,
            list: None,
            outline: None,
        };
        let origin = self.steps.len() as u32;
        self.steps.push(Step {
            shape: shape.into(),
            rows: 1,
            cells: end..end,
            expect: Expect::Any,
            after: Vec::new(),
            origin,
        });
        self.on_failure = OnFailure::RollbackTo(SAVEPOINT.into());
        self
    }
}

fn begin_step(program: &mut Program, shape: StatementShape, expect: Expect) -> Result<()> {
    let Ok(at) =
        u16::try_from(program.steps.len()).and_then(|at| u16::try_from(u32::from(at) + 2).map(|_| at))
    else {
        return Err(Error::build(
            "more than 65,000 changes between values with and without a key, or with and without defaults: sort them",
        ));
    };
    let start = program.input.len() as u32;
    program.steps.push(Step {
        shape: shape.into(),
        rows: 0,
        cells: start..start,
        expect,
        after: Vec::new(),
        origin: u32::from(at),
    });
    Ok(())
}

fn end_row(program: &mut Program) {
    let end = program.input.len() as u32;
    if let Some(step) = program.steps.last_mut() {
        step.rows += 1;
        step.cells.end = end;
    }
}

/// A link that has no key yet would be stored as NULL.
fn check_links<E: Entity>(value: &E) -> Result<()> {
    for relation in E::meta().relations {
        if !matches!(relation.kind, RelationKind::BelongsTo { .. }) {
            continue;
        }
        let Link::One(link) = value.link(relation.position) else { continue };
        if matches!(link.state(), OneState::New | OneState::Handle(_, None)) {
            return Err(Error::build(format!(
                "{} leads to an entity that has no key yet: give it the key of a stored one, or use `session.add`, \
                 which knows what to insert first",
                relation.path()
            )));
        }
    }
    Ok(())
}
