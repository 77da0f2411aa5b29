//! Entities that live in a function.
#![deny(warnings)]

use anyorm::prelude::*;

fn main() {
    #[derive(Clone, Default, Entity)]
    struct User {
        #[key(auto)]
        id: i64,
        #[has_many(Post::AUTHOR)]
        posts: HasMany<Post>,
    }

    #[derive(Clone, Default, Entity)]
    struct Post {
        #[key(auto)]
        id: i64,
        #[belongs_to]
        author: BelongsTo<User>,
    }

    assert_eq!(User::default().key(), None);
    assert_eq!(User::POSTS.then(Post::AUTHOR).relations().len(), 2);
}
