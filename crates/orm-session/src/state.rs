//! The states of an entity in a session, and what each allows.
//!
//! ```text
//!            add                flush              delete             flush
//! (nothing) -----> Pending ---------> Persistent ---------> Deleting -------> Deleted
//!                     |  ^               ^    ^                 |                 |
//!              delete |  | recover  load |    |    rollback     |    rollback     |
//!                     v                       +-----------------+-----------------+
//!                  Deleted
//! ```
//!
//! Between `Pending` and `Persistent`, while the flush is under way, an entity is `Inserting`.
//!
//! A deleted slot keeps its handle readable until COMMIT, so that a rollback revives that very handle.

/// Where an entity stands between memory and database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The slot has no tenant.
    Vacant,
    /// Added, not in the database yet.
    Pending,
    /// Its INSERT is on its way.
    Inserting,
    /// In the database, as far as this transaction sees.
    Persistent,
    /// Marked by `delete`, still in the database.
    Deleting,
    /// Deleted in the database by this transaction, not committed; or added and deleted before any flush.
    Deleted,
}

impl State {
    /// Whether a handle to the slot reads.
    pub(crate) fn is_readable(self) -> bool {
        self != State::Vacant
    }

    /// Whether a handle to the slot writes, and `get` and relations may answer with it.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, State::Pending | State::Inserting | State::Persistent)
    }
}
