//! One query for a list, and one more for each of its rows: what is looked for, and what is said about it.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// Looks for queries in loops, for development and tests: what one call site of a session sends again and again should
/// have been one statement.
///
/// Told is a call site (file and line) that sends the same statement more than `limit` times in one session. Lists of any
/// length make the same statement; what the identity map answers is not sent; what one call sends several times counts
/// once. Give it to
/// [`EngineBuilder::n_plus_one`](crate::EngineBuilder::n_plus_one), for all sessions of an engine, or to
/// `SessionFactory::n_plus_one`.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::observe::NPlusOne;
/// use anyorm::prelude::*;
/// use std::sync::{Arc, Mutex};
///
/// let told = Arc::new(Mutex::new(Vec::new()));
/// let list = told.clone();
/// let sessions = SessionFactory::new(engine)
///     .n_plus_one(NPlusOne::call(1, move |repeated| list.lock().unwrap().push(repeated.to_string())));
///
/// let mut session = sessions.session();
/// for user in session.all(User::select()).await? {
///     session.load(&[user], User::POSTS).await?; // `.with(User::POSTS)` in the query: one statement for all
/// }
/// let told = told.lock().unwrap();
/// assert!(told[0].contains("sent 2 times by one session") && told[0].contains(".with("), "{}", told[0]);
/// # Ok(()) });
/// ```
#[derive(Clone)]
pub struct NPlusOne {
    limit: u32,
    action: Action,
    flushes: bool,
    allowed: Vec<Arc<str>>,
}

#[derive(Clone)]
enum Action {
    Warn,
    Panic,
    Call(Arc<dyn Fn(&Repeated<'_>) + Send + Sync>),
}

impl NPlusOne {
    /// Panics in the call that exceeds the limit, before its statement is sent: the session stays whole. For tests.
    pub fn panic(limit: u32) -> Self {
        Self::new(limit, Action::Panic)
    }

    /// Tells the observers of the engine, once for each call site and statement of a session. With the feature `tracing`
    /// it is also an event at level WARN.
    pub fn warn(limit: u32) -> Self {
        Self::new(limit, Action::Warn)
    }

    /// As [`warn`](Self::warn), and calls `told`, in the task that exceeded the limit. A panic of it ends the call before
    /// its statement is sent.
    pub fn call(limit: u32, told: impl Fn(&Repeated<'_>) + Send + Sync + 'static) -> Self {
        Self::new(limit, Action::Call(Arc::new(told)))
    }

    fn new(limit: u32, action: Action) -> Self {
        Self { limit, action, flushes: false, allowed: Vec::new() }
    }

    /// Tells also of flushes and commits that one call site repeats: a commit for each row is a wait for the disk for each
    /// row.
    #[must_use]
    pub fn flushes(mut self) -> Self {
        self.flushes = true;
        self
    }

    /// Leaves out call sites whose `file:line` contains this text: a loop that is meant.
    #[must_use]
    pub fn allow(mut self, place: impl Into<Arc<str>>) -> Self {
        self.allowed.push(place.into());
        self
    }

    /// How often a call site may send a statement.
    #[doc(hidden)]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    #[doc(hidden)]
    pub fn looks_at_flushes(&self) -> bool {
        self.flushes
    }

    #[doc(hidden)]
    pub fn allows(&self, location: &Location<'_>) -> bool {
        !self.allowed.is_empty() && {
            let place = format!("{}:{}", location.file(), location.line());
            self.allowed.iter().any(|allowed| place.contains(&**allowed))
        }
    }

    #[doc(hidden)]
    pub fn panics(&self) -> bool {
        matches!(self.action, Action::Panic)
    }

    /// # Panics
    /// If that is what it is for.
    #[doc(hidden)]
    pub fn act(&self, repeated: &Repeated<'_>) {
        match &self.action {
            Action::Warn => {}
            Action::Panic => panic!("{repeated}"),
            Action::Call(told) => told(repeated),
        }
    }
}

impl fmt::Debug for NPlusOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            Action::Warn => "warn",
            Action::Panic => "panic",
            Action::Call(_) => "call",
        };
        f.debug_struct("NPlusOne")
            .field("limit", &self.limit)
            .field("action", &action)
            .finish_non_exhaustive()
    }
}

/// What one call site repeats in one session. Its `Display` says what to do about it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Repeated<'a> {
    /// The call site.
    pub location: &'static Location<'static>,
    /// How often it has sent the statement, with the one that is about to be sent.
    pub times: u32,
    /// The statement, its lists cut short.
    pub sql: &'a str,
    /// What it is.
    pub kind: RepeatedKind,
}

/// What is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RepeatedKind {
    /// A query, or a relation that is loaded.
    Read,
    /// An insert, update or delete, or raw SQL that may be one.
    Write,
    /// A flush or commit with something to write.
    Flush,
}

impl<'a> Repeated<'a> {
    #[doc(hidden)]
    pub fn new(location: &'static Location<'static>, times: u32, sql: &'a str, kind: RepeatedKind) -> Self {
        Self { location, times, sql, kind }
    }
}

impl fmt::Display for Repeated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { location, times, sql, kind } = self;
        let (file, line) = (location.file(), location.line());
        let advice = match kind {
            RepeatedKind::Read => {
                "read the rows at once: `.with(relation)` in the query before, `load(&handles, relation)` for \
                 handles that are there, or one query whose filter has `is_in(keys)`"
            }
            RepeatedKind::Write => {
                "write the rows at once: change entities and commit once, or use one statement with a filter, or \
                 `insert_many` and `update_many` of the engine"
            }
            RepeatedKind::Flush => "write the rows at once: add and change all of them, then commit once",
        };
        let what = if *kind == RepeatedKind::Flush { "flushed" } else { "sent" };
        write!(f, "{what} {times} times by one session at {file}:{line}: {advice}\n  {sql}")
    }
}
