use anyorm::prelude::*;

#[derive(Clone, Entity)]
#[entity(tabel = "posts")]
struct Post {
    #[key(auto)]
    id: String,
    #[column(uniqe)]
    title: String,
    #[belongs_to]
    author: i64,
}

// Uses of an entity with mistakes add no error.
fn uses() -> (&'static str, usize) {
    let _ = Post::AUTHOR;
    (Post::meta().table, Post::TITLE.position())
}

fn main() {}
