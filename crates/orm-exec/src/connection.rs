//! One connection for several statements, without a transaction of its own.

use std::panic::Location;

use orm_core::program::Failure;
use orm_core::{Dialect, Error, Outcome, Program, Result, Sink};

use crate::driver::Access;
use crate::pool::{Lease, Pool};
use crate::stream::{Home, Opened, Returning, Source, stream_verb};
use crate::verbs::{Runner, verbs};

/// The connection that writes, until it is dropped: each statement is a transaction of its own.
///
/// For statements that must share a connection: PRAGMAs, temporary tables, a BEGIN of your own. Dropped inside a
/// transaction, that transaction is rolled back before anybody else has the connection. What a PRAGMA sets, and temporary
/// tables, stay with the connection.
///
/// A verb that is dropped before its end takes the connection with it: it is rolled back and goes home, and the next call
/// waits for it again. If a BEGIN of your own was open, calls answer [`Error::Ended`] instead.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut connection = engine.connection().await?;
/// connection.execute(sql("PRAGMA cache_size = -4000")).await?; // of this connection
/// let kibibytes = connection.scalar(sql("PRAGMA cache_size").returning::<i64>()).await?;
/// assert_eq!(kibibytes, -4000);
/// # Ok(()) });
/// ```
#[derive(Debug)]
pub struct Connection {
    pool: Pool,
    location: &'static Location<'static>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Here.
    Held(Lease),
    /// Gone with a call that was dropped, or about to be.
    Gone,
    /// As above, and a transaction went with it.
    Ended,
    /// On its way back from a stream that was dropped; inside a transaction, or not.
    Returning(Returning, bool),
}

impl Connection {
    pub(crate) fn new(pool: Pool, lease: Lease, location: &'static Location<'static>) -> Self {
        lease.pin();
        Self { pool, location, state: State::Held(lease) }
    }

    verbs!(on, "connection", "let mut connection = engine.connection().await?;\n", mut);
    stream_verb!(on, "connection", "let mut connection = engine.connection().await?;\n", '_, mut);

    /// Closes the connection instead of giving it back, so that nobody else has what was left on it: PRAGMAs, temporary
    /// tables, attached files. Another is opened when it is needed. An open transaction is rolled back.
    ///
    /// # Errors
    /// [`Error::Build`] for a database in memory, which would go with its connection. It is given back.
    /// [`Error::Ended`] if it went home already, with a call or a stream that was dropped last.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let path = std::env::temp_dir().join(format!("discard-{}.db", std::process::id()));
    /// let engine = Engine::open(&format!("sqlite://{}", path.display())).await?;
    /// let mut connection = engine.connection().await?;
    /// connection.execute(sql("PRAGMA foreign_keys = OFF")).await?;
    /// connection.discard()?;
    /// let on = engine.connection().await?.scalar(sql("PRAGMA foreign_keys").returning::<bool>()).await?;
    /// assert!(on); // of a fresh connection
    /// engine.close().await?;
    /// # std::fs::remove_file(path).ok();
    /// # Ok(()) });
    /// ```
    pub fn discard(self) -> Result<()> {
        match self.state {
            State::Held(lease) => lease.discard(),
            State::Gone | State::Ended | State::Returning(..) => Err(Error::Ended(
                "this connection went home with a call that was dropped before its end: what was left on it is there"
                    .into(),
            )),
        }
    }

    #[track_caller]
    fn on(&mut self) -> &mut Self {
        if let State::Held(lease) = &mut self.state {
            lease.called_at(Location::caller());
        }
        self
    }

    async fn take(&mut self) -> Result<Lease> {
        if let State::Returning(returning, in_transaction) = &mut self.state {
            let lost = if *in_transaction { State::Ended } else { State::Gone };
            self.state = returning.await.map_or(lost, |(lease, _)| State::Held(lease));
        }
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Held(lease) => {
                if lease.in_transaction() {
                    self.state = State::Ended;
                }
                Ok(lease)
            }
            State::Gone => {
                let lease = self.pool.acquire(Access::Write, self.location).await?;
                lease.pin();
                Ok(lease)
            }
            State::Ended | State::Returning(..) => {
                self.state = State::Ended;
                Err(Error::Ended(
                    "the transaction on this connection was rolled back, because a call inside it was dropped \
                     before its end: take a new connection and begin again"
                        .into(),
                ))
            }
        }
    }
}

impl Connection {
    pub(crate) fn take_back(&mut self, lease: Lease) {
        self.state = State::Held(lease);
    }

    pub(crate) fn expect(&mut self, returning: Returning) {
        self.state = State::Returning(returning, matches!(self.state, State::Ended));
    }
}

impl<'a> Source<'a> for &'a mut Connection {
    async fn open(self) -> Result<Opened<'a>> {
        let lease = self.take().await?;
        Ok(Opened { lease, home: Home::Connection(self) })
    }
}

impl Runner for &mut Connection {
    fn dialect(&self) -> &'static Dialect {
        self.pool.dialect()
    }

    async fn run_reads<S: Sink + 'static>(
        self,
        mut program: Program,
        sink: S,
    ) -> Result<(Outcome, S), Failure> {
        let lease = self.take().await.map_err(Failure::outside)?;
        if !lease.in_transaction() {
            program.begin = Some(self.pool.dialect().begin_reads.into());
            program.commit = true;
        }
        let output = lease.run(program, sink).await;
        self.state = State::Held(output.lease);
        output.result
    }

    async fn run_program<S: Sink + 'static>(
        self,
        mut program: Program,
        whole: bool,
        sink: S,
    ) -> Result<(Outcome, S), Failure> {
        let lease = self.take().await.map_err(Failure::outside)?;
        match (whole, lease.in_transaction()) {
            (true, true) => program = program.guarded(),
            (true, false) => {
                program.begin = Some(self.pool.dialect().begin_write.into());
                program.commit = true;
            }
            _ => {}
        }
        let output = lease.run(program, sink).await;
        self.state = State::Held(output.lease);
        output.result
    }
}
