//! Hooks: code of the program that runs at moments of a session's life.
//!
//! ```text
//! commit()   before_commit
//!            before_flush                            SessionHooks: async, may add, change, delete and query
//!              before_insert, before_update,         EntityHooks: plain functions, may change the entity
//!              before_delete
//!            ---- INSERT, UPDATE, DELETE ----
//!              after_insert, after_update,           see keys and all that the database gave
//!              after_delete
//!            after_flush                             sees the change set; what it adds is flushed in another round
//!            ---- COMMIT ----
//!            after_commit
//! ```
//!
//! An error in a before-hook refuses the flush, and nothing is sent. An error in an after-hook takes the transaction back,
//! and the session waits for `rollback` or `recover`. Nothing undoes a commit: an error in `after_commit` is only told.

mod entity_hooks;
mod gate;
mod listeners;
mod moments;
mod session_hooks;

pub use entity_hooks::{EntityHooks, Hooks};
pub(crate) use gate::{Gate, Phase};
pub use listeners::Listeners;
pub use moments::Moments;
pub(crate) use session_hooks::AnySessionHooks;
pub use session_hooks::SessionHooks;
