//! Connections that are lost: what is told, what is kept, and that the next call works.

use anyorm::prelude::*;
use anyorm::{Error, Result, Retry};
use anyorm_tests::check::{full_again, says};
use anyorm_tests::{Account, Post, User, blog, post, user};

use crate::proxy::Action::{CutAfter, CutBefore, Fatal, Hang};
use crate::proxy::Side::{Client, Server};
use crate::wired::{Wired, is_disconnected, test};

async fn bank(wired: &Wired, options: &str) -> Result<Engine> {
    wired.direct.engine.create_all(&blog()).await?;
    wired.direct.engine.insert_many((1..=3).map(|id| Account { id, balance: 10 })).await?;
    Ok(wired.engine(options).await)
}

async fn balance(wired: &Wired, id: i64) -> Result<Option<i64>> {
    wired.direct.engine.first(Account::select().filter(Account::ID.eq(id)).columns(Account::BALANCE)).await
}

fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::OutcomeUnknown(_))
}

#[test]
fn a_commit_whose_answer_is_lost_has_no_known_outcome() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let mut session = engine.session();
        let changed = session.get_one::<Account>(1).await?;
        let read = session.get_one::<Account>(2).await?;
        let deleted = session.get_one::<Account>(3).await?;
        session[changed].balance = 7;
        session.delete(deleted);
        let added = session.add(Account { id: 4, balance: 4 });
        wired.proxy.on(Server, 'C', "COMMIT", CutBefore);
        let error = session.commit().await.expect_err("its answer is lost");
        assert!(is_unknown(&error), "{error}");
        says(&error, &["not known", "rollback()"]);
        // Every call says so, until it is rolled back.
        let inactive = session.get::<Account>(2).await.expect_err("it is not settled");
        assert!(matches!(inactive, Error::Inactive { .. }), "{inactive}");
        says(&inactive, &["not known"]);
        // To keep the work and send it again could store it twice.
        let error = session.recover().await.expect_err("it may be stored");
        assert!(is_unknown(&error), "{error}");
        session.rollback().await?;
        for gone in [changed, deleted, added] {
            assert!(session.peek(gone).is_none(), "what was written is to be read again");
        }
        assert_eq!(session[read].balance, 10);
        assert!(!session.is_dirty());
        let account = session.get_one::<Account>(1).await?;
        assert_eq!(session[account].balance, 7, "it was stored: the answer alone was lost");
        assert!(session.get::<Account>(3).await?.is_none());
        let account = session.get_one::<Account>(4).await?;
        session[account].balance += 1;
        session.commit().await?;
        assert_eq!(balance(wired, 4).await?, Some(5));
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn flushes_before_a_commit_whose_answer_is_lost_are_unknown_as_well() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        for (round, is_stored) in [(0, true), (1, false)] {
            let mut session = engine.session();
            let ada = session.add(User { email: format!("{round}"), ..user("Ada") });
            session.add(post("a", ada));
            session.flush().await?;
            let changed = session.get_one::<Account>(1).await?;
            session[changed].balance += 1;
            session.flush().await?;
            let (side, kind, action) =
                if is_stored { (Server, 'C', CutBefore) } else { (Client, 'Q', CutBefore) };
            wired.proxy.on(side, kind, "COMMIT", action);
            let error = session.commit().await.expect_err("its answer is lost");
            assert!(is_unknown(&error), "{error}");
            session.rollback().await?;
            assert!(session.peek(ada).is_none() && session.peek(changed).is_none());
            wired.all_idle().await?;
            let account = session.get_one::<Account>(1).await?;
            assert_eq!(session[account].balance, 11, "{round}");
            let users = session.all(User::select().with(User::POSTS)).await?;
            assert_eq!(users.len(), 1, "{round}");
            assert_eq!(session[users[0]].posts.iter().count(), 1, "{round}");
        }
        Ok(())
    });
}

#[test]
fn all_answers_of_a_trip_with_its_commit_are_lost() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        for (round, (side, kind, text, stored)) in [
            // The server has it all, and nothing comes back.
            (Client, 'Q', "COMMIT", true),
            // BEGIN was answered.
            (Server, 'C', "INSERT", true),
        ]
        .into_iter()
        .enumerate()
        {
            let id = 100 + round as i64;
            let mut session = engine.session();
            session.add(Account { id, balance: 0 });
            wired.proxy.on(side, kind, text, if side == Client { CutAfter } else { CutBefore });
            let error = session.commit().await.expect_err("its answer is lost");
            assert!(is_unknown(&error), "{round}: {error}");
            session.rollback().await?;
            wired.all_idle().await?;
            assert_eq!(balance(wired, id).await?.is_some(), stored, "{round}");
            full_again(&engine);
        }
        Ok(())
    });
}

#[test]
fn a_commit_that_was_sent_and_did_not_arrive_has_no_known_outcome() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let mut session = engine.session();
        session.add(Account { id: 9, balance: 0 });
        wired.proxy.on(Client, 'Q', "COMMIT", CutBefore);
        let error = session.commit().await.expect_err("it is lost");
        assert!(is_unknown(&error), "{error}");
        session.rollback().await?;
        assert_eq!(balance(wired, 9).await?, None);
        assert!(session.get::<Account>(9).await?.is_none());
        Ok(())
    });
}

#[test]
fn an_unknown_outcome_is_never_tried_again() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let mut tries = 0;
        wired.proxy.on(Server, 'C', "COMMIT", CutBefore);
        let again = Retry::times(5).when(|_| true);
        let sessions = SessionFactory::new(engine.clone()).retry(again);
        let error = sessions
            .begin(|mut tx| {
                tries += 1;
                async move {
                    let account = tx.get_one::<Account>(1).await?;
                    tx[account].balance += 1;
                    Ok(())
                }
            })
            .await
            .expect_err("its answer is lost");
        assert!(is_unknown(&error), "{error}");
        assert_eq!(tries, 1);
        assert_eq!(balance(wired, 1).await?, Some(11), "once");
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn a_commit_of_its_own_whose_answer_is_lost() {
    test(async |wired| {
        let engine = bank(wired, "connections=2").await?;
        let mut session = engine.session();
        let account = session.get_one::<Account>(1).await?;
        session[account].balance = 7;
        session.flush().await?;
        wired.proxy.on(Server, 'C', "COMMIT", Fatal("57P01"));
        let error = session.commit().await.expect_err("it is lost");
        assert!(is_unknown(&error), "{error}");
        session.rollback().await?;
        let mut transaction = engine.begin().await?;
        transaction.execute(Account::update().set(Account::BALANCE, 8).filter(Account::ID.eq(2))).await?;
        wired.proxy.on(Client, 'Q', "COMMIT", CutAfter);
        let error = transaction.commit().await.expect_err("it is lost");
        assert!(is_unknown(&error), "{error}");
        full_again(&engine);
        wired.all_idle().await?;
        assert_eq!((balance(wired, 1).await?, balance(wired, 2).await?), (Some(7), Some(8)));
        Ok(())
    });
}

#[test]
fn a_connection_that_is_lost_before_commit_was_sent_leaves_nothing() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        for (round, action) in [CutBefore, CutAfter, Fatal("57P01")].into_iter().enumerate() {
            let side = if matches!(action, Fatal(_)) { Server } else { Client };
            let mut session = engine.session();
            let account = session.get_one::<Account>(1).await?;
            session[account].balance = 7;
            // The message that has the values.
            wired.proxy.on(side, if side == Client { 'B' } else { '2' }, "", action);
            let error = session.flush().await.expect_err("it is lost");
            assert!(is_disconnected(&error), "{round}: {error}");
            says(&error, &["the connection to", "was lost", "rolled back"]);
            let inactive = session.get::<Account>(2).await.expect_err("it is not settled");
            assert!(matches!(inactive, Error::Inactive { .. }), "{round}: {inactive}");
            session.recover().await?;
            session.commit().await?;
            wired.all_idle().await?;
            assert_eq!(balance(wired, 1).await?, Some(7), "{round}");
            wired.direct.engine.execute(Account::update().set(Account::BALANCE, 10).everything()).await?;
            full_again(&engine);
        }
        Ok(())
    });
}

#[test]
fn a_server_that_ends_a_connection_before_the_commit_of_its_trip_has_not_committed() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let mut session = engine.session();
        session.add(Account { id: 9, balance: 0 });
        // In the place of the answer to the INSERT: COMMIT was never read.
        wired.proxy.on(Server, 'C', "INSERT", Fatal("57P01"));
        let error = session.commit().await.expect_err("it is lost");
        // The proxy lies here: the server has committed. What counts is what a server says by this.
        assert!(is_disconnected(&error), "{error}");
        session.rollback().await?;
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn a_transaction_that_lost_its_connection_says_so() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let mut transaction = engine.begin().await?;
        transaction.execute(Account::update().set(Account::BALANCE, 8).filter(Account::ID.eq(2))).await?;
        assert_eq!(wired.kill().await?, 1);
        let error = transaction.count(Account::select()).await.expect_err("it is lost");
        assert!(is_disconnected(&error), "{error}");
        let error = transaction.count(Account::select()).await.expect_err("it is lost");
        assert!(matches!(error, Error::Ended(_)), "{error}");
        says(&error, &["begin a new one"]);
        drop(transaction);
        assert_eq!(engine.count(Account::select().filter(Account::BALANCE.eq(10))).await?, 3);
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn a_session_whose_connection_was_killed_inside_its_transaction_can_go_on() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let mut session = engine.session();
        let account = session.get_one::<Account>(1).await?;
        session[account].balance = 7;
        session.flush().await?;
        assert_eq!(wired.kill().await?, 1);
        let error = session.all(Account::select()).await.expect_err("it is lost");
        assert!(is_disconnected(&error), "{error}");
        let inactive = session.all(Account::select()).await.expect_err("it is not settled");
        assert!(matches!(inactive, Error::Inactive { .. }), "{inactive}");
        session.recover().await?;
        session.commit().await?;
        assert_eq!(balance(wired, 1).await?, Some(7));
        // COMMIT on a connection that was killed before: the server never heard of it.
        session[account].balance = 8;
        session.flush().await?;
        assert_eq!(wired.kill().await?, 1);
        let error = session.commit().await.expect_err("it is lost");
        assert!(is_disconnected(&error), "{error}");
        session.rollback().await?;
        assert_eq!(balance(wired, 1).await?, Some(7));
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn a_connection_that_was_killed_in_the_pool_is_noticed() {
    test(async |wired| {
        let engine = bank(wired, "connections=3").await?;
        for round in 0..6 {
            // Three connections that lie idle.
            let mut held = Vec::new();
            for _ in 0..3 {
                let mut transaction = engine.begin().await?;
                transaction.count(Account::select()).await?;
                held.push(transaction);
            }
            for transaction in held {
                transaction.rollback().await?;
            }
            full_again(&engine);
            assert_eq!(wired.kill().await?, 3);
            // What the server said as it closed them is read before anything is sent, so that nobody hears of it.
            let id = 100 + round;
            match round % 3 {
                0 => assert_eq!(engine.count(Account::select()).await? as i64, 3 + round),
                1 => {
                    let mut session = engine.session();
                    session.add(Account { id: 200 + id, balance: 0 });
                    session.commit().await?;
                    wired.direct.engine.execute(Account::delete().filter(Account::ID.eq(200 + id))).await?;
                }
                _ => drop(engine.begin().await?.count(Account::select()).await?),
            }
            engine.insert_many([Account { id, balance: 0 }]).await?;
            full_again(&engine);
        }
        Ok(())
    });
}

#[test]
fn a_connection_that_is_killed_in_a_query() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let sleeping = engine.clone();
        let query = std::thread::spawn(move || {
            futures_lite::future::block_on(
                sleeping.all(sql("SELECT pg_sleep(30)::TEXT").returning::<String>()),
            )
        });
        wired.wait_for("it runs", |states| states.iter().any(|state| state == "active")).await?;
        assert_eq!(wired.kill().await?, 1);
        let error = query.join().expect("no panic").expect_err("it was killed");
        assert!(is_disconnected(&error), "{error}");
        says(&error, &["57P01", "pg_sleep"]);
        assert_eq!(engine.count(Account::select()).await?, 3);
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn a_write_of_its_own_whose_answer_is_lost() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        wired.proxy.on(Server, 'C', "UPDATE", CutBefore);
        let error = engine.execute(Account::update().set(Account::BALANCE, 1).everything()).await;
        let error = error.expect_err("its answer is lost");
        assert!(is_unknown(&error), "{error}");
        // A read changes nothing: it may be tried again.
        wired.proxy.on(Server, 'C', "SELECT", CutBefore);
        let error = engine.all(Account::select()).await.expect_err("its answer is lost");
        assert!(is_disconnected(&error), "{error}");
        assert_eq!(engine.count(Account::select()).await?, 3);
        Ok(())
    });
}

/// At each message of the server, in turn, the connection is cut. Whatever is told must be true.
#[test]
fn a_connection_is_cut_at_each_message() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let mut outcomes = [0; 3];
        for side in [Server, Client] {
            for at in 0..60 {
                engine.count(Account::select()).await.ok();
                full_again(&engine);
                wired.proxy.clear();
                let kinds: &[char] = if side == Server {
                    &['C', 'Z', '1', '2', 'T', 'D', 't', 'n']
                } else {
                    &['P', 'B', 'D', 'E', 'S', 'Q']
                };
                let kind = kinds[at % kinds.len()];
                wired.proxy.on_nth(at / kinds.len(), side, kind, "", CutBefore);
                let email = format!("{side:?}{at}");
                let mut session = engine.session();
                let author = session.add(User { email: email.clone(), ..user("x") });
                session.add_all((0..5).map(|at| post(&at.to_string(), author)));
                let result = session.commit().await;
                wired.all_idle().await?;
                let written = User::select().filter(User::EMAIL.eq(email.as_str()));
                let stored = wired.direct.engine.first(written).await?;
                let posts = match &stored {
                    Some(author) => {
                        wired
                            .direct
                            .engine
                            .count(Post::select().filter(Post::AUTHOR_ID.eq(author.id)))
                            .await?
                    }
                    None => 0,
                };
                assert!(posts == 5 || stored.is_none(), "a part is stored: {posts}");
                match result {
                    Ok(()) => {
                        assert!(stored.is_some(), "{side:?} {kind} {at}: told it is stored, and it is not");
                        outcomes[0] += 1;
                    }
                    Err(error) if is_unknown(&error) => outcomes[1] += 1,
                    Err(error) => {
                        assert!(is_disconnected(&error), "{side:?} {kind} {at}: {error}");
                        assert!(
                            stored.is_none(),
                            "{side:?} {kind} {at}: told it is not stored, and it is: {error}"
                        );
                        outcomes[2] += 1;
                    }
                }
                session.rollback().await?;
                wired.proxy.forget_rules();
            }
        }
        assert!(outcomes.iter().all(|&count| count > 3), "{outcomes:?}");
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn a_server_that_does_not_answer_any_more_is_given_up_when_the_call_is_dropped() {
    test(async |wired| {
        let engine = bank(wired, "connections=1&connect_timeout=2").await?;
        engine.count(Account::select()).await?;
        wired.proxy.on(Client, 'S', "", Hang);
        let late = engine.count(Account::select()).timeout(std::time::Duration::from_millis(300)).await;
        assert!(matches!(late, Err(Error::Deadline(_))), "{late:?}");
        let start = std::time::Instant::now();
        assert_eq!(engine.count(Account::select()).await?, 3);
        assert!(start.elapsed() < std::time::Duration::from_secs(15), "{:?}", start.elapsed());
        Ok(())
    });
}
