//! Calls with a limit of time, dropped before it is over: as without one.

use std::time::{Duration, Instant};

use anyorm::Result;
use anyorm::prelude::*;
use anyorm_tests::Account;
use anyorm_tests::check::nothing_lost;
use orm_testkit::{Behaviour, Database, behaviours};

use crate::bank::{self, RAISED, happened, raise, settled, unchanged};
use crate::moments::drop_each;
use crate::session::pending;

pub(crate) const CASES: &[Behaviour] = &behaviours![limits];

const LONG: Duration = Duration::from_secs(30);

async fn limits(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        engine = &db.engine;
        [
            "Operation::timeout" => engine.execute(raise()).timeout(LONG),
            "Operation::deadline" => engine.execute(raise()).deadline(Instant::now() + LONG),
        ];
        dropped => { happened(&db, &RAISED, dropped).await?; }
    );
    drop_each!(
        engine = &db.engine;
        ["Operation::timeout" => engine.count(Account::select()).timeout(LONG)];
        dropped => { unchanged(&db, dropped).await?; }
    );
    drop_each!(
        session = pending(&db).await?;
        [
            "Operation::timeout" => session.commit().timeout(LONG),
            "Operation::deadline" => session.commit().deadline(Instant::now() + LONG),
        ];
        dropped => {
            session.commit().await?;
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}
