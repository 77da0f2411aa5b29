//! Streams: rows while the query runs, and what is left when nobody wants the rest.

use std::time::Duration;

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::check::{full_again, nothing_lost};
use anyorm_tests::{Account, blog};
use futures_lite::{FutureExt, StreamExt, future};
use orm_testkit::{Backend, Behaviour, Database, behaviours, step};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_stream_has_all_rows_in_order_in_one_hop,
    a_stream_is_also_a_stream_of_other_crates,
    each_guard_streams,
    a_stream_dropped_after_any_row_frees_its_connection,
    a_stream_dropped_at_any_poll_frees_its_connection,
    a_stream_that_waits_long_is_interrupted_by_a_drop,
    #[needs(AnyTypeInAColumn)]
    a_value_that_does_not_fit_comes_after_the_rows_before_it,
    a_stream_that_may_write_is_refused_before_it_is_sent,
    what_is_wrong_with_the_query_is_the_first_item,
    a_transaction_goes_on_after_a_stream_that_was_dropped,
    a_savepoint_is_undone_around_a_stream_that_was_dropped,
    a_connection_keeps_its_own_transaction_after_a_dropped_stream,
    a_guard_dropped_with_its_stream_under_way_rolls_back,
    the_only_connection_is_said_to_be_held,
    a_call_after_a_dropped_wait_for_a_row_does_not_hang,
    streams_of_all_readers_leave_the_writer_alone,
    a_close_ends_a_stream_after_the_rows_that_it_had,
    a_task_that_consumes_lets_others_run,
];

/// More than several chunks.
const ROWS: i64 = 5_000;

async fn accounts(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many((1..=ROWS).map(|id| Account { id, balance: 2 * id })).await.map(drop)
}

fn all() -> impl anyorm::Query<Shape = anyorm::query::Whole<Account>> + Clone {
    Account::select().order_by(Account::ID)
}

/// Numbers, none of which is stored.
fn numbers(to: i64) -> impl anyorm::Query<Shape = anyorm::query::Values<i64>> {
    sql("WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) SELECT n FROM c")
        .bind(to)
        .returning()
}

/// Fails where it would take for ever.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let timeout = async {
        smol::Timer::after(Duration::from_secs(20)).await;
        panic!("waited in vain: {what}")
    };
    future.or(timeout).await
}

async fn a_stream_has_all_rows_in_order_in_one_hop(db: Database) -> Result<()> {
    accounts(&db).await?;
    let (hops, expected) = (db.engine.statistics().hops, db.engine.all(all()).await?);
    let mut stream = db.engine.stream(all());
    assert_eq!(db.engine.statistics().hops, hops + 1, "nothing is sent before it is polled");
    let mut found = Vec::new();
    while let Some(account) = stream.next().await? {
        found.push(account);
    }
    assert_eq!(found, expected);
    assert_eq!(stream.next().await?, None, "and there it stays");
    assert_eq!(db.engine.statistics().hops, hops + 2);
    // After its last row the stream has no connection any more.
    assert_eq!(db.engine.statistics().in_use(), 0);
    assert_eq!(db.engine.stream(numbers(0)).next().await?, Some(1), "one row");
    let none = Account::select().filter(Account::ID.lt(0));
    assert_eq!(db.engine.stream(none).next().await?, None, "no row");
    Ok(())
}

async fn a_stream_is_also_a_stream_of_other_crates(db: Database) -> Result<()> {
    accounts(&db).await?;
    let odd = db.engine.stream(Account::select().columns(Account::ID)).filter_map(|id| id.ok());
    let sum: i64 = odd.filter(|id| id % 2 == 1).fold(0, |sum, id| sum + id).await;
    assert_eq!(sum, (ROWS / 2) * (ROWS / 2));
    Ok(())
}

async fn each_guard_streams(db: Database) -> Result<()> {
    accounts(&db).await?;
    async fn sum(mut stream: anyorm::RowStream<'_, i64>) -> Result<i64> {
        let mut sum = 0;
        while let Some(id) = stream.next().await? {
            sum += id;
        }
        Ok(sum)
    }
    let expected = ROWS * (ROWS + 1) / 2;
    let ids = || Account::select().columns(Account::ID);
    let mut connection = db.engine.connection().await?;
    assert_eq!(sum(connection.stream(ids())).await?, expected);
    assert_eq!(connection.count(Account::select()).await?, ROWS as u64);
    drop(connection);
    let mut transaction = db.engine.begin().await?;
    transaction.execute(Account::delete().filter(Account::ID.eq(1))).await?;
    assert_eq!(sum(transaction.stream(ids())).await?, expected - 1, "it sees what the transaction did");
    let mut savepoint = transaction.begin_nested().await?;
    assert_eq!(sum(savepoint.stream(ids())).await?, expected - 1);
    savepoint.execute(Account::delete().filter(Account::ID.eq(2))).await?;
    assert_eq!(sum(savepoint.stream(ids())).await?, expected - 3);
    savepoint.release().await?;
    transaction.commit().await?;
    assert_eq!(sum(db.engine.stream(ids())).await?, expected - 3);
    nothing_lost(&db.engine).await
}

async fn a_stream_dropped_after_any_row_frees_its_connection(db: Database) -> Result<()> {
    accounts(&db).await?;
    let around = |edge: i64| edge - 1..=edge + 1;
    let counts = (0..=3).chain([64, 192, 448, 960, 1_984, 3_008].into_iter().flat_map(around)).chain([ROWS]);
    for taken in counts {
        let mut stream = db.engine.stream(all());
        for id in 1..=taken {
            assert_eq!(stream.next().await?.map(|account| account.id), Some(id));
        }
        drop(stream);
        // Whoever asks next has it, and does not wait for itself.
        soon(
            "the connection",
            db.engine.execute(Account::update().set(Account::BALANCE, taken).everything()),
        )
        .await?;
        assert_eq!(soon("a connection", db.engine.count(Account::select())).await?, ROWS as u64, "{taken}");
    }
    nothing_lost(&db.engine).await
}

async fn a_stream_dropped_at_any_poll_frees_its_connection(db: Database) -> Result<()> {
    accounts(&db).await?;
    for polls in 0..40 {
        for pause in [false, true] {
            let mut stream = db.engine.stream(all());
            let whole = step::polls(polls, async {
                while stream.next().await?.is_some() {}
                Ok::<_, Error>(())
            });
            if pause {
                // The worker has the time to fill the channel, and waits.
                std::thread::sleep(Duration::from_millis(1));
            }
            drop(stream);
            full_again(&db.engine);
            if whole.transpose()?.is_some() {
                return nothing_lost(&db.engine).await;
            }
        }
    }
    Ok(())
}

async fn a_stream_that_waits_long_is_interrupted_by_a_drop(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let endless = sql(
        "SELECT n FROM (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c) \
                       WHERE n < 0",
    )
    .returning::<i64>();
    let mut stream = db.engine.stream(endless);
    assert!(step::polls(1, stream.next()).is_none());
    std::thread::sleep(Duration::from_millis(5));
    drop(stream);
    full_again(&db.engine);
    nothing_lost(&db.engine).await
}

async fn a_value_that_does_not_fit_comes_after_the_rows_before_it(db: Database) -> Result<()> {
    accounts(&db).await?;
    for bad in [1, 2, 64, 65, 3_000] {
        let query =
            sql("SELECT CASE WHEN id = ? THEN 'text' ELSE id END FROM accounts ORDER BY id").bind(bad);
        let mut stream = db.engine.stream(query.returning::<i64>());
        for id in 1..bad {
            assert_eq!(stream.next().await?, Some(id));
        }
        let error = stream.next().await.unwrap_err();
        assert!(error.to_string().contains("text") && error.to_string().contains("CASE"), "{error}");
        assert_eq!(stream.next().await?, None, "it has ended");
        assert_eq!(db.engine.statistics().in_use(), 0);
    }
    // An error of the database, after some rows.
    let mut stream = db.engine.stream(
        sql("SELECT CASE WHEN id = 100 THEN abs(-9223372036854775808) ELSE id END FROM accounts ORDER BY id")
            .returning::<i64>(),
    );
    for id in 1..100 {
        assert_eq!(stream.next().await?, Some(id));
    }
    let error = stream.next().await.unwrap_err();
    assert!(error.to_string().contains("overflow"), "{error}");
    nothing_lost(&db.engine).await
}

async fn a_stream_that_may_write_is_refused_before_it_is_sent(db: Database) -> Result<()> {
    accounts(&db).await?;
    db.log.clear();
    let deletes = Account::delete().everything().returning(Account::ID);
    let error = db.engine.stream(deletes).next().await.unwrap_err();
    assert!(
        error.to_string().contains("a stream only reads") && error.to_string().contains("DELETE"),
        "{error}"
    );
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

async fn what_is_wrong_with_the_query_is_the_first_item(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut stream = db.engine.stream(sql("SELECT n FROM nowhere").returning::<i64>());
    let error = stream.next().await.unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert_eq!(stream.next().await?, None);
    let outside = Account::select().filter(anyorm_tests::User::ID.eq(1));
    assert!(db.engine.stream(outside).next().await.is_err());
    nothing_lost(&db.engine).await
}

async fn a_transaction_goes_on_after_a_stream_that_was_dropped(db: Database) -> Result<()> {
    accounts(&db).await?;
    for taken in [0, 1, 64, 65, 500, ROWS] {
        let mut transaction = db.engine.begin().await?;
        if taken % 2 == 0 {
            transaction.execute(Account::update().set(Account::BALANCE, 1).filter(Account::ID.eq(1))).await?;
        }
        let mut stream = transaction.stream(all());
        for id in 1..=taken {
            assert_eq!(stream.next().await?.map(|account| account.id), Some(id));
        }
        drop(stream);
        let second = Account::update().set(Account::BALANCE, taken).filter(Account::ID.eq(2));
        assert_eq!(soon("the transaction", transaction.execute(second)).await?, 1, "{taken}");
        if taken == 64 {
            transaction.stream(all()).next().await?;
            transaction.rollback().await?;
            assert!(
                db.engine
                    .exists(Account::select().filter(Account::ID.eq(2) & Account::BALANCE.ne(64)))
                    .await?
            );
        } else {
            // Also where nothing comes between the stream and the commit.
            transaction.stream(all()).next().await?;
            transaction.commit().await?;
            assert!(db.engine.exists(Account::select().filter(Account::BALANCE.eq(taken))).await?, "{taken}");
        }
    }
    nothing_lost(&db.engine).await
}

async fn a_savepoint_is_undone_around_a_stream_that_was_dropped(db: Database) -> Result<()> {
    accounts(&db).await?;
    let mut transaction = db.engine.begin().await?;
    transaction.execute(Account::delete().filter(Account::ID.gt(1_000))).await?;
    let mut savepoint = transaction.begin_nested().await?;
    savepoint.stream(all()).next().await?;
    savepoint.execute(Account::delete().filter(Account::ID.gt(500))).await?;
    savepoint.stream(all()).next().await?;
    drop(savepoint); // undone
    let mut savepoint = transaction.begin_nested().await?;
    savepoint.stream(all()).next().await?;
    savepoint.release().await?;
    assert_eq!(transaction.count(Account::select()).await?, 1_000);
    transaction.commit().await?;
    assert_eq!(db.engine.count(Account::select()).await?, 1_000);
    nothing_lost(&db.engine).await
}

async fn a_connection_keeps_its_own_transaction_after_a_dropped_stream(db: Database) -> Result<()> {
    accounts(&db).await?;
    let mut connection = db.engine.connection().await?;
    connection.stream(all()).next().await?;
    connection.execute(sql("BEGIN")).await?;
    connection.execute(Account::delete().filter(Account::ID.eq(1))).await?;
    connection.stream(all()).next().await?;
    connection.execute(Account::delete().filter(Account::ID.eq(2))).await?;
    connection.stream(all()).next().await?;
    connection.execute(sql("COMMIT")).await?;
    drop(connection);
    assert_eq!(db.engine.count(Account::select()).await?, ROWS as u64 - 2);
    nothing_lost(&db.engine).await
}

async fn a_guard_dropped_with_its_stream_under_way_rolls_back(db: Database) -> Result<()> {
    accounts(&db).await?;
    let mut transaction = db.engine.begin().await?;
    transaction.execute(Account::delete().everything()).await?;
    transaction.stream(numbers(1_000_000)).next().await?;
    drop(transaction);
    assert_eq!(soon("the writer", db.engine.count(Account::select())).await?, ROWS as u64);
    full_again(&db.engine);
    nothing_lost(&db.engine).await
}

async fn the_only_connection_is_said_to_be_held(db: Database) -> Result<()> {
    accounts(&db).await?;
    let mut stream = db.engine.stream(all());
    assert!(stream.next().await?.is_some());
    let counted = soon("an answer", db.engine.count(Account::select())).await;
    match db.backend {
        Backend::File | Backend::Postgres => assert_eq!(counted?, ROWS as u64),
        Backend::Memory => {
            let error = counted.unwrap_err();
            assert!(matches!(error, Error::HeldBySelf { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("stream") && text.contains("streams.rs"), "{text}");
        }
    }
    // The stream itself goes on, to its end, and the call is answered then.
    let mut rows = 1;
    while stream.next().await?.is_some() {
        rows += 1;
    }
    assert_eq!(rows, ROWS);
    assert_eq!(db.engine.count(Account::select()).await?, ROWS as u64);
    Ok(())
}

async fn a_call_after_a_dropped_wait_for_a_row_does_not_hang(db: Database) -> Result<()> {
    accounts(&db).await?;
    let mut stream = db.engine.stream(numbers(100_000_000));
    // Another branch was faster.
    let waited = future::poll_once(stream.next()).await;
    assert!(waited.is_none());
    let counted = soon("an answer", db.engine.count(Account::select())).await;
    match db.backend {
        Backend::File | Backend::Postgres => assert_eq!(counted?, ROWS as u64),
        Backend::Memory => assert!(matches!(counted, Err(Error::HeldBySelf { .. }))),
    }
    assert_eq!(stream.next().await?, Some(1), "no row was lost");
    drop(stream);
    full_again(&db.engine);
    nothing_lost(&db.engine).await
}

async fn streams_of_all_readers_leave_the_writer_alone(db: Database) -> Result<()> {
    if db.backend == Backend::Memory {
        return Ok(());
    }
    accounts(&db).await?;
    let mut streams = Vec::new();
    for _ in 0..db.engine.statistics().readers_size {
        let mut stream = db.engine.stream(all());
        assert!(stream.next().await?.is_some());
        streams.push(stream);
    }
    // Their workers wait for this task; the writer's does not wait for them.
    let update = Account::update().set(Account::BALANCE, 0).everything();
    assert_eq!(soon("the writer", db.engine.execute(update)).await?, ROWS as u64);
    let mut session = db.engine.session();
    session.add(Account { id: ROWS + 1, balance: 1 });
    soon("the writer", session.commit()).await?;
    for mut stream in streams {
        let mut last = None;
        while let Some(account) = stream.next().await? {
            last = Some(account);
        }
        assert_eq!(
            last,
            Some(Account { id: ROWS, balance: 2 * ROWS }),
            "each sees the state of its first row"
        );
    }
    assert_eq!(db.engine.count(Account::select()).await?, ROWS as u64 + 1);
    Ok(())
}

async fn a_close_ends_a_stream_after_the_rows_that_it_had(db: Database) -> Result<()> {
    accounts(&db).await?;
    let mut stream = db.engine.stream(all());
    assert_eq!(stream.next().await?.map(|account| account.id), Some(1));
    // Nobody reads on meanwhile, and the close waits for nobody who does not come.
    soon("the close", db.engine.close()).await?;
    let mut read = 1;
    let end = loop {
        match stream.next().await {
            Ok(Some(account)) => {
                read += 1;
                assert_eq!(account.id, read);
            }
            other => break other,
        }
    };
    assert!(matches!(end, Err(Error::Closed)), "{end:?}");
    assert!((64..ROWS).contains(&read), "{read}");
    assert!(matches!(db.engine.stream(all()).next().await, Err(Error::Closed)));
    Ok(())
}

async fn a_task_that_consumes_lets_others_run(db: Database) -> Result<()> {
    accounts(&db).await?;
    let mut stream = db.engine.stream(numbers(100_000));
    let polls = step::count_polls(async {
        let mut rows = 0;
        while stream.next().await?.is_some() {
            rows += 1;
            if rows % 500 == 0 {
                // The worker is always ahead.
                std::thread::sleep(Duration::from_micros(500));
            }
        }
        Ok::<_, Error>(())
    });
    polls.1?;
    assert!(polls.0 > 50, "{} polls for a hundred chunks", polls.0);
    Ok(())
}
