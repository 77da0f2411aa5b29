//! The bound on the jobs of all engines. Behaviours run one after the other, so it can be changed here.

use std::time::Duration;

use anyorm::Result;
use anyorm::bridge::{set_worker_limit, worker_limit};
use anyorm::prelude::*;
use anyorm_tests::{Account, blog};
use futures_lite::future;
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] =
    &behaviours![a_commit_does_not_stand_in_line_behind_those_who_wait_for_it, with_one_worker_all_goes_on];

/// Longer than anything here takes: it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// The limit as it was, in the end.
struct Restore(usize);

impl Restore {
    fn and_set(limit: usize) -> Self {
        let before = Self(worker_limit());
        set_worker_limit(limit);
        before
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        set_worker_limit(self.0);
    }
}

/// The only place is taken by a statement that waits for a lock. Who holds that lock must come through.
async fn a_commit_does_not_stand_in_line_behind_those_who_wait_for_it(db: Database) -> Result<()> {
    let Some(file) = db.file() else { return Ok(()) };
    db.engine.create_all(&blog()).await?;
    let other = Engine::open(&format!("sqlite://{}", file.display())).await?;
    let mut transaction = db.engine.begin().await?;
    transaction.execute(Account::insert().value(Account { id: 1, balance: 0 })).await?;

    let restore = Restore::and_set(1);
    let mut waits = other.execute(Account::insert().value(Account { id: 2, balance: 0 }));
    assert!(future::poll_once(&mut waits).await.is_none());
    let update = Account::update().set(Account::BALANCE, 1).everything();
    assert_eq!(transaction.execute(update).timeout(PATIENCE).await?, 1);
    transaction.commit().timeout(PATIENCE).await?;
    // The lock came before its busy timeout.
    assert_eq!(waits.timeout(PATIENCE).await?, 1);
    drop(restore);
    assert_eq!(db.engine.count(Account::select()).await?, 2);
    other.close().await
}

async fn with_one_worker_all_goes_on(db: Database) -> Result<()> {
    let db = db.not_looked_for().await?;
    db.engine.create_all(&blog()).await?;
    let _restore = Restore::and_set(1);
    let mut writes: Vec<_> = (0..20)
        .map(|id| db.engine.execute(Account::insert().value(Account { id, balance: 0 })).timeout(PATIENCE))
        .collect();
    let mut reads: Vec<_> = (0..20)
        .map(|_| db.engine.count(sql("SELECT id FROM accounts").returning::<i64>()).timeout(PATIENCE))
        .collect();
    // All of them at once; some are dropped where they are.
    for call in &mut writes {
        let _ = future::poll_once(call).await;
    }
    for call in &mut reads {
        let _ = future::poll_once(call).await;
    }
    writes.truncate(15);
    reads.truncate(10);
    for call in writes {
        call.await?;
    }
    for call in reads {
        call.await?;
    }
    let stored = db.engine.count(Account::select()).timeout(PATIENCE).await?;
    assert!((15..=20).contains(&stored), "{stored}");
    Ok(())
}
