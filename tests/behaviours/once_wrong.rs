//! Corners of the rules that were wrong once.

use anyorm::Result;
use anyorm::prelude::*;
use anyorm_tests::{Account, Node, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Capability, Database, behaviours, step};

use crate::dropped::at_every_poll;
use crate::support::{accounts, elsewhere, nodes, pairs, posts, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_link_emptied_and_a_push_elsewhere_are_refused,
    rollback_gives_a_collection_back_what_a_cascade_took,
    changing_a_key_to_one_that_is_taken_is_refused,
    children_follow_the_key_of_their_parent,
    children_that_are_not_loaded_follow_too,
    detach_of_a_target_turns_links_into_keys,
    f7_raw_keys_of_one_table_are_one_batch_in_add_order,
    a_changed_child_of_a_deleted_parent_goes_with_it,
    deleting_a_new_child_takes_it_out_of_the_collection,
    a_push_taken_back_after_changes_is_no_change,
    a_push_moved_to_another_parent_after_changes_is_one_move,
    a_push_taken_back_after_a_failed_flush_is_no_change,
    a_new_child_taken_out_again_after_changes_has_no_parent,
    a_push_taken_back_meanwhile,
    recover_keeps_pairs_of_collections_that_are_not_loaded,
    recover_keeps_what_was_loaded_in_the_transaction,
    a_transaction_that_the_database_ends_leaves_the_session_inactive,
    work_after_a_savepoint_that_was_dropped_in_its_flush_stays,
    autoflush_sees_what_a_pending_delete_takes_along,
    a_value_that_a_cascade_frees_is_free,
    an_unawaited_commit_of_a_transaction_is_none,
    a_new_row_has_no_links_to_remove,
    a_deleted_row_leaves_its_key_though_it_was_given_another,
    a_commit_inside_a_savepoint_is_not_taken_back_by_the_guard,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "countries")]
struct Country {
    #[key]
    code: String,
    name: String,
    #[has_many(City::COUNTRY)]
    cities: HasMany<City>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "cities")]
struct City {
    #[key(auto)]
    id: i64,
    name: String,
    #[belongs_to]
    country: BelongsTo<Country>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "shelves")]
struct Shelf {
    #[key(auto)]
    id: i64,
    name: String,
    #[has_many(Book::SHELF)]
    books: HasMany<Book>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "books")]
struct Book {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = cascade)]
    shelf: BelongsTo<Shelf>,
}

fn country(code: &str) -> Country {
    Country { code: code.into(), name: code.to_lowercase(), ..Country::default() }
}

fn node(name: &str) -> Node {
    Node { name: name.into(), ..Node::default() }
}

/// Rule 12: the link says "nobody", the collection says "here".
async fn a_link_emptied_and_a_push_elsewhere_are_refused(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let [one, two] = ["one", "two"].map(|name| session.add(node(name)));
    let child = session.add(Node { parent: one.into(), ..node("child") });
    session.commit().await?;
    session[child].parent = None.into();
    session[two].children.push(child);
    let error = session.flush().await.expect_err("linked to nobody, pushed to two");
    assert!(matches!(error, anyorm::Error::Flush(_)), "{error}");
    Ok(())
}

/// Rules 2 and 8.
async fn rollback_gives_a_collection_back_what_a_cascade_took(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Shelf, Book]).await?;
    let mut session = db.engine.session();
    let shelf = session.add(Shelf { name: "a".into(), ..Shelf::default() });
    let book = session.add(Book { shelf: shelf.into(), ..Book::default() });
    session.commit().await?;
    session.delete(shelf);
    session.flush().await?;
    session.rollback().await?;
    assert_eq!(session.get::<Book>(1).await?, Some(book));
    assert_eq!(session[book].shelf.handle(), Some(shelf));
    assert_eq!(session[shelf].books.loaded(), Some(&[book][..]));
    Ok(())
}

/// Rules 9 and 10: a second live slot of one key is a flush error; nothing is sent.
async fn changing_a_key_to_one_that_is_taken_is_refused(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let one = session.add(Account { id: 1, balance: 1 });
    session.add(Account { id: 2, balance: 2 });
    session.commit().await?;
    session[one].id = 2;
    db.log.clear();
    let error = session.flush().await.expect_err("one key");
    assert!(matches!(error, anyorm::Error::Flush(_)), "{error}");
    assert_eq!(db.log.hops(), 0);
    session.rollback().await?;
    assert_eq!(session[one].id, 1);
    assert_eq!(accounts(&db).await?, [(1, 1), (2, 2)]);
    Ok(())
}

/// Rule 9: children follow, by ON UPDATE CASCADE or an UPDATE in the plan.
async fn children_follow_the_key_of_their_parent(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Country, City]).await?;
    let mut session = db.engine.session();
    let burma = session.add(country("BUR"));
    let city = session.add(City { name: "Rangoon".into(), country: burma.into(), ..City::default() });
    session.commit().await?;
    session[burma].code = "MMR".into();
    session.commit().await?;
    assert_eq!(session[city].country.key().map(String::as_str), Some("MMR"));
    assert_eq!(session[city].country.handle(), Some(burma));
    assert!(!session.is_dirty());
    let stored: String = db.engine.scalar(City::select().columns(City::COUNTRY_ID)).await?;
    assert_eq!(stored, "MMR");
    Ok(())
}

/// Rule 9, for children that the session has not read.
async fn children_that_are_not_loaded_follow_too(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Country, City]).await?;
    elsewhere(&db, "INSERT INTO countries VALUES ('BUR', 'Burma')").await?;
    elsewhere(&db, "INSERT INTO cities VALUES (1, 'Rangoon', 'BUR')").await?;
    let mut session = db.engine.session();
    let burma = session.get_one::<Country>("BUR").await?;
    session[burma].code = "MMR".into();
    session.commit().await?;
    let stored: String = db.engine.scalar(City::select().columns(City::COUNTRY_ID)).await?;
    assert_eq!(stored, "MMR");
    Ok(())
}

/// Rule 15: the links of others to what leaves hold its key.
async fn detach_of_a_target_turns_links_into_keys(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session.detach(ada);
    assert_eq!(session[notes].author.key(), Some(&1));
    assert!(!session.is_dirty());
    session[notes].title.push('!');
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("Notes!".to_owned(), 1)]);
    Ok(())
}

/// Behaviour F7.
async fn f7_raw_keys_of_one_table_are_one_batch_in_add_order(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(Node { id: 1, ..node("one") });
    session.add(Node { id: 2, parent: BelongsTo::to_key(1), ..node("two") });
    session.add(Node { id: 3, parent: BelongsTo::to_key(2), ..node("three") });
    db.log.clear();
    session.commit().await?;
    let batches = sent(&db);
    assert_eq!(batches.len(), 1, "{batches:?}");
    assert!(batches[0].ends_with(" x3"), "{batches:?}");
    Ok(())
}

/// Step 7 of the flush.
async fn a_changed_child_of_a_deleted_parent_goes_with_it(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    let red = session.add(tag("red"));
    session[notes].tags.push(red);
    session.commit().await?;
    session[notes].title.push('!');
    session.delete(ada);
    session.commit().await?;
    assert!(session.peek(notes).is_none());
    assert_eq!(session[red].posts.loaded(), Some(&[][..]));
    assert_eq!((posts(&db).await?, pairs(&db).await?), (Vec::new(), Vec::new()));
    Ok(())
}

/// Rule 8, before any flush.
async fn deleting_a_new_child_takes_it_out_of_the_collection(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let root = session.add(node("root"));
    let child = session.add(node("child"));
    session[root].children.push(child);
    session.delete(child);
    session.commit().await?;
    assert!(session[root].children.is_empty());
    assert!(!session.is_dirty());
    assert_eq!(nodes(&db).await?, [("root".to_owned(), None)]);
    Ok(())
}

/// Rule 12: `changes` and `is_dirty` ask, they do not decide.
async fn a_push_taken_back_after_changes_is_no_change(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let [root, child] = ["root", "child"].map(|name| session.add(node(name)));
    session.commit().await?;
    session[root].children.push(child);
    assert!(session.is_dirty());
    session.changes()?;
    session[root].children.remove(child);
    assert!(!session.is_dirty());
    session.commit().await?;
    assert_eq!(nodes(&db).await?[1], ("child".to_owned(), None));
    assert!(session[child].parent.is_empty());
    Ok(())
}

/// Rule 12.
async fn a_push_moved_to_another_parent_after_changes_is_one_move(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let [zero, one, two] = ["zero", "one", "two"].map(|name| session.add(node(name)));
    let child = session.add(Node { parent: zero.into(), ..node("child") });
    session.commit().await?;
    session[zero].children.remove(child);
    session[one].children.push(child);
    session.changes()?;
    session[one].children.remove(child);
    session[two].children.push(child);
    session.commit().await?;
    assert_eq!(nodes(&db).await?[3], ("child".to_owned(), Some(3)));
    assert_eq!(session[child].parent.handle(), Some(two));
    Ok(())
}

/// Promise 7: what a failed flush brought together can be taken apart again.
async fn a_push_taken_back_after_a_failed_flush_is_no_change(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 0)").await?;
    let mut session = db.engine.session();
    let [root, child] = ["root", "child"].map(|name| session.add(node(name)));
    session.commit().await?;
    session[root].children.push(child);
    let twin = session.add(Account { id: 1, balance: 1 });
    session.commit().await.expect_err("the key is taken");
    session.recover().await?;
    session.delete(twin);
    session[root].children.remove(child);
    session.commit().await?;
    assert_eq!(nodes(&db).await?[1], ("child".to_owned(), None));
    Ok(())
}

/// Rule 12: the same from the other side: a new child's link.
async fn a_new_child_taken_out_again_after_changes_has_no_parent(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let root = session.add(node("root"));
    session.commit().await?;
    let child = session.add(node("child"));
    session[root].children.push(child);
    session.changes()?;
    session[root].children.remove(child);
    session.commit().await?;
    assert_eq!(nodes(&db).await?[1], ("child".to_owned(), None));
    assert!(session[root].children.is_empty());
    Ok(())
}

/// Rule 16.
async fn a_push_taken_back_meanwhile(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM nodes").await?;
        let mut session = db.engine.session();
        let [root, child] = ["root", "child"].map(|name| session.add(node(name)));
        session.commit().await?;
        session[root].children.push(child);
        let done = step::polls(polls, session.commit());
        session[root].children.remove(child);
        session.commit().await?;
        assert_eq!(nodes(db).await?[1], ("child".to_owned(), None), "after {polls} polls");
        assert!(session[root].children.is_empty() && session[child].parent.is_empty());
        assert!(!session.is_dirty());
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// Promise 7: a pair that was queued on a collection that is not loaded survives a failure after its flush.
async fn recover_keeps_pairs_of_collections_that_are_not_loaded(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    let old = session.add(tag("old"));
    session[notes].tags.push(old);
    session.add(tag("new"));
    session.commit().await?;

    let mut session = db.engine.session();
    let (notes, old) = (session.get_one::<Post>(1).await?, session.get_one::<Tag>(1).await?);
    let new = session.get_one::<Tag>(2).await?;
    session[notes].tags.push(new);
    session[notes].tags.remove(old);
    session.flush().await?;
    let twin = session.add(user("Ada"));
    session.commit().await.expect_err("the address is taken");
    session.recover().await?;
    session[twin].email = "twin@example.org".into();
    session.commit().await?;
    assert_eq!(pairs(&db).await?, [(1, 2)]);
    Ok(())
}

/// Promise 7: what was loaded in the transaction does not stand in the way after a recovery.
async fn recover_keeps_what_was_loaded_in_the_transaction(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.add(post("Notes", ada));
    session.commit().await?;

    let mut session = db.engine.session();
    let ada = session.get_one::<User>(1).await?;
    session.add(tag("red"));
    session.flush().await?;
    session.load(&[ada], User::POSTS).await?;
    let notes = session[ada].posts.iter().copied().next().expect("her post");
    session[notes].title = "Notes 2".into();
    session.flush().await?;
    let twin = session.add(user("Ada"));
    session.commit().await.expect_err("the address is taken");
    session.recover().await?;
    session[twin].email = "twin@example.org".into();
    session.commit().await?;
    assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
    assert_eq!(
        posts(&db).await?,
        [("Notes 2".to_owned(), 1)],
        "flushed before the failure, written again after"
    );
    Ok(())
}

/// Promise 2: a transaction that the database ends is not taken for one that goes on.
async fn a_transaction_that_the_database_ends_leaves_the_session_inactive(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.flush().await?;
    let ends = db.by_dialect(
        "INSERT OR ROLLBACK INTO users (email, name) VALUES ('ada@example.org', 'Ada')",
        "SELECT pg_terminate_backend(pg_backend_pid())",
    );
    session.execute(sql(ends)).await.expect_err("the address is taken, or the connection is gone");
    let error = session.commit().await.expect_err("her row was rolled back");
    assert!(matches!(error, anyorm::Error::Inactive { .. }), "{error}");
    session.recover().await?;
    session.commit().await?;
    assert_eq!(session[ada].id, if db.has(Capability::KeysAreGivenAgain) { 1 } else { 2 });
    assert_eq!(db.engine.count(User::select()).await?, 1);
    Ok(())
}

/// Rule 4: what is done after a savepoint's guard is gone belongs to the transaction around it.
async fn work_after_a_savepoint_that_was_dropped_in_its_flush_stays(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM users").await?;
        let mut session = db.engine.session();
        let old = session.add(user("Old"));
        session.commit().await?;
        let mut nested = session.begin_nested().await?;
        let inner = nested.add(user("Inner"));
        nested[old].age = Some(1);
        let done = step::polls(polls, nested.flush());
        drop(nested);
        assert!(session.peek(inner).is_none());
        assert_eq!(session[old].age, None);
        let after = session.add(user("After"));
        session[old].name = "Older".into();
        session.commit().await?;
        let names: Vec<(String, Option<i32>)> =
            db.engine.all(User::select().order_by(User::NAME.asc()).columns((User::NAME, User::AGE))).await?;
        assert_eq!(names, [("After".to_owned(), None), ("Older".to_owned(), None)], "after {polls} polls");
        assert_eq!(session[after].name, "After");
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// Rule 18: a pending delete reaches further than its own table.
async fn autoflush_sees_what_a_pending_delete_takes_along(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.add(post("Notes", ada));
    session.commit().await?;
    session.delete(ada);
    assert_eq!(session.count(Post::select()).await?, 0);
    Ok(())
}

/// A unique value, kept by a child.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "labels")]
struct Label {
    #[key(auto)]
    id: i64,
    #[column(unique)]
    text: String,
    #[belongs_to(on_delete = cascade)]
    shelf: BelongsTo<Shelf>,
}

/// Step 2 of the flush: also where a cascade gives the value up.
async fn a_value_that_a_cascade_frees_is_free(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Shelf, Book, Label]).await?;
    let mut session = db.engine.session();
    let [old, new] = ["old", "new"].map(|name| session.add(Shelf { name: name.into(), ..Shelf::default() }));
    session.add(Label { text: "A".into(), shelf: old.into(), ..Label::default() });
    session.commit().await?;
    session.delete(old);
    let label = session.add(Label { text: "A".into(), shelf: new.into(), ..Label::default() });
    session.commit().await?;
    assert_eq!(session[label].shelf.key(), Some(&2));
    Ok(())
}

/// A commit that was never awaited did nothing: the transaction ends as its closure does.
async fn an_unawaited_commit_of_a_transaction_is_none(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine
        .transaction(|mut tx| async move {
            tx.add(user("Ada"));
            drop(tx.commit());
            Ok(())
        })
        .await?;
    assert_eq!(db.engine.count(User::select()).await?, 1);
    Ok(())
}

/// A removal from a collection that is not loaded is queued, whatever is removed.
async fn a_new_row_has_no_links_to_remove(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO tags VALUES (1, 'red')").await?;
    let mut session = db.engine.session();
    let red = session.get_one::<Tag>(1).await?;
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session[red].posts.remove(notes);
    session.commit().await?;
    assert_eq!(pairs(&db).await?, []);
    Ok(())
}

/// Rules 6 and 9: the identity map forgets the key that the row had.
async fn a_deleted_row_leaves_its_key_though_it_was_given_another(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 1 });
    session.flush().await?;
    session[account].id = 2;
    session.delete(account);
    session.commit().await?;
    let again = session.add(Account { id: 1, balance: 3 });
    session.commit().await?;
    assert_eq!(session.get::<Account>(1).await?, Some(again));
    assert_eq!(accounts(&db).await?, [(1, 3)]);
    Ok(())
}

/// Rules 4 and 16: a commit that was sent is waited for, also where the guard of a savepoint is dropped meanwhile.
async fn a_commit_inside_a_savepoint_is_not_taken_back_by_the_guard(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM users").await?;
        let mut session = db.engine.session();
        let mut nested = session.begin_nested().await?;
        let inner = nested.add(user("Inner"));
        let done = step::polls(polls, nested.commit());
        drop(nested);
        session.rollback().await?;
        let stored = db.engine.count(User::select()).await?;
        assert_eq!(session.peek(inner).is_some(), stored == 1, "after {polls} polls");
        assert_eq!(stored == 1, polls > 0, "sent with the first poll");
        Ok(done.transpose()?.is_some())
    })
    .await
}
