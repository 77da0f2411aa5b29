//! Calls that would wait for their own task.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, blog};
use orm_testkit::{Backend, Behaviour, Database, behaviours};

use anyorm_tests::check::{nothing_lost, says};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    an_engine_call_inside_the_sessions_transaction_is_refused_at_once,
    an_engine_call_inside_an_engines_transaction_is_refused_at_once,
    an_engine_call_next_to_a_connection_is_refused_at_once,
    a_second_session_that_writes_is_refused_at_once,
    a_transaction_inside_a_transaction_is_refused_at_once,
];

/// The one connection that could run it is held by this task: where, and what to do.
#[track_caller]
fn is_held<T>(result: Result<T>, line: u32) {
    let Err(error) = result else { panic!("it was not refused") };
    let Error::HeldBySelf { holder } = &error else { panic!("{error:?}") };
    assert!(holder.ends_with(&format!("held.rs:{line}")), "held at line {line}, not {holder}");
    says(&error, &[holder, "end it first"]);
}

fn account(id: i64) -> Account {
    Account { id, balance: 0 }
}

async fn an_engine_call_inside_the_sessions_transaction_is_refused_at_once(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(account(1));
    let line = line!() + 1;
    session.flush().await?;
    is_held(db.engine.execute(Account::insert().value(account(2))).await, line);
    is_held(db.engine.begin().await, line);
    is_held(db.engine.connection().await, line);
    is_held(db.engine.create_all(&blog()).await, line);
    let read = db.engine.count(Account::select()).await;
    match db.backend {
        Backend::Memory => is_held(read, line),
        // A file has readers, which see what is committed.
        Backend::File => assert_eq!(read?, 0),
    }
    assert_eq!(session.count(Account::select()).await?, 1, "the session goes on");
    session.commit().await?;
    assert_eq!(db.engine.count(Account::select()).await?, 1);
    nothing_lost(&db.engine).await
}

async fn an_engine_call_inside_an_engines_transaction_is_refused_at_once(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let line = line!() + 1;
    let mut transaction = db.engine.begin().await?;
    is_held(db.engine.execute(Account::insert().value(account(1))).await, line);
    transaction.execute(Account::insert().value(account(2))).await?;
    is_held(db.engine.execute(Account::insert().value(account(1))).await, line);
    transaction.commit().await?;
    db.engine.execute(Account::insert().value(account(1))).await?;
    nothing_lost(&db.engine).await
}

async fn an_engine_call_next_to_a_connection_is_refused_at_once(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let line = line!() + 1;
    let mut connection = db.engine.connection().await?;
    is_held(db.engine.execute(Account::insert().value(account(1))).await, line);
    connection.execute(Account::insert().value(account(1))).await?;
    drop(connection);
    assert_eq!(db.engine.count(Account::select()).await?, 1);
    nothing_lost(&db.engine).await
}

async fn a_second_session_that_writes_is_refused_at_once(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let (mut first, mut second) = (db.engine.session(), db.engine.session());
    first.add(account(1));
    let line = line!() + 1;
    first.flush().await?;
    let kept = second.add(account(2));
    is_held(second.commit().await, line);
    first.commit().await?;
    // It never came to a statement: the work is still there, and the session takes calls.
    second.commit().await?;
    assert_eq!(second[kept].id, 2);
    assert_eq!(db.engine.count(Account::select()).await?, 2);
    nothing_lost(&db.engine).await
}

async fn a_transaction_inside_a_transaction_is_refused_at_once(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let engine = db.engine.clone();
    db.engine
        .transaction(move |mut tx| {
            let engine = engine.clone();
            async move {
                tx.add(account(1));
                let line = line!() + 1;
                tx.flush().await?;
                let inner = engine.transaction(|mut tx| async move {
                    tx.add(account(2));
                    tx.flush().await
                });
                is_held(inner.await, line);
                Ok(())
            }
        })
        .await?;
    assert_eq!(db.engine.count(Account::select()).await?, 1);
    nothing_lost(&db.engine).await
}
