//! Each call of a connection, a transaction and a savepoint of an engine, dropped at each of its polls.

use anyorm::prelude::*;
use anyorm::{Connection, Error, Result, Transaction};
use anyorm_tests::{Account, blog};
use orm_testkit::stop::{Stop, stops};
use orm_testkit::{Behaviour, Database, behaviours};

use super::calls::each_verb;
use anyorm_tests::check::{full_again, nothing_lost};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_connection_goes_on_after_each_verb,
    a_connection_inside_a_transaction_says_that_it_ended,
    a_transaction_ends_with_a_verb_that_was_sent,
    a_commit_happens_or_not,
    a_rollback_happens_in_any_case,
    a_savepoint_ends_the_transaction_with_a_verb_that_was_sent,
    a_savepoint_is_kept_when_it_was_released,
];

fn account(id: i64) -> Account {
    Account { id, balance: 10 }
}

async fn bank(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.execute(Account::insert().value(account(1))).await.map(drop)
}

async fn accounts(db: &Database) -> Result<Vec<i64>> {
    db.engine.all(Account::select().order_by(Account::ID.asc()).columns(Account::ID)).await
}

async fn connected_and_begun(db: &Database) -> Result<Connection> {
    let mut connection = db.engine.connection().await?;
    connection.execute(sql("BEGIN")).await?;
    connection.execute(Account::insert().value(account(2))).await?;
    connection.execute(Account::delete().filter(Account::ID.eq(1))).await?;
    Ok(connection)
}

async fn begun(db: &Database, written: bool) -> Result<Transaction> {
    let mut transaction = db.engine.begin().await?;
    if written {
        transaction.execute(Account::update().set(Account::ID, 2).everything()).await?;
    }
    Ok(transaction)
}

async fn a_connection_goes_on_after_each_verb(db: Database) -> Result<()> {
    bank(&db).await?;
    each_verb!(connection = db.engine.connection().await?; stop, ended => {
        assert_eq!(connection.count(Account::select()).await?, 1, "{stop:?}");
        drop(connection);
        full_again(&db.engine);
    });
    nothing_lost(&db.engine).await
}

async fn a_connection_inside_a_transaction_says_that_it_ended(db: Database) -> Result<()> {
    bank(&db).await?;
    each_verb!(connection = connected_and_begun(&db).await?; stop, ended => {
        let after = connection.count(Account::select()).await;
        is_ended_by_the_drop(&after, stop, ended);
        drop(connection);
        full_again(&db.engine);
        assert_eq!(accounts(&db).await?, [1], "{stop:?}");
    });
    nothing_lost(&db.engine).await
}

async fn a_transaction_ends_with_a_verb_that_was_sent(db: Database) -> Result<()> {
    bank(&db).await?;
    for written in [false, true] {
        each_verb!(transaction = begun(&db, written).await?; stop, ended => {
            is_ended_by_the_drop(&transaction.count(Account::select()).await, stop, ended);
            is_ended_by_the_drop(&transaction.commit().await, stop, ended);
            full_again(&db.engine);
            let committed = written && (ended || stop.is_before_the_first_poll());
            assert_eq!(accounts(&db).await?, [if committed { 2 } else { 1 }], "{stop:?}");
            db.engine.execute(Account::update().set(Account::ID, 1).everything()).await?;
        });
    }
    nothing_lost(&db.engine).await
}

async fn a_commit_happens_or_not(db: Database) -> Result<()> {
    bank(&db).await?;
    for (id, stop) in (100..).zip(stops()) {
        let mut transaction = db.engine.begin().await?;
        transaction.execute(Account::insert().value(account(id))).await?;
        transaction.execute(Account::insert().value(account(id + 1_000))).await?;
        let ended = stop.at(transaction.commit()).transpose()?.is_some();
        full_again(&db.engine);
        let found = db.engine.count(Account::select().filter(Account::ID.is_in([id, id + 1_000]))).await?;
        assert!(found == 2 || (found == 0 && !ended), "{found} of 2: {stop:?}");
        assert!(found == 0 || !stop.is_before_the_first_poll(), "{stop:?}");
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn a_rollback_happens_in_any_case(db: Database) -> Result<()> {
    bank(&db).await?;
    for stop in stops() {
        let mut transaction = db.engine.begin().await?;
        transaction.execute(Account::insert().value(account(2))).await?;
        let ended = stop.at(transaction.rollback()).transpose()?.is_some();
        full_again(&db.engine);
        assert_eq!(accounts(&db).await?, [1], "{stop:?}");
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn a_savepoint_ends_the_transaction_with_a_verb_that_was_sent(db: Database) -> Result<()> {
    bank(&db).await?;
    for stop in stops() {
        let mut transaction = db.engine.begin().await?;
        transaction.execute(Account::update().set(Account::ID, 2).everything()).await?;
        let mut part = transaction.begin_nested().await?;
        let ended = stop.at(part.count(Account::select())).transpose()?.is_some();
        is_ended_by_the_drop(&part.execute(Account::insert().value(account(3))).await, stop, ended);
        is_ended_by_the_drop(&part.release().await, stop, ended);
        is_ended_by_the_drop(&transaction.commit().await, stop, ended);
        full_again(&db.engine);
        let kept = ended || stop.is_before_the_first_poll();
        assert_eq!(accounts(&db).await?, if kept { vec![2, 3] } else { vec![1] }, "{stop:?}");
        db.engine.execute(Account::delete().filter(Account::ID.eq(3))).await?;
        db.engine.execute(Account::update().set(Account::ID, 1).everything()).await?;
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

/// Opening, releasing and rolling back do no I/O: dropped before its only poll, each leaves a savepoint that is undone.
async fn a_savepoint_is_kept_when_it_was_released(db: Database) -> Result<()> {
    bank(&db).await?;
    for keep in [false, true] {
        for stop in stops() {
            let mut transaction = db.engine.begin().await?;
            assert_eq!(
                stop.at(transaction.begin_nested()).transpose()?.is_none(),
                stop.is_before_the_first_poll()
            );
            let mut part = transaction.begin_nested().await?;
            part.execute(Account::insert().value(account(2))).await?;
            let ended = stop.at(if keep { part.release() } else { part.rollback() }).transpose()?.is_some();
            transaction.execute(Account::insert().value(account(3))).await?;
            transaction.commit().await?;
            let expected = if ended && keep { vec![1, 2, 3] } else { vec![1, 3] };
            assert_eq!(accounts(&db).await?, expected, "{stop:?}, keep {keep}");
            db.engine.execute(Account::delete().filter(Account::ID.gt(1))).await?;
            if ended {
                break;
            }
        }
    }
    nothing_lost(&db.engine).await
}

/// A call goes on where the one before it came to its end, or was never sent. Otherwise it says what happened.
#[track_caller]
fn is_ended_by_the_drop<T: std::fmt::Debug>(after: &Result<T>, stop: Stop, ended: bool) {
    match after {
        Ok(_) => assert!(ended || stop.is_before_the_first_poll(), "{stop:?}"),
        Err(Error::Ended(why)) => {
            assert!(!ended && !stop.is_before_the_first_poll(), "{stop:?}: {why}");
            assert!(why.contains("dropped before its end"), "{why}");
        }
        Err(other) => panic!("{stop:?}: {other:?}"),
    }
}
