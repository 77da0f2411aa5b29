//! The guide: how to work with a session, chapter by chapter. Each example is compiled and run with the tests.
//!
//! | chapter | answers |
//! |---|---|
//! | [`sessions`] | how entities are added, changed, deleted and read; what a handle is; detached values |
//! | [`types`] | what a column can hold, what each database makes of it, keys that are made here |
//! | [`queries`] | conditions, joins, groups, subqueries, CTEs, windows, pages: what a query can say |
//! | [`writes`] | inserts, upserts, updates and deletes without entities in a session |
//! | [`raw_sql`] | SQL as text: what is bound, parts of queries, rows as structs, rows of any columns |
//! | [`relations`] | how entities belong together, both sides of it, and how they are loaded |
//! | [`flush_order`] | what a flush sends, in which order, and when it refuses |
//! | [`transactions`] | begin, commit, roll back, savepoints, failures, retries, tests |
//! | [`streaming`] | streams, cursors and batches: many rows, several queries |
//! | [`events`] | hooks: what runs before and after inserts, updates, deletes, flushes and commits |
//! | [`observability`] | counters, slow statements, spans, and how many statements a test sends |
//! | [`failures`] | full disks, lost files, locks of other processes: which error, and what to do next |
//! | [`postgres`] | moving to a server: URLs, TLS, round trips, cancelling, what is lost with a connection |
//! | [`pool`] | who has a connection and for how long; functions and PRAGMAs for new ones; limits, leaks, closing |
//! | [`dispatch`] | what runs on worker threads and what on the thread of a task, and how to choose |
//! | [`bridge`] | blocking code, deadlines, the way back into async code, tests of what several tasks do |
//!
//! Those who come from SQLAlchemy find the differences at the end of each chapter.
//!
//! All examples are about a blog: a `User` has `posts`, a `Post` has an `author` and `tags`. Stored are Ada and Grace, the
//! posts Notes and Letters, both by Ada, and the tags math and poetry, with the keys 1 and 2 each.

#[doc = include_str!("guide/sessions.md")]
pub mod sessions {}

#[doc = include_str!("guide/types.md")]
pub mod types {}

#[doc = include_str!("guide/queries.md")]
pub mod queries {}

#[doc = include_str!("guide/writes.md")]
pub mod writes {}

#[doc = include_str!("guide/raw_sql.md")]
pub mod raw_sql {}

#[doc = include_str!("guide/flush_order.md")]
pub mod flush_order {}

#[doc = include_str!("guide/transactions.md")]
pub mod transactions {}

#[doc = include_str!("guide/relations.md")]
pub mod relations {}

#[doc = include_str!("guide/streaming.md")]
pub mod streaming {}

#[doc = include_str!("guide/events.md")]
pub mod events {}

#[doc = include_str!("guide/observability.md")]
pub mod observability {}

#[doc = include_str!("guide/failures.md")]
pub mod failures {}

#[doc = include_str!("guide/postgres.md")]
pub mod postgres {}

#[doc = include_str!("guide/pool.md")]
pub mod pool {}

#[doc = include_str!("guide/dispatch.md")]
pub mod dispatch {}

#[doc = include_str!("guide/bridge.md")]
pub mod bridge {}
