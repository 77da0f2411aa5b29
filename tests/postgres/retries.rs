//! Transactions that cannot all be: one has to give way, and is tried again.

use std::sync::Arc;

use anyorm::prelude::*;
use anyorm::{Isolation, Result, SessionFactory};
use anyorm_tests::Account;
use futures_lite::future::zip;

use crate::support::{Place, each};

/// So many rows that everybody wants.
const HOT: i64 = 10;
const TASKS: i64 = 32;
const ROUNDS: i64 = 8;

async fn accounts(place: &Place) -> Result<()> {
    place.engine.create_all(&schema![Account]).await?;
    place.engine.insert_many((1..=HOT).map(|id| Account { id, balance: 0 })).await?;
    Ok(())
}

/// Reads a row, and writes what it read and one more: under any weaker level updates would be lost.
async fn raise(sessions: &SessionFactory, id: i64) -> Result<()> {
    sessions
        .begin(|mut tx| async move {
            let account = tx.get_one::<Account>(id).await?;
            tx[account].balance += 1;
            Ok(())
        })
        .await
}

#[test]
fn serializable_transactions_on_few_rows_lose_no_update_and_give_up_none() {
    each(|place: Place| async move {
        accounts(&place).await?;
        let engine = place.builder().connections(8).open().await?;
        let sessions = SessionFactory::new(engine.clone()).isolation(Isolation::Serializable);
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let sessions = sessions.clone();
                smol::spawn(async move {
                    for round in 0..ROUNDS {
                        raise(&sessions, 1 + (task * 7 + round) % HOT).await?;
                    }
                    Ok::<(), anyorm::Error>(())
                })
            })
            .collect();
        for task in tasks {
            task.await?; // no 40001 comes out
        }
        let total = engine.scalar(Account::select().columns(sum(Account::BALANCE))).await?;
        assert_eq!(total, Some(TASKS * ROUNDS));
        engine.close().await
    });
}

#[test]
fn of_two_that_wait_for_each_other_one_is_tried_again() {
    each(|place: Place| async move {
        accounts(&place).await?;
        let both = Arc::new(smol::lock::Barrier::new(2));
        let move_coins = async |from: i64, to: i64| {
            let mut tries = 0;
            place
                .engine
                .transaction(|mut tx| {
                    tries += 1;
                    let (is_first, both) = (tries == 1, Arc::clone(&both));
                    async move {
                        let giver = tx.get_one::<Account>(from).await?;
                        tx[giver].balance -= 1;
                        tx.flush().await?; // the row is locked now
                        if is_first {
                            both.wait().await; // so does the other
                        }
                        let taker = tx.get_one::<Account>(to).await?;
                        tx[taker].balance += 1;
                        Ok(())
                    }
                })
                .await?;
            Ok::<_, anyorm::Error>(tries)
        };
        let (first, second) = zip(move_coins(1, 2), move_coins(2, 1)).await;
        assert_eq!(first? + second?, 3, "one of them was tried twice");
        let balances = Account::select().filter(Account::ID.le(2)).order_by(Account::ID.asc());
        assert_eq!(place.engine.all(balances.columns(Account::BALANCE)).await?, [0, 0]);
        Ok(())
    });
}
