//! Streams of rows: dropped in the middle, and with a `next` that is dropped while it waits.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::Account;
use anyorm_tests::check::nothing_lost;
use orm_testkit::{Behaviour, Database, behaviours};

use crate::bank::{self, BEFORE, RAISED, account, settled, unchanged};
use crate::moments::drop_each;
use crate::transaction::raised;

pub(crate) const CASES: &[Behaviour] = &behaviours![of_an_engine, of_guards, waits_for_a_row];

/// Reads a stream to its end.
macro_rules! read_all {
    ($stream:expr) => {
        async {
            let mut accounts = $stream;
            while accounts.next().await?.is_some() {}
            Ok::<_, Error>(())
        }
    };
}

async fn of_an_engine(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        engine = &db.engine;
        ["Engine::stream" => read_all!(engine.stream(Account::select()))];
        dropped => { unchanged(&db, dropped).await?; }
    );
    // Of more rows than go into the chunks that wait.
    let many = || {
        sql("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n")
    };
    drop_each!(
        engine = &db.engine;
        ["Engine::stream" => read_all!(engine.stream(many().returning::<i64>()))];
        dropped => { unchanged(&db, dropped).await?; }
    );
    nothing_lost(&db.engine).await
}

/// The connection is back with its guard, and what was open stays open.
async fn of_guards(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        connection = db.engine.connection().await?;
        ["Connection::stream" => read_all!(connection.stream(Account::select()))];
        dropped => {
            assert_eq!(connection.count(Account::select()).await?, 3, "{dropped:?}");
            drop(connection);
            unchanged(&db, dropped).await?;
        }
    );
    drop_each!(
        transaction = raised(&db).await?;
        ["Transaction::stream" => read_all!(transaction.stream(Account::select()))];
        dropped => {
            assert_eq!(transaction.count(Account::select()).await?, 3, "{dropped:?}");
            transaction.commit().await?;
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    drop_each!(
        transaction = raised(&db).await?;
        part = transaction.begin_nested().await?;
        ["Savepoint::stream" => read_all!(part.stream(Account::select()))];
        dropped => {
            // SAVEPOINT goes before the query; a call that is dropped meanwhile ends the transaction like any other.
            let open = match part.count(Account::select()).await {
                Err(Error::Ended(_)) => false,
                counted => counted? == 3,
            };
            assert!(open || (dropped.polled && !dropped.ready), "{dropped:?}");
            drop(part);
            assert_eq!(transaction.commit().await.is_ok(), open, "{dropped:?}");
            settled(&db, &[if open { &RAISED } else { &BEFORE }], dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

/// A `next` that is dropped loses no row: those that follow answer all of them, in their order.
async fn waits_for_a_row(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        accounts = db.engine.stream(Account::select().order_by(Account::ID));
        ["RowStream::next" => async {
            let first = accounts.next().await?;
            assert_eq!(first, Some(account(BEFORE[0])));
            Ok::<_, Error>(())
        }];
        dropped => {
            let mut rest = Vec::new();
            while let Some(account) = accounts.next().await? {
                rest.push((account.id, account.balance));
            }
            assert_eq!(rest, BEFORE[usize::from(dropped.ready)..], "{dropped:?}");
            drop(accounts);
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}
