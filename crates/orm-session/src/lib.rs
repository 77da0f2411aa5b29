//! The unit of work of anyorm: identity map, change tracking, flush planner, loaders.
//!
//! Users depend on the facade crate `anyorm`, which re-exports what they need from here.
//!
//! | module | what it holds |
//! |---|---|
//! | [`Session`] | what a program talks to: add, get, change, delete, flush, commit, roll back |
//! | `arena`, `state`, `tracker` | where entities live, the identity map, images and undo lists |
//! | `unit_of_work` | collect, order, plan, settle: pure, no database needed |
//! | `events` | hooks: what runs at moments of a session's life |
//! | `load` | relations that are read along with a query |
//! | [`Track`] | what a query's rows become in a session |
//! | [`EngineExt`], [`Tx`] | sessions and transactions of an engine |
//! | [`SessionFactory`], [`Retry`], [`ReadSession`] | sessions with options |

mod arena;
mod events;
mod load;
mod query;
mod read_session;
mod retry;
mod session;
mod session_factory;
mod state;
mod tracker;
mod transaction;
mod unit_of_work;

#[doc(hidden)]
pub use arena::new_arena;
pub use events::{EntityHooks, Hooks, Listeners, Moments, SessionHooks};
pub use query::Track;
pub use read_session::ReadSession;
pub use retry::Retry;
pub use session::{Cursor, Entities, Nested, Session, TrackedBatch, WithoutAutoflush};
pub use session_factory::SessionFactory;
pub use transaction::{EngineExt, Tx};
pub use unit_of_work::{Change, Changes, ColumnChange};
