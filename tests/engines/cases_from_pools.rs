//! What users of other pools rely on, asked of this one.

pub(crate) mod ends;

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use anyorm::observe::Observer;
use anyorm::prelude::*;
use anyorm::sqlite::{ScalarFunction, Setup};
use anyorm::{Access, Begin, Clock, Error, HeldConnection, Result};
use anyorm_tests::Account;
use anyorm_tests::check::{full_again, nothing_lost, says};
use futures_lite::future::poll_once;
use orm_testkit::{Behaviour, Database, behaviours};

use crate::own::{account, another, aside, balance, comes, dispatches, endless, is_file, opened, set, soon};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    connections_are_opened_one_by_one_as_they_are_needed,
    the_same_reader_serves_those_who_come_one_after_the_other,
    fifty_at_once_open_no_more_than_there_may_be,
    those_who_wait_are_served_in_their_order,
    one_that_leaves_the_line_lets_the_next_move_up,
    a_connection_for_one_that_left_goes_to_the_next,
    one_that_does_not_take_its_connection_keeps_its_place,
    one_that_is_forgotten_in_the_line_stops_nobody,
    a_cheap_read_does_not_jump_the_line,
    one_that_waited_too_long_leaves_the_line,
    no_time_to_wait_is_enough_for_a_free_connection,
    limits_without_end_are_no_limits,
    an_idle_connection_is_closed_and_another_opened,
    a_connection_that_is_used_is_not_idle,
    memory_outlives_every_limit,
    one_that_becomes_too_old_in_a_transaction_ends_it_first,
    a_waiter_gets_a_new_one_where_the_old_one_was_too_old,
    each_discards_its_connection_and_all_are_served,
    a_hook_that_panics_takes_no_place,
    all_who_wait_try_again_after_failures_to_connect,
    hooks_prepare_readers_and_those_that_come_later,
    one_connection_for_everything_is_enough,
    one_that_only_reads_refuses_to_write,
    what_is_counted_adds_up,
    a_leak_ends_when_the_guard_comes_home,
    a_long_statement_is_no_leak,
];

/// Pools that open lazily.
async fn connections_are_opened_one_by_one_as_they_are_needed(db: Database) -> Result<()> {
    let engine = another(&db, if is_file(&db) { "readers=3" } else { "" }).open().await?;
    assert_eq!(engine.statistics().opened, 1, "the writer, with the engine");
    let mut held = Vec::new();
    for readers in 1..=if is_file(&db) { 3 } else { 0 } {
        held.push(engine.begin_with(Begin::new().read_only()).await?);
        held.last_mut().unwrap().scalar(sql("SELECT 1").returning::<i64>()).await?;
        let statistics = engine.statistics();
        assert_eq!((statistics.opened, statistics.readers_in_use), (1 + readers, readers as usize));
    }
    drop(held);
    full_again(&engine);
    assert_eq!(engine.statistics().closed.total(), 0, "all are kept");
    Ok(())
}

/// Pools that hand out the one used last, so that others may become idle.
async fn the_same_reader_serves_those_who_come_one_after_the_other(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        for _ in 0..20 {
            engine.first(balance(1)).await?;
            engine.count(Account::select()).await?;
        }
        assert_eq!(engine.statistics().opened, 1 + u64::from(is_file(&db)), "{dispatch}");
    }
    Ok(())
}

/// A herd of tasks on a pool that has just been opened.
async fn fifty_at_once_open_no_more_than_there_may_be(db: Database) -> Result<()> {
    let engine = another(&db, if is_file(&db) { "readers=2" } else { "dispatch=worker" }).open().await?;
    let mut calls: Vec<_> =
        (0..50).map(|n| engine.scalar(sql("SELECT ?").bind(n).returning::<i64>())).collect();
    for call in &mut calls {
        assert!(poll_once(call).await.is_none_or(|done| done.is_ok()));
    }
    for (n, call) in (0..).zip(calls) {
        // Some were done by the first poll, where others waited before them.
        assert_eq!(soon("an answer", call).await?, n);
    }
    let statistics = engine.statistics();
    assert!(statistics.opened <= if is_file(&db) { 3 } else { 1 }, "{statistics:?}");
    assert!(statistics.acquired >= 50 && statistics.waits > 0, "{statistics:?}");
    full_again(&engine);
    Ok(())
}

/// Holds the writer, so that it can be waited for in the same task.
async fn held(engine: &Engine) -> Result<impl Sized + use<>> {
    engine.lease(Access::Write, Location::caller()).await
}

/// Fairness.
async fn those_who_wait_are_served_in_their_order(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let first = held(&engine).await?;
    let mut line: Vec<_> = (0..8).map(|_| engine.begin()).collect();
    for waiting in &mut line {
        assert!(poll_once(waiting).await.is_none());
    }
    assert_eq!(engine.statistics().writer_waiting, 8);
    drop(first);
    while !line.is_empty() {
        // Whoever is polled first, the one that came first has it.
        for later in line.iter_mut().skip(1) {
            assert!(poll_once(later).await.is_none());
        }
        drop(soon("its turn", line.remove(0)).await?);
    }
    full_again(&engine);
    Ok(())
}

/// Futures that are dropped while they wait.
async fn one_that_leaves_the_line_lets_the_next_move_up(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let before = engine.statistics();
    let first = held(&engine).await?;
    let mut line: Vec<_> = (0..6).map(|_| engine.begin()).collect();
    for waiting in &mut line {
        assert!(poll_once(waiting).await.is_none());
    }
    for left in [4, 2, 0] {
        drop(line.remove(left));
    }
    assert_eq!(engine.statistics().writer_waiting, 3);
    drop(first);
    for waiting in line {
        drop(soon("its turn", waiting).await?);
    }
    full_again(&engine);
    let since = engine.statistics().since(&before);
    assert_eq!((since.cancelled_waits, since.waits, since.wait_timeouts), (3, 6, 0));
    Ok(())
}

/// The connection was on its way to a future that is dropped instead of polled.
async fn a_connection_for_one_that_left_goes_to_the_next(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    for _ in 0..20 {
        let first = held(&engine).await?;
        let (mut one, mut two, mut three) = (engine.begin(), engine.begin(), engine.begin());
        for waiting in [&mut one, &mut two, &mut three] {
            assert!(poll_once(waiting).await.is_none());
        }
        drop(first);
        drop(one);
        drop(two);
        drop(soon("what nobody took", three).await?);
        full_again(&engine);
    }
    Ok(())
}

/// A branch of a `select!` that is not polled while another one runs.
async fn one_that_does_not_take_its_connection_keeps_its_place(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let first = held(&engine).await?;
    let (mut one, mut two, mut three) = (engine.begin(), engine.begin(), engine.begin());
    for waiting in [&mut one, &mut two, &mut three] {
        assert!(poll_once(waiting).await.is_none());
    }
    drop(first);
    let second = soon("the turn of one that sleeps", &mut two).await?;
    assert!(poll_once(&mut three).await.is_none());
    assert!(poll_once(&mut one).await.is_none());
    drop(second);
    // It is awake again, and before the third.
    assert!(poll_once(&mut three).await.is_none());
    drop(soon("its turn", one).await?);
    drop(soon("its turn", three).await?);
    full_again(&engine);
    Ok(())
}

/// `mem::forget` of a future that waits.
async fn one_that_is_forgotten_in_the_line_stops_nobody(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let first = held(&engine).await?;
    let mut forgotten = Box::pin(engine.begin());
    assert!(poll_once(&mut forgotten).await.is_none());
    std::mem::forget(forgotten);
    let mut next = engine.begin();
    assert!(poll_once(&mut next).await.is_none());
    drop(first);
    let mut transaction = soon("the turn of one that is forgotten", next).await?;
    transaction.insert_many([account(1)]).await?;
    transaction.commit().await?;
    soon("a write", engine.execute(set(1, 2))).await?;
    Ok(())
}

/// Fast paths that starve those who wait.
async fn a_cheap_read_does_not_jump_the_line(db: Database) -> Result<()> {
    if is_file(&db) {
        return Ok(()); // Readers do not wait for the writer.
    }
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1)]).await?;
        let first = held(&engine).await?;
        let (mut write, mut read) = (engine.execute(set(1, 5)), engine.one(balance(1)));
        assert!(poll_once(&mut write).await.is_none());
        assert!(poll_once(&mut read).await.is_none());
        drop(first);
        assert!(poll_once(&mut read).await.is_none(), "the write was first");
        let mut late = engine.one(balance(1));
        assert!(poll_once(&mut late).await.is_none(), "and this one comes last");
        assert_eq!(soon("the write", write).await?, 1);
        assert_eq!((soon("the read", read).await?, soon("the read", late).await?), (5, 5), "{dispatch}");
    }
    Ok(())
}

/// Places of those who gave up.
async fn one_that_waited_too_long_leaves_the_line(db: Database) -> Result<()> {
    let engine = opened(another(&db, "acquire_timeout=20")).await?;
    let first = held(&engine).await?;
    for tries in 1..=3 {
        let late = engine.execute(set(1, 1)).await;
        assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
        let statistics = engine.statistics();
        assert_eq!((statistics.wait_timeouts, statistics.writer_waiting), (tries, 0));
    }
    drop(first);
    assert_eq!(engine.execute(set(1, 1)).await?, 0);
    full_again(&engine);
    Ok(())
}

/// A timeout of zero means: take it or leave it.
async fn no_time_to_wait_is_enough_for_a_free_connection(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, &format!("acquire_timeout=0&{dispatch}"))).await?;
        for _ in 0..20 {
            engine.insert_many([account(1)]).await?;
            assert_eq!(engine.one(balance(1)).await?, 0);
            engine.execute(Account::delete().everything()).await?;
        }
        let first = held(&engine).await?;
        let late = engine.begin().await;
        assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
        drop(first);
        drop(engine.begin().await?);
        full_again(&engine);
    }
    Ok(())
}

/// The end of time is more than a clock can hold.
async fn limits_without_end_are_no_limits(db: Database) -> Result<()> {
    let never = Duration::MAX;
    let builder = another(&db, "")
        .acquire_timeout(never)
        .busy_timeout(never)
        .idle_timeout(never)
        .max_lifetime(never)
        .leak_threshold(never)
        .slow_statements(never, |slow| panic!("{slow}"));
    let engine = opened(builder).await?;
    let first = held(&engine).await?;
    let mut waiting = engine.insert_many([account(1)]).timeout(never);
    assert!(poll_once(&mut waiting).await.is_none());
    drop(first);
    assert_eq!(soon("its turn", waiting).await?, 1);
    assert_eq!(engine.one(balance(1)).timeout(never).await?, 0);
    let mut session = engine.session();
    let one = session.get_one::<Account>(1).timeout(never).await?;
    session[one].balance = 7;
    session.commit().timeout(never).await?;
    let statistics = engine.statistics();
    assert_eq!((statistics.leaked, statistics.closed.total(), statistics.wait_timeouts), (0, 0, 0));
    drop(session);
    soon("the close", engine.close_within(never)).await
}

/// Pools that shrink.
async fn an_idle_connection_is_closed_and_another_opened(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let clock = Clock::manual();
        let options = format!("idle_timeout=1000&{dispatch}");
        let engine = opened(another(&db, &options).clock(clock.clone())).await?;
        engine.insert_many([account(1)]).await?;
        for round in 1..=3 {
            clock.advance(Duration::from_secs(2));
            assert_eq!(engine.one(balance(1)).await?, 0);
            engine.execute(set(1, 0)).await?;
            let statistics = engine.statistics();
            let closed = if is_file(&db) { 2 * round } else { 0 };
            assert_eq!(statistics.closed.idle, closed, "{dispatch} {statistics:?}");
        }
        full_again(&engine);
    }
    Ok(())
}

/// A connection that is out for longer than it may be idle.
async fn a_connection_that_is_used_is_not_idle(db: Database) -> Result<()> {
    let clock = Clock::manual();
    let engine = opened(another(&db, "idle_timeout=1000").clock(clock.clone())).await?;
    let mut transaction = engine.begin().await?;
    transaction.insert_many([account(1)]).await?;
    clock.advance(Duration::from_secs(60));
    assert_eq!(transaction.one(balance(1)).await?, 0);
    transaction.commit().await?;
    full_again(&engine);
    assert_eq!(
        engine.statistics().writer_idle,
        if is_file(&db) { 1 } else { engine.statistics().writer_idle }
    );
    assert_eq!(engine.one(balance(1)).await?, 0);
    let reader_too = if is_file(&db) { 1 } else { 0 };
    assert!(engine.statistics().closed.idle <= reader_too, "{:?}", engine.statistics());
    Ok(())
}

/// Tables in memory that are gone after some minutes: the most common report about pools of SQLite.
async fn memory_outlives_every_limit(db: Database) -> Result<()> {
    if is_file(&db) {
        return Ok(());
    }
    for dispatch in dispatches() {
        let clock = Clock::manual();
        let options = format!("idle_timeout=10&max_lifetime=20&{dispatch}");
        let engine = opened(another(&db, &options).clock(clock.clone())).await?;
        engine.insert_many([account(1)]).await?;
        for hours in 1..=3 {
            clock.advance(Duration::from_secs(hours * 3_600));
            assert_eq!(engine.one(balance(1)).await?, 0, "{dispatch}");
            assert_eq!(engine.count(Account::select()).await?, 1);
            let mut transaction = engine.begin().await?;
            clock.advance(Duration::from_secs(hours * 3_600));
            transaction.execute(set(1, 0)).await?;
            transaction.commit().await?;
        }
        // What was dropped half way is cleaned on the same connection.
        assert!(poll_once(&mut engine.scalar(endless())).await.is_none());
        full_again(&engine);
        assert_eq!(engine.count(Account::select()).await?, 1);
        assert_eq!((engine.statistics().opened, engine.statistics().closed.total()), (1, 0));
    }
    Ok(())
}

/// A lifetime that ends in the middle of something.
async fn one_that_becomes_too_old_in_a_transaction_ends_it_first(db: Database) -> Result<()> {
    let clock = Clock::manual();
    let engine = opened(another(&db, "max_lifetime=1000").clock(clock.clone())).await?;
    let mut transaction = engine.begin().await?;
    transaction.insert_many([account(1)]).await?;
    clock.advance(Duration::from_secs(60));
    transaction.insert_many([account(2)]).await?;
    transaction.commit().await?;
    full_again(&engine);
    assert_eq!(engine.count(Account::select()).await?, 2);
    let writer_and_reader = if is_file(&db) { 2 } else { 0 };
    comes("the end of both", || engine.statistics().closed.lifetime == writer_and_reader).await;
    Ok(())
}

/// A connection that is closed instead of given back wakes nobody, in some pools.
async fn a_waiter_gets_a_new_one_where_the_old_one_was_too_old(db: Database) -> Result<()> {
    let clock = Clock::manual();
    let engine = opened(another(&db, "max_lifetime=1000").clock(clock.clone())).await?;
    let first = held(&engine).await?;
    let mut line: Vec<_> = (1..=3).map(|id| engine.insert_many([account(id)])).collect();
    for waiting in &mut line {
        assert!(poll_once(waiting).await.is_none());
    }
    clock.advance(Duration::from_secs(60));
    drop(first);
    for waiting in line {
        assert_eq!(soon("a new connection", waiting).await?, 1);
    }
    assert_eq!(engine.statistics().closed.lifetime >= 1, is_file(&db));
    nothing_lost(&engine).await
}

/// The same for connections that their users throw away.
async fn each_discards_its_connection_and_all_are_served(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let first = held(&engine).await?;
    let mut line: Vec<_> = (0..5).map(|_| engine.connection()).collect();
    for waiting in &mut line {
        assert!(poll_once(waiting).await.is_none());
    }
    drop(first);
    for (id, waiting) in (1..).zip(line) {
        let mut connection = soon("its turn", waiting).await?;
        connection.insert_many([account(id)]).await?;
        assert_eq!(connection.discard().is_ok(), is_file(&db));
    }
    assert_eq!(engine.count(Account::select()).await?, 5);
    assert_eq!(engine.statistics().closed.discarded, if is_file(&db) { 5 } else { 0 });
    full_again(&engine);
    Ok(())
}

/// Code of the user in the middle of the pool's.
async fn a_hook_that_panics_takes_no_place(db: Database) -> Result<()> {
    let panics = |_: &Setup<'_>| panic!("in the hook");
    if !is_file(&db) {
        let refused = another(&db, "").on_connect(panics).open().await.unwrap_err();
        assert!(matches!(refused, Error::Configuration(_)), "{refused:?}");
        says(&refused, &["on_connect"]);
        return Ok(());
    }
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let hook = move |setup: &Setup<'_>| match setup.access() {
        Access::Read if seen.fetch_add(1, Ordering::SeqCst) < 5 => panic!("in the hook"),
        _ => Ok(()),
    };
    let engine = another(&db, "readers=1").on_connect(hook).open().await?;
    for _ in 0..5 {
        let refused = soon("an answer", engine.scalar(sql("SELECT 1").returning::<i64>())).await.unwrap_err();
        assert!(matches!(refused, Error::Configuration(_)), "{refused:?}");
        full_again(&engine);
    }
    assert_eq!(engine.scalar(sql("SELECT 1").returning::<i64>()).await?, 1);
    assert_eq!(engine.statistics().connect_failures, 5);
    Ok(())
}

/// A connection that cannot be opened wakes the next one, or all hang.
async fn all_who_wait_try_again_after_failures_to_connect(db: Database) -> Result<()> {
    if !is_file(&db) {
        return Ok(());
    }
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let hook = move |setup: &Setup<'_>| match setup.access() {
        Access::Read if seen.fetch_add(1, Ordering::SeqCst) < 4 => Err(Error::other("not yet")),
        _ => Ok(()),
    };
    let engine = another(&db, "readers=1").on_connect(hook).open().await?;
    let mut line: Vec<_> = (0..10)
        .map(|_| {
            let engine = engine.clone();
            aside(async move { engine.scalar(sql("SELECT 1").returning::<i64>()).await })
        })
        .collect();
    let mut failed = 0;
    for waiting in line.drain(..) {
        failed += usize::from(soon("an answer", waiting).await.is_err());
    }
    assert_eq!(failed, 4, "each failure is told to one");
    full_again(&engine);
    Ok(())
}

/// PRAGMAs that were run once, on one connection of many.
async fn hooks_prepare_readers_and_those_that_come_later(db: Database) -> Result<()> {
    let clock = Clock::manual();
    let builder = another(&db, "max_lifetime=1000").clock(clock.clone()).on_connect(|setup| {
        setup.pragma("cache_size", -4321)?;
        setup.function(ScalarFunction::new("twice", 1).deterministic(), |arguments| {
            Ok(2 * arguments.get::<i64>(0)?)
        })
    });
    let engine = opened(builder).await?;
    for _ in 0..3 {
        let ask = || sql("SELECT twice(21) + (SELECT cache_size FROM pragma_cache_size)").returning::<i64>();
        assert_eq!(engine.scalar(ask()).await?, 42 - 4321, "a reader");
        assert_eq!(engine.connection().await?.scalar(ask()).await?, 42 - 4321, "the writer");
        clock.advance(Duration::from_secs(5));
    }
    Ok(())
}

/// A pool of size one.
async fn one_connection_for_everything_is_enough(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, &format!("readers=0&{dispatch}"))).await?;
        let tasks: Vec<_> = (0..8)
            .map(|id| {
                let engine = engine.clone();
                aside(async move {
                    for _ in 0..5 {
                        engine.insert_many([account(id)]).await?;
                        assert_eq!(engine.one(balance(id)).await?, 0);
                        let mut transaction = engine.begin().await?;
                        transaction.execute(set(id, 1)).await?;
                        assert_eq!(transaction.one(balance(id)).await?, 1);
                        transaction.rollback().await?;
                        engine.execute(Account::delete().filter(Account::ID.eq(id))).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .collect();
        for task in tasks {
            soon("a task", task).await?;
        }
        let statistics = engine.statistics();
        assert_eq!((statistics.opened, statistics.readers_size), (1, 0), "{dispatch}");
        nothing_lost(&engine).await?;
    }
    Ok(())
}

/// Connections that only read, by the URL.
async fn one_that_only_reads_refuses_to_write(db: Database) -> Result<()> {
    if !is_file(&db) {
        return Ok(());
    }
    db.engine.create_all(&anyorm_tests::blog()).await?;
    db.engine.insert_many([account(1)]).await?;
    for dispatch in dispatches() {
        let engine = another(&db, &format!("mode=ro&{dispatch}")).open().await?;
        assert_eq!(engine.one(balance(1)).await?, 0);
        let refused = engine.execute(set(1, 1)).await.unwrap_err();
        says(&refused, &["read"]);
        let mut transaction = engine.begin().await?;
        assert!(transaction.insert_many([account(2)]).await.is_err());
        drop(transaction);
        full_again(&engine);
        assert_eq!(engine.one(balance(1)).await?, 0);
        assert_eq!(db.engine.count(Account::select()).await?, 1);
    }
    Ok(())
}

/// Gauges that drift.
async fn what_is_counted_adds_up(db: Database) -> Result<()> {
    let engine = opened(another(&db, "acquire_timeout=20")).await?;
    let before = engine.statistics();
    for id in 0..10 {
        engine.insert_many([account(id)]).await?;
    }
    for _ in 0..10 {
        engine.count(Account::select()).await?;
    }
    let since = engine.statistics().since(&before);
    assert_eq!((since.acquired, since.hops, since.waits), (20, 20, 0));
    let first = held(&engine).await?;
    assert!(engine.begin().await.is_err());
    let mut dropped = engine.begin();
    assert!(poll_once(&mut dropped).await.is_none());
    drop(dropped);
    let mut served = engine.begin();
    assert!(poll_once(&mut served).await.is_none());
    drop(first);
    drop(served.await?);
    full_again(&engine);
    let since = engine.statistics().since(&before);
    assert_eq!((since.waits, since.wait_timeouts, since.cancelled_waits), (3, 1, 1));
    assert!(since.wait_total >= since.wait_longest && since.wait_longest > Duration::ZERO, "{since:?}");
    assert_eq!((since.transactions_begun, since.transactions_rolled_back), (10, 0), "bulk inserts");
    assert_eq!(since.transactions_committed, 10);
    assert!(engine.holders().is_empty());
    Ok(())
}

struct Leaks(mpsc::Sender<u32>);

impl Observer for Leaks {
    fn leaked(&self, held: &HeldConnection) {
        self.0.send(held.location.line()).ok();
    }
}

/// Leak detection that cries for ever, or only once for all.
async fn a_leak_ends_when_the_guard_comes_home(db: Database) -> Result<()> {
    let clock = Clock::manual();
    let (leaks, told) = mpsc::channel();
    let builder = another(&db, "leak_threshold=1000").clock(clock.clone()).observer(Arc::new(Leaks(leaks)));
    let engine = opened(builder).await?;
    for leaks in 1..=2 {
        let line = line!() + 1;
        let mut transaction = engine.begin().await?;
        clock.advance(Duration::from_millis(1_500));
        for _ in 0..3 {
            assert_eq!((engine.statistics().leaked, engine.statistics().leaks), (1, leaks));
        }
        // It was only slow, but was told: it counts until it is home.
        transaction.insert_many([account(1)]).await?;
        assert_eq!(engine.statistics().leaked, 1);
        drop(transaction);
        full_again(&engine);
        assert_eq!((engine.statistics().leaked, engine.holders().len()), (0, 0));
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [line], "once for each holder");
    }
    Ok(())
}

/// Alarms about whoever works.
async fn a_long_statement_is_no_leak(db: Database) -> Result<()> {
    let clock = Clock::manual();
    let engine = opened(another(&db, "leak_threshold=1000").clock(clock.clone())).await?;
    let mut transaction = engine.begin().await?;
    let mut call = transaction.scalar(endless());
    assert!(poll_once(&mut call).await.is_none());
    clock.advance(Duration::from_secs(60));
    let statistics = engine.statistics();
    assert_eq!((statistics.leaked, statistics.leaks, statistics.writer_in_use), (0, 0, 1));
    drop(call);
    drop(transaction);
    full_again(&engine);
    Ok(())
}
