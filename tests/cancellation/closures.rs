//! Transactions around a closure.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::Account;
use anyorm_tests::check::nothing_lost;
use orm_testkit::{Behaviour, Database, behaviours};

use crate::bank::{self, RAISED, happened, unchanged};
use crate::moments::drop_each;

pub(crate) const CASES: &[Behaviour] = &behaviours![transactions, ends_of_their_own, rolled_back];

/// Raises the accounts: some in a flush, the last one by the commit.
async fn raise_each(tx: &mut Session) -> Result<()> {
    for id in 1..=3 {
        let account = tx.get_one::<Account>(id).await?;
        tx[account].balance += 1;
        if id < 3 {
            tx.flush().await?;
        }
    }
    Ok(())
}

async fn transactions(db: Database) -> Result<()> {
    bank::open(&db).await?;
    let body = |mut tx: Tx| async move { raise_each(&mut tx).await };
    drop_each!(
        sessions = SessionFactory::new(db.engine.clone());
        [
            "EngineExt::transaction" => sessions.engine().transaction(body),
            "EngineExt::try_transaction" => sessions.engine().try_transaction(body),
            "SessionFactory::begin" => sessions.begin(body),
            "SessionFactory::try_begin" => sessions.try_begin(body),
        ];
        dropped => { happened(&db, &RAISED, dropped).await?; }
    );
    nothing_lost(&db.engine).await
}

async fn ends_of_their_own(db: Database) -> Result<()> {
    bank::open(&db).await?;
    let commit = |mut tx: Tx| async move {
        raise_each(&mut tx).await?;
        tx.commit().await
    };
    drop_each!(
        engine = &db.engine;
        ["Tx::commit" => engine.transaction(commit)];
        dropped => { happened(&db, &RAISED, dropped).await?; }
    );
    let rollback = |mut tx: Tx| async move {
        raise_each(&mut tx).await?;
        tx.flush().await?;
        tx.rollback().await
    };
    drop_each!(
        engine = &db.engine;
        ["Tx::rollback" => engine.transaction(rollback)];
        dropped => { unchanged(&db, dropped).await?; }
    );
    nothing_lost(&db.engine).await
}

async fn rolled_back(db: Database) -> Result<()> {
    bank::open(&db).await?;
    let refuse = |mut tx: Tx| async move {
        raise_each(&mut tx).await?;
        Err::<(), _>(Error::other("changed my mind"))
    };
    drop_each!(
        engine = &db.engine;
        [
            "EngineExt::transaction" => async { Ok::<_, Error>(engine.transaction(refuse).await.is_err()) },
        ];
        dropped => { unchanged(&db, dropped).await?; }
    );
    nothing_lost(&db.engine).await
}
