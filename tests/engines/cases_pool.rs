//! What pools of other libraries are tested for. Where a case counts connections beyond the size of the pool, pings or
//! custom resets, which there are none of here, it tests what this pool promises instead.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::sqlite::Setup;
use anyorm::{Access, Begin, Clock, EngineBuilder, Error, Result};
use anyorm_tests::check::{full_again, says};
use anyorm_tests::{Account, blog};
use futures_lite::future;
use orm_testkit::{Backend, Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    p1_there_are_never_more_connections_than_the_pool_has,
    p2_a_timeout_of_milliseconds_is_kept_and_nobody_times_out_early,
    p2_a_connection_that_cannot_be_opened_gives_its_place_back,
    p3_a_connection_that_hangs_while_it_is_opened_keeps_no_other_waiting,
    p5_a_connection_that_is_too_old_is_replaced,
    p5_a_connection_that_is_discarded_is_used_until_then_and_replaced,
    p6_a_discarded_connection_frees_its_place_at_once,
    p7_closing_with_one_out_closes_the_others_now_and_that_one_later,
    p8_a_connection_comes_home_without_its_transaction_and_with_all_else,
    p9_nothing_is_sent_to_see_whether_a_connection_is_alive,
    p10_after_a_broken_call_a_transaction_says_so_until_a_new_one_begins,
    p12_a_guard_that_is_dropped_leaves_nothing_and_frees_its_place,
    p12_a_guard_that_is_forgotten_is_told,
    p13_how_a_transaction_began_does_not_change_until_it_ends,
];

/// Another engine on a database of the same kind: the file, or one more in memory.
fn another(db: &Database, options: &str) -> EngineBuilder {
    match db.file() {
        Some(file) => Engine::builder(&format!("sqlite://{}?{options}", file.display())),
        None => Engine::builder(&format!("sqlite::memory:?{options}")),
    }
}

async fn opened(builder: EngineBuilder) -> Result<Engine> {
    let engine = builder.open().await?;
    engine.create_all(&blog()).await?;
    Ok(engine)
}

fn is_file(db: &Database) -> bool {
    db.backend == Backend::File
}

fn account(id: i64) -> Account {
    Account { id, balance: 0 }
}

/// Nobody opens a fourth one: who comes fourth waits.
async fn p1_there_are_never_more_connections_than_the_pool_has(db: Database) -> Result<()> {
    let size = if is_file(&db) { 3 } else { 1 };
    let engine = opened(another(&db, if is_file(&db) { "readers=3" } else { "" })).await?;
    let before = engine.statistics();
    let mut out = Vec::new();
    for _ in 0..size {
        out.push(engine.lease(Access::Read, std::panic::Location::caller()).await?);
    }
    let mut fourth = Box::pin(engine.lease(Access::Read, std::panic::Location::caller()));
    assert!(future::poll_once(&mut fourth).await.is_none());
    let statistics = engine.statistics();
    assert_eq!((statistics.in_use(), statistics.waits - before.waits), (size, 1));
    drop(out);
    drop(fourth.await?);
    for _ in 0..5 {
        let reads = (0..4).map(|_| engine.count(Account::select()));
        for read in reads.collect::<Vec<_>>() {
            read.await?;
        }
        let four = future::zip(
            future::zip(engine.count(Account::select()), engine.count(Account::select())),
            future::zip(engine.count(Account::select()), engine.count(Account::select())),
        );
        let ((a, b), (c, d)) = four.await;
        assert_eq!((a?, b?, c?, d?), (0, 0, 0, 0));
    }
    full_again(&engine);
    let statistics = engine.statistics();
    let writers = if is_file(&db) { 1 } else { 0 };
    assert!(statistics.opened <= (size + writers) as u64, "{statistics:?}");
    assert_eq!(statistics.closed.total(), 0);
    Ok(())
}

async fn p2_a_timeout_of_milliseconds_is_kept_and_nobody_times_out_early(db: Database) -> Result<()> {
    let engine = opened(another(&db, "acquire_timeout=60")).await?;
    let held = engine.lease(Access::Write, std::panic::Location::caller()).await?;
    // They race: each asks a little later than the one before, and hears a little later that it was in vain.
    let asked = |after: u64| {
        let engine = engine.clone();
        async move {
            smol::Timer::after(Duration::from_millis(after)).await;
            let start = Instant::now();
            let error = engine.execute(Account::delete().everything()).await.unwrap_err();
            (error, start.elapsed())
        }
    };
    let (first, second) = future::zip(asked(0), asked(20)).await;
    for (error, waited) in [first, second] {
        let Error::Timeout(timeout) = &error else { panic!("{error:?}") };
        assert!(
            timeout.waited >= Duration::from_millis(60) && waited >= Duration::from_millis(60),
            "{waited:?}"
        );
        // It would be a minute, or a second, if parts of a second were left out.
        assert!(waited < Duration::from_secs(20), "{waited:?}");
        says(&error, &["held by ", "cases_pool.rs:"]);
    }
    drop(held);
    engine.insert_many([account(1)]).await?;
    assert_eq!(engine.statistics().wait_timeouts, 2);
    Ok(())
}

async fn p2_a_connection_that_cannot_be_opened_gives_its_place_back(db: Database) -> Result<()> {
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    // The first two that only read; in memory there are none, and the only connection itself is refused.
    let hook = move |setup: &Setup<'_>| match setup.access() {
        Access::Read if count.fetch_add(1, Ordering::SeqCst) < 2 => Err(Error::other("not yet")),
        _ => Ok(()),
    };
    if !is_file(&db) {
        let refused = another(&db, "").on_connect(|_| Err(Error::other("never"))).open().await.unwrap_err();
        says(&refused, &["on_connect", ":memory:", "never"]);
        return Ok(());
    }
    let engine = opened(another(&db, "readers=1&acquire_timeout=20000").on_connect(hook)).await?;
    for _ in 0..2 {
        let (one, other) =
            future::zip(engine.count(Account::select()), engine.count(Account::select())).await;
        assert!(one.is_err() || other.is_err() || refused.load(Ordering::SeqCst) > 2);
        full_again(&engine);
    }
    assert_eq!(engine.count(Account::select()).await?, 0);
    let statistics = engine.statistics();
    assert_eq!((statistics.connect_failures, statistics.readers_idle), (2, 1));
    Ok(())
}

async fn p3_a_connection_that_hangs_while_it_is_opened_keeps_no_other_waiting(db: Database) -> Result<()> {
    if !is_file(&db) {
        // The only connection is opened with the engine.
        return Ok(());
    }
    let (release, hangs) = mpsc::channel::<()>();
    let hangs = Mutex::new(Some(hangs));
    let (reached, hanging) = mpsc::channel();
    let hook = move |setup: &Setup<'_>| {
        let first = (setup.access() == Access::Read).then(|| hangs.lock().unwrap().take()).flatten();
        if let Some(hangs) = first {
            reached.send(()).unwrap();
            let _ = hangs.recv_timeout(Duration::from_secs(60));
        }
        Ok(())
    };
    let engine = opened(another(&db, "readers=2").on_connect(hook)).await?;
    let mut stuck = engine.count(Account::select());
    assert!(future::poll_once(&mut stuck).await.is_none());
    hanging.recv_timeout(Duration::from_secs(60)).expect("it is being opened");
    engine.insert_many([account(1)]).await?;
    assert_eq!(engine.count(Account::select()).await?, 1);
    assert!(future::poll_once(&mut stuck).await.is_none(), "it hangs still");
    release.send(()).unwrap();
    assert_eq!(stuck.await?, 1);
    Ok(())
}

async fn p5_a_connection_that_is_too_old_is_replaced(db: Database) -> Result<()> {
    let clock = Clock::manual();
    let engine = opened(another(&db, "max_lifetime=30000").clock(clock.clone())).await?;
    engine.count(Account::select()).await?;
    let opened = engine.statistics().opened;
    clock.advance(Duration::from_secs(1));
    engine.count(Account::select()).await?;
    assert_eq!(engine.statistics().opened, opened, "the same one");
    clock.advance(Duration::from_secs(34));
    engine.count(Account::select()).await?;
    let statistics = engine.statistics();
    if is_file(&db) {
        // The writer was as old.
        assert_eq!((statistics.opened, statistics.closed.lifetime), (opened + 1, 2));
    } else {
        // The database would go with it.
        assert_eq!((statistics.opened, statistics.closed.total()), (1, 0));
    }
    Ok(())
}

async fn p5_a_connection_that_is_discarded_is_used_until_then_and_replaced(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let mut connection = engine.connection().await?;
    connection.execute(sql("PRAGMA user_version = 7")).await?;
    connection.execute(sql("PRAGMA recursive_triggers = ON")).await?;
    let discarded = connection.discard();
    assert_eq!(discarded.is_ok(), is_file(&db));
    let mut next = engine.connection().await?;
    assert_eq!(next.scalar(sql("PRAGMA user_version").returning::<i64>()).await?, 7, "of the file");
    let left = next.scalar(sql("PRAGMA recursive_triggers").returning::<bool>()).await?;
    assert_eq!(left, !is_file(&db), "of the connection");
    Ok(())
}

/// That a guard comes back twice does not compile: it is moved.
async fn p6_a_discarded_connection_frees_its_place_at_once(db: Database) -> Result<()> {
    if !is_file(&db) {
        return Ok(());
    }
    let engine = opened(another(&db, "")).await?;
    let connection = engine.connection().await?;
    let mut waiting = engine.connection();
    assert!(future::poll_once(&mut waiting).await.is_none());
    connection.discard()?;
    waiting.await?.insert_many([account(1)]).await?;
    full_again(&engine);
    let statistics = engine.statistics();
    assert_eq!((statistics.closed.discarded, statistics.opened, statistics.writer_idle), (1, 2, 1));
    Ok(())
}

/// It is not handed out again, as other pools do: the engine is closed.
async fn p7_closing_with_one_out_closes_the_others_now_and_that_one_later(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    engine.count(Account::select()).await?;
    let mut transaction = engine.begin().await?;
    transaction.insert_many([account(1)]).await?;
    let error = engine.close_within(Duration::ZERO).await.unwrap_err();
    says(&error, &["all connections to be given back", "cases_pool.rs:"]);
    let idle_once = if is_file(&db) { 1 } else { 0 };
    let start = Instant::now();
    while engine.statistics().closed.shut < idle_once && start.elapsed() < Duration::from_secs(30) {
        future::yield_now().await;
    }
    assert_eq!((engine.statistics().closed.shut, engine.statistics().in_use()), (idle_once, 1));
    assert!(matches!(engine.count(Account::select()).await, Err(Error::Closed)));
    drop(transaction);
    full_again(&engine);
    assert_eq!((engine.statistics().open(), engine.statistics().writer_idle), (0, 0));
    if is_file(&db) {
        assert_eq!(db.engine.count(Account::select()).await?, 0, "it was rolled back");
    }
    Ok(())
}

/// There is no choice of commit or nothing, and no hook of the program.
async fn p8_a_connection_comes_home_without_its_transaction_and_with_all_else(db: Database) -> Result<()> {
    let engine = &db.engine;
    engine.create_all(&blog()).await?;
    let mut connection = engine.connection().await?;
    connection.execute(sql("CREATE TEMPORARY TABLE mine (n INTEGER)")).await?;
    connection.insert_many([account(1)]).await?;
    connection.execute(sql("BEGIN")).await?;
    connection.insert_many([account(2)]).await?;
    db.log.clear();
    drop(connection);
    full_again(engine);
    assert_eq!(db.log.statements(), ["ROLLBACK"]);
    db.log.clear();
    // A transaction that was ended is not rolled back once more.
    let mut ended = engine.begin().await?;
    ended.execute(sql("INSERT INTO mine VALUES (1)")).await?;
    ended.rollback().await?;
    full_again(engine);
    assert_eq!(db.log.statements(), ["BEGIN", "INSERT INTO mine VALUES (1)", "ROLLBACK"]);
    let kept: Vec<i64> = engine.all(Account::select().columns(Account::ID)).await?;
    assert_eq!(kept, [1]);
    Ok(())
}

/// A ping at each use would double its price; a file does not go away like a server does.
async fn p9_nothing_is_sent_to_see_whether_a_connection_is_alive(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.count(Account::select()).await?;
    let opened = db.engine.statistics().opened;
    for _ in 0..3 {
        db.log.clear();
        assert!(!db.engine.exists(sql("SELECT id FROM accounts").returning::<i64>()).await?);
        assert_eq!((db.log.statements().len(), db.log.hops()), (1, 1));
    }
    assert_eq!(db.engine.statistics().opened, opened);
    Ok(())
}

async fn p10_after_a_broken_call_a_transaction_says_so_until_a_new_one_begins(db: Database) -> Result<()> {
    let db = db.not_looked_for().await?;
    let engine = &db.engine;
    engine.create_all(&blog()).await?;
    let mut transaction = engine.begin().await?;
    transaction.insert_many([account(1)]).await?;
    {
        let mut broken = transaction.insert_many([account(2)]);
        assert!(future::poll_once(&mut broken).await.is_none());
    }
    let error = transaction.count(Account::select()).await.unwrap_err();
    assert!(matches!(error, Error::Ended(_)), "{error:?}");
    says(&error, &["begin a new one"]);
    assert!(matches!(transaction.insert_many([account(3)]).await, Err(Error::Ended(_))));
    assert!(matches!(transaction.commit().await, Err(Error::Ended(_))));
    let mut again = engine.begin().await?;
    assert_eq!(again.count(Account::select()).await?, 0, "all of it was rolled back");
    again.insert_many([account(4)]).await?;
    again.commit().await?;
    assert_eq!(engine.count(Account::select()).await?, 1);
    assert_eq!(engine.statistics().closed.broken, 0, "the connection is as good as before");
    Ok(())
}

async fn p12_a_guard_that_is_dropped_leaves_nothing_and_frees_its_place(db: Database) -> Result<()> {
    let db = db.not_looked_for().await?;
    let engine = &db.engine;
    engine.create_all(&blog()).await?;
    for drop_in_the_middle in [false, true] {
        let mut connection = engine.connection().await?;
        connection.execute(sql("BEGIN")).await?;
        connection.insert_many([account(1)]).await?;
        if drop_in_the_middle {
            let mut call = connection.insert_many([account(2)]);
            assert!(future::poll_once(&mut call).await.is_none());
        }
        drop(connection);
        full_again(engine);
        let mut transaction = engine.begin().await?;
        transaction.insert_many([account(3)]).await?;
        drop(transaction);
        full_again(engine);
        assert_eq!(engine.count(Account::select()).await?, 0);
    }
    assert_eq!(engine.statistics().closed.total(), 0);
    Ok(())
}

async fn p12_a_guard_that_is_forgotten_is_told(db: Database) -> Result<()> {
    let clock = Clock::manual();
    let engine = opened(another(&db, "leak_threshold=1000&acquire_timeout=30").clock(clock.clone())).await?;
    let line = line!() + 1;
    std::mem::forget(engine.begin_with(Begin::new()).await?);
    assert_eq!(engine.statistics().leaked, 0);
    clock.advance(Duration::from_secs(1));
    let statistics = engine.statistics();
    assert_eq!((statistics.leaked, statistics.leaks, statistics.writer_in_use), (1, 1, 1));
    let [held] = engine.holders()[..] else { panic!("{:?}", engine.holders()) };
    assert_eq!(
        (held.location.line(), held.leaked, held.unused_for),
        (line, true, Some(Duration::from_secs(1)))
    );
    assert!(held.location.file().ends_with("cases_pool.rs"), "{held}");
    // Whoever waits for it hears its place, too.
    if is_file(&db) {
        let error = engine.begin().await.unwrap_err();
        says(&error, &[&format!("cases_pool.rs:{line}")]);
    }
    Ok(())
}

/// There is no way to change it: a BEGIN inside is refused by the database.
async fn p13_how_a_transaction_began_does_not_change_until_it_ends(db: Database) -> Result<()> {
    let engine = &db.engine;
    engine.create_all(&blog()).await?;
    // On its own, a statement is committed, and a rollback later does not take it back.
    let mut connection = engine.connection().await?;
    connection.insert_many([account(1)]).await?;
    connection.execute(sql("BEGIN")).await?;
    let refused = connection.execute(sql("BEGIN EXCLUSIVE")).await.unwrap_err();
    says(&refused, &["within a transaction"]);
    connection.insert_many([account(2)]).await?;
    connection.execute(sql("ROLLBACK")).await?;
    connection.execute(sql("BEGIN EXCLUSIVE")).await?;
    connection.execute(sql("COMMIT")).await?;
    drop(connection);
    assert_eq!(engine.count(Account::select()).await?, 1);
    // Nothing begun: nothing to end.
    db.log.clear();
    engine.begin().await?.commit().await?;
    engine.begin().await?.rollback().await?;
    assert_eq!((db.log.statements(), db.log.hops()), (Vec::<String>::new(), 0));
    Ok(())
}
