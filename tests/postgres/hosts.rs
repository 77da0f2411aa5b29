//! Several hosts: a server and its standby, both real, and what becomes of an engine when the one takes the other's place.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::Account;
use futures_lite::future::block_on;

use crate::wired::{eprint, is_disconnected};

/// Both, running as long as this is there.
struct Servers {
    directory: PathBuf,
    primary: String,
    standby: String,
}

impl Servers {
    /// `None` where there is no PostgreSQL on this machine.
    fn start() -> Option<Self> {
        // Short, for the path of a socket is.
        let directory = std::env::temp_dir().join(format!("anyorm-two-{}", std::process::id()));
        let started = script("start", &directory);
        if !started.status.success() {
            let told = String::from_utf8_lossy(&started.stderr);
            assert!(std::env::var_os("ANYORM_POSTGRES_REQUIRED").is_none(), "{told}");
            eprint(&format!("skipped, for no PostgreSQL with a standby can be started: {told}"));
            return None;
        }
        let port = |name: &str| {
            let port = std::fs::read_to_string(directory.join(name)).expect("the script wrote it");
            format!("127.0.0.1:{}", port.trim())
        };
        let (primary, standby) = (port("primary_port"), port("standby_port"));
        Some(Self { primary, standby, directory })
    }

    /// The URL of both, the standby first.
    fn url(&self, options: &str) -> String {
        format!("postgres://postgres@{},{}/test?connect_timeout=5&{options}", self.standby, self.primary)
    }

    async fn open(&self, options: &str) -> Result<Engine> {
        Engine::open(&self.url(options)).await
    }

    fn fail_over(&self) {
        let done = script("fail-over", &self.directory);
        assert!(done.status.success(), "{done:?}");
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let stopped = script("stop", &self.directory);
        assert!(std::thread::panicking() || stopped.status.success(), "{stopped:?}");
    }
}

fn script(what: &str, directory: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("postgres/two_servers.sh");
    Command::new("bash").arg(script).arg(what).arg(directory).output().expect("there is a bash")
}

async fn is_standby(engine: &Engine) -> Result<bool> {
    engine.scalar(sql("SELECT pg_is_in_recovery()").returning::<bool>()).await
}

/// One test, so that two servers do for all.
#[test]
fn a_server_and_its_standby() {
    let Some(servers) = Servers::start() else { return };
    let run = async {
        each_is_found(&servers).await?;
        a_standby_reads_and_refuses_to_write(&servers).await?;
        random_order_reaches_both(&servers).await?;
        an_engine_goes_over_to_the_one_that_takes_writes(&servers).await
    };
    block_on(run).unwrap();
}

async fn each_is_found(servers: &Servers) -> Result<()> {
    for (target, expected) in [
        // The first in the list.
        ("any", true),
        ("read-write", false),
        ("primary", false),
        ("read-only", true),
        ("standby", true),
        ("prefer-standby", true),
    ] {
        let engine = servers.open(&format!("target_session_attrs={target}")).await?;
        assert_eq!(is_standby(&engine).await?, expected, "{target}");
        engine.close().await?;
    }
    let alone = format!("postgres://postgres@{}/test?target_session_attrs=read-write", servers.standby);
    let refused = Engine::open(&alone).await.expect_err("it takes no writes").to_string();
    assert!(refused.contains(&servers.standby), "{refused}");
    Ok(())
}

async fn a_standby_reads_and_refuses_to_write(servers: &Servers) -> Result<()> {
    let primary = servers.open("target_session_attrs=primary").await?;
    primary.create_all(&schema![Account]).await?;
    primary.insert_many((1..=10).map(|id| Account { id, balance: 10 })).await?;
    let standby = servers.open("target_session_attrs=standby").await?;
    has_come(&standby, 10).await;
    let mut session = standby.session();
    let first = session.get_one::<Account>(1).await?;
    session[first].balance = 11;
    let refused = session.commit().await.expect_err("it takes no writes");
    assert!(refused.to_string().contains("read-only transaction"), "{refused}");
    session.rollback().await?;
    primary.close().await?;
    standby.close().await
}

/// What is written to the one is soon on the other.
async fn has_come(standby: &Engine, count: u64) {
    let start = Instant::now();
    while !matches!(standby.count(Account::select()).await, Ok(found) if found == count) {
        assert!(start.elapsed() < Duration::from_secs(20), "the standby does not follow");
        std::thread::sleep(Duration::from_millis(10));
    }
}

async fn random_order_reaches_both(servers: &Servers) -> Result<()> {
    let mut found = [0; 2];
    for _ in 0..200 {
        let engine = servers.open("load_balance_hosts=random&connections=1").await?;
        found[usize::from(is_standby(&engine).await?)] += 1;
        engine.close().await?;
        if found.iter().all(|&count| count > 0) {
            return Ok(());
        }
    }
    panic!("the same one each time: {found:?}")
}

/// The last one: afterwards the primary is gone.
async fn an_engine_goes_over_to_the_one_that_takes_writes(servers: &Servers) -> Result<()> {
    let engine = servers.open("target_session_attrs=read-write&connections=3").await?;
    let standby = servers.open("target_session_attrs=standby").await?;
    assert!(!is_standby(&engine).await?);
    let mut open = engine.begin().await?;
    open.execute(Account::insert().value(Account { id: 100, balance: 0 })).await?;
    engine.insert_many((11..=20).map(|id| Account { id, balance: 10 })).await?;
    has_come(&standby, 20).await;

    servers.fail_over();
    let lost = open.execute(Account::insert().value(Account { id: 101, balance: 0 })).await;
    assert!(is_disconnected(&lost.expect_err("its server is gone")));
    // It cannot be committed, and says so.
    assert!(open.commit().await.is_err());
    // Idle connections are asked before they are used, after one was lost: so nothing fails any more.
    let written = engine
        .transaction(|mut tx| async move {
            let account = tx.get_one::<Account>(1).await?;
            tx[account].balance += 1;
            Ok(())
        })
        .await;
    match written {
        Ok(()) => {}
        Err(error) => assert!(!matches!(error, Error::OutcomeUnknown(_)), "{error}"),
    }
    engine.insert_many((21..=30).map(|id| Account { id, balance: 10 })).await?;
    assert!(!is_standby(&engine).await?);
    assert_eq!(engine.count(Account::select()).await?, 30);
    let first = engine.one(Account::select().filter(Account::ID.eq(1))).await?;
    assert_eq!(first.balance, 11, "what was tried again is there once");
    engine.close().await?;
    standby.close().await
}
