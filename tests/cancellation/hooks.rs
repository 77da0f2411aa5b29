//! Hooks of a session, in the middle of which the call around them is dropped.

use anyorm::prelude::*;
use anyorm::{Changes, Error, Moments, Result, SessionHooks};
use anyorm_tests::check::nothing_lost;
use futures_lite::future::yield_now;
use orm_testkit::{Behaviour, Database, behaviours};

use crate::bank::{self, BEFORE, RAISED, settled, unchanged};
use crate::moments::drop_each;
use crate::session::pending;

pub(crate) const CASES: &[Behaviour] = &behaviours![before, after];

/// Hooks of one moment that take several polls.
struct Slow(Moments);

async fn slow() -> Result<()> {
    for _ in 0..3 {
        yield_now().await;
    }
    Ok(())
}

impl SessionHooks for Slow {
    fn moments(&self) -> Moments {
        self.0
    }

    async fn before_flush(&self, _: &mut Session) -> Result<()> {
        slow().await
    }

    async fn after_flush(&self, _: &mut Session, _: &Changes) -> Result<()> {
        slow().await
    }

    async fn before_commit(&self, _: &mut Session) -> Result<()> {
        slow().await
    }

    async fn after_commit(&self, _: &mut Session) -> Result<()> {
        slow().await
    }

    async fn after_rollback(&self, _: &mut Session) -> Result<()> {
        slow().await
    }
}

/// A session with such hooks, that is about to raise the accounts.
async fn hooked(db: &Database, moment: Moments) -> Result<Session> {
    let mut session = pending(db).await?;
    session.listen(Slow(moment));
    Ok(session)
}

/// The work is pending, or was sent behind the hook: the next commit stores it.
async fn before(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        session = hooked(&db, Moments::BEFORE_FLUSH).await?;
        ["SessionHooks::before_flush" => session.flush()];
        dropped => {
            session.commit().await?;
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    drop_each!(
        session = hooked(&db, Moments::BEFORE_COMMIT).await?;
        ["SessionHooks::before_commit" => session.commit()];
        dropped => {
            session.commit().await?;
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

async fn after(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        session = hooked(&db, Moments::AFTER_FLUSH).await?;
        ["SessionHooks::after_flush" => session.flush()];
        dropped => {
            // In the middle of the hook: the session is inactive, and keeps its work.
            if let Err(error) = session.commit().await {
                assert!(matches!(error, Error::Inactive { .. }) && !dropped.ready, "{error}: {dropped:?}");
                assert_eq!(bank::stored(&db).await?, BEFORE, "{dropped:?}");
                session.recover().await?;
                session.commit().await?;
            }
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    drop_each!(
        session = hooked(&db, Moments::AFTER_COMMIT).await?;
        ["SessionHooks::after_commit" => session.commit()];
        dropped => {
            session.commit().await?;
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    drop_each!(
        session = {
            let mut session = hooked(&db, Moments::AFTER_ROLLBACK).await?;
            session.flush().await?;
            session
        };
        ["SessionHooks::after_rollback" => session.rollback()];
        dropped => {
            drop(session);
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}
