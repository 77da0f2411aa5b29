//! Every lint a strict crate turns on.
#![deny(
    missing_docs,
    unsafe_code,
    warnings,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    unused_results,
    rust_2018_idioms,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unused_lifetimes,
    variant_size_differences,
    missing_copy_implementations,
    elided_lifetimes_in_paths,
    let_underscore_drop,
    unit_bindings,
    absolute_paths_not_starting_with_crate
)]
#![forbid(unsafe_op_in_unsafe_fn)]

use anyorm::prelude::*;

/// A user.
#[derive(Clone, Debug, Entity)]
pub struct User {
    /// The key.
    #[key(auto)]
    pub id: i64,
    /// Whom they report to.
    #[belongs_to(on_delete = restrict)]
    pub boss: BelongsTo<Option<User>>,
    /// Whom they lead.
    #[has_many(User::BOSS)]
    pub team: HasMany<User>,
    /// Old.
    #[deprecated]
    pub old: Option<String>,
    #[column(references = User::ID)]
    hidden: Option<i64>,
}

/// A struct that nobody uses, with constants that nobody uses.
#[derive(Clone, Debug, Default, Entity)]
struct Unused {
    #[key]
    a: i32,
    #[key]
    b: String,
    #[version]
    version: i64,
}

fn main() {
    let user = User::meta().columns.len() + Unused::meta().columns.len();
    assert_eq!(user, 7);
}
