//! What is done, and how much of it.

/// Connections of each pool.
pub const CONNECTIONS: usize = 4;

/// A query that takes a second or so without reading a row; a quick one in the round that warms up.
pub fn slow_in(round: usize) -> &'static str {
    match round {
        0 => "SELECT 1 AS count",
        _ => {
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) SELECT count(*) AS count FROM n"
        }
    }
}

/// What is waited for it.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_millis(20);

/// Children of each parent.
pub const CHILDREN: usize = 10;

/// The same for all peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    ReadByKey,
    ReadTogether,
    Rows,
    InsertBulk,
    InsertSingle,
    Change,
    Parents,
    Mixed,
    Stream,
    RowsMany,
    Tail,
    Stall,
    Recovery,
    FlushFew,
    Diamond,
    Hundred,
    TenAtOnce,
    GivenUp,
}

impl Work {
    pub const ALL: [Self; 18] = [
        Self::ReadByKey,
        Self::ReadTogether,
        Self::Rows,
        Self::InsertBulk,
        Self::InsertSingle,
        Self::Change,
        Self::Parents,
        Self::Mixed,
        Self::Stream,
        Self::RowsMany,
        Self::Tail,
        Self::Stall,
        Self::Recovery,
        Self::FlushFew,
        Self::Diamond,
        Self::Hundred,
        Self::TenAtOnce,
        Self::GivenUp,
    ];

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadByKey => "read-by-key",
            Self::ReadTogether => "read-together",
            Self::Rows => "rows",
            Self::InsertBulk => "insert-bulk",
            Self::InsertSingle => "insert-single",
            Self::Change => "change",
            Self::Parents => "parents",
            Self::Mixed => "mixed",
            Self::Stream => "stream",
            Self::RowsMany => "rows-many",
            Self::Tail => "tail",
            Self::Stall => "stall",
            Self::Recovery => "recovery",
            Self::FlushFew => "flush-few",
            Self::Diamond => "diamond",
            Self::Hundred => "hundred",
            Self::TenAtOnce => "ten-at-once",
            Self::GivenUp => "given-up",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|work| work.name() == name)
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::ReadByKey => "read by key, 5,000 one after the other",
            Self::ReadTogether => "read by key, 5,000 from 10 tasks, on 4 connections",
            Self::Rows => "read 10,000 rows",
            Self::InsertBulk => "insert 10,000 rows in bulk, keys known after",
            Self::InsertSingle => "insert 10,000 rows one by one in one transaction, keys known after",
            Self::Change => "change one field of 10,000 rows that were read, and save",
            Self::Parents => "read 1,000 parents with 10 children each",
            Self::Mixed => "mixed request: begin, get, change, insert, commit, 2,000 one after the other",
            Self::Stream => "stream 100,000 rows",
            Self::RowsMany => "read 100,000 rows",
            Self::Tail => "read by key, 5,120 from 256 tasks, on 4 connections",
            Self::Stall => "100,000 rows are read five times while another task of the same thread ticks",
            Self::Recovery => "the next read, after 1,000 reads were dropped half way",
            Self::FlushFew => "save 10 changes among 100,000 tracked rows",
            Self::Diamond => "insert 1,000 rows that refer to each other, in four tables, keys known after",
            Self::Hundred => "the bridge's experiment: 100 reads by key, one after the other",
            Self::TenAtOnce => "the bridge's experiment: 10 reads by key at once",
            Self::GivenUp => {
                "a slow query on each connection is given up after 20 ms, and then a row is read"
            }
        }
    }

    /// What times are told for.
    pub fn unit(self) -> &'static str {
        match self {
            Self::ReadByKey
            | Self::ReadTogether
            | Self::Tail
            | Self::Recovery
            | Self::Hundred
            | Self::TenAtOnce
            | Self::GivenUp => "read",
            Self::Parents => "row, parent or child",
            Self::Mixed => "request",
            Self::FlushFew => "change",
            _ => "row",
        }
    }

    pub fn units(self, size: Size) -> usize {
        match self {
            Self::ReadByKey | Self::ReadTogether | Self::Hundred | Self::TenAtOnce => size.reads,
            Self::Rows | Self::InsertBulk | Self::InsertSingle | Self::Change => size.rows,
            Self::Parents => size.parents * (1 + CHILDREN),
            Self::Mixed => size.requests,
            Self::Stream | Self::RowsMany => size.many,
            Self::Tail => size.tail_tasks * size.tail_reads,
            Self::Stall => 5 * size.many,
            Self::Recovery | Self::GivenUp => 1,
            Self::FlushFew => size.few,
            Self::Diamond => 4 * size.diamonds,
        }
    }

    /// Laps that count, after one that warms up. The sample is their median: what takes a few milliseconds is done
    /// more often.
    pub fn laps(self) -> usize {
        match self {
            Self::Hundred | Self::TenAtOnce => 25,
            Self::Rows | Self::Parents | Self::Recovery => 5,
            Self::InsertBulk
            | Self::Change
            | Self::Stream
            | Self::RowsMany
            | Self::FlushFew
            | Self::Diamond => 3,
            _ => 1,
        }
    }

    /// Users that are in the table before.
    pub fn users(self, size: Size) -> usize {
        match self {
            Self::InsertBulk | Self::InsertSingle | Self::Parents | Self::Mixed | Self::Diamond => 0,
            Self::Stream | Self::RowsMany | Self::Stall | Self::FlushFew => size.many,
            _ => size.rows,
        }
    }
}

/// How much work.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Rows that are read, inserted or changed; accounts.
    pub rows: usize,
    /// Rows that are read where there are many.
    pub many: usize,
    /// Reads by key.
    pub reads: usize,
    /// Tasks that read at once.
    pub tasks: usize,
    /// Tasks that read at once where there are many, and how often each does.
    pub tail_tasks: usize,
    pub tail_reads: usize,
    /// Parents, of [`CHILDREN`] children each.
    pub parents: usize,
    /// Mixed requests.
    pub requests: usize,
    /// Rows that are changed among many.
    pub few: usize,
    /// Rows of each of the four tables that refer to each other.
    pub diamonds: usize,
    /// Reads that are dropped.
    pub dropped: usize,
}

impl Size {
    pub const FULL: Self = Self {
        rows: 10_000,
        many: 100_000,
        reads: 5_000,
        tasks: 10,
        tail_tasks: 256,
        tail_reads: 20,
        parents: 1_000,
        requests: 2_000,
        few: 10,
        diamonds: 250,
        dropped: 1_000,
    };
    pub const QUICK: Self = Self {
        rows: 200,
        many: 1_000,
        reads: 50,
        tasks: 10,
        tail_tasks: 16,
        tail_reads: 2,
        parents: 10,
        requests: 20,
        few: 10,
        diamonds: 10,
        dropped: 20,
    };

    /// The sizes of a work that has some of its own.
    pub fn of(self, work: Work) -> Self {
        match work {
            Work::Hundred => Self { reads: self.reads.min(100), ..self },
            Work::TenAtOnce => Self { reads: self.tasks, ..self },
            _ => self,
        }
    }

    /// The key of a read or a request: all over the table.
    pub fn key(self, at: usize) -> i64 {
        (at * 7_919 % self.rows) as i64 + 1
    }

    pub fn keys(self) -> impl Iterator<Item = i64> {
        (0..self.reads).map(move |at| self.key(at))
    }
}
