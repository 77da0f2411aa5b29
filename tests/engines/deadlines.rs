//! Calls that have so long and no longer: they stop what they had under way, and say what is left.

use std::time::{Duration, Instant};

use anyorm::error::DeadlineError;
use anyorm::prelude::*;
use anyorm::{Error, Result, Trusted};
use anyorm_tests::{Account, blog};
use futures_lite::future;
use orm_testkit::{Backend, Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_statement_is_stopped_and_its_connection_is_free_and_clean,
    a_write_that_is_stopped_leaves_nothing,
    #[needs(OneWriter)]
    a_wait_for_the_writer_ends_and_names_who_has_it,
    a_statement_of_a_transaction_takes_the_transaction_along,
    a_read_of_a_session_is_stopped_and_its_transaction_goes_on,
    #[needs(OneWriter)]
    a_commit_is_taken_over_by_the_next_call,
    no_time_sends_nothing,
    every_call_has_its_name_in_the_message,
    what_is_done_in_time_is_answered,
    the_shorter_of_two_limits_wins,
];

/// Runs for hours, unless it is interrupted.
const ENDLESS: &str = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000000000) SELECT count(*) FROM c";

const SOON: Duration = Duration::from_millis(20);
/// Longer than anything here takes: it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(30);

fn deadline<T>(result: Result<T>) -> std::sync::Arc<DeadlineError> {
    match result.map(drop) {
        Err(Error::Deadline(deadline)) => deadline,
        other => panic!("not a deadline: {other:?}"),
    }
}

async fn with_account(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.insert_many([Account { id: 1, balance: 5 }]).await?;
    Ok(())
}

/// All connections home.
async fn all_home(db: &Database) {
    let since = Instant::now();
    while db.engine.statistics().in_use() > 0 {
        assert!(since.elapsed() < PATIENCE, "a connection is not back");
        future::yield_now().await;
    }
}

async fn a_statement_is_stopped_and_its_connection_is_free_and_clean(db: Database) -> Result<()> {
    with_account(&db).await?;
    let deadline = deadline(db.engine.scalar(sql(ENDLESS).returning::<i64>()).timeout(SOON).await);
    assert_eq!((deadline.call, deadline.limit), ("engine.scalar", SOON));
    assert!(
        deadline.under_way.as_deref().is_some_and(|doing| doing.contains("WITH RECURSIVE")),
        "{deadline}"
    );
    assert!(deadline.left.contains("stopped"), "{deadline}");
    all_home(&db).await;
    // Every connection works.
    for _ in 0..6 {
        assert_eq!(db.engine.count(Account::select()).timeout(PATIENCE).await?, 1);
    }
    db.engine.execute(Account::delete().everything()).timeout(PATIENCE).await?;
    Ok(())
}

async fn a_write_that_is_stopped_leaves_nothing(db: Database) -> Result<()> {
    with_account(&db).await?;
    let endless = format!("INSERT INTO accounts (id, balance) SELECT 7, ({ENDLESS})");
    deadline(db.engine.execute(sql(Trusted(endless))).timeout(SOON).await);
    assert_eq!(db.engine.all(Account::select().columns(Account::ID)).timeout(PATIENCE).await?, [1]);
    all_home(&db).await;
    Ok(())
}

async fn a_wait_for_the_writer_ends_and_names_who_has_it(db: Database) -> Result<()> {
    with_account(&db).await?;
    let mut transaction = db.engine.begin().await?;
    transaction.execute(Account::update().set(Account::BALANCE, 6).everything()).await?;
    let late = db.engine.execute(Account::delete().everything()).timeout(SOON).await;
    match db.backend {
        // One connection, and this task has it: it is told at once.
        Backend::Memory => assert!(matches!(late, Err(Error::HeldBySelf { .. })), "{late:?}"),
        Backend::File => {
            let late = deadline(late);
            let doing = late.under_way.as_deref().unwrap_or_default();
            assert!(doing.contains("the writer connection") && doing.contains("deadlines.rs:"), "{late}");
            assert_eq!(late.left, "nothing was changed");
            assert_eq!(db.engine.statistics().writer_waiting, 0);
        }
        Backend::Postgres => unreachable!("all its connections write"),
    }
    transaction.commit().timeout(PATIENCE).await?;
    assert_eq!(db.engine.all(Account::select().columns(Account::BALANCE)).await?, [6]);
    Ok(())
}

async fn a_statement_of_a_transaction_takes_the_transaction_along(db: Database) -> Result<()> {
    with_account(&db).await?;
    let mut transaction = db.engine.begin().await?;
    transaction.execute(Account::delete().everything()).await?;
    let late = deadline(transaction.scalar(sql(ENDLESS).returning::<i64>()).timeout(SOON).await);
    assert_eq!(late.call, "transaction.scalar");
    assert!(late.left.contains("rolled back"), "{late}");
    assert!(matches!(transaction.count(Account::select()).await, Err(Error::Ended(_))));
    drop(transaction);
    assert_eq!(db.engine.count(Account::select()).timeout(PATIENCE).await?, 1);
    Ok(())
}

async fn a_read_of_a_session_is_stopped_and_its_transaction_goes_on(db: Database) -> Result<()> {
    with_account(&db).await?;
    let mut session = db.engine.session();
    session.add(Account { id: 2, balance: 0 });
    session.flush().await?;
    let late = deadline(session.one(sql(ENDLESS).returning::<i64>()).timeout(SOON).await);
    assert_eq!(late.call, "session.one");
    // The statement would run for hours.
    assert_eq!(session.count(Account::select()).timeout(PATIENCE).await?, 2);
    assert!(session.in_transaction());
    session.commit().timeout(PATIENCE).await?;
    assert_eq!(db.engine.count(Account::select()).await?, 2);
    all_home(&db).await;
    Ok(())
}

async fn a_commit_is_taken_over_by_the_next_call(db: Database) -> Result<()> {
    with_account(&db).await?;
    // Tens of milliseconds for each row.
    let slow = "CREATE TRIGGER slow AFTER INSERT ON accounts BEGIN SELECT (WITH RECURSIVE c (n) AS \
                (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 200000) SELECT count(*) FROM c); END";
    db.engine.execute(sql(slow)).await?;
    let mut session = db.engine.session();
    let mut late = 0;
    for round in 0..12 {
        let account = session.add(Account { id: 10 + round, balance: 0 });
        // From before it is sent to after it has ended.
        let limit = Duration::from_millis(1 + 4 * round as u64);
        match session.commit().timeout(limit).await {
            Ok(()) => {}
            Err(Error::Deadline(deadline)) => {
                late += 1;
                assert_eq!(deadline.call, "session.commit");
                // Sends what was not sent, takes over what was.
                session.commit().timeout(PATIENCE).await?;
            }
            Err(other) => return Err(other),
        }
        assert!(!session.in_transaction());
        session[account].balance = round;
    }
    session.commit().await?;
    assert!(late > 0, "no commit was late");
    let stored = Account::select().filter(Account::ID.ge(10)).order_by(Account::ID).columns(Account::BALANCE);
    assert_eq!(db.engine.all(stored).await?, (0..12).collect::<Vec<i64>>());
    all_home(&db).await;
    Ok(())
}

async fn no_time_sends_nothing(db: Database) -> Result<()> {
    with_account(&db).await?;
    let hops = db.engine.statistics().hops;
    let delete = || db.engine.execute(Account::delete().everything());
    for late in [delete().timeout(Duration::ZERO).await, delete().deadline(Instant::now()).await] {
        assert_eq!(deadline(late).left, "nothing was sent");
    }
    assert_eq!(db.engine.statistics().hops, hops);
    assert_eq!(db.engine.count(Account::select()).await?, 1);
    Ok(())
}

async fn what_is_done_in_time_is_answered(db: Database) -> Result<()> {
    with_account(&db).await?;
    let count = || db.engine.count(Account::select());
    assert_eq!(count().timeout(PATIENCE).await?, 1);
    assert_eq!(count().timeout(Duration::MAX).await?, 1);
    assert_eq!(count().deadline(Instant::now() + PATIENCE).await?, 1);
    let refused = db.engine.execute(sql("SELECT nothing")).timeout(PATIENCE).await;
    assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
    Ok(())
}

async fn the_shorter_of_two_limits_wins(db: Database) -> Result<()> {
    let endless = || db.engine.scalar(sql(ENDLESS).returning::<i64>());
    let inner = deadline(endless().timeout(SOON).timeout(PATIENCE).await);
    let outer = deadline(endless().timeout(PATIENCE).timeout(SOON).await);
    for late in [inner, outer] {
        assert_eq!((late.call, late.limit), ("engine.scalar", SOON));
        assert!(late.under_way.is_some(), "{late}");
    }
    all_home(&db).await;
    Ok(())
}

async fn every_call_has_its_name_in_the_message(db: Database) -> Result<()> {
    with_account(&db).await?;
    let mut session = db.engine.session();
    let mut cursor = session.cursor(Account::select());
    let mut transaction = db.engine.begin().await?;
    let nothing = Duration::ZERO;
    let late = [
        deadline(db.engine.batch((Account::select(),)).timeout(nothing).await),
        deadline(transaction.batch((Account::select(),)).timeout(nothing).await),
        deadline(transaction.begin_nested().timeout(nothing).await),
        deadline(session.load_all((Account::select(),)).timeout(nothing).await),
        deadline(cursor.next(&mut session).timeout(nothing).await),
        deadline(db.engine.create_all(&blog()).timeout(nothing).await),
        deadline(db.engine.drop_all(&blog()).timeout(nothing).await),
        deadline(Engine::open("sqlite::memory:").timeout(nothing).await),
        deadline(db.engine.close_within(PATIENCE).timeout(nothing).await),
    ];
    let calls: Vec<&str> = late.iter().map(|late| late.call).collect();
    let expected = [
        "engine.batch",
        "transaction.batch",
        "transaction.begin_nested",
        "session.load_all",
        "cursor.next",
        "engine.create_all",
        "engine.drop_all",
        "engine.open",
        "engine.close_within",
    ];
    assert_eq!(calls, expected);
    drop(transaction);

    let endless = || sql(ENDLESS).returning::<i64>();
    let late = deadline(db.engine.batch((endless(),)).timeout(SOON).await);
    assert!(late.left.contains("stopped"), "{late}");
    let late = deadline(session.load_all((endless(),)).timeout(SOON).await);
    assert!(late.left.contains("stopped"), "{late}");
    Ok(())
}
