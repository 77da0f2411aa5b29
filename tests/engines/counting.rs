//! Counting the statements of a future.

use std::panic::AssertUnwindSafe;

use anyorm::observe::count_statements;
use anyorm::prelude::*;
use anyorm::{Result, assert_statements};
use anyorm_tests::{Account, Post, User, blog, post, tag, user};
use futures_lite::FutureExt;
use orm_testkit::step::polls;
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    statements_of_a_future_are_counted,
    a_wrong_number_panics_and_lists_what_was_sent,
    counting_can_be_nested,
    joined_futures_are_counted_together,
    other_tasks_are_not_counted,
    a_dropped_future_counts_nowhere_else,
    a_future_that_panics_leaves_nothing_behind,
    savepoints_are_not_counted,
    a_read_that_is_given_up_inline_counts_once,
];

async fn statements_of_a_future_are_counted(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.add(post("Notes", ada));
    session.add_all([tag("math"), tag("poetry")]);
    // INSERTs into users, posts and tags: the tags in one.
    assert_statements!(3, session.commit())?;
    assert_statements!(0, session.commit())?;
    let found = assert_statements!(1, db.engine.all(User::select()))?;
    assert_eq!(found.len(), 1);
    // The error is the value; the statement was sent all the same.
    let refused = assert_statements!(1, db.engine.execute(User::insert().value(user("Ada"))));
    assert!(refused.is_err());
    let (answer, statements) = count_statements(async {
        db.engine.count(User::select()).await?;
        db.engine.count(Post::select()).await
    })
    .await;
    assert_eq!(answer?, 1);
    assert_eq!(statements.len(), 2);
    assert!(statements.iter().all(|sent| sent.location.file().ends_with("counting.rs")));
    Ok(())
}

async fn a_wrong_number_panics_and_lists_what_was_sent(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add_all([tag("math"), tag("poetry")]);
    let here = line!() + 1;
    let wrong = AssertUnwindSafe(async { assert_statements!(2, session.commit()) }).catch_unwind().await;
    let panic = wrong.expect_err("one was sent");
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(message.starts_with("2 statements were expected, but 1 was sent:\n     BEGIN"), "{message}");
    assert!(message.contains("  1. INSERT INTO \"tags\""), "{message}");
    assert!(
        message.contains(&format!("[2 rows]  at tests/engines/counting.rs:{here}\n     COMMIT")),
        "{message}"
    );
    // The commit itself was done.
    assert_eq!(db.engine.count(anyorm_tests::Tag::select()).await?, 2);
    Ok(())
}

async fn counting_can_be_nested(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let (inner, outer) = count_statements(async {
        db.engine.count(User::select()).await?;
        let (_, inner) = count_statements(db.engine.count(Post::select())).await;
        db.engine.count(Account::select()).await?;
        Ok::<_, anyorm::Error>(inner)
    })
    .await;
    assert_eq!((inner?.len(), outer.len()), (1, 3));
    Ok(())
}

async fn joined_futures_are_counted_together(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let (first, second) = assert_statements!(
        3,
        futures_lite::future::zip(count_statements(db.engine.count(User::select())), async {
            db.engine.count(Post::select()).await?;
            db.engine.count(Account::select()).await
        })
    );
    assert_eq!((first.1.len(), second?), (1, 0));
    Ok(())
}

async fn other_tasks_are_not_counted(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    assert_statements!(0, async {
        // A task of its own: here, another thread.
        let engine = db.engine.clone();
        let other = std::thread::spawn(move || futures_lite::future::block_on(engine.count(Post::select())));
        other.join().expect("it does not panic")
    })?;
    Ok(())
}

async fn a_dropped_future_counts_nowhere_else(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let counted = count_statements(db.engine.count(User::select()));
    let finished = polls(1, counted);
    assert!(finished.is_none_or(|(answer, statements)| answer.is_ok() && statements.len() == 1));
    assert_statements!(1, db.engine.count(User::select()))?;
    // What was around is current again: nothing.
    let (_, none) = count_statements(std::future::ready(())).await;
    assert!(none.is_empty() && none.all().is_empty());
    Ok(())
}

async fn a_future_that_panics_leaves_nothing_behind(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let (_, outer) = count_statements(async {
        let inner = count_statements(async {
            db.engine.count(User::select()).await?;
            panic!("in what is counted");
            #[expect(unreachable_code, reason = "says what the future answers")]
            Ok::<_, anyorm::Error>(())
        });
        assert!(AssertUnwindSafe(inner).catch_unwind().await.is_err());
        db.engine.count(User::select()).await
    })
    .await;
    assert_eq!(outer.len(), 2);
    Ok(())
}

async fn savepoints_are_not_counted(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let ((), statements) = count_statements(async {
        let mut transaction = db.engine.begin().await.unwrap();
        let mut savepoint = transaction.begin_nested().await.unwrap();
        savepoint.execute(Account::delete().everything()).await.unwrap();
        savepoint.release().await.unwrap();
        transaction.rollback().await.unwrap();
    })
    .await;
    assert_eq!(statements.len(), 1);
    let all: Vec<&str> =
        statements.all().iter().filter_map(|sent| sent.sql.split_whitespace().next()).collect();
    assert_eq!(all[..3], ["BEGIN", "SAVEPOINT", "DELETE"]);
    assert_eq!(all.last(), Some(&"ROLLBACK"));
    Ok(())
}

async fn a_read_that_is_given_up_inline_counts_once(db: Database) -> Result<()> {
    use crate::dispatch::{auto, nobody};

    let engine = auto(&db, 1, nobody()).await?;
    engine.insert_many((4..=20_000).map(|id| Account { id, balance: id })).await?;
    let before = engine.statistics();
    // No index leads there, and the row is the last one.
    let found = assert_statements!(1, engine.first(Account::select().filter(Account::BALANCE.eq(20_000))))?;
    assert_eq!(found.map(|account| account.id), Some(20_000));
    let since = engine.statistics().since(&before);
    assert_eq!((since.inline_aborted, since.interrupted, since.errors), (1, 1, 0));
    // One that runs inline counts, too.
    assert_statements!(1, engine.first(Account::select().filter(Account::ID.eq(7))))?;
    assert_eq!(engine.statistics().since(&before).inline, 1);
    Ok(())
}
