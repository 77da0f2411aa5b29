//! Several reads in one hop and one read transaction.

use std::sync::Arc;

use orm_core::batch::{Answer, Member, Pick};
use orm_core::{ColumnError, Detached, Dialect, Error, Program, Result, Row, Shape, Sink};

use crate::operation::Operation;
use crate::verbs::Runner;

/// Reads that go together: a tuple of up to twelve members, or a `Vec` or an array of members of one type. A member is a
/// query, or one of [`batch::first`](orm_core::batch::first), [`one`](orm_core::batch::one),
/// [`count`](orm_core::batch::count) and [`exists`](orm_core::batch::exists).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a batch of queries",
    note = "give a tuple of up to twelve queries without `.with(..)`, or a `Vec` of queries of one type"
)]
pub trait Batch: Send {
    /// The answer of each member: a tuple of the same length, or a `Vec`.
    type Output: Send + 'static;

    /// Collects the rows.
    #[doc(hidden)]
    type Collector: Collector<Output = Self::Output>;

    /// Puts a step for each member into the program.
    #[doc(hidden)]
    fn compile(self, program: &mut Program, dialect: &'static Dialect) -> Result<Self::Collector>;
}

/// Collects the rows of all members, on the worker.
#[doc(hidden)]
pub trait Collector: Send + 'static {
    type Output;

    fn row(&mut self, step: u16, row: &Row<'_>) -> Result<(), ColumnError>;

    fn finish(self) -> Result<Self::Output>;
}

pub(crate) fn batch<'a, R: Runner + 'a, B: Batch>(runner: R, batch: B) -> Operation<'a, B::Output> {
    let mut program = Program::default();
    let collector = batch.compile(&mut program, runner.dialect());
    Operation::new(async move {
        let collector = collector?;
        if program.steps.is_empty() {
            return collector.finish();
        }
        let (_, Collected(collector)) = runner.run_reads(program, Collected(collector)).await?;
        collector.finish()
    })
}

struct Collected<C>(C);

impl<C: Collector> Sink for Collected<C> {
    fn row(&mut self, step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
        self.0.row(step, row)
    }
}

/// The rows of one member.
#[doc(hidden)]
pub struct MemberRows<M: Member<Shape: Detached>> {
    step: u16,
    sql: Arc<str>,
    rows: Vec<<M::Shape as Shape>::Plain>,
}

impl<M: Member<Shape: Detached>> std::fmt::Debug for MemberRows<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemberRows").field("sql", &self.sql).finish_non_exhaustive()
    }
}

impl<M: Member<Shape: Detached>> MemberRows<M> {
    fn compile(member: M, program: &mut Program, dialect: &Dialect) -> Result<Self> {
        let compiled = member.statement()?.compile(dialect)?;
        if !compiled.shape.reads_only {
            return Err(Error::build(format!(
                "a batch only reads, and this may write: run it on its own, or in a transaction\n  in: {}",
                compiled.shape.sql
            )));
        }
        let (step, sql) = (program.next_step()?, Arc::clone(&compiled.shape.sql));
        program.add(compiled.shape, |input| input.append(&compiled.input));
        Ok(Self { step, sql, rows: Vec::new() })
    }

    fn row(&mut self, row: &Row<'_>) -> Result<(), ColumnError> {
        self.rows.push(<M::Shape as Shape>::decode(row)?);
        Ok(())
    }

    fn finish(self) -> Result<Answer<M, <M::Shape as Shape>::Plain>> {
        <M::Pick as Pick>::pick(self.rows, &self.sql)
    }
}

impl<M: Member<Shape: Detached> + 'static> Batch for Vec<M> {
    type Output = Vec<Answer<M, <M::Shape as Shape>::Plain>>;
    type Collector = Vec<MemberRows<M>>;

    fn compile(self, program: &mut Program, dialect: &'static Dialect) -> Result<Self::Collector> {
        self.into_iter().map(|member| MemberRows::compile(member, program, dialect)).collect()
    }
}

impl<M: Member<Shape: Detached> + 'static, const N: usize> Batch for [M; N] {
    type Output = Vec<Answer<M, <M::Shape as Shape>::Plain>>;
    type Collector = Vec<MemberRows<M>>;

    fn compile(self, program: &mut Program, dialect: &'static Dialect) -> Result<Self::Collector> {
        self.into_iter().map(|member| MemberRows::compile(member, program, dialect)).collect()
    }
}

impl<M: Member<Shape: Detached> + 'static> Collector for Vec<MemberRows<M>> {
    type Output = Vec<Answer<M, <M::Shape as Shape>::Plain>>;

    fn row(&mut self, step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
        // Each member is one step, and they are all there is.
        self.get_mut(usize::from(step)).map_or(Ok(()), |member| member.row(row))
    }

    fn finish(self) -> Result<Self::Output> {
        self.into_iter().map(MemberRows::finish).collect()
    }
}

macro_rules! tuple {
    ($($member:ident $at:tt),*) => {
        impl<$($member: Member<Shape: Detached> + 'static),*> Batch for ($($member,)*) {
            type Output = ($(Answer<$member, <$member::Shape as Shape>::Plain>,)*);
            type Collector = ($(MemberRows<$member>,)*);

            fn compile(self, program: &mut Program, dialect: &'static Dialect) -> Result<Self::Collector> {
                Ok(($(MemberRows::compile(self.$at, program, dialect)?,)*))
            }
        }

        impl<$($member: Member<Shape: Detached> + 'static),*> Collector for ($(MemberRows<$member>,)*) {
            type Output = ($(Answer<$member, <$member::Shape as Shape>::Plain>,)*);

            fn row(&mut self, step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
                $(if self.$at.step == step {
                    return self.$at.row(row);
                })*
                Ok(())
            }

            fn finish(self) -> Result<Self::Output> {
                Ok(($(self.$at.finish()?,)*))
            }
        }
    };
}

orm_core::each_tuple!(tuple);
