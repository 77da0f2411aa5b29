//! Section 5: the order of a flush, and rows that refer to each other.

use anyorm::prelude::*;
use anyorm::{Error, Result, Trusted};
use anyorm_tests::{Node, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Capability, Database, behaviours};

use crate::support::{elsewhere, nodes, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    f1_a_diamond_of_required_keys,
    f2_one_to_many_save,
    f3_many_to_one_save,
    f6_order_without_links,
    f6_plain_key_columns_order_too,
    f13_insert_order_is_add_order,
    f11_batches_are_consecutive_equal_shapes,
    inserts_updates_and_deletes_of_one_flush_are_one_hop,
    c1_mutual_references_one_of_them_nullable,
    c1_deleting_mutual_references,
    c2_mutual_references_that_exist_already,
    c5_mutual_references_none_of_them_nullable,
    a_row_that_refers_to_itself,
    two_rows_of_one_table_that_refer_to_each_other,
    a_node_moves_under_a_new_node,
    changes_prints_what_a_flush_does,
    changes_sends_nothing,
    l7_add_all_is_one_insert,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "a")]
struct A {
    #[key(auto)]
    id: i64,
    #[has_many(C::A)]
    cs: HasMany<C>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "b")]
struct B {
    #[key(auto)]
    id: i64,
    #[has_many(D::B)]
    ds: HasMany<D>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "c")]
struct C {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = cascade)]
    a: BelongsTo<A>,
    #[has_many(D::C)]
    ds: HasMany<D>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "d")]
struct D {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = cascade)]
    c: BelongsTo<C>,
    #[belongs_to]
    b: BelongsTo<Option<B>>,
}

/// Refers to its favourite ball, which refers to its owner.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "people")]
struct Person {
    #[key(auto)]
    id: i64,
    name: String,
    #[belongs_to]
    favourite: BelongsTo<Option<Ball>>,
    #[has_many(Ball::OWNER)]
    balls: HasMany<Ball>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "balls")]
struct Ball {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    owner: BelongsTo<Person>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "eggs")]
struct Egg {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    hen: BelongsTo<Hen>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "hens")]
struct Hen {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    egg: BelongsTo<Egg>,
}

/// A foreign key without a relation.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "badges")]
struct Badge {
    #[key]
    id: i64,
    #[column(references = Club::ID)]
    club: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "clubs")]
struct Club {
    #[key]
    id: i64,
    name: String,
}

async fn count(db: &Database, table: &str) -> Result<i64> {
    db.engine.scalar(sql(Trusted(format!("SELECT count(*) FROM {table}"))).returning::<i64>()).await
}

fn node(name: &str, parent: impl Into<BelongsTo<Option<Node>>>) -> Node {
    Node { name: name.into(), parent: parent.into(), ..Node::default() }
}

/// Behaviour F1.
async fn f1_a_diamond_of_required_keys(db: Database) -> Result<()> {
    db.engine.create_all(&schema![A, B, C, D]).await?;
    let mut session = db.engine.session();
    let b1 = session.add(B::default());
    let a1 = session
        .add(A { cs: vec![C { ds: vec![D::default(); 3].into(), ..C::default() }].into(), ..A::default() });
    let c1 = session[a1].cs.loaded().expect("taken in")[0];
    let ds = session[c1].ds.loaded().expect("taken in").to_vec();
    ds.iter().for_each(|&d| session[b1].ds.push(d));
    db.log.clear();
    session.commit().await?;
    let tables: Vec<String> =
        sent(&db).iter().map(|sql| sql.split_whitespace().nth(2).unwrap_or_default().to_owned()).collect();
    let at = |table: &str| tables.iter().position(|one| one == table).expect("inserted");
    assert!(at("a") < at("c") && at("b") < at("d") && at("c") < at("d"), "{tables:?}");
    assert_eq!(tables.len(), 4, "one batch for each table: {tables:?}");
    let keys: Vec<(i64, Option<i64>)> = db.engine.all(D::select().columns((D::C_ID, D::B_ID))).await?;
    assert_eq!(keys, [(1, Some(1)); 3]);
    session.delete(a1);
    session.commit().await?;
    assert_eq!((count(&db, "a").await?, count(&db, "c").await?, count(&db, "d").await?), (0, 0, 0));
    assert_eq!(count(&db, "b").await?, 1);
    assert_eq!(session[b1].ds.loaded(), Some(&[][..]));
    Ok(())
}

/// Behaviour F2.
async fn f2_one_to_many_save(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let posts = ["one", "two"].map(|title| post(title, BelongsTo::default())).to_vec();
    session.add(User { posts: posts.into(), ..user("Ada") });
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        [
            "INSERT INTO users (email, name, age) VALUES (?, ?, ?) x1",
            "INSERT INTO posts (title, author_id, version) VALUES (?, ?, ?) x2",
        ]
    );
    assert_eq!(db.log.hops(), 1);
    Ok(())
}

/// Behaviour F3.
async fn f3_many_to_one_save(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let first = session.add(post("one", user("Ada")));
    let ada = session[first].author.handle().expect("taken in by add");
    session.add(post("two", ada));
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        [
            "INSERT INTO users (email, name, age) VALUES (?, ?, ?) x1",
            "INSERT INTO posts (title, author_id, version) VALUES (?, ?, ?) x2",
        ]
    );
    assert_eq!(session[ada].posts.len(), 2);
    Ok(())
}

/// Behaviour F6.
async fn f6_order_without_links(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let notes = session.add(post("Notes", BelongsTo::to_key(1)));
    let ada = session.add(User { id: 1, ..user("Ada") });
    session.commit().await?;
    session.delete(ada);
    session.delete(notes);
    db.log.clear();
    session.commit().await?;
    let deletes = sent(&db);
    let of = |table: &str| deletes.iter().position(|sql| sql.starts_with(&format!("DELETE FROM {table} ")));
    assert!(of("posts").is_some() && of("posts") < of("users"), "{deletes:?}");
    Ok(())
}

/// Behaviour F6, where no relation is declared.
async fn f6_plain_key_columns_order_too(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Badge, Club]).await?;
    let mut session = db.engine.session();
    let badge = session.add(Badge { id: 1, club: 7 });
    let club = session.add(Club { id: 7, name: "chess".into() });
    session.commit().await?;
    session.delete(club);
    session.delete(badge);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM badges WHERE id = ? x1", "DELETE FROM clubs WHERE id = ? x1"]);
    Ok(())
}

/// Behaviour F13.
async fn f13_insert_order_is_add_order(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let all = ["u4", "u5", "u3"].map(|name| session.add(user(name)));
    session.commit().await?;
    assert_eq!(all.map(|user| session[user].id), [1, 2, 3]);
    Ok(())
}

/// Behaviour F11, for keys that are given and keys that are not.
async fn f11_batches_are_consecutive_equal_shapes(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ids = [0, 0, 50, 51, 52, 0, 60];
    let all: Vec<Handle<Tag>> =
        (0..).zip(ids).map(|(at, id)| session.add(Tag { id, ..tag(&format!("t{at}")) })).collect();
    db.log.clear();
    session.commit().await?;
    let sizes: Vec<String> =
        sent(&db).iter().map(|sql| sql.rsplit(' ').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(sizes, ["x2", "x3", "x1", "x1"]);
    let keys: Vec<i64> = all.iter().map(|&tag| session[tag].id).collect();
    let next = if db.has(Capability::KeysFollowTheLargest) { 53 } else { 3 };
    assert_eq!(keys, [1, 2, 50, 51, 52, next, 60]);
    Ok(())
}

/// Promise 4.
async fn inserts_updates_and_deletes_of_one_flush_are_one_hop(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let red = session.add(tag("red"));
    let notes = session.add(post("Notes", ada));
    session[notes].tags.push(red);
    session.commit().await?;
    let cy = session.add(user("Cy"));
    let letter = session.add(post("Letter", cy));
    session[letter].tags.push(red);
    session[notes].tags.remove(red);
    session[notes].author = cy.into();
    session[ada].name.push('!');
    session.delete(bob);
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    let authors: Vec<i64> = db.engine.all(sql("SELECT author_id FROM posts").returning::<i64>()).await?;
    assert_eq!(authors, [session[cy].id; 2]);
    assert_eq!(db.engine.count(User::select()).await?, 2);
    Ok(())
}

/// Behaviour C1.
async fn c1_mutual_references_one_of_them_nullable(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Person, Ball]).await?;
    let mut session = db.engine.session();
    let balls = vec![Ball::default(); 4];
    let ada = session.add(Person { name: "Ada".into(), balls: balls.into(), ..Person::default() });
    let favourite = session[ada].balls.loaded().expect("taken in")[2];
    session[ada].favourite = favourite.into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        [
            "INSERT INTO people (name, favourite_id) VALUES (?, ?) x1",
            "INSERT INTO balls (owner_id) VALUES (?) x4",
            "UPDATE people SET favourite_id = ? WHERE id = ? x1",
        ]
    );
    assert_eq!(db.log.hops(), 1);
    let stored: Option<i64> = db.engine.scalar(Person::select().columns(Person::FAVOURITE_ID)).await?;
    assert_eq!(stored, Some(session[favourite].id));
    assert_eq!(session[ada].favourite.key(), Some(&session[favourite].id));
    assert!(!session.is_dirty());
    Ok(())
}

/// Behaviour C1.
async fn c1_deleting_mutual_references(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Person, Ball]).await?;
    let mut session = db.engine.session();
    let ada = session.add(Person { balls: vec![Ball::default(); 2].into(), ..Person::default() });
    let balls = session[ada].balls.loaded().expect("taken in").to_vec();
    session[ada].favourite = balls[0].into();
    session.commit().await?;
    balls.iter().for_each(|&ball| session.delete(ball));
    session.delete(ada);
    session.commit().await?;
    assert_eq!((count(&db, "people").await?, count(&db, "balls").await?), (0, 0));
    Ok(())
}

/// Behaviour C2: nothing has to wait where the rows are there.
async fn c2_mutual_references_that_exist_already(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Person, Ball]).await?;
    let mut session = db.engine.session();
    let ada = session.add(Person { balls: vec![Ball::default()].into(), ..Person::default() });
    session.commit().await?;
    let ball = session[ada].balls.loaded().expect("taken in")[0];
    session[ada].favourite = ball.into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE people SET favourite_id = ? WHERE id = ? x1"]);
    Ok(())
}

/// Behaviour C5.
async fn c5_mutual_references_none_of_them_nullable(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Egg, Hen]).await?;
    let mut session = db.engine.session();
    let egg = session.add(Egg::default());
    let hen = session.add(Hen { egg: egg.into(), ..Hen::default() });
    session[egg].hen = hen.into();
    db.log.clear();
    let error = session.flush().await.expect_err("which comes first?");
    assert!(matches!(error, Error::Circular(_)), "{error}");
    assert!(error.to_string().contains("Egg") && error.to_string().contains("Hen"), "{error}");
    assert_eq!(db.log.hops(), 0, "nothing was sent");
    Ok(())
}

/// Step 2 of the flush: rows inside cycles.
async fn a_row_that_refers_to_itself(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let own = session.add(node("own", None));
    session[own].parent = own.into();
    session.commit().await?;
    assert_eq!(nodes(&db).await?, [("own".to_owned(), Some(session[own].id))]);
    assert_eq!(session[own].children.loaded(), Some(&[own][..]));
    assert_eq!(session[own].parent.key(), Some(&session[own].id));
    session.delete(own);
    session.commit().await?;
    assert_eq!(nodes(&db).await?, []);
    Ok(())
}

/// Step 2 of the flush.
async fn two_rows_of_one_table_that_refer_to_each_other(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let one = session.add(node("one", None));
    let two = session.add(node("two", one));
    session[one].parent = two.into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    let (a, b) = (session[one].id, session[two].id);
    let mut stored = nodes(&db).await?;
    stored.sort();
    assert_eq!(stored, [("one".to_owned(), Some(b)), ("two".to_owned(), Some(a))]);
    session.delete(one);
    session.delete(two);
    session.commit().await?;
    assert_eq!(nodes(&db).await?, []);
    Ok(())
}

/// Step 2 of the flush: the update waits for the insert.
async fn a_node_moves_under_a_new_node(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes (name, parent_id) VALUES ('root', NULL), ('leaf', 1)").await?;
    let mut session = db.engine.session();
    let (root, leaf) = (session.get_one::<Node>(1).await?, session.get_one::<Node>(2).await?);
    let branch = session.add(node("branch", root));
    session[leaf].parent = branch.into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        [
            "INSERT INTO nodes (name, parent_id) VALUES (?, ?) x1",
            "UPDATE nodes SET parent_id = ? WHERE id = ? x1",
        ]
    );
    assert_eq!(nodes(&db).await?[1], ("leaf".to_owned(), Some(session[branch].id)));
    Ok(())
}

/// Section 2: `changes` is what a flush would do, printable.
async fn changes_prints_what_a_flush_does(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    session.commit().await?;
    assert_eq!(session.changes()?.to_string().lines().filter(|line| line.contains("User")).count(), 0);
    session[ada].name.push('!');
    session.delete(bob);
    session.add(post("Notes", ada));
    let text = session.changes()?.to_string();
    let line = |part: &str| text.lines().position(|line| line.to_lowercase().contains(part));
    let (insert, update, delete) = (line("insert post"), line("update user"), line("delete user"));
    assert!(insert.is_some() && update.is_some() && delete.is_some(), "{text}");
    assert!(insert < delete, "{text}");
    assert!(text.contains("name"), "the changed column: {text}");
    Ok(())
}

/// Section 2.
async fn changes_sends_nothing(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    db.log.clear();
    session.changes()?;
    assert_eq!(db.log.hops(), 0);
    assert!(session.is_dirty());
    session[ada].name.push('!');
    session.commit().await?;
    let name: String = db.engine.scalar(User::select().columns(User::NAME)).await?;
    assert_eq!(name, "Ada!");
    Ok(())
}

/// Behaviour L7: one statement, many parameter sets.
async fn l7_add_all_is_one_insert(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let all = session.add_all((0..100).map(|at| tag(&format!("t{at}"))));
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["INSERT INTO tags (name) VALUES (?) x100"]);
    assert_eq!(session[all[99]].id, 100);
    Ok(())
}
