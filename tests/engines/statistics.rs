//! What an engine counts.

use anyorm::Result;
use anyorm::prelude::*;
use anyorm_tests::{Account, blog};
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] =
    &behaviours![each_statement_is_a_hop_and_gives_its_connection_back];

async fn each_statement_is_a_hop_and_gives_its_connection_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let before = db.engine.statistics();
    db.engine.insert_many([Account { id: 1, balance: 5 }, Account { id: 2, balance: 0 }]).await?;
    db.engine.execute(Account::delete().filter(Account::ID.eq(2))).await?;
    let after = db.engine.statistics();
    assert_eq!((after.hops - before.hops, after.in_use()), (2, 0));
    Ok(())
}
