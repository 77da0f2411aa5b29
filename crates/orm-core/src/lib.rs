//! Entities, typed queries, SQL text and programs of anyorm. No I/O, nothing async.
//!
//! Users depend on the facade crate `anyorm`, which re-exports what they need from here.
//!
//! | module | what it holds |
//! |---|---|
//! | [`entity`] | the `Entity` trait and the static metadata that the derive emits |
//! | [`column`](mod@column) | typed column constants |
//! | [`relation`] | typed relation constants, paths, and the fields that hold a relation's ends |
//! | [`types`], [`value`] | what a column can hold, from the Rust side and from the database's |
//! | [`expr`] | typed expressions over a tree without types |
//! | [`query`], [`stmt`] | statements and what their rows become |
//! | [`shapes`] | the statements a session needs, written from an entity's metadata |
//! | [`schema`](mod@schema) | CREATE and DROP of the tables of a list of entities |
//! | [`dialect`] | how databases differ, as data |
//! | [`batch`] | queries that are read together |
//! | [`begin`], [`setting`] | how a transaction begins, and what is set for it |
//! | [`dispatch`] | where a statement runs |
//! | [`outline`] | a write as data, for the forms that a driver gives it |
//! | [`program`], [`cells`], [`row`] | what a driver runs in one hop, its parameters and its rows |
//! | [`error`] | the one error type |

pub mod batch;
pub mod begin;
#[doc(hidden)]
pub mod bulk;
pub mod cells;
pub mod column;
mod copy;
pub mod dialect;
pub mod dispatch;
pub mod entity;
pub mod error;
pub mod expr;
pub mod handle;
#[doc(hidden)]
pub mod outline;
pub mod program;
pub mod query;
pub mod relation;
mod render;
pub mod row;
pub mod schema;
#[doc(hidden)]
pub mod setting;
pub mod shapes;
pub mod stmt;
mod tuples;
pub mod types;
pub mod value;

#[cfg(feature = "bigdecimal")]
#[doc(no_inline)]
pub use ::bigdecimal;
#[cfg(feature = "chrono")]
#[doc(no_inline)]
pub use ::chrono;
#[cfg(feature = "ipnetwork")]
#[doc(no_inline)]
pub use ::ipnetwork;
#[cfg(feature = "jiff")]
#[doc(no_inline)]
pub use ::jiff;
#[cfg(feature = "rust_decimal")]
#[doc(no_inline)]
pub use ::rust_decimal;
#[cfg(feature = "time")]
#[doc(no_inline)]
pub use ::time;
#[cfg(feature = "uuid")]
#[doc(no_inline)]
pub use ::uuid;
pub use begin::{Begin, Isolation};
pub use cells::{Cell, Cells};
pub use column::Column;
pub use copy::CopyFormat;
pub use dialect::{Dialect, MARIADB, POSTGRES, SQLITE};
pub use dispatch::Dispatch;
pub use entity::{Entity, EntityMeta, Key, KeyArg, Target};
pub use error::{Error, Result};
pub use expr::{
    Aggregate, Case, Condition, Expr, Field, Holds, Number, Operand, Order, OrderBy, Window, WindowFunction,
    abs, all_of, any_of, avg, case, coalesce, count, count_all, count_distinct, dense_rank, lag, lead, max,
    min, partition_by, rank, row_number, sum, window,
};
pub use handle::Handle;
pub use program::{Outcome, Program, Sink};
pub use query::{Detached, FromRow, Graph, Nothing, Query, Rows, Selection, Shape, Values, Whole};
pub use relation::{
    BelongsTo, Collection, HasMany, HasOne, IntoPath, Joined, ManyToMany, Narrowed, Path, Relation,
};
pub use row::{ColumnError, Row, RowSource};
pub use schema::Schema;
#[doc(hidden)]
pub use setting::Setting;
pub use stmt::{
    Alias, Compiled, Compound, Delete, Derived, Insert, IntoSource, Keyed, PageCursor, Raw, Reads, Rowset,
    Select, Statement, Trusted, Update, excluded, recursive, recursive_all, sql, table, values,
};
pub use types::{ColumnType, Element, EnumType, IpNetwork, Json, Numeric, SqlType, Timestamp};
pub use value::wire::WireType;
pub use value::{Value, ValueRef};
