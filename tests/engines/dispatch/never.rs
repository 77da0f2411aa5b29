//! What never runs on the thread that polls.

use std::sync::Arc;

use anyorm::prelude::*;
use anyorm::{Dispatch, Result};
use anyorm_tests::{Account, Post, User};
use orm_testkit::{Behaviour, Database, behaviours};

use super::{Threads, auto, since};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    writes_never_run_inline,
    raw_sql_never_runs_inline,
    what_may_be_long_in_one_go_never_runs_inline,
    reads_of_many_values_never_run_inline,
];

async fn writes_never_run_inline(db: Database) -> Result<()> {
    let threads = Arc::new(Threads::default());
    let engine = auto(&db, 1, threads.clone()).await?;
    threads.take();
    engine.execute(Account::update().set(Account::BALANCE, 1).filter(Account::ID.eq(1))).await?;
    engine.execute(Account::delete().filter(Account::ID.eq(2))).await?;
    engine.one(Account::insert().value(Account { id: 9, balance: 0 }).returning(Account::ID)).await?;
    engine.insert_many([Account { id: 10, balance: 0 }]).await?;
    let mut session = engine.session();
    session.add(Account { id: 11, balance: 0 });
    session.flush().await?;
    session.get_for_update::<Account>(1).await?;
    session.commit().await?;
    let mut session = engine.session();
    session.begin().await?;
    session.get_for_update::<Account>(1).await?;
    session.rollback().await?;
    let mut transaction = engine.begin().await?;
    transaction.execute(Account::delete().filter(Account::ID.eq(3))).await?;
    drop(transaction);
    anyorm_tests::check::full_again(&engine);
    let statements = threads.take();
    assert!(statements.iter().any(|(sql, _)| sql == "ROLLBACK"), "{statements:?}");
    assert!(statements.iter().any(|(sql, _)| sql == "COMMIT"), "{statements:?}");
    for (sql, here) in statements {
        assert!(!here || sql.starts_with("SELECT"), "on the thread that polls: {sql}");
    }
    assert_eq!(engine.statistics().inline, 0, "each of these reads rode with a write, or locked");
    Ok(())
}

async fn raw_sql_never_runs_inline(db: Database) -> Result<()> {
    let threads = Arc::new(Threads::default());
    let engine = auto(&db, 1, threads.clone()).await?;
    threads.take();
    let before = engine.statistics();
    engine.scalar(sql("SELECT balance FROM accounts WHERE id = 1").returning::<i64>()).await?;
    engine.first(sql("SELECT id, balance FROM accounts LIMIT 1").entities::<Account>()).await?;
    engine.exists(sql("SELECT 1").returning::<i64>()).await?;
    let mut session = engine.session();
    session.scalar(sql("SELECT 1").returning::<i64>()).await?;
    assert_eq!(since(&engine, before), [4, 0, 0]);
    assert!(threads.take().iter().all(|(_, here)| !here));
    Ok(())
}

/// Whatever is asked for.
async fn what_may_be_long_in_one_go_never_runs_inline(db: Database) -> Result<()> {
    let engine = auto(&db, 1, super::nobody()).await?;
    let before = engine.statistics();
    let account = || Account::select().filter(Account::ID.eq(1)).dispatch(Dispatch::Auto);
    engine.count(account()).await?;
    engine.all(account().columns(max(Account::BALANCE))).await?;
    engine.all(account().group_by(Account::BALANCE).columns(Account::BALANCE)).await?;
    engine.all(account().columns(Account::BALANCE).distinct()).await?;
    let user = || User::select().filter(User::ID.eq(1)).dispatch(Dispatch::Auto);
    engine.all(user().filter(User::NAME.starts_with("A"))).await?;
    engine.all(user().filter(User::NAME.lower().eq("ada"))).await?;
    engine.all(user().filter(User::POSTS.any(Post::TITLE.eq("Notes")))).await?;
    engine.all(user().columns(User::NAME.lower())).await?;
    engine.all(user().order_by(User::NAME.lower())).await?;
    assert_eq!(since(&engine, before), [9, 0, 0]);
    Ok(())
}

/// To read their text takes long, and nothing bounds that.
async fn reads_of_many_values_never_run_inline(db: Database) -> Result<()> {
    let engine = auto(&db, 1, super::nobody()).await?;
    let before = engine.statistics();
    let among = |most: i64| Account::select().filter(Account::ID.is_in(1..=most)).limit(3);
    assert_eq!(engine.all(among(100)).await?.len(), 3);
    assert_eq!(since(&engine, before), [0, 1, 0]);
    assert_eq!(engine.all(among(20_000)).await?.len(), 3);
    assert_eq!(since(&engine, before), [1, 1, 0]);
    engine.insert_many((10..3_000).map(|id| User { email: id.to_string(), ..User::default() })).await?;
    let mut session = engine.session();
    let users = session.all(User::select()).await?;
    session.load(&users, User::POSTS).await?;
    assert_eq!(since(&engine, before), [4, 1, 0]);
    Ok(())
}
