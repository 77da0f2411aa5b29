//! The unit of work: from what changed in memory to the smallest right set of statements, and back.
//!
//! ```text
//! collect     new values in relation fields are taken in; collections and links of what was
//!             touched are compared with their images                          -> changes
//! orphans     members without a parent, and what a deleted parent takes along     -> deletes
//! positions   each member's place in its collection, into its column             -> updates
//! order       tables by foreign key, rows inside circles of tables, unique
//!             values given up before they are taken                           -> operations
//! plan        operations of one shape become a step with parameter rows       -> FlushPlan
//! (execute)   one program, one hop: the session's flush, the only I/O
//! settle      keys, versions, links and collections; or everything back as it was
//! ```
//!
//! All but the execution is pure: it works on what the session tracks and needs no database.

mod circles;
mod collect;
mod delete;
mod delete_order;
mod edits;
mod explain;
mod hooks;
mod keys;
mod link_rows;
mod links;
mod operations;
mod order;
mod orphans;
mod plan;
mod positions;
#[cfg(test)]
mod proof;
mod rename;
mod schedule;
mod settle;
mod unique;
mod waits;
mod ways_out;

pub(crate) use delete::references_to;
pub(crate) use edits::show_keys;
pub(crate) use explain::explain;
pub(crate) use hooks::{ROUNDS, cascades_to_hooks, plan_with_hooks, run_hooks};
pub(crate) use keys::learn_key_links;
pub(crate) use links::replaced_unread;
pub(crate) use orphans::Unread;
pub use plan::{Change, Changes, ColumnChange};
pub(crate) use plan::{FlushPlan, Origin, Returned, plan};
