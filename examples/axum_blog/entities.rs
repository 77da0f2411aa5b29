//! The tables, and how sessions on them behave.

use std::time::{SystemTime, UNIX_EPOCH};

use anyorm::prelude::*;
use anyorm::{Hooks, Retry, Schema};

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "users")]
pub(crate) struct User {
    #[key(auto)]
    pub(crate) id: i64,
    #[column(unique)]
    pub(crate) email: String,
    pub(crate) name: String,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "posts")]
pub(crate) struct Post {
    #[key(auto)]
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) text: String,
    /// Seconds since 1970.
    pub(crate) published: i64,
    #[belongs_to(on_delete = cascade)]
    pub(crate) author: BelongsTo<User>,
    #[many_to_many(through = "post_tags")]
    pub(crate) tags: ManyToMany<Tag>,
    #[has_many(Comment::POST)]
    pub(crate) comments: HasMany<Comment>,
    /// Raised by each update: whoever changes a post says which version they have seen.
    #[version]
    pub(crate) version: i64,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "tags")]
pub(crate) struct Tag {
    #[key(auto)]
    pub(crate) id: i64,
    #[column(unique)]
    pub(crate) name: String,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "comments")]
pub(crate) struct Comment {
    #[key(auto)]
    pub(crate) id: i64,
    pub(crate) text: String,
    #[belongs_to(on_delete = cascade)]
    pub(crate) post: BelongsTo<Post>,
    #[belongs_to(on_delete = cascade)]
    pub(crate) author: BelongsTo<User>,
}

pub(crate) fn schema() -> Schema {
    schema![User, Post, Tag, Comment]
}

/// What all requests share: options once, sessions many.
pub(crate) fn sessions(engine: Engine) -> SessionFactory {
    let stamp = Hooks::<Post>::new().before_insert(|post| {
        post.published = now();
        Ok(())
    });
    SessionFactory::new(engine).listen_to(stamp).retry(Retry::times(3))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Something to look at, where there is nothing yet.
pub(crate) async fn store_first_posts(engine: &Engine) -> anyorm::Result<()> {
    let mut session = sessions(engine.clone()).session();
    if session.exists(User::select()).await? {
        return Ok(());
    }
    let user = |name: &str, email: &str| User { name: name.into(), email: email.into(), ..User::default() };
    let ada = session.add(user("Ada Lovelace", "ada@example.org"));
    let grace = session.add(user("Grace Hopper", "grace@example.org"));
    let [engines, notes] = ["engines", "notes"].map(|name| Tag { name: name.into(), ..Tag::default() });
    let (engines, notes) = (session.add(engines), session.add(notes));
    let first = session.add(Post {
        title: "Notes on the Analytical Engine".into(),
        text: "The engine weaves algebraical patterns, just as the Jacquard loom weaves flowers and leaves.\n\n\
               It has no pretensions to originate anything. It can do whatever we know how to order it to perform."
            .into(),
        author: ada.into(),
        ..Post::default()
    });
    session[first].tags.push(engines);
    session[first].tags.push(notes);
    session.add(Comment {
        text: "I found a moth in mine.".into(),
        post: first.into(),
        author: grace.into(),
        ..Comment::default()
    });
    let second = session.add(Post {
        title: "What <b> does, and why it does not here".into(),
        text: "Whatever somebody writes is text, & stays text: <script>alert('no')</script>".into(),
        author: grace.into(),
        ..Post::default()
    });
    session[second].tags.push(notes);
    session.commit().await
}
