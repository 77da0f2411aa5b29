//! Rows that arrive while the query runs, in bounded memory.
//!
//! ```text
//! your task                         channel                    worker thread
//! next().await ◄── rows ◄── take ── [at most one chunk] ◄── put ── decode ◄── the statement
//!                                      full: the worker waits
//! ```
//!
//! The statement stays on one worker thread from its first row to its last, because it cannot leave the thread half way.
//! Rows cross in chunks, so that threads are woken once for hundreds of rows.
//!
//! | file | what it does |
//! |---|---|
//! | `channel` | the chunk between the worker and the task |
//! | `producer` | rows into chunks, on the worker |
//! | `source` | where the connection comes from, and where it goes when the stream ends |

mod channel;
mod producer;
mod source;

pub(crate) use source::{Home, Opened, Returning, Source};

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::vec;

use futures_lite::Stream;
use orm_core::{Compiled, CopyFormat, Detached, Error, Program, Query, Result, Rows, Shape, ValueRef};

use crate::driver::Runs;
use crate::job::{Job, JobOutput};
use crate::pool::{Holder, Pool, Stop};
use crate::verbs::Plain;
use channel::Channel;
use producer::Producer;

/// The rows of a query, one by one, while the query runs. Made by `stream` of [`Engine`](crate::Engine),
/// [`Connection`](crate::Connection), [`Transaction`](crate::Transaction) and [`Savepoint`](crate::Savepoint).
///
/// Nothing happens until it is polled. From then on it holds one connection and one worker thread until its last row, or
/// until it is dropped. Rows are read ahead in chunks that grow from 64 to 1,024 rows, fewer where rows are large: one
/// chunk that the loop goes through, one that waits and one that is being read. Then the query waits for the loop.
///
/// It implements [`Stream`] for the combinators of other crates; [`next`](Self::next) needs none of them.
///
/// # Dropped
/// The query is stopped, and the connection goes back: to the pool, or to its guard, whose transaction stays open. Only
/// where the BEGIN or SAVEPOINT in front of the query was under way, the transaction is rolled back.
///
/// # Panics
/// A panic of a decoder resumes in the task that polls, after the rows before it.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut users = engine.stream(User::select().order_by(User::ID));
/// let mut names = Vec::new();
/// while let Some(user) = users.next().await? {
///     names.push(user.name);
/// }
/// assert_eq!(names, ["Ada", "Grace"]);
/// # Ok(()) });
/// ```
#[must_use = "nothing is read until the stream is polled"]
pub struct RowStream<'a, T: Send + 'static> {
    /// What has arrived.
    rows: vec::IntoIter<T>,
    stage: Stage<'a, T>,
    /// Whether the task has let go of its thread since the last chunk.
    rested: bool,
}

/// Between the verb and the last row.
enum Stage<'a, T: Send + 'static> {
    /// Waits for the connection.
    Opening(Opening<'a>, Compiled, Decode<T>),
    /// The query runs.
    Open(Box<Open<'a, T>>),
    /// The query is over, but not all of its rows were taken.
    Over(VecDeque<Vec<T>>, End),
    /// All was told.
    Ended,
}

type Opening<'a> = Pin<Box<dyn Future<Output = Result<Opened<'a>>> + Send + 'a>>;

type Decode<T> = fn(&orm_core::Row<'_>) -> Result<T, orm_core::ColumnError>;

/// How a query ended.
enum End {
    Whole,
    Failed(Error),
    Panicked(Box<dyn Any + Send>),
}

/// A query that runs.
struct Open<'a, T: Send + 'static> {
    job: Job<Producer<T>>,
    channel: Arc<Channel<T>>,
    holder: Arc<Holder>,
    pool: Pool,
    home: Home<'a>,
}

/// The stream of a query on `source`.
pub(crate) fn stream<'a, Q>(source: impl Source<'a>, query: Q) -> RowStream<'a, Plain<Q>>
where
    Q: Query<Shape: Rows + Detached>,
{
    let compiled = query.statement().and_then(|statement| statement.compile(source.dialect()));
    let stage = match compiled.and_then(only_reads) {
        Ok(compiled) => Stage::Opening(Box::pin(source.open()), compiled, Q::Shape::decode),
        Err(error) => Stage::Over(VecDeque::new(), End::Failed(error)),
    };
    RowStream { rows: Vec::new().into_iter(), stage, rested: true }
}

/// The stream of what a query answers, as text.
pub(crate) fn copy_out<'a, Q: Query>(
    source: impl Source<'a>,
    query: Q,
    format: CopyFormat,
) -> RowStream<'a, Vec<u8>> {
    let compiled = query.statement().and_then(|statement| statement.copy_out(format, source.dialect()));
    let stage = match compiled {
        Ok(compiled) => Stage::Opening(Box::pin(source.open()), compiled, lines),
        Err(error) => Stage::Over(VecDeque::new(), End::Failed(error)),
    };
    RowStream { rows: Vec::new().into_iter(), stage, rested: true }
}

/// What the driver answers of it.
fn lines(row: &orm_core::Row<'_>) -> Result<Vec<u8>, orm_core::ColumnError> {
    match row.value(0)? {
        ValueRef::Bytes(lines) => Ok(lines.to_vec()),
        other => Err(orm_core::ColumnError::new(0, "lines of text", other.kind().to_owned())),
    }
}

/// A stream that is dropped half way stops its statement: half a write would be none.
fn only_reads(compiled: Compiled) -> Result<Compiled> {
    match compiled.shape.reads_only {
        true => Ok(compiled),
        false => Err(Error::build(format!(
            "a stream only reads, and this may write: use `all` for the rows that it answers\n  in: {}",
            compiled.shape.sql
        ))),
    }
}

impl<'a, T: Send + 'static> RowStream<'a, T> {
    /// The next row, or `None` after the last one. After an error there is none either.
    ///
    /// Dropped: nothing is lost; the next call goes on.
    ///
    /// # Errors
    /// As for `all`: [`Error::Timeout`] if no connection was free in time; the rows before a failure come first.
    /// [`Error::Closed`] if the engine was closed meanwhile.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut titles = engine.stream(Post::select().columns(Post::TITLE).order_by(Post::TITLE));
    /// assert_eq!(titles.next().await?, Some("Letters".to_owned()));
    /// drop(titles); // the query is stopped, and the connection free
    /// # Ok(()) });
    /// ```
    #[allow(clippy::should_implement_trait, reason = "a stream is no iterator")]
    pub fn next(&mut self) -> NextRow<'_, 'a, T> {
        NextRow { stream: self, waits: false }
    }

    fn poll_row(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<T>>> {
        loop {
            if let Some(row) = self.rows.next() {
                return Poll::Ready(Ok(Some(row)));
            }
            match ready!(self.poll_chunk(cx))? {
                Some(chunk) => self.rows = chunk.into_iter(),
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Vec<T>>>> {
        loop {
            match &mut self.stage {
                Stage::Opening(opening, ..) => {
                    let opened = ready!(opening.as_mut().poll(cx));
                    let Stage::Opening(_, compiled, decode) = self.take_stage() else { unreachable!() };
                    self.stage = Stage::Open(Box::new(Open::new(opened?, compiled, decode)));
                }
                Stage::Open(open) => {
                    // The worker may always be ahead: others on this thread have their turn all the same.
                    if !self.rested && open.channel.is_full() {
                        self.rested = true;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    if let Some(chunk) = open.channel.take(cx.waker()) {
                        open.rests();
                        self.rested = false;
                        return Poll::Ready(Ok(Some(chunk)));
                    }
                    self.rested = true;
                    let output = ready!(open.poll_job(cx));
                    let Stage::Open(open) = self.take_stage() else { unreachable!() };
                    self.stage = open.over(output);
                }
                Stage::Over(chunks, _) => {
                    if let Some(chunk) = chunks.pop_front() {
                        return Poll::Ready(Ok(Some(chunk)));
                    }
                    let Stage::Over(_, end) = self.take_stage() else { unreachable!() };
                    return Poll::Ready(end.told());
                }
                Stage::Ended => return Poll::Ready(Ok(None)),
            }
        }
    }

    fn take_stage(&mut self) -> Stage<'a, T> {
        std::mem::replace(&mut self.stage, Stage::Ended)
    }
}

impl<'a, T: Send + 'static> Open<'a, T> {
    fn new(opened: Opened<'a>, compiled: Compiled, decode: Decode<T>) -> Self {
        let Opened { lease, home } = opened;
        let (channel, holder) = (Arc::new(Channel::new()), Arc::clone(lease.holder()));
        // Between two rows the task has the connection, as with a transaction.
        lease.pin();
        let alone = matches!(home, Home::Pool);
        let weak: Weak<dyn Stop> = Arc::<Channel<T>>::downgrade(&channel);
        holder.streams(weak, alone);
        let pool = lease.pool().clone();
        if alone && pool.is_closed() || pool.is_cut_off() {
            // The close came before it could see the stream.
            channel.stop();
        }
        let producer = Producer::new(Arc::clone(&channel), decode, pool.runs() == Runs::OnWorkers);
        let program = Program::single(compiled.shape, compiled.input);
        let job = if alone { lease.run_only(program, producer) } else { lease.run(program, producer) };
        Self { job: job.may_wait(), channel, holder, pool, home }
    }

    /// The task has the connection, and is free to do other things.
    fn rests(&self) {
        self.holder.rests(self.pool.now());
    }

    fn poll_job(&mut self, cx: &mut Context<'_>) -> Poll<std::thread::Result<JobOutput<Producer<T>>>> {
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.job).poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            // Rows that were read before the panic come first.
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }

    /// The connection goes home. What is left are rows that were read and not taken yet.
    fn over(self, output: std::thread::Result<JobOutput<Producer<T>>>) -> Stage<'a, T> {
        let Self { channel, home, .. } = self;
        let end = match output {
            Ok(JobOutput { lease, result }) => {
                let failed = result.map(drop).err().map(Error::from);
                home.take_back(lease, failed.as_ref());
                match failed {
                    None => End::Whole,
                    Some(_) if channel.is_stopped() => End::Failed(Error::Closed),
                    Some(error) => End::Failed(error),
                }
            }
            Err(panic) => End::Panicked(panic),
        };
        Stage::Over(channel.drain(), end)
    }

    /// Nobody wants the rest.
    fn abandon(self) {
        let Self { mut job, channel, holder, pool, home } = self;
        match home {
            // The job rolls back and gives the connection to the pool by itself.
            Home::Pool => {
                holder.pin(false);
                drop(job);
            }
            home => {
                job.stop();
                home.expect(Returning::new(job, Arc::clone(&holder)));
                holder.rests(pool.now());
            }
        }
        channel.close();
    }
}

impl End {
    fn told<T>(self) -> Result<Option<T>> {
        match self {
            Self::Whole => Ok(None),
            Self::Failed(error) => Err(error),
            Self::Panicked(panic) => resume_unwind(panic),
        }
    }
}

impl<T: Send + 'static> Drop for RowStream<'_, T> {
    fn drop(&mut self) {
        if let Stage::Open(open) = self.take_stage() {
            open.abandon();
        }
    }
}

impl<T: Send + 'static> Stream for RowStream<'_, T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        self.poll_row(cx).map(Result::transpose)
    }
}

/// Rows are only moved out, never pinned.
impl<T: Send + 'static> Unpin for RowStream<'_, T> {}

impl<T: Send + 'static> fmt::Debug for RowStream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Opening(..) => "opening",
            Stage::Open(_) => "open",
            Stage::Over(..) => "over",
            Stage::Ended => "ended",
        };
        f.debug_struct("RowStream").field("stage", &stage).field("arrived", &self.rows.len()).finish()
    }
}

/// The wait for the next row. Made by [`RowStream::next`].
#[must_use = "nothing happens until this is awaited"]
pub struct NextRow<'s, 'a, T: Send + 'static> {
    stream: &'s mut RowStream<'a, T>,
    /// Whether it was polled, and there was no row yet.
    waits: bool,
}

impl<T: Send + 'static> Future for NextRow<'_, '_, T> {
    type Output = Result<Option<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Option<T>>> {
        let polled = self.stream.poll_row(cx);
        self.waits = polled.is_pending();
        polled
    }
}

impl<T: Send + 'static> Drop for NextRow<'_, '_, T> {
    fn drop(&mut self) {
        // Who waits no more may ask for the same connection, and is to hear that the stream has it.
        if self.waits
            && let Stage::Open(open) = &self.stream.stage
        {
            open.rests();
        }
    }
}

impl<T: Send + 'static> fmt::Debug for NextRow<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextRow").field("stream", &self.stream).finish()
    }
}

/// The public verb of a type. `$on` makes the [`Source`]; `$setup` opens `$receiver` for the example.
macro_rules! stream_verb {
    ($on:ident, $receiver:literal, $setup:literal, $lifetime:lifetime $(, $mutability:tt)?) => {
        /// The rows one by one, while the query runs: for answers that are too many to have at once. Memory stays at a
        /// few chunks of rows, and the query waits for the loop.
        ///
        /// Until its last row, or until it is dropped, the stream holds its connection and a worker thread. Prefer `all`
        /// where the rows fit in memory, and keep what waits for others out of the loop.
        ///
        /// Dropped: the query is stopped and the connection is free at once; a transaction around it stays open, unless
        /// its BEGIN or SAVEPOINT was under way.
        ///
        /// # Errors
        /// The stream's items tell them, the rows before first: as for `all`, or if the statement may write.
        ///
        #[doc = $crate::verbs::example!(
            $setup,
            "let mut posts = ", $receiver, ".stream(Post::select().columns((Post::ID, Post::TITLE)));
",
            "let mut longest = (0, String::new());
",
            "while let Some((id, title)) = posts.next().await? {
",
            "    if title.len() > longest.1.len() {
",
            "        longest = (id, title);
",
            "    }
",
            "}
",
            "assert_eq!(longest.1, \"Letters\");"
        )]
        #[track_caller]
        pub fn stream<Q>(&$($mutability)? self, query: Q) -> $crate::stream::RowStream<$lifetime, $crate::verbs::Plain<Q>>
        where
            Q: orm_core::Query<Shape: orm_core::Rows + orm_core::Detached>,
        {
            $crate::stream::stream(self.$on(), query)
        }
    };
}

/// The same for rows as text.
macro_rules! copy_out_verb {
    ($on:ident, $receiver:literal, $setup:literal, $lifetime:lifetime $(, $mutability:tt)?) => {
        /// The rows of a query as text, while the query runs: `COPY (SELECT ..) TO STDOUT`, for files and other programs. The
        /// server writes the text, so that it costs far less than rows do. Each item is a piece of some 64 KiB, of whole
        /// lines. Memory stays at a few pieces, and the query waits for the loop. On PostgreSQL.
        ///
        /// COPY takes no parameters: the values of the query are written into its text, in a form that no value can leave.
        ///
        /// Dropped: the query is stopped and the connection is free at once; a transaction around it stays open, unless
        /// its BEGIN was under way.
        ///
        /// # Errors
        /// The stream's items tell them. Before anything is sent: if the database has no COPY, if the statement may write
        /// or loads relations, and for raw SQL that binds values. Else as for [`stream`](Self::stream).
        ///
        /// # Example
        /// ```
        /// # orm_blog::on_postgres(async |engine| {
        /// # use orm_blog::*;
        /// use anyorm::prelude::*;
        /// use anyorm::CopyFormat;
        ///
        #[doc = concat!(
            $setup,
            "let grace = User::select().columns((User::ID, User::NAME)).filter(User::NAME.eq(\"Grace\"));
",
            "let mut lines = ", $receiver, ".copy_out(grace, CopyFormat::Text);
",
            "assert_eq!(lines.next().await?.as_deref(), Some(&b\"2\\tGrace\\n\"[..]));
",
            "assert_eq!(lines.next().await?, None);"
        )]
        /// # Ok(()) });
        /// ```
        #[track_caller]
        pub fn copy_out<Q: orm_core::Query>(
            &$($mutability)? self,
            query: Q,
            format: orm_core::CopyFormat,
        ) -> $crate::stream::RowStream<$lifetime, Vec<u8>> {
            $crate::stream::copy_out(self.$on(), query, format)
        }
    };
}

pub(crate) use {copy_out_verb, stream_verb};
