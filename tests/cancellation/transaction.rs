//! The calls of a transaction of an engine.

use anyorm::prelude::*;
use anyorm::{Error, Result, Transaction};
use anyorm_tests::Account;
use anyorm_tests::check::nothing_lost;
use orm_testkit::{Behaviour, Database, behaviours};

use crate::bank::{self, BEFORE, RAISED, Rows, account, happened, more, raise, settled, unchanged};
use crate::moments::{Dropped, drop_each};

pub(crate) const CASES: &[Behaviour] = &behaviours![reads, writes, ends, parts];

/// A transaction that has raised the accounts.
pub(crate) async fn raised(db: &Database) -> Result<Transaction> {
    let mut transaction = db.engine.begin().await?;
    transaction.execute(raise()).await?;
    Ok(transaction)
}

/// A call that was sent and dropped ends the transaction, and all of it is rolled back; then its guard says so. One that
/// was never polled, or came to its end, leaves it open.
pub(crate) fn goes_on<T: std::fmt::Debug>(next: &Result<T>, dropped: Dropped) -> bool {
    let ended = dropped.polled && !dropped.ready;
    match next {
        Ok(_) => assert!(!ended, "{dropped:?}"),
        Err(Error::Ended(why)) => {
            assert!(ended && why.contains("dropped before its end"), "{why}: {dropped:?}");
        }
        Err(other) => panic!("{other}: {dropped:?}"),
    }
    !ended
}

async fn reads(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        transaction = raised(&db).await?;
        [
            "Transaction::all" => transaction.all(Account::select()),
            "Transaction::first" => transaction.first(Account::select()),
            "Transaction::one" => transaction.one(Account::select().filter(Account::ID.eq(1))),
            "Transaction::scalar" => transaction.scalar(Account::select().columns(sum(Account::BALANCE))),
            "Transaction::count" => transaction.count(Account::select()),
            "Transaction::batch" => transaction.batch((Account::select(), Account::select())),
            "Transaction::exists" => transaction.exists(Account::select()),
        ];
        dropped => {
            let next = transaction.count(Account::select()).await;
            let expected = if goes_on(&next, dropped) { RAISED } else { BEFORE };
            assert_eq!(goes_on(&transaction.commit().await, dropped), expected == RAISED);
            settled(&db, &[&expected], dropped).await?;
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
        [
            "Transaction::execute" => transaction.execute(raise()),
            "Transaction::update_many" => transaction.update_many(twice.iter().copied().map(account)),
            "Transaction::insert_many" => transaction.insert_many(more()),
        ];
        dropped => {
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

async fn ends(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        transaction = raised(&db).await?;
        ["Transaction::commit" => transaction.commit()];
        dropped => { happened(&db, &RAISED, dropped).await?; }
    );
    drop_each!(
        transaction = raised(&db).await?;
        ["Transaction::rollback" => transaction.rollback()];
        dropped => { unchanged(&db, dropped).await?; }
    );
    nothing_lost(&db.engine).await
}

/// A savepoint does no I/O of its own: whether it was opened or not, the transaction goes on.
async fn parts(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        transaction = raised(&db).await?;
        ["Transaction::begin_nested" => transaction.begin_nested()];
        dropped => {
            assert_eq!(transaction.count(Account::select()).await?, 3, "{dropped:?}");
            transaction.commit().await?;
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}
