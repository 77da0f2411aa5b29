//! The verbs that run a query: written once, on anything that can run a program.

use std::future::Future;
use std::sync::Arc;

use orm_core::error::RowCountError;
use orm_core::program::{Discard, Failure};
use orm_core::{
    ColumnError, Compiled, Detached, Dialect, Entity, Error, FromRow, Outcome, Program, Query, Result, Row,
    Rows, Shape, Sink, Statement, Values, bulk,
};

use crate::operation::Operation;

/// What a query's rows become.
pub(crate) type Plain<Q> = <<Q as Query>::Shape as Shape>::Plain;

/// Runs one statement: an engine, or a guard on a connection.
pub(crate) trait Runner: Send {
    fn dialect(&self) -> &'static Dialect;

    /// Runs a program as one hop. `whole`: wholly or not at all, in a transaction of its own where there is none.
    fn run_program<S: Sink + 'static>(
        self,
        program: Program,
        whole: bool,
        sink: S,
    ) -> impl Future<Output = Result<(Outcome, S), Failure>> + Send;

    /// Runs a program that only reads as one hop, in a read transaction of its own where there is none.
    fn run_reads<S: Sink + 'static>(
        self,
        program: Program,
        sink: S,
    ) -> impl Future<Output = Result<(Outcome, S), Failure>> + Send;

    /// Runs a statement as one hop.
    fn run<S: Sink + 'static>(
        self,
        compiled: Compiled,
        sink: S,
    ) -> impl Future<Output = Result<(Outcome, S)>> + Send
    where
        Self: Sized,
    {
        let run = self.run_program(compiled.into(), false, sink);
        async move { run.await.map_err(Error::from) }
    }
}

pub(crate) fn all<'a, R: Runner + 'a, Q>(runner: R, query: Q) -> Operation<'a, Vec<Plain<Q>>>
where
    Q: Query<Shape: Rows + Detached>,
{
    let compiled = query.statement().and_then(|statement| statement.compile(runner.dialect()));
    Operation::new(async move {
        let (_, Collect { rows, .. }) =
            runner.run(compiled?, Collect::<Q::Shape>::at_most(usize::MAX)).await?;
        Ok(rows)
    })
}

pub(crate) fn first<'a, R: Runner + 'a, Q>(runner: R, query: Q) -> Operation<'a, Option<Plain<Q>>>
where
    Q: Query<Shape: Rows + Detached>,
{
    let compiled = limited(query.statement(), 1, &runner);
    Operation::new(async move {
        let (_, Collect { rows, .. }) = runner.run(compiled?, Collect::<Q::Shape>::at_most(1)).await?;
        Ok(rows.into_iter().next())
    })
}

pub(crate) fn one<'a, R: Runner + 'a, Q>(runner: R, query: Q) -> Operation<'a, Plain<Q>>
where
    Q: Query<Shape: Rows + Detached>,
{
    single::<R, Q::Shape>(limited(query.statement(), 2, &runner), runner)
}

pub(crate) fn count<'a, R: Runner + 'a>(runner: R, query: impl Query) -> Operation<'a, u64> {
    let statement = query.statement().map(Statement::into_count);
    let counted = single::<R, Values<i64>>(statement.and_then(|one| one.compile(runner.dialect())), runner);
    // A count is never negative.
    Operation::new(async move { Ok(counted.await?.unsigned_abs()) })
}

pub(crate) fn exists<'a, R: Runner + 'a>(runner: R, query: impl Query) -> Operation<'a, bool> {
    let statement = query.statement().map(Statement::into_exists);
    single::<R, Values<bool>>(statement.and_then(|one| one.compile(runner.dialect())), runner)
}

pub(crate) fn execute<'a, R: Runner + 'a>(runner: R, query: impl Query) -> Operation<'a, u64> {
    let compiled = query.statement().and_then(|statement| statement.compile(runner.dialect()));
    Operation::new(async move {
        let (outcome, Discard) = runner.run(compiled?, Discard).await?;
        // Steps before the last one are the guard's own: savepoints.
        Ok(outcome.affected.last().copied().unwrap_or_default())
    })
}

pub(crate) fn insert_many<'a, R: Runner + 'a, E: Entity>(
    runner: R,
    values: impl IntoIterator<Item = E>,
) -> Operation<'a, u64> {
    let program = bulk::insert(values, runner.dialect());
    Operation::new(async move {
        let program = program?;
        if program.steps.is_empty() {
            return Ok(0);
        }
        let (outcome, Discard) = runner.run_program(program, true, Discard).await?;
        Ok(outcome.affected.iter().sum())
    })
}

pub(crate) fn update_many<'a, R: Runner + 'a, E: Entity>(
    runner: R,
    values: impl IntoIterator<Item = E>,
) -> Operation<'a, u64> {
    let updates = bulk::update(values, runner.dialect());
    Operation::new(async move {
        let (program, updates) = updates?.split();
        if program.steps.is_empty() {
            return Ok(0);
        }
        match runner.run_program(program, true, Discard).await {
            Ok((outcome, Discard)) => Ok(outcome.affected.iter().sum()),
            Err(failure) => Err(updates.explain(failure)),
        }
    })
}

/// The value of a query that answers exactly one row.
fn single<'a, R: Runner + 'a, S: Shape>(compiled: Result<Compiled>, runner: R) -> Operation<'a, S::Plain> {
    Operation::new(async move {
        let compiled = compiled?;
        let sql = Arc::clone(&compiled.shape.sql);
        let (_, Collect { mut rows, .. }) = runner.run(compiled, Collect::<S>::at_most(2)).await?;
        match (rows.pop(), rows.len()) {
            (Some(row), 0) => Ok(row),
            (row, more) => {
                let found = u64::from(row.is_some()) + more as u64;
                Err(Error::RowCount(Arc::new(RowCountError { found, sql: sql.to_string() })))
            }
        }
    })
}

fn limited(statement: Result<Statement>, rows: u64, runner: &impl Runner) -> Result<Compiled> {
    statement?.with_limit(rows).compile(runner.dialect())
}

/// Rows as a list, on the worker.
struct Collect<S: Shape> {
    rows: Vec<S::Plain>,
    /// Rows after these are read, but not decoded: raw SQL has no limit of ours.
    most: usize,
}

impl<S: Shape> Collect<S> {
    fn at_most(most: usize) -> Self {
        Self { rows: Vec::new(), most }
    }
}

impl<S: Shape> Sink for Collect<S> {
    fn row(&mut self, _step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
        if self.rows.len() < self.most {
            self.rows.push(S::decode(row)?);
        }
        Ok(())
    }

    fn restart(&mut self) -> bool {
        self.rows.clear();
        true
    }
}

/// A scalar is `one` of a projection: this alias keeps the bounds of the public methods short.
pub(crate) fn scalar<'a, R: Runner + 'a, T: FromRow>(
    runner: R,
    query: impl Query<Shape = Values<T>>,
) -> Operation<'a, T> {
    one(runner, query)
}

/// The public verbs of a type, which differ in their receiver only. `$on` makes the [`Runner`]; `$setup` opens
/// `$receiver` for the examples.
macro_rules! verbs {
    ($on:ident, $receiver:literal, $setup:literal $(, $mutability:tt)?) => {
        /// All rows, as plain values.
        ///
        /// Dropped: the statement is stopped; a transaction around it is rolled back.
        ///
        /// # Errors
        /// If the query contradicts itself, the database refuses it, or a value does not fit.
        ///
        #[doc = $crate::verbs::example!(
            $setup,
            "let names: Vec<String> = ", $receiver, ".all(User::select().columns(User::NAME).order_by(User::ID)).await?;\n",
            "assert_eq!(names, [\"Ada\", \"Grace\"]);"
        )]
        #[track_caller]
        pub fn all<Q>(&$($mutability)? self, query: Q) -> $crate::operation::Operation<'_, Vec<$crate::verbs::Plain<Q>>>
        where
            Q: orm_core::Query<Shape: orm_core::Rows + orm_core::Detached>,
        {
            $crate::verbs::all(self.$on(), query)
                .called(concat!($receiver, ".all"), $crate::verbs::left_by($receiver))
        }

        /// The first row, or `None` if there is none. A typed query asks the database for one row; raw SQL is read to
        /// its end, unless it says `LIMIT 1` itself.
        ///
        /// Dropped: the statement is stopped; a transaction around it is rolled back.
        ///
        /// # Errors
        /// As for `all`.
        ///
        #[doc = $crate::verbs::example!(
            $setup,
            "let oldest: Option<User> = ", $receiver, ".first(User::select().order_by(User::AGE.desc())).await?;\n",
            "assert_eq!(oldest.map(|user| user.name), Some(\"Ada\".to_owned()));"
        )]
        #[track_caller]
        pub fn first<Q>(&$($mutability)? self, query: Q) -> $crate::operation::Operation<'_, Option<$crate::verbs::Plain<Q>>>
        where
            Q: orm_core::Query<Shape: orm_core::Rows + orm_core::Detached>,
        {
            $crate::verbs::first(self.$on(), query)
                .called(concat!($receiver, ".first"), $crate::verbs::left_by($receiver))
        }

        /// The only row.
        ///
        /// Dropped: the statement is stopped; a transaction around it is rolled back.
        ///
        /// # Errors
        /// [`Error::RowCount`](orm_core::Error::RowCount) if there is none, or more than one; else as for `all`.
        ///
        #[doc = $crate::verbs::example!(
            $setup,
            "let ada: User = ", $receiver, ".one(User::select().filter(User::NAME.eq(\"Ada\"))).await?;\n",
            "assert_eq!(ada.id, 1);\n",
            "let two = ", $receiver, ".one(User::select()).await;\n",
            "assert!(matches!(two, Err(anyorm::Error::RowCount(_))));"
        )]
        #[track_caller]
        pub fn one<Q>(&$($mutability)? self, query: Q) -> $crate::operation::Operation<'_, $crate::verbs::Plain<Q>>
        where
            Q: orm_core::Query<Shape: orm_core::Rows + orm_core::Detached>,
        {
            $crate::verbs::one(self.$on(), query)
                .called(concat!($receiver, ".one"), $crate::verbs::left_by($receiver))
        }

        /// The value of a query that answers one row of one column.
        ///
        /// Dropped: the statement is stopped; a transaction around it is rolled back.
        ///
        /// # Errors
        /// As for `one`.
        ///
        #[doc = $crate::verbs::example!(
            $setup,
            "let oldest: Option<i32> = ", $receiver, ".scalar(User::select().columns(max(User::AGE))).await?;\n",
            "assert_eq!(oldest, Some(36));"
        )]
        #[track_caller]
        pub fn scalar<T, Q>(&$($mutability)? self, query: Q) -> $crate::operation::Operation<'_, T>
        where
            T: orm_core::FromRow,
            Q: orm_core::Query<Shape = orm_core::Values<T>>,
        {
            $crate::verbs::scalar(self.$on(), query)
                .called(concat!($receiver, ".scalar"), $crate::verbs::left_by($receiver))
        }

        /// How many rows the query has. The database counts; no row is sent.
        ///
        /// Dropped: the statement is stopped; a transaction around it is rolled back.
        ///
        /// # Errors
        /// If the query contradicts itself, or the database refuses it.
        ///
        #[doc = $crate::verbs::example!(
            $setup,
            "assert_eq!(", $receiver, ".count(Post::select().filter(Post::AUTHOR_ID.eq(1))).await?, 2);"
        )]
        #[track_caller]
        pub fn count<Q: orm_core::Query>(&$($mutability)? self, query: Q) -> $crate::operation::Operation<'_, u64> {
            $crate::verbs::count(self.$on(), query)
                .called(concat!($receiver, ".count"), $crate::verbs::left_by($receiver))
        }

        /// Whether the query has any rows. The database looks for one; none is sent.
        ///
        /// Dropped: the statement is stopped; a transaction around it is rolled back.
        ///
        /// # Errors
        /// As for `count`.
        ///
        #[doc = $crate::verbs::example!(
            $setup,
            "assert!(", $receiver, ".exists(User::select().filter(User::AGE.is_null())).await?);\n",
            "assert!(!", $receiver, ".exists(User::select().filter(User::AGE.gt(100))).await?);"
        )]
        #[track_caller]
        pub fn exists<Q: orm_core::Query>(&$($mutability)? self, query: Q) -> $crate::operation::Operation<'_, bool> {
            $crate::verbs::exists(self.$on(), query)
                .called(concat!($receiver, ".exists"), $crate::verbs::left_by($receiver))
        }

        /// Runs a statement for its effect. Answers how many rows it inserted, changed or deleted.
        ///
        /// Dropped: stopped, so that all of it happened or nothing did; a transaction around it is rolled back.
        ///
        /// # Errors
        /// [`Error::Constraint`](orm_core::Error::Constraint) if a constraint is violated; else as for `count`.
        ///
        #[doc = $crate::verbs::example!(
            $setup,
            "let rename = User::update().set(User::NAME, \"Ada Lovelace\").filter(User::ID.eq(1));\n",
            "assert_eq!(", $receiver, ".execute(rename).await?, 1);"
        )]
        #[track_caller]
        pub fn execute<Q: orm_core::Query>(&$($mutability)? self, query: Q) -> $crate::operation::Operation<'_, u64> {
            $crate::verbs::execute(self.$on(), query)
                .called(concat!($receiver, ".execute"), $crate::verbs::left_by($receiver))
        }

        /// Several reads in one hop, all of one state of the database: a tuple of queries, or a `Vec` or array of queries
        /// of one type. A query answers all its rows; [`batch::first`](orm_core::batch::first),
        /// [`one`](orm_core::batch::one), [`count`](orm_core::batch::count) and [`exists`](orm_core::batch::exists) ask
        /// for less.
        ///
        /// Inside a transaction that is open they see what its isolation level shows: of one state on SQLite, and on PostgreSQL
        /// from [`RepeatableRead`](orm_core::Isolation::RepeatableRead) on.
        ///
        /// Dropped: as any read here.
        ///
        /// # Errors
        /// As for `all`, of the first member that fails; nothing is sent if one may write.
        ///
        #[doc = $crate::verbs::example!(
            $setup,
            "let (users, titles) = ", $receiver, ".batch((User::select(), Post::select().columns(Post::TITLE))).await?;\n",
            "assert_eq!((users.len(), titles.len()), (2, 2));"
        )]
        #[track_caller]
        pub fn batch<B: $crate::Batch>(&$($mutability)? self, queries: B) -> $crate::operation::Operation<'_, B::Output> {
            $crate::batch::batch(self.$on(), queries)
                .called(concat!($receiver, ".batch"), $crate::verbs::left_by($receiver))
        }

        /// Inserts values in their order, with one prepared statement and in one hop. Answers how many. All or none are
        /// stored.
        ///
        /// The keys that the database gives are not read back: for those use `Session::add_all`, or an insert with
        /// `returning`. Where some values have a key and some have none, or leave other defaults to the database, each run
        /// of values of one kind is a statement of its own.
        ///
        /// Dropped: stopped, so that all of it happened or nothing did; a transaction around it is rolled back.
        ///
        /// # Errors
        /// [`Error::Constraint`](orm_core::Error::Constraint) if a constraint is violated. An error for a value whose link
        /// leads to an entity that has no key yet.
        ///
        #[doc = $crate::verbs::example!(
            $setup,
            "let accounts = (3..=1_000).map(|id| Account { id, balance: 0 });\n",
            "assert_eq!(", $receiver, ".insert_many(accounts).await?, 998);"
        )]
        #[track_caller]
        pub fn insert_many<E: orm_core::Entity>(
            &$($mutability)? self,
            values: impl IntoIterator<Item = E>,
        ) -> $crate::operation::Operation<'_, u64> {
            $crate::verbs::insert_many(self.$on(), values)
                .called(concat!($receiver, ".insert_many"), $crate::verbs::left_by($receiver))
        }

        /// Writes values over the rows of their keys, all columns, with one prepared statement and in one hop. Answers how
        /// many. All or none are written. A version must be that of the row, and is raised there, not in the values.
        ///
        /// A column with `server_default` that is unset is left as it is.
        ///
        /// Dropped: stopped, so that all of it happened or nothing did; a transaction around it is rolled back.
        ///
        /// # Errors
        /// [`Error::StaleData`](orm_core::Error::StaleData), naming the key, for a value whose row is not there, or has
        /// another version. An error for a value without a key. Else as for `insert_many`.
        ///
        #[doc = $crate::verbs::example!(
            $setup,
            "let mut accounts = ", $receiver, ".all(Account::select()).await?;\n",
            "accounts.iter_mut().for_each(|account| account.balance += 1);\n",
            "assert_eq!(", $receiver, ".update_many(accounts).await?, 2);"
        )]
        #[track_caller]
        pub fn update_many<E: orm_core::Entity>(
            &$($mutability)? self,
            values: impl IntoIterator<Item = E>,
        ) -> $crate::operation::Operation<'_, u64> {
            $crate::verbs::update_many(self.$on(), values)
                .called(concat!($receiver, ".update_many"), $crate::verbs::left_by($receiver))
        }
    };
}

/// What a verb leaves behind that was sent and then dropped.
pub(crate) const fn left_by(receiver: &'static str) -> &'static str {
    match receiver.as_bytes() {
        b"transaction" | b"savepoint" => "its transaction is rolled back: begin a new one",
        b"connection" => {
            "its statement was stopped, and undone unless it had just ended; a transaction open on the connection is rolled back"
        }
        _ => "its statement was stopped, and undone unless it had just ended",
    }
}

/// A documentation example on the blog of `orm-blog`.
macro_rules! example {
    ($setup:literal, $($code:literal),+) => {
        concat!(
            "# Example\n```\n# use orm_blog::*;\n# run(async |engine| {\nuse anyorm::prelude::*;\n\n",
            $setup,
            $($code,)+
            "\n# Ok(()) });\n```"
        )
    };
}

pub(crate) use {example, verbs};
