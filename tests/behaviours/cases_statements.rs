//! Statements by criteria, many rows and upserts in a session, and what tracked entities make of them.

use anyorm::error::ConstraintKind;
use anyorm::prelude::*;
use anyorm::{Error, Result, schema};
use anyorm_tests::{Account, Node, Post, Tag, User, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{accounts, elsewhere, settled, stored, tags};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    an_expression_gives_each_tracked_row_its_own_value,
    columns_change_places_in_one_update,
    only_rows_that_match_follow,
    a_filter_on_the_column_that_is_set,
    a_pending_change_of_a_row_deleted_by_criteria_goes_with_it,
    children_that_the_database_empties_follow_a_delete_by_criteria,
    a_refused_delete_by_criteria_leaves_the_session_working,
    a_statement_without_a_filter_is_refused,
    nothing_matched_is_no_change,
    a_key_deleted_by_criteria_is_added_anew,
    a_value_freed_by_criteria_is_taken_in_the_same_transaction,
    returned_columns_are_those_after_the_update,
    an_update_by_criteria_sees_what_is_pending,
    rows_inserted_past_the_session_are_found_by_key,
    many_rows_of_composite_keys,
    an_upsert_by_a_composite_unique_index,
    an_upsert_of_a_row_that_is_deleted_in_the_session,
    an_upsert_of_one_row_twice_in_a_batch,
    a_relation_set_by_an_update_of_many_is_seen_after_a_refresh,
    members_loaded_after_an_update_by_criteria,
    an_update_by_criteria_in_a_savepoint_and_out_again,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "spots", unique("x", "y"))]
struct Spot {
    #[key]
    street: String,
    #[key]
    number: i32,
    x: i64,
    y: i64,
    #[belongs_to(on_delete = set_null)]
    tag: BelongsTo<Option<Tag>>,
}

fn spot(street: &str, number: i32, x: i64, y: i64) -> Spot {
    Spot { street: street.into(), number, x, y, ..Spot::default() }
}

async fn spots(db: &Database) -> Result<Vec<(String, i64, i64, i64)>> {
    stored(db, "SELECT street, number, x, y FROM spots ORDER BY street, number").await
}

/// Three accounts with 10, 20 and 30.
async fn three(db: &Database) -> Result<(Session, [Handle<Account>; 3])> {
    db.engine.create_all(&schema![User, Post, Tag, Account, Node, Spot]).await?;
    let mut session = db.engine.session();
    let handles = [1, 2, 3].map(|id| session.add(Account { id, balance: id * 10 }));
    session.commit().await?;
    db.log.clear();
    Ok((session, handles))
}

async fn an_expression_gives_each_tracked_row_its_own_value(db: Database) -> Result<()> {
    let (mut session, handles) = three(&db).await?;
    let doubled = Account::update().set(Account::BALANCE, Account::BALANCE * 2).filter(Account::ID.ne(2));
    assert_eq!(session.execute(doubled).await?, 2);
    assert_eq!(handles.map(|account| session[account].balance), [20, 20, 60]);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 20), (2, 20), (3, 60)]);
    settled(&db, &mut session).await
}

async fn columns_change_places_in_one_update(db: Database) -> Result<()> {
    let (mut session, _) = three(&db).await?;
    let one = session.add(spot("elm", 1, 5, 7));
    session.commit().await?;
    session.execute(Spot::update().set(Spot::X, Spot::Y).set(Spot::Y, Spot::X).everything()).await?;
    assert_eq!((session[one].x, session[one].y), (7, 5));
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn only_rows_that_match_follow(db: Database) -> Result<()> {
    let (mut session, [one, two, three]) = three(&db).await?;
    elsewhere(&db, "UPDATE accounts SET balance = 99 WHERE id = 3").await?;
    session.execute(Account::update().set(Account::BALANCE, 0).filter(Account::BALANCE.lt(15))).await?;
    // The third was changed by others; the statement did not touch it, and nobody read it.
    assert_eq!([one, two, three].map(|account| session[account].balance), [0, 20, 30]);
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn a_filter_on_the_column_that_is_set(db: Database) -> Result<()> {
    let (mut session, [one, two, _]) = three(&db).await?;
    session[one].balance = 20;
    let update = Account::update().set(Account::BALANCE, 21).filter(Account::BALANCE.eq(20));
    assert_eq!(session.execute(update).await?, 2, "the pending change was flushed before");
    assert_eq!([one, two].map(|account| session[account].balance), [21, 21]);
    session.rollback().await?;
    assert_eq!([one, two].map(|account| session[account].balance), [10, 20]);
    settled(&db, &mut session).await
}

async fn a_pending_change_of_a_row_deleted_by_criteria_goes_with_it(db: Database) -> Result<()> {
    let (mut session, [one, ..]) = three(&db).await?;
    session[one].balance = 11;
    assert_eq!(session.execute(Account::delete().filter(Account::ID.le(2))).await?, 2);
    session.commit().await?;
    assert!(session.peek(one).is_none());
    assert_eq!(accounts(&db).await?, [(3, 30)]);
    settled(&db, &mut session).await
}

async fn children_that_the_database_empties_follow_a_delete_by_criteria(db: Database) -> Result<()> {
    let (mut session, _) = three(&db).await?;
    let red = session.add(tag("red"));
    let one = session.add(Spot { tag: red.into(), ..spot("elm", 1, 0, 0) });
    session.commit().await?;
    session.execute(Tag::delete().everything()).await?;
    assert!(session[one].tag.is_empty());
    session[one].x = 4;
    session.commit().await?;
    assert_eq!(stored::<(i64, Option<i64>)>(&db, "SELECT x, tag_id FROM spots").await?, [(4, None)]);
    settled(&db, &mut session).await
}

async fn a_refused_delete_by_criteria_leaves_the_session_working(db: Database) -> Result<()> {
    let (mut session, _) = three(&db).await?;
    let root = session.add(Node { name: "root".into(), ..Node::default() });
    let leaf = session.add(Node { name: "leaf".into(), parent: root.into(), ..Node::default() });
    session.commit().await?;
    session[leaf].name = "kept".into();
    session.flush().await?;
    let error = session.execute(Node::delete().filter(Node::NAME.eq("root"))).await.unwrap_err();
    assert_eq!(error.constraint().map(|broken| broken.kind), Some(ConstraintKind::ForeignKey));
    assert_eq!(session.get::<Node>(1).await?, Some(root));
    session.commit().await?;
    assert_eq!(stored::<String>(&db, "SELECT name FROM nodes ORDER BY id").await?, ["root", "kept"]);
    settled(&db, &mut session).await
}

async fn a_statement_without_a_filter_is_refused(db: Database) -> Result<()> {
    let (mut session, _) = three(&db).await?;
    for error in [
        session.execute(Account::delete()).await.unwrap_err(),
        session.execute(Account::update().set(Account::BALANCE, 0)).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Build(_)) && error.to_string().contains("everything"), "{error}");
    }
    assert_eq!(db.log.hops(), 0);
    assert_eq!(accounts(&db).await?.len(), 3);
    settled(&db, &mut session).await
}

async fn nothing_matched_is_no_change(db: Database) -> Result<()> {
    let (mut session, handles) = three(&db).await?;
    let none = Account::update().set(Account::BALANCE, 0).filter(Account::ID.gt(9));
    assert_eq!(session.execute(none).await?, 0);
    assert_eq!(session.execute(Account::delete().filter(Account::ID.is_in(Vec::<i64>::new()))).await?, 0);
    assert_eq!(handles.map(|account| session[account].balance), [10, 20, 30]);
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn a_key_deleted_by_criteria_is_added_anew(db: Database) -> Result<()> {
    let (mut session, [one, ..]) = three(&db).await?;
    session.execute(Account::delete().filter(Account::ID.eq(1))).await?;
    let new = session.add(Account { id: 1, balance: 7 });
    session.flush().await?;
    assert_eq!(session.get::<Account>(1).await?, Some(new));
    session.rollback().await?;
    assert_eq!(session.get::<Account>(1).await?, Some(one));
    assert_eq!(session[one].balance, 10);
    assert!(session.peek(new).is_none());
    settled(&db, &mut session).await
}

async fn a_value_freed_by_criteria_is_taken_in_the_same_transaction(db: Database) -> Result<()> {
    let (mut session, _) = three(&db).await?;
    let [a, b] = ["a", "b"].map(|name| session.add(tag(name)));
    session.commit().await?;
    session.execute(Tag::update().set(Tag::NAME, "c").filter(Tag::NAME.eq("a"))).await?;
    session[b].name = "a".into();
    session.commit().await?;
    assert_eq!((&*session[a].name, tags(&db).await?), ("c", vec!["c".to_owned(), "a".to_owned()]));
    settled(&db, &mut session).await
}

async fn returned_columns_are_those_after_the_update(db: Database) -> Result<()> {
    let (mut session, [one, ..]) = three(&db).await?;
    let update = Account::update().set(Account::BALANCE, Account::BALANCE + 1).filter(Account::ID.eq(1));
    let rows = session.all(update.returning((Account::ID, Account::BALANCE))).await?;
    assert_eq!(rows, [(1, 11)]);
    session.commit().await?;
    assert_eq!(accounts(&db).await?[0], (1, 11));
    session.refresh(one).await?;
    assert_eq!(session[one].balance, 11);
    settled(&db, &mut session).await
}

async fn an_update_by_criteria_sees_what_is_pending(db: Database) -> Result<()> {
    let (mut session, [one, two, _]) = three(&db).await?;
    session.delete(one);
    let four = session.add(Account { id: 4, balance: 40 });
    assert_eq!(session.execute(Account::update().set(Account::BALANCE, 1).everything()).await?, 3);
    assert_eq!((session[two].balance, session[four].balance), (1, 1));
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(2, 1), (3, 1), (4, 1)]);
    settled(&db, &mut session).await
}

async fn rows_inserted_past_the_session_are_found_by_key(db: Database) -> Result<()> {
    let (mut session, _) = three(&db).await?;
    session.insert_many([Account { id: 8, balance: 80 }]).await?;
    let eight = session.get_one::<Account>(8).await?;
    session[eight].balance = 81;
    session.rollback().await?;
    assert!(session.peek(eight).is_none(), "its row is gone");
    assert_eq!(session.get::<Account>(8).await?, None);
    settled(&db, &mut session).await
}

async fn many_rows_of_composite_keys(db: Database) -> Result<()> {
    let (mut session, _) = three(&db).await?;
    let values = [spot("elm", 0, 0, 0), spot("elm", 1, 1, 1), spot("oak", 0, 2, 2)];
    assert_eq!(session.insert_many(values).await?, 3);
    session.commit().await?;
    assert_eq!(db.engine.update_many([spot("elm", 0, 9, 9)]).await?, 1);
    let zero = session.get_one::<Spot>(("elm", 0)).await?;
    assert_eq!(session[zero].x, 9);
    assert_eq!(session.execute(Spot::delete().filter(Spot::NUMBER.eq(0))).await?, 2);
    assert_eq!(session.get::<Spot>(("elm", 0)).await?, None);
    session.commit().await?;
    assert_eq!(spots(&db).await?, [("elm".to_owned(), 1, 1, 1)]);
    settled(&db, &mut session).await
}

async fn an_upsert_by_a_composite_unique_index(db: Database) -> Result<()> {
    let (mut session, _) = three(&db).await?;
    let elm = session.add(spot("elm", 1, 5, 5));
    session.commit().await?;
    let upsert = Spot::insert().values([spot("oak", 2, 5, 5), spot("ash", 3, 6, 6)]);
    let upsert = upsert.on_conflict((Spot::X, Spot::Y)).do_update(Spot::NUMBER);
    assert_eq!(session.execute(upsert).await?, 2);
    session.commit().await?;
    assert_eq!(spots(&db).await?, [("ash".to_owned(), 3, 6, 6), ("elm".to_owned(), 2, 5, 5)]);
    // What the session has stays, also its key, until it is read: its row has another one now.
    session.detach(elm);
    assert!(session.get::<Spot>(("elm", 2)).await?.is_some());
    settled(&db, &mut session).await
}

async fn an_upsert_of_a_row_that_is_deleted_in_the_session(db: Database) -> Result<()> {
    let (mut session, [one, ..]) = three(&db).await?;
    session.delete(one);
    let upsert = Account::insert().value(Account { id: 1, balance: 5 });
    let upsert = upsert.on_conflict(Account::ID).do_update(Account::BALANCE);
    let found = session.all(upsert.returning_all()).await?;
    assert_ne!(found[0], one, "its row was deleted before");
    session.commit().await?;
    assert_eq!(session.get::<Account>(1).await?, Some(found[0]));
    assert_eq!(session[found[0]].balance, 5);
    assert_eq!(accounts(&db).await?[0], (1, 5));
    settled(&db, &mut session).await
}

async fn an_upsert_of_one_row_twice_in_a_batch(db: Database) -> Result<()> {
    let (mut session, _) = three(&db).await?;
    let rows = [tag("a"), tag("b"), tag("a")];
    let upsert = Tag::insert().values(rows).on_conflict(Tag::NAME).do_nothing();
    let found = session.all(upsert.returning_all()).await?;
    assert_eq!(found.len(), 2);
    session[found[1]].name = "c".into();
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["a", "c"]);
    settled(&db, &mut session).await
}

async fn a_relation_set_by_an_update_of_many_is_seen_after_a_refresh(db: Database) -> Result<()> {
    let (mut session, _) = three(&db).await?;
    let [ada, bob] = ["Ada", "Bob"].map(|name| session.add(user(name)));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    let value: Post = db.engine.one(Post::select()).await?;
    db.engine.update_many([Post { author: BelongsTo::to_key(2), ..value }]).await?;
    assert_eq!(session[notes].author.key(), Some(&1));
    session.refresh(notes).await?;
    assert_eq!((session[notes].author.key(), session[notes].version), (Some(&2), 1));
    session.refresh(bob).await?;
    session.load(&[bob], User::POSTS).await?;
    assert!(session[bob].posts.contains(notes));
    session[notes].title = "Letters".into();
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn members_loaded_after_an_update_by_criteria(db: Database) -> Result<()> {
    let (mut session, _) = three(&db).await?;
    let ada = session.add(user("Ada"));
    session.add_all(["a", "b"].map(|title| post(title, ada)));
    session.commit().await?;
    let mut session = db.engine.session();
    let ada = session.get_one::<User>(1).await?;
    let first = session.get_one::<Post>(1).await?;
    session[first].title = "mine".into();
    session.execute(Post::update().set(Post::TITLE, Post::TITLE.upper()).everything()).await?;
    session.load(&[ada], User::POSTS).await?;
    let titles: Vec<&str> = session[ada].posts.iter().map(|&post| &*session[post].title).collect();
    assert_eq!(titles, ["MINE", "B"]);
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn an_update_by_criteria_in_a_savepoint_and_out_again(db: Database) -> Result<()> {
    let (mut session, [one, two, _]) = three(&db).await?;
    session.execute(Account::update().set(Account::BALANCE, 1).filter(Account::ID.eq(1))).await?;
    for kept in [false, true] {
        let mut nested = session.begin_nested().await?;
        let both = Account::update().set(Account::BALANCE, Account::BALANCE + 5).filter(Account::ID.le(2));
        nested.execute(both).await?;
        assert_eq!([one, two].map(|account| nested[account].balance), [6, 25]);
        if kept { nested.release().await? } else { nested.rollback().await? }
    }
    assert_eq!([one, two].map(|account| session[account].balance), [6, 25]);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 6), (2, 25), (3, 30)]);
    settled(&db, &mut session).await
}
