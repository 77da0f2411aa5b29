//! Where a statement runs.

/// Where reads run: always on a worker thread, or on the thread of the task that asks, where that is cheaper than going
/// to another one and back.
///
/// It is about reads that anyorm wrote itself and knows to be cheap: by key or unique value, or with a small limit, and
/// without functions. Everything else on SQLite runs on a worker thread whatever is chosen: raw SQL, writes, BEGIN and COMMIT,
/// counts and aggregates, opening a file. And to a server a call is made by the thread of the sockets. But under
/// [`Auto`](Self::Auto) the thread of the task then looks for the answer of either for a moment.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::Dispatch;
/// use anyorm::prelude::*;
///
/// let engine = Engine::builder("sqlite::memory:").dispatch(Dispatch::Worker).open().await?;
/// engine.create_all(&schema![Account]).await?;
/// let before = engine.statistics();
/// let account = Account::select().filter(Account::ID.eq(1));
/// engine.first(account.clone()).await?; // on a worker thread
/// engine.first(account.dispatch(Dispatch::Auto)).await?; // right here
/// let after = engine.statistics();
/// assert_eq!((after.hops - before.hops, after.inline - before.inline), (1, 1));
/// # Ok(()) });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dispatch {
    /// Every call to the database is made on a worker thread: nothing of it keeps the executor from other tasks.
    Worker,
    /// Cheap reads run *inline*: on the thread that polls the task, under a guard. One that turns out to be long is given
    /// up after some microseconds, runs on a worker thread instead, and does so from then on.
    ///
    /// Whatever else is small, writes and COMMIT included: the thread that polls the task looks for the answer of the worker, or of
    /// the server, for up to 100 µs, if nothing else of the engine is under way; after that it is waited for as always. So what a worker
    /// or a server that is near does in so short a time needs no thread of the executor to be woken, which may take as long
    /// as a read. Where answers do not come in time, it is hardly ever tried.
    Auto,
}
