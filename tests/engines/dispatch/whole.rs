//! Nothing is lost where an inline read is dropped, panics, or fails.

use std::panic::AssertUnwindSafe;

use anyorm::prelude::*;
use anyorm::{Error, Result, schema};
use anyorm_tests::Account;
use anyorm_tests::check::{full_again, nothing_lost, text_of};
use futures_lite::{FutureExt, future};
use orm_testkit::{Behaviour, Database, behaviours};
use serde::de::Deserializer;
use serde::{Deserialize, Serialize};

use super::{auto, nobody, since};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_panic_of_a_decoder_keeps_the_connection,
    a_panic_of_a_decoder_in_a_transaction_rolls_it_back,
    a_failure_is_the_answer,
    a_dropped_read_leaves_nothing,
    tasks_read_and_write_at_once,
];

/// Something that cannot be read.
#[derive(Clone, Debug, Default, Serialize)]
struct Fragile;

impl<'de> Deserialize<'de> for Fragile {
    fn deserialize<D: Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        panic!("in the decoder")
    }
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "parcels")]
struct Parcel {
    #[key]
    id: i64,
    content: Json<Fragile>,
}

async fn parcel(db: &Database) -> Result<Engine> {
    let engine = auto(db, 1, nobody()).await?;
    engine.create_all(&schema![Parcel]).await?;
    engine.insert_many([Parcel { id: 1, content: Json(Fragile) }]).await?;
    Ok(engine)
}

async fn a_panic_of_a_decoder_keeps_the_connection(db: Database) -> Result<()> {
    let engine = parcel(&db).await?;
    let before = engine.statistics();
    let idle = (before.readers_idle, before.writer_idle);
    let query = || Parcel::select().filter(Parcel::ID.eq(1));
    let caught = AssertUnwindSafe(engine.first(query())).catch_unwind().await;
    assert_eq!(text_of(&*caught.unwrap_err()), "in the decoder");
    let now = engine.statistics();
    assert_eq!((now.readers_idle, now.writer_idle), idle, "it is home already");
    assert_eq!(now.hops, before.hops, "it was inline");
    // The same connection, with the same database in it.
    assert_eq!(engine.one(query().columns(Parcel::ID)).await?, 1);
    nothing_lost(&engine).await
}

async fn a_panic_of_a_decoder_in_a_transaction_rolls_it_back(db: Database) -> Result<()> {
    let engine = parcel(&db).await?;
    let mut transaction = engine.begin().await?;
    transaction.execute(Account::delete().everything()).await?;
    let hops = engine.statistics().hops;
    let read = transaction.first(Parcel::select().filter(Parcel::ID.eq(1)));
    assert!(AssertUnwindSafe(read).catch_unwind().await.is_err());
    assert_eq!(engine.statistics().hops, hops + 1, "nothing but the rollback went to a worker");
    let after = transaction.execute(Account::delete().everything()).await;
    assert!(matches!(after, Err(Error::Ended(_))), "{after:?}");
    drop(transaction);
    full_again(&engine);
    assert_eq!(engine.count(Account::select()).await?, 3);

    let mut session = engine.session();
    session.begin().await?;
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 0;
    session.flush().await?;
    assert!(AssertUnwindSafe(session.get::<Parcel>(1)).catch_unwind().await.is_err());
    drop(session);
    full_again(&engine);
    assert_eq!(engine.one(Account::select().filter(Account::ID.eq(1))).await?.balance, 10);
    nothing_lost(&engine).await
}

async fn a_failure_is_the_answer(db: Database) -> Result<()> {
    let engine = auto(&db, 1, nobody()).await?;
    let before = engine.statistics();
    // There is no such table.
    let error = engine.first(Parcel::select().filter(Parcel::ID.eq(1))).await.unwrap_err();
    assert!(error.to_string().contains("no such table"), "{error}");
    let mut transaction = engine.begin().await?;
    transaction.execute(Account::delete().filter(Account::ID.eq(1))).await?;
    assert!(transaction.first(Parcel::select().filter(Parcel::ID.eq(1))).await.is_err());
    assert_eq!(since(&engine, before), [1, 2, 0]);
    transaction.commit().await?;
    assert_eq!(engine.count(Account::select()).await?, 2);
    Ok(())
}

async fn a_dropped_read_leaves_nothing(db: Database) -> Result<()> {
    let engine = auto(&db, 1, nobody()).await?;
    let read = || engine.one(Account::select().filter(Account::ID.eq(1)));
    let before = engine.statistics();
    drop(read());
    assert_eq!(since(&engine, before), [0, 0, 0], "never polled");
    // Polled once, it is done, but where the executor has its turn: dropped then, it never ran.
    let (mut done, mut dropped) = (0, 0);
    for _ in 0..200 {
        match future::poll_once(read()).await {
            Some(account) => done += u64::from(account?.balance == 10),
            None => dropped += 1,
        }
        assert_eq!(engine.statistics().in_use(), 0);
    }
    assert_eq!((done + dropped, since(&engine, before)), (200, [0, done, 0]));
    assert!((5..=7).contains(&dropped), "{dropped}");
    nothing_lost(&engine).await
}

async fn tasks_read_and_write_at_once(db: Database) -> Result<()> {
    let engine = auto(&db, 2, nobody()).await?;
    let reads = async {
        for _ in 0..200 {
            let mut session = engine.session();
            let account = session.get_one::<Account>(1).await?;
            assert!(session[account].balance >= 10);
        }
        Ok::<_, Error>(())
    };
    let writes = async {
        for _ in 0..50 {
            let add = Account::update().set(Account::BALANCE, Account::BALANCE + 1);
            engine.execute(add.filter(Account::ID.eq(1))).await?;
        }
        Ok::<_, Error>(())
    };
    let (first, second) = future::zip(future::zip(reads, writes), engine.count(Account::select())).await;
    first.0.and(first.1)?;
    assert_eq!(second?, 3);
    assert_eq!(engine.one(Account::select().filter(Account::ID.eq(1))).await?.balance, 60);
    nothing_lost(&engine).await
}
