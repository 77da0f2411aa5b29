//! Rule 16, for relations: links, collections and pairs that are written while a dropped flush is under way.

use anyorm::Result;
use anyorm::prelude::*;
use anyorm_tests::{Account, Node, Post, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours, step};

use crate::dropped::at_every_poll;
use crate::support::{accounts, elsewhere, nodes, pairs, posts};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_child_pushed_meanwhile,
    a_link_written_meanwhile,
    a_pair_taken_back_meanwhile,
    a_pair_pushed_meanwhile,
    a_child_moved_meanwhile,
    a_child_moved_from_a_deleted_parent_meanwhile,
    a_key_written_meanwhile,
    a_dropped_load_changes_nothing,
    a_dropped_query_with_relations_changes_nothing,
];

fn node(name: &str) -> Node {
    Node { name: name.into(), ..Node::default() }
}

/// The parents of all nodes, by name.
async fn parents(db: &Database) -> Result<Vec<(String, Option<i64>)>> {
    let mut all = nodes(db).await?;
    all.sort();
    Ok(all)
}

async fn a_child_pushed_meanwhile(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM nodes").await?;
        let mut session = db.engine.session();
        let root = session.add(node("root"));
        let first = session.add(node("a"));
        session[root].children.push(first);
        let done = step::polls(polls, session.commit());
        session[root].children.push(node("b"));
        let third = session.add(Node { parent: root.into(), ..node("c") });
        session.commit().await?;
        let id = Some(session[root].id);
        let expected = [("a".to_owned(), id), ("b".to_owned(), id), ("c".to_owned(), id)];
        assert_eq!(parents(db).await?[..3], expected, "after {polls} polls");
        assert_eq!(session[root].children.len(), 3);
        assert!(session[root].children.contains(first) && session[root].children.contains(third));
        assert!(!session.is_dirty());
        Ok(done.transpose()?.is_some())
    })
    .await
}

async fn a_link_written_meanwhile(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM users").await?;
        let mut session = db.engine.session();
        let ada = session.add(user("Ada"));
        let notes = session.add(post("Notes", ada));
        let done = step::polls(polls, session.commit());
        let bob = session.add(user("Bob"));
        session[notes].author = bob.into();
        session.commit().await?;
        assert_eq!(posts(db).await?, [("Notes".to_owned(), session[bob].id)]);
        assert_eq!(session[notes].author.handle(), Some(bob));
        assert_eq!(session[ada].posts.loaded(), Some(&[][..]));
        assert_eq!(session[bob].posts.loaded(), Some(&[notes][..]));
        assert!(!session.is_dirty());
        Ok(done.transpose()?.is_some())
    })
    .await
}

async fn a_pair_taken_back_meanwhile(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM users").await?;
        elsewhere(db, "DELETE FROM tags").await?;
        let mut session = db.engine.session();
        let ada = session.add(user("Ada"));
        let notes = session.add(post("Notes", ada));
        let red = session.add(tag("red"));
        session[notes].tags.push(red);
        let done = step::polls(polls, session.commit());
        session[notes].tags.remove(red);
        session.commit().await?;
        assert_eq!(pairs(db).await?, [], "after {polls} polls");
        assert!(session[notes].tags.is_empty() && session[red].posts.is_empty());
        Ok(done.transpose()?.is_some())
    })
    .await
}

async fn a_pair_pushed_meanwhile(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM users").await?;
        elsewhere(db, "DELETE FROM tags").await?;
        let mut session = db.engine.session();
        let ada = session.add(user("Ada"));
        let notes = session.add(post("Notes", ada));
        let [red, blue] = ["red", "blue"].map(|name| session.add(tag(name)));
        session[notes].tags.push(red);
        let done = step::polls(polls, session.commit());
        session[blue].posts.push(notes);
        session.commit().await?;
        assert_eq!(pairs(db).await?.len(), 2, "after {polls} polls");
        assert_eq!(session[notes].tags.len(), 2);
        assert!(session[blue].posts.contains(notes) && session[red].posts.contains(notes));
        Ok(done.transpose()?.is_some())
    })
    .await
}

async fn a_child_moved_meanwhile(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM nodes").await?;
        let mut session = db.engine.session();
        let [one, two, three] = ["one", "two", "zzz"].map(|name| session.add(node(name)));
        let child = session.add(Node { parent: one.into(), ..node("child") });
        session.commit().await?;
        session[child].parent = two.into();
        let done = step::polls(polls, session.commit());
        session[child].parent = three.into();
        session.commit().await?;
        assert_eq!(parents(db).await?[0], ("child".to_owned(), Some(session[three].id)));
        let members = [one, two, three].map(|parent| session[parent].children.len());
        assert_eq!(members, [0, 0, 1], "after {polls} polls");
        assert!(!session.is_dirty());
        Ok(done.transpose()?.is_some())
    })
    .await
}

async fn a_child_moved_from_a_deleted_parent_meanwhile(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM nodes").await?;
        let mut session = db.engine.session();
        let [one, two] = ["one", "two"].map(|name| session.add(node(name)));
        let child = session.add(Node { parent: one.into(), ..node("child") });
        session.commit().await?;
        session.delete(one);
        let done = step::polls(polls.max(1), session.commit());
        session[child].parent = two.into();
        session.commit().await?;
        assert!(session.peek(one).is_none());
        assert_eq!(parents(db).await?[0], ("child".to_owned(), Some(session[two].id)));
        assert_eq!(session[child].parent.handle(), Some(two));
        assert_eq!(session[two].children.loaded(), Some(&[child][..]));
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// Rule 9: the next update looks for the key that the flush under way wrote.
async fn a_key_written_meanwhile(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM accounts").await?;
        let mut session = db.engine.session();
        let account = session.add(Account { id: 1, balance: 5 });
        session.commit().await?;
        session[account].id = 2;
        let done = step::polls(polls, session.commit());
        session[account].id = 3;
        session[account].balance = 6;
        session.commit().await?;
        assert_eq!(accounts(db).await?, [(3, 6)], "after {polls} polls");
        assert_eq!(session.get::<Account>(3).await?, Some(account));
        assert_eq!(session.get::<Account>(2).await?, None);
        assert_eq!(session.get::<Account>(1).await?, None);
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// As documented on `load`.
async fn a_dropped_load_changes_nothing(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes VALUES (1, 'root', NULL), (2, 'a', 1)").await?;
    let db = &db;
    at_every_poll(|polls| async move {
        let mut session = db.engine.session();
        let root = session.get_one::<Node>(1).await?;
        let done = step::polls(polls, session.load(&[root], Node::CHILDREN));
        assert_eq!(session[root].children.is_loaded(), done.is_some(), "after {polls} polls");
        session.load(&[root], Node::CHILDREN).await?;
        assert_eq!(session[root].children.len(), 1);
        Ok(done.transpose()?.is_some())
    })
    .await
}

async fn a_dropped_query_with_relations_changes_nothing(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(User { posts: vec![post("Notes", BelongsTo::default())].into(), ..user("Ada") });
    session.commit().await?;
    let db = &db;
    at_every_poll(|polls| async move {
        let mut session = db.engine.session();
        let done = step::polls(polls, session.all(User::select().with(User::POSTS)));
        assert!(!session.is_dirty() && !session.in_transaction());
        let ada = session.get_one::<User>(1).await?;
        let notes = session.get_one::<Post>(1).await?;
        session.load(&[ada], User::POSTS).await?;
        assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
        Ok(done.transpose()?.is_some())
    })
    .await
}
