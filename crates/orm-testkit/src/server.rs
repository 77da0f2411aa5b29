//! A PostgreSQL server for tests: the one that `ANYORM_POSTGRES` names, or the one of this machine.

use std::sync::{LazyLock, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use anyorm::{Engine, Identifier, Result, sql};

#[cfg(feature = "postgres")]
const DEFAULT: &str = "postgres://postgres@127.0.0.1:5432/test";

/// The URL of the server, as far as the database.
fn url() -> String {
    #[cfg(feature = "postgres")]
    return std::env::var("ANYORM_POSTGRES").unwrap_or_else(|_| DEFAULT.to_owned());
    #[cfg(not(feature = "postgres"))]
    String::new()
}

/// Whether there is a server. Says once that tests on it are skipped, or panics where `ANYORM_POSTGRES_REQUIRED` is set.
pub(crate) fn is_there() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        if !cfg!(feature = "postgres") {
            return false;
        }
        let tried = futures_lite::future::block_on(Engine::open(&url()));
        let required = std::env::var_os("ANYORM_POSTGRES_REQUIRED").is_some();
        match tried {
            Ok(engine) => {
                let _ = futures_lite::future::block_on(engine.close());
                true
            }
            Err(error) if required => panic!("a PostgreSQL server is required: {error}"),
            Err(error) => {
                crate::harness::say(&format!("skipped on PostgreSQL: {error}"));
                false
            }
        }
    })
}

/// A schema of its own, which is dropped with all that is in it in the end.
#[derive(Debug)]
pub(crate) struct Schema(String);

impl Schema {
    pub(crate) async fn create() -> Result<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static STARTED: LazyLock<u128> =
            LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis());
        // Numbers of processes come again, and one that was killed leaves its schema.
        let process = std::process::id();
        let name = format!("anyorm_{}_{process}_{}", *STARTED, NEXT.fetch_add(1, Ordering::Relaxed));
        administrator().await?.execute(sql!("CREATE SCHEMA {}", Identifier::new(&name)?)).await?;
        Ok(Self(name))
    }

    /// Of an engine that has this schema and no other, with more settings of the server.
    pub(crate) fn url(&self, settings: &[(&str, &str)]) -> String {
        with_settings(&[&[("search_path", &*self.0)], settings].concat(), 5)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let dropped = async {
            let drop = sql!("DROP SCHEMA IF EXISTS {} CASCADE", Identifier::new(&self.0)?);
            administrator().await?.execute(drop).await
        };
        if let Err(error) = futures_lite::future::block_on(dropped) {
            crate::harness::say(&format!("{} is left: {error}", self.0));
        }
    }
}

/// The URL of an engine of so many connections, with settings of the server: what is lost in a crash is no loss, and notices of
/// what is there already are no news.
fn with_settings(more: &[(&str, &str)], connections: u32) -> String {
    let settings = [("synchronous_commit", "off"), ("client_min_messages", "warning")];
    let url = url();
    let separator = if url.contains('?') { '&' } else { '?' };
    let options: Vec<String> =
        settings.iter().chain(more).map(|(name, value)| format!("-c%20{name}%3D{value}")).collect();
    format!("{url}{separator}options={}&connections={connections}", options.join("%20"))
}

/// Makes and drops schemas.
async fn administrator() -> Result<&'static Engine> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    if let Some(engine) = ENGINE.get() {
        return Ok(engine);
    }
    let engine = Engine::open(&with_settings(&[], 2)).await?;
    Ok(ENGINE.get_or_init(|| engine))
}
