//! One transaction around everything that an engine does: for tests, which leave nothing behind.
//!
//! ```text
//! the program under test     its engine's pool    a connection of this file    the real connection
//! BEGIN .. COMMIT        ──► one connection   ──► SAVEPOINT .. RELEASE     ──► inside one open transaction
//! ```
//!
//! What the program calls a transaction is a savepoint here. Everything above the driver is as always: who waits for whom,
//! what a dropped future leaves behind, what a session takes back.

mod connection;

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

use orm_core::program::Discard;
use orm_core::{Begin, Error, Program, Result};

use crate::driver::Access;
use crate::engine::Engine;
use crate::operation::Operation;
use crate::pool::{Holder, Pool};
use connection::SandboxConnector;

/// An engine inside one transaction that is rolled back at the end. Made by [`Engine::sandbox`]; derefs to the [`Engine`].
///
/// The code under test takes the engine, or a clone of it, and works as always: its transactions are savepoints of the
/// outer one. A commit keeps what was done for the rest of the sandbox, a rollback takes it back, and in the end nothing
/// is stored.
///
/// It has one connection, so one transaction at a time: others wait for it, and a call in the task that has it answers
/// [`Error::HeldBySelf`], as on `:memory:`. Transactions are at the level of the outer one, and constraints that the
/// database checks at COMMIT (deferred foreign keys) are not checked.
///
/// Dropping it does as [`rollback`](Sandbox::rollback) does, without waiting for it. Clones of its engine answer
/// [`Error::Closed`] from then on.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// async fn rename(engine: &Engine) -> anyorm::Result<()> {
///     engine
///         .transaction(|mut tx| async move {
///             let ada = tx.get_one::<User>(1).await?;
///             tx[ada].name.push_str(" Lovelace");
///             Ok(()) // commits
///         })
///         .await
/// }
///
/// let sandbox = engine.sandbox().await?;
/// rename(&sandbox).await?;
/// let ada = User::select().filter(User::ID.eq(1));
/// assert_eq!(sandbox.one(ada.clone()).await?.name, "Ada Lovelace");
/// sandbox.rollback().await?;
/// assert_eq!(engine.one(ada).await?.name, "Ada"); // as it was
/// # Ok(()) });
/// ```
#[must_use = "a sandbox that is dropped is rolled back"]
pub struct Sandbox {
    engine: Engine,
    /// Who has the outer connection, as its pool sees it.
    holder: Arc<Holder>,
}

impl Sandbox {
    pub(crate) async fn begin(outer: Engine, location: &'static Location<'static>) -> Result<Self> {
        let lease = outer.lease(Access::Write, location).await?;
        let dialect = outer.dialect();
        let program = Program { begin: Some(Begin::new().sql(dialect)), ..Program::default() };
        let output = lease.run(program, Discard).await;
        output.result.map_err(Error::from)?;
        output.lease.pin();
        let holder = Arc::clone(output.lease.holder());
        let connector = SandboxConnector::new(output.lease);
        let pool = outer.pool.inside(Box::new(connector));
        let sandbox = Self { engine: Engine { pool }, holder };
        // Opened now: from here on, closing the pool is what gives the connection back.
        let inner = sandbox.lease(Access::Write, location).await?;
        inner.run(Program::default(), Discard).await.result.map_err(Error::from)?;
        Ok(sandbox)
    }

    /// The engine inside: give clones of it to the code under test.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Takes back everything that was done inside, and gives the connection back. Calls on clones of the engine answer
    /// [`Error::Closed`] from now on.
    ///
    /// Dropped: rolled back all the same.
    ///
    /// # Errors
    /// [`Error::Timeout`] if a session or transaction inside is still open after the acquire timeout, naming where its
    /// connection was taken. It is rolled back when that ends.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let sandbox = engine.sandbox().await?;
    /// sandbox.execute(Account::delete().everything()).await?;
    /// let clone = sandbox.engine().clone();
    /// sandbox.rollback().await?;
    /// assert!(matches!(clone.count(Account::select()).await, Err(anyorm::Error::Closed)));
    /// assert_eq!(engine.count(Account::select()).await?, 2);
    /// # Ok(()) });
    /// ```
    pub fn rollback(self) -> Operation<'static, ()> {
        let pool: Pool = self.engine.pool.clone();
        Operation::named("sandbox.rollback", "it is rolled back all the same", async move {
            let result = pool.close().await;
            drop(self);
            result
        })
    }
}

impl Deref for Sandbox {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Whoever waits for the connection from now on waits for a worker, not for this task.
        self.holder.pin(false);
        self.engine.pool.shut();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("engine", &self.engine).finish()
    }
}
