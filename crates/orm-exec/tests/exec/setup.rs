//! Hooks on new connections, and functions for SQL.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_lite::future;
use orm_core::{Error, Trusted, sql};
use orm_exec::sqlite::{ScalarFunction, Setup};
use orm_exec::{Access, Engine, EngineBuilder};

use crate::support::{Folder, full_again, insert, numbers};

async fn opened(builder: EngineBuilder) -> Engine {
    let engine = builder.open().await.unwrap();
    engine
        .execute(sql("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)"))
        .await
        .unwrap();
    engine
}

#[test]
fn hooks_run_once_for_each_connection_in_their_order() {
    future::block_on(async {
        let (folder, seen) = (Folder::new(), Arc::new(Mutex::new(Vec::new())));
        let note = |name: &'static str| {
            let seen = Arc::clone(&seen);
            move |setup: &Setup<'_>| {
                seen.lock().unwrap().push((name, setup.access()));
                setup.pragma("cache_size", -64)
            }
        };
        let builder = Engine::builder(&folder.url("?readers=1"));
        let engine = opened(builder.on_connect(note("first")).on_connect(note("second"))).await;
        for n in 0..3 {
            insert(&engine, n).await.unwrap();
            assert_eq!(numbers(&engine).await.len(), n as usize + 1);
        }
        let (write, read) = (Access::Write, Access::Read);
        let expected = [("first", write), ("second", write), ("first", read), ("second", read)];
        assert_eq!(*seen.lock().unwrap(), expected);
        let size = sql("SELECT cache_size FROM pragma_cache_size").returning::<i64>();
        assert_eq!(engine.scalar(size).await.unwrap(), -64);
        // What anyorm promises of readers holds in spite of hooks.
        let only = sql("SELECT query_only FROM pragma_query_only").returning::<i64>();
        assert_eq!(engine.scalar(only).await.unwrap(), 1);
    });
}

#[test]
fn a_hook_that_fails_or_panics_is_named_with_its_connection() {
    type Hook = fn(&Setup<'_>) -> orm_core::Result<()>;
    let hooks: [(Hook, &str); 4] = [
        (|_| Err(Error::other("no luck")), "failed: no luck"),
        (|_| panic!("out of luck"), "panicked: out of luck"),
        (|setup| setup.execute("BEGIN"), "left a transaction open"),
        (|setup| setup.execute("SELECT missing"), "no such column: missing"),
    ];
    for (hook, why) in hooks {
        future::block_on(async {
            let folder = Folder::new();
            let line = line!() + 1;
            let error = Engine::builder(&folder.url("")).on_connect(hook).open().await.unwrap_err();
            assert!(matches!(error, Error::Configuration(_)), "{error:?}");
            let text = error.to_string();
            let place = format!("the hook on_connect of {}:{line}, on the writer connection to ", file!());
            assert!(text.contains(&place) && text.contains("test.db") && text.contains(why), "{text}");
        });
    }
}

#[test]
fn a_reader_that_cannot_be_prepared_keeps_no_permit() {
    future::block_on(async {
        let (folder, failures) = (Folder::new(), Arc::new(AtomicUsize::new(2)));
        let left = Arc::clone(&failures);
        let hook = move |setup: &Setup<'_>| match setup.access() {
            Access::Read
                if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() =>
            {
                panic!("not yet")
            }
            _ => Ok(()),
        };
        let engine = opened(Engine::builder(&folder.url("?readers=1")).on_connect(hook)).await;
        for _ in 0..2 {
            let count = engine.count(sql("SELECT n FROM t").returning::<i64>());
            let error = count.await.unwrap_err().to_string();
            assert!(
                error.contains("on a reader connection to") && error.contains("panicked: not yet"),
                "{error}"
            );
            full_again(&engine);
        }
        assert!(numbers(&engine).await.is_empty());
        let statistics = engine.statistics();
        assert_eq!((statistics.connect_failures, statistics.opened), (2, 2));
    });
}

#[test]
fn functions_take_and_answer_every_kind_of_value() {
    future::block_on(async {
        let engine = Engine::builder("sqlite::memory:")
            .on_connect(|setup| {
                setup.function(ScalarFunction::new("echo_text", 1), |arguments| {
                    arguments.get::<Option<String>>(0)
                })?;
                setup
                    .function(ScalarFunction::new("echo_blob", 1), |arguments| arguments.get::<Vec<u8>>(0))?;
                setup.function(ScalarFunction::new("echo_float", 1), |arguments| arguments.get::<f64>(0))?;
                setup.function(ScalarFunction::new("nan", 0), |_| Ok(f64::NAN))?;
                setup.function(ScalarFunction::new("zero", 0), |_| Ok("a\0b".to_owned()))?;
                setup.function(ScalarFunction::new("boom", 0), |_| -> orm_core::Result<i64> {
                    panic!("bang")
                })?;
                setup.function(ScalarFunction::variadic("total_of"), |arguments| {
                    (0..arguments.len()).map(|at| arguments.get::<i64>(at)).sum::<orm_core::Result<i64>>()
                })
            })
            .open()
            .await
            .unwrap();
        let scalar = async |text: &str| engine.scalar(sql(Trusted(text)).returning::<String>()).await;
        assert_eq!(scalar("SELECT quote(echo_text('Ada'))").await.unwrap(), "'Ada'");
        assert_eq!(scalar("SELECT quote(echo_text(NULL))").await.unwrap(), "NULL");
        assert_eq!(scalar("SELECT quote(echo_blob(x'00ff'))").await.unwrap(), "X'00FF'");
        assert_eq!(scalar("SELECT quote(echo_float(1.5))").await.unwrap(), "1.5");
        assert_eq!(scalar("SELECT quote(total_of(1, 2, 3))").await.unwrap(), "6");
        assert_eq!(scalar("SELECT quote(total_of())").await.unwrap(), "0");
        for (text, why) in [
            ("SELECT boom()", "the function boom: it panicked: bang"),
            ("SELECT nan()", "the function nan: it answered NaN"),
            ("SELECT zero()", "the function zero: it answered text with a NUL character"),
            ("SELECT echo_blob('text')", "the function echo_blob: argument 1: expected"),
            ("SELECT total_of(1, 'two')", "the function total_of: argument 2: expected an integer"),
            ("SELECT echo_text()", "wrong number of arguments to function echo_text()"),
        ] {
            let error = scalar(text).await.unwrap_err();
            assert!(matches!(error, Error::Database(_)), "{error:?}");
            assert!(error.to_string().contains(why) && error.to_string().contains(text), "{error}");
        }
        // None of them cost the connection.
        assert_eq!((engine.statistics().opened, engine.statistics().in_use()), (1, 0));
    });
}

#[test]
fn a_deterministic_function_may_be_in_an_index_and_others_may_not() {
    future::block_on(async {
        let folder = Folder::new();
        let hook = |setup: &Setup<'_>| {
            setup.function(ScalarFunction::new("sure", 1).deterministic(), |arguments| {
                arguments.get::<i64>(0)
            })?;
            setup.function(ScalarFunction::new("unsure", 1), |arguments| arguments.get::<i64>(0))
        };
        let engine = opened(Engine::builder(&folder.url("")).on_connect(hook)).await;
        engine.execute(sql("CREATE INDEX by_sure ON t (sure(n))")).await.unwrap();
        let refused = engine.execute(sql("CREATE INDEX by_unsure ON t (unsure(n))")).await.unwrap_err();
        assert!(refused.to_string().contains("non-deterministic"), "{refused}");
        // A function that fails undoes the statement.
        let failed = engine.execute(sql("INSERT INTO t (n) VALUES ('three')")).await.unwrap_err();
        assert!(failed.to_string().contains("the function sure"), "{failed}");
        assert!(numbers(&engine).await.is_empty());
    });
}

#[test]
fn what_is_left_on_a_connection_can_be_discarded_with_it() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = opened(Engine::builder(&folder.url(""))).await;
        let mut connection = engine.connection().await.unwrap();
        connection.execute(sql("CREATE TEMPORARY TABLE mine (n INTEGER)")).await.unwrap();
        connection.execute(sql("BEGIN")).await.unwrap();
        connection.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
        connection.discard().unwrap();
        assert!(engine.execute(sql("INSERT INTO mine VALUES (1)")).await.is_err());
        assert!(numbers(&engine).await.is_empty());
        let closed = engine.statistics().closed;
        assert_eq!((closed.discarded, closed.total()), (1, 1));

        let memory = opened(Engine::builder("sqlite::memory:")).await;
        let mut connection = memory.connection().await.unwrap();
        connection.execute(sql("INSERT INTO t (n) VALUES (1)")).await.unwrap();
        assert!(matches!(connection.discard(), Err(Error::Build(_))));
        assert_eq!(numbers(&memory).await, [1]);
    });
}
