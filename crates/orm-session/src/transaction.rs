//! Sessions of an engine, and transactions that commit, roll back and retry themselves.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

use orm_core::{Begin, Error, Result};
use orm_exec::{Engine, Operation, sleep};

use crate::read_session::ReadSession;
use crate::session::Session;
use crate::session_factory::SessionFactory;

/// What a session adds to an [`Engine`].
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut session = engine.session(); // you commit
/// let ada = session.get_one::<User>(1).await?;
/// session[ada].age = Some(37);
/// session.commit().await?;
///
/// let age = engine.transaction(|mut tx| async move {
///     let ada = tx.get_one::<User>(1).await?;
///     Ok(tx[ada].age)
/// }); // commits by itself
/// assert_eq!(age.await?, Some(37));
/// # Ok(()) });
/// ```
pub trait EngineExt {
    /// A new session. Cheap: it takes no connection until it needs one.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let other = engine.session(); // for another task: entities are not shared
    /// let ada = session.get_one::<User>(1).await?;
    /// assert!(other.peek(ada).is_none());
    /// # Ok(()) });
    /// ```
    fn session(&self) -> Session;

    /// A new session that only reads, and has no method that writes.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut reads = engine.read_session();
    /// let ada = reads.get_one::<User>(1).await?;
    /// assert_eq!(reads[ada].name, "Ada");
    /// # Ok(()) });
    /// ```
    fn read_session(&self) -> ReadSession;

    /// Runs `body` in a transaction: its `Ok` commits, its `Err` rolls back, and so do a panic and a dropped future.
    /// Where the database was busy, all of it is tried again with a fresh session, up to five times; so results leave
    /// as values (`detach`, clones), not as handles. Not tried again: after an explicit [`Tx::commit`].
    ///
    /// Flush before `tx.detach(handle)`: detaching an entity with changes that were not flushed drops those changes, and
    /// the commit stores the row without them.
    ///
    /// Dropped: rolled back, unless COMMIT was already under way: then the outcome is open.
    ///
    /// # Errors
    /// Those of `body`, of the commit, or [`Error::TransactionEscaped`] if `body` moved its `Tx` out or swapped its
    /// session. Errors of other types enter by [`Error::other`], or see
    /// [`try_transaction`](EngineExt::try_transaction).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// engine
    ///     .transaction(|mut tx| async move {
    ///         let from = tx.get_one::<Account>(1).await?;
    ///         let to = tx.get_one::<Account>(2).await?;
    ///         tx[from].balance -= 10;
    ///         tx[to].balance += 10;
    ///         Ok(()) // commits
    ///     })
    ///     .await?;
    /// let balances = engine.all(Account::select().columns(Account::BALANCE).order_by(Account::ID)).await?;
    /// assert_eq!(balances, [40, 10]);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    fn transaction<F, Fut, T>(&self, body: F) -> impl Future<Output = Result<T>> + Send
    where
        F: FnMut(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
        T: Send;

    /// [`transaction`](EngineExt::transaction) for a `body` with errors of its own type.
    ///
    /// # Errors
    /// Those of `body`; ours by `E::from`.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// #[derive(Debug)]
    /// enum TransferError {
    ///     TooPoor,
    ///     Database(anyorm::Error),
    /// }
    ///
    /// impl From<anyorm::Error> for TransferError {
    ///     fn from(error: anyorm::Error) -> Self {
    ///         Self::Database(error)
    ///     }
    /// }
    ///
    /// let result = engine
    ///     .try_transaction(|mut tx| async move {
    ///         let from = tx.get_one::<Account>(1).await?;
    ///         tx[from].balance -= 1_000;
    ///         if tx[from].balance < 0 { Err(TransferError::TooPoor) } else { Ok(()) }
    ///     })
    ///     .await;
    /// assert!(matches!(result, Err(TransferError::TooPoor)));
    /// let stored = engine.scalar(Account::select().filter(Account::ID.eq(1)).columns(Account::BALANCE)).await?;
    /// assert_eq!(stored, 50);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    fn try_transaction<F, Fut, T, E>(&self, body: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: FnMut(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<Error> + Send;
}

impl EngineExt for Engine {
    fn session(&self) -> Session {
        Session::new(self.clone())
    }

    fn read_session(&self) -> ReadSession {
        SessionFactory::new(self.clone()).read_session()
    }

    #[track_caller]
    fn transaction<F, Fut, T>(&self, body: F) -> impl Future<Output = Result<T>> + Send
    where
        F: FnMut(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        SessionFactory::new(self.clone()).begin(body)
    }

    #[track_caller]
    fn try_transaction<F, Fut, T, E>(&self, body: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: FnMut(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<Error> + Send,
    {
        SessionFactory::new(self.clone()).try_begin(body)
    }
}

/// `our` finds our own error in one of `body`; `location` is where the transaction was asked for.
pub(crate) async fn run<F, Fut, T, E>(
    sessions: SessionFactory,
    mut body: F,
    our: fn(&E) -> Option<&Error>,
    location: &'static Location<'static>,
) -> Result<T, E>
where
    F: FnMut(Tx) -> Fut + Send,
    Fut: Future<Output = Result<T, E>> + Send,
    T: Send,
    E: From<Error> + Send,
{
    let mut tries = 1;
    loop {
        let mut session = sessions.session();
        session.begin_unused(Begin::new());
        let id = session.id();
        let home = Arc::new(Home::default());
        let result = body(Tx { session: Some(Box::new(session)), home: Arc::clone(&home) }).await;
        let mut session = match home.close() {
            Returned::Session(session) if session.id() == id => session,
            // Committed or rolled back by the body itself: its word is the last.
            Returned::Ended => return result,
            // A session that is not this transaction's, or none: all are rolled back as they are dropped.
            _ => return result.and(Err(Error::TransactionEscaped.into())),
        };
        let error = match result {
            Err(error) => error,
            Ok(value) => match session.commit_at(location).await {
                Ok(()) => return Ok(value),
                // Tried again, it would be stored twice.
                Err(error) if session.has_committed() => return Err(error.into()),
                Err(error) => error.into(),
            },
        };
        // The connection rolls back in any case; what the caller wants to know is the error before.
        let _ = session.rollback_at(location).await;
        let retry = sessions
            .options()
            .retry
            .clone()
            .unwrap_or_else(|| crate::retry::Retry::of(sessions.engine().dialect()));
        let Some(wait) = retry.next(tries, [our(&error), session.last_failure()]) else {
            return Err(error);
        };
        drop(session);
        if !wait.is_zero() {
            sleep(wait).await;
        }
        tries += 1;
    }
}

/// The session of a transaction: derefs to [`Session`]. It belongs to the closure that
/// [`transaction`](EngineExt::transaction) runs, and must end there.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let ada = engine
///     .transaction(|mut tx| async move {
///         let ada = tx.get_one::<User>(1).await?; // the methods of a session
///         tx[ada].age = Some(37);
///         tx.flush().await?; // else `detach` would drop the change
///         Ok(tx.detach(ada)) // leaves as a value
///     })
///     .await?;
/// assert_eq!(ada.age, Some(37));
/// # Ok(()) });
/// ```
pub struct Tx {
    session: Option<Box<Session>>,
    home: Arc<Home>,
}

impl Tx {
    /// Commits now; the closure's result is then final, and the transaction is not tried again.
    ///
    /// Dropped: as [`Session::commit`]; the session is dropped with it.
    ///
    /// # Errors
    /// As [`Session::commit`].
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let tags = engine
    ///     .transaction(|mut tx| async move {
    ///         tx.add(Tag { name: "engines".into(), ..Default::default() });
    ///         tx.commit().await?; // `tx` is gone: what comes now is after the transaction
    ///         Ok("stored")
    ///     })
    ///     .await?;
    /// assert_eq!(tags, "stored");
    /// assert_eq!(engine.count(Tag::select()).await?, 3);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn commit(mut self) -> Operation<'static, ()> {
        let location = Location::caller();
        // Not before it is polled: a commit that was never awaited leaves the transaction to its closure's end.
        Operation::named("tx.commit", "it is committed or rolled back: read the rows to know", async move {
            match self.end() {
                Some(mut session) => session.commit_at(location).await,
                None => Ok(()),
            }
        })
    }

    /// Rolls back now; the closure's result is then final.
    ///
    /// Dropped: rolled back all the same.
    ///
    /// # Errors
    /// As [`Session::rollback`].
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let answer = engine
    ///     .transaction(|mut tx| async move {
    ///         tx.add(Tag { name: "engines".into(), ..Default::default() });
    ///         tx.rollback().await?;
    ///         Ok("changed my mind") // no error, and nothing stored
    ///     })
    ///     .await?;
    /// assert_eq!(answer, "changed my mind");
    /// assert_eq!(engine.count(Tag::select()).await?, 2);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn rollback(mut self) -> Operation<'static, ()> {
        let location = Location::caller();
        let session = self.end();
        Operation::named("tx.rollback", "it is rolled back all the same", async move {
            match session {
                Some(mut session) => session.rollback_at(location).await,
                None => Ok(()),
            }
        })
    }

    fn end(&mut self) -> Option<Box<Session>> {
        self.home.put(Returned::Ended);
        self.session.take()
    }
}

impl Deref for Tx {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session.as_deref().expect("a Tx has its session until it is ended, which takes it")
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Session {
        self.session.as_deref_mut().expect("a Tx has its session until it is ended, which takes it")
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.home.put(Returned::Session(session));
        }
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tx").field(&self.session).finish()
    }
}

/// Where a `Tx` brings its session when it is dropped.
#[derive(Default)]
struct Home(Mutex<Returned>);

/// What came home.
#[derive(Default)]
enum Returned {
    #[default]
    Nothing,
    /// The closure ended the transaction itself.
    Ended,
    Session(Box<Session>),
    /// The transaction is over: what comes now is dropped, and so rolled back.
    Closed,
}

impl Home {
    fn put(&self, returned: Returned) {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let late = if matches!(*place, Returned::Nothing) {
            *place = returned;
            None
        } else {
            Some(returned)
        };
        drop(place);
        // Outside the lock: dropping a session may run code of others.
        drop(late);
    }

    fn close(&self) -> Returned {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *place, Returned::Closed)
    }
}
