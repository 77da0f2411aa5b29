//! Values at the edges of their types, and random ones: each is read as it was written, or refused with a reason.

mod decimals;
mod misfits;
mod numbers;
mod refused;
mod texts;
mod times;

use std::fmt::Debug;

use anyorm::Result;
use anyorm::prelude::*;
use orm_testkit::{Behaviour, Database};

use crate::support::sent;

pub(crate) const BEHAVIOURS: &[&[Behaviour]] = &[
    decimals::BEHAVIOURS,
    misfits::BEHAVIOURS,
    numbers::BEHAVIOURS,
    refused::BEHAVIOURS,
    texts::BEHAVIOURS,
    times::BEHAVIOURS,
];

/// Stores values by a session, and past it; reads them in each way; and writes none again that did not change.
///
/// They are compared as they are shown, for NaN is not itself, and -0.0 equals 0.0.
async fn are_kept<E: Entity<Key = i64> + Debug>(db: &Database, values: &[E]) -> Result<()> {
    let mut session = db.engine.session();
    session.add_all(values.to_vec());
    session.commit().await?;
    are_stored(db, values).await?;
    db.engine.execute(sql(anyorm::Trusted(format!("DELETE FROM {}", E::meta().table)))).await?;
    db.engine.insert_many(values.to_vec()).await?;
    are_stored(db, values).await?;

    let mut session = db.engine.session();
    let rows = session.all(E::select()).await?;
    db.log.clear();
    for row in rows {
        let same = session[row].clone();
        session[row] = same;
    }
    session.commit().await?;
    assert_eq!(sent(db), [""; 0], "nothing changed");
    Ok(())
}

async fn are_stored<E: Entity<Key = i64> + Debug>(db: &Database, values: &[E]) -> Result<()> {
    let mut stored = db.engine.all(E::select()).await?;
    stored.sort_by_key(Entity::key);
    assert_eq!(stored.len(), values.len());
    for (stored, value) in stored.iter().zip(values) {
        assert_eq!(format!("{stored:?}"), format!("{value:?}"));
    }
    Ok(())
}
