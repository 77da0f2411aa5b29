//! Step 7 of the flush: what deleting a parent does to its children, by the database or by criteria, mirrored on
//! tracked rows.

use anyorm::error::ConstraintKind;
use anyorm::prelude::*;
use anyorm::{Result, Schema, Trusted};
use anyorm_tests::{Node, Tag, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, nodes, pairs, posts, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    cascade_is_the_databases_work,
    cascade_is_mirrored_on_tracked_rows,
    cascade_reaches_grandchildren_in_memory_too,
    set_null_is_the_databases_work,
    set_null_is_mirrored_on_tracked_rows,
    rollback_restores_links_that_were_set_null,
    f4_a_nullable_key_without_an_action_is_one_update_by_criteria,
    f4_children_stay_with_empty_links,
    a_required_key_without_an_action_refuses,
    f5_parent_and_children_deleted_are_deletes_only,
    deletes_go_children_first_whatever_the_order_of_calls,
    m5_pairs_of_a_deleted_row_go_by_criteria,
    f8_a_tree_is_deleted_from_its_leaves,
    restrict_refuses_and_names_what_was_deleted,
    a_child_moved_away_survives_the_delete_of_its_parent,
    a_child_moved_from_a_deleted_optional_parent_stays_moved,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "shelves")]
struct Shelf {
    #[key(auto)]
    id: i64,
    name: String,
    #[has_many(Book::SHELF)]
    books: HasMany<Book>,
    #[has_many(Label::SHELF)]
    labels: HasMany<Label>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "books")]
struct Book {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = cascade)]
    shelf: BelongsTo<Shelf>,
    #[has_many(Leaf::BOOK)]
    leaves: HasMany<Leaf>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "leaves")]
struct Leaf {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = cascade)]
    book: BelongsTo<Book>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "labels")]
struct Label {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = set_null)]
    shelf: BelongsTo<Option<Shelf>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "locks")]
struct Lock {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = restrict)]
    shelf: BelongsTo<Shelf>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "bolts")]
struct Bolt {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    shelf: BelongsTo<Shelf>,
}

fn furniture() -> Schema {
    schema![Shelf, Book, Leaf, Label, Lock, Bolt]
}

async fn count(db: &Database, table: &str) -> Result<i64> {
    db.engine.scalar(sql(Trusted(format!("SELECT count(*) FROM {table}"))).returning::<i64>()).await
}

async fn cascade_is_the_databases_work(db: Database) -> Result<()> {
    db.engine.create_all(&furniture()).await?;
    elsewhere(&db, "INSERT INTO shelves VALUES (1, 'a')").await?;
    elsewhere(&db, "INSERT INTO books VALUES (1, 1), (2, 1)").await?;
    let mut session = db.engine.session();
    let shelf = session.get_one::<Shelf>(1).await?;
    session.delete(shelf);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM shelves WHERE id = ? x1"], "nothing is loaded in secret");
    assert_eq!(db.log.hops(), 1);
    assert_eq!(count(&db, "books").await?, 0);
    Ok(())
}

async fn cascade_is_mirrored_on_tracked_rows(db: Database) -> Result<()> {
    db.engine.create_all(&furniture()).await?;
    let mut session = db.engine.session();
    let shelf = session.add(Shelf::default());
    let book = session.add(Book { shelf: shelf.into(), ..Book::default() });
    session.commit().await?;
    session.delete(shelf);
    session.flush().await?;
    assert_eq!(session.get::<Book>(1).await?, None);
    assert!(session.peek(book).is_some(), "readable until the commit");
    session.commit().await?;
    assert!(session.peek(book).is_none());
    assert_eq!(count(&db, "books").await?, 0);
    Ok(())
}

async fn cascade_reaches_grandchildren_in_memory_too(db: Database) -> Result<()> {
    db.engine.create_all(&furniture()).await?;
    let mut session = db.engine.session();
    let shelf = session.add(Shelf::default());
    let book = session.add(Book { shelf: shelf.into(), ..Book::default() });
    let leaf = session.add(Leaf { book: book.into(), ..Leaf::default() });
    let kept = session.add(Shelf::default());
    let other = session.add(Book { shelf: kept.into(), ..Book::default() });
    session.commit().await?;
    session.delete(shelf);
    session.commit().await?;
    assert!(session.peek(book).is_none() && session.peek(leaf).is_none());
    assert_eq!(session[kept].books.loaded(), Some(&[other][..]));
    assert_eq!(count(&db, "leaves").await?, 0);
    Ok(())
}

async fn set_null_is_the_databases_work(db: Database) -> Result<()> {
    db.engine.create_all(&furniture()).await?;
    elsewhere(&db, "INSERT INTO shelves VALUES (1, 'a')").await?;
    elsewhere(&db, "INSERT INTO labels VALUES (1, 1)").await?;
    let mut session = db.engine.session();
    let shelf = session.get_one::<Shelf>(1).await?;
    session.delete(shelf);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM shelves WHERE id = ? x1"]);
    let label: Option<i64> = db.engine.scalar(Label::select().columns(Label::SHELF_ID)).await?;
    assert_eq!(label, None);
    Ok(())
}

async fn set_null_is_mirrored_on_tracked_rows(db: Database) -> Result<()> {
    db.engine.create_all(&furniture()).await?;
    let mut session = db.engine.session();
    let shelf = session.add(Shelf::default());
    let by_handle = session.add(Label { shelf: shelf.into(), ..Label::default() });
    session.commit().await?;
    let id = session[shelf].id;
    let by_key = session.add(Label { shelf: BelongsTo::to_key(id), ..Label::default() });
    session.commit().await?;
    session.delete(shelf);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM shelves WHERE id = ? x1"]);
    assert!(session[by_handle].shelf.is_empty() && session[by_key].shelf.is_empty());
    assert!(!session.is_dirty(), "it is what the rows have");
    Ok(())
}

async fn rollback_restores_links_that_were_set_null(db: Database) -> Result<()> {
    db.engine.create_all(&furniture()).await?;
    let mut session = db.engine.session();
    let shelf = session.add(Shelf::default());
    let label = session.add(Label { shelf: shelf.into(), ..Label::default() });
    session.commit().await?;
    session.delete(shelf);
    session.flush().await?;
    session.rollback().await?;
    assert_eq!(session[label].shelf.handle(), Some(shelf));
    assert!(!session.is_dirty());
    assert_eq!(session[shelf].labels.loaded(), Some(&[label][..]));
    Ok(())
}

/// Behaviour F4, in the terms of the design: criteria instead of loading.
async fn f4_a_nullable_key_without_an_action_is_one_update_by_criteria(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes VALUES (1, 'root', NULL), (2, 'a', 1), (3, 'b', 1)").await?;
    let mut session = db.engine.session();
    let root = session.get_one::<Node>(1).await?;
    session.delete(root);
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        ["UPDATE nodes SET parent_id = NULL WHERE parent_id = ? x1", "DELETE FROM nodes WHERE id = ? x1"]
    );
    assert_eq!(db.log.hops(), 1);
    assert_eq!(nodes(&db).await?, [("a".to_owned(), None), ("b".to_owned(), None)]);
    Ok(())
}

/// Behaviour F4.
async fn f4_children_stay_with_empty_links(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes VALUES (1, 'root', NULL), (2, 'a', 1), (3, 'b', 1)").await?;
    let mut session = db.engine.session();
    let root = session.one(Node::select().filter(Node::ID.eq(1)).with(Node::CHILDREN)).await?;
    let children = session[root].children.loaded().expect("loaded").to_vec();
    session.delete(root);
    session.commit().await?;
    for child in children {
        assert!(session[child].parent.is_empty());
    }
    assert!(!session.is_dirty());
    assert_eq!(nodes(&db).await?, [("a".to_owned(), None), ("b".to_owned(), None)]);
    Ok(())
}

/// Promise 7.
async fn a_required_key_without_an_action_refuses(db: Database) -> Result<()> {
    db.engine.create_all(&furniture()).await?;
    let mut session = db.engine.session();
    let shelf = session.add(Shelf::default());
    let bolt = session.add(Bolt { shelf: shelf.into(), ..Bolt::default() });
    session.commit().await?;
    session.delete(shelf);
    let error = session.commit().await.expect_err("it is bolted");
    let text = error.to_string();
    assert!(text.contains("Shelf") || text.contains("Bolt"), "{text}");
    session.recover().await?;
    session.delete(bolt);
    session.commit().await?;
    assert_eq!((count(&db, "bolts").await?, count(&db, "shelves").await?), (0, 0));
    Ok(())
}

/// Behaviour F5.
async fn f5_parent_and_children_deleted_are_deletes_only(db: Database) -> Result<()> {
    db.engine.create_all(&furniture()).await?;
    let mut session = db.engine.session();
    let shelf = session.add(Shelf::default());
    let bolts = session.add_all([(); 2].map(|()| Bolt { shelf: shelf.into(), ..Bolt::default() }));
    session.commit().await?;
    bolts.iter().for_each(|&bolt| session.delete(bolt));
    session.delete(shelf);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM bolts WHERE id = ? x2", "DELETE FROM shelves WHERE id = ? x1"]);
    Ok(())
}

/// Step 2 of the flush.
async fn deletes_go_children_first_whatever_the_order_of_calls(db: Database) -> Result<()> {
    db.engine.create_all(&furniture()).await?;
    let mut session = db.engine.session();
    let shelf = session.add(Shelf::default());
    let bolt = session.add(Bolt { shelf: shelf.into(), ..Bolt::default() });
    session.commit().await?;
    session.delete(shelf);
    session.delete(bolt);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM bolts WHERE id = ? x1", "DELETE FROM shelves WHERE id = ? x1"]);
    Ok(())
}

/// Behaviour M5: link rows go by criteria, nothing is loaded.
async fn m5_pairs_of_a_deleted_row_go_by_criteria(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    let all = ["red", "blue"].map(|name| session.add(tag(name)));
    session[notes].tags = all.to_vec().into();
    session.commit().await?;
    let mut session = db.engine.session();
    let red = session.get_one::<Tag>(1).await?;
    session.delete(red);
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert!(sent(&db).iter().all(|sql| !sql.starts_with("SELECT")), "{:?}", sent(&db));
    assert_eq!(pairs(&db).await?, [(1, 2)]);
    Ok(())
}

/// Behaviour F8, backwards.
async fn f8_a_tree_is_deleted_from_its_leaves(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let node = |name: &str, parent| Node { name: name.into(), parent, ..Node::default() };
    let root = session.add(node("root", BelongsTo::default()));
    let branch = session.add(node("branch", root.into()));
    let leaf = session.add(node("leaf", branch.into()));
    session.commit().await?;
    for handle in [root, branch, leaf] {
        session.delete(handle);
    }
    db.log.clear();
    session.commit().await?;
    assert!(sent(&db).iter().all(|sql| sql.starts_with("DELETE FROM nodes")), "{:?}", sent(&db));
    assert_eq!(nodes(&db).await?, []);
    assert!(session.peek(root).is_none() && session.peek(leaf).is_none());
    Ok(())
}

/// Promise 7: entity, key and constraint.
async fn restrict_refuses_and_names_what_was_deleted(db: Database) -> Result<()> {
    db.engine.create_all(&furniture()).await?;
    let mut session = db.engine.session();
    let shelf = session.add(Shelf::default());
    session.add(Lock { shelf: shelf.into(), ..Lock::default() });
    session.commit().await?;
    session.delete(shelf);
    let error = session.commit().await.expect_err("it is locked");
    let Some(constraint) = error.constraint() else { panic!("not a constraint error: {error}") };
    assert_eq!(constraint.kind, ConstraintKind::ForeignKey);
    assert_eq!((constraint.entity, constraint.key.as_deref()), (Some("Shelf"), Some("1")));
    session.rollback().await?;
    assert_eq!(session.get::<Shelf>(1).await?, Some(shelf));
    Ok(())
}

/// Behaviour O3: the cascade is mirrored on the children that the row has, not on those that it had.
async fn a_child_moved_away_survives_the_delete_of_its_parent(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session[ada].posts.remove(notes);
    session[bob].posts.push(notes);
    session.delete(ada);
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 2)]);
    assert!(session.peek(notes).is_some(), "the row is there, its handle is not");
    assert_eq!(session[notes].author.handle(), Some(bob));
    Ok(())
}

/// Step 7 of the flush, behaviour O3.
async fn a_child_moved_from_a_deleted_optional_parent_stays_moved(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let [one, two] = ["one", "two"].map(|name| session.add(node(name)));
    let child = session.add(Node { parent: one.into(), ..node("child") });
    session.commit().await?;
    session[child].parent = two.into();
    session.delete(one);
    session.commit().await?;
    assert_eq!(nodes(&db).await?, [("two".to_owned(), None), ("child".to_owned(), Some(2))]);
    assert_eq!(session[child].parent.handle(), Some(two));
    assert_eq!(session[two].children.loaded(), Some(&[child][..]));
    assert!(!session.is_dirty());
    Ok(())
}

fn node(name: &str) -> Node {
    Node { name: name.into(), ..Node::default() }
}
