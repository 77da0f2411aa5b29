//! Transactions and savepoints: what is sent, what stays, what goes.

use std::sync::Arc;

use futures_lite::future;
use orm_core::{Error, sql};
use orm_exec::{Engine, Transaction};

use crate::support::{Log, full_again, insert, memory, numbers};

async fn logged() -> (Engine, Arc<Log>) {
    let log = Arc::new(Log::default());
    let engine = Engine::builder("sqlite::memory:").observer(log.clone()).open().await.unwrap();
    engine.execute(sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)")).await.unwrap();
    log.take();
    (engine, log)
}

async fn put(transaction: &mut Transaction, n: i64) -> Result<u64, Error> {
    transaction.execute(sql("INSERT INTO t (n) VALUES (?)").bind(n)).await
}

#[test]
fn begin_rides_with_the_first_statement() {
    future::block_on(async {
        let (engine, log) = logged().await;
        let mut transaction = engine.begin().await.unwrap();
        assert_eq!(log.take(), [""; 0]);
        put(&mut transaction, 1).await.unwrap();
        put(&mut transaction, 2).await.unwrap();
        transaction.commit().await.unwrap();
        let insert = |n| format!("INSERT INTO t (n) VALUES (?) [[Int({n})]]");
        assert_eq!(log.take(), ["BEGIN IMMEDIATE".to_owned(), insert(1), insert(2), "COMMIT".to_owned()]);
    });
}

#[test]
fn a_transaction_that_ran_nothing_sends_nothing() {
    future::block_on(async {
        let (engine, log) = logged().await;
        engine.begin().await.unwrap().commit().await.unwrap();
        engine.begin().await.unwrap().rollback().await.unwrap();
        drop(engine.begin().await.unwrap());
        assert_eq!((log.take().len(), engine.statistics().in_use()), (0, 0));
    });
}

#[test]
fn a_dropped_transaction_is_rolled_back() {
    future::block_on(async {
        let (engine, log) = logged().await;
        let mut transaction = engine.begin().await.unwrap();
        put(&mut transaction, 1).await.unwrap();
        drop(transaction);
        assert_eq!(numbers(&engine).await, [0_i64; 0]);
        assert_eq!(log.take()[2..], ["ROLLBACK", "SELECT n FROM t ORDER BY n"]);
    });
}

#[test]
fn so_is_one_whose_commit_was_never_awaited() {
    future::block_on(async {
        let engine = memory().await;
        let mut transaction = engine.begin().await.unwrap();
        put(&mut transaction, 1).await.unwrap();
        drop(transaction.commit());
        assert_eq!(numbers(&engine).await, [0_i64; 0]);
    });
}

#[test]
fn a_failed_statement_leaves_the_transaction() {
    future::block_on(async {
        let (engine, log) = logged().await;
        let mut transaction = engine.begin().await.unwrap();
        put(&mut transaction, 1).await.unwrap();
        assert!(put(&mut transaction, 1).await.unwrap_err().constraint().is_some());
        put(&mut transaction, 2).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(numbers(&engine).await, [1, 2]);
        assert_eq!(log.take().iter().filter(|sql| sql.starts_with("BEGIN")).count(), 1);
    });
}

#[test]
fn a_failed_first_statement_takes_its_begin_back() {
    future::block_on(async {
        let (engine, log) = logged().await;
        insert(&engine, 1).await.unwrap();
        log.take();
        let mut transaction = engine.begin().await.unwrap();
        assert!(put(&mut transaction, 1).await.is_err());
        put(&mut transaction, 2).await.unwrap();
        transaction.commit().await.unwrap();
        let sent: Vec<String> =
            log.take().iter().map(|sql| sql.split(' ').next().unwrap_or_default().to_owned()).collect();
        assert_eq!(sent, ["BEGIN", "INSERT", "ROLLBACK", "BEGIN", "INSERT", "COMMIT"]);
        assert_eq!(numbers(&engine).await, [1, 2]);
    });
}

#[test]
fn savepoints_undo_their_part_and_ride_along() {
    future::block_on(async {
        let (engine, log) = logged().await;
        let mut transaction = engine.begin().await.unwrap();
        put(&mut transaction, 1).await.unwrap();
        let mut kept = transaction.begin_nested().await.unwrap();
        kept.execute(sql("INSERT INTO t (n) VALUES (2)")).await.unwrap();
        let mut undone = kept.begin_nested().await.unwrap();
        undone.execute(sql("INSERT INTO t (n) VALUES (3)")).await.unwrap();
        drop(undone);
        kept.execute(sql("INSERT INTO t (n) VALUES (4)")).await.unwrap();
        kept.release().await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(numbers(&engine).await, [1, 2, 4]);
        let sent = log.take();
        assert_eq!(
            sent[..11],
            [
                "BEGIN IMMEDIATE",
                "INSERT INTO t (n) VALUES (?) [[Int(1)]]",
                "SAVEPOINT anyorm_1",
                "INSERT INTO t (n) VALUES (2)",
                "SAVEPOINT anyorm_2",
                "INSERT INTO t (n) VALUES (3)",
                "ROLLBACK TO anyorm_2",
                "RELEASE anyorm_2",
                "INSERT INTO t (n) VALUES (4)",
                "RELEASE anyorm_1",
                "COMMIT",
            ]
        );
    });
}

#[test]
fn a_savepoint_that_ran_nothing_sends_nothing() {
    future::block_on(async {
        let (engine, log) = logged().await;
        let mut transaction = engine.begin().await.unwrap();
        let mut outer = transaction.begin_nested().await.unwrap();
        outer.begin_nested().await.unwrap().release().await.unwrap();
        drop(outer.begin_nested().await.unwrap());
        outer.rollback().await.unwrap();
        put(&mut transaction, 1).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(log.take().len(), 3);
    });
}

#[test]
fn a_failed_statement_inside_a_savepoint_can_be_undone_with_it() {
    future::block_on(async {
        let engine = memory().await;
        let mut transaction = engine.begin().await.unwrap();
        // The first statement of transaction and savepoint at once: BEGIN and SAVEPOINT are taken back together.
        let mut savepoint = transaction.begin_nested().await.unwrap();
        assert!(savepoint.execute(sql("INSERT INTO nowhere VALUES (1)")).await.is_err());
        savepoint.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
        savepoint.release().await.unwrap();
        // Only the SAVEPOINT of a later one was sent before the failure.
        let mut savepoint = transaction.begin_nested().await.unwrap();
        assert!(savepoint.execute(sql("INSERT INTO t (n) VALUES (1)")).await.is_err());
        savepoint.execute(sql("INSERT INTO t (n) VALUES (2)")).await.unwrap();
        savepoint.rollback().await.unwrap();
        put(&mut transaction, 3).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(numbers(&engine).await, [1, 3]);
    });
}

#[test]
fn a_value_that_cannot_be_sent_leaves_what_is_pending_pending() {
    future::block_on(async {
        let engine = memory().await;
        let mut transaction = engine.begin().await.unwrap();
        put(&mut transaction, 1).await.unwrap();
        let mut savepoint = transaction.begin_nested().await.unwrap();
        let refused = savepoint.execute(sql("INSERT INTO t (n) VALUES (?)").bind_str("nul\0")).await;
        assert!(matches!(refused, Err(Error::Value(_))), "{refused:?}");
        savepoint.execute(sql("INSERT INTO t (n) VALUES (2)")).await.unwrap();
        drop(savepoint);
        transaction.commit().await.unwrap();
        assert_eq!(numbers(&engine).await, [1]);
    });
}

#[test]
fn a_commit_that_is_refused_rolls_back() {
    future::block_on(async {
        let engine = memory().await;
        engine
            .execute(sql("CREATE TABLE c (t INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)"))
            .await
            .unwrap();
        let mut transaction = engine.begin().await.unwrap();
        transaction.execute(sql("INSERT INTO c VALUES (99)")).await.unwrap();
        let error = transaction.commit().await.unwrap_err();
        assert!(error.constraint().is_some(), "{error:?}");
        full_again(&engine);
        assert_eq!(engine.count(sql("SELECT t FROM c").returning::<i64>()).await.unwrap(), 0);
    });
}

#[test]
fn a_transaction_that_ends_itself_says_so() {
    future::block_on(async {
        let engine = memory().await;
        let mut transaction = engine.begin().await.unwrap();
        put(&mut transaction, 1).await.unwrap();
        transaction.execute(sql("COMMIT")).await.unwrap();
        let error = put(&mut transaction, 2).await.unwrap_err();
        assert!(matches!(&error, Error::Ended(why) if why.contains("a statement of its own")), "{error:?}");
        assert!(transaction.commit().await.is_err());
        assert_eq!(numbers(&engine).await, [1]);
    });
}

#[test]
fn the_database_may_end_a_transaction() {
    future::block_on(async {
        let engine = memory().await;
        insert(&engine, 1).await.unwrap();
        let mut transaction = engine.begin().await.unwrap();
        put(&mut transaction, 2).await.unwrap();
        let error = transaction.execute(sql("INSERT OR ROLLBACK INTO t (n) VALUES (1)")).await.unwrap_err();
        assert!(error.constraint().is_some());
        let error = put(&mut transaction, 3).await.unwrap_err();
        assert!(matches!(&error, Error::Ended(why) if why.contains("UNIQUE")), "{error:?}");
        drop(transaction);
        assert_eq!(numbers(&engine).await, [1]);
    });
}

#[test]
fn a_connection_shares_its_temporary_tables_and_its_own_begin() {
    future::block_on(async {
        let engine = memory().await;
        let mut connection = engine.connection().await.unwrap();
        connection.execute(sql("CREATE TEMP TABLE scratch (n)")).await.unwrap();
        connection.execute(sql("INSERT INTO scratch VALUES (1), (2)")).await.unwrap();
        assert_eq!(connection.count(sql("SELECT n FROM scratch").returning::<i64>()).await.unwrap(), 2);
        connection.execute(sql("BEGIN")).await.unwrap();
        connection.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
        drop(connection);
        assert_eq!(numbers(&engine).await, [0_i64; 0]);
    });
}

#[test]
fn a_connection_whose_begin_was_lost_with_a_dropped_call_says_so() {
    future::block_on(async {
        let engine = memory().await;
        let mut connection = engine.connection().await.unwrap();
        let mut call = connection.execute(sql("INSERT INTO t (n) VALUES (1)"));
        assert!(future::poll_once(&mut call).await.is_none());
        drop(call);
        // Outside a transaction the guard takes the connection anew.
        connection.execute(sql("BEGIN")).await.unwrap();
        let mut call = connection.execute(sql("INSERT INTO t (n) VALUES (2)"));
        assert!(future::poll_once(&mut call).await.is_none());
        drop(call);
        let error = connection.execute(sql("INSERT INTO t (n) VALUES (3)")).await.unwrap_err();
        assert!(matches!(error, Error::Ended(_)), "{error:?}");
        drop(connection);
        assert!(!numbers(&engine).await.contains(&2));
    });
}
