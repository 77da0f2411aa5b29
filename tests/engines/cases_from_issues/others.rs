//! The same for raw text, locks of others, streams, and what others write meanwhile.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use anyorm::bridge::run_sync;
use anyorm::prelude::*;
use anyorm::sqlite::ScalarFunction;
use anyorm::{Begin, Error, Result, batch};
use anyorm_tests::Account;
use anyorm_tests::check::{full_again, nothing_lost, says};
use futures_lite::FutureExt;
use futures_lite::future::{self, poll_once};
use orm_testkit::{Behaviour, Database, behaviours, step};

use crate::own::{
    PATIENCE, account, another, aside, balance, comes, dispatches, is_file, one_reader, opened, set, soon,
};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_begin_through_the_engine_stays_with_nobody,
    a_commit_by_hand_ends_the_transaction_for_its_guard,
    text_with_two_statements_is_not_run_by_half,
    text_without_a_statement_is_an_answer,
    all_rows_are_inserted_where_only_one_is_asked_for,
    raw_text_that_writes_goes_to_the_writer,
    engines_that_share_memory_do_not_lock_each_other_out,
    a_lock_of_another_engine_is_waited_for_and_told,
    a_wait_for_a_lock_ends_with_its_future,
    closing_does_not_wait_for_a_lock,
    a_query_inside_a_stream_of_the_last_reader_is_told_who_has_it,
    a_stream_in_another_task_is_waited_for,
    a_wait_for_a_row_that_is_dropped_each_time_loses_none,
    tables_may_change_while_a_stream_reads,
    reads_go_on_while_a_transaction_writes,
    a_batch_is_one_state_while_others_write,
    a_session_that_reads_has_one_state_while_others_write,
    a_session_that_is_dropped_with_its_flush_leaves_nothing,
    two_sessions_of_one_task_are_told_who_has_the_writer,
    a_new_column_is_seen_by_statements_that_were_prepared,
    a_function_that_panics_leaves_a_whole_connection,
    closures_that_wait_for_a_connection_do_not_starve_it,
];

/// A BEGIN that some later user of the same connection is inside of.
async fn a_begin_through_the_engine_stays_with_nobody(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let _ = engine.execute(sql("BEGIN")).await;
    engine.insert_many([account(1)]).await?;
    let _ = engine.execute(sql("SAVEPOINT mine")).await;
    engine.insert_many([account(2)]).await?;
    assert!(engine.execute(sql("COMMIT")).await.is_err(), "there is nothing to commit");
    assert!(engine.execute(sql("ROLLBACK")).await.is_err());
    let mut transaction = engine.begin().await?;
    transaction.insert_many([account(3)]).await?;
    transaction.commit().await?;
    let left: Vec<i64> = engine.all(Account::select().columns(Account::ID)).await?;
    assert_eq!(left, [1, 2, 3]);
    let statistics = engine.statistics();
    let ended = statistics.transactions_committed + statistics.transactions_rolled_back;
    assert_eq!((statistics.transactions_begun, statistics.closed.total()), (ended, 0), "{statistics:?}");
    Ok(())
}

/// What comes after would be committed one by one, and could not be rolled back.
async fn a_commit_by_hand_ends_the_transaction_for_its_guard(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        let mut transaction = engine.begin().await?;
        transaction.insert_many([account(1)]).await?;
        let by_hand = transaction.execute(sql("COMMIT")).await;
        let after = transaction.insert_many([account(2)]).await;
        assert!(after.is_err(), "{dispatch}: {by_hand:?}, {after:?}");
        drop(transaction);
        full_again(&engine);
        assert!(!engine.exists(Account::select().filter(Account::ID.eq(2))).await?);
        nothing_lost(&engine).await?;
    }
    Ok(())
}

/// The second one would be forgotten without a word.
async fn text_with_two_statements_is_not_run_by_half(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let two = "INSERT INTO accounts VALUES (1, 0); INSERT INTO accounts VALUES (2, 0)";
    let result = engine.execute(sql(two)).await;
    let count = engine.count(Account::select()).await?;
    assert!(result.is_err() && count == 0 || result.is_ok() && count == 2, "{result:?}, {count} rows");
    // What follows is nothing.
    engine.execute(sql("INSERT INTO accounts VALUES (3, 0); -- done")).await?;
    engine.execute(sql("INSERT INTO accounts VALUES (4, 0);\n ")).await?;
    Ok(())
}

/// Files of migrations that end in a comment.
async fn text_without_a_statement_is_an_answer(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    for nothing in ["", "  \n", "-- a comment", "/* another */", ";"] {
        let answer = soon("an answer", engine.execute(sql(nothing))).await;
        assert!(answer.as_ref().map_or(true, |&rows| rows == 0), "{answer:?}");
        let read = soon("an answer", engine.all(sql(nothing).returning::<i64>())).await;
        assert!(read.as_ref().map_or(true, Vec::is_empty), "{read:?}");
        let row = soon("an answer", engine.stream(sql(nothing).returning::<i64>()).next()).await;
        assert!(row.as_ref().map_or(true, Option::is_none), "{row:?}");
    }
    nothing_lost(&engine).await
}

/// A statement that is reset after its first row has inserted only that.
async fn all_rows_are_inserted_where_only_one_is_asked_for(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let insert = |from: i64| Account::insert().values((from..from + 3).map(account)).returning(Account::ID);
    assert_eq!(engine.first(insert(1)).await?, Some(1));
    assert_eq!(engine.count(Account::select()).await?, 3);
    let mut transaction = engine.begin().await?;
    assert_eq!(transaction.first(insert(11)).await?, Some(11));
    assert_eq!(transaction.count(Account::select()).await?, 6);
    transaction.commit().await?;
    // What is told to have failed has not happened.
    let many = engine.one(insert(21)).await;
    assert!(matches!(many, Err(Error::RowCount(_))), "{many:?}");
    let count = engine.count(Account::select()).await?;
    assert!([6, 9].contains(&count), "by half: {count}");
    Ok(())
}

/// Routers that look at the first word.
async fn raw_text_that_writes_goes_to_the_writer(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let texts = [
        "INSERT INTO accounts VALUES (1, 0) RETURNING id",
        "  \n insert into accounts values (2, 0) returning id",
        "/* why */ INSERT INTO accounts VALUES (3, 0) RETURNING id",
        "-- why\nINSERT INTO accounts VALUES (4, 0) RETURNING id",
        "WITH n (id) AS (SELECT 5) INSERT INTO accounts SELECT id, 0 FROM n RETURNING id",
        "REPLACE INTO accounts VALUES (6, 0) RETURNING id",
    ];
    for (id, text) in (1..).zip(texts) {
        assert_eq!(engine.all(sql(text).returning::<i64>()).await?, [id], "{text}");
    }
    assert_eq!(
        engine
            .scalar(sql("UPDATE accounts SET balance = 1 WHERE id = 1 RETURNING id").returning::<i64>())
            .await?,
        1
    );
    assert_eq!(
        engine.first(sql("DELETE FROM accounts WHERE id = 2 RETURNING id").returning::<i64>()).await?,
        Some(2)
    );
    engine.execute(sql("PRAGMA user_version = 5")).await?;
    assert_eq!(engine.scalar(sql("PRAGMA user_version").returning::<i64>()).await?, 5);
    assert_eq!(engine.count(Account::select()).await?, 5);
    // What only reads does not wait for the writer.
    let mut transaction = engine.begin().await?;
    transaction.execute(set(1, 9)).await?;
    if is_file(&db) {
        let reads =
            ["SELECT 7", "WITH n (id) AS (SELECT 7) SELECT id FROM n", "/* why */ SELECT 7", "VALUES (7)"];
        for text in reads {
            assert_eq!(soon(text, engine.scalar(sql(text).returning::<i64>())).await?, 7);
        }
    }
    Ok(())
}

/// "database table is locked", which no busy timeout helps against.
async fn engines_that_share_memory_do_not_lock_each_other_out(db: Database) -> Result<()> {
    if is_file(&db) {
        return Ok(());
    }
    for dispatch in dispatches() {
        let name = format!("sqlite://shared-{:p}?mode=memory&{dispatch}", &raw const db);
        let (one, two) = (opened(Engine::builder(&name)).await?, Engine::open(&name).await?);
        one.insert_many([account(1)]).await?;
        let writer = one.clone();
        let writes = aside(async move {
            for n in 1..=30 {
                writer.execute(set(1, n)).await?;
            }
            Ok::<_, Error>(())
        });
        for _ in 0..30 {
            soon("a read", two.one(balance(1))).await?;
            soon("a read", two.count(Account::select())).await?;
            soon("a write", two.execute(set(2, 1))).await?;
        }
        soon("the writes", writes).await?;
        drop(one);
        assert_eq!(two.one(balance(1)).await?, 30, "it lives as long as one of them");
    }
    Ok(())
}

/// "database is locked".
async fn a_lock_of_another_engine_is_waited_for_and_told(db: Database) -> Result<()> {
    if !is_file(&db) {
        return Ok(());
    }
    for dispatch in dispatches() {
        let engine = opened(another(&db, &format!("busy_timeout=20&{dispatch}"))).await?;
        engine.insert_many([account(1)]).await?;
        let mut other = db.engine.begin().await?;
        other.execute(set(1, 7)).await?;
        let busy = engine.execute(set(1, 8)).await.unwrap_err();
        assert!(matches!(busy, Error::Busy(_)) && busy.is_retryable(), "{busy:?}");
        let mut session = engine.session();
        let one = session.get_one::<Account>(1).await?;
        session[one].balance = 9;
        assert!(matches!(session.commit().await, Err(Error::Busy(_))));
        assert_eq!(engine.one(balance(1)).await?, 0, "reads go on");
        other.commit().await?;
        session.recover().await?;
        session.commit().await?;
        assert_eq!(engine.one(balance(1)).await?, 9);
        full_again(&engine);
    }
    Ok(())
}

/// A dropped future that keeps its connection until the busy timeout.
async fn a_wait_for_a_lock_ends_with_its_future(db: Database) -> Result<()> {
    if !is_file(&db) {
        return Ok(());
    }
    let engine = opened(another(&db, "busy_timeout=600000")).await?;
    engine.insert_many([account(1)]).await?;
    let mut other = db.engine.begin().await?;
    other.execute(set(1, 7)).await?;
    let mut waits = engine.execute(set(1, 8));
    assert!(poll_once(&mut waits).await.is_none());
    std::thread::sleep(Duration::from_millis(3));
    drop(waits);
    full_again(&engine); // sooner than the busy timeout
    let late = soon("its end", engine.execute(set(1, 8)).timeout(Duration::from_millis(3))).await;
    assert!(matches!(late, Err(Error::Deadline(_))), "{late:?}");
    full_again(&engine);
    let mut transaction = engine.begin().await?;
    {
        let mut begins = transaction.execute(set(1, 8));
        assert!(poll_once(&mut begins).await.is_none());
    }
    drop(transaction);
    full_again(&engine);
    other.commit().await?;
    assert_eq!(soon("the writer", engine.execute(set(1, 8))).await?, 1);
    assert_eq!((engine.statistics().busy_errors, engine.statistics().errors), (0, 0), "they were stopped");
    Ok(())
}

/// A shutdown that is as long as the busy timeout.
async fn closing_does_not_wait_for_a_lock(db: Database) -> Result<()> {
    if !is_file(&db) {
        return Ok(());
    }
    let engine = opened(another(&db, "busy_timeout=600000")).await?;
    let mut other = db.engine.begin().await?;
    other.insert_many([account(1)]).await?;
    let waiting = engine.clone();
    let waits = aside(async move { waiting.execute(set(1, 8)).await });
    comes("a wait", || engine.statistics().writer_in_use == 1).await;
    let late = soon("the close", engine.close_within(Duration::from_millis(5))).await;
    assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
    let waited = soon("its end", waits).await;
    assert!(matches!(waited, Err(Error::Closed)), "{waited:?}");
    full_again(&engine);
    other.commit().await
}

/// A deadlock of one task with itself, which shows under load only.
async fn a_query_inside_a_stream_of_the_last_reader_is_told_who_has_it(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine =
            opened(another(&db, &format!("{}acquire_timeout=30&{dispatch}", one_reader(&db)))).await?;
        engine.insert_many((1..=5_000).map(account)).await?;
        let line = line!() + 1;
        let mut stream = engine.stream(Account::select().order_by(Account::ID));
        assert_eq!(stream.next().await?.map(|account| account.id), Some(1));
        let inside = soon("an answer", engine.one(balance(1))).await.unwrap_err();
        says(&inside, &[&format!("others.rs:{line}")]);
        let expected = if is_file(&db) {
            matches!(inside, Error::Timeout(_))
        } else {
            matches!(inside, Error::HeldBySelf { .. })
        };
        assert!(expected, "{inside:?}");
        let mut rest = 0;
        while stream.next().await?.is_some() {
            rest += 1;
        }
        assert_eq!((rest, engine.one(balance(1)).await?), (4_999, 0));
    }
    Ok(())
}

/// The other side: another task only has to wait.
async fn a_stream_in_another_task_is_waited_for(db: Database) -> Result<()> {
    let engine = opened(another(&db, one_reader(&db))).await?;
    engine.insert_many((1..=5_000).map(account)).await?;
    let mut stream = engine.stream(Account::select());
    stream.next().await?;
    let other = engine.clone();
    let mut read = aside(async move { other.scalar(sql("SELECT 7").returning::<i64>()).await });
    comes("a wait", || engine.statistics().readers_waiting + engine.statistics().writer_waiting == 1).await;
    assert!(poll_once(&mut read).await.is_none());
    while stream.next().await?.is_some() {}
    assert_eq!(soon("the connection", read).await?, 7, "the stream is at its end, not dropped");
    drop(stream);
    Ok(())
}

/// `select!` around `next`.
async fn a_wait_for_a_row_that_is_dropped_each_time_loses_none(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    engine.insert_many((1..=1_500).map(account)).await?;
    let mut stream = engine.stream(Account::select().columns(Account::ID).order_by(Account::ID));
    let mut session = engine.session();
    let (mut ids, start) = (Vec::new(), Instant::now());
    loop {
        match poll_once(stream.next()).await {
            Some(row) => match row? {
                Some(id) => ids.push(id),
                None => break,
            },
            None => future::yield_now().await,
        }
        assert!(start.elapsed() < PATIENCE);
    }
    assert!(ids.iter().copied().eq(1..=1_500), "{}", ids.len());
    // The same for cursors. Each chunk may be asked for many times, as a drop stops its query.
    let mut cursor = session.cursor(Account::select().order_by(Account::ID));
    let mut seen = 0;
    loop {
        let _ = poll_once(cursor.next(&mut session)).await.transpose()?.flatten().map(|_| seen += 1);
        let Some(_) = cursor.next(&mut session).await? else { break };
        seen += 1;
    }
    assert_eq!(seen, 1_500);
    full_again(&engine);
    Ok(())
}

/// "database table is locked" from DROP TABLE.
async fn tables_may_change_while_a_stream_reads(db: Database) -> Result<()> {
    if !is_file(&db) {
        return Ok(());
    }
    let engine = opened(another(&db, "")).await?;
    engine.insert_many((1..=3_000).map(account)).await?;
    let mut stream = engine.stream(Account::select().columns(Account::ID));
    stream.next().await?;
    soon("the change", engine.execute(sql("ALTER TABLE accounts ADD COLUMN note TEXT"))).await?;
    soon("the change", engine.execute(sql("DROP TABLE accounts"))).await?;
    let mut rest = 0;
    while stream.next().await?.is_some() {
        rest += 1;
    }
    assert_eq!(rest, 2_999, "the state of its first row");
    assert!(engine.count(Account::select()).await.is_err());
    Ok(())
}

/// Readers that are blocked by a writer, or see what it has not committed.
async fn reads_go_on_while_a_transaction_writes(db: Database) -> Result<()> {
    if !is_file(&db) {
        return Ok(());
    }
    for dispatch in dispatches() {
        let engine = opened(another(&db, &format!("readers=1&{dispatch}"))).await?;
        engine.insert_many([account(1)]).await?;
        let mut transaction = engine.begin().await?;
        for n in 1..=20 {
            transaction.execute(set(1, n)).await?;
            assert_eq!(soon("a read", engine.one(balance(1))).await?, 0, "{dispatch}");
            assert_eq!(soon("a read", engine.count(Account::select())).await?, 1);
            assert_eq!(transaction.one(balance(1)).await?, n);
        }
        transaction.commit().await?;
        assert_eq!(engine.one(balance(1)).await?, 20);
    }
    Ok(())
}

/// Moves coins between two accounts until it is told to stop.
fn coins_move(engine: &Engine) -> smol::Task<Result<()>> {
    let engine = engine.clone();
    aside(async move {
        for n in 0..40 {
            let mut transaction = engine.begin().await?;
            transaction.execute(set(1, -n)).await?;
            transaction.execute(set(2, n)).await?;
            transaction.commit().await?;
        }
        Ok(())
    })
}

/// Numbers on one page that do not fit together.
async fn a_batch_is_one_state_while_others_write(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1), account(2)]).await?;
        let moves = coins_move(&engine);
        for _ in 0..40 {
            let pair = (batch::one(balance(1)), batch::one(balance(2)));
            let (one, two) = soon("a batch", engine.batch(pair)).await?;
            assert_eq!(one + two, 0, "{dispatch}");
            let mut session = engine.session();
            let by_id = |id| Account::select().filter(Account::ID.eq(id));
            let (one, two) = session.load_all((by_id(1), by_id(2))).await?;
            assert_eq!(session[one[0]].balance + session[two[0]].balance, 0, "{dispatch}");
        }
        soon("the moves", moves).await?;
    }
    Ok(())
}

/// Reads of one transaction that see two states.
async fn a_session_that_reads_has_one_state_while_others_write(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1), account(2)]).await?;
        let moves = coins_move(&engine);
        for _ in 0..20 {
            let mut report = engine.begin_with(Begin::new().read_only()).await?;
            let (one, two) = (report.one(balance(1)).await?, report.one(balance(2)).await?);
            assert_eq!(one + two, 0, "{dispatch}");
            report.commit().await?;
            let mut reads = engine.read_session();
            reads.begin().await?;
            let (one, two) = (reads.get_one::<Account>(1).await?, reads.get_one::<Account>(2).await?);
            assert_eq!(reads[one].balance + reads[two].balance, 0, "{dispatch}");
            reads.end().await?;
        }
        soon("the moves", moves).await?;
        full_again(&engine);
    }
    Ok(())
}

/// A client that goes away in the middle of a request.
async fn a_session_that_is_dropped_with_its_flush_leaves_nothing(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        for polls in 0..5 {
            let mut session = engine.session();
            session.add_all((1..=20).map(account));
            let _ = step::polls(polls, session.flush());
            drop(session);
            full_again(&engine);
            assert_eq!(engine.count(Account::select()).await?, 0, "{dispatch} {polls}");
        }
        nothing_lost(&engine).await?;
    }
    Ok(())
}

/// Two units of work of one request that wait for each other.
async fn two_sessions_of_one_task_are_told_who_has_the_writer(db: Database) -> Result<()> {
    let engine = opened(another(&db, "acquire_timeout=30")).await?;
    let (mut one, mut two) = (engine.session(), engine.session());
    one.add(account(1));
    two.add(account(2));
    let line = line!() + 1;
    one.flush().await?;
    let told = soon("an answer", two.commit()).await.unwrap_err();
    says(&told, &[&format!("others.rs:{line}")]);
    one.commit().await?;
    // Nothing was sent, or it is asked for once more.
    if two.commit().await.is_err() {
        two.recover().await?;
        two.commit().await?;
    }
    assert_eq!(engine.count(Account::select()).await?, 2);
    Ok(())
}

/// Statements in a cache that do not know the table any more.
async fn a_new_column_is_seen_by_statements_that_were_prepared(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1)]).await?;
        let stars = || sql("SELECT * FROM accounts").returning::<(i64, i64)>();
        assert_eq!(engine.all(stars()).await?, [(1, 0)]);
        assert_eq!(engine.one(balance(1)).await?, 0);
        let other = if is_file(&db) { db.engine.clone() } else { engine.clone() };
        other.execute(sql("ALTER TABLE accounts RENAME COLUMN balance TO coins")).await?;
        assert!(engine.one(balance(1)).await.is_err(), "{dispatch}");
        other.execute(sql("ALTER TABLE accounts RENAME COLUMN coins TO balance")).await?;
        other.execute(sql("ALTER TABLE accounts ADD COLUMN note TEXT")).await?;
        assert_eq!(engine.one(balance(1)).await?, 0);
        assert_eq!(
            engine.all(sql("SELECT * FROM accounts").returning::<(i64, i64, Option<String>)>()).await?.len(),
            1
        );
        other.execute(sql("ALTER TABLE accounts DROP COLUMN note")).await?;
        assert_eq!(engine.all(stars()).await?, [(1, 0)]);
        engine.execute(set(1, 3)).await?;
        assert_eq!(engine.one(balance(1)).await?, 3);
    }
    Ok(())
}

/// Code of the program inside of SQLite's.
async fn a_function_that_panics_leaves_a_whole_connection(db: Database) -> Result<()> {
    let builder = another(&db, "").on_connect(|setup| {
        setup.function(ScalarFunction::new("boom", 1), |arguments| -> Result<i64> {
            match arguments.get::<i64>(0)? {
                7 => panic!("in the function"),
                8 => Err(Error::other("refused")),
                fine => Ok(fine),
            }
        })
    });
    let engine = opened(builder).await?;
    engine.insert_many((1..=6).map(account)).await?;
    let boom = |n: i64| sql("SELECT boom(?)").bind(n).returning::<i64>();
    for _ in 0..3 {
        let panicked = AssertUnwindSafe(engine.scalar(boom(7))).catch_unwind().await;
        assert!(!matches!(panicked, Ok(Ok(_))));
        says(&engine.scalar(boom(8)).await.unwrap_err(), &["refused"]);
        assert_eq!(engine.scalar(boom(1)).await?, 1);
        let update = engine.execute(sql("UPDATE accounts SET balance = boom(id + 1)"));
        assert!(!matches!(AssertUnwindSafe(update).catch_unwind().await, Ok(Ok(_))));
        full_again(&engine);
        assert_eq!(engine.count(Account::select().filter(Account::BALANCE.ne(0))).await?, 0);
    }
    assert_eq!(engine.statistics().closed.total(), 0);
    nothing_lost(&engine).await
}

/// A thread pool that is full of those who wait for it.
async fn closures_that_wait_for_a_connection_do_not_starve_it(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    engine.insert_many([account(1)]).await?;
    let closures: Vec<_> = (0..60)
        .map(|n| {
            let engine = engine.clone();
            run_sync(move || {
                future::block_on(async {
                    let mut transaction = engine.begin().await?;
                    transaction.execute(set(1, n)).await?;
                    transaction.commit().await
                })
            })
        })
        .collect();
    let mut waiting = Vec::new();
    for mut closure in closures {
        match poll_once(&mut closure).await {
            Some(done) => done?,
            None => waiting.push(closure),
        }
    }
    for closure in waiting {
        soon("a closure", closure).await?;
    }
    nothing_lost(&engine).await
}
