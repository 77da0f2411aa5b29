//! Begin, commit, roll back, recover.

use std::panic::Location;
use std::sync::Arc;

use orm_core::program::{Discard, Program, Returns, StatementShape};
use orm_core::{Cells, Error, Result};
use orm_exec::Operation;

use super::connection::Scope;
use super::nested::Nesting;
use super::{Session, Status};

impl Session {
    /// Begins a transaction: from now on all reads and writes of this session go through one connection, until
    /// `commit` or `rollback`. Does no I/O: BEGIN rides with the first statement.
    ///
    /// # Errors
    /// If a transaction is open already, or the session is inactive.
    pub fn begin(&mut self) -> Operation<'_, ()> {
        Operation::new(async move {
            self.ready().await?;
            match self.scope {
                Scope::None => {
                    self.scope = Scope::Begun;
                    Ok(())
                }
                _ => Err(Error::build("a transaction is open already: commit it or roll it back first")),
            }
        })
    }

    /// The transaction is over, and its savepoints with it.
    pub(super) fn end_scope(&mut self) -> Scope {
        self.nesting = Nesting::default();
        std::mem::replace(&mut self.scope, Scope::None)
    }

    pub(crate) fn begin_unused(&mut self) {
        self.scope = Scope::Begun;
    }

    /// Whether a transaction is open, or begun and waiting for its first statement.
    pub fn in_transaction(&self) -> bool {
        !matches!(self.scope, Scope::None)
    }

    /// Sends all pending changes and commits. With no transaction open this is one hop: BEGIN, every statement in
    /// order, COMMIT. With nothing pending and no transaction open it does no I/O.
    ///
    /// Dropped before it was sent: nothing happened. Dropped later: it runs on, and the session's next call takes its
    /// outcome over. If the session is dropped too, it may or may not be committed.
    ///
    /// # Errors
    /// As [`flush`](Self::flush): a failed commit is rolled back and the session inactive.
    #[track_caller]
    pub fn commit(&mut self) -> Operation<'_, ()> {
        let location = Location::caller();
        Operation::new(async move {
            self.ready().await?;
            self.send_plan(true, location).await
        })
    }

    /// Rolls the transaction back, in memory too: changes are undone, what was added is gone, what was deleted is back
    /// under its old handle. Makes an inactive session active.
    ///
    /// Dropped at any point: memory is rolled back once it was polled; the database rolls back in any case.
    ///
    /// # Errors
    /// If the connection fails; memory is rolled back all the same.
    pub fn rollback(&mut self) -> Operation<'_, ()> {
        Operation::new(async move {
            self.resolve().await;
            let scope = self.end_scope();
            self.status = Status::Active;
            self.tracker.rollback(0);
            roll_back(scope).await
        })
    }

    /// Rolls the transaction back in the database, and keeps the work: all that was pending, and all that earlier
    /// flushes of the transaction had written, is pending again. Mend what made the flush fail, and commit again.
    ///
    /// Entities that were read in the transaction stay in the session. One whose row the transaction itself had made, by
    /// raw SQL, is found missing when it is next written or refreshed.
    ///
    /// Dropped at any point: as [`rollback`](Self::rollback).
    ///
    /// # Errors
    /// If the connection fails; the work is kept all the same.
    pub fn recover(&mut self) -> Operation<'_, ()> {
        Operation::new(async move {
            self.resolve().await;
            let scope = self.end_scope();
            self.status = Status::Active;
            self.tracker.recover();
            roll_back(scope).await
        })
    }
}

/// Rolls an open transaction back. If this is dropped, the connection does it on its way home.
async fn roll_back(scope: Scope) -> Result<()> {
    let Scope::Open(open) = scope else { return Ok(()) };
    let Some(lease) = open.lease.filter(|lease| lease.in_transaction()) else { return Ok(()) };
    lease.unpin();
    let shape = StatementShape {
        sql: "ROLLBACK".into(),
        parameters: 0,
        returns: Returns::Count,
        reads_only: false,
        list: None,
    };
    let output = lease.run(Program::single(Arc::new(shape), Cells::default()), Discard).await;
    output.result.map(|_| ()).map_err(Error::from)
}
