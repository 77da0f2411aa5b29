//! Random programs of several tasks on one engine, against a model that knows what each commit adds.
//!
//! All rows are accounts. Each unit of work adds a row under a key of its own and moves coins, so that what is stored
//! says which units happened. One that was dropped may have happened, but only wholly.
//!
//! `ANYORM_POOL_RUNS=20000 ANYORM_POOL_SEED=7 cargo test -p anyorm-tests --test fuzz pool` runs more, or others.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use anyorm::bridge::Deterministic;
use anyorm::prelude::*;
use anyorm::query::Whole;
use anyorm::{Begin, Error, Query, Result, batch};
use anyorm_tests::check::{nothing_lost, text_of};
use anyorm_tests::random::Random;
use anyorm_tests::{Account, blog};

const RUNS: u64 = 150;
const TASKS: u64 = 4;
const STEPS: u64 = 8;
/// Accounts that coins move between: their sum is always 0.
const BANK: std::ops::RangeInclusive<i64> = 1..=4;
/// More than the first chunk of a stream or cursor.
const FILLED: std::ops::Range<i64> = 1_000..1_100;

/// What became of a unit of work, as far as its task knows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Committed,
    RolledBack,
    /// Its future was dropped: wholly or not at all.
    Dropped,
}

/// The keys of each unit, and its fate.
type Units = RefCell<BTreeMap<Vec<i64>, Fate>>;

#[test]
fn tasks_that_share_a_pool_store_what_they_committed() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = setting("ANYORM_POOL_SEED").unwrap_or(1);
    for run in 0..setting("ANYORM_POOL_RUNS").unwrap_or(RUNS) {
        let result =
            catch_unwind(AssertUnwindSafe(|| program(seed.wrapping_mul(1_000_003).wrapping_add(run))));
        if let Err(panic) = result {
            panic!("run {run} of seed {seed}: {}", text_of(&*panic));
        }
    }
}

/// The same seed is the same program in the same order, so that a failure can be looked at.
#[test]
fn a_program_on_a_pool_can_be_repeated() {
    let mut fates = [0; 3];
    for seed in 0..12 {
        let units = program(seed);
        assert_eq!(units, program(seed), "{seed}");
        units.values().for_each(|&fate| fates[fate as usize] += 1);
    }
    assert!(fates.iter().all(|&seen| seen > 20), "{fates:?}");
}

/// Runs the program of a seed. Answers what its units became.
fn program(seed: u64) -> BTreeMap<Vec<i64>, Fate> {
    static FILES: AtomicU64 = AtomicU64::new(0);
    let file = seed.is_multiple_of(2).then(|| {
        let name = format!("anyorm-pool-{}-{}.db", std::process::id(), FILES.fetch_add(1, Ordering::Relaxed));
        std::env::temp_dir().join(name)
    });
    let dispatch = if (seed / 2).is_multiple_of(2) { "auto" } else { "worker" };
    let url = match &file {
        Some(file) => format!("sqlite://{}?synchronous=off&readers=2&dispatch={dispatch}", file.display()),
        None => format!("sqlite::memory:?dispatch={dispatch}"),
    };
    let double = Deterministic::new(seed);
    let engine = double.block_on(opened(&url, &double)).expect("it opens");
    let units = Units::default();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| Task {
            engine: engine.clone(),
            units: &units,
            random: Random::new(seed ^ task << 32),
            next: 10_000 * (task as i64 + 1),
        })
        .map(Task::run)
        .collect();
    double.block_on_all(tasks).into_iter().collect::<Result<()>>().expect("no step fails");
    double.block_on(check(&engine, &units.borrow())).expect("it can be read");
    drop(engine);
    double.block_on(async {});
    if let Some(file) = file {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
        }
    }
    units.into_inner()
}

async fn opened(url: &str, double: &Deterministic) -> Result<Engine> {
    let engine = Engine::builder(url).workers(Arc::new(double.clone())).open().await?;
    engine.create_all(&blog()).await?;
    engine.insert_many(BANK.chain(FILLED).map(|id| Account { id, balance: 0 })).await?;
    Ok(engine)
}

/// The database is what the model foresees, and the pool is whole.
async fn check(engine: &Engine, units: &BTreeMap<Vec<i64>, Fate>) -> Result<()> {
    let stored = engine.all(Account::select().filter(Account::ID.ge(10_000)).columns(Account::ID)).await?;
    let mut known = 0;
    for (keys, fate) in units {
        let there = keys.iter().filter(|key| stored.contains(key)).count();
        let expected = match fate {
            Fate::Committed => there == keys.len(),
            Fate::RolledBack => there == 0,
            Fate::Dropped => there == 0 || there == keys.len(),
        };
        assert!(expected, "{fate:?}: {there} of {keys:?}");
        known += there;
    }
    assert_eq!(stored.len(), known, "rows of nobody");
    let bank = engine.all(Account::select().filter(Account::ID.lt(10)).columns(Account::BALANCE)).await?;
    assert_eq!((bank.len(), bank.iter().sum::<i64>()), (4, 0), "coins are lost");
    assert!(
        !engine.exists(Account::select().filter(Account::ID.lt(0))).await?,
        "of a savepoint that was undone"
    );
    nothing_lost(engine).await?;
    let now = engine.statistics();
    assert_eq!((now.in_use(), now.readers_waiting, now.writer_waiting), (0, 0, 0), "{now:?}");
    assert_eq!(now.transactions_begun, now.transactions_committed + now.transactions_rolled_back, "{now:?}");
    assert_eq!((now.busy_errors, now.closed.total(), now.wait_timeouts), (0, 0, 0), "{now:?}");
    assert!(engine.holders().is_empty());
    Ok(())
}

/// Polls a future at most so often, and drops it.
async fn at_most<T>(polls: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Pending if left == 0 => Poll::Ready(None),
            polled => polled.map(Some),
        }
    })
    .await
}

struct Task<'u> {
    engine: Engine,
    units: &'u Units,
    random: Random,
    next: i64,
}

/// What a unit does in the end.
#[derive(Clone, Copy, Debug)]
enum End {
    Commit,
    RollBack,
    Drop,
}

impl Task<'_> {
    async fn run(mut self) -> Result<()> {
        for _ in 0..1 + self.random.below(STEPS) {
            let unit = self.random.below(9);
            // Most are left alone, others dropped sooner or later.
            let polls = match self.random.below(3) {
                0 => self.random.below(14),
                _ => u64::MAX,
            };
            let (keys, end) = (self.keys(), self.end());
            self.note(&keys, Fate::Dropped);
            let step = async {
                match unit {
                    0 => self.inserts(&keys).await,
                    1 | 2 => self.transaction(&keys, end, unit == 2).await,
                    3 | 4 => self.session(&keys, end, unit == 4).await,
                    5 => self.closure(&keys, end).await,
                    6 => self.stream().await.map(|()| Fate::RolledBack),
                    7 => self.reads().await.map(|()| Fate::RolledBack),
                    _ => self.cursor(&keys).await,
                }
            };
            match at_most(polls, step).await {
                Some(Ok(fate)) => self.note(&keys, fate),
                Some(Err(Error::Deadline(_))) | None => {}
                Some(Err(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn note(&self, keys: &[i64], fate: Fate) {
        self.units.borrow_mut().insert(keys.to_vec(), fate);
    }

    /// New ones.
    fn keys(&mut self) -> Vec<i64> {
        let first = self.next;
        self.next += 1 + self.random.below(3) as i64;
        (first..self.next).collect()
    }

    fn end(&mut self) -> End {
        match self.random.below(4) {
            0 => End::RollBack,
            1 => End::Drop,
            _ => End::Commit,
        }
    }

    async fn inserts(&mut self, keys: &[i64]) -> Result<Fate> {
        let insert = self.engine.insert_many(rows(keys));
        match self.random.below(4) {
            0 => insert.deadline(Instant::now()).await?,
            1 => insert.timeout(Duration::from_secs(600)).await?,
            _ => insert.await?,
        };
        Ok(Fate::Committed)
    }

    async fn transaction(&mut self, keys: &[i64], end: End, nested: bool) -> Result<Fate> {
        let (from, to) = self.random.pair(*BANK.start(), *BANK.end());
        let mut transaction = self.engine.begin().await?;
        transaction.execute(adds(from, -1)).await?;
        if self.random.below(3) == 0 {
            let mut stream = transaction.stream(Account::select().order_by(Account::ID));
            for _ in 0..self.random.below(120) {
                stream.next().await?;
            }
        }
        if nested {
            let mut savepoint = transaction.begin_nested().await?;
            savepoint.insert_many(rows(&[-keys[0]])).await?;
            savepoint.execute(adds(to, 100)).await?;
            let mut inner = savepoint.begin_nested().await?;
            inner.insert_many(rows(&[-keys[0] - 1])).await?;
            match self.random.below(3) {
                0 => inner.release().await?,
                1 => inner.rollback().await?,
                _ => drop(inner),
            }
            match self.random.below(2) {
                0 => savepoint.rollback().await?,
                _ => drop(savepoint),
            }
        }
        match self.random.below(2) {
            0 => drop(transaction.insert_many(rows(keys)).await?),
            _ => {
                let mut savepoint = transaction.begin_nested().await?;
                savepoint.insert_many(rows(keys)).await?;
                savepoint.release().await?;
            }
        }
        let (one, found) = transaction.batch((batch::one(by_id(keys[0])), by_id(keys[0]))).await?;
        assert_eq!((one.balance, found.len()), (0, 1), "it sees its own rows");
        transaction.execute(adds(to, 1)).await?;
        if self.random.below(2) == 0 {
            assert!(transaction.first(by_id(-keys[0])).await?.is_none(), "undone with its savepoint");
        }
        match end {
            End::Commit => transaction.commit().await.map(|()| Fate::Committed),
            End::RollBack => transaction.rollback().await.map(|()| Fate::RolledBack),
            End::Drop => Ok(Fate::RolledBack),
        }
    }

    async fn session(&mut self, keys: &[i64], end: End, nested: bool) -> Result<Fate> {
        let (from, to) = self.random.pair(*BANK.start(), *BANK.end());
        let mut session = self.engine.session();
        session.add_all(rows(keys));
        if nested {
            let mut attempt = session.begin_nested().await?;
            attempt.add(Account { id: -keys[0], balance: 0 });
            attempt.flush().await?;
            match self.random.below(2) {
                0 => attempt.rollback().await?,
                _ => drop(attempt),
            }
        }
        session.execute(adds(from, -1)).await?;
        // What it sent runs on, and the next call takes it over.
        let polls = self.random.below(4);
        at_most(polls, session.flush()).await.transpose()?;
        session.execute(adds(to, 1)).await?;
        match end {
            End::Commit => {
                let polls = self.random.below(4);
                at_most(polls, session.commit()).await.transpose()?;
                session.commit().await?;
                Ok(Fate::Committed)
            }
            End::RollBack => session.rollback().await.map(|()| Fate::RolledBack),
            End::Drop => Ok(Fate::RolledBack),
        }
    }

    async fn closure(&mut self, keys: &[i64], end: End) -> Result<Fate> {
        let (from, to) = self.random.pair(*BANK.start(), *BANK.end());
        let keys = keys.to_vec();
        let done = self.engine.transaction(|mut tx| {
            let keys = keys.clone();
            async move {
                let (one, other) = (tx.get_one::<Account>(from).await?, tx.get_one::<Account>(to).await?);
                tx[one].balance -= 1;
                tx.flush().await?;
                tx.add_all(rows(&keys));
                tx[other].balance += 1;
                match end {
                    End::RollBack => Err(Error::other("no")),
                    _ => Ok(()),
                }
            }
        });
        match done.await {
            Err(Error::Other(_)) => Ok(Fate::RolledBack),
            done => done.map(|()| Fate::Committed),
        }
    }

    async fn stream(&mut self) -> Result<()> {
        let mut stream =
            self.engine.stream(Account::select().filter(Account::ID.ge(0)).order_by(Account::ID));
        let (mut last, mut sum) = (0, 0);
        for taken in 1..=4 + self.random.below(120) {
            let polls = self.random.below(3);
            let row = match at_most(polls, stream.next()).await.transpose()? {
                Some(row) => row,
                None => stream.next().await?,
            };
            let Some(row) = row else { break };
            assert!(row.id > last, "in order, and none twice");
            last = row.id;
            if BANK.contains(&row.id) {
                sum += row.balance;
            }
            assert!(taken != 4 || sum == 0, "the bank in one state");
        }
        Ok(())
    }

    async fn reads(&mut self) -> Result<()> {
        let bank = || Account::select().filter(Account::ID.lt(10)).columns(Account::BALANCE);
        let (all, one) = self.engine.batch((bank(), batch::count(by_id(2)))).await?;
        assert_eq!((all.iter().sum::<i64>(), one), (0, 1));
        let mut report = self.engine.begin_with(Begin::new().read_only()).await?;
        let mut sum = 0;
        for id in BANK {
            sum += report.one(by_id(id)).await?.balance;
        }
        assert_eq!(sum, 0, "one state");
        report.commit().await?;
        assert_eq!(self.engine.one(by_id(FILLED.start)).await?.balance, 0);
        Ok(())
    }

    async fn cursor(&mut self, keys: &[i64]) -> Result<Fate> {
        let mut session = self.engine.session();
        let filled = Account::select().filter(Account::ID.ge(FILLED.start) & Account::ID.lt(FILLED.end));
        let mut cursor = session.cursor(filled.order_by(Account::ID));
        let commits_at = FILLED.start + self.random.below(100) as i64;
        for expected in FILLED {
            let polls = self.random.below(3);
            let next = match at_most(polls, cursor.next(&mut session)).await.transpose()? {
                Some(next) => next,
                None => cursor.next(&mut session).await?,
            };
            assert_eq!(next.map(|row| session[row].id), Some(expected));
            if expected == commits_at {
                session.add_all(rows(keys));
                session.commit().await?;
                session.clear();
            }
        }
        assert_eq!(cursor.next(&mut session).await?, None);
        Ok(Fate::Committed)
    }
}

fn rows(keys: &[i64]) -> Vec<Account> {
    keys.iter().map(|&id| Account { id, balance: 0 }).collect()
}

fn by_id(id: i64) -> impl Query<Shape = Whole<Account>> + Clone {
    Account::select().filter(Account::ID.eq(id))
}

fn adds(id: i64, coins: i64) -> impl Query {
    Account::update().set(Account::BALANCE, Account::BALANCE + coins).filter(Account::ID.eq(id))
}
