//! The lines of the table: packages, and how they are called.

use sqlite_bench_common::Work;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    pub(crate) arguments: &'static [&'static str],
    /// The work that it does; all if it is empty.
    only: &'static [Work],
}

impl Line {
    const fn new(name: &'static str, package: &'static str, arguments: &'static [&'static str]) -> Self {
        Self { name, package, arguments, only: &[] }
    }

    const fn only(self, only: &'static [Work]) -> Self {
        Self { only, ..self }
    }

    pub(crate) fn does(&self, work: Work) -> bool {
        self.only.is_empty() || self.only.contains(&work)
    }

    /// What all others are compared with.
    pub(crate) fn is_raw(&self) -> bool {
        self.package == RAW
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.package == "anyorm"
    }
}

const RAW: &str = "raw-rusqlite";

/// Where an executor could make a difference.
const EXECUTORS: &[Work] = &[
    Work::ReadByKey,
    Work::ReadTogether,
    Work::Rows,
    Work::InsertBulk,
    Work::Mixed,
    Work::Stream,
    Work::Tail,
    Work::Recovery,
];

/// Where rows can be entities or not.
const TRACKED: &[Work] = &[Work::ReadByKey, Work::Rows, Work::RowsMany];

pub(crate) const ALL: [Line; 16] = [
    Line::new("rusqlite by hand", RAW, &[]),
    Line::new("tokio-rusqlite", "tokio-rusqlite", &[]),
    Line::new("spawn_blocking by hand", "spawn-blocking", &[]),
    Line::new("sqlx", "sqlx", &[]),
    Line::new("sea-orm", "sea-orm", &[]),
    Line::new("diesel (not async)", "diesel", &[]),
    Line::new("diesel-async", "diesel-async", &[]),
    Line::new("toasty", "toasty", &[]),
    Line::new("SQLAlchemy asyncio", "sqlalchemy", &[]),
    Line::new("anyorm, Worker", "anyorm", &["--dispatch=worker"]),
    Line::new("anyorm, Auto", "anyorm", &["--dispatch=auto"]),
    Line::new("anyorm, Worker, tracked", "anyorm", &["--dispatch=worker", "--tracked"]).only(TRACKED),
    Line::new("anyorm, Auto, tracked", "anyorm", &["--dispatch=auto", "--tracked"]).only(&[Work::ReadByKey]),
    Line::new("anyorm, Worker, tokio current-thread", "anyorm", &["--executor=tokio-current"])
        .only(EXECUTORS),
    Line::new("anyorm, Worker, smol", "anyorm", &["--executor=smol"]).only(EXECUTORS),
    Line::new("anyorm, Worker, async-std", "anyorm", &["--executor=async-std"]).only(EXECUTORS),
];
