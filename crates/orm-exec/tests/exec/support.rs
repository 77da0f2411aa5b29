//! What the tests share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use async_executor::Executor;
use futures_lite::future;
use orm_core::program::{Expect, Returns, StatementShape, Step};
use orm_core::{Cell, Cells, ColumnError, Program, Result, Row, Sink, Value, sql};
use orm_exec::{Access, Engine, JobOutput, Observer, StatementEvent};

/// A directory that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("anyorm-exec-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn url(&self, options: &str) -> String {
        format!("sqlite://{}{options}", self.0.join("test.db").display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A database in memory with a table `t (n)`, whose jobs are not looked for: see `looking`.
pub(crate) async fn memory() -> Engine {
    with_table(Engine::open("sqlite::memory:?dispatch=worker").await.unwrap()).await
}

/// A database in a file with a table `t (n)`.
pub(crate) async fn file(folder: &Folder, options: &str) -> Engine {
    with_table(Engine::open(&folder.url(options)).await.unwrap()).await
}

async fn with_table(engine: Engine) -> Engine {
    engine.execute(sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)")).await.unwrap();
    engine
}

pub(crate) async fn insert(engine: &Engine, n: i64) -> Result<u64> {
    engine.execute(sql("INSERT INTO t (n) VALUES (?)").bind(n)).await
}

pub(crate) async fn numbers(engine: &Engine) -> Vec<i64> {
    engine.all(sql("SELECT n FROM t ORDER BY n").returning::<i64>()).await.unwrap()
}

/// A query that runs for minutes, unless it is interrupted.
pub(crate) const ENDLESS: &str = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000000000) SELECT count(*) FROM c";

/// Waits until a condition holds. The bound is generous: it only keeps a broken test from hanging.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain: {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// Waits until every connection is home.
pub(crate) fn full_again(engine: &Engine) {
    eventually("all connections home", || engine.statistics().in_use() == 0);
}

/// Runs `body` next to an executor with four threads.
pub(crate) fn with_threads<T>(body: impl AsyncFnOnce(&Executor<'static>) -> T) -> T {
    let executor = Arc::new(Executor::new());
    let stop = async_lock::Barrier::new(5);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| future::block_on(executor.run(stop.wait())));
        }
        future::block_on(async {
            let result = body(&executor).await;
            stop.wait().await;
            result
        })
    })
}

/// Writes down what is sent.
#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<String>>);

impl Log {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Log {
    fn statement(&self, event: &StatementEvent<'_>) {
        let text = match event.parameters.width() {
            0 => event.sql.to_owned(),
            _ => format!("{} {:?}", event.sql, event.parameters),
        };
        self.0.lock().unwrap().push(text);
    }
}

/// Builds programs by hand.
#[derive(Default)]
pub(crate) struct Hand(pub(crate) Program);

impl Hand {
    pub(crate) fn step(self, sql: &str, returns: Returns, rows: &[&[Arg]]) -> Self {
        self.full(sql, returns, rows, Expect::Any, None)
    }

    pub(crate) fn full(
        mut self,
        sql: &str,
        returns: Returns,
        rows: &[&[Arg]],
        expect: Expect,
        list: Option<orm_core::program::ListAt>,
    ) -> Self {
        let start = self.0.input.len() as u32;
        rows.iter().copied().flatten().for_each(|arg| arg.push(&mut self.0.input));
        let shape = StatementShape {
            sql: sql.into(),
            parameters: rows.first().map_or(0, |row| row.len()) as u16,
            returns,
            reads_only: false,
            cheap: false,
            list,
            outline: None,
        };
        self.0.steps.push(Step {
            shape: Arc::new(shape),
            rows: rows.len().max(1) as u32,
            cells: start..self.0.input.len() as u32,
            expect,
            after: Vec::new(),
            origin: 0,
        });
        self
    }

    pub(crate) fn transaction(mut self) -> Program {
        self.0.begin = Some("BEGIN IMMEDIATE".into());
        self.0.commit = true;
        self.0
    }
}

/// A parameter.
pub(crate) enum Arg {
    Value(Value),
    Cell(Cell),
}

impl Arg {
    fn push(&self, cells: &mut Cells) {
        match self {
            Arg::Value(value) => cells.value_of(value),
            Arg::Cell(cell) => cells.push(*cell),
        }
    }
}

pub(crate) fn int(value: i64) -> Arg {
    Arg::Value(Value::Int(value))
}

pub(crate) fn text(value: &str) -> Arg {
    Arg::Value(Value::Text(value.to_owned()))
}

pub(crate) fn from(step: u16, column: u16, row: u32) -> Arg {
    Arg::Cell(Cell::From { step, column, row })
}

/// Keeps all rows, with the step that answered them.
#[derive(Debug, Default)]
pub(crate) struct Rows(pub(crate) Vec<(u16, Vec<Value>)>);

impl Sink for Rows {
    fn row(&mut self, step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
        let values: Result<_, _> =
            (0..row.width()).map(|at| row.value(at).map(|value| value.to_value())).collect();
        self.0.push((step, values?));
        Ok(())
    }
}

/// Runs a program on a connection of its own.
pub(crate) async fn run(engine: &Engine, program: Program) -> JobOutput<Rows> {
    let lease = engine.lease(Access::Write, std::panic::Location::caller()).await.unwrap();
    lease.run(program, Rows::default()).await
}
