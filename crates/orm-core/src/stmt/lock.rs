//! Locks on the rows that a query reads.

use super::Select;

/// The lock that the rows of a query get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    /// `None` until it is said.
    pub(crate) strength: Option<LockStrength>,
    pub(crate) wait: LockWait,
}

/// Against whom the rows are locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockStrength {
    /// Against all who would change or lock them.
    Update,
    /// Against all who would change them.
    Share,
}

/// What becomes of rows that another has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockWait {
    Wait,
    Error,
    Skip,
}

impl<E, S> Select<E, S> {
    /// Locks the rows until the end of the transaction, against others that would change or lock them: FOR UPDATE. Where
    /// writers wait for each other anyway, as in SQLite, it takes the lock of the writer. Rows of a left join, and of what is
    /// loaded by `.joined()`, are not locked by PostgreSQL.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// session.begin().await?;
    /// let account = session.one(Account::select().filter(Account::ID.eq(1)).for_update()).await?;
    /// session[account].balance -= 10;
    /// session.commit().await?;
    /// # Ok(()) });
    /// ```
    pub fn for_update(self) -> Self {
        self.locked(LockStrength::Update)
    }

    /// Locks the rows until the end of the transaction against others that would change them; others may lock them so too:
    /// FOR SHARE.
    pub fn for_share(self) -> Self {
        self.locked(LockStrength::Share)
    }

    /// With [`for_update`](Self::for_update) or [`for_share`](Self::for_share): an error where a row is locked by another,
    /// instead of waiting for it. Refused where there are no locks of rows.
    pub fn nowait(self) -> Self {
        self.waiting(LockWait::Error)
    }

    /// With [`for_update`](Self::for_update) or [`for_share`](Self::for_share): leaves out rows that are locked by another,
    /// as the workers of a queue want it. Refused where there are no locks of rows.
    pub fn skip_locked(self) -> Self {
        self.waiting(LockWait::Skip)
    }

    fn locked(mut self, strength: LockStrength) -> Self {
        let wait = self.body.lock.map_or(LockWait::Wait, |lock| lock.wait);
        self.body.lock = Some(Lock { strength: Some(strength), wait });
        self
    }

    fn waiting(mut self, wait: LockWait) -> Self {
        let strength = self.body.lock.and_then(|lock| lock.strength);
        self.body.lock = Some(Lock { strength, wait });
        self
    }
}
