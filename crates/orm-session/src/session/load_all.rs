//! Several queries in one hop and one read transaction.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use orm_core::batch::{Answer, Member, Pick};
use orm_core::program::Program;
use orm_core::query::Shape;
use orm_core::row::{ColumnError, Row};
use orm_core::{Error, Result, Sink, Statement};
use orm_exec::Operation;

use super::connection::Scope;
use super::query::Rows;
use super::{Session, left};
use crate::arena::Adopt;
use crate::load::LoadPlan;
use crate::query::Track;

/// Queries that a session runs together: a tuple of up to twelve members, or a `Vec` or an array of members of one type.
/// A member is a query, or one of [`batch::first`](orm_core::batch::first), [`one`](orm_core::batch::one),
/// [`count`](orm_core::batch::count) and [`exists`](orm_core::batch::exists).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a batch of queries",
    note = "give a tuple of up to twelve queries, or a `Vec` of queries of one type"
)]
pub trait TrackedBatch: Send {
    /// The answer of each member: a tuple of the same length, or a `Vec`.
    type Output: Send;

    /// Collects the rows.
    #[doc(hidden)]
    type Collector: Sink + Unpin + 'static;

    #[doc(hidden)]
    fn statements(self) -> Result<Vec<Statement>>;

    #[doc(hidden)]
    fn collector(planned: &[Planned<'_>], session: &mut Session) -> Self::Collector;

    /// Takes the rows in.
    #[doc(hidden)]
    fn track(
        collector: Self::Collector,
        planned: &[Planned<'_>],
        session: &mut Session,
    ) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// A member with its place in the program.
#[doc(hidden)]
pub struct Planned<'q> {
    /// The step of the query itself; those of its relations follow.
    step: u16,
    sql: Arc<str>,
    overwrite: bool,
    loads: LoadPlan<'q>,
}

impl std::fmt::Debug for Planned<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planned").field("step", &self.step).field("sql", &self.sql).finish_non_exhaustive()
    }
}

impl Session {
    /// Several queries in one hop, all of one state of the database: a tuple of queries, or a `Vec` or array of queries
    /// of one type. Each answers as [`all`](Self::all) does, with the relations that it loads;
    /// [`batch::first`](orm_core::batch::first), [`one`](orm_core::batch::one), [`count`](orm_core::batch::count) and
    /// [`exists`](orm_core::batch::exists) ask for less. What is pending on the tables that they read is flushed before.
    ///
    /// Inside a transaction that is open they see what its isolation level shows: of one state on SQLite, and on PostgreSQL
    /// from [`RepeatableRead`](orm_core::Isolation::RepeatableRead) on.
    ///
    /// Dropped: the queries are stopped; nothing happened, but for an autoflush that was sent.
    ///
    /// # Errors
    /// As [`all`](Self::all), of the first query that fails: then nothing is tracked, unless only its number of rows was
    /// wrong. Nothing is sent if one of them may write.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::batch;
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let users = User::select().order_by(User::ID).with(User::POSTS);
    /// let titles = Post::select().columns(Post::TITLE).order_by(Post::TITLE);
    /// let (users, titles, tags) = session.load_all((users, titles, batch::count(Tag::select()))).await?;
    /// assert_eq!(session[users[0]].posts.len(), 2); // handles, with their posts
    /// assert_eq!((titles[0].as_str(), tags), ("Letters", 2)); // plain values
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn load_all<B: TrackedBatch>(&mut self, queries: B) -> Operation<'_, B::Output> {
        let (location, statements) = (Location::caller(), queries.statements());
        Operation::named("session.load_all", left::TAKEN_OVER, async move {
            self.read_together::<B>(statements?, location).await
        })
    }

    async fn read_together<B: TrackedBatch>(
        &mut self,
        statements: Vec<Statement>,
        location: &'static Location<'static>,
    ) -> Result<B::Output> {
        self.ready().await?;
        let filtered = statements.into_iter().map(|statement| statement.filtered(self.filters()));
        let statements: Vec<Statement> = filtered.collect::<Result<_>>()?;
        let (mut program, mut planned) = (Program::default(), Vec::with_capacity(statements.len()));
        for statement in &statements {
            planned.push(self.plan_member(statement, &mut program)?);
        }
        for statement in statements.iter().filter(|statement| !statement.populates_existing()) {
            self.autoflush(&statement.reads(), location).await?;
        }
        let mut collector = B::collector(&planned, self);
        if !program.steps.is_empty() {
            if let Scope::None = self.scope {
                program.begin = Some(self.engine.dialect().begin_reads.into());
                program.commit = true;
            }
            (_, collector) = self.run(program, collector, location).await?;
        }
        B::track(collector, &planned, self).await
    }

    fn plan_member<'q>(&self, statement: &'q Statement, program: &mut Program) -> Result<Planned<'q>> {
        let compiled = statement.compile(self.engine.dialect())?;
        if !compiled.shape.reads_only {
            return Err(Error::build(format!(
                "`load_all` only reads, and this may write: run it on its own\n  in: {}",
                compiled.shape.sql
            )));
        }
        let (step, sql) = (program.next_step()?, Arc::clone(&compiled.shape.sql));
        program.add(compiled.shape, |input| input.append(&compiled.input));
        let loads = LoadPlan::new(statement.loads(), program, &self.tracker, self.engine.dialect())?;
        Ok(Planned { step, sql, overwrite: statement.populates_existing(), loads })
    }

    async fn track_member<M: Member<Shape: Track>>(
        &mut self,
        rows: Rows<M::Shape>,
        planned: &Planned<'_>,
    ) -> Result<Answer<M, Tracked<M>>>
    where
        Tracked<M>: 'static,
    {
        let (rows, parts) = rows.into_parts();
        let tracked = self.adopt_all::<M::Shape>(rows, planned.overwrite).await;
        if !planned.loads.is_empty() {
            let how = Adopt { over: planned.overwrite, ..self.as_read() };
            planned.loads.adopt(&mut self.tracker, parts, M::Shape::slots(tracked.iter()), how);
        }
        <M::Pick as Pick>::pick(tracked, &planned.sql)
    }
}

type Tracked<M> = <<M as Member>::Shape as Track>::Tracked;

fn rows_of<M: Member<Shape: Track>>(planned: &Planned<'_>, session: &mut Session) -> Rows<M::Shape> {
    Rows::new(planned.step, planned.loads.parts(&mut session.tracker))
}

/// The rows of members of one type.
#[doc(hidden)]
pub struct Several<M: Member<Shape: Track>>(Vec<Rows<M::Shape>>);

impl<M: Member<Shape: Track>> Unpin for Several<M> {}

impl<M: Member<Shape: Track>> std::fmt::Debug for Several<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Several").field("members", &self.0.len()).finish()
    }
}

impl<M: Member<Shape: Track>> Sink for Several<M> {
    fn row(&mut self, step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
        // The steps of a member are neighbours, and begin with its own.
        let member = self.0.partition_point(|rows| rows.step() <= step);
        self.0[member - 1].row(step, row)
    }
}

macro_rules! list {
    ($list:ty $(, $length:ident)?) => {
        impl<M: Member<Shape: Track<Tracked: 'static>> + 'static $(, const $length: usize)?> TrackedBatch for $list {
            type Output = Vec<Answer<M, Tracked<M>>>;
            type Collector = Several<M>;

            fn statements(self) -> Result<Vec<Statement>> {
                self.into_iter().map(Member::statement).collect()
            }

            fn collector(planned: &[Planned<'_>], session: &mut Session) -> Several<M> {
                Several(planned.iter().map(|planned| rows_of::<M>(planned, session)).collect())
            }

            async fn track(
                collector: Several<M>,
                planned: &[Planned<'_>],
                session: &mut Session,
            ) -> Result<Self::Output> {
                let mut answers = Vec::with_capacity(planned.len());
                for (rows, planned) in collector.0.into_iter().zip(planned) {
                    answers.push(session.track_member::<M>(rows, planned).await?);
                }
                Ok(answers)
            }
        }
    };
}

list!(Vec<M>);
list!([M; N], N);

/// The rows of members of different types.
#[doc(hidden)]
pub struct Each<T>(T);

impl<T> std::fmt::Debug for Each<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Each").finish_non_exhaustive()
    }
}

impl<T> Unpin for Each<T> {}

macro_rules! tuple {
    ($($member:ident $at:tt),*) => {
        // Of shapes, each by the name of its member.
        impl<$($member: Shape),*> Sink for Each<($(Rows<$member>,)*)> {
            fn row(&mut self, step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
                $(self.0.$at.row(step, row)?;)*
                Ok(())
            }
        }

        impl<$($member: Member<Shape: Track<Tracked: 'static>> + 'static),*> TrackedBatch for ($($member,)*) {
            type Output = ($(Answer<$member, Tracked<$member>>,)*);
            type Collector = Each<($(Rows<$member::Shape>,)*)>;

            fn statements(self) -> Result<Vec<Statement>> {
                Ok(vec![$(self.$at.statement()?,)*])
            }

            fn collector(planned: &[Planned<'_>], session: &mut Session) -> Self::Collector {
                Each(($(rows_of::<$member>(&planned[$at], session),)*))
            }

            async fn track(
                collector: Self::Collector,
                planned: &[Planned<'_>],
                session: &mut Session,
            ) -> Result<Self::Output> {
                let rows = collector.0;
                Ok(($(session.track_member::<$member>(rows.$at, &planned[$at]).await?,)*))
            }
        }
    };
}

orm_core::each_tuple!(tuple);
