//! Targets that ride in the rows of the query.

use anyorm::Result;
use anyorm::prelude::*;
use anyorm_tests::{Node, Post, User, blog};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::elsewhere;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    l3_a_joined_target_is_no_second_statement_and_no_subquery,
    an_empty_or_dangling_link_has_no_handle,
    a_target_of_several_rows_is_one_handle,
    a_known_target_keeps_its_value,
    joined_targets_go_on,
    a_chain_of_joined_targets_is_one_statement,
    a_target_behind_a_collection_has_a_statement_of_its_own,
    a_query_that_joins_the_same_table_itself,
    counts_and_firsts_of_a_joined_query,
    load_of_a_joined_target_is_a_load,
];

/// Ada (1) with the posts a, b and c, Bob (2) with d.
async fn shelf(db: &Database) -> Result<Session> {
    db.engine.create_all(&blog()).await?;
    elsewhere(db, "INSERT INTO users (id, email, name) VALUES (1, 'ada', 'Ada'), (2, 'bob', 'Bob')").await?;
    let rows = "(1, 'a', 1, 1), (2, 'b', 1, 1), (3, 'c', 1, 1), (4, 'd', 2, 1)";
    elsewhere(db, &format!("INSERT INTO posts (id, title, author_id, version) VALUES {rows}")).await?;
    db.log.clear();
    Ok(db.engine.session())
}

/// Behaviour L3, for a relation to one.
async fn l3_a_joined_target_is_no_second_statement_and_no_subquery(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let query = Post::select().order_by(Post::ID.desc()).limit(2).with(Post::AUTHOR.joined());
    let all = session.all(query).await?;
    let statements = db.log.statements();
    assert_eq!((db.log.hops(), statements.len()), (1, 1), "{statements:?}");
    assert_eq!(statements[0].matches("SELECT").count(), 1, "{statements:?}");
    assert!(statements[0].contains("LEFT JOIN") && statements[0].ends_with("LIMIT 2"), "{statements:?}");
    let authors = all.iter().filter_map(|&post| session[post].author.handle());
    let names: Vec<&str> = authors.map(|author| session[author].name.as_str()).collect();
    assert_eq!(names, ["Bob", "Ada"]);
    db.log.clear();
    session.load(&all, Post::AUTHOR).await?;
    assert_eq!(db.log.hops(), 0);
    assert!(!session.is_dirty());
    Ok(())
}

/// Behaviour L2, of a table that joins itself.
async fn an_empty_or_dangling_link_has_no_handle(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes VALUES (1, 'root', NULL), (2, 'a', 1)").await?;
    let mut session = db.engine.session();
    db.log.clear();
    let all = session.all(Node::select().order_by(Node::ID).with(Node::PARENT.joined())).await?;
    assert_eq!(db.log.statements().len(), 1);
    assert!(session[all[0]].parent.is_empty());
    assert_eq!(session[all[1]].parent.handle(), Some(all[0]));
    Ok(())
}

async fn a_target_of_several_rows_is_one_handle(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let all = session.all(Post::select().order_by(Post::ID).with(Post::AUTHOR.joined())).await?;
    let authors: Vec<_> = all.iter().map(|&post| session[post].author.handle().expect("joined")).collect();
    assert!(authors[0] == authors[1] && authors[1] == authors[2] && authors[2] != authors[3]);
    assert_eq!(session.get_one::<User>(1).await?, authors[0]);
    assert_eq!(db.log.hops(), 1);
    Ok(())
}

/// Rule 14.
async fn a_known_target_keeps_its_value(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    session.set_autoflush(false);
    let ada = session.get_one::<User>(1).await?;
    session[ada].name = "changed".into();
    elsewhere(&db, "UPDATE users SET age = 7").await?;
    let all = session.all(Post::select().order_by(Post::ID).with(Post::AUTHOR.joined())).await?;
    assert_eq!(session[all[0]].author.handle(), Some(ada));
    assert_eq!((session[ada].name.as_str(), session[ada].age), ("changed", None));
    Ok(())
}

async fn joined_targets_go_on(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let path = Post::AUTHOR.joined().then(User::POSTS.filter(Post::TITLE.ge("b")).then(Post::TAGS));
    let a = session.one(Post::select().filter(Post::ID.eq(1)).with(path).with(Post::TAGS)).await?;
    assert_eq!((db.log.hops(), db.log.statements().len()), (1, 4), "{:?}", db.log.statements());
    let ada = session[a].author.handle().expect("joined");
    assert_eq!(session[ada].posts.len(), 2);
    assert!(session[a].tags.is_empty());
    Ok(())
}

async fn a_chain_of_joined_targets_is_one_statement(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes VALUES (1, 'root', NULL), (2, 'a', 1), (3, 'b', 2)").await?;
    let mut session = db.engine.session();
    db.log.clear();
    let path = Node::PARENT.joined().then(Node::PARENT.joined().then(Node::CHILDREN));
    let b = session.one(Node::select().filter(Node::ID.eq(3)).with(path)).await?;
    assert_eq!(db.log.statements().len(), 2, "{:?}", db.log.statements());
    let a = session[b].parent.handle().expect("joined");
    let root = session[a].parent.handle().expect("joined");
    assert_eq!((session[root].name.as_str(), session[root].children.loaded()), ("root", Some(&[a][..])));
    Ok(())
}

async fn a_target_behind_a_collection_has_a_statement_of_its_own(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let users =
        session.all(User::select().order_by(User::ID).with(User::POSTS.then(Post::AUTHOR.joined()))).await?;
    assert_eq!((db.log.hops(), db.log.statements().len()), (1, 3));
    let first = session[users[0]].posts.loaded().expect("loaded")[0];
    assert_eq!(session[first].author.handle(), Some(users[0]));
    Ok(())
}

/// The table that is joined to be loaded is not the one that the condition is about.
async fn a_query_that_joins_the_same_table_itself(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let query = Post::select().join(Post::AUTHOR).filter(User::NAME.eq("Bob")).with(Post::AUTHOR.joined());
    let d = session.one(query).await?;
    let bob = session[d].author.handle().expect("joined");
    assert_eq!((session[d].title.as_str(), session[bob].name.as_str()), ("d", "Bob"));
    Ok(())
}

async fn counts_and_firsts_of_a_joined_query(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let query = || Post::select().order_by(Post::ID).with(Post::AUTHOR.joined());
    assert_eq!(session.count(query()).await?, 4);
    assert!(session.exists(query().filter(Post::TITLE.eq("a"))).await?);
    assert!(!db.log.statements().iter().any(|statement| statement.contains("JOIN")), "nothing is loaded");
    let first = session.first(query()).await?.expect("there is one");
    assert!(session[first].author.handle().is_some());
    assert_eq!(session.all(query().distinct()).await?.len(), 4);
    Ok(())
}

async fn load_of_a_joined_target_is_a_load(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let all = session.all(Post::select()).await?;
    session.load(&all, Post::AUTHOR.joined().then(User::POSTS)).await?;
    assert!(all.iter().all(|&post| {
        session[post].author.handle().is_some_and(|author| session[author].posts.contains(post))
    }));
    Ok(())
}
