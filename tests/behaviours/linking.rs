//! `link` and `unlink`: both sides of a relation at once (rule 12).

use anyorm::prelude::*;
use anyorm_tests::{Node, Post, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_linked_child_shows_on_both_sides_at_once,
    a_linked_child_leaves_its_old_parent,
    pairs_show_on_both_sides_and_are_written_once,
    an_unlinked_child_of_an_optional_parent_is_alone,
    links_of_collections_that_are_not_loaded_are_queued,
    a_rollback_takes_links_back,
];

async fn a_linked_child_shows_on_both_sides_at_once(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(Post { title: "Notes".into(), ..Post::default() });
    session.link(ada, User::POSTS, notes);
    assert_eq!(session[notes].author.handle(), Some(ada));
    assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
    let sketch = session.add(Post { title: "Sketch".into(), ..Post::default() });
    session.link(sketch, Post::AUTHOR, ada);
    assert_eq!(session[ada].posts.loaded(), Some(&[notes, sketch][..]));
    session.commit().await?;
    let authors: Vec<i64> = db.engine.all(Post::select().columns(Post::AUTHOR_ID)).await?;
    assert_eq!(authors, [1, 1]);
    Ok(())
}

async fn a_linked_child_leaves_its_old_parent(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session.link(bob, User::POSTS, notes);
    assert_eq!(session[ada].posts.loaded(), Some(&[][..]));
    assert_eq!(session[bob].posts.loaded(), Some(&[notes][..]));
    assert_eq!(session.changes()?.to_string(), "update Post 1: author_id");
    session.commit().await?;
    assert_eq!(session[notes].author.key(), Some(&2));
    Ok(())
}

async fn pairs_show_on_both_sides_and_are_written_once(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    let engines = session.add(tag("engines"));
    session.link(notes, Post::TAGS, engines);
    assert_eq!(session[engines].posts.loaded(), Some(&[notes][..]));
    session.commit().await?;
    let links = || sql("SELECT count(*) FROM post_tags").returning::<i64>();
    assert_eq!(db.engine.scalar(links()).await?, 1);
    session.unlink(notes, Post::TAGS, engines);
    assert_eq!(session[engines].posts.loaded(), Some(&[][..]));
    session.commit().await?;
    assert_eq!(db.engine.scalar(links()).await?, 0);
    Ok(())
}

async fn an_unlinked_child_of_an_optional_parent_is_alone(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let root = session.add(Node { name: "root".into(), ..Node::default() });
    let leaf = session.add(Node { name: "leaf".into(), parent: root.into(), ..Node::default() });
    session.commit().await?;
    session.unlink(leaf, Node::PARENT, root);
    assert_eq!(session[root].children.loaded(), Some(&[][..]));
    session.commit().await?;
    let parents: Vec<Option<i64>> =
        db.engine.all(Node::select().order_by(Node::ID.asc()).columns(Node::PARENT_ID)).await?;
    assert_eq!(parents, [None, None]);
    Ok(())
}

async fn links_of_collections_that_are_not_loaded_are_queued(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.add(post("Notes", ada));
    session.add(tag("engines"));
    session.commit().await?;

    let mut session = db.engine.session();
    let (notes, engines) = (session.get_one::<Post>(1).await?, session.get_one(1).await?);
    session.link(notes, Post::TAGS, engines);
    assert_eq!(session[notes].tags.loaded(), None);
    session.load(&[notes], Post::TAGS).await?;
    assert_eq!(session[notes].tags.loaded(), Some(&[engines][..]), "what was read and what was queued");
    session.commit().await?;
    let links = db.engine.scalar(sql("SELECT count(*) FROM post_tags").returning::<i64>()).await?;
    assert_eq!(links, 1);
    Ok(())
}

async fn a_rollback_takes_links_back(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session.link(notes, Post::AUTHOR, bob);
    session.flush().await?;
    session.rollback().await?;
    assert_eq!(session[notes].author.key(), Some(&1));
    assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
    assert_eq!(session[bob].posts.loaded(), Some(&[][..]));
    Ok(())
}
