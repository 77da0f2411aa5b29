//! The calls that only PostgreSQL has, dropped at each of their polls; after each drop, what `docs/cancellation.md` says.

use anyorm::prelude::*;
use anyorm::{CopyFormat, Engine, Error, Notice, Notifications, Result};
use orm_testkit::stop::{Stop, stops};

use crate::support::{each, eventually};

/// Drops each of some calls at each of its polls. `$on` is made anew for each drop; `$check` is what must be true after it.
macro_rules! drop_each {
    ($on:ident = $make:expr; [$($name:literal => $call:expr),* $(,)?]; $dropped:ident => $check:block) => {$({
        for stop in stops() {
            #[allow(unused_mut, reason = "some calls take `&self`")]
            let mut $on = $make;
            let ready = stop.at(async { $call.await.map(drop) }).transpose()?.is_some();
            let $dropped = Dropped { call: $name, stop, ready };
            $check
            if ready {
                break;
            }
        }
    })*};
}

/// What became of a call.
#[derive(Clone, Copy, Debug)]
struct Dropped {
    #[expect(dead_code, reason = "messages print it")]
    call: &'static str,
    stop: Stop,
    ready: bool,
}

impl Dropped {
    /// Whether the call was sent, and its end not seen.
    fn half_way(self) -> bool {
        !self.ready && !self.stop.is_before_the_first_poll()
    }
}

/// The connections are all there, none of them is busy or inside a transaction, and nothing is set on them.
async fn nothing_lost(engine: &Engine, dropped: Dropped) -> Result<()> {
    let (mut connections, clean) =
        (Vec::new(), "SELECT current_setting('app.tenant', true) IS DISTINCT FROM '1'");
    for _ in 0..2 {
        let mut connection = engine.connection().await?;
        assert!(connection.scalar(sql(clean).returning::<bool>()).await?, "{dropped:?}");
        connections.push(connection);
    }
    Ok(())
}

fn two(place: &crate::support::Place) -> anyorm::Operation<'static, Engine> {
    place.builder().connections(2).open()
}

const TENANT: &str = "SELECT coalesce(current_setting('app.tenant', true), '')";

#[test]
fn settings() {
    each(|place| async move {
        let engine = two(&place).await?;
        drop_each!(
            transaction = {
                let mut transaction = engine.begin().await?;
                transaction.execute(sql("SELECT 1")).await?;
                transaction
            };
            ["Transaction::set_local" => transaction.set_local("app.tenant", 1)];
            dropped => {
                match transaction.scalar(sql(TENANT).returning::<String>()).await {
                    Ok(tenant) => assert_eq!((tenant == "1", dropped.half_way()), (dropped.ready, false)),
                    Err(error) => assert!(matches!(error, Error::Ended(_)) && dropped.half_way(), "{error}: {dropped:?}"),
                }
                drop(transaction);
                nothing_lost(&engine, dropped).await?;
            }
        );
        drop_each!(
            session = {
                let mut session = engine.session();
                session.begin().await?;
                session.execute(sql("SELECT 1")).await?;
                session
            };
            ["Session::set_local" => session.set_local("app.tenant", 1)];
            dropped => {
                let tenant = session.scalar(sql(TENANT).returning::<String>()).await?;
                assert!(tenant == "1" || !dropped.ready, "{dropped:?}");
                assert!(session.in_transaction());
                session.commit().await?;
                nothing_lost(&engine, dropped).await?;
            }
        );
        engine.close().await
    });
}

/// Reads a stream to its end.
macro_rules! read_all {
    ($stream:expr) => {
        async {
            let mut pieces = $stream;
            while pieces.next().await?.is_some() {}
            Ok::<_, Error>(())
        }
    };
}

#[test]
fn text_that_is_copied_out() {
    let rows =
        || sql("SELECT n, repeat('x', 100) FROM generate_series(1, 20000) AS n").returning::<(i32, String)>();
    each(move |place| async move {
        let engine = two(&place).await?;
        drop_each!(
            engine = engine.clone();
            ["Engine::copy_out" => read_all!(engine.copy_out(rows(), CopyFormat::Text))];
            dropped => { nothing_lost(&engine, dropped).await?; }
        );
        drop_each!(
            transaction = {
                let mut transaction = engine.begin().await?;
                transaction.set_local("app.tenant", 1).await?;
                transaction.execute(sql("SELECT 1")).await?;
                transaction
            };
            ["Transaction::copy_out" => read_all!(transaction.copy_out(rows(), CopyFormat::Text))];
            dropped => {
                // What was begun before is as it was.
                assert_eq!(transaction.scalar(sql(TENANT).returning::<String>()).await?, "1", "{dropped:?}");
                transaction.commit().await?;
                nothing_lost(&engine, dropped).await?;
            }
        );
        engine.close().await
    });
}

/// A key of a test of its own.
fn key(of: i64) -> i64 {
    (i64::from(std::process::id()) << 8) + of
}

/// Who has a lock of this key, or waits for it.
async fn holders(engine: &Engine, key: i64) -> Result<i64> {
    let count = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1::oid";
    engine.scalar(sql(count).bind(key).returning::<i64>()).await
}

#[test]
fn locks_of_guards() {
    each(|place| async move {
        let engine = two(&place).await?;
        let key = key(1);
        drop_each!(
            engine = engine.clone();
            [
                "Engine::advisory_lock" => engine.advisory_lock(key),
                "Engine::try_advisory_lock" => engine.try_advisory_lock(key),
            ];
            dropped => {
                nothing_lost(&engine, dropped).await?;
                assert_eq!(holders(&place.engine, key).await?, 0, "{dropped:?}");
            }
        );
        // The same while somebody else has it.
        let held = place.engine.advisory_lock(key).await?;
        for polls in 0..6 {
            let stop = Stop { polls, pause: polls % 2 == 1 };
            let mut polled = 0;
            let wait = engine.advisory_lock(key);
            let wait = futures_lite::future::or(
                async { wait.await.map(Some) },
                std::future::poll_fn(|cx| {
                    polled += 1;
                    cx.waker().wake_by_ref();
                    if polled > polls { std::task::Poll::Ready(Ok(None)) } else { std::task::Poll::Pending }
                }),
            );
            assert!(stop.at(wait).transpose()?.flatten().is_none());
            nothing_lost(&engine, Dropped { call: "while it is held", stop, ready: false }).await?;
            assert_eq!(holders(&place.engine, key).await?, 1);
        }
        held.release().await?;
        drop_each!(
            lock = engine.advisory_lock(key).await?;
            ["AdvisoryLock::release" => lock.release()];
            dropped => {
                nothing_lost(&engine, dropped).await?;
                assert_eq!(holders(&place.engine, key).await?, 0, "{dropped:?}");
            }
        );
        drop_each!(
            lock = engine.advisory_lock(key).await?;
            ["AdvisoryLock::check" => lock.check()];
            dropped => {
                let gone = matches!(lock.check().await, Err(Error::Ended(_)));
                assert_eq!(gone, dropped.half_way(), "{dropped:?}");
                drop(lock);
                nothing_lost(&engine, dropped).await?;
                assert_eq!(holders(&place.engine, key).await?, 0, "{dropped:?}");
            }
        );
        engine.close().await
    });
}

#[test]
fn locks_of_transactions() {
    each(|place| async move {
        let engine = two(&place).await?;
        let key = key(2);
        drop_each!(
            transaction = engine.begin().await?;
            [
                "Transaction::advisory_lock" => transaction.advisory_lock(key),
                "Transaction::try_advisory_lock" => transaction.try_advisory_lock(key),
            ];
            dropped => {
                let next = transaction.execute(sql("SELECT 1")).await;
                assert_eq!(matches!(next, Err(Error::Ended(_))), dropped.half_way(), "{dropped:?}");
                drop(transaction);
                nothing_lost(&engine, dropped).await?;
                assert_eq!(holders(&place.engine, key).await?, 0, "{dropped:?}");
            }
        );
        drop_each!(
            session = engine.session();
            [
                "Session::advisory_lock" => session.advisory_lock(key),
                "Session::try_advisory_lock" => session.try_advisory_lock(key),
            ];
            dropped => {
                session.scalar(sql("SELECT 1").returning::<i32>()).await?;
                assert!(!dropped.ready || session.in_transaction());
                session.commit().await?;
                nothing_lost(&engine, dropped).await?;
                assert_eq!(holders(&place.engine, key).await?, 0, "{dropped:?}");
            }
        );
        engine.close().await
    });
}

/// All that is heard until a marker.
async fn heard(notifications: &mut Notifications, engine: &Engine, channel: &str) -> Result<Vec<String>> {
    engine.notify(channel, "marker").await?;
    let mut heard = Vec::new();
    loop {
        match notifications.next().await? {
            Notice::Notification(notification) if notification.payload == "marker" => return Ok(heard),
            Notice::Notification(notification) => heard.push(notification.payload),
            gap => panic!("{gap:?}"),
        }
    }
}

#[test]
fn notifications() {
    each(|place| async move {
        let engine = two(&place).await?;
        let channel = &place.schema;
        let mut listener = place.engine.listen([channel]).await?;
        drop_each!(
            engine = engine.clone();
            ["Engine::listen" => engine.listen([channel])];
            dropped => { nothing_lost(&engine, dropped).await?; }
        );
        let listens = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND query LIKE '%' || $1 || '%'";
        eventually("nobody listens but one", || async {
            place
                .engine
                .scalar(sql(listens).bind_str(channel).returning::<i64>())
                .await
                .is_ok_and(|count| count == 1)
        })
        .await;
        drop_each!(
            engine = engine.clone();
            ["Engine::notify" => engine.notify(channel, "sent")];
            dropped => {
                nothing_lost(&engine, dropped).await?;
                let heard = heard(&mut listener, &place.engine, channel).await?;
                assert!(if dropped.ready { heard == ["sent"] } else { heard.len() <= 1 }, "{heard:?}: {dropped:?}");
            }
        );
        drop_each!(
            transaction = engine.begin().await?;
            ["Transaction::notify" => transaction.notify(channel, "sent")];
            dropped => {
                let committed = transaction.commit().await;
                assert_eq!(matches!(committed, Err(Error::Ended(_))), dropped.half_way(), "{dropped:?}");
                let heard = heard(&mut listener, &place.engine, channel).await?;
                assert_eq!(heard.len(), usize::from(dropped.ready), "{dropped:?}");
                nothing_lost(&engine, dropped).await?;
            }
        );
        drop_each!(
            session = engine.session();
            ["Session::notify" => session.notify(channel, "sent")];
            dropped => {
                session.rollback().await?;
                assert!(heard(&mut listener, &place.engine, channel).await?.is_empty(), "{dropped:?}");
                nothing_lost(&engine, dropped).await?;
            }
        );
        drop_each!(
            listener = { engine.notify(channel, "kept").await?; &mut listener };
            ["Notifications::next" => listener.next()];
            dropped => {
                let heard = heard(listener, &place.engine, channel).await?;
                assert_eq!(heard.len(), usize::from(!dropped.ready), "{dropped:?}");
            }
        );
        engine.close().await
    });
}
