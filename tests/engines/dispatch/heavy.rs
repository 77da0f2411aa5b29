//! Reads that look cheap and are not, and how long they keep the executor.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::{Dispatch, Result};
use anyorm_tests::Account;
use futures_lite::future::{yield_now, zip};
use orm_testkit::{Behaviour, Database, behaviours};

use super::{auto, nobody, since};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_heavy_read_moves_to_a_worker_and_is_remembered,
    a_heavy_sort_moves_to_a_worker,
    a_heavy_relation_is_what_is_remembered,
    new_tables_and_indexes_give_it_another_chance,
    a_transaction_outlives_a_read_that_was_given_up,
    heavy_reads_stall_the_executor_for_a_fraction_of_their_time,
    cheap_reads_are_never_given_up,
    the_executor_has_its_turn_after_thirty_two_reads,
];

/// More rows than are read inline.
const MANY: i64 = 20_000;

async fn many(engine: &Engine) -> Result<()> {
    engine.insert_many((4..=MANY).map(|id| Account { id, balance: id * 10 })).await?;
    Ok(())
}

/// No index leads to this row.
fn scan() -> impl anyorm::Query<Shape = anyorm::query::Whole<Account>> + Clone {
    Account::select().filter(Account::BALANCE.eq(MANY * 10))
}

async fn a_heavy_read_moves_to_a_worker_and_is_remembered(db: Database) -> Result<()> {
    let engine = auto(&db, 1, nobody()).await?;
    many(&engine).await?;
    let before = engine.statistics();
    assert_eq!(engine.first(scan()).await?.map(|found| found.id), Some(MANY));
    assert_eq!(since(&engine, before), [1, 0, 1], "begun inline, and given up");
    assert_eq!(engine.first(scan()).await?.map(|found| found.id), Some(MANY));
    let mut session = engine.session();
    let found = session.first(scan()).await?.expect("it is there");
    assert_eq!(session[found].id, MANY);
    assert_eq!(since(&engine, before), [3, 0, 1], "not begun inline again");
    // Others still are.
    engine.first(Account::select().filter(Account::ID.eq(7))).await?;
    assert_eq!(since(&engine, before), [3, 1, 1]);
    Ok(())
}

async fn a_heavy_sort_moves_to_a_worker(db: Database) -> Result<()> {
    let engine = auto(&db, 1, nobody()).await?;
    many(&engine).await?;
    let before = engine.statistics();
    let richest = Account::select().order_by(Account::BALANCE.desc()).limit(3).columns(Account::ID);
    assert_eq!(engine.all(richest).await?, [MANY, MANY - 1, MANY - 2]);
    // Rows were read before it was given up: none of them comes twice.
    let middle = Account::select().filter(Account::BALANCE.ge(10)).filter(Account::BALANCE.ne(30)).limit(100);
    let skipping = middle.offset(MANY as u64 / 2).columns(Account::ID);
    let ids = engine.all(skipping).await?;
    assert_eq!((ids.len(), ids.windows(2).all(|pair| pair[0] < pair[1])), (100, true));
    assert_eq!(since(&engine, before), [2, 0, 2]);
    Ok(())
}

async fn a_heavy_relation_is_what_is_remembered(db: Database) -> Result<()> {
    use anyorm_tests::{Post, User};

    let engine = auto(&db, 1, nobody()).await?;
    let post =
        |number: i64| Post { title: number.to_string(), author: BelongsTo::to_key(1), ..Default::default() };
    engine.insert_many((0..2_000).map(post)).await?;
    let before = engine.statistics();
    let mut session = engine.session();
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS)).await?;
    assert_eq!(session[ada].posts.len(), 2_002);
    assert_eq!(since(&engine, before), [1, 0, 1]);
    let mut session = engine.session();
    let ada = session.get_one::<User>(1).await?;
    session.load(&[ada], User::POSTS).await?;
    assert_eq!(session[ada].posts.len(), 2_002);
    session.clear();
    session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS)).await?;
    // The relation alone has another text, with its list written out: it is found out by itself.
    assert_eq!(since(&engine, before), [3, 1, 2]);
    Ok(())
}

async fn new_tables_and_indexes_give_it_another_chance(db: Database) -> Result<()> {
    let engine = auto(&db, 1, nobody()).await?;
    many(&engine).await?;
    let before = engine.statistics();
    engine.first(scan()).await?;
    engine.execute(sql("CREATE INDEX by_balance ON accounts (balance)")).await?;
    engine.create_all(&anyorm_tests::blog()).await?;
    assert_eq!(since(&engine, before), [3, 0, 1]);
    assert_eq!(engine.first(scan()).await?.map(|found| found.id), Some(MANY));
    assert_eq!(since(&engine, before), [3, 1, 1]);
    Ok(())
}

async fn a_transaction_outlives_a_read_that_was_given_up(db: Database) -> Result<()> {
    let engine = auto(&db, 1, nobody()).await?;
    many(&engine).await?;
    let mut transaction = engine.begin().await?;
    let before = engine.statistics();
    let set = Account::update().set(Account::BALANCE, -1).filter(Account::ID.eq(1));
    transaction.execute(set).await?;
    let last = transaction.first(Account::select().filter(Account::BALANCE.eq(MANY * 10 - 10))).await?;
    assert_eq!(last.map(|found| found.id), Some(MANY - 1));
    assert_eq!(since(&engine, before), [2, 0, 1]);
    // The write is still there.
    let poor = transaction.one(Account::select().filter(Account::ID.eq(1))).await?;
    assert_eq!((poor.balance, since(&engine, before)), (-1, [2, 1, 1]));
    transaction.commit().await?;
    assert_eq!(engine.one(Account::select().filter(Account::ID.eq(1))).await?.balance, -1);

    let mut session = engine.session();
    let account = session.get_one::<Account>(2).await?;
    session[account].balance = -2;
    session.flush().await?;
    let found = session.first(Account::select().filter(Account::BALANCE.eq(-2))).await?;
    assert_eq!(found, Some(account));
    session.commit().await?;
    assert_eq!(engine.one(Account::select().filter(Account::ID.eq(2))).await?.balance, -2);
    Ok(())
}

/// How long one of the queries kept the executor, next to how long it took.
async fn heavy_reads_stall_the_executor_for_a_fraction_of_their_time(db: Database) -> Result<()> {
    let engine = auto(&db, 1, nobody()).await?;
    engine.insert_many((4..=100_000).map(|id| Account { id, balance: id * 10 })).await?;
    // No index leads to a sum; each text is another one, so that each is begun inline.
    let text = |at: i64| {
        let nowhere = Account::select().filter((Account::BALANCE + 1).eq(0));
        (0..=at).fold(nowhere, |query, n| query.filter(Account::ID.ne(-n)))
    };
    let before = engine.statistics();
    // The pages are in the cache from here on.
    engine.first(text(0).dispatch(Dispatch::Worker)).await?;
    // A machine that is busy otherwise delays a turn now and then: the median counts.
    let mut stalls = Vec::new();
    for at in 1..=25 {
        let start = Instant::now();
        let (found, stall) = longest_turn(engine.first(text(at))).await;
        assert_eq!(found?, None);
        stalls.push(stall.as_secs_f64() / start.elapsed().as_secs_f64());
    }
    stalls.sort_by(f64::total_cmp);
    assert_eq!(since(&engine, before), [26, 0, 25], "each was begun inline, and given up");
    let median = stalls[stalls.len() / 2];
    assert!(median < 0.25, "the executor was kept for {median:.2} of the time of a query");
    Ok(())
}

/// Runs a future. Answers its output, and the longest time that one poll of it took: what other tasks of the thread waited.
async fn longest_turn<T>(future: impl Future<Output = T>) -> (T, Duration) {
    let mut longest = Duration::ZERO;
    let mut future = pin!(future);
    let polled = poll_fn(|cx| {
        let start = Instant::now();
        let poll = future.as_mut().poll(cx);
        longest = longest.max(start.elapsed());
        poll
    });
    (polled.await, longest)
}

async fn cheap_reads_are_never_given_up(db: Database) -> Result<()> {
    let engine = auto(&db, 1, nobody()).await?;
    let before = engine.statistics();
    // SQLite counts the instructions of a statement over its life: some of these runs are interrupted in passing.
    for round in 0..5_000 {
        let account = Account::select().filter(Account::ID.eq(round % 3 + 1));
        assert_eq!(engine.one(account).await?.balance, (round % 3 + 1) * 10);
    }
    assert_eq!(since(&engine, before), [0, 5_000, 0]);
    Ok(())
}

async fn the_executor_has_its_turn_after_thirty_two_reads(db: Database) -> Result<()> {
    let engine = auto(&db, 1, nobody()).await?;
    let mut turns = 0_u32;
    let (mut longest, mut last) = (0_u64, engine.statistics().inline);
    let mut done = false;
    let reads = async {
        for _ in 0..320 {
            engine.one(Account::select().filter(Account::ID.eq(1))).await?;
        }
        Ok::<_, anyorm::Error>(())
    };
    // Polled in turn with the reads, which never wait for anything else.
    let mut reads = pin!(reads);
    let counted = poll_fn(|cx| {
        let poll = reads.as_mut().poll(cx);
        let now = engine.statistics().inline;
        (longest, last, turns) = (longest.max(now - last), now, turns + 1);
        done |= poll.is_ready();
        poll
    });
    let (result, ()) = zip(counted, yield_now()).await;
    result?;
    assert!(done && longest <= 32, "{longest} reads in one turn");
    assert!((10..=12).contains(&turns), "{turns} turns");
    Ok(())
}
