//! A database in which every change shows: payments between accounts, and a log of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyorm::prelude::*;
use anyorm::{Result, Transaction};
use anyorm_tests::random::Random;
use anyorm_tests::{Account, blog};

use crate::leaks::Leaks;
use crate::{LEAK_THRESHOLD, READERS};

const ACCOUNTS: i64 = 20;
const COINS: i64 = 1_000;

/// A file that goes with the test.
pub(crate) struct Bank(PathBuf);

impl Bank {
    pub(crate) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("anyorm-soak-{}.db", std::process::id())))
    }

    pub(crate) async fn open(&self, leaks: &Arc<Leaks>) -> Engine {
        let engine = Engine::builder(&format!("sqlite://{}", self.0.display()))
            .readers(READERS)
            .leak_threshold(LEAK_THRESHOLD)
            // So that connections come and go meanwhile.
            .idle_timeout(Duration::from_millis(50))
            .max_lifetime(Duration::from_millis(400))
            // Longer than any wait here.
            .acquire_timeout(Duration::from_secs(300))
            .observer(Arc::<Leaks>::clone(leaks))
            .on_connect(|setup| setup.pragma("cache_size", -500))
            .open()
            .await
            .expect("a file can be opened");
        engine.create_all(&blog()).await.expect("tables can be made");
        engine.execute(sql("CREATE TABLE log (payer INTEGER, payee INTEGER)")).await.expect("so can this");
        let accounts = (1..=ACCOUNTS).map(|id| Account { id, balance: COINS });
        engine.insert_many(accounts).await.expect("accounts can be stored");
        engine
    }

    /// Every payment is there wholly or not at all.
    pub(crate) async fn is_whole(&self, engine: &Engine) -> Result<()> {
        let check: String = engine.scalar(sql("PRAGMA integrity_check").returning::<String>()).await?;
        assert_eq!(check, "ok");
        let wrong = "SELECT a.id FROM accounts a WHERE a.balance <> ? \
             - (SELECT count(*) FROM log WHERE payer = a.id) + (SELECT count(*) FROM log WHERE payee = a.id)";
        let wrong: Vec<i64> = engine.all(sql(wrong).bind(COINS).returning::<i64>()).await?;
        assert!(wrong.is_empty(), "the log says otherwise of {wrong:?}");
        assert!(engine.exists(sql("SELECT payer FROM log").returning::<i64>()).await?, "nobody paid");
        Ok(())
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(suffix);
            let _ = std::fs::remove_file(name);
        }
    }
}

/// Moves a coin, in three statements. The caller commits, or does not.
pub(crate) async fn pay(transaction: &mut Transaction, random: &mut Random) -> Result<()> {
    let (payer, payee) = random.pair(1, ACCOUNTS);
    let less = sql("UPDATE accounts SET balance = balance - 1 WHERE id = ?").bind(payer);
    transaction.execute(less).await?;
    let more = sql("UPDATE accounts SET balance = balance + 1 WHERE id = ?").bind(payee);
    transaction.execute(more).await?;
    transaction.execute(sql("INSERT INTO log VALUES (?, ?)").bind(payer).bind(payee)).await?;
    Ok(())
}
