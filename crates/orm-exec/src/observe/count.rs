//! Counting the statements of a future, for tests.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::transaction_control::{is_control, is_set_local};
use crate::sync::lock;

/// Awaits a future and panics unless it sent exactly so many statements. Evaluates to what the future answers. The panic
/// lists what was sent. For tests; it needs no engine, and counts those of all engines.
///
/// The rules are those of [`count_statements`](crate::observe::count_statements): BEGIN and COMMIT are not counted, a
/// statement that is run for many rows counts once.
///
/// # Panics
/// If the number is another one.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::assert_statements;
/// use anyorm::prelude::*;
///
/// let mut session = engine.session();
/// // The users, and all their posts in a second statement.
/// let users = assert_statements!(2, session.all(User::select().with(User::POSTS)))?;
/// assert_eq!(users.len(), 2);
/// assert_statements!(0, session.get::<User>(1))?; // the session has it
///
/// session[users[0]].age = Some(37);
/// session.add_all(["engines", "looms"].map(|name| Tag { name: name.into(), ..Default::default() }));
/// assert_statements!(2, session.commit())?; // an INSERT of two rows, and an UPDATE
///
/// assert_statements!(2, async { // several calls
///     session.refresh(users[0]).await?;
///     session.count(Tag::select()).await
/// })?;
/// # Ok(()) });
/// ```
#[macro_export]
macro_rules! assert_statements {
    ($expected:expr, $future:expr $(,)?) => {{
        let (output, statements) = $crate::observe::count_statements($future).await;
        statements.assert_len($expected);
        output
    }};
}

/// Awaits a future, and answers with its output the statements that it sent.
///
/// - Statements are those of all engines, sent by jobs that the future started while it was polled: also in branches of a
///   `join!`, not in tasks that it spawned.
/// - BEGIN, COMMIT, ROLLBACK and savepoints are listed but not counted: they are not what a test is about.
/// - A statement that is run for many parameter rows in one job counts once, as its text is sent once. A list that is too
///   long for one statement is sent in several, which count.
/// - It can be nested: what the inner future sends, the outer one sends, too.
///
/// Dropped: as the future.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::observe::count_statements;
/// use anyorm::prelude::*;
///
/// let (names, statements) = count_statements(engine.all(User::select().columns(User::NAME))).await;
/// assert_eq!(names?, ["Ada", "Grace"]);
/// assert_eq!(statements.len(), 1);
/// assert!(statements.iter().next().is_some_and(|sent| sent.sql.starts_with("SELECT")));
/// # Ok(()) });
/// ```
pub fn count_statements<F: Future>(future: F) -> CountStatements<F> {
    CountStatements { future: Box::pin(future), count: None }
}

/// A future whose statements are counted. Made by [`count_statements`].
#[must_use = "nothing happens until this is awaited"]
pub struct CountStatements<F> {
    future: Pin<Box<F>>,
    /// Made by the first poll, which knows what is around it.
    count: Option<Arc<Count>>,
}

impl<F: Future> Future for CountStatements<F> {
    type Output = (F::Output, Statements);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let count = this.count.get_or_insert_with(|| Arc::new(Count::inside(current())));
        let around = Around(CURRENT.replace(Some(Arc::clone(count))));
        let polled = this.future.as_mut().poll(cx);
        drop(around);
        polled.map(|output| (output, count.take()))
    }
}

impl<F> fmt::Debug for CountStatements<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountStatements").field("count", &self.count).finish_non_exhaustive()
    }
}

/// Statements that were sent, in order. Printed, one line for each.
#[derive(Clone, Debug, Default)]
pub struct Statements {
    sent: Vec<SentStatement>,
}

/// A statement that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentStatement {
    /// Its text.
    pub sql: String,
    /// How many parameter rows it ran with.
    pub rows: u32,
    /// The call that sent it.
    pub location: &'static Location<'static>,
    /// Whether it begins or ends a transaction or a savepoint. Such are not counted.
    pub is_control: bool,
}

impl Statements {
    /// How many there are, without those that begin or end transactions and savepoints.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether none are counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those that are counted.
    pub fn iter(&self) -> impl Iterator<Item = &SentStatement> {
        self.sent.iter().filter(|sent| !sent.is_control)
    }

    /// All, with those that begin and end transactions and savepoints.
    pub fn all(&self) -> &[SentStatement] {
        &self.sent
    }

    /// Panics, listing what was sent, unless so many are counted.
    #[doc(hidden)]
    #[track_caller]
    pub fn assert_len(&self, expected: usize) {
        let found = self.len();
        assert!(
            found == expected,
            "{expected} {} expected, but {found} {} sent:\n{self}",
            if expected == 1 { "statement was" } else { "statements were" },
            if found == 1 { "was" } else { "were" },
        );
    }
}

impl fmt::Display for Statements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sent.is_empty() {
            return f.write_str("  nothing");
        }
        let mut number = 0;
        for (at, sent) in self.sent.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "\n" })?;
            if sent.is_control {
                write!(f, "     {}", sent.sql)?;
            } else {
                number += 1;
                write!(f, "{number:>3}. {}", sent.sql)?;
            }
            if sent.rows != 1 {
                write!(f, "  [{} rows]", sent.rows)?;
            }
            write!(f, "  at {}:{}", sent.location.file(), sent.location.line())?;
        }
        Ok(())
    }
}

/// What one future sent so far.
#[derive(Debug, Default)]
pub(crate) struct Count {
    sent: Mutex<Vec<SentStatement>>,
    outer: Option<Arc<Count>>,
}

impl Count {
    fn inside(outer: Option<Arc<Self>>) -> Self {
        Self { sent: Mutex::default(), outer }
    }

    /// Notes a statement, here and further out.
    pub(super) fn add(&self, sql: &str, rows: u32, location: &'static Location<'static>) {
        self.push(SentStatement {
            sql: sql.to_owned(),
            rows,
            location,
            is_control: is_control(sql) || is_set_local(sql),
        });
    }

    /// Notes what was counted apart.
    pub(super) fn append(&self, other: &Self) {
        other.take().sent.into_iter().for_each(|sent| self.push(sent));
    }

    fn push(&self, sent: SentStatement) {
        if let Some(outer) = &self.outer {
            outer.push(sent.clone());
        }
        lock(&self.sent).push(sent);
    }

    fn take(&self) -> Statements {
        Statements { sent: std::mem::take(&mut *lock(&self.sent)) }
    }
}

thread_local! {
    /// Where what is polled on this thread counts.
    static CURRENT: RefCell<Option<Arc<Count>>> = const { RefCell::new(None) };
}

/// Where what is being polled counts.
pub(super) fn current() -> Option<Arc<Count>> {
    // A thread that ends has none any more.
    CURRENT.try_with(|current| current.borrow().clone()).unwrap_or_default()
}

/// Puts back what was current around a poll, also after a panic.
struct Around(Option<Arc<Count>>);

impl Drop for Around {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}
