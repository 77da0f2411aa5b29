//! Reads on the thread that polls, next to a connection that is not ours.

use std::panic::Location;

use futures_lite::future;
use orm_core::program::{Discard, Returns};
use orm_core::{ColumnError, Entity, Row, Sink, Trusted, schema, sql};
use orm_exec::{Access, Dispatch, Engine};

use crate::entities::{Post, Tag, User};
use crate::support::{Folder, Hand, Log, full_again};

async fn tags(folder: &Folder) -> Engine {
    let engine = Engine::open(&folder.url("?dispatch=auto&readers=0&busy_timeout=60000")).await.unwrap();
    engine.create_all(&schema![Post, User, Tag]).await.unwrap();
    engine.execute(Tag::insert().set(Tag::NAME, "math")).await.unwrap();
    engine
}

#[test]
fn a_lock_that_somebody_else_holds_is_waited_for_on_a_worker() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = tags(&folder).await;
        // Without a log, who writes keeps others from reading.
        let mut connection = engine.connection().await.unwrap();
        connection.scalar(sql("PRAGMA journal_mode = DELETE").returning::<String>()).await.unwrap();
        drop(connection);
        let other = rusqlite::Connection::open(folder.path().join("test.db")).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();

        let query = || engine.one(Tag::select().filter(Tag::ID.eq(1)));
        let before = engine.statistics();
        for round in 1..=2 {
            let mut waiting = query();
            assert!(future::poll_once(&mut waiting).await.is_none());
            let now = engine.statistics();
            assert_eq!((now.inline, now.inline_aborted), (before.inline, before.inline_aborted + round));
            if round == 1 {
                drop(waiting);
                full_again(&engine);
                continue;
            }
            other.execute_batch("COMMIT").unwrap();
            assert_eq!(waiting.await.unwrap().name, "math");
        }
        // A lock is no reason to remember the statement.
        query().await.unwrap();
        assert_eq!(engine.statistics().inline, before.inline + 1);
    });
}

/// Hands its rows on, so that it cannot forget them.
struct Passing;

impl Sink for Passing {
    fn row(&mut self, _step: u16, _row: &Row<'_>) -> Result<(), ColumnError> {
        Ok(())
    }
}

#[test]
fn a_sink_that_cannot_forget_and_a_program_that_is_not_bare_are_not_begun_inline() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = tags(&folder).await;
        let program = || {
            let mut program =
                Hand::default().step("SELECT name FROM tags WHERE id = 1", Returns::Rows, &[]).0;
            let shape = std::sync::Arc::make_mut(&mut program.steps[0].shape);
            (shape.reads_only, shape.cheap) = (true, true);
            program
        };
        let lease = async || engine.lease(Access::Read, Location::caller()).await.unwrap();
        let before = engine.statistics();
        assert!(lease().await.run(program(), Discard).await.result.is_ok());
        assert_eq!(engine.statistics().inline, before.inline + 1);

        assert!(lease().await.run(program(), Passing).await.result.is_ok());
        let mut begun = program();
        (begun.begin, begun.commit) = (Some("BEGIN".into()), true);
        assert!(lease().await.run(begun, Discard).await.result.is_ok());
        let mut guarded = program();
        guarded.before = vec!["SAVEPOINT a".into(), "RELEASE a".into()];
        assert!(lease().await.run(guarded, Discard).await.result.is_ok());
        let mut elsewhere = program();
        elsewhere.dispatch = Some(Dispatch::Worker);
        assert!(lease().await.run(elsewhere, Discard).await.result.is_ok());
        let now = engine.statistics();
        assert_eq!((now.inline, now.hops), (before.inline + 1, before.hops + 4));
    });
}

#[test]
fn the_observer_is_told_where_a_job_runs() {
    #[derive(Default)]
    struct Trips(Log, std::sync::Mutex<Vec<&'static str>>);

    impl orm_exec::Observer for Trips {
        fn hop(&self) {
            self.1.lock().unwrap().push("hop");
        }

        fn inline(&self) {
            self.1.lock().unwrap().push("inline");
        }

        fn inline_aborted(&self) {
            self.1.lock().unwrap().push("aborted");
        }

        fn statement(&self, event: &orm_exec::StatementEvent<'_>) {
            self.0.statement(event);
        }
    }

    future::block_on(async {
        let trips = std::sync::Arc::new(Trips::default());
        let engine = Engine::builder("sqlite::memory:").observer(trips.clone()).open().await.unwrap();
        engine.create_all(&schema![Post, User, Tag]).await.unwrap();
        let numbers = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) ";
        engine
            .execute(sql(Trusted(format!("INSERT INTO tags (name) {numbers} SELECT n FROM c"))))
            .await
            .unwrap();
        (_, *trips.1.lock().unwrap()) = (trips.0.take(), Vec::new());
        engine.first(Tag::select().filter(Tag::ID.eq(1))).await.unwrap();
        // No index leads to a sum.
        let nowhere = Tag::select().filter((Tag::ID + 1).eq(0));
        for _ in 0..2 {
            assert!(engine.first(nowhere.clone()).await.unwrap().is_none());
        }
        assert_eq!(*trips.1.lock().unwrap(), ["inline", "aborted", "hop", "hop"]);
        // One was told twice: it ran twice.
        assert_eq!(trips.0.take().len(), 4);
    });
}

#[test]
fn a_function_that_the_schema_hides_runs_on_a_worker() {
    use std::sync::{Arc, Mutex};
    use std::thread;

    use orm_exec::sqlite::ScalarFunction;

    future::block_on(async {
        let threads = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&threads);
        let builder = Engine::builder("sqlite::memory:").on_connect(move |setup| {
            let log = Arc::clone(&log);
            setup.function(ScalarFunction::new("spelled", 1).deterministic(), move |arguments| {
                log.lock().unwrap().push(thread::current().id());
                Ok(format!("number {}", arguments.get::<i64>(0)?))
            })
        });
        let engine = builder.open().await.unwrap();
        let table = "CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT AS (spelled(id)) VIRTUAL)";
        engine.execute(sql(table)).await.unwrap();
        engine.execute(sql("INSERT INTO tags (id) VALUES (7)")).await.unwrap();
        let before = engine.statistics();
        for _ in 0..2 {
            let found = engine.one(Tag::select().filter(Tag::ID.eq(7))).await.unwrap();
            assert_eq!(found.name, "number 7");
        }
        let threads = threads.lock().unwrap();
        assert!(!threads.is_empty() && !threads.contains(&thread::current().id()));
        let now = engine.statistics();
        let ways =
            (now.inline - before.inline, now.inline_aborted - before.inline_aborted, now.hops - before.hops);
        assert_eq!(ways, (0, 1, 2), "given up once, and remembered");
        assert_eq!((now.errors, now.interrupted), (0, 1));
    });
}
