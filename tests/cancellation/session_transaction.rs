//! How the transactions and savepoints of a session begin and end.

use anyorm::prelude::*;
use anyorm::{Begin, Isolation, Result};
use anyorm_tests::Account;
use anyorm_tests::check::nothing_lost;
use orm_testkit::{Behaviour, Database, behaviours};

use crate::bank::{self, BEFORE, RAISED, happened, settled, unchanged};
use crate::moments::drop_each;
use crate::session::pending;

pub(crate) const CASES: &[Behaviour] = &behaviours![
    beginning,
    flushing,
    committing,
    rolling_back,
    recovering,
    beginning_a_part,
    a_part_around_a_closure,
    ending_a_part,
];

async fn beginning(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        session = pending(&db).await?;
        [
            "Session::begin" => session.begin(),
            "Session::begin_with" => session.begin_with(Begin::new().isolation(Isolation::Serializable)),
        ];
        dropped => {
            assert_eq!(session.in_transaction(), dropped.ready, "{dropped:?}");
            session.commit().await?;
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

/// The next call takes the outcome over, whichever call that is.
async fn flushing(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        session = pending(&db).await?;
        ["Session::flush" => session.flush()];
        dropped => {
            session.commit().await?;
            assert!(!session.is_dirty(), "{dropped:?}");
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    drop_each!(
        session = pending(&db).await?;
        ["Session::flush" => session.flush()];
        dropped => {
            session.rollback().await?;
            assert!(!session.is_dirty(), "{dropped:?}");
            unchanged(&db, dropped).await?;
        }
    );
    drop_each!(
        session = pending(&db).await?;
        ["Session::flush" => session.flush()];
        dropped => {
            drop(session);
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

async fn committing(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        session = pending(&db).await?;
        ["Session::commit" => session.commit()];
        dropped => {
            session.commit().await?;
            assert!(!session.is_dirty() && !session.in_transaction(), "{dropped:?}");
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    // With nobody left to take the outcome over.
    drop_each!(
        session = pending(&db).await?;
        ["Session::commit" => session.commit()];
        dropped => {
            drop(session);
            happened(&db, &RAISED, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

async fn rolling_back(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        session = {
            let mut session = pending(&db).await?;
            session.flush().await?;
            session
        };
        ["Session::rollback" => session.rollback()];
        dropped => {
            assert_eq!(session.in_transaction(), !dropped.polled, "{dropped:?}");
            if dropped.polled {
                assert!(!session.is_dirty(), "{dropped:?}");
                let account = session.get_one::<Account>(1).await?;
                assert_eq!(session[account].balance, 10, "{dropped:?}");
            }
            drop(session);
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

/// The work stays, whether the transaction was rolled back or not.
async fn recovering(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        session = {
            let mut session = pending(&db).await?;
            session.flush().await?;
            session
        };
        ["Session::recover" => session.recover()];
        dropped => {
            session.commit().await?;
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

/// What was pending is flushed before the savepoint, and outside of it.
async fn beginning_a_part(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        session = pending(&db).await?;
        ["Session::begin_nested" => session.begin_nested()];
        dropped => {
            session.commit().await?;
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

async fn a_part_around_a_closure(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        session = db.engine.session();
        ["Session::nested" => session.nested(async |part| {
            for account in part.all(Account::select()).await? {
                part[account].balance += 1;
            }
            part.flush().await
        })];
        dropped => {
            session.commit().await?;
            settled(&db, &[if dropped.ready { &RAISED } else { &BEFORE }], dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

async fn ending_a_part(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        session = db.engine.session();
        part = {
            let mut part = session.begin_nested().await?;
            for account in part.all(Account::select()).await? {
                part[account].balance += 1;
            }
            part
        };
        ["Nested::release" => part.release()];
        dropped => {
            session.commit().await?;
            settled(&db, &[if dropped.ready { &RAISED } else { &BEFORE }], dropped).await?;
        }
    );
    drop_each!(
        session = db.engine.session();
        part = {
            let mut part = session.begin_nested().await?;
            for account in part.all(Account::select()).await? {
                part[account].balance += 1;
            }
            part.flush().await?;
            part
        };
        ["Nested::rollback" => part.rollback()];
        dropped => {
            session.commit().await?;
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}
