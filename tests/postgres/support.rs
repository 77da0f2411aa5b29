//! A schema of its own for each test, on the server that is there.

use std::fmt::Display;
use std::future::Future;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::{EngineBuilder, Result, Trusted};
use futures_lite::future::block_on;
use orm_testkit::{Executor, Recorder};

/// What each test runs under: one with many threads, and none at all.
const EXECUTORS: [Executor; 2] = [Executor::TokioMultiThread, Executor::FuturesLite];

/// Where no server is named: one on this machine.
const DEFAULT: &str = "postgres://postgres@127.0.0.1/test";

/// The URL of the server, if there is one.
pub(crate) fn server() -> Option<String> {
    let named = std::env::var("ANYORM_POSTGRES").ok();
    let is_required = std::env::var_os("ANYORM_POSTGRES_REQUIRED").is_some();
    let answers =
        || TcpStream::connect_timeout(&([127, 0, 0, 1], 5432).into(), Duration::from_secs(2)).is_ok();
    match named {
        Some(url) => Some(url),
        None if is_required || answers() => Some(DEFAULT.to_owned()),
        None => None,
    }
}

/// Where a test works: a schema that is there for it alone.
#[derive(Clone)]
pub(crate) struct Place {
    /// Opened with [`builder`](Self::builder).
    pub(crate) engine: Engine,
    /// What that engine sent.
    pub(crate) log: Arc<Recorder>,
    /// The schema, a name that needs no quotes.
    pub(crate) schema: String,
    server: String,
}

impl Place {
    /// A URL whose connections have the schema as their search path. Further options may be added with `&`.
    pub(crate) fn url(&self) -> String {
        self.url_with("")
    }

    /// The same with settings of the connection: `-c name=value`, each with a space before it.
    pub(crate) fn url_with(&self, settings: &str) -> String {
        let joint = if self.server.contains('?') { '&' } else { '?' };
        let options = format!("-c search_path={}{settings}", self.schema);
        let options = options.replace(' ', "%20").replace('=', "%3D");
        format!("{}{joint}options={options}", self.server)
    }

    /// The same as another user, who needs no password.
    pub(crate) fn url_as(&self, user: &str) -> String {
        let url = self.url();
        let (scheme, rest) = url.split_once("://").expect("the URL of a server has a scheme");
        let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
        format!("{scheme}://{user}@{rest}")
    }

    /// Another engine on the schema.
    pub(crate) fn builder(&self) -> EngineBuilder {
        Engine::builder(&self.url())
    }

    /// Runs statements without parameters, one after the other.
    pub(crate) async fn run(&self, statements: &[&str]) -> Result<()> {
        for statement in statements {
            self.engine.execute(sql(Trusted(*statement))).await?;
        }
        Ok(())
    }
}

/// Runs a case under each executor, each time in a schema of its own.
#[track_caller]
pub(crate) fn each<F>(case: impl Fn(Place) -> F)
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    for executor in EXECUTORS {
        once(executor, &case);
    }
}

/// Runs a case under one executor.
#[track_caller]
pub(crate) fn once<F>(executor: Executor, case: impl Fn(Place) -> F)
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let Some(server) = server() else {
        tell(&"skipped: no PostgreSQL answers, and ANYORM_POSTGRES names none");
        return;
    };
    let place = block_on(make(&server)).expect("a schema can be made on the server");
    let (schema, case) = (place.schema.clone(), case(place));
    let result = catch_unwind(AssertUnwindSafe(|| executor.block_on(case)));
    block_on(drop_schema(&server, &schema)).expect("the schema can be dropped");
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("under {}: {error}", executor.name()),
        Err(panic) => {
            tell(&format!("under {}", executor.name()));
            resume_unwind(panic)
        }
    }
}

async fn make(server: &str) -> Result<Place> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let schema = format!("anyorm_case_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let outside = Engine::open(server).await?;
    outside.execute(sql(Trusted(format!("CREATE SCHEMA {schema}")))).await?;
    outside.close().await?;
    let log = Arc::new(Recorder::default());
    let place = Place { engine: outside, log: Arc::clone(&log), schema, server: server.to_owned() };
    let engine = place.builder().observer(log).open().await?;
    Ok(Place { engine, ..place })
}

async fn drop_schema(server: &str, schema: &str) -> Result<()> {
    let outside = Engine::open(server).await?;
    // What a test that failed has left running must not be waited for.
    let others = "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
                  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND l.pid <> pg_backend_pid()";
    outside.execute(sql(others).bind_str(schema)).await?;
    outside.execute(sql(Trusted(format!("DROP SCHEMA {schema} CASCADE")))).await?;
    outside.close().await
}

/// Waits until something is so, which another connection may have to do first.
///
/// # Panics
/// If it is not so within ten seconds.
pub(crate) async fn eventually<F: Future<Output = bool> + Send>(
    what: &str,
    mut is_so: impl FnMut() -> F + Send,
) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(10), "not within ten seconds: {what}");
        pause(5).await;
    }
}

/// Waits for so many milliseconds, under any executor.
pub(crate) async fn pause(milliseconds: u64) {
    smol::Timer::after(Duration::from_millis(milliseconds)).await;
}

/// Runs two futures at once, in one task.
pub(crate) async fn both<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    futures_lite::future::zip(a, b).await
}

#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
fn tell(what: &dyn Display) {
    eprintln!("{what}");
}
