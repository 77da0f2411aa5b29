//! Eight processes of four tasks each on one file, under different executors: nobody is told that the database is busy,
//! nothing is lost, and the file is whole.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::{Begin, Result, Trusted};
use anyorm_tests::random::Random;
use anyorm_tests::{Account, Tag, blog, tag};
use futures_lite::future::block_on;
use orm_testkit::Executor;

use crate::child::{Child, Folder};
use crate::{Role, Test, say, setting};

pub(crate) const TESTS: &[Test] = &[
    ("load::eight_processes_lose_nothing_and_are_never_told_busy", eight_processes),
    ("load::engines_that_open_and_close_are_never_told_busy", opening_and_closing),
];

pub(crate) const ROLES: &[Role] = &[("load", load), ("opener", opener)];

const PROCESSES: usize = 8;
const TASKS: usize = 4;
const SECONDS: u64 = 4;
const ACCOUNTS: i64 = 10;
const COINS: i64 = 1_000;
/// The default is five seconds. Short enough that a starving writer shows, in a test of a few seconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(4);

type Task = Pin<Box<dyn Future<Output = Result<Done>> + Send>>;

/// What a task did.
#[derive(Clone, Copy, Default)]
struct Done {
    /// Transactions that were answered as committed, each with a row in `done`.
    commits: i64,
    reads: i64,
    /// The longest call that writes.
    longest: Duration,
}

fn eight_processes() -> String {
    let folder = Folder::new();
    let url = folder.url(&format!("?busy_timeout={}&readers=2", BUSY_TIMEOUT.as_millis()));
    block_on(prepare(&url)).expect("tables are made");
    let seconds = setting("ANYORM_PROCESSES_SECONDS", SECONDS).to_string();
    let children: Vec<Child> =
        (0..PROCESSES).map(|process| Child::start("load", &[&url, &process.to_string(), &seconds])).collect();
    let lines: Vec<String> = children.into_iter().flat_map(Child::end).collect();
    let figures: Vec<Vec<i64>> = lines
        .iter()
        .map(|line| line.split(' ').map(|part| part.parse().expect("figures")).collect())
        .collect();
    assert_eq!(figures.len(), PROCESSES * TASKS);

    let check = async {
        let engine = Engine::open(&url).await?;
        assert_eq!(engine.all(sql("PRAGMA integrity_check").returning::<String>()).await?, ["ok"]);
        let broken = sql("SELECT count(*) FROM pragma_foreign_key_check").returning::<i64>();
        assert_eq!(engine.scalar(broken).await?, 0);
        let sum: Option<i64> = engine.scalar(Account::select().columns(sum(Account::BALANCE))).await?;
        assert_eq!(sum, Some(ACCOUNTS * COINS), "coins came or went");
        for figures in &figures {
            let [process, task, commits, ..] = figures[..] else { panic!("{figures:?}") };
            let done = sql("SELECT count(*) FROM done WHERE process = ? AND task = ?");
            let stored = engine.scalar(done.bind(process).bind(task).returning::<i64>()).await?;
            assert_eq!(stored, commits, "process {process}, task {task}: what was acknowledged is there");
        }
        let raised: i64 = engine.scalar(sql("SELECT sum(n) FROM raised").returning::<i64>()).await?;
        let upserts: i64 = figures.iter().filter(|figures| figures[1] == 2).map(|figures| figures[2]).sum();
        assert_eq!(raised, upserts, "every upsert counted");
        engine.close().await
    };
    block_on(check).expect("the database answers");
    let total = |at: usize| figures.iter().map(|figures| figures[at]).sum::<i64>();
    let longest = figures.iter().map(|figures| figures[4]).max().unwrap_or_default();
    let fewest = figures.iter().map(|figures| figures[2]).min().unwrap_or_default();
    assert!(fewest > 0, "a task was starved: {figures:?}");
    format!(
        "{} commits, {} reads; the longest write took {longest} ms; a task made {fewest} commits at least",
        total(2),
        total(3)
    )
}

async fn prepare(url: &str) -> Result<()> {
    let engine = Engine::open(url).await?;
    engine.create_all(&blog()).await?;
    engine.insert_many((1..=ACCOUNTS).map(|id| Account { id, balance: COINS })).await?;
    let done = "CREATE TABLE done (process INTEGER, task INTEGER, n INTEGER, PRIMARY KEY (process, task, n)) WITHOUT ROWID";
    engine.execute(sql(done)).await?;
    engine.execute(sql("CREATE TABLE raised (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")).await?;
    engine.close().await
}

/// One process: four tasks until the time is over.
fn load(arguments: &[String]) -> Result<(), String> {
    let url = arguments[0].clone();
    let process: i64 = arguments[1].parse().expect("a number");
    let seconds: u64 = arguments[2].parse().expect("a number");
    let until = Instant::now() + Duration::from_secs(seconds);
    let executor = Executor::ALL[process as usize % Executor::ALL.len()];
    let engine = executor
        .block_on(async move {
            let engine = Engine::open(&url).await?;
            // A checkpoint every few commits.
            let mut connection = engine.connection().await?;
            connection.scalar(sql("PRAGMA wal_autocheckpoint = 20").returning::<i64>()).await?;
            Ok::<_, anyorm::Error>(engine)
        })
        .map_err(|error| error.to_string())?;
    let tasks: Vec<Task> = vec![
        Box::pin(transfers(engine.clone(), process, until)),
        Box::pin(commits(engine.clone(), process, until)),
        Box::pin(upserts(engine.clone(), process, until)),
        match process {
            0 => Box::pin(open_and_close(arguments[0].clone(), process, until)),
            1 => Box::pin(checkpoints(engine, process, until)),
            _ => Box::pin(reads(engine, process, until)),
        },
    ];
    for (task, done) in executor.block_on_all(tasks).into_iter().enumerate() {
        let Done { commits, reads, longest } = done.map_err(|error| format!("task {task}: {error}"))?;
        say(&format!("{process} {task} {commits} {reads} {}", longest.as_millis()));
    }
    Ok(())
}

fn note(process: i64, task: i64, n: i64) -> impl anyorm::Query + use<> {
    sql("INSERT INTO done VALUES (?, ?, ?)").bind(process).bind(task).bind(n)
}

impl Done {
    fn took(&mut self, since: Instant) {
        self.longest = self.longest.max(since.elapsed());
    }
}

/// A transaction that reads before it writes. Nobody tries again here.
async fn transfers(engine: Engine, process: i64, until: Instant) -> Result<Done> {
    let (mut done, mut random) = (Done::default(), Random::new(process as u64));
    while Instant::now() < until {
        let (from, to) = random.pair(1, ACCOUNTS);
        let since = Instant::now();
        let mut transaction = engine.begin().await?;
        let balance = Account::select().filter(Account::ID.eq(from)).columns(Account::BALANCE);
        if transaction.scalar(balance).await? > 0 {
            let change = |id, by| {
                Account::update().set(Account::BALANCE, Account::BALANCE + by).filter(Account::ID.eq(id))
            };
            transaction.execute(change(from, -1)).await?;
            transaction.execute(change(to, 1)).await?;
        }
        transaction.execute(note(process, 0, done.commits)).await?;
        transaction.commit().await?;
        done.took(since);
        done.commits += 1;
    }
    Ok(done)
}

/// A session's commit: one hop, after reads outside of the transaction.
async fn commits(engine: Engine, process: i64, until: Instant) -> Result<Done> {
    let mut done = Done::default();
    let mut session = engine.session();
    let mine = session.add(tag(&format!("of {process}")));
    session.commit().await?;
    while Instant::now() < until {
        let since = Instant::now();
        session.count(Tag::select()).await?;
        session[mine].name = format!("of {process}: {}", done.commits);
        session.execute(note(process, 1, done.commits)).await?;
        session.commit().await?;
        done.took(since);
        done.commits += 1;
    }
    Ok(done)
}

/// Rows that all processes raise, by statements on their own; each third with a read transaction that is given up.
async fn upserts(engine: Engine, process: i64, until: Instant) -> Result<Done> {
    let mut done = Done::default();
    while Instant::now() < until {
        let since = Instant::now();
        let upsert = "INSERT INTO raised VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET n = n + 1";
        engine.execute(sql(upsert).bind(done.commits % 5)).await?;
        done.took(since);
        let since = Instant::now();
        engine.execute(note(process, 2, done.commits)).await?;
        done.took(since);
        done.commits += 1;
    }
    Ok(done)
}

/// Sums in a transaction that reads: they must not change in it, and never be another.
async fn reads(engine: Engine, process: i64, until: Instant) -> Result<Done> {
    let mut done = Done::default();
    while Instant::now() < until {
        let mut transaction = engine.begin_with(Begin::new().read_only()).await?;
        for _ in 0..3 {
            let total: Option<i64> =
                transaction.scalar(Account::select().columns(sum(Account::BALANCE))).await?;
            assert_eq!(total, Some(ACCOUNTS * COINS), "process {process} saw half a transfer");
            done.reads += 1;
        }
        transaction.commit().await?;
        if done.reads % 30 == 0 {
            engine.execute(note(process, 3, done.commits)).await?;
            done.commits += 1;
        }
    }
    engine.execute(note(process, 3, done.commits)).await?;
    done.commits += 1;
    Ok(done)
}

/// An engine for each commit.
async fn open_and_close(url: String, process: i64, until: Instant) -> Result<Done> {
    let mut done = Done::default();
    while Instant::now() < until {
        let since = Instant::now();
        let engine = Engine::open(&url).await?;
        engine.execute(note(process, 3, done.commits)).await?;
        engine.count(Account::select()).await?;
        engine.close().await?;
        done.took(since);
        done.commits += 1;
    }
    Ok(done)
}

/// Checkpoints of all kinds, which take the locks of readers and writers.
async fn checkpoints(engine: Engine, process: i64, until: Instant) -> Result<Done> {
    let mut done = Done::default();
    let mut kinds = ["PASSIVE", "FULL", "RESTART", "TRUNCATE"].into_iter().cycle();
    while Instant::now() < until {
        let checkpoint = format!("PRAGMA wal_checkpoint({})", kinds.next().unwrap_or_default());
        let mut connection = engine.connection().await?;
        connection.one(sql(Trusted(checkpoint)).returning::<(i64, i64, i64)>()).await?;
        drop(connection);
        engine.execute(note(process, 3, done.commits)).await?;
        done.commits += 1;
    }
    Ok(done)
}

/// Opens a file, reads, writes and closes, again and again. With others at it, the last connection to close removes the
/// log over and over, and the next to open makes it.
fn opener(arguments: &[String]) -> Result<(), String> {
    let url = arguments[0].clone();
    let process: i64 = arguments[1].parse().expect("a number");
    let rounds: i64 = arguments[2].parse().expect("a number");
    let work = async move {
        for n in 0..rounds {
            let engine = Engine::open(&url).await?;
            let table = "CREATE TABLE IF NOT EXISTS done (process INTEGER, task INTEGER, n INTEGER)";
            engine.execute(sql(table)).await?;
            engine.execute(note(process, 0, n)).await?;
            engine.count(sql("SELECT n FROM done").returning::<i64>()).await?;
            // Every other one is left to close by itself.
            if n % 2 == 0 {
                engine.close().await?;
            }
        }
        Ok::<_, anyorm::Error>(())
    };
    block_on(work).map_err(|error| error.to_string())
}

fn opening_and_closing() -> String {
    let (rounds, mut engines) = (setting("ANYORM_PROCESSES_ROUNDS", 6) as i64 * 3, 0);
    for _ in 0..3 {
        // From a file that is not there on: its makers race for the journal mode, too.
        let folder = Folder::new();
        let url = folder.url("");
        let start = |process: i64| Child::start("opener", &[&url, &process.to_string(), &rounds.to_string()]);
        let children: Vec<Child> = (0..5).map(start).collect();
        children.into_iter().for_each(|child| drop(child.end()));
        let stored = block_on(async {
            let engine = Engine::open(&url).await?;
            assert_eq!(engine.all(sql("PRAGMA integrity_check").returning::<String>()).await?, ["ok"]);
            engine.count(sql("SELECT n FROM done").returning::<i64>()).await
        });
        assert_eq!(stored.expect("it opens").cast_signed(), 5 * rounds, "what was acknowledged is there");
        engines += 5 * rounds;
    }
    format!("{engines} engines of 5 processes at a time")
}
