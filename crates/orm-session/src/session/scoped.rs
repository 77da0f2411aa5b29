//! Calls with a scope: a savepoint around a closure, and reads that flush nothing before.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

use orm_core::{Error, Result};

use super::Session;

impl Session {
    /// Runs `body` in a savepoint: its `Ok` keeps what it did, as part of the transaction; its `Err`, a panic and a dropped
    /// future take it back, in memory and in the database, and the transaction goes on. It is
    /// [`begin_nested`](Self::begin_nested) with the guard out of sight, so that the session is there again whatever
    /// came of it.
    ///
    /// Dropped: taken back to the savepoint.
    ///
    /// # Errors
    /// Those of `body`, and of the flushes before and after it. Other errors than ours must be able to be made from ours.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// for name in ["math", "engines"] { // there is a "math" already
    ///     let added = session.nested(async |session| {
    ///         session.add(Tag { name: name.into(), ..Default::default() });
    ///         session.flush().await
    ///     });
    ///     match added.await {
    ///         Ok(()) => {}
    ///         Err(error) if error.constraint().is_some() => {} // only this tag was taken back
    ///         Err(error) => return Err(error),
    ///     }
    /// }
    /// session.commit().await?;
    /// assert_eq!(engine.count(Tag::select()).await?, 3);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn nested<'s, T, E, F>(&'s mut self, body: F) -> impl Future<Output = Result<T, E>> + use<'s, T, E, F>
    where
        F: AsyncFnOnce(&mut Session) -> Result<T, E> + 's,
        E: From<Error>,
        T: 's,
    {
        let location = Location::caller();
        async move {
            let mut nested = self.nested_at(location).await?;
            match body(&mut nested).await {
                Ok(value) => {
                    nested.release_at(location).await?;
                    Ok(value)
                }
                Err(error) => {
                    nested.rollback().await?;
                    Err(error)
                }
            }
        }
    }

    /// The session with autoflush off, until the guard is dropped: then it is as before, also after an error. For reads in
    /// the middle of a change that is not whole yet.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// session.add(Tag { name: "engines".into(), ..Default::default() });
    /// assert_eq!(session.without_autoflush().count(Tag::select()).await?, 2); // what is stored
    /// assert_eq!(session.count(Tag::select()).await?, 3); // flushed before
    /// # Ok(()) });
    /// ```
    pub fn without_autoflush(&mut self) -> WithoutAutoflush<'_> {
        let before = std::mem::replace(&mut self.autoflush, false);
        WithoutAutoflush { session: self, before }
    }
}

/// A session whose reads flush nothing. Made by [`Session::without_autoflush`]; derefs to the session.
#[must_use = "autoflush is on again when this is dropped"]
pub struct WithoutAutoflush<'s> {
    session: &'s mut Session,
    before: bool,
}

impl Deref for WithoutAutoflush<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session
    }
}

impl DerefMut for WithoutAutoflush<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        self.session
    }
}

impl Drop for WithoutAutoflush<'_> {
    fn drop(&mut self) {
        self.session.autoflush = self.before;
    }
}

impl fmt::Debug for WithoutAutoflush<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithoutAutoflush").field(&self.session).finish()
    }
}
