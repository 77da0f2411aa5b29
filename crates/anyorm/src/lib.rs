//! A runtime-agnostic async ORM with a real unit of work: SQLAlchemy's session, made for async Rust.
//!
//! ```
//! use anyorm::prelude::*;
//!
//! #[derive(Clone, Debug, Default, Entity)]
//! #[entity(table = "users")]
//! struct User {
//!     #[key(auto)]
//!     id: i64,
//!     name: String,
//! }
//!
//! # futures_lite::future::block_on(async {
//! let engine = Engine::open("sqlite::memory:").await?;
//! engine.create_all(&schema![User]).await?;
//!
//! let mut session = engine.session();
//! let ada = session.add(User { name: "Ada".into(), ..Default::default() });
//! session.commit().await?;
//!
//! session[ada].name.push_str(" Lovelace");
//! session.commit().await?; // UPDATE users SET name = ? WHERE id = ?
//!
//! let names: Vec<String> = engine.all(User::select().columns(User::NAME)).await?;
//! assert_eq!(names, ["Ada Lovelace"]);
//! # Ok::<_, anyorm::Error>(()) }).unwrap();
//! ```
//!
//! # Where things are
//! | to | see |
//! |---|---|
//! | learn it | [`guide`], chapter by chapter |
//! | describe tables | [`derive@Entity`], [`derive@SqlType`], [`derive@DbEnum`], [`derive@Embedded`], [`schema!`], [`BelongsTo`], [`HasMany`], [`HasOne`], [`ManyToMany`], [`Json`] |
//! | open a database | [`Engine`], [`EngineBuilder`], [`sqlite`] |
//! | see what the pool does | [`guide::pool`], [`Statistics`], [`HeldConnection`] |
//! | read, change, store | [`Session`], [`Handle`], [`EngineExt`] |
//! | make sessions that are alike | [`SessionFactory`], [`Retry`], [`ReadSession`] |
//! | say how a transaction begins | [`Begin`], [`Isolation`] |
//! | ask | [`Entity::select`], [`Column`], [`Expr`] |
//! | say it in SQL | [`sql!`](macro@sql), [`list`], [`Identifier`], [`sql`](fn@sql), [`guide::raw_sql`] |
//! | read rows | [`derive@FromRow`], [`DynamicRow`], [`query`] |
//! | name the type of a query | [`stmt`], [`query`], and below |
//! | work without a session | [`Engine`], [`Connection`], [`Transaction`], [`Savepoint`] |
//! | read more rows than fit in memory | [`RowStream`], [`Cursor`] |
//! | read several queries at once | [`Batch`], [`mod@batch`] |
//! | hear what other programs on the database have to say | [`Engine::listen`], [`Notifications`] |
//! | keep programs apart that share a database | [`AdvisoryLock`], [`AdvisoryKey`] |
//! | test code that commits, and store nothing | [`Sandbox`] |
//! | run blocking code | [`bridge`] |
//! | see what is sent, count it, find what is slow | [`observe`], [`Statistics`] |
//! | say in a test how many statements there are | [`assert_statements!`] |
//! | know what went wrong | [`Error`], [`error`] |
//!
//! Nothing here names a runtime: the same program runs on tokio, smol, async-std, or any other executor, without a
//! feature flag. Every future is `Send`, and says what it leaves behind when it is dropped.
//!
//! # Features
//! None is on unless asked for, and none is about a runtime.
//!
//! | feature | what it brings |
//! |---|---|
//! | `postgres` | [PostgreSQL](guide::postgres): `Engine::open("postgres://..")`, natively async, with TLS |
//! | `uuid` | columns and keys of `uuid::Uuid` |
//! | `chrono`, `time`, `jiff` | columns of [dates, times](guide::types#dates-and-times-of-day) and points in time, of that crate |
//! | `rust_decimal`, `bigdecimal` | columns of [decimal numbers](guide::types#decimal-numbers), of that crate |
//! | `ipnetwork` | columns of `ipnetwork::IpNetwork` |
//! | `tracing` | [spans and events](guide::observability) for whatever subscriber the program has |
//!
//! # Functions that answer queries
//! A query has the type of its statement, of what it starts from, and of what its rows become:
//!
//! ```
//! use anyorm::prelude::*;
//! use anyorm::query::{Graph, Query, Values, Whole};
//! use anyorm::stmt::Select;
//!
//! # #[derive(Clone, Debug, Default, Entity)]
//! # struct User { #[key(auto)] id: i64, name: String, age: Option<i32>, #[has_many(Post::AUTHOR)] posts: HasMany<Post> }
//! # #[derive(Clone, Debug, Default, Entity)]
//! # struct Post { #[key(auto)] id: i64, #[belongs_to] author: BelongsTo<User> }
//! fn adults() -> Select<User, Whole<User>> {
//!     User::select().filter(User::AGE.ge(18))
//! }
//!
//! /// For a session: relations are handles.
//! fn adults_with_posts() -> Select<User, Graph<User>> {
//!     adults().with(User::POSTS)
//! }
//!
//! fn names() -> impl Query<Shape = Values<String>> {
//!     adults().columns(User::NAME)
//! }
//!
//! # futures_lite::future::block_on(async {
//! # let engine = Engine::open("sqlite::memory:").await?;
//! # engine.create_all(&schema![User, Post]).await?;
//! let users: Vec<User> = engine.all(adults().order_by(User::NAME.asc())).await?;
//! let handles: Vec<Handle<User>> = engine.session().all(adults_with_posts()).await?;
//! let names: Vec<String> = engine.all(names()).await?;
//! # assert_eq!((users.len(), handles.len(), names.len()), (0, 0, 0));
//! # Ok::<_, anyorm::Error>(()) }).unwrap();
//! ```

pub mod guide;
pub mod prelude;
mod raw_sql;

#[doc(hidden)]
#[path = "derive_support.rs"]
pub mod __derive;

pub use orm_core::batch;
#[cfg(feature = "bigdecimal")]
#[doc(no_inline)]
pub use orm_core::bigdecimal;
#[cfg(feature = "chrono")]
#[doc(no_inline)]
pub use orm_core::chrono;
pub use orm_core::entity::{Embedded, Entity, EntityMeta, Key, KeyArg};
pub use orm_core::expr::{Expr, avg, coalesce, count, count_all, count_distinct, max, min, sum};
#[cfg(feature = "ipnetwork")]
#[doc(no_inline)]
pub use orm_core::ipnetwork;
#[cfg(feature = "jiff")]
#[doc(no_inline)]
pub use orm_core::jiff;
pub use orm_core::query::{DynamicRow, FromRow, Query};
pub use orm_core::relation::{
    BelongsTo, Collection, HasMany, HasOne, IntoPath, Joined, ManyToMany, Narrowed, Path, Relation,
};
#[cfg(feature = "rust_decimal")]
#[doc(no_inline)]
pub use orm_core::rust_decimal;
pub use orm_core::schema;
pub use orm_core::schema::Schema;
pub use orm_core::stmt::{Identifier, InvalidIdentifier, list};
pub use orm_core::stored_as;
#[cfg(feature = "time")]
#[doc(no_inline)]
pub use orm_core::time;
pub use orm_core::types::{
    Element, InvalidNetwork, InvalidNumeric, IpNetwork, Json, Numeric, SqlType, Timestamp,
};
#[cfg(feature = "uuid")]
#[doc(no_inline)]
pub use orm_core::uuid;
pub use orm_core::{
    Alias, Compound, Derived, IntoSource, MARIADB, PageCursor, Rowset, excluded, recursive, recursive_all,
    table, values,
};
pub use orm_core::{
    Begin, Column, CopyFormat, Dialect, Dispatch, Error, Handle, Isolation, POSTGRES, Result, SQLITE,
    Trusted, Value, error, expr, query, sql, stmt,
};
pub use orm_derive::{DbEnum, Embedded, Entity, FromRow, SqlType};
#[doc(hidden)]
pub use orm_exec::Clock;
pub use orm_exec::{
    Access, AdvisoryKey, AdvisoryLock, Batch, Closed, Connection, Engine, EngineBuilder, HeldConnection,
    JournalMode, NextRow, Notice, Notification, Notifications, OpenMode, Operation, RowStream, Sandbox,
    Savepoint, Statistics, Synchronous, Transaction, assert_statements, bridge, observe, rusqlite, sqlite,
};
pub use orm_session::{
    Change, Changes, ColumnChange, Cursor, EngineExt, Entities, EntityHooks, Hooks, Listeners, Moments,
    Nested, ReadSession, Retry, Session, SessionFactory, SessionHooks, TrackedBatch, Tx, WithoutAutoflush,
};
