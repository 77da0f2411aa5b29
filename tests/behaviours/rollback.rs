//! Rules 1, 2 and 5: what a rollback restores, and what it forgets.

use anyorm::prelude::*;
use anyorm_tests::{Account, Node, Post, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{accounts, elsewhere, nodes, pairs, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    rollback_of_unflushed_writes_is_no_hop,
    rollback_restores_the_committed_value_after_several_flushes,
    rollback_restores_what_was_written_before_begin,
    rollback_restores_versions,
    rollback_restores_loaded_collections,
    rollback_drops_what_was_queued_on_a_collection_that_is_not_loaded,
    rollback_restores_links,
    rollback_takes_new_entities_away,
    rollback_takes_new_members_out_of_collections,
    rollback_leaves_what_was_committed_before,
    after_a_rollback_the_same_change_is_written_again,
    rows_read_before_the_first_write_survive_a_rollback,
    rows_read_after_the_first_write_are_forgotten,
    members_loaded_after_the_first_write_are_forgotten,
    rows_that_a_statement_wrote_are_forgotten_too,
    refresh_in_a_transaction_is_undone,
    t1_rollback_restores_map_and_values,
    t7_keys_are_back_after_a_rollback,
];

/// Rule 2, layer 0.
async fn rollback_of_unflushed_writes_is_no_hop(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    db.log.clear();
    session.rollback().await?;
    assert_eq!(session[account].balance, 5);
    assert!(!session.is_dirty());
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

/// Rule 1: one image for the flush, one for the undo list.
async fn rollback_restores_the_committed_value_after_several_flushes(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    for balance in [6, 7] {
        session[account].balance = balance;
        session.flush().await?;
    }
    session[account].balance = 8;
    session.rollback().await?;
    assert_eq!(session[account].balance, 5);
    assert!(!session.is_dirty());
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}

/// Rule 2: layer 0 holds committed images, also for writes made before BEGIN.
async fn rollback_restores_what_was_written_before_begin(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    session.begin().await?;
    session[account].balance = 7;
    session.flush().await?;
    session.rollback().await?;
    assert_eq!(session[account].balance, 5);
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}

/// Rule 2.
async fn rollback_restores_versions(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    let committed = session[notes].version;
    session[notes].title = "Sketch".into();
    session.flush().await?;
    assert_ne!(session[notes].version, committed);
    session.rollback().await?;
    assert_eq!((session[notes].version, session[notes].title.as_str()), (committed, "Notes"));
    session[notes].title = "Letters".into();
    session.commit().await?;
    assert_eq!(session[notes].version, committed + 1, "the next update finds the version it expects");
    Ok(())
}

/// Rule 2.
async fn rollback_restores_loaded_collections(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let posts = ["one", "two"].map(|title| session.add(post(title, ada)));
    let [red, blue] = ["red", "blue"].map(|name| session.add(tag(name)));
    session[posts[0]].tags.push(red);
    session.commit().await?;
    session[posts[0]].tags.remove(red);
    session[posts[0]].tags.push(blue);
    session.delete(posts[1]);
    session.flush().await?;
    session.rollback().await?;
    assert_eq!(session[posts[0]].tags.loaded(), Some(&[red][..]));
    assert_eq!(session[ada].posts.loaded(), Some(&posts[..]));
    assert!(!session.is_dirty());
    assert_eq!(pairs(&db).await?, [(1, 1)]);
    Ok(())
}

/// Rules 2 and 11.
async fn rollback_drops_what_was_queued_on_a_collection_that_is_not_loaded(
    db: Database,
) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes VALUES (1, 'root', NULL), (2, 'a', 1), (3, 'b', NULL)").await?;
    let mut session = db.engine.session();
    let [root, a, b] = [1, 2, 3];
    let root = session.get_one::<Node>(root).await?;
    let (a, b) = (session.get_one::<Node>(a).await?, session.get_one::<Node>(b).await?);
    session[root].children.push(b);
    session[root].children.remove(a);
    session.rollback().await?;
    assert!(!session.is_dirty());
    session.load(&[root], Node::CHILDREN).await?;
    assert_eq!(session[root].children.loaded(), Some(&[a][..]));
    Ok(())
}

/// Rule 2.
async fn rollback_restores_links(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session[notes].author = bob.into();
    session.flush().await?;
    assert_eq!(session[bob].posts.loaded(), Some(&[notes][..]));
    session.rollback().await?;
    assert_eq!(session[notes].author.handle(), Some(ada));
    assert_eq!(session[notes].author.key(), Some(&session[ada].id));
    assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
    assert_eq!(session[bob].posts.loaded(), Some(&[][..]));
    assert!(!session.is_dirty());
    Ok(())
}

/// Rules 2 and 7.
async fn rollback_takes_new_entities_away(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let flushed = session.add(user("Ada"));
    session.flush().await?;
    let pending = session.add(user("Bob"));
    session.rollback().await?;
    assert!(session.peek(flushed).is_none());
    assert!(session.peek(pending).is_none());
    assert!(!session.is_dirty());
    assert_eq!(session.get::<User>(1).await?, None);
    assert_eq!(users(&db).await?, []);
    Ok(())
}

/// Rules 2 and 8.
async fn rollback_takes_new_members_out_of_collections(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let root = session.add(Node { name: "root".into(), ..Node::default() });
    session.commit().await?;
    let pushed = session.add(Node { name: "pushed".into(), ..Node::default() });
    session[root].children.push(pushed);
    let linked = session.add(Node { name: "linked".into(), parent: root.into(), ..Node::default() });
    session.flush().await?;
    assert_eq!(session[root].children.len(), 2);
    session.rollback().await?;
    assert!(session[root].children.is_empty());
    assert!(session.peek(linked).is_none());
    session.commit().await?;
    assert_eq!(nodes(&db).await?, [("root".to_owned(), None)]);
    Ok(())
}

/// Rule 2.
async fn rollback_leaves_what_was_committed_before(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    session.commit().await?;
    session.rollback().await?;
    assert_eq!(session[account].balance, 6);
    session[account].balance = 7;
    session.rollback().await?;
    assert_eq!(session[account].balance, 6, "the undo list starts anew at each commit");
    Ok(())
}

/// Rule 1: the image is the committed row again.
async fn after_a_rollback_the_same_change_is_written_again(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    session.flush().await?;
    session.rollback().await?;
    session[account].balance = 6;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 6)]);
    Ok(())
}

/// Rule 5.
async fn rows_read_before_the_first_write_survive_a_rollback(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5), (2, 6)").await?;
    let mut session = db.engine.session();
    let outside = session.get_one::<Account>(1).await?;
    session.begin().await?;
    let inside = session.get_one::<Account>(2).await?;
    session[outside].balance = 0;
    session.flush().await?;
    session.rollback().await?;
    assert_eq!((session[outside].balance, session[inside].balance), (5, 6));
    Ok(())
}

/// Rule 5.
async fn rows_read_after_the_first_write_are_forgotten(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5), (2, 6), (3, 7)").await?;
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 0;
    session.flush().await?;
    let second = session.get_one::<Account>(2).await?;
    let third = session.one(Account::select().filter(Account::ID.eq(3))).await?;
    session.rollback().await?;
    assert!(session.peek(second).is_none());
    assert!(session.peek(third).is_none());
    assert_eq!(session[account].balance, 5);
    let again = session.get_one::<Account>(2).await?;
    assert_ne!(again, second);
    assert_eq!(session[again].balance, 6);
    Ok(())
}

/// Rules 5 and 8.
async fn members_loaded_after_the_first_write_are_forgotten(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes (name, parent_id) VALUES ('root', NULL), ('a', 1)").await?;
    let mut session = db.engine.session();
    let root = session.get_one::<Node>(1).await?;
    session.add(Node { name: "b".into(), parent: root.into(), ..Node::default() });
    session.flush().await?;
    session.load(&[root], Node::CHILDREN).await?;
    assert_eq!(session[root].children.len(), 2);
    session.rollback().await?;
    assert_eq!(session[root].children.loaded(), None, "as before the transaction");
    session.load(&[root], Node::CHILDREN).await?;
    let names: Vec<&str> = session[root].children.iter().map(|&child| session[child].name.as_str()).collect();
    assert_eq!(names, ["a"]);
    Ok(())
}

/// Rule 5: a statement of the program writes, too.
async fn rows_that_a_statement_wrote_are_forgotten_too(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5)").await?;
    let mut session = db.engine.session();
    session.begin().await?;
    assert_eq!(session.execute(sql("UPDATE accounts SET balance = 0")).await?, 1);
    let account = session.get_one::<Account>(1).await?;
    assert_eq!(session[account].balance, 0);
    session.rollback().await?;
    assert!(session.peek(account).is_none());
    let account = session.get_one::<Account>(1).await?;
    assert_eq!(session[account].balance, 5);
    Ok(())
}

/// Rule 5: refresh saves an undo image first.
async fn refresh_in_a_transaction_is_undone(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5)").await?;
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    session.begin().await?;
    session.execute(sql("UPDATE accounts SET balance = 0")).await?;
    assert_eq!(session[account].balance, 5);
    session.refresh(account).await?;
    assert_eq!(session[account].balance, 0);
    session.rollback().await?;
    assert_eq!(session[account].balance, 5);
    assert!(!session.is_dirty());
    Ok(())
}

/// Behaviour T1.
async fn t1_rollback_restores_map_and_values(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let u1 = session.add(user("u1"));
    let p1 = session.add(post("p1", u1));
    let taken = session.add(Account { id: 1, balance: 0 });
    session.commit().await?;
    session.clear();
    assert!(session.peek(taken).is_none());
    let u1 = session.get_one::<User>(1).await?;
    let p1_again = session.get_one::<Post>(1).await?;
    assert_ne!(p1, p1_again);
    session[u1].name = "changed".into();
    session[p1_again].title = "changed".into();
    let u2 = session.add(user("u2"));
    let p2 = session.add(post("p2", u2));
    session.add(Account { id: 1, balance: 0 });
    let error = session.commit().await.expect_err("the key is taken");
    let constraint = error.constraint().expect("a constraint");
    assert_eq!((constraint.entity, constraint.key.as_deref()), (Some("Account"), Some("1")));
    let again = session.commit().await.expect_err("inactive");
    assert!(matches!(again, anyorm::Error::Inactive { .. }), "{again}");
    session.rollback().await?;
    assert!(session.peek(u2).is_none() && session.peek(p2).is_none());
    assert_eq!((session[u1].name.as_str(), session[p1_again].title.as_str()), ("u1", "p1"));
    assert_eq!(session.get::<User>(1).await?, Some(u1));
    session[u1].name = "edited".into();
    session.commit().await?;
    assert_eq!(users(&db).await?, [(1, "edited".to_owned())]);
    Ok(())
}

/// Behaviour T7.
async fn t7_keys_are_back_after_a_rollback(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (one, two) = (session.add(Account { id: 1, balance: 1 }), session.add(Account { id: 2, balance: 2 }));
    session.commit().await?;
    session.delete(one);
    session.flush().await?;
    session[two].id = 1;
    session.flush().await?;
    assert_eq!(session.get::<Account>(1).await?, Some(two));
    assert_eq!(session.get::<Account>(2).await?, None);
    session.rollback().await?;
    db.log.clear();
    assert_eq!(session.get::<Account>(1).await?, Some(one));
    assert_eq!(session.get::<Account>(2).await?, Some(two));
    assert_eq!(db.log.hops(), 0, "both are in the map");
    assert_eq!((session[one].id, session[two].id), (1, 2));
    session[one].balance = 10;
    session[two].balance = 20;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 10), (2, 20)]);
    Ok(())
}
