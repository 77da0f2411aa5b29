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
//! | describe tables | [`derive@Entity`], [`derive@SqlType`], [`schema!`], [`BelongsTo`], [`HasMany`], [`ManyToMany`], [`Json`] |
//! | open a database | [`Engine`], [`EngineBuilder`] |
//! | read, change, store | [`Session`], [`Handle`], [`EngineExt`] |
//! | ask | [`Entity::select`], [`Column`], [`Expr`](expr::Expr), [`sql`] |
//! | work without a session | [`Engine`], [`Connection`], [`Transaction`], [`Savepoint`] |
//! | run blocking code | [`bridge`] |
//! | see what is sent | [`observe`] |
//! | know what went wrong | [`Error`], [`error`] |
//!
//! Nothing here names a runtime: the same program runs on tokio, smol, async-std, or any other executor, without a
//! feature flag. Every future is `Send`, and says what it leaves behind when it is dropped.

pub mod prelude;

#[doc(hidden)]
#[path = "derive_support.rs"]
pub mod __derive;

pub use orm_core::entity::{Entity, EntityMeta, Key, KeyArg};
pub use orm_core::expr::{avg, coalesce, count, count_all, count_distinct, max, min, sum};
pub use orm_core::query::{FromRow, Query};
pub use orm_core::relation::{BelongsTo, Collection, HasMany, IntoPath, ManyToMany, Path, Relation};
pub use orm_core::schema;
pub use orm_core::schema::Schema;
pub use orm_core::types::{Json, SqlType};
pub use orm_core::{Column, Dialect, Error, Handle, POSTGRES, Result, SQLITE, Value, error, expr, sql, stmt};
pub use orm_derive::{Entity, SqlType};
pub use orm_exec::{
    Connection, Engine, EngineBuilder, OpenMode, Operation, Savepoint, Statistics, Synchronous, Transaction,
    bridge, observe,
};
pub use orm_session::{Change, Changes, EngineExt, Nested, Session, Tx};
