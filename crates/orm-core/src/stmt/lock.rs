//! Locks on the rows that a query reads.

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
