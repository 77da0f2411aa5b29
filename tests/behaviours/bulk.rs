//! Many rows past a session, and inserts that meet rows that are there already.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, Node, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Capability, Database, behaviours};

use crate::support::{accounts, elsewhere, posts, sent, tags, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    l7_many_rows_are_one_statement_and_no_keys_come_back,
    l6_rows_of_several_kinds_are_consecutive_groups_in_order,
    l6_an_update_of_many_needs_keys,
    an_update_of_many_writes_all_columns,
    an_update_of_many_checks_rows_and_versions,
    all_or_none_are_stored,
    inside_a_transaction_a_failure_takes_back_its_own_rows_only,
    a_session_inserts_many_after_what_is_pending,
    a_session_goes_on_after_a_bulk_insert_that_failed,
    links_without_a_key_are_refused,
    l8_an_upsert_answers_entities_with_their_old_values,
    l8_populate_existing_overwrites,
    an_upsert_adds_what_is_new_and_flushes_before,
    do_nothing_answers_new_rows_only,
    an_upsert_raises_versions,
    conflicts_are_told_by_unique_columns,
    l5_deletes_by_criteria_with_subqueries_follow,
    l5_savepoints_bring_what_was_deleted_by_criteria_back,
];

async fn l7_many_rows_are_one_statement_and_no_keys_come_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.log.clear();
    assert_eq!(db.engine.insert_many(["a", "b", "c"].map(tag)).await?, 3);
    assert_eq!(db.log.hops(), 1);
    assert_eq!(sent(&db), ["INSERT INTO tags (name) VALUES (?) x3"]);
    assert_eq!(tags(&db).await?, ["a", "b", "c"]);
    assert_eq!(db.engine.insert_many(Vec::<Tag>::new()).await?, 0);
    let mut connection = db.engine.connection().await?;
    assert_eq!(connection.insert_many([tag("d")]).await?, 1);
    Ok(())
}

async fn l6_rows_of_several_kinds_are_consecutive_groups_in_order(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.log.clear();
    let keyed = |id, name: &str| Tag { id, ..tag(name) };
    let mixed = [tag("a"), tag("b"), keyed(10, "c"), keyed(11, "d"), tag("e")];
    assert_eq!(db.engine.insert_many(mixed).await?, 5);
    let (plain, with_key) =
        ("INSERT INTO tags (name) VALUES (?)", "INSERT INTO tags (id, name) VALUES (?, ?)");
    assert_eq!(sent(&db), [format!("{plain} x2"), format!("{with_key} x2"), format!("{plain} x1")]);
    let last = if db.has(Capability::KeysFollowTheLargest) { 12 } else { 3 };
    let keys = Tag::select().columns((Tag::NAME, Tag::ID)).order_by(Tag::NAME);
    let expected = [("a", 1), ("b", 2), ("c", 10), ("d", 11), ("e", last)];
    assert_eq!(db.engine.all(keys).await?, expected.map(|(name, key)| (name.to_owned(), key)));
    Ok(())
}

async fn l6_an_update_of_many_needs_keys(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many([tag("a")]).await?;
    db.log.clear();
    let error = db.engine.update_many([Tag { id: 1, ..tag("b") }, tag("c")]).await.unwrap_err().to_string();
    assert!(error.contains("Tag") && error.contains("value 2 has none"), "{error}");
    assert_eq!(db.log.hops(), 0);
    assert_eq!(tags(&db).await?, ["a"]);
    Ok(())
}

async fn an_update_of_many_writes_all_columns(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many((1..=3).map(|id| Account { id, balance: 0 })).await?;
    db.log.clear();
    let changed = [Account { id: 3, balance: 30 }, Account { id: 1, balance: 10 }];
    assert_eq!(db.engine.update_many(changed).await?, 2);
    assert_eq!(sent(&db), ["UPDATE accounts SET balance = ? WHERE id = ? x2"]);
    assert_eq!(accounts(&db).await?, [(1, 10), (2, 0), (3, 30)]);
    Ok(())
}

async fn an_update_of_many_checks_rows_and_versions(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many([user("Ada")]).await?;
    db.engine.insert_many(["One", "Two"].map(|title| post(title, BelongsTo::to_key(1)))).await?;
    let mut all: Vec<Post> = db.engine.all(Post::select().order_by(Post::ID)).await?;
    elsewhere(&db, "UPDATE posts SET version = 5 WHERE id = 2").await?;
    all.iter_mut().for_each(|post| post.title.push('!'));
    let error = db.engine.update_many(all).await.unwrap_err();
    let Error::StaleData(stale) = &error else { panic!("{error}") };
    assert_eq!((stale.entity, &*stale.key, stale.expected, stale.matched), ("Post", "2", 2, 1));
    assert_eq!(posts(&db).await?, [("One".to_owned(), 1), ("Two".to_owned(), 1)], "none is written");
    let one: Post = db.engine.one(Post::select().filter(Post::ID.eq(1))).await?;
    db.engine.update_many([Post { title: "Uno".into(), ..one }]).await?;
    let version: i64 = db.engine.scalar(Post::select().filter(Post::ID.eq(1)).columns(Post::VERSION)).await?;
    assert_eq!(version, 1);
    Ok(())
}

async fn all_or_none_are_stored(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let error = db.engine.insert_many(["a", "b", "a"].map(tag)).await.unwrap_err();
    assert!(error.constraint().is_some(), "{error}");
    assert!(tags(&db).await?.is_empty());
    Ok(())
}

async fn inside_a_transaction_a_failure_takes_back_its_own_rows_only(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut transaction = db.engine.begin().await?;
    transaction.insert_many(["a", "b"].map(tag)).await?;
    transaction.insert_many(["c", "d", "a"].map(tag)).await.unwrap_err();
    transaction.insert_many([tag("e")]).await?;
    let mut nested = transaction.begin_nested().await?;
    nested.insert_many(["f", "g", "a"].map(tag)).await.unwrap_err();
    nested.insert_many(["h", "i"].map(tag)).await?;
    nested.rollback().await?;
    transaction.commit().await?;
    assert_eq!(tags(&db).await?, ["a", "b", "e"]);
    Ok(())
}

async fn a_session_inserts_many_after_what_is_pending(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(user("Ada"));
    let by_ada = ["One", "Two"].map(|title| post(title, BelongsTo::to_key(1)));
    assert_eq!(session.insert_many(by_ada).await?, 2);
    session.rollback().await?;
    assert_eq!(db.engine.count(Post::select()).await?, 0);
    session.insert_many(["a", "b"].map(tag)).await?;
    assert!(session.in_transaction());
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["a", "b"]);
    Ok(())
}

async fn a_session_goes_on_after_a_bulk_insert_that_failed(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.flush().await?;
    session.insert_many(["a", "b", "a"].map(tag)).await.unwrap_err();
    {
        let mut nested = session.begin_nested().await?;
        nested.insert_many(["c", "d", "c"].map(tag)).await.unwrap_err();
        nested.insert_many(["e", "f"].map(tag)).await?;
        nested.rollback().await?;
    }
    session.insert_many([tag("g")]).await?;
    session[ada].age = Some(36);
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["g"]);
    assert_eq!(users(&db).await?.len(), 1);
    Ok(())
}

async fn links_without_a_key_are_refused(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let error = db.engine.insert_many([post("One", user("Ada"))]).await.unwrap_err().to_string();
    assert!(error.contains("Post::author leads to an entity that has no key yet"), "{error}");
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let error = session.insert_many([post("One", ada)]).await.unwrap_err().to_string();
    assert!(error.contains("no key yet"), "{error}");
    assert_eq!(db.engine.insert_many([Node { name: "root".into(), ..Node::default() }]).await?, 1);
    Ok(())
}

fn renamed(name: &str) -> User {
    User { name: format!("{name} the second"), ..user(name) }
}

async fn l8_an_upsert_answers_entities_with_their_old_values(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    let upsert =
        User::insert().values([renamed("Ada"), user("Bob")]).on_conflict(User::EMAIL).do_update(User::NAME);
    let found = session.all(upsert.returning_all()).await?;
    assert_eq!(found[0], ada);
    assert_eq!(session[ada].name, "Ada", "what the session has stays");
    assert_eq!(session[found[1]].name, "Bob");
    session.refresh(ada).await?;
    assert_eq!(session[ada].name, "Ada the second");
    session.rollback().await?;
    assert_eq!(session[ada].name, "Ada");
    assert!(session.peek(found[1]).is_none(), "its row is gone");
    assert_eq!(users(&db).await?, [(1, "Ada".to_owned())]);
    Ok(())
}

async fn l8_populate_existing_overwrites(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    let upsert = User::insert().value(renamed("Ada")).on_conflict(User::EMAIL).do_update_all();
    let found = session.all(upsert.returning_all().populate_existing()).await?;
    assert_eq!(found, [ada]);
    assert_eq!(session[ada].name, "Ada the second");
    assert!(!session.is_dirty());
    session.rollback().await?;
    assert_eq!(session[ada].name, "Ada");
    session[ada].age = Some(3);
    session.commit().await?;
    assert_eq!(users(&db).await?, [(1, "Ada".to_owned())]);
    Ok(())
}

async fn an_upsert_adds_what_is_new_and_flushes_before(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    let rows = [Account { id: 1, balance: 6 }, Account { id: 2, balance: 7 }];
    let upsert = Account::insert().values(rows).on_conflict(Account::ID).do_update(Account::BALANCE);
    let found = session.all(upsert.returning_all().populate_existing()).await?;
    assert_eq!(found[0], account, "what was pending was flushed before");
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 6), (2, 7)]);
    assert_eq!(session[account].balance, 6);
    Ok(())
}

async fn do_nothing_answers_new_rows_only(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many([tag("a")]).await?;
    let insert = Tag::insert().values(["a", "b"].map(tag)).on_conflict(Tag::NAME).do_nothing();
    let new: Vec<Tag> = db.engine.all(insert.clone().returning_all()).await?;
    assert_eq!(new.iter().map(|tag| &*tag.name).collect::<Vec<_>>(), ["b"]);
    assert_eq!(db.engine.execute(insert).await?, 0);
    Ok(())
}

async fn an_upsert_raises_versions(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many([user("Ada")]).await?;
    let mut session = db.engine.session();
    let notes = session.add(post("Notes", BelongsTo::to_key(1)));
    session.commit().await?;
    let row = Post { id: 1, ..post("Again", BelongsTo::to_key(1)) };
    db.engine.execute(Post::insert().value(row).on_conflict(Post::ID).do_update_all()).await?;
    session[notes].title = "Mine".into();
    let error = session.commit().await.unwrap_err();
    assert!(matches!(error, Error::StaleData(_)), "{error}");
    Ok(())
}

async fn conflicts_are_told_by_unique_columns(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let insert = User::insert().value(user("Ada")).on_conflict(User::NAME).do_nothing();
    let error = db.engine.execute(insert).await.unwrap_err().to_string();
    assert!(error.contains("neither the key nor unique"), "{error}");
    Ok(())
}

async fn l5_deletes_by_criteria_with_subqueries_follow(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session
        .execute(User::update().set(User::AGE, 9).filter(User::POSTS.any(Post::TITLE.eq("Notes"))))
        .await?;
    assert_eq!((session[ada].age, session[bob].age), (Some(9), None));
    session.execute(User::delete().filter(User::POSTS.any(Post::TITLE.eq("Notes")))).await?;
    assert_eq!(session.get::<User>(1).await?, None);
    assert_eq!(session.get::<Post>(1).await?, None, "it went along");
    session.rollback().await?;
    assert_eq!(session.get::<User>(1).await?, Some(ada));
    assert_eq!(session.get::<Post>(1).await?, Some(notes));
    assert_eq!(session[ada].age, None);
    Ok(())
}

async fn l5_savepoints_bring_what_was_deleted_by_criteria_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let [first, second] = [1, 2].map(|id| session.add(Account { id, balance: 0 }));
    session.commit().await?;
    {
        let mut nested = session.begin_nested().await?;
        nested.execute(Account::delete().filter(Account::ID.eq(1))).await?;
        nested.execute(Account::update().set(Account::BALANCE, 5).everything()).await?;
        assert_eq!(nested[second].balance, 5);
        nested.rollback().await?;
    }
    assert_eq!(session.get::<Account>(1).await?, Some(first));
    assert_eq!(session[second].balance, 0);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 0), (2, 0)]);
    Ok(())
}
