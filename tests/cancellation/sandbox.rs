//! The end of a sandbox.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::Account;
use anyorm_tests::check::nothing_lost;
use orm_testkit::{Behaviour, Database, behaviours};

use crate::bank::{self, raise, unchanged};
use crate::moments::drop_each;

pub(crate) const CASES: &[Behaviour] = &behaviours![rolling_back];

/// Whether it was polled or not: the sandbox is in the call, and dropped with it.
async fn rolling_back(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        inside = {
            let sandbox = db.engine.sandbox().await?;
            sandbox.execute(raise()).await?;
            (sandbox.engine().clone(), sandbox)
        };
        ["Sandbox::rollback" => inside.1.rollback()];
        dropped => {
            let next = inside.0.count(Account::select()).await;
            assert!(matches!(next, Err(Error::Closed)), "{next:?}: {dropped:?}");
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}
