//! The unit of work of anyorm: identity map, change tracking, flush planner, loaders.

mod arena;

#[doc(hidden)]
pub use arena::new_arena;
