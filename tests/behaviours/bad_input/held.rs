//! Calls that would wait for their own task: refused at once where the engine has one connection; on a file, which has readers
//! next to the one that writes, they wait in line, and the timeout says who is in front.

use std::time::Duration;

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, blog};
use orm_testkit::{Backend, Behaviour, Capability, Database, behaviours};

use anyorm_tests::check::{nothing_lost, says};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    an_engine_call_inside_the_sessions_transaction_is_refused,
    an_engine_call_inside_an_engines_transaction_is_refused,
    an_engine_call_next_to_a_connection_is_refused,
    a_second_session_that_writes_is_refused,
    a_transaction_inside_a_transaction_is_refused,
    two_branches_of_one_task_take_turns_with_the_writer_of_a_file,
];

/// An engine on the same database that does not wait for long, with one connection for all that writes.
async fn impatient(db: &Database) -> Result<Engine> {
    let engine = match db.url() {
        Some(url) => {
            let engine = Engine::builder(&url).acquire_timeout(Duration::from_millis(50));
            let engine = if db.has(Capability::OneWriter) { engine } else { engine.connections(1) };
            engine.open().await?
        }
        None => db.engine.clone(),
    };
    engine.create_all(&blog()).await?;
    Ok(engine)
}

/// The connection that could run it is held by this task: where, and, where there is no other, what to do.
#[track_caller]
fn is_held<T>(backend: Backend, result: Result<T>, line: u32) {
    let Err(error) = result else { panic!("it was not refused") };
    let place = match (&error, backend) {
        (Error::HeldBySelf { holder }, Backend::Memory | Backend::Postgres) => {
            says(&error, &["end it first"]);
            holder.to_string()
        }
        (Error::Timeout(timeout), Backend::File) => {
            assert_eq!(timeout.what, "the writer connection");
            timeout.holders.concat()
        }
        _ => panic!("{error:?}"),
    };
    assert!(place.ends_with(&format!("held.rs:{line}")), "held at line {line}, not {place}");
    says(&error, &[&place]);
}

fn account(id: i64) -> Account {
    Account { id, balance: 0 }
}

async fn an_engine_call_inside_the_sessions_transaction_is_refused(db: Database) -> Result<()> {
    let (engine, backend) = (impatient(&db).await?, db.backend);
    let mut session = engine.session();
    session.add(account(1));
    let line = line!() + 1;
    session.flush().await?;
    is_held(backend, engine.execute(Account::insert().value(account(2))).await, line);
    is_held(backend, engine.begin().await, line);
    is_held(backend, engine.connection().await, line);
    is_held(backend, engine.create_all(&blog()).await, line);
    let read = engine.count(Account::select()).await;
    match backend {
        // A file has readers, which see what is committed.
        Backend::File => assert_eq!(read?, 0),
        Backend::Memory | Backend::Postgres => is_held(backend, read, line),
    }
    assert_eq!(session.count(Account::select()).await?, 1, "the session goes on");
    session.commit().await?;
    assert_eq!(engine.count(Account::select()).await?, 1);
    nothing_lost(&engine).await
}

async fn an_engine_call_inside_an_engines_transaction_is_refused(db: Database) -> Result<()> {
    let (engine, backend) = (impatient(&db).await?, db.backend);
    let line = line!() + 1;
    let mut transaction = engine.begin().await?;
    is_held(backend, engine.execute(Account::insert().value(account(1))).await, line);
    transaction.execute(Account::insert().value(account(2))).await?;
    is_held(backend, engine.execute(Account::insert().value(account(1))).await, line);
    transaction.commit().await?;
    engine.execute(Account::insert().value(account(1))).await?;
    nothing_lost(&engine).await
}

async fn an_engine_call_next_to_a_connection_is_refused(db: Database) -> Result<()> {
    let (engine, backend) = (impatient(&db).await?, db.backend);
    let line = line!() + 1;
    let mut connection = engine.connection().await?;
    is_held(backend, engine.execute(Account::insert().value(account(1))).await, line);
    connection.execute(Account::insert().value(account(1))).await?;
    drop(connection);
    assert_eq!(engine.count(Account::select()).await?, 1);
    nothing_lost(&engine).await
}

async fn a_second_session_that_writes_is_refused(db: Database) -> Result<()> {
    let (engine, backend) = (impatient(&db).await?, db.backend);
    let (mut first, mut second) = (engine.session(), engine.session());
    first.add(account(1));
    let line = line!() + 1;
    first.flush().await?;
    let kept = second.add(account(2));
    is_held(backend, second.commit().await, line);
    first.commit().await?;
    // It never came to a statement: the work is still there, and the session takes calls.
    second.commit().await?;
    assert_eq!(second[kept].id, 2);
    assert_eq!(engine.count(Account::select()).await?, 2);
    nothing_lost(&engine).await
}

async fn a_transaction_inside_a_transaction_is_refused(db: Database) -> Result<()> {
    let (engine, backend) = (impatient(&db).await?, db.backend);
    let again = engine.clone();
    engine
        .transaction(move |mut tx| {
            let engine = again.clone();
            async move {
                tx.add(account(1));
                let line = line!() + 1;
                tx.flush().await?;
                let inner = engine.transaction(|mut tx| async move {
                    tx.add(account(2));
                    tx.flush().await
                });
                is_held(backend, inner.await, line);
                Ok(())
            }
        })
        .await?;
    assert_eq!(engine.count(Account::select()).await?, 1);
    nothing_lost(&engine).await
}

async fn two_branches_of_one_task_take_turns_with_the_writer_of_a_file(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let write = async |id| {
        let mut transaction = db.engine.begin().await?;
        // No statement is under way while the other branch asks for the connection.
        futures_lite::future::yield_now().await;
        transaction.execute(Account::insert().value(account(id))).await?;
        transaction.commit().await
    };
    let line = line!() - 6;
    let (first, second) = futures_lite::future::zip(write(1), write(2)).await;
    first?;
    match db.backend {
        // Where there is one connection, this looks like a task that waits for itself.
        Backend::Memory => is_held(db.backend, second, line),
        Backend::File | Backend::Postgres => second?,
    }
    nothing_lost(&db.engine).await
}
