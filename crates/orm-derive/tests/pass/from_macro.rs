//! Entities that a `macro_rules!` macro writes: types arrive in invisible groups.
#![deny(warnings)]

use anyorm::prelude::*;

macro_rules! entity {
    ($name:ident, $table:literal, $key:ty, $link:ty, $inverse:path) => {
        #[derive(Clone, Entity)]
        #[entity(table = $table)]
        pub struct $name {
            #[key(auto)]
            pub id: $key,
            #[belongs_to]
            pub other: $link,
            #[has_many($inverse)]
            pub others: HasMany<$name>,
        }
    };
}

entity!(Node, "nodes", i64, BelongsTo<Option<Node>>, Node::OTHER);

fn main() {
    assert_eq!(Node::OTHER_ID.meta().name, "other_id");
    assert_eq!(Node::meta().table, "nodes");
}
