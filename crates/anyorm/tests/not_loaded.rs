//! Reading a collection that is not loaded is a mistake of the caller: the panic points to the caller's line.
//!
//! A binary of its own: it replaces the panic hook.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Mutex;

use anyorm::prelude::*;

#[derive(Clone, Debug, Default, Entity)]
struct User {
    #[key(auto)]
    id: i64,
    #[has_many(Post::AUTHOR)]
    posts: HasMany<Post>,
}

#[derive(Clone, Debug, Default, Entity)]
struct Post {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    author: BelongsTo<User>,
}

static PLACE: Mutex<Option<(String, u32)>> = Mutex::new(None);

/// File and line of the panic.
fn place_of(read: impl FnOnce()) -> (String, u32) {
    catch_unwind(AssertUnwindSafe(read)).expect_err("it is not loaded");
    PLACE.lock().unwrap().take().expect("the hook saw it")
}

#[test]
fn the_panic_points_to_the_line_that_reads() {
    set_hook(Box::new(|info| {
        *PLACE.lock().unwrap() = info.location().map(|at| (at.file().to_owned(), at.line()));
    }));
    let mut session = futures_lite::future::block_on(Engine::open("sqlite::memory:")).unwrap().session();
    let post = session.add(Post::default());
    let user = User::default();
    let places = [
        (line!(), place_of(|| assert_eq!(user.posts.iter().next(), None))),
        (line!(), place_of(|| assert_eq!(user.posts.len(), 0))),
        (line!(), place_of(|| assert!(user.posts.is_empty()))),
        (line!(), place_of(|| assert!(!user.posts.contains(post)))),
        (line!(), place_of(|| for _ in &user.posts {})),
    ];
    // What fails below is to be seen.
    drop(take_hook());
    for (line, (file, panicked)) in places {
        assert_eq!((file.as_str(), panicked), (file!(), line));
    }
}
