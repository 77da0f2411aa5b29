//! `merge` where values come back: after a detach, twice in one graph, below keys that are made of links.

use anyorm::prelude::*;
use anyorm::{Result, schema};
use anyorm_tests::{Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{posts, sent, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_clone_whose_target_was_detached_since_is_merged,
    g5_a_target_that_is_a_key_or_a_handle_is_not_touched,
    the_same_new_row_twice_in_a_graph_is_one,
    v7_a_deleted_entity_is_added_again,
    v7_a_deleted_entity_comes_back_by_merge,
    k1_a_row_switch_replaces_the_pairs,
    g3_children_of_a_composite_key_are_replaced,
];

async fn ada_with_notes(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.add(user("Grace"));
    let notes = session.add(post("Notes", ada));
    let tags = session.add_all([tag("a"), tag("b"), tag("c")]);
    session.link(notes, Post::TAGS, tags[0]);
    session.link(notes, Post::TAGS, tags[1]);
    session.commit().await?;
    db.log.clear();
    Ok(())
}

async fn a_clone_whose_target_was_detached_since_is_merged(db: Database) -> Result<()> {
    ada_with_notes(&db).await?;
    let mut session = db.engine.session();
    let notes = session.get_one::<Post>(1).await?;
    session.load(&[notes], Post::AUTHOR).await?;
    let ada = session[notes].author.handle().expect("loaded just now");
    let mut copy = session[notes].clone();
    let mut author = session.detach(ada);
    copy.title = "Notes 2".into();
    copy.tags = ManyToMany::default();
    author.name = "Ada L.".into();
    let merged = session.merge(copy).await?;
    assert_eq!(merged, notes);
    assert_eq!(session[notes].author.key(), Some(&1));
    let again = session.merge(author).await?;
    assert_ne!(again, ada);
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("Notes 2".to_owned(), 1)]);
    assert_eq!(users(&db).await?[0], (1, "Ada L.".to_owned()));
    Ok(())
}

async fn g5_a_target_that_is_a_key_or_a_handle_is_not_touched(db: Database) -> Result<()> {
    ada_with_notes(&db).await?;
    let mut session = db.engine.session();
    let grace = session.get_one::<User>(2).await?;
    session[grace].name = "Grace H.".into();
    session.merge(Post { id: 1, ..post("Letters", grace) }).await?;
    assert_eq!(session[grace].name, "Grace H.");
    db.log.clear();
    session.merge(Post { id: 1, ..post("Letters", BelongsTo::to_key(1)) }).await?;
    assert!(!db.log.statements().iter().any(|sql| sql.contains("FROM users")));
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("Letters".to_owned(), 1)]);
    assert_eq!(users(&db).await?[1].1, "Grace H.");
    Ok(())
}

async fn the_same_new_row_twice_in_a_graph_is_one(db: Database) -> Result<()> {
    ada_with_notes(&db).await?;
    let mut session = db.engine.session();
    let mary = |name: &str| User { id: 9, ..user(name) };
    let value = User {
        posts: vec![post("One", mary("Mary")), post("Two", mary("Mary S."))].into(),
        email: "eve@example.org".into(),
        ..user("Eve")
    };
    // Both posts say that they are Mary's, and Eve has them: the links of the values are what is merged first.
    let eve = session.merge(User { posts: HasMany::default(), ..value.clone() }).await?;
    let one = session.merge(post("One", mary("Mary"))).await?;
    session.commit().await?;
    assert_eq!(session[one].author.key(), Some(&9));
    assert!(session.peek(eve).is_some());

    let mut session = db.engine.session();
    let tags = vec![Tag { id: 40, ..tag("x") }, Tag { id: 40, ..tag("y") }];
    let two = session.merge(Post { tags: tags.into(), ..post("Two", BelongsTo::to_key(9)) }).await?;
    session.commit().await?;
    assert_eq!(session[two].tags.len(), 1);
    let name = session.get_one::<Tag>(40).await?;
    assert_eq!(session[name].name, "y");
    Ok(())
}

async fn v7_a_deleted_entity_is_added_again(db: Database) -> Result<()> {
    ada_with_notes(&db).await?;
    let mut session = db.engine.session();
    let grace = session.get_one::<User>(2).await?;
    let copy = session[grace].clone();
    session.delete(grace);
    session.flush().await?;
    let again = session.add(User { posts: HasMany::default(), ..copy.clone() });
    session.flush().await?;
    assert_eq!(session.get::<User>(2).await?, Some(again));
    session.rollback().await?;
    assert_eq!(session.get::<User>(2).await?, Some(grace));
    assert!(session.peek(again).is_none());
    session.delete(grace);
    session.commit().await?;
    let again = session.add(User { posts: HasMany::default(), ..copy });
    session.commit().await?;
    assert_eq!(session.get::<User>(2).await?, Some(again));
    assert_eq!(users(&db).await?.len(), 2);
    // Detached, it is as new.
    let value = session.detach(again);
    db.log.clear();
    let merged = session.merge(value).await?;
    session.commit().await?;
    assert_eq!(session.get::<User>(2).await?, Some(merged));
    assert_eq!(sent(&db).len(), 1, "one read, nothing written: {:?}", sent(&db));
    Ok(())
}

async fn v7_a_deleted_entity_comes_back_by_merge(db: Database) -> Result<()> {
    ada_with_notes(&db).await?;
    let mut session = db.engine.session();
    let grace = session.get_one::<User>(2).await?;
    let copy = User { posts: HasMany::default(), ..session[grace].clone() };
    session.delete(grace);
    session.flush().await?;
    let again = session.merge(copy).await?;
    session.commit().await?;
    assert_eq!(session.get::<User>(2).await?, Some(again));
    assert!(session.peek(grace).is_none());
    assert_eq!(users(&db).await?.len(), 2);
    Ok(())
}

async fn k1_a_row_switch_replaces_the_pairs(db: Database) -> Result<()> {
    ada_with_notes(&db).await?;
    let mut session = db.engine.session();
    let notes = session.get_one::<Post>(1).await?;
    let tags = session.all(Tag::select().order_by(Tag::ID)).await?;
    session.delete(notes);
    let new =
        session.add(Post { id: 1, tags: vec![tags[1], tags[2]].into(), ..post("New", BelongsTo::to_key(2)) });
    session.commit().await?;
    let pairs = sql("SELECT tag_id FROM post_tags ORDER BY tag_id");
    assert_eq!(db.engine.all(pairs.returning::<i64>()).await?, [2, 3]);
    assert_eq!(posts(&db).await?, [("New".to_owned(), 2)]);
    assert_eq!(session[new].tags.loaded(), Some(&[tags[1], tags[2]][..]));
    Ok(())
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "orders")]
struct Order {
    #[key]
    year: i64,
    #[key]
    number: i64,
    #[has_many(Line::ORDER)]
    lines: HasMany<Line>,
    #[many_to_many(through = "order_marks", from("order_year", "order_number"), to = "mark_id")]
    marks: ManyToMany<Mark>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "lines")]
struct Line {
    #[key(auto)]
    id: i64,
    #[belongs_to(columns("order_year", "order_number"), on_delete = cascade)]
    order: BelongsTo<Option<Order>>,
    text: String,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "marks")]
struct Mark {
    #[key(auto)]
    id: i64,
    #[many_to_many(through = "order_marks", from = "mark_id", to("order_year", "order_number"))]
    orders: ManyToMany<Order>,
}

/// A composite key referred to by every kind of relation: merged, moved, renamed, deleted.
async fn g3_children_of_a_composite_key_are_replaced(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Order, Line, Mark]).await?;
    let mut session = db.engine.session();
    let line = |text: &str| Line { text: text.into(), ..Line::default() };
    session.add(Order {
        year: 2020,
        number: 1,
        lines: vec![line("a"), line("b")].into(),
        marks: vec![Mark::default()].into(),
    });
    let other = session.add(Order { year: 2020, number: 2, ..Order::default() });
    session.commit().await?;
    session.clear();

    let lines = vec![Line { id: 2, ..line("b") }, line("c")];
    let order = session
        .merge(Order { year: 2020, number: 1, lines: lines.into(), marks: vec![Mark::default()].into() })
        .await?;
    session.commit().await?;
    let stored = || {
        sql(
            "SELECT text || coalesce(order_year, 0) || '/' || coalesce(order_number, 0) FROM lines ORDER BY id",
        )
    };
    assert_eq!(db.engine.all(stored().returning::<String>()).await?, ["a0/0", "b2020/1", "c2020/1"]);
    let marks = || sql("SELECT mark_id FROM order_marks ORDER BY mark_id");
    assert_eq!(db.engine.all(marks().returning::<i64>()).await?, [2]);

    // One line moves to the other order while its own gets another key: the line is written as a whole.
    assert!(session.peek(other).is_none());
    let other = session.get_one::<Order>((2020, 2)).await?;
    let moved = session.get_one::<Line>(2).await?;
    session[moved].order = other.into();
    session[order].year = 2021;
    session.commit().await?;
    assert_eq!(db.engine.all(stored().returning::<String>()).await?, ["a0/0", "b2020/2", "c2021/1"]);
    let kept = session.get_one::<Line>(3).await?;
    assert_eq!(session[kept].order.key(), Some(&(2021, 1)));
    session.load(&[other], Order::LINES).await?;
    assert_eq!(session[other].lines.loaded(), Some(&[moved][..]));
    session.delete(order);
    session.commit().await?;
    assert!(session.peek(kept).is_none());
    assert_eq!(db.engine.all(stored().returning::<String>()).await?, ["a0/0", "b2020/2"]);
    assert!(db.engine.all(marks().returning::<i64>()).await?.is_empty());
    Ok(())
}
