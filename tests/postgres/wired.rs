//! A schema of its own for a test, and a wire to it that can be watched and cut.

use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::{Error, Result};
use futures_lite::future::block_on;
use orm_testkit::{Backend, Database};

use crate::proxy::Proxy;
use crate::support;

/// A schema of its own, and a wire to it that can be cut.
pub(crate) struct Wired {
    pub(crate) proxy: Proxy,
    /// Straight to the server: it sees what is really there. Dropped last: nobody uses the schema by then.
    pub(crate) direct: Database,
    url: String,
    /// The name of the connections through the proxy.
    name: String,
}

impl Wired {
    /// Answers none where there is no server.
    pub(crate) async fn open() -> Option<Self> {
        support::server()?;
        let direct = Database::open(Backend::Postgres).await.expect("a schema");
        let url = direct.url().expect("a server has a URL");
        let (scheme, rest) = url.split_once("://").expect("a URL has a scheme");
        let (user, rest) = rest.split_once('@').expect("the URL of a test has a user");
        let (host, rest) = rest.split_once('/').expect("the URL of a test has a database");
        let proxy = Proxy::new(&if host.contains(':') { host.to_owned() } else { format!("{host}:5432") });
        let name = format!("wire{}p{}", std::process::id(), proxy.port());
        // Without TLS, through which nothing could be seen.
        let url = format!(
            "{scheme}://{user}@127.0.0.1:{}/{rest}&application_name={name}&sslmode=disable",
            proxy.port()
        );
        Some(Self { proxy, direct, url, name })
    }

    /// An engine through the proxy, with these options besides. Nothing was sent through it but its beginning.
    pub(crate) async fn engine(&self, options: &str) -> Engine {
        let engine = self.try_engine(options).await.expect("the server can be reached through the proxy");
        self.proxy.clear();
        engine
    }

    pub(crate) async fn try_engine(&self, options: &str) -> Result<Engine> {
        Engine::builder(&self.url(options)).open().await
    }

    pub(crate) fn url(&self, options: &str) -> String {
        // The last one of two values counts.
        format!("{}&{options}", self.url).trim_end_matches('&').to_owned()
    }

    /// What the server says of the connections through the proxy: `idle`, `active`, `idle in transaction`, ..
    pub(crate) async fn states(&self) -> Result<Vec<String>> {
        let states = "SELECT coalesce(state, '') FROM pg_stat_activity WHERE application_name = $1";
        self.direct.engine.all(sql(states).bind(self.name.clone()).returning::<String>()).await
    }

    /// Ends the processes of the server that serve the connections through the proxy. Answers how many there were.
    pub(crate) async fn kill(&self) -> Result<usize> {
        let kill = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1";
        let killed = sql(kill).bind(self.name.clone()).returning::<bool>();
        let killed = self.direct.engine.all(killed).await?.len();
        // Until the engine could know.
        let start = Instant::now();
        while self.proxy.open() > 0 {
            assert!(start.elapsed() < Duration::from_secs(15), "{:?}", self.proxy);
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(killed)
    }

    /// Waits until the server says of the connections through the proxy what is wanted.
    ///
    /// # Panics
    /// If it does not in some seconds.
    pub(crate) async fn wait_for(&self, what: &str, is: impl Fn(&[String]) -> bool) -> Result<Duration> {
        let start = Instant::now();
        loop {
            let states = self.states().await?;
            if is(&states) {
                return Ok(start.elapsed());
            }
            assert!(start.elapsed() < Duration::from_secs(15), "{what}: {states:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until those that were cut are gone, and none of the others does anything or is inside a transaction.
    pub(crate) async fn all_idle(&self) -> Result<Duration> {
        let is_idle = |states: &[String]| states.iter().all(|state| state == "idle");
        // One that was cut has things to do that it was sent before.
        self.wait_for("all is done", |states| is_idle(states) && states.len() <= self.proxy.open()).await
    }
}

/// Runs a test on a schema of its own. Passes where there is no server.
pub(crate) fn test(body: impl AsyncFnOnce(&Wired) -> Result<()>) {
    let tested = block_on(async {
        let Some(bench) = Wired::open().await else { return Ok(()) };
        let tested = body(&bench).await;
        if tested.is_err() {
            eprint(&format!("{:?}", bench.proxy));
        }
        tested
    });
    if let Err(error) = tested {
        panic!("{error}");
    }
}

/// The log of a test that fails.
#[expect(clippy::print_stderr, reason = "it tells what went over the wire")]
pub(crate) fn eprint(text: &str) {
    eprintln!("{text}");
}

/// Whether an error says that the connection was lost.
pub(crate) fn is_disconnected(error: &Error) -> bool {
    use anyorm::error::DatabaseErrorKind;
    error.database().is_some_and(|error| error.kind == DatabaseErrorKind::Disconnected)
}
