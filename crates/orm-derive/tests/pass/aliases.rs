//! What traits decide rather than names: aliases of column types and of nullable links.
#![deny(warnings)]

use anyorm::prelude::*;

type Id = i64;
type Text = Option<String>;
type Nobody = Option<User>;

#[derive(Clone, Entity)]
pub struct User {
    #[key(auto)]
    pub id: Id,
    pub note: Text,
    #[belongs_to(on_delete = set_null)]
    pub boss: BelongsTo<Nobody>,
    #[version]
    pub version: Id,
}

fn main() {
    assert!(User::NOTE.meta().nullable);
    assert!(User::BOSS_ID.meta().nullable);
    assert!(!User::VERSION.meta().nullable);
}
