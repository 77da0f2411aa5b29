//! Savepoints in savepoints, from many tasks at once.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::Account;
use anyorm_tests::check::full_again;
use anyorm_tests::random::Random;

use crate::support::{Place, each};

const TASKS: u64 = 24;
const ROUNDS: u64 = 20;

/// What became of a part of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    /// By a statement that is refused.
    Failed,
    RolledBack,
    /// Its guard was dropped.
    Dropped,
}

fn fate(random: &mut Random) -> Fate {
    match random.below(6) {
        0 => Fate::Failed,
        1 => Fate::RolledBack,
        2 => Fate::Dropped,
        _ => Fate::Kept,
    }
}

/// A transaction with a savepoint, and another one in that. Answers the rows that must be there afterwards.
async fn transaction(engine: &Engine, first_id: i64, random: &mut Random) -> Result<Vec<i64>> {
    let [of_outer, of_middle, of_inner] = [(); 3].map(|()| fate(random));
    let insert = |at: i64| Account::insert().value(Account { id: first_id + at, balance: 1 });
    // Its key is taken.
    let refused = || insert(0);
    let mut outer = engine.begin().await?;
    outer.execute(insert(0)).await?;
    let mut kept = Vec::new();
    let mut middle = outer.begin_nested().await?;
    middle.execute(insert(1)).await?;
    let mut inner = middle.begin_nested().await?;
    inner.execute(insert(2)).await?;
    match of_inner {
        Fate::Kept => {
            inner.release().await?;
            kept.push(2);
        }
        Fate::Failed => {
            is_refused(inner.execute(refused()).await);
            inner.rollback().await?;
        }
        Fate::RolledBack => inner.rollback().await?,
        Fate::Dropped => drop(inner),
    }
    // What was lost in there is no matter of what is around it.
    middle.execute(insert(3)).await?;
    match of_middle {
        Fate::Kept => {
            middle.release().await?;
            kept.extend([1, 3]);
        }
        Fate::Failed => {
            is_refused(middle.execute(refused()).await);
            middle.rollback().await?;
            kept.clear();
        }
        Fate::RolledBack => {
            middle.rollback().await?;
            kept.clear();
        }
        Fate::Dropped => {
            drop(middle);
            kept.clear();
        }
    }
    outer.execute(insert(4)).await?;
    match of_outer {
        Fate::Dropped => drop(outer),
        Fate::RolledBack => outer.rollback().await?,
        Fate::Kept => outer.commit().await?,
        // A statement that fails leaves the transaction as it was.
        Fate::Failed => {
            is_refused(outer.execute(refused()).await);
            outer.commit().await?;
        }
    }
    if matches!(of_outer, Fate::Dropped | Fate::RolledBack) {
        return Ok(Vec::new());
    }
    kept.extend([0, 4]);
    Ok(kept.into_iter().map(|at| first_id + at).collect())
}

fn is_refused(answer: Result<u64>) {
    assert!(matches!(answer, Err(Error::Constraint(_))), "the key is there already: {answer:?}");
}

#[test]
fn two_depths_of_savepoints_hold_under_load() {
    each(|place: Place| async move {
        place.engine.create_all(&schema![Account]).await?;
        let engine = place.builder().connections(4).open().await?;
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let engine = engine.clone();
                smol::spawn(async move {
                    let mut random = Random::new(task + 1);
                    let mut there = Vec::new();
                    for round in 0..ROUNDS {
                        let first_id = ((task * ROUNDS + round) * 10) as i64;
                        there.extend(transaction(&engine, first_id, &mut random).await?);
                    }
                    Ok::<_, Error>(there)
                })
            })
            .collect();
        let mut expected = Vec::new();
        for task in tasks {
            expected.extend(task.await?);
        }
        expected.sort_unstable();
        full_again(&engine);
        let found = engine.all(Account::select().columns(Account::ID).order_by(Account::ID)).await?;
        assert_eq!(found, expected);
        assert!(expected.len() > 500 && expected.len() < (TASKS * ROUNDS * 5) as usize, "{}", expected.len());
        engine.close().await
    });
}
