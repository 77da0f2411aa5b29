//! Flushes of random graphs that fail at every row in turn, and go through in the end.
//!
//! `ANYORM_FAULT_RUNS=20000 ANYORM_FAULT_SEED=7 cargo test -p anyorm-tests --test fuzz faults` runs more, or others.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyorm::observe::{Observer, StatementEvent};
use anyorm::prelude::*;
use anyorm::{Error, Result, Trusted};
use anyorm_tests::check::{full_again, text_of};
use anyorm_tests::random::Random;
use futures_lite::FutureExt;
use orm_testkit::step;

use crate::check::{in_database, in_memory};
use crate::edit::{Edit, Handles, Since};
use crate::entities::tables;
use crate::op::Op;
use crate::verdict::Verdict;
use crate::world::World;

const RUNS: u64 = 800;
const TABLES: [&str; 8] = ["users", "posts", "tags", "post_tags", "accounts", "nodes", "countries", "cities"];

#[test]
fn faults_at_every_row_lose_nothing() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = setting("ANYORM_FAULT_SEED").unwrap_or(1);
    let mut seen = Seen::default();
    for run in 0..setting("ANYORM_FAULT_RUNS").unwrap_or(RUNS) {
        let graph = Graph::random(seed.wrapping_mul(1_000_003).wrapping_add(run));
        match outcome(&graph) {
            Ok(of_graph) => seen.add(of_graph),
            Err(why) => panic!("run {run} of seed {seed}: {why}\n{}", minimised(graph)),
        }
    }
    // A guard against a test that tests nothing.
    assert!(
        seen.flushes > 0 && seen.failures > seen.flushes && seen.panics > 0 && seen.drops > 0,
        "{seen:?}"
    );
}

/// What was tried.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    flushes: u64,
    failures: u64,
    panics: u64,
    drops: u64,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.flushes += other.flushes;
        self.failures += other.failures;
        self.panics += other.panics;
        self.drops += other.drops;
    }
}

/// What is stored, what is changed, and how the flushes fail.
#[derive(Clone)]
struct Graph {
    stored: Vec<Op>,
    changes: Vec<Op>,
    seed: u64,
}

impl Graph {
    fn random(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut ops = |most: u64| {
            let length = random.below(most);
            (0..length).map(|_| Op::random(&mut random)).collect()
        };
        Self { stored: ops(30), changes: ops(24), seed }
    }
}

fn outcome(graph: &Graph) -> Result<Seen, String> {
    match catch_unwind(AssertUnwindSafe(|| futures_lite::future::block_on(run(graph)))) {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(error)) => Err(format!("error: {error}")),
        Err(panic) => Err(text_of(&*panic)),
    }
}

/// Leaves out one step after the other, as long as it still goes wrong.
fn minimised(mut graph: Graph) -> String {
    let mut why = String::new();
    let mut at = 0;
    while at < graph.stored.len() + graph.changes.len() {
        let mut less = graph.clone();
        match at.checked_sub(less.stored.len()) {
            Some(at) => less.changes.remove(at),
            None => less.stored.remove(at),
        };
        match outcome(&less) {
            Ok(_) => at += 1,
            Err(other) => {
                (graph, why) = (less, other);
                at = 0;
            }
        }
    }
    let lines = |ops: &[Op]| ops.iter().map(|op| format!("\n  {op:?}")).collect::<String>();
    format!("{why}\nstored:{}\nchanged:{}", lines(&graph.stored), lines(&graph.changes))
}

/// An engine whose statements are written down, and panic when they are told to.
#[derive(Default)]
struct Log(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    statements: Vec<String>,
    panics_after: Option<usize>,
}

impl Log {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clear(&self, panics_after: Option<usize>) {
        *self.entries() = Entries { statements: Vec::new(), panics_after };
    }

    fn statements(&self) -> Vec<String> {
        self.entries().statements.clone()
    }
}

impl Observer for Log {
    fn statement(&self, event: &StatementEvent<'_>) {
        let mut entries = self.entries();
        entries.statements.push(format!("{} {:?}", event.sql, event.parameters));
        if let Some(left) = &mut entries.panics_after {
            if *left == 0 {
                entries.panics_after = None;
                drop(entries);
                // Past the hook that prints.
                resume_unwind(Box::new("an observer panics".to_owned()));
            }
            *left -= 1;
        }
    }
}

/// A session with work that is pending, on a database whose fuse can be set.
struct Bench {
    engine: Engine,
    log: Arc<Log>,
    session: Session,
    handles: Handles,
    world: World,
    flushed: World,
    since: Since,
    /// How many numbers the stored rows have.
    stored: [usize; 7],
}

impl Bench {
    /// `None` if the graph is one that is refused anyway.
    async fn new(graph: &Graph) -> Result<Option<Self>> {
        let log = Arc::new(Log::default());
        let engine = Engine::builder("sqlite::memory:").observer(Arc::<Log>::clone(&log)).open().await?;
        engine.create_all(&tables()).await?;
        engine.execute(sql("CREATE TABLE fuse (rows_left INTEGER)")).await?;
        engine.execute(sql("INSERT INTO fuse VALUES (-1)")).await?;
        for table in TABLES {
            for action in ["INSERT", "UPDATE", "DELETE"] {
                let trigger = format!(
                    "CREATE TRIGGER {table}_{action} BEFORE {action} ON {table} BEGIN \
                     UPDATE fuse SET rows_left = rows_left - 1; \
                     SELECT RAISE(ABORT, 'the fuse blew') WHERE (SELECT rows_left FROM fuse) = 0; END"
                );
                engine.execute(sql(Trusted(trigger))).await?;
            }
        }
        let session = engine.session();
        let mut bench = Self {
            engine,
            log,
            session,
            handles: Handles::default(),
            world: World::default(),
            flushed: World::default(),
            since: Since::default(),
            stored: [0; 7],
        };
        bench.edit(&graph.stored);
        if bench.is_refused() {
            return Ok(None);
        }
        bench.session.commit().await?;
        bench.settle();
        bench.stored = bench.handles.lengths();
        bench.edit(&graph.changes);
        Ok(if bench.is_refused() || !bench.session.is_dirty() { None } else { Some(bench) })
    }

    fn edit(&mut self, ops: &[Op]) {
        let escaped = BTreeSet::new();
        for &op in ops {
            let Self { session, world, flushed, handles, since, .. } = self;
            Edit { session, world, flushed, handles, since, escaped: &escaped }.step(op);
        }
    }

    fn is_refused(&self) -> bool {
        Verdict::of(&self.world, &self.flushed, &self.since).may()
    }

    fn settle(&mut self) {
        self.world.settle(&self.flushed);
        self.flushed = self.world.clone();
        self.since = Since::default();
    }

    async fn set_fuse(&self, rows: i64) -> Result<()> {
        self.engine.execute(sql("UPDATE fuse SET rows_left = ?").bind(rows)).await.map(|_| ())
    }

    fn in_memory(&self) {
        in_memory(&self.session, &self.world, &self.handles, &self.since);
    }

    /// Nothing is pending, and all agree.
    async fn is_settled(&mut self) -> Result<()> {
        self.in_memory();
        assert!(!self.session.is_dirty(), "nothing is pending: {:?}", self.session.changes());
        in_database(&mut self.session, &self.world, &self.handles, &BTreeSet::new()).await
    }

    /// The session is of no use until it is told what to do.
    async fn is_inactive(&mut self) {
        let refused = self.session.flush().await;
        assert!(matches!(refused, Err(Error::Inactive { .. })), "inactive after a failure: {refused:?}");
    }
}

/// Fails at every row, each time in another way, and in the end sends what an undisturbed session sends.
async fn run(graph: &Graph) -> Result<Seen> {
    let Some(mut undisturbed) = Bench::new(graph).await? else { return Ok(Seen::default()) };
    undisturbed.log.clear(None);
    undisturbed.session.commit().await?;
    let wanted = undisturbed.log.statements();
    undisturbed.settle();
    undisturbed.is_settled().await?;

    let Some(mut bench) = Bench::new(graph).await? else { return Ok(Seen::default()) };
    let mut random = Random::new(graph.seed ^ 0x5eed);
    let mut seen = Seen { flushes: 1, ..Seen::default() };
    let planned = bench.session.changes()?.to_string();
    // Before each failure, so that the last one finds the work of all.
    for row in 1.. {
        if !fail(&mut bench, &mut random, row, &mut seen).await? {
            break;
        }
        bench.in_memory();
        assert_eq!(bench.session.changes()?.to_string(), planned, "the work after failure {row}");
        if random.below(8) == 0 {
            take_back(&mut bench, graph).await?;
        }
    }
    if random.below(4) == 0 {
        // Recovered though nothing failed: what is stored in the end is the same.
        bench.session.recover().await?;
        bench.set_fuse(-1).await?;
        bench.session.commit().await?;
    } else {
        bench.session.commit().await?;
        assert_eq!(bench.log.statements(), wanted, "what is sent in the end");
    }
    bench.settle();
    bench.is_settled().await?;
    let engine = bench.engine.clone();
    drop(bench);
    full_again(&engine);
    Ok(seen)
}

/// One flush that fails, and the recovery. Answers false where there are fewer rows than that.
async fn fail(bench: &mut Bench, random: &mut Random, row: i64, seen: &mut Seen) -> Result<bool> {
    match random.below(6) {
        // The future is dropped: what becomes of the job is found out by the recovery.
        0 => {
            seen.drops += 1;
            bench.set_fuse(1).await?;
            let polls = random.below(3) as usize;
            let _ = step::polls(polls, bench.session.flush());
        }
        1 => {
            seen.panics += 1;
            bench.set_fuse(-1).await?;
            // BEGIN is a statement, too.
            bench.log.clear(Some(random.below(2) as usize));
            let panicked = AssertUnwindSafe(bench.session.flush()).catch_unwind().await;
            assert!(panicked.is_err(), "the observer panics: {panicked:?}");
            bench.log.clear(None);
            bench.is_inactive().await;
        }
        _ => {
            bench.set_fuse(row).await?;
            bench.log.clear(None);
            match bench.session.flush().await {
                Ok(()) => return Ok(false),
                Err(error) => assert!(error.to_string().contains("the fuse blew"), "{error}"),
            }
            seen.failures += 1;
            bench.in_memory();
            bench.is_inactive().await;
        }
    }
    bench.session.recover().await?;
    Ok(true)
}

/// A failure, a rollback, and the same work anew.
async fn take_back(bench: &mut Bench, graph: &Graph) -> Result<()> {
    bench.set_fuse(1).await?;
    let failed = bench.session.flush().await;
    assert!(failed.is_err(), "the first row blows the fuse");
    bench.session.rollback().await?;
    bench.set_fuse(-1).await?;
    let flushed = bench.flushed.clone();
    bench.world = flushed;
    bench.since = Since::default();
    bench.is_settled().await?;
    bench.handles.truncate(bench.stored);
    bench.edit(&graph.changes);
    Ok(())
}
