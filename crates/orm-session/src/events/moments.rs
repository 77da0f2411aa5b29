//! A set of moments at which hooks run.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// The moments at which hooks want to be called: a set, joined with `|`.
///
/// A set that says no more than is needed keeps a session fast: hooks after a flush cost a commit one hop more, hooks of
/// deletes load the rows that the database would delete along with others.
///
/// # Example
/// ```
/// use anyorm::Moments;
///
/// let moments = Moments::BEFORE_INSERT | Moments::BEFORE_UPDATE;
/// assert!(moments.contains(Moments::BEFORE_INSERT));
/// assert!(!moments.contains(Moments::AFTER_LOAD));
/// assert!(Moments::ALL.contains(moments));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Moments(u16);

impl Moments {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// Before the INSERT of an entity.
    pub const BEFORE_INSERT: Self = Self(1);
    /// Before the UPDATE of an entity.
    pub const BEFORE_UPDATE: Self = Self(1 << 1);
    /// Before the DELETE of an entity.
    pub const BEFORE_DELETE: Self = Self(1 << 2);
    /// After the INSERT of an entity.
    pub const AFTER_INSERT: Self = Self(1 << 3);
    /// After the UPDATE of an entity.
    pub const AFTER_UPDATE: Self = Self(1 << 4);
    /// After the DELETE of an entity.
    pub const AFTER_DELETE: Self = Self(1 << 5);
    /// After a row was read into an entity.
    pub const AFTER_LOAD: Self = Self(1 << 6);
    /// Before a flush looks at what there is to write.
    pub const BEFORE_FLUSH: Self = Self(1 << 7);
    /// After a flush, before COMMIT.
    pub const AFTER_FLUSH: Self = Self(1 << 8);
    /// Before a commit flushes.
    pub const BEFORE_COMMIT: Self = Self(1 << 9);
    /// After COMMIT.
    pub const AFTER_COMMIT: Self = Self(1 << 10);
    /// After a transaction was rolled back.
    pub const AFTER_ROLLBACK: Self = Self(1 << 11);
    /// All of them.
    pub const ALL: Self = Self((1 << 12) - 1);

    /// What a flush runs between its statements and COMMIT.
    pub(crate) const AFTER_ROWS: Self =
        Self(Self::AFTER_INSERT.0 | Self::AFTER_UPDATE.0 | Self::AFTER_DELETE.0);
    pub(crate) const DELETES: Self = Self(Self::BEFORE_DELETE.0 | Self::AFTER_DELETE.0);
    pub(crate) const ROWS: Self =
        Self(Self::AFTER_ROWS.0 | Self::BEFORE_INSERT.0 | Self::BEFORE_UPDATE.0 | Self::BEFORE_DELETE.0);

    const NAMES: [(Self, &'static str); 12] = [
        (Self::BEFORE_INSERT, "before_insert"),
        (Self::BEFORE_UPDATE, "before_update"),
        (Self::BEFORE_DELETE, "before_delete"),
        (Self::AFTER_INSERT, "after_insert"),
        (Self::AFTER_UPDATE, "after_update"),
        (Self::AFTER_DELETE, "after_delete"),
        (Self::AFTER_LOAD, "after_load"),
        (Self::BEFORE_FLUSH, "before_flush"),
        (Self::AFTER_FLUSH, "after_flush"),
        (Self::BEFORE_COMMIT, "before_commit"),
        (Self::AFTER_COMMIT, "after_commit"),
        (Self::AFTER_ROLLBACK, "after_rollback"),
    ];

    /// Whether all of the others are in the set.
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether one of the others is in the set.
    pub(crate) const fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The name of the hook of a single moment.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(moment, _)| *moment == self).map_or("hook", |(_, name)| name)
    }
}

impl BitOr for Moments {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Moments {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Moments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter().filter(|(moment, _)| self.contains(*moment)).map(|(_, name)| name);
        f.debug_set().entries(names).finish()
    }
}
