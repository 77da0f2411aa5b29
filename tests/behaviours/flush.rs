//! What a flush sends: how many hops, which statements, in which order.

use anyorm::prelude::*;
use anyorm_tests::{Account, Node, Post, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_commit_is_one_hop_with_its_begin_and_commit,
    generated_keys_feed_the_rows_that_refer_to_them,
    an_update_writes_only_what_changed,
    an_equal_value_writes_nothing,
    a_tree_goes_level_by_level,
    a_failed_flush_loses_nothing,
];

async fn a_commit_is_one_hop_with_its_begin_and_commit(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    let subject = session.add(tag("engines"));
    session[notes].tags.push(subject);
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(
        db.log.statements(),
        [
            "BEGIN",
            "INSERT INTO users (email, name, age) VALUES (?, ?, ?)",
            "INSERT INTO posts (title, author_id, version) VALUES (?, ?, ?)",
            "INSERT INTO tags (name) VALUES (?)",
            "INSERT INTO post_tags (post_id, tag_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
            "COMMIT",
        ]
    );
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0, "nothing pending, nothing sent");
    Ok(())
}

async fn generated_keys_feed_the_rows_that_refer_to_them(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let titles = [("b1", bob), ("a1", ada), ("b2", bob)];
    let posts = titles.map(|(title, author)| session.add(post(title, author)));
    session.commit().await?;
    assert_eq!((session[ada].id, session[bob].id), (1, 2));
    assert_eq!(posts.map(|post| session[post].id), [1, 2, 3], "in the order of add");
    let stored: Vec<(String, i64)> = db
        .engine
        .all(Post::select().order_by(Post::ID.asc()).columns((Post::TITLE, Post::AUTHOR_ID)))
        .await?;
    assert_eq!(stored, [("b1".to_owned(), 2), ("a1".to_owned(), 1), ("b2".to_owned(), 2)]);
    assert_eq!(session[posts[0]].author.key(), Some(&2));
    assert_eq!(session[bob].posts.loaded(), Some(&[posts[0], posts[2]][..]), "the other side agrees");
    Ok(())
}

async fn an_update_writes_only_what_changed(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    session.commit().await?;
    session[bob].name.push('!');
    session[ada].name.push('!');
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        db.log.batches(),
        ["BEGIN x1", "UPDATE users SET name = ? WHERE id = ? x2", "COMMIT x1"],
        "one batch, in the order of the keys"
    );
    Ok(())
}

async fn an_equal_value_writes_nothing(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 5;
    assert!(!session.is_dirty());
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

async fn a_tree_goes_level_by_level(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let node = |name: &str, children: Vec<Node>| Node {
        name: name.into(),
        children: children.into(),
        ..Node::default()
    };
    let leaves = ["n121", "n122", "n123"].map(|name| node(name, Vec::new())).to_vec();
    let branches = vec![node("n11", Vec::new()), node("n12", leaves), node("n13", Vec::new())];
    let mut session = db.engine.session();
    let root = session.add(node("root", branches));
    db.log.clear();
    session.commit().await?;
    let insert = "INSERT INTO nodes (name, parent_id) VALUES (?, ?)";
    assert_eq!(
        db.log.batches(),
        [
            "BEGIN x1".to_owned(),
            format!("{insert} x1"),
            format!("{insert} x3"),
            format!("{insert} x3"),
            "COMMIT x1".to_owned()
        ]
    );
    let second = session[root].children.loaded().expect("new collections are loaded")[1];
    assert_eq!(session[second].children.len(), 3);
    assert_eq!(session[second].parent.handle(), Some(root));
    Ok(())
}

async fn a_failed_flush_loses_nothing(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    session[ada].age = Some(36);
    let twin = session.add(User { name: "Twin".into(), ..user("Ada") });
    let error = session.commit().await.expect_err("the address is taken");
    let constraint = error.constraint().expect("a constraint");
    assert_eq!(constraint.entity, Some("User"));
    assert_eq!(constraint.columns, ["email"]);
    let again = session.commit().await.expect_err("inactive");
    assert!(matches!(again, anyorm::Error::Inactive { .. }), "{again}");
    assert!(again.to_string().contains("users.email"), "{again}");
    session.recover().await?;
    session[twin].email = "twin@example.org".into();
    session.commit().await?;
    let stored: Vec<(String, Option<i32>)> =
        db.engine.all(User::select().order_by(User::ID.asc()).columns((User::NAME, User::AGE))).await?;
    assert_eq!(stored, [("Ada".to_owned(), Some(36)), ("Twin".to_owned(), None)]);
    Ok(())
}
