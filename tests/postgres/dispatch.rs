//! `Dispatch::Auto` on a server: the thread that asks looks for the answer for a moment.

use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::{Dispatch, Result};
use anyorm_tests::check::full_again;
use anyorm_tests::{Account, blog};
use orm_testkit::step::polls;

use crate::support::{Place, each};

/// An engine on 20 accounts whose statements are known.
async fn warm(place: &Place, dispatch: Dispatch) -> Result<Engine> {
    place.engine.create_all(&blog()).await?;
    place.engine.insert_many((1..=20).map(|id| Account { id, balance: 10 * id })).await?;
    let engine = place.builder().dispatch(dispatch).connections(2).open().await?;
    for _ in 0..3 {
        read(&engine, 1).await?;
    }
    Ok(engine)
}

async fn read(engine: &Engine, id: i64) -> Result<()> {
    let found = engine.first(Account::select().filter(Account::ID.eq(id))).await?;
    assert_eq!(found.map(|account| account.balance), Some(10 * id));
    Ok(())
}

#[test]
fn an_answer_that_is_near_wakes_no_other_thread() {
    each(|place| async move {
        let engine = warm(&place, Dispatch::Auto).await?;
        let before = engine.statistics();
        let (start, mut reads) = (Instant::now(), 0);
        // On a busy machine none may come in time for a while.
        while engine.statistics().since(&before).inline < 3 {
            read(&engine, reads as i64 % 20 + 1).await?;
            reads += 1;
            assert!(start.elapsed() < Duration::from_secs(60), "none of {reads} answers was near");
        }
        let since = engine.statistics().since(&before);
        assert_eq!(since.inline + since.hops, reads, "each is the one or the other");
        assert_eq!((since.statements, since.acquired), (reads, reads));
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn a_transaction_is_looked_for_from_beginning_to_end() {
    each(|place| async move {
        let engine = warm(&place, Dispatch::Auto).await?;
        let before = engine.statistics();
        for round in 0..100 {
            let mut session = engine.session();
            let account = session.get_one::<Account>(1).await?;
            session[account].balance += 1;
            session.add(Account { id: 1_000 + round, balance: 0 });
            session.commit().await?;
        }
        let since = engine.statistics().since(&before);
        assert_eq!(since.inline + since.hops, 200);
        assert_eq!(engine.count(Account::select()).await?, 120);
        read(&place.engine, 2).await?;
        let first = place.engine.one(Account::select().filter(Account::ID.eq(1))).await?;
        assert_eq!(first.balance, 110);
        Ok(())
    });
}

#[test]
fn nothing_is_looked_for_unless_asked() {
    each(|place| async move {
        let engine = warm(&place, Dispatch::Worker).await?;
        let before = engine.statistics();
        for id in 1..=20 {
            read(&engine, id).await?;
        }
        let since = engine.statistics().since(&before);
        assert_eq!((since.inline, since.hops), (0, 20));
        let mut inline = 0;
        let start = Instant::now();
        while inline == 0 {
            let query = Account::select().filter(Account::ID.eq(1)).dispatch(Dispatch::Auto);
            engine.first(query).await?;
            inline = engine.statistics().since(&before).inline;
            assert!(start.elapsed() < Duration::from_secs(60));
        }
        Ok(())
    });
}

/// A thread that looks keeps others of its tasks waiting: they may want answers, too.
#[test]
fn nobody_looks_while_another_connection_is_used() {
    each(|place| async move {
        let engine = warm(&place, Dispatch::Auto).await?;
        let transaction = engine.begin().await?;
        let before = engine.statistics();
        for id in 1..=20 {
            read(&engine, id).await?;
        }
        let since = engine.statistics().since(&before);
        assert_eq!((since.inline, since.hops), (0, 20));
        transaction.rollback().await?;
        Ok(())
    });
}

#[test]
fn one_poll_takes_no_longer_than_looking_may() {
    each(|place| async move {
        let engine = warm(&place, Dispatch::Auto).await?;
        let slow = || engine.execute(sql("SELECT pg_sleep(20)"));
        for _ in 0..10 {
            let start = Instant::now();
            assert!(polls(1, slow()).is_none(), "it sleeps");
            assert!(start.elapsed() < Duration::from_secs(10), "it was waited for");
            // It was dropped: the server stops it, and the connection comes home.
            read(&engine, 3).await?;
        }
        let start = Instant::now();
        while engine.statistics().in_use() > 0 {
            assert!(start.elapsed() < Duration::from_secs(10), "a connection stays away");
            std::thread::sleep(Duration::from_millis(5));
        }
        full_again(&engine);
        Ok(())
    });
}
