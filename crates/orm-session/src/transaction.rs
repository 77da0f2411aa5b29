//! Sessions of an engine, and transactions that commit, roll back and retry themselves.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use orm_core::{Error, Result};
use orm_exec::{Engine, Operation};

use crate::session::Session;

/// How often a transaction is tried before its last error is given up to the caller.
const ATTEMPTS: u32 = 5;

/// What a session adds to an [`Engine`].
pub trait EngineExt {
    /// A new session. Cheap: it takes no connection until it needs one.
    fn session(&self) -> Session;

    /// Runs `body` in a transaction: its `Ok` commits, its `Err` rolls back, and so do a panic and a dropped future.
    /// Where the database was busy, all of it is tried again with a fresh session, up to five times; so results leave
    /// as values (`detach`, clones), not as handles. Not tried again: after an explicit [`Tx::commit`].
    ///
    /// Dropped: rolled back, unless COMMIT was already under way: then the outcome is open.
    ///
    /// # Errors
    /// Those of `body`, of the commit, or [`Error::TransactionEscaped`] if `body` moved its `Tx` out or swapped its
    /// session. Errors of other types enter by [`Error::other`], or see
    /// [`try_transaction`](EngineExt::try_transaction).
    fn transaction<F, Fut, T>(&self, body: F) -> impl Future<Output = Result<T>> + Send
    where
        F: FnMut(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
        T: Send;

    /// [`transaction`](EngineExt::transaction) for a `body` with errors of its own type.
    ///
    /// # Errors
    /// Those of `body`; ours by `E::from`.
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

    fn transaction<F, Fut, T>(&self, body: F) -> impl Future<Output = Result<T>> + Send
    where
        F: FnMut(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        run(self.clone(), body)
    }

    fn try_transaction<F, Fut, T, E>(&self, body: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: FnMut(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<Error> + Send,
    {
        run(self.clone(), body)
    }
}

async fn run<F, Fut, T, E>(engine: Engine, mut body: F) -> Result<T, E>
where
    F: FnMut(Tx) -> Fut + Send,
    Fut: Future<Output = Result<T, E>> + Send,
    T: Send,
    E: From<Error> + Send,
{
    let mut attempt = 1;
    loop {
        let mut session = engine.session();
        session.begin_unused();
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
            Ok(value) => match session.commit().await {
                Ok(()) => return Ok(value),
                Err(error) => error.into(),
            },
        };
        // The connection rolls back in any case; what the caller wants to know is the error before.
        let _ = session.rollback().await;
        if !session.saw_retryable() || attempt == ATTEMPTS {
            return Err(error);
        }
        attempt += 1;
    }
}

/// The session of a transaction: derefs to [`Session`]. It belongs to the closure that
/// [`transaction`](EngineExt::transaction) runs, and must end there.
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
    pub fn commit(mut self) -> Operation<'static, ()> {
        // Not before it is polled: a commit that was never awaited leaves the transaction to its closure's end.
        Operation::new(async move {
            match self.end() {
                Some(mut session) => session.commit().await,
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
    pub fn rollback(mut self) -> Operation<'static, ()> {
        let session = self.end();
        Operation::new(async move {
            match session {
                Some(mut session) => session.rollback().await,
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
