//! Queries that overwrite what the session has, and reads that lock.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, Node, Post, User, blog, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{accounts, elsewhere, nodes, posts, sent, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    k13_get_of_what_is_there_is_no_query,
    k13_populate_existing_overwrites_what_was_read,
    k13_populate_existing_discards_pending_changes,
    k13_a_changed_collection_is_restored_with_its_members,
    k13_members_are_overwritten_too,
    k13_joined_targets_are_overwritten_too,
    k13_a_cycle_of_relations_keeps_its_collections,
    populate_existing_does_not_flush,
    populate_existing_leaves_pending_deletes,
    populate_existing_is_taken_back_by_a_rollback,
    populate_existing_is_taken_back_by_a_savepoint,
    k12_get_for_update_is_one_select,
    a_locked_row_is_read_as_it_is,
    a_locked_row_with_pending_changes,
    a_row_that_is_gone_is_not_locked,
    a_locked_read_keeps_others_from_writing,
    a_session_that_only_reads_locks_nothing,
    v5_a_locked_read_of_a_version_that_moved_is_stale,
    f16_a_collection_that_is_not_loaded_is_not_read,
    a_detached_parent_leaves_keys_to_its_children,
    children_loaded_in_a_transaction_follow_its_rollback,
];

/// Ada (1) with the posts a and b.
async fn shelf(db: &Database) -> Result<Session> {
    db.engine.create_all(&blog()).await?;
    elsewhere(db, "INSERT INTO users (id, email, name) VALUES (1, 'ada', 'Ada'), (2, 'bob', 'Bob')").await?;
    elsewhere(db, "INSERT INTO posts (id, title, author_id, version) VALUES (1, 'a', 1, 1), (2, 'b', 1, 1)")
        .await?;
    elsewhere(db, "INSERT INTO accounts VALUES (1, 50)").await?;
    db.engine.advance_keys(&blog()).await?;
    db.log.clear();
    Ok(db.engine.session())
}

/// Behaviour K13.
async fn k13_get_of_what_is_there_is_no_query(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.get_one::<User>(1).await?;
    elsewhere(&db, "UPDATE users SET name = 'other'").await?;
    db.log.clear();
    session.get_one::<User>(1).await?;
    assert_eq!((db.log.hops(), session[ada].name.as_str()), (0, "Ada"));
    Ok(())
}

/// Behaviour K13.
async fn k13_populate_existing_overwrites_what_was_read(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.get_one::<User>(1).await?;
    elsewhere(&db, "UPDATE users SET name = 'other' WHERE id = 1").await?;
    session.all(User::select()).await?;
    assert_eq!(session[ada].name, "Ada");
    let all = session.all(User::select().order_by(User::ID).populate_existing()).await?;
    assert_eq!((all[0], session[ada].name.as_str()), (ada, "other"));
    assert_eq!(session.first(User::select().order_by(User::ID).populate_existing()).await?, Some(ada));
    Ok(())
}

/// Behaviour K13, and rule 14.
async fn k13_populate_existing_discards_pending_changes(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let all = session.all(User::select().order_by(User::ID)).await?;
    all.iter().for_each(|&user| session[user].name.push('!'));
    session.set(all[0], User::EMAIL, User::NAME)?;
    session.set_autoflush(false);
    session.all(User::select()).await?;
    assert_eq!(session[all[0]].name, "Ada!");
    session.one(User::select().filter(User::ID.eq(1)).populate_existing()).await?;
    assert_eq!((session[all[0]].name.as_str(), session[all[1]].name.as_str()), ("Ada", "Bob!"));
    session.commit().await?;
    let email = db.engine.scalar(User::select().filter(User::ID.eq(1)).columns(User::EMAIL)).await?;
    assert_eq!(email, "ada", "an expression goes too");
    assert_eq!(users(&db).await?, [(1, "Ada".to_owned()), (2, "Bob!".to_owned())]);
    Ok(())
}

/// Behaviour K13.
async fn k13_a_changed_collection_is_restored_with_its_members(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let query = || User::select().filter(User::ID.eq(1)).with(User::POSTS);
    let ada = session.one(query()).await?;
    let members = session[ada].posts.loaded().expect("loaded").to_vec();
    session[members[0]].title = "changed".into();
    session[ada].posts.remove(members[1]);
    session[ada].name = "changed".into();
    session.one(query().populate_existing()).await?;
    assert_eq!(session[ada].posts.loaded(), Some(&members[..]));
    assert_eq!((session[ada].name.as_str(), session[members[0]].title.as_str()), ("Ada", "a"));
    assert!(!session.is_dirty());
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

/// Behaviour K13: what is loaded along, and only that.
async fn k13_members_are_overwritten_too(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let all = session.all(Post::select().order_by(Post::ID).with(Post::TAGS)).await?;
    let bob = session.get_one::<User>(2).await?;
    session[bob].name = "kept".into();
    session[all[0]].title = "changed".into();
    elsewhere(&db, "INSERT INTO posts (id, title, author_id, version) VALUES (3, 'c', 1, 1)").await?;
    let query = User::select().filter(User::ID.eq(1)).with(User::POSTS.order_by(Post::ID.desc()));
    let ada = session.one(query.populate_existing()).await?;
    let titles: Vec<&str> = session[ada].posts.iter().map(|&post| session[post].title.as_str()).collect();
    assert_eq!(titles, ["c", "b", "a"]);
    assert_eq!(session[all[0]].tags.loaded(), None, "a collection that the query does not load");
    assert_eq!(session[bob].name, "kept");
    Ok(())
}

async fn k13_joined_targets_are_overwritten_too(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.get_one::<User>(1).await?;
    session[ada].name = "changed".into();
    let all = session.all(Post::select().with(Post::AUTHOR.joined()).populate_existing()).await?;
    assert_eq!((session[ada].name.as_str(), session[all[0]].author.handle()), ("Ada", Some(ada)));
    Ok(())
}

/// The parents come again as targets of their children: their collections stay loaded.
async fn k13_a_cycle_of_relations_keeps_its_collections(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.get_one::<User>(1).await?;
    session[ada].name = "changed".into();
    let query = User::select().order_by(User::ID).with(User::POSTS.then(Post::AUTHOR)).populate_existing();
    session.all(query).await?;
    assert_eq!((session[ada].name.as_str(), session[ada].posts.len()), ("Ada", 2));
    let first = session[ada].posts.loaded().expect("loaded")[0];
    assert_eq!(session[first].author.handle(), Some(ada));
    Ok(())
}

/// A flush would store what is to be discarded.
async fn populate_existing_does_not_flush(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.get_one::<User>(1).await?;
    session[ada].name = "changed".into();
    let new = session.add(user("New"));
    assert_eq!(session.all(User::select().populate_existing()).await?.len(), 2);
    assert_eq!(session[ada].name, "Ada");
    session.commit().await?;
    assert_eq!((session[new].id, users(&db).await?.len()), (3, 3), "what is new stays pending");
    Ok(())
}

async fn populate_existing_leaves_pending_deletes(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let a = session.get_one::<Post>(1).await?;
    session.delete(a);
    let query = User::select().filter(User::ID.eq(1)).with(User::POSTS).populate_existing();
    let ada = session.one(query).await?;
    assert_eq!(session[ada].posts.len(), 1);
    session.all(Post::select().populate_existing()).await?;
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("b".to_owned(), 1)]);
    Ok(())
}

/// Rule 5.
async fn populate_existing_is_taken_back_by_a_rollback(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS)).await?;
    session.execute(User::update().set(User::AGE, 9).filter(User::ID.eq(2))).await?;
    session.execute(sql("UPDATE users SET name = 'inside' WHERE id = 1")).await?;
    session[ada].email = "lost".into();
    session.all(User::select().populate_existing()).await?;
    assert_eq!((session[ada].name.as_str(), session[ada].email.as_str()), ("inside", "ada"));
    assert_eq!(session[ada].posts.loaded(), None);
    session.rollback().await?;
    assert_eq!((session[ada].name.as_str(), session[ada].email.as_str()), ("Ada", "ada"));
    assert_eq!(session[ada].posts.len(), 2);
    assert!(!session.is_dirty());
    Ok(())
}

async fn populate_existing_is_taken_back_by_a_savepoint(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.get_one::<User>(1).await?;
    session[ada].name = "flushed".into();
    let mut nested = session.begin_nested().await?;
    nested.execute(sql("UPDATE users SET name = 'nested' WHERE id = 1")).await?;
    nested.all(User::select().populate_existing()).await?;
    assert_eq!(nested[ada].name, "nested");
    nested.rollback().await?;
    assert_eq!(session[ada].name, "flushed");
    session.rollback().await?;
    assert_eq!(session[ada].name, "Ada");
    Ok(())
}

/// Behaviour K12.
async fn k12_get_for_update_is_one_select(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let account = session.get_one::<Account>(1).await?;
    db.log.clear();
    assert_eq!(session.get_for_update::<Account>(1).await?, Some(account));
    assert_eq!((sent(&db).len(), db.log.hops()), (1, 1), "{:?}", sent(&db));
    assert!(session.in_transaction());
    assert_eq!(session.get::<Account>(1).await?, Some(account));
    assert_eq!(db.log.hops(), 1, "without a lock the map answers");
    session.get_for_update::<Account>(1).await?;
    assert_eq!(db.log.hops(), 2);
    session.rollback().await?;
    assert_eq!(session[account].balance, 50, "the handle stays good");
    Ok(())
}

async fn a_locked_row_is_read_as_it_is(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let account = session.get_one::<Account>(1).await?;
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS)).await?;
    elsewhere(&db, "UPDATE accounts SET balance = 70").await?;
    elsewhere(&db, "UPDATE users SET name = 'other' WHERE id = 1").await?;
    session.get_for_update::<Account>(1).await?;
    session.get_for_update::<User>(1).await?;
    assert_eq!((session[ada].name.as_str(), session[ada].posts.len()), ("other", 2));
    session[account].balance -= 10;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 60)]);
    Ok(())
}

/// Rule 14: they are flushed before, or kept.
async fn a_locked_row_with_pending_changes(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 51;
    session.get_for_update::<Account>(1).await?;
    assert_eq!(session[account].balance, 51);
    session.set_autoflush(false);
    session[account].balance = 52;
    session.get_for_update::<Account>(1).await?;
    assert_eq!(session[account].balance, 52);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 52)]);
    Ok(())
}

async fn a_row_that_is_gone_is_not_locked(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let account = session.get_one::<Account>(1).await?;
    assert_eq!(session.get_for_update::<Account>(9).await?, None);
    session.delete(account);
    session.set_autoflush(false);
    assert_eq!(session.get_for_update::<Account>(1).await?, None, "this session deletes it");
    session.rollback().await?;
    elsewhere(&db, "DELETE FROM accounts").await?;
    assert_eq!(session.get_for_update::<Account>(1).await?, None);
    session.rollback().await?;
    Ok(())
}

/// One writer at a time: the lock is the transaction's.
async fn a_locked_read_keeps_others_from_writing(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let account = session.get_for_update::<Account>(1).await?.expect("it is there");
    assert_eq!(db.log.statements()[0], "BEGIN", "{:?}", db.log.statements());
    session[account].balance = 1;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 1)]);
    Ok(())
}

async fn a_session_that_only_reads_locks_nothing(db: Database) -> Result<()> {
    drop(shelf(&db).await?);
    let mut session = SessionFactory::new(db.engine.clone()).read_only().session();
    let error = session.get_for_update::<Account>(1).await.expect_err("a lock is for writing");
    assert!(
        error.to_string().contains("only reads") && error.to_string().contains("get_for_update"),
        "{error}"
    );
    assert_eq!(db.log.hops(), 0);
    assert!(session.get::<Account>(1).await?.is_some());
    Ok(())
}

/// Behaviour V5.
async fn v5_a_locked_read_of_a_version_that_moved_is_stale(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let a = session.get_one::<Post>(1).await?;
    elsewhere(&db, "UPDATE posts SET title = 'newer', version = 2 WHERE id = 1").await?;
    for _ in 0..2 {
        let error = session.get_for_update::<Post>(1).await.expect_err("the version moved");
        assert!(matches!(&error, Error::StaleData(stale) if stale.version == Some(1)), "{error}");
        assert!(error.to_string().contains("Post 1") && error.to_string().contains("refresh"), "{error}");
        assert_eq!(session[a].title, "a");
    }
    session.refresh(a).await?;
    assert_eq!(session.get_for_update::<Post>(1).await?, Some(a));
    session[a].title = "newest".into();
    session.commit().await?;
    assert_eq!(posts(&db).await?[0].0, "newest");
    let mut fresh = db.engine.session();
    assert!(fresh.get_for_update::<Post>(1).await?.is_some());
    fresh.rollback().await?;
    Ok(())
}

/// Behaviour F16.
async fn f16_a_collection_that_is_not_loaded_is_not_read(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let a = session.get_one::<Post>(1).await?;
    session[a].title = "changed".into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE posts SET title = ?, version = ? WHERE id = ? AND version = ? x1"]);
    Ok(())
}

/// A child that was loaded with its parent has a handle of it, and outlives it.
async fn a_detached_parent_leaves_keys_to_its_children(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS)).await?;
    let members = session[ada].posts.loaded().expect("loaded").to_vec();
    session[members[1]].title = "touched".into();
    session.detach(ada);
    session[members[0]].title = "changed".into();
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("changed".to_owned(), 1), ("touched".to_owned(), 1)]);
    assert_eq!(session[members[0]].author.key(), Some(&1));
    let bob = session.get_one::<User>(2).await?;
    session[members[0]].author = bob.into();
    session.commit().await?;
    assert_eq!(posts(&db).await?[0].1, 2);
    let again = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS)).await?;
    assert_eq!(session[again].posts.loaded(), Some(&members[1..]));
    session.load(&members, Post::AUTHOR).await?;
    assert_eq!(session[members[1]].author.handle(), Some(again), "not the handle of the one that left");
    Ok(())
}

async fn children_loaded_in_a_transaction_follow_its_rollback(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes (name, parent_id) VALUES ('root', NULL), ('a', 1)").await?;
    let mut session = db.engine.session();
    let a = session.get_one::<Node>(2).await?;
    session.add(Node { name: "new".into(), ..Node::default() });
    session.flush().await?;
    let root = session.one(Node::select().filter(Node::ID.eq(1)).with(Node::CHILDREN)).await?;
    assert_eq!(session[a].parent.handle(), Some(root));
    session.rollback().await?;
    assert!(session.peek(root).is_none(), "read in the transaction, where it may have been uncommitted");
    assert_eq!((session[a].parent.handle(), session[a].parent.key()), (None, Some(&1)));
    session[a].name = "b".into();
    session.commit().await?;
    assert_eq!(nodes(&db).await?[1], ("b".to_owned(), Some(1)));
    let again = session.one(Node::select().filter(Node::ID.eq(1)).with(Node::CHILDREN)).await?;
    session[again].children.push(Node { name: "c".into(), ..Node::default() });
    session.commit().await?;
    assert_eq!(nodes(&db).await?.len(), 3);
    Ok(())
}
