//! Rule 11: collections, loaded and not loaded.

use anyorm::prelude::*;
use anyorm_tests::{Node, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, nodes, pairs, panic_of, posts, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_new_entity_has_loaded_and_empty_collections,
    the_collections_of_a_row_are_not_loaded,
    iter_of_a_collection_that_is_not_loaded_panics_with_advice,
    a_child_pushed_to_a_loaded_collection_gets_its_parent,
    a_child_pushed_to_a_collection_that_is_not_loaded_needs_no_read,
    a_child_removed_from_a_loaded_collection_loses_its_parent,
    a_child_removed_from_a_collection_that_is_not_loaded_loses_its_parent,
    removing_what_is_no_member_writes_nothing,
    loading_gives_rows_and_adds_without_removes,
    pushing_a_member_twice_is_pushing_it_once,
    pushed_and_removed_again_is_no_change,
    a_new_value_pushed_is_added_with_the_flush,
    new_values_nest,
    a_list_assigned_to_a_loaded_collection_replaces_it,
    a_list_assigned_to_a_collection_that_is_not_loaded_replaces_it,
    clearing_a_loaded_collection_of_pairs_deletes_the_pairs_only,
    pairs_pushed_without_loading_need_no_read,
    pairs_removed_without_loading_need_no_read,
    pairs_are_a_set,
    a_collection_that_was_not_touched_is_not_read,
    a_required_parent_cannot_be_taken_away,
];

/// A tree of names in the table of nodes: root 1 with children 2 and 3, and a second root 4.
async fn tree(db: &Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let rows = "INSERT INTO nodes VALUES (1, 'root', NULL), (2, 'a', 1), (3, 'b', 1), (4, 'other', NULL)";
    elsewhere(db, rows).await?;
    db.engine.advance_keys(&blog()).await
}

/// A post with the tags 1 and 2, and a tag 3 of no post.
async fn tagged(db: &Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(db, "INSERT INTO users (id, email, name) VALUES (1, 'ada@example.org', 'Ada')").await?;
    elsewhere(db, "INSERT INTO posts (id, title, author_id, version) VALUES (1, 'Notes', 1, 1)").await?;
    elsewhere(db, "INSERT INTO tags (id, name) VALUES (1, 'red'), (2, 'blue'), (3, 'green')").await?;
    elsewhere(db, "INSERT INTO post_tags (post_id, tag_id) VALUES (1, 1), (1, 2)").await.map(drop)
}

/// Rule 11: `add` makes *not set* loaded and empty.
async fn a_new_entity_has_loaded_and_empty_collections(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    assert!(session[notes].tags.is_empty());
    session.commit().await?;
    assert!(session[notes].tags.is_empty());
    assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
    Ok(())
}

/// Rule 11: a row makes it not loaded.
async fn the_collections_of_a_row_are_not_loaded(db: Database) -> anyorm::Result<()> {
    tagged(&db).await?;
    let mut session = db.engine.session();
    let notes = session.get_one::<Post>(1).await?;
    let ada = session.one(User::select()).await?;
    assert_eq!(session[notes].tags.loaded(), None);
    assert_eq!(session[ada].posts.loaded(), None);
    assert_eq!(session[notes].author.key(), Some(&1));
    let plain: Vec<Post> = db.engine.all(Post::select()).await?;
    assert_eq!(plain[0].tags.loaded(), None);
    assert_eq!(plain[0].author.key(), Some(&1));
    Ok(())
}

/// Rule 11.
async fn iter_of_a_collection_that_is_not_loaded_panics_with_advice(db: Database) -> anyorm::Result<()> {
    tagged(&db).await?;
    let mut session = db.engine.session();
    let notes = session.get_one::<Post>(1).await?;
    for message in [
        panic_of(|| session[notes].tags.iter().count()),
        panic_of(|| session[notes].tags.len()),
        panic_of(|| session[notes].tags.is_empty()),
    ] {
        assert!(message.contains("not loaded"), "{message}");
        assert!(message.contains("with(") && message.contains("load("), "it says what to do: {message}");
    }
    Ok(())
}

/// Rule 11, and step 1 of the flush.
async fn a_child_pushed_to_a_loaded_collection_gets_its_parent(db: Database) -> anyorm::Result<()> {
    tree(&db).await?;
    let mut session = db.engine.session();
    let root = session.get_one::<Node>(1).await?;
    let other = session.get_one::<Node>(4).await?;
    session.load(&[root], Node::CHILDREN).await?;
    session[root].children.push(other);
    assert_eq!(session[root].children.len(), 3);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE nodes SET parent_id = ? WHERE id = ? x1"]);
    assert_eq!(session[other].parent.handle(), Some(root));
    assert_eq!(session[other].parent.key(), Some(&1));
    assert_eq!(nodes(&db).await?[3], ("other".to_owned(), Some(1)));
    Ok(())
}

/// Rule 11: queued.
async fn a_child_pushed_to_a_collection_that_is_not_loaded_needs_no_read(db: Database) -> anyorm::Result<()> {
    tree(&db).await?;
    let mut session = db.engine.session();
    let root = session.get_one::<Node>(1).await?;
    let other = session.get_one::<Node>(4).await?;
    session[root].children.push(other);
    assert_eq!(session[root].children.loaded(), None);
    assert!(session.is_dirty());
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE nodes SET parent_id = ? WHERE id = ? x1"]);
    assert_eq!(session[other].parent.key(), Some(&1));
    assert_eq!(session[root].children.loaded(), None, "still not read");
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0, "the queue is empty");
    Ok(())
}

/// Rule 11.
async fn a_child_removed_from_a_loaded_collection_loses_its_parent(db: Database) -> anyorm::Result<()> {
    tree(&db).await?;
    let mut session = db.engine.session();
    let root = session.one(Node::select().filter(Node::ID.eq(1)).with(Node::CHILDREN)).await?;
    let first = session[root].children.loaded().expect("loaded")[0];
    session[root].children.remove(first);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE nodes SET parent_id = ? WHERE id = ? x1"]);
    assert!(session[first].parent.is_empty());
    assert_eq!(nodes(&db).await?[1], ("a".to_owned(), None));
    Ok(())
}

/// Rule 11: queued.
async fn a_child_removed_from_a_collection_that_is_not_loaded_loses_its_parent(
    db: Database,
) -> anyorm::Result<()> {
    tree(&db).await?;
    let mut session = db.engine.session();
    let root = session.get_one::<Node>(1).await?;
    let first = session.get_one::<Node>(2).await?;
    session[root].children.remove(first);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE nodes SET parent_id = ? WHERE id = ? x1"]);
    assert!(session[first].parent.is_empty());
    assert_eq!(nodes(&db).await?[1], ("a".to_owned(), None));
    Ok(())
}

/// Rule 11.
async fn removing_what_is_no_member_writes_nothing(db: Database) -> anyorm::Result<()> {
    tree(&db).await?;
    let mut session = db.engine.session();
    let root = session.get_one::<Node>(1).await?;
    let other = session.get_one::<Node>(4).await?;
    session[root].children.remove(other);
    session.commit().await?;
    session.load(&[root], Node::CHILDREN).await?;
    session[root].children.remove(other);
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0);
    assert_eq!(nodes(&db).await?[3], ("other".to_owned(), None));
    Ok(())
}

/// Rule 11: load = rows + adds − removes.
async fn loading_gives_rows_and_adds_without_removes(db: Database) -> anyorm::Result<()> {
    tree(&db).await?;
    let mut session = db.engine.session();
    session.set_autoflush(false);
    let root = session.get_one::<Node>(1).await?;
    let (a, other) = (session.get_one::<Node>(2).await?, session.get_one::<Node>(4).await?);
    session[root].children.remove(a);
    session[root].children.push(other);
    session.load(&[root], Node::CHILDREN).await?;
    let b = session.get_one::<Node>(3).await?;
    assert_eq!(session[root].children.loaded(), Some(&[b, other][..]));
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE nodes SET parent_id = ? WHERE id = ? x2"]);
    let parents: Vec<Option<i64>> = nodes(&db).await?.into_iter().map(|(_, parent)| parent).collect();
    assert_eq!(parents, [None, None, Some(1), Some(1)]);
    Ok(())
}

/// Rule 11.
async fn pushing_a_member_twice_is_pushing_it_once(db: Database) -> anyorm::Result<()> {
    tree(&db).await?;
    let mut session = db.engine.session();
    let root = session.get_one::<Node>(1).await?;
    let other = session.get_one::<Node>(4).await?;
    session.load(&[root], Node::CHILDREN).await?;
    session[root].children.push(other);
    session[root].children.push(other);
    db.log.clear();
    session.commit().await?;
    assert_eq!(session[root].children.len(), 3);
    assert_eq!(sent(&db), ["UPDATE nodes SET parent_id = ? WHERE id = ? x1"]);
    Ok(())
}

/// Rule 11.
async fn pushed_and_removed_again_is_no_change(db: Database) -> anyorm::Result<()> {
    tree(&db).await?;
    let mut session = db.engine.session();
    let (root, other) = (session.get_one::<Node>(1).await?, session.get_one::<Node>(4).await?);
    session.load(&[root], Node::CHILDREN).await?;
    let first = session[root].children.loaded().expect("loaded")[0];
    session[root].children.push(other);
    session[root].children.remove(other);
    session[root].children.remove(first);
    session[root].children.push(first);
    assert!(!session.is_dirty(), "a set has no order");
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

/// Section 2: relation fields take new values.
async fn a_new_value_pushed_is_added_with_the_flush(db: Database) -> anyorm::Result<()> {
    tree(&db).await?;
    let mut session = db.engine.session();
    let root = session.get_one::<Node>(1).await?;
    let other = session.get_one::<Node>(4).await?;
    session.load(&[root], Node::CHILDREN).await?;
    session[root].children.push(Node { name: "new".into(), ..Node::default() });
    session[other].children.push(Node { name: "newer".into(), ..Node::default() });
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["INSERT INTO nodes (name, parent_id) VALUES (?, ?) x2"]);
    assert_eq!(session[root].children.len(), 3);
    let stored = nodes(&db).await?;
    assert_eq!(stored[4..], [("new".to_owned(), Some(1)), ("newer".to_owned(), Some(4))]);
    Ok(())
}

/// Section 2: `add` takes them in, recursively.
async fn new_values_nest(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let notes = Post { title: "Notes".into(), tags: vec![tag("red"), tag("blue")].into(), ..Post::default() };
    let ada = session.add(User { posts: vec![notes].into(), ..user("Ada") });
    let letter = session.add(post("Letter", user("Bob")));
    assert_eq!(session[ada].posts.len(), 1, "taken in by add");
    session.commit().await?;
    let notes = session[ada].posts.loaded().expect("loaded")[0];
    assert_eq!(session[notes].author.handle(), Some(ada));
    let names: Vec<&str> = session[notes].tags.iter().map(|&tag| session[tag].name.as_str()).collect();
    assert_eq!(names, ["red", "blue"]);
    let bob = session[letter].author.handle().expect("taken in");
    assert_eq!(session[bob].name, "Bob");
    assert_eq!(pairs(&db).await?.len(), 2);
    let (a, b) = (session[ada].id, session[bob].id);
    let mut stored = posts(&db).await?;
    stored.sort();
    assert_eq!(stored, [("Letter".to_owned(), b), ("Notes".to_owned(), a)]);
    Ok(())
}

/// Rule 11.
async fn a_list_assigned_to_a_loaded_collection_replaces_it(db: Database) -> anyorm::Result<()> {
    tree(&db).await?;
    let mut session = db.engine.session();
    let root = session.one(Node::select().filter(Node::ID.eq(1)).with(Node::CHILDREN)).await?;
    let (b, other) = (session.get_one::<Node>(3).await?, session.get_one::<Node>(4).await?);
    session[root].children = vec![b, other].into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE nodes SET parent_id = ? WHERE id = ? x2"], "b stays as it is");
    let parents: Vec<Option<i64>> = nodes(&db).await?.into_iter().map(|(_, parent)| parent).collect();
    assert_eq!(parents, [None, None, Some(1), Some(1)]);
    Ok(())
}

/// Rule 11: flush prefetches.
async fn a_list_assigned_to_a_collection_that_is_not_loaded_replaces_it(db: Database) -> anyorm::Result<()> {
    tree(&db).await?;
    let mut session = db.engine.session();
    let root = session.get_one::<Node>(1).await?;
    let (b, other) = (session.get_one::<Node>(3).await?, session.get_one::<Node>(4).await?);
    session[root].children = vec![b, other].into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 2, "one to read what is there, one to flush");
    let parents: Vec<Option<i64>> = nodes(&db).await?.into_iter().map(|(_, parent)| parent).collect();
    assert_eq!(parents, [None, None, Some(1), Some(1)]);
    assert_eq!(session[root].children.loaded(), Some(&[b, other][..]));
    Ok(())
}

/// Behaviour M1.
async fn clearing_a_loaded_collection_of_pairs_deletes_the_pairs_only(db: Database) -> anyorm::Result<()> {
    tagged(&db).await?;
    let mut session = db.engine.session();
    let notes = session.one(Post::select().with(Post::TAGS)).await?;
    assert_eq!(session[notes].tags.len(), 2);
    session[notes].tags.clear();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM post_tags WHERE post_id = ? AND tag_id = ? x2"]);
    assert_eq!(pairs(&db).await?, []);
    assert_eq!(db.engine.count(Tag::select()).await?, 3);
    Ok(())
}

/// Rule 11.
async fn pairs_pushed_without_loading_need_no_read(db: Database) -> anyorm::Result<()> {
    tagged(&db).await?;
    let mut session = db.engine.session();
    let notes = session.get_one::<Post>(1).await?;
    let (red, green) = (session.get_one::<Tag>(1).await?, session.get_one::<Tag>(3).await?);
    session[notes].tags.push(green);
    // This pair is there already, which nobody here knows.
    session[notes].tags.push(red);
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(pairs(&db).await?, [(1, 1), (1, 2), (1, 3)]);
    assert_eq!(session[notes].version, 1, "behaviour V4: the row itself did not change");
    Ok(())
}

/// Rule 11.
async fn pairs_removed_without_loading_need_no_read(db: Database) -> anyorm::Result<()> {
    tagged(&db).await?;
    let mut session = db.engine.session();
    let notes = session.get_one::<Post>(1).await?;
    let (red, green) = (session.get_one::<Tag>(1).await?, session.get_one::<Tag>(3).await?);
    session[notes].tags.remove(red);
    // This pair is not there, which nobody here knows: no reason to fail.
    session[notes].tags.remove(green);
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(pairs(&db).await?, [(1, 2)]);
    Ok(())
}

/// Rule 12: pairs of many-to-many are a set.
async fn pairs_are_a_set(db: Database) -> anyorm::Result<()> {
    tagged(&db).await?;
    let mut session = db.engine.session();
    let notes = session.one(Post::select().with(Post::TAGS)).await?;
    let green = session.get_one::<Tag>(3).await?;
    session[notes].tags.push(green);
    session[notes].tags.push(green);
    session.commit().await?;
    assert_eq!(pairs(&db).await?, [(1, 1), (1, 2), (1, 3)]);
    assert_eq!(session[notes].tags.len(), 3);
    Ok(())
}

/// Behaviour F16.
async fn a_collection_that_was_not_touched_is_not_read(db: Database) -> anyorm::Result<()> {
    tagged(&db).await?;
    let mut session = db.engine.session();
    let notes = session.get_one::<Post>(1).await?;
    session[notes].title.push('!');
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(sent(&db).len(), 1);
    assert_eq!(session[notes].tags.loaded(), None);
    Ok(())
}

/// Rule 11: `Post::author` is required, so a removed post must go elsewhere or be deleted.
async fn a_required_parent_cannot_be_taken_away(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session[ada].posts.remove(notes);
    db.log.clear();
    let error = session.commit().await.expect_err("a post needs an author");
    let text = error.to_string();
    assert!(text.contains("Post") && text.contains("author"), "{text}");
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 1)]);
    session.recover().await?;
    session[bob].posts.push(notes);
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 2)]);
    assert_eq!(session[notes].author.handle(), Some(bob));
    Ok(())
}
