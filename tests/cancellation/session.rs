//! What a session reads, and the statements that it runs.

use anyorm::Result;
use anyorm::prelude::*;
use anyorm_tests::check::nothing_lost;
use anyorm_tests::{Account, User};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::bank::{
    self, ADA, BEFORE, MORE, RAISED, ada_with_posts, happened, more, raise, settled, unchanged,
};
use crate::moments::drop_each;

pub(crate) const CASES: &[Behaviour] =
    &behaviours![reads, reads_of_its_own_work, autoflushes, refreshed_and_loaded, statements, merged];

async fn reads(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        session = db.engine.session();
        [
            "Session::get" => session.get::<Account>(1),
            "Session::get_one" => session.get_one::<Account>(1),
            "Session::all" => session.all(ada_with_posts()),
            "Session::first" => session.first(Account::select()),
            "Session::one" => session.one(Account::select().filter(Account::ID.eq(2))),
            "Session::scalar" => session.scalar(Account::select().columns(sum(Account::BALANCE))),
            "Session::count" => session.count(Account::select()),
            "Session::load_all" => session.load_all((Account::select(), ada_with_posts())),
            "Session::exists" => session.exists(Account::select()),
        ];
        dropped => {
            assert!(!session.in_transaction() && !session.is_dirty(), "{dropped:?}");
            assert_eq!(session.count(Account::select()).await?, 3, "{dropped:?}");
            unchanged(&db, dropped).await?;
        }
    );
    drop_each!(
        held = {
            let session = db.engine.session();
            let cursor = session.cursor(Account::select().order_by(Account::ID));
            (session, cursor)
        };
        ["Cursor::next" => held.1.next(&mut held.0)];
        dropped => {
            let (mut session, mut cursor) = held;
            let next = cursor.next(&mut session).await?.expect("there are three");
            assert_eq!(session[next].id, if dropped.ready { 2 } else { 1 }, "{dropped:?}");
            unchanged(&db, dropped).await?;
        }
    );
    drop_each!(
        session = db.engine.session();
        ["Session::get_for_update" => session.get_for_update::<Account>(1)];
        dropped => {
            assert_eq!(session.count(Account::select()).await?, 3, "{dropped:?}");
            session.rollback().await?;
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

/// A session whose transaction has raised the accounts.
async fn raised(db: &Database) -> Result<Session> {
    let mut session = pending(db).await?;
    session.flush().await?;
    Ok(session)
}

/// A session that is about to raise the accounts.
pub(crate) async fn pending(db: &Database) -> Result<Session> {
    let mut session = db.engine.session();
    for account in session.all(Account::select()).await? {
        session[account].balance += 1;
    }
    Ok(session)
}

/// A read that is dropped leaves the transaction open, with its work.
async fn reads_of_its_own_work(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        session = raised(&db).await?;
        [
            "Session::get" => session.get::<User>(ADA),
            "Session::get_one" => session.get_one::<User>(ADA),
            "Session::all" => session.all(ada_with_posts()),
            "Session::first" => session.first(Account::select()),
            "Session::one" => session.one(Account::select().filter(Account::ID.eq(2))),
            "Session::scalar" => session.scalar(Account::select().columns(sum(Account::BALANCE))),
            "Session::count" => session.count(Account::select()),
            "Session::exists" => session.exists(Account::select()),
            "Session::get_for_update" => session.get_for_update::<Account>(1),
        ];
        dropped => {
            assert!(session.in_transaction(), "{dropped:?}");
            let sum = session.scalar(Account::select().columns(sum(Account::BALANCE))).await?;
            assert_eq!(sum, Some(33), "{dropped:?}");
            session.commit().await?;
            settled(&db, &[&RAISED], dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

/// The flush in front of a read is one like any other.
async fn autoflushes(db: Database) -> Result<()> {
    bank::open(&db).await?;
    for keep in [false, true] {
        drop_each!(
            session = pending(&db).await?;
            [
                "Session::all" => session.all(Account::select()),
                "Session::count" => session.count(Account::select()),
            ];
            dropped => {
                if keep { session.commit().await? } else { session.rollback().await? }
                assert!(!session.is_dirty(), "{dropped:?}");
                settled(&db, &[if keep { &RAISED } else { &BEFORE }], dropped).await?;
            }
        );
    }
    nothing_lost(&db.engine).await
}

async fn refreshed_and_loaded(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        tracked = {
            let mut session = db.engine.session();
            let account = session.get_one::<Account>(1).await?;
            session[account].balance = 99;
            (session, account)
        };
        ["Session::refresh" => tracked.0.refresh(tracked.1)];
        dropped => {
            let (mut session, account) = tracked;
            assert_eq!(session[account].balance == 99, !dropped.ready, "{dropped:?}");
            session.refresh(account).await?;
            assert_eq!(session[account].balance, 10, "{dropped:?}");
            unchanged(&db, dropped).await?;
        }
    );
    drop_each!(
        tracked = {
            let mut session = db.engine.session();
            let ada = session.get_one::<User>(ADA).await?;
            (session, ada)
        };
        ["Session::load" => tracked.0.load(&[tracked.1], User::POSTS)];
        dropped => {
            let (mut session, ada) = tracked;
            assert_eq!(session[ada].posts.is_loaded(), dropped.ready, "{dropped:?}");
            session.load(&[ada], User::POSTS).await?;
            assert_eq!(session[ada].posts.len(), 2, "{dropped:?}");
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

/// A statement that was sent runs on, in the transaction of the session.
async fn statements(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        session = db.engine.session();
        ["Session::execute" => session.execute(raise())];
        dropped => {
            session.commit().await?;
            happened(&db, &RAISED, dropped).await?;
        }
    );
    drop_each!(
        session = db.engine.session();
        ["Session::insert_many" => session.insert_many(more())];
        dropped => {
            session.commit().await?;
            happened(&db, &MORE, dropped).await?;
        }
    );
    drop_each!(
        session = db.engine.session();
        [
            "Session::execute" => session.execute(raise()),
            "Session::insert_many" => session.insert_many(more()),
        ];
        dropped => {
            session.rollback().await?;
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}

async fn merged(db: Database) -> Result<()> {
    bank::open(&db).await?;
    let changed = [(1, 55), (2, 10), (3, 10)];
    drop_each!(
        session = db.engine.session();
        ["Session::merge" => session.merge(Account { id: 1, balance: 55 })];
        dropped => {
            assert_eq!(session.is_dirty(), dropped.ready, "{dropped:?}");
            session.commit().await?;
            settled(&db, &[if dropped.ready { &changed } else { &BEFORE }], dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}
