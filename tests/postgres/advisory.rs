//! Locks that programs have agreed on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyorm::prelude::*;
use anyorm::{Error, Result};
use orm_testkit::Executor;

use crate::support::{Place, both, each, eventually, once, pause};

/// Keys of a test of its own: the locks are those of the whole database.
fn key(place: &Place, name: &str) -> String {
    format!("{} {name}", place.schema)
}

/// Who has advisory locks in this database: those that wait for one, too.
async fn locks(place: &Place, granted: bool) -> Result<i64> {
    let count = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' \
                 AND l.granted = $1 AND a.application_name = $2";
    place.engine.scalar(sql(count).bind(granted).bind_str(&place.schema).returning::<i64>()).await
}

/// An engine whose connections can be told from others.
async fn engine(place: &Place, connections: usize) -> Result<Engine> {
    Engine::builder(&format!("{}&application_name={}", place.url(), place.schema))
        .connections(connections)
        .open()
        .await
}

#[test]
fn a_guard_keeps_others_out_until_it_is_released_or_dropped() {
    each(|place| async move {
        let (ours, theirs) = (engine(&place, 2).await?, engine(&place, 2).await?);
        let key = key(&place, "guard");
        for drops in [false, true] {
            let lock = ours.advisory_lock(&*key).await?;
            assert_eq!(lock.key().to_string(), format!("`{key}`"));
            assert!(theirs.try_advisory_lock(&*key).await?.is_none());
            // Another key is another lock.
            assert!(theirs.try_advisory_lock(format!("{key}!")).await?.is_some());
            // And a question or a statement elsewhere is not kept waiting.
            assert_eq!(ours.scalar(sql("SELECT 1").returning::<i32>()).await?, 1);
            match drops {
                false => lock.release().await?,
                true => drop(lock),
            }
            // The connection comes home first.
            let lock = theirs.advisory_lock(&*key).timeout(Duration::from_secs(10)).await?;
            lock.release().await?;
        }
        eventually("no lock is left", || async { locks(&place, true).await.is_ok_and(|count| count == 0) })
            .await;
        assert_eq!((ours.statistics().in_use(), ours.statistics().closed.broken), (0, 0));
        ours.close().await?;
        theirs.close().await
    });
}

#[test]
fn keys_of_all_kinds_are_different_locks() {
    each(|place| async move {
        let engine = engine(&place, 6).await?;
        let unique = i64::from(std::process::id()) << 20;
        let one = engine.try_advisory_lock(unique).await?.expect("it is free");
        let two = engine.try_advisory_lock((7, std::process::id() as i32)).await?.expect("it is free");
        let text = engine.try_advisory_lock(key(&place, "text")).await?.expect("it is free");
        let number =
            "SELECT ('x' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 16))::bit(64)::bigint";
        let number = place.engine.scalar(sql(number).bind(key(&place, "text")).returning::<i64>()).await?;
        // From outside, in another language say.
        let free = sql("SELECT pg_try_advisory_lock($1)").bind(number).returning::<bool>();
        assert!(!place.engine.scalar(free).await?);
        drop((one, two, text));
        eventually("all are given back", || async {
            locks(&place, true).await.is_ok_and(|count| count == 0)
        })
        .await;
        engine.close().await
    });
}

#[test]
fn waiting_blocks_nothing_else_and_many_take_turns() {
    once(Executor::TokioMultiThread, |place| async move {
        let engine = engine(&place, 8).await?;
        let (inside, done) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (engine, key) = (engine.clone(), key(&place, "turns"));
                let (inside, done) = (Arc::clone(&inside), Arc::clone(&done));
                tokio::spawn(async move {
                    for round in 0..5 {
                        let lock = engine.advisory_lock(&*key).await?;
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
                        pause(1).await;
                        inside.fetch_sub(1, Ordering::SeqCst);
                        match round % 2 {
                            0 => lock.release().await?,
                            _ => drop(lock),
                        }
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                    Ok::<_, Error>(())
                })
            })
            .collect();
        // All of them wait for each other, on the thread that serves this one, too.
        while done.load(Ordering::SeqCst) < 40 {
            assert_eq!(place.engine.scalar(sql("SELECT 1").returning::<i32>()).await?, 1);
        }
        for task in tasks {
            task.await.expect("no task panics")?;
        }
        engine.close().await
    });
}

#[test]
fn a_wait_that_is_dropped_ends_on_the_server_and_keeps_no_lock() {
    each(|place| async move {
        let (ours, theirs) = (engine(&place, 1).await?, engine(&place, 1).await?);
        let key = key(&place, "dropped");
        let lock = ours.advisory_lock(&*key).await?;
        let wait = theirs.advisory_lock(&*key).timeout(Duration::from_millis(50));
        assert!(matches!(wait.await, Err(Error::Deadline(_))));
        eventually("nobody waits", || async { locks(&place, false).await.is_ok_and(|count| count == 0) })
            .await;
        // The connection is home, and good.
        assert_eq!(theirs.scalar(sql("SELECT 1").returning::<i32>()).await?, 1);
        assert_eq!(theirs.statistics().opened, 1);
        lock.release().await?;
        // Had it got the lock all the same, nobody else could have it now.
        assert!(ours.try_advisory_lock(&*key).await?.is_some());
        ours.close().await?;
        theirs.close().await
    });
}

/// The lock may come in the moment in which the wait is given up.
#[test]
fn no_lock_is_left_by_waits_that_are_dropped_as_it_comes() {
    each(|place| async move {
        let (ours, theirs) = (engine(&place, 1).await?, engine(&place, 1).await?);
        let key = key(&place, "races");
        for round in 0..60 {
            let lock = ours.advisory_lock(&*key).await?;
            let wait = async {
                let limit = Duration::from_micros(200 + round * 37 % 1500);
                drop(theirs.advisory_lock(&*key).timeout(limit).await);
            };
            let release = async {
                pause(round % 2).await;
                lock.release().await
            };
            both(wait, release).await.1?;
            // Waits at most for the clean-up of the other.
            let free = ours.advisory_lock(&*key).timeout(Duration::from_secs(5)).await?;
            free.release().await?;
        }
        ours.close().await?;
        theirs.close().await
    });
}

#[test]
fn a_lock_of_a_transaction_ends_with_it() {
    each(|place| async move {
        let engine = engine(&place, 3).await?;
        let key = key(&place, "transaction");
        for commits in [true, false] {
            let mut transaction = engine.begin().await?;
            transaction.advisory_lock(&*key).await?;
            assert!(engine.try_advisory_lock(&*key).await?.is_none());
            let mut other = engine.begin().await?;
            assert!(!other.try_advisory_lock(&*key).await?);
            match commits {
                true => transaction.commit().await?,
                false => transaction.rollback().await?,
            }
            assert!(other.try_advisory_lock(&*key).await?);
            other.rollback().await?;
            // Released, not dropped: that would be done behind our back.
            engine.try_advisory_lock(&*key).await?.expect("it is free").release().await?;
        }
        // Also of one that only reads, and that of a session.
        let mut reads = engine.begin_with(anyorm::Begin::new().read_only()).await?;
        assert!(reads.try_advisory_lock(&*key).await?);
        drop(reads);
        let mut session = engine.session();
        session.advisory_lock(&*key).await?;
        assert!(session.in_transaction());
        let mut other = engine.session();
        assert!(!other.try_advisory_lock(&*key).await?);
        // A wait in a session's transaction that is dropped leaves the transaction open.
        other.execute(sql("CREATE TABLE kept (id int)")).await?;
        let wait = other.advisory_lock(&*key).timeout(Duration::from_millis(50)).await;
        assert!(matches!(wait, Err(Error::Deadline(_))));
        assert_eq!(other.scalar(sql("SELECT count(*) FROM kept").returning::<i64>()).await?, 0);
        session.commit().await?;
        assert!(other.try_advisory_lock(&*key).await?);
        other.commit().await?;
        eventually("no lock is left", || async { locks(&place, true).await.is_ok_and(|count| count == 0) })
            .await;
        engine.close().await
    });
}

#[test]
fn a_lock_that_is_lost_with_its_connection_is_told() {
    each(|place| async move {
        let engine = engine(&place, 2).await?;
        let mut lock = engine.advisory_lock(key(&place, "lost")).await?;
        lock.check().await?;
        let end = "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                   WHERE l.locktype = 'advisory' AND a.application_name = $1";
        place.engine.execute(sql(end).bind_str(&place.schema)).await?;
        let error = lock.check().await.unwrap_err();
        assert!(error.to_string().contains("lost"), "{error}");
        let error = lock.check().await.unwrap_err();
        assert!(error.to_string().contains("take it again"), "{error}");
        let error = lock.release().await.unwrap_err();
        assert!(matches!(error, Error::Ended(_)), "{error}");
        assert!(engine.try_advisory_lock(key(&place, "lost")).await?.is_some());
        engine.close().await
    });
}

#[test]
fn two_that_wait_for_each_other_are_told_to_try_again() {
    each(|place| async move {
        let engine = engine(&place, 2).await?;
        let (left, right) = (key(&place, "left"), key(&place, "right"));
        let (mut one, mut two) = (engine.begin().await?, engine.begin().await?);
        one.advisory_lock(&*left).await?;
        two.advisory_lock(&*right).await?;
        // The loser rolls back, so that the other goes on.
        let one = async {
            let result = one.advisory_lock(&*right).await;
            one.rollback().await?;
            result
        };
        let two = async {
            let result = two.advisory_lock(&*left).await;
            two.rollback().await?;
            result
        };
        let (one, two) = both(one, two).await;
        let lost = [one, two].into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert!(matches!(lost.as_slice(), [Error::Busy(_)]), "{lost:?}");
        engine.close().await
    });
}
