//! Messages from program to program.

use std::time::Duration;

use anyorm::prelude::*;
use anyorm::{Error, Notice, Notification, Notifications, Result};
use futures_lite::StreamExt;

use crate::support::{Place, each, eventually, pause};

/// A channel of a test of its own: they are those of the whole database.
fn channel(place: &Place, name: &str) -> String {
    format!("{} {name}", place.schema)
}

async fn next(notifications: &mut Notifications) -> Result<Notice> {
    notifications.next().timeout(Duration::from_secs(10)).await
}

/// The payload of what comes next.
async fn payload(notifications: &mut Notifications) -> Result<String> {
    match next(notifications).await? {
        Notice::Notification(notification) => Ok(notification.payload),
        gap => panic!("nothing was missed: {gap:?}"),
    }
}

/// Nothing has come, and nothing comes before what is sent now.
async fn nothing_else(notifications: &mut Notifications, place: &Place, channel: &str) -> Result<()> {
    place.engine.notify(channel, "marker").await?;
    assert_eq!(payload(notifications).await?, "marker");
    Ok(())
}

async fn listeners(place: &Place) -> Result<i64> {
    let count =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND query LIKE '%' || $1 || '%'";
    place.engine.scalar(sql(count).bind_str(&place.schema).returning::<i64>()).await
}

#[test]
fn what_is_sent_to_a_channel_is_heard_as_it_was_sent() {
    each(|place| async move {
        // Names are taken as they are.
        let (one, two) = (channel(&place, "Ünique \"one\"; --"), channel(&place, "two"));
        let mut heard = place.engine.listen([&one, &two]).await?;
        assert!(heard.is_connected());
        assert_eq!(heard.channels(), [one.clone(), two.clone()]);
        let text = "'; DROP TABLE x; -- \u{1f980}\n";
        place.engine.notify(&one, text).await?;
        place.engine.notify(&channel(&place, "three"), "not for us").await?;
        place.engine.notify(&two, "").await?;
        let Notice::Notification(Notification { channel, payload, process_id }) = next(&mut heard).await?
        else {
            panic!("something was sent")
        };
        assert_eq!((channel, payload.as_str()), (one.clone(), text));
        assert!(process_id > 0);
        let Notice::Notification(second) = next(&mut heard).await? else { panic!("something was sent") };
        assert_eq!((second.channel, second.payload.as_str()), (two.clone(), ""));
        assert_eq!(heard.try_next()?, None);
        // As a stream, too.
        place.engine.notify(&one, "streamed").await?;
        let streamed = heard.next().timeout(Duration::from_secs(10)).await?;
        assert!(
            matches!(streamed, Notice::Notification(Notification { payload, .. }) if payload == "streamed")
        );
        place.engine.notify(&one, "again").await?;
        assert!(matches!(StreamExt::next(&mut heard).await, Some(Ok(notice)) if !notice.is_gap()));
        Ok(())
    });
}

#[test]
fn transactions_tell_when_they_are_committed() {
    each(|place| async move {
        let channel = channel(&place, "commit");
        let mut heard = place.engine.listen([&channel]).await?;
        let mut transaction = place.engine.begin().await?;
        transaction.notify(&channel, "first").await?;
        transaction.notify(&channel, "second").await?;
        nothing_else(&mut heard, &place, &channel).await?;
        transaction.commit().await?;
        assert_eq!(payload(&mut heard).await?, "first");
        assert_eq!(payload(&mut heard).await?, "second");

        let mut transaction = place.engine.begin().await?;
        transaction.notify(&channel, "never").await?;
        transaction.rollback().await?;
        let mut session = place.engine.session();
        session.notify(&channel, "never").await?;
        session.rollback().await?;
        session.notify(&channel, "of a session").await?;
        assert!(session.in_transaction());
        nothing_else(&mut heard, &place, &channel).await?;
        session.commit().await?;
        assert_eq!(payload(&mut heard).await?, "of a session");

        // What is sent inside of a sandbox is never told; what others send is heard there.
        let sandbox = place.engine.sandbox().await?;
        let mut inside = sandbox.listen([&channel]).await?;
        sandbox.notify(&channel, "never").await?;
        nothing_else(&mut inside, &place, &channel).await?;
        sandbox.rollback().await?;
        assert_eq!(payload(&mut heard).await?, "marker");
        Ok(())
    });
}

/// The connection is polled although nobody asks for what comes.
#[test]
fn notifications_arrive_while_nobody_polls() {
    each(|place| async move {
        let channel = channel(&place, "unpolled");
        let mut heard = place.engine.listen([&channel]).await?;
        for number in 0..500 {
            place.engine.notify(&channel, &number.to_string()).await?;
        }
        // Without a single poll of ours.
        let start = std::time::Instant::now();
        let mut seen = Vec::new();
        while seen.len() < 500 {
            assert!(start.elapsed() < Duration::from_secs(10));
            match heard.try_next()? {
                Some(Notice::Notification(notification)) => seen.push(notification.payload),
                Some(gap) => panic!("nothing was missed: {gap:?}"),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        assert!(seen.iter().enumerate().all(|(at, payload)| *payload == at.to_string()));
        Ok(())
    });
}

#[test]
fn those_who_are_slow_are_told_how_much_they_missed() {
    each(|place| async move {
        let channel = channel(&place, "slow");
        let mut heard = place.engine.listen([&channel]).await?;
        let many = "SELECT count(pg_notify($1, i::text)) FROM generate_series(1, 10000) i";
        place.engine.scalar(sql(many).bind_str(&channel).returning::<i64>()).await?;
        place.engine.notify(&channel, "last").await?;
        // All have arrived once the last one was counted.
        pause(300).await;
        let (mut taken, mut missed) = (0, 0);
        while taken + missed < 10_001 {
            match next(&mut heard).await? {
                Notice::Notification(_) => taken += 1,
                Notice::Overrun(count) => missed += count,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(taken + missed, 10_001);
        assert!(missed > 0 && taken >= 4_096, "{taken} and {missed}");
        nothing_else(&mut heard, &place, &channel).await
    });
}

#[test]
fn a_lost_connection_is_opened_again_and_that_is_told() {
    each(|place| async move {
        let channel = channel(&place, "lost");
        let mut heard = place.engine.listen([&channel]).await?;
        place.engine.notify(&channel, "before").await?;
        eventually("it has arrived", || async { heard_something(&place).await }).await;
        for _ in 0..2 {
            let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                       WHERE query LIKE 'LISTEN%' AND query LIKE '%' || $1 || '%'";
            let ended = place.engine.scalar(sql(end).bind_str(&place.schema).returning::<i64>()).await?;
            assert_eq!(ended, 1);
            place.engine.notify(&channel, "in between, perhaps").await?;
            // What had come is not lost with the connection.
            let mut notice = next(&mut heard).await?;
            while let Notice::Notification(notification) = notice {
                assert!(["before", "after", "in between, perhaps"].contains(&notification.payload.as_str()));
                notice = next(&mut heard).await?;
            }
            assert_eq!(notice, Notice::Reconnected);
            assert!(notice.is_gap() && heard.is_connected());
            // From now on all is heard.
            place.engine.notify(&channel, "after").await?;
            assert_eq!(payload(&mut heard).await?, "after");
        }
        Ok(())
    });
}

/// Gives a notification the time to arrive.
async fn heard_something(place: &Place) -> bool {
    pause(20).await;
    listeners(place).await.is_ok_and(|count| count == 1)
}

#[test]
fn one_that_is_dropped_or_whose_engine_is_closed_listens_no_more() {
    each(|place| async move {
        let channel = channel(&place, "ends");
        let heard = place.engine.listen([&channel]).await?;
        assert_eq!(listeners(&place).await?, 1);
        // It is none of the pool.
        assert_eq!(place.engine.statistics().in_use(), 0);
        drop(heard);
        eventually("nobody listens", || async { listeners(&place).await.is_ok_and(|count| count == 0) })
            .await;

        let engine = place.builder().open().await?;
        let mut heard = engine.listen([&channel]).await?;
        place.engine.notify(&channel, "before the end").await?;
        pause(100).await;
        let waits = async {
            assert_eq!(payload(&mut heard).await?, "before the end");
            heard.next().await
        };
        let closes = async {
            pause(50).await;
            engine.close().await
        };
        let (end, closed) = crate::support::both(waits, closes).await;
        closed?;
        assert!(matches!(end, Err(Error::Closed)), "{end:?}");
        assert!(matches!(StreamExt::next(&mut heard).await, Some(Err(Error::Closed))));
        assert!(StreamExt::next(&mut heard).await.is_none());
        assert!(matches!(engine.listen([&channel]).await, Err(Error::Closed)));
        eventually("nobody listens", || async { listeners(&place).await.is_ok_and(|count| count == 0) })
            .await;

        // One goes on without its engine.
        let engine = place.builder().open().await?;
        let mut heard = engine.listen([&channel]).await?;
        drop(engine);
        nothing_else(&mut heard, &place, &channel).await
    });
}

#[test]
fn what_cannot_be_heard_is_refused() {
    each(|place| async move {
        let long = "x".repeat(64);
        for (name, reason) in
            [("", "needs a name"), (&long, "has 64 bytes, and may have 63"), ("a\0b", "NUL")]
        {
            let error = place.engine.listen([name]).await.unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
            let error = place.engine.notify(name, "").await.unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
        let none: [&str; 0] = [];
        assert!(place.engine.listen(none).await.unwrap_err().to_string().contains("no channel"));
        let error = place.engine.notify("c", &"x".repeat(8_000)).await.unwrap_err();
        assert!(error.to_string().contains("payload"), "{error}");
        // The longest of both.
        let (name, payload) = ("y".repeat(63), "x".repeat(7_999));
        let mut heard = place.engine.listen([&name]).await?;
        place.engine.notify(&name, &payload).await?;
        assert_eq!(self::payload(&mut heard).await?, payload);
        // A server that is not there is told at once, and not waited for.
        let nowhere = Engine::builder("postgres://127.0.0.1:1/nothing?connect_timeout=2").open().await;
        assert!(nowhere.is_err());
        Ok(())
    });
}
