//! The calls of a session that only reads.

use anyorm::prelude::*;
use anyorm::{ReadSession, Result};
use anyorm_tests::check::nothing_lost;
use anyorm_tests::{Account, User};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::bank::{self, ADA, ada_with_posts, unchanged};
use crate::moments::drop_each;

pub(crate) const CASES: &[Behaviour] = &behaviours![reads, reads_of_one_state, beginning_and_ending];

async fn reading(db: &Database, begun: bool) -> Result<ReadSession> {
    let mut reads = db.engine.read_session();
    if begun {
        reads.begin().await?;
        assert_eq!(reads.count(Account::select()).await?, 3);
    }
    Ok(reads)
}

async fn reads(db: Database) -> Result<()> {
    bank::open(&db).await?;
    dropped_reads(&db, false).await?;
    nothing_lost(&db.engine).await
}

/// The transaction that only reads stays open.
async fn reads_of_one_state(db: Database) -> Result<()> {
    bank::open(&db).await?;
    dropped_reads(&db, true).await?;
    nothing_lost(&db.engine).await
}

async fn dropped_reads(db: &Database, begun: bool) -> Result<()> {
    drop_each!(
        reads = reading(db, begun).await?;
        [
            "ReadSession::get" => reads.get::<Account>(1),
            "ReadSession::get_one" => reads.get_one::<Account>(1),
            "ReadSession::all" => reads.all(ada_with_posts()),
            "ReadSession::first" => reads.first(Account::select()),
            "ReadSession::one" => reads.one(Account::select().filter(Account::ID.eq(2))),
            "ReadSession::scalar" => reads.scalar(Account::select().columns(sum(Account::BALANCE))),
            "ReadSession::count" => reads.count(Account::select()),
            "ReadSession::load_all" => reads.load_all((Account::select(), ada_with_posts())),
            "ReadSession::exists" => reads.exists(Account::select()),
        ];
        dropped => {
            assert_eq!(reads.count(Account::select()).await?, 3, "{dropped:?}");
            drop(reads);
            unchanged(db, dropped).await?;
        }
    );
    drop_each!(
        held = {
            let reads = reading(db, begun).await?;
            let cursor = reads.cursor(Account::select().order_by(Account::ID));
            (reads, cursor)
        };
        ["Cursor::next_in" => held.1.next_in(&mut held.0)];
        dropped => {
            let (mut reads, mut cursor) = held;
            let next = cursor.next_in(&mut reads).await?.expect("there are three");
            assert_eq!(reads[next].id, if dropped.ready { 2 } else { 1 }, "{dropped:?}");
            drop(reads);
            unchanged(db, dropped).await?;
        }
    );
    drop_each!(
        tracked = {
            let mut reads = reading(db, begun).await?;
            let ada = reads.get_one::<User>(ADA).await?;
            (reads, ada)
        };
        [
            "ReadSession::load" => tracked.0.load(&[tracked.1], User::POSTS),
            "ReadSession::refresh" => tracked.0.refresh(tracked.1),
        ];
        dropped => {
            let (mut reads, ada) = tracked;
            reads.load(&[ada], User::POSTS).await?;
            assert_eq!(reads[ada].posts.len(), 2, "{dropped:?}");
            drop(reads);
            unchanged(db, dropped).await?;
        }
    );
    Ok(())
}

async fn beginning_and_ending(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        reads = reading(&db, false).await?;
        ["ReadSession::begin" => reads.begin()];
        dropped => {
            assert_eq!(reads.in_transaction(), dropped.ready, "{dropped:?}");
            assert_eq!(reads.count(Account::select()).await?, 3, "{dropped:?}");
            drop(reads);
            unchanged(&db, dropped).await?;
        }
    );
    drop_each!(
        reads = reading(&db, true).await?;
        ["ReadSession::end" => reads.end()];
        dropped => {
            assert_eq!(reads.in_transaction(), !dropped.polled, "{dropped:?}");
            assert_eq!(reads.count(Account::select()).await?, 3, "{dropped:?}");
            drop(reads);
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}
