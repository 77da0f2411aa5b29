//! The calls of a connection.

use anyorm::Result;
use anyorm::prelude::*;
use anyorm_tests::Account;
use anyorm_tests::check::nothing_lost;
use orm_testkit::{Behaviour, Database, behaviours};

use crate::bank::{self, MORE, RAISED, account, happened, more, raise, unchanged};
use crate::moments::drop_each;

pub(crate) const CASES: &[Behaviour] = &behaviours![reads, writes, inside_a_transaction_of_its_own];

/// The guard takes a connection again where it lost its own.
async fn reads(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        connection = db.engine.connection().await?;
        [
            "Connection::all" => connection.all(Account::select()),
            "Connection::first" => connection.first(Account::select()),
            "Connection::one" => connection.one(Account::select().filter(Account::ID.eq(1))),
            "Connection::scalar" => connection.scalar(Account::select().columns(sum(Account::BALANCE))),
            "Connection::count" => connection.count(Account::select()),
            "Connection::batch" => connection.batch((Account::select(), Account::select())),
            "Connection::exists" => connection.exists(Account::select()),
        ];
        dropped => {
            assert_eq!(connection.count(Account::select()).await?, 3, "{dropped:?}");
            drop(connection);
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

async fn writes(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        connection = db.engine.connection().await?;
        [
            "Connection::execute" => connection.execute(raise()),
            "Connection::update_many" => connection.update_many(RAISED.map(account)),
        ];
        dropped => {
            assert_eq!(connection.count(Account::select()).await?, 3, "{dropped:?}");
            drop(connection);
            happened(&db, &RAISED, dropped).await?;
        }
    );
    drop_each!(
        connection = db.engine.connection().await?;
        ["Connection::insert_many" => connection.insert_many(more())];
        dropped => {
            assert!([3, 5].contains(&connection.count(Account::select()).await?), "{dropped:?}");
            drop(connection);
            happened(&db, &MORE, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

/// With a BEGIN of its own, the guard says that the transaction went along.
async fn inside_a_transaction_of_its_own(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        connection = {
            let mut connection = db.engine.connection().await?;
            connection.execute(sql("BEGIN")).await?;
            connection.execute(raise()).await?;
            connection
        };
        [
            "Connection::count" => connection.count(Account::select()),
            "Connection::execute" => connection.execute(raise()),
        ];
        dropped => {
            let next = connection.exists(Account::select()).await;
            if dropped.polled && !dropped.ready {
                assert!(matches!(next, Err(anyorm::Error::Ended(_))), "{next:?}: {dropped:?}");
            } else {
                assert!(next?, "{dropped:?}");
            }
            drop(connection);
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}
