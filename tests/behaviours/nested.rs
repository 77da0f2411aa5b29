//! Savepoints of a session: rules 2 and 4, and what behaviours T2 and T4 ask for.

use anyorm::prelude::*;
use anyorm_tests::{User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours, step};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    t4_a_rolled_back_savepoint_undoes_changes_and_adds,
    a_released_savepoint_is_part_of_the_transaction,
    t2_a_failed_flush_inside_leaves_what_was_before,
    a_dropped_savepoint_rolls_back_with_the_next_statement,
    a_savepoint_in_which_nothing_happened_sends_nothing,
    savepoints_nest_and_the_older_row_wins,
    deletes_and_collections_come_back,
    a_savepoint_dropped_during_a_flush_is_rolled_back_by_the_next_call,
    a_value_that_is_refused_inside_leaves_what_was_before,
];

async fn names(db: &Database) -> anyorm::Result<Vec<String>> {
    db.engine.all(User::select().order_by(User::ID.asc()).columns(User::NAME)).await
}

async fn t4_a_rolled_back_savepoint_undoes_changes_and_adds(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    session.commit().await?;
    session[ada].name = "Ada 1".into();

    let mut nested = session.begin_nested().await?;
    nested[ada].name = "Ada 2".into();
    nested[bob].name = "Bob 2".into();
    let cyd = nested.add(user("Cyd"));
    nested.flush().await?;
    let dot = nested.add(user("Dot"));
    nested.rollback().await?;

    assert_eq!((session[ada].name.as_str(), session[bob].name.as_str()), ("Ada 1", "Bob"));
    assert!(session.peek(cyd).is_none() && session.peek(dot).is_none());
    session.commit().await?;
    assert_eq!(names(&db).await?, ["Ada 1", "Bob"]);
    Ok(())
}

async fn a_released_savepoint_is_part_of_the_transaction(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;

    let mut nested = session.begin_nested().await?;
    nested[ada].name = "Ada 2".into();
    let bob = nested.add(user("Bob"));
    nested.release().await?;
    assert_eq!(session[bob].id, 2);
    session.rollback().await?;
    assert_eq!(session[ada].name, "Ada");
    assert!(session.peek(bob).is_none());
    assert_eq!(names(&db).await?, ["Ada"]);

    let mut nested = session.begin_nested().await?;
    nested[ada].name = "Ada 3".into();
    nested.release().await?;
    session.commit().await?;
    assert_eq!(names(&db).await?, ["Ada 3"]);
    Ok(())
}

async fn t2_a_failed_flush_inside_leaves_what_was_before(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    session[ada].age = Some(36);

    let mut nested = session.begin_nested().await?;
    let bob = nested.add(user("Bob"));
    nested.flush().await?;
    nested.add(user("Ada"));
    let error = nested.flush().await.expect_err("the address is taken");
    assert!(error.constraint().is_some());
    assert!(matches!(nested.flush().await, Err(anyorm::Error::Inactive { .. })));
    nested.rollback().await?;

    assert!(session.peek(bob).is_none());
    session[ada].name = "Ada L.".into();
    session.commit().await?;
    let stored: Vec<(String, Option<i32>)> =
        db.engine.all(User::select().columns((User::NAME, User::AGE))).await?;
    assert_eq!(stored, [("Ada L.".to_owned(), Some(36))]);
    Ok(())
}

async fn a_dropped_savepoint_rolls_back_with_the_next_statement(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.flush().await?;

    let mut nested = session.begin_nested().await?;
    nested[ada].name = "Ada 2".into();
    nested.flush().await?;
    drop(nested);
    assert_eq!(session[ada].name, "Ada", "memory is back at once");

    db.log.clear();
    let stored: Vec<String> = session.all(User::select().columns(User::NAME)).await?;
    assert_eq!(stored, ["Ada"]);
    assert_eq!(db.log.hops(), 1);
    assert_eq!(db.log.statements()[..2], ["ROLLBACK TO anyorm_1", "RELEASE anyorm_1"]);
    session.commit().await?;
    assert_eq!(names(&db).await?, ["Ada"]);
    Ok(())
}

async fn a_savepoint_in_which_nothing_happened_sends_nothing(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    db.log.clear();
    session.begin_nested().await?.release().await?;
    drop(session.begin_nested().await?);
    session.commit().await?;
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

async fn savepoints_nest_and_the_older_row_wins(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;

    let mut outer = session.begin_nested().await?;
    outer[ada].name = "outer".into();
    let mut inner = outer.begin_nested().await?;
    inner[ada].name = "inner".into();
    inner.release().await?;
    assert_eq!(outer[ada].name, "inner");
    let mut again = outer.begin_nested().await?;
    again[ada].name = "again".into();
    again.flush().await?;
    again.rollback().await?;
    assert_eq!(outer[ada].name, "inner");
    outer.rollback().await?;
    assert_eq!(session[ada].name, "Ada");
    session.commit().await?;
    assert_eq!(names(&db).await?, ["Ada"]);
    Ok(())
}

async fn deletes_and_collections_come_back(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    let subject = session.add(tag("engines"));
    session[notes].tags.push(subject);
    session.commit().await?;

    let mut nested = session.begin_nested().await?;
    let more = nested.add(post("More", ada));
    nested.delete(notes);
    nested.flush().await?;
    assert_eq!(nested[ada].posts.loaded(), Some(&[more][..]));
    assert_eq!(nested[notes].title, "Notes", "readable until the commit");
    nested.rollback().await?;

    assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
    assert_eq!(session[notes].tags.loaded(), Some(&[subject][..]));
    assert_eq!(session[subject].posts.loaded(), Some(&[notes][..]));
    assert!(session.peek(more).is_none());
    assert_eq!(session.get(1).await?, Some(notes), "under its old handle");
    session[notes].title.push('!');
    session.commit().await?;
    let links: i64 = db.engine.scalar(sql("SELECT count(*) FROM post_tags").returning::<i64>()).await?;
    assert_eq!(links, 1);
    Ok(())
}

async fn a_savepoint_dropped_during_a_flush_is_rolled_back_by_the_next_call(
    db: Database,
) -> anyorm::Result<()> {
    let db = db.not_looked_for().await?;
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.flush().await?;

    let mut nested = session.begin_nested().await?;
    nested[ada].name = "Ada 2".into();
    assert!(step::polls(1, nested.flush()).is_none());
    drop(nested);
    session.commit().await?;
    assert_eq!(session[ada].name, "Ada");
    assert_eq!(names(&db).await?, ["Ada"]);
    Ok(())
}

/// Refused before it is sent, though the savepoint was not sent either.
async fn a_value_that_is_refused_inside_leaves_what_was_before(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(user("Ada"));
    session.flush().await?;
    let mut nested = session.begin_nested().await?;
    nested.add(user("Bob\0"));
    let error = nested.flush().await.expect_err("no database takes it");
    assert!(matches!(error, anyorm::Error::Value(_)), "{error}");
    nested.rollback().await?;
    session.add(user("Cyd"));
    session.commit().await?;
    assert_eq!(names(&db).await?, ["Ada", "Cyd"]);
    Ok(())
}
