//! Calls that are dropped while they wait for the connection that writes: nothing happened, and they left the line.

use anyorm::prelude::*;
use anyorm::{Result, Transaction};
use anyorm_tests::check::nothing_lost;
use anyorm_tests::{Account, Node};
use orm_testkit::{Behaviour, Database, behaviours, step};

use crate::bank::{self, RAISED, account, more, raise, unchanged};
use crate::moments::Moment;
use crate::session::pending;

pub(crate) const CASES: &[Behaviour] = &behaviours![
    #[needs(OneWriter)]
    calls_of_an_engine,
    #[needs(OneWriter)]
    calls_of_a_session
];

/// Somebody else, who writes for a while: another task, as the pool sees it.
fn somebody(db: &Database) -> Result<Transaction> {
    step::polls(usize::MAX, db.engine.begin()).expect("it is polled until it is ready")
}

/// Drops each of some calls while it waits.
macro_rules! drop_each_waiting {
    ($on:ident = $make:expr; [$($name:literal => $call:expr),* $(,)?]; $dropped:ident => $check:block) => {$({
        for moment in Moment::early() {
            #[allow(unused_mut, reason = "some calls take `&self`")]
            let mut $on = $make;
            let $dropped = moment.during($name, async { $call.await.map(drop) }).await?;
            assert!(!$dropped.ready, "{}: somebody else has the connection", $name);
            $check
        }
    })*};
}

async fn calls_of_an_engine(db: Database) -> Result<()> {
    bank::open(&db).await?;
    let (made, body) = (schema![Account, Node], |mut tx: Tx| async move {
        tx.add(account((4, 7)));
        tx.flush().await
    });
    drop_each_waiting!(
        other = somebody(&db)?;
        [
            "Engine::execute" => db.engine.execute(raise()),
            "Engine::insert_many" => db.engine.insert_many(more()),
            "Engine::update_many" => db.engine.update_many(RAISED.map(account)),
            "Engine::begin" => db.engine.begin(),
            "Engine::connection" => db.engine.connection(),
            "Engine::sandbox" => db.engine.sandbox(),
            "Engine::create_all" => db.engine.create_all(&made),
            "Engine::drop_all" => db.engine.drop_all(&made),
            "EngineExt::transaction" => db.engine.transaction(body),
        ];
        dropped => {
            assert_eq!(db.engine.statistics().writer_waiting, 0, "{dropped:?}");
            other.rollback().await?;
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

/// The work of the session is still pending.
async fn calls_of_a_session(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each_waiting!(
        both = {
            let session = pending(&db).await?;
            (session, somebody(&db)?)
        };
        [
            "Session::flush" => both.0.flush(),
            "Session::commit" => both.0.commit(),
            "Session::count" => both.0.count(Account::select()),
            "Session::execute" => both.0.execute(raise()),
            "Session::insert_many" => both.0.insert_many(more()),
            "Session::get_for_update" => both.0.get_for_update::<Account>(1),
        ];
        dropped => {
            let (mut session, other) = both;
            assert_eq!(db.engine.statistics().writer_waiting, 0, "{dropped:?}");
            assert!(session.is_dirty(), "{dropped:?}");
            other.rollback().await?;
            session.commit().await?;
            bank::settled(&db, &[&RAISED], dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}
