//! The calls of a savepoint of a transaction of an engine.

use anyorm::Result;
use anyorm::prelude::*;
use anyorm_tests::Account;
use anyorm_tests::check::nothing_lost;
use orm_testkit::{Behaviour, Database, behaviours};

use crate::bank::{self, BEFORE, RAISED, Rows, account, more, raise, settled};
use crate::moments::drop_each;
use crate::transaction::{goes_on, raised};

pub(crate) const CASES: &[Behaviour] = &behaviours![reads, writes, ends];

async fn reads(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        transaction = raised(&db).await?;
        part = transaction.begin_nested().await?;
        [
            "Savepoint::all" => part.all(Account::select()),
            "Savepoint::first" => part.first(Account::select()),
            "Savepoint::one" => part.one(Account::select().filter(Account::ID.eq(1))),
            "Savepoint::scalar" => part.scalar(Account::select().columns(sum(Account::BALANCE))),
            "Savepoint::count" => part.count(Account::select()),
            "Savepoint::batch" => part.batch((Account::select(), Account::select())),
            "Savepoint::exists" => part.exists(Account::select()),
            "Savepoint::begin_nested" => async { part.begin_nested().await?.count(Account::select()).await },
        ];
        dropped => {
            let open = goes_on(&part.count(Account::select()).await, dropped);
            assert_eq!(goes_on(&part.release().await, dropped), open);
            assert_eq!(goes_on(&transaction.commit().await, dropped), open);
            settled(&db, &[if open { &RAISED } else { &BEFORE }], dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

async fn writes(db: Database) -> Result<()> {
    bank::open(&db).await?;
    let twice: Rows = BEFORE.iter().map(|(id, balance)| (*id, balance + 2)).collect();
    let with_more: Rows = RAISED.into_iter().chain([(4, 7), (5, 7)]).collect();
    drop_each!(
        transaction = raised(&db).await?;
        part = transaction.begin_nested().await?;
        [
            "Savepoint::execute" => part.execute(raise()),
            "Savepoint::update_many" => part.update_many(twice.iter().copied().map(account)),
            "Savepoint::insert_many" => part.insert_many(more()),
        ];
        dropped => {
            goes_on(&part.release().await, dropped);
            goes_on(&transaction.commit().await, dropped);
            let allowed: &[&[(i64, i64)]] = match (dropped.polled, dropped.ready) {
                (_, true) => &[&twice, &with_more],
                (true, false) => &[&BEFORE],
                (false, false) => &[&RAISED],
            };
            settled(&db, allowed, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

/// Releasing and rolling back do no I/O: only one that was never polled can be dropped, and that undoes the part.
async fn ends(db: Database) -> Result<()> {
    bank::open(&db).await?;
    let twice: Rows = BEFORE.iter().map(|(id, balance)| (*id, balance + 2)).collect();
    drop_each!(
        transaction = raised(&db).await?;
        part = {
            let mut part = transaction.begin_nested().await?;
            part.execute(raise()).await?;
            part
        };
        ["Savepoint::release" => part.release()];
        dropped => {
            transaction.commit().await?;
            settled(&db, &[if dropped.ready { &twice } else { &RAISED }], dropped).await?;
        }
    );
    drop_each!(
        transaction = raised(&db).await?;
        part = {
            let mut part = transaction.begin_nested().await?;
            part.execute(raise()).await?;
            part
        };
        ["Savepoint::rollback" => part.rollback()];
        dropped => {
            transaction.commit().await?;
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}
