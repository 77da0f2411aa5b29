//! What is done, how much of it, and what must be in the tables before and after.

use crate::rows::{Family, families, user};

/// How much work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Rows that are read or inserted.
    pub(crate) rows: usize,
    /// Reads by key in one round.
    pub(crate) reads: usize,
    /// Mixed requests in one round.
    pub(crate) requests: usize,
    /// Parents, of [`CHILDREN`] children each.
    pub(crate) parents: usize,
    /// Rounds that count.
    pub(crate) rounds: usize,
    /// Whether the fastest of them is what is printed, not the median.
    pub(crate) fastest: bool,
}

/// Children of each parent.
pub(crate) const CHILDREN: usize = 10;

impl Size {
    pub(crate) const FULL: Self =
        Self { rows: 10_000, reads: 2_000, requests: 500, parents: 1_000, rounds: 11, fastest: false };
    pub(crate) const QUICK: Self =
        Self { rows: 50, reads: 10, requests: 5, parents: 5, rounds: 2, fastest: false };

    /// The keys of the reads: all over the table, none twice.
    pub(crate) fn keys_to_read(self) -> impl Iterator<Item = i64> {
        (0..self.reads).map(move |at| self.key(at))
    }

    /// The key that a request reads and changes.
    pub(crate) fn key(self, at: usize) -> i64 {
        (at * 7_919 % self.rows) as i64 + 1
    }
}

/// The same for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    ReadByKey,
    ReadRows,
    InsertRows,
    InsertBlind,
    ReadFamilies,
    InsertFamilies,
    Mixed,
}

impl Work {
    pub(crate) const ALL: [Self; 7] = [
        Self::ReadByKey,
        Self::ReadRows,
        Self::InsertRows,
        Self::InsertBlind,
        Self::ReadFamilies,
        Self::InsertFamilies,
        Self::Mixed,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReadByKey => "read by key, 2,000 one after the other",
            Self::ReadRows => "read 10,000 rows",
            Self::InsertRows => "insert 10,000 rows, keys known after",
            Self::InsertBlind => "insert 10,000 rows, keys not wanted",
            Self::ReadFamilies => "read 1,000 parents with 10 children each",
            Self::InsertFamilies => "insert 1,000 parents with 10 children each, keys known after",
            Self::Mixed => {
                "mixed request: begin, get by key, change, insert, commit, 500 one after the other"
            }
        }
    }

    /// What times are told for.
    pub(crate) fn piece(self) -> &'static str {
        match self {
            Self::ReadByKey => "read",
            Self::ReadRows | Self::InsertRows | Self::InsertBlind => "row",
            Self::ReadFamilies | Self::InsertFamilies => "row, parent or child",
            Self::Mixed => "request",
        }
    }

    pub(crate) fn pieces(self, size: Size) -> usize {
        match self {
            Self::ReadByKey => size.reads,
            Self::ReadRows | Self::InsertRows | Self::InsertBlind => size.rows,
            Self::ReadFamilies | Self::InsertFamilies => size.parents * (1 + CHILDREN),
            Self::Mixed => size.requests,
        }
    }

    /// Whether the tables must be made ready before each round.
    pub(crate) fn writes(self) -> bool {
        !matches!(self, Self::ReadByKey | Self::ReadRows | Self::ReadFamilies)
    }

    /// What is in the tables before.
    pub(crate) fn before(self, size: Size) -> Vec<Family> {
        match self {
            Self::ReadByKey | Self::ReadRows | Self::Mixed => families(size.rows, 0),
            Self::ReadFamilies => families(size.parents, CHILDREN),
            Self::InsertRows | Self::InsertBlind | Self::InsertFamilies => Vec::new(),
        }
    }

    /// What must be there after.
    pub(crate) fn after(self, size: Size) -> Vec<Family> {
        match self {
            Self::ReadByKey | Self::ReadRows | Self::ReadFamilies => self.before(size),
            Self::InsertRows | Self::InsertBlind => families(size.rows, 0),
            Self::InsertFamilies => families(size.parents, CHILDREN),
            Self::Mixed => {
                let mut all = self.before(size);
                for request in 0..size.requests {
                    let changed = &mut all[size.key(request) as usize - 1].user;
                    changed.age = changed.age.map(older);
                }
                all.extend((0..size.requests).map(|at| Family { user: user(at), titles: Vec::new() }));
                all
            }
        }
    }

    /// How many users and posts a lap must have in its hands at the end, keys included.
    pub(crate) fn found(self, size: Size) -> (usize, usize) {
        match self {
            Self::ReadByKey => (size.reads, 0),
            Self::ReadRows | Self::InsertRows => (size.rows, 0),
            Self::InsertBlind => (0, 0),
            Self::ReadFamilies | Self::InsertFamilies => (size.parents, size.parents * CHILDREN),
            Self::Mixed => (2 * size.requests, 0),
        }
    }
}

/// What a mixed request does to an age.
pub(crate) fn older(age: i32) -> i32 {
    (age + 1) % 90
}
