//! How often the wire is waited for. Each engine here is fresh, so that no statement was sent before.

use anyorm::Result;
use anyorm::prelude::*;
use anyorm_tests::{Account, Node, Post, Tag, User, blog, post, tag, user};

use crate::proxy::{Proxy, Side};
use crate::wired::{Wired, test};

/// Answers what was sent since, and forgets it.
#[track_caller]
fn trips(proxy: &Proxy, most: usize, what: &str) {
    let trips = proxy.trips();
    assert!(trips == most, "{what} took {trips} round trips, not {most}\n{proxy:?}");
    proxy.clear();
}

async fn fresh(wired: &Wired) -> Result<Engine> {
    wired.direct.engine.create_all(&blog()).await?;
    Ok(wired.engine("connections=1").await)
}

#[test]
fn a_parent_with_a_thousand_children_takes_two() {
    test(async |wired| {
        let engine = fresh(wired).await?;
        let mut session = engine.session();
        let ada = session.add(user("Ada"));
        session.add_all((0..1_000).map(|at| post(&format!("post {at}"), ada)));
        session.commit().await?;
        trips(&wired.proxy, 2, "a parent with 1,000 children");
        assert_eq!(
            wired.direct.engine.count(Post::select().filter(Post::AUTHOR_ID.eq(session[ada].id))).await?,
            1_000
        );
        Ok(())
    });
}

#[test]
fn new_rows_of_any_depth_take_two() {
    test(async |wired| {
        let engine = fresh(wired).await?;
        let mut session = engine.session();
        let mut parent = session.add(Node { name: "0".into(), ..Node::default() });
        for depth in 1..=6 {
            parent = session.add(Node { name: depth.to_string(), parent: parent.into(), ..Node::default() });
        }
        let ada = session.add(user("Ada"));
        for title in ["a", "b"] {
            let written = session.add(post(title, ada));
            let about = session.add(tag(title));
            session[written].tags.push(about);
        }
        session.commit().await?;
        trips(&wired.proxy, 2, "new rows in a chain of seven, and three tables");
        assert_eq!(wired.direct.engine.count(Node::select().filter(Node::PARENT_ID.is_null())).await?, 1);
        assert_eq!(wired.direct.engine.count(Tag::select().join(Tag::POSTS)).await?, 2);
        Ok(())
    });
}

#[test]
fn rows_with_keys_of_their_own_take_one() {
    test(async |wired| {
        let engine = fresh(wired).await?;
        let mut session = engine.session();
        session.add_all((0..100).map(|id| Account { id, balance: 0 }));
        session.commit().await?;
        trips(&wired.proxy, 1, "100 rows with keys of their own");
        // BEGIN, the rows, COMMIT.
        let mut session = engine.session();
        session.add(user("Ada"));
        session.commit().await?;
        trips(&wired.proxy, 1, "one row whose key nobody waits for");
        Ok(())
    });
}

#[test]
fn changes_take_one_and_commit_goes_with_them() {
    test(async |wired| {
        let engine = fresh(wired).await?;
        wired.direct.engine.insert_many((0..50).map(|id| Account { id, balance: 0 })).await?;
        let mut session = engine.session();
        let accounts = session.all(Account::select()).await?;
        trips(&wired.proxy, 1, "reading accounts");
        session[accounts[0]].balance = 7;
        session.commit().await?;
        trips(&wired.proxy, 1, "a commit with one UPDATE");
        for &account in &accounts {
            session[account].balance += 1;
        }
        session.delete(accounts[49]);
        session.commit().await?;
        trips(&wired.proxy, 1, "a commit with 49 UPDATEs and a DELETE");
        for round in 0..4 {
            session[accounts[0]].balance = 100 + round;
            session.commit().await?;
            trips(&wired.proxy, 1, "the same UPDATE again");
        }
        assert_eq!(wired.direct.engine.count(Account::select().filter(Account::BALANCE.eq(103))).await?, 1);
        Ok(())
    });
}

#[test]
fn a_flush_takes_one_and_its_commit_one() {
    test(async |wired| {
        let engine = fresh(wired).await?;
        wired.direct.engine.insert_many((0..2).map(|id| Account { id, balance: 0 })).await?;
        let mut session = engine.session();
        session.add(Account { id: 5, balance: 0 });
        session.flush().await?;
        trips(&wired.proxy, 1, "BEGIN and the first statement");
        session.all(Account::select()).await?;
        trips(&wired.proxy, 1, "a read inside of the transaction");
        session.commit().await?;
        trips(&wired.proxy, 1, "COMMIT");
        Ok(())
    });
}

#[test]
fn a_read_takes_one_the_first_time_and_ever_after() {
    test(async |wired| {
        let engine = fresh(wired).await?;
        wired.direct.engine.insert_many((0..5).map(|id| Account { id, balance: 0 })).await?;
        for _ in 0..5 {
            engine.first(Account::select().filter(Account::ID.eq(3))).await?;
            trips(&wired.proxy, 1, "engine.first");
        }
        // The first time with its text, the second with its text and prepared, then as it was prepared.
        engine.first(Account::select().filter(Account::ID.eq(3))).await?;
        assert_eq!(wired.proxy.count(Side::Client, 'P'), 0, "{:?}", wired.proxy);
        wired.proxy.clear();
        for _ in 0..4 {
            let mut session = engine.session();
            session.get_one::<Account>(1).await?;
            trips(&wired.proxy, 1, "session.get_one");
            session.get_one::<Account>(1).await?;
            trips(&wired.proxy, 0, "session.get_one of a row that it has");
        }
        for _ in 0..3 {
            engine.all(Account::select().filter(Account::ID.is_in([1, 2, 3]))).await?;
            trips(&wired.proxy, 1, "engine.all with a list");
            engine.count(Account::select()).await?;
            trips(&wired.proxy, 1, "engine.count");
            engine.execute(sql("SELECT 1")).await?;
            trips(&wired.proxy, 1, "engine.execute");
        }
        Ok(())
    });
}

#[test]
fn relations_take_one_trip_each_level() {
    test(async |wired| {
        let engine = fresh(wired).await?;
        let mut session = wired.direct.engine.session();
        for name in ["Ada", "Grace"] {
            let author = session.add(user(name));
            for at in 0..10 {
                let written = session.add(post(&format!("{name} {at}"), author));
                let about = session.add(tag(&format!("{name} {at}")));
                session[written].tags.push(about);
            }
        }
        session.commit().await?;
        for _ in 0..3 {
            let mut session = engine.session();
            let users = session.all(User::select().with(User::POSTS)).await?;
            trips(&wired.proxy, 2, "users with posts");
            assert_eq!(session[users[0]].posts.iter().count(), 10);
        }
        let mut session = engine.session();
        session.all(User::select().with(User::POSTS.then(Post::TAGS))).await?;
        trips(&wired.proxy, 3, "users with posts with tags");
        Ok(())
    });
}

#[test]
fn many_rows_take_one() {
    test(async |wired| {
        let engine = fresh(wired).await?;
        engine.insert_many((0..1_000).map(|id| Account { id, balance: 0 })).await?;
        trips(&wired.proxy, 1, "insert_many with keys of their own");
        engine.update_many((0..1_000).map(|id| Account { id, balance: 1 })).await?;
        trips(&wired.proxy, 1, "update_many");
        let both =
            (Account::select().filter(Account::ID.eq(1)), Account::select().columns(sum(Account::BALANCE)));
        engine.batch(both).await?;
        trips(&wired.proxy, 1, "a batch");
        Ok(())
    });
}

#[test]
fn a_mixed_request_takes_two() {
    test(async |wired| {
        let engine = fresh(wired).await?;
        wired.direct.engine.insert_many((0..5).map(|id| Account { id, balance: 0 })).await?;
        for round in 0..4 {
            let work = async |mut tx: Tx| {
                let account = tx.get_one::<Account>(1).await?;
                tx[account].balance += 1;
                tx.add(Account { id: 100 + round, balance: 0 });
                Ok(())
            };
            engine.transaction(work).await?;
            trips(&wired.proxy, 2, "begin, get, change, insert, commit");
        }
        let balances = Account::select().filter(Account::ID.eq(1)).columns(Account::BALANCE);
        assert_eq!(wired.direct.engine.scalar(balances).await?, 4);
        Ok(())
    });
}

#[test]
fn a_transaction_takes_one_for_each_call() {
    test(async |wired| {
        let engine = fresh(wired).await?;
        wired.direct.engine.insert_many((0..5).map(|id| Account { id, balance: 0 })).await?;
        for _ in 0..3 {
            let mut transaction = engine.begin().await?;
            trips(&wired.proxy, 0, "engine.begin");
            transaction.execute(Account::update().set(Account::BALANCE, 1).filter(Account::ID.eq(1))).await?;
            trips(&wired.proxy, 1, "BEGIN and the first statement");
            let mut part = transaction.begin_nested().await?;
            part.execute(Account::update().set(Account::BALANCE, 2).filter(Account::ID.eq(1))).await?;
            trips(&wired.proxy, 1, "SAVEPOINT and a statement");
            part.rollback().await?;
            trips(&wired.proxy, 0, "the end of a savepoint");
            transaction.all(Account::select()).await?;
            trips(&wired.proxy, 1, "ROLLBACK TO and a statement");
            transaction.commit().await?;
            trips(&wired.proxy, 1, "COMMIT");
        }
        // One that ran nothing.
        engine.begin().await?.commit().await?;
        trips(&wired.proxy, 0, "an empty transaction");
        Ok(())
    });
}

#[test]
fn a_connection_that_was_just_used_is_not_asked_whether_it_is_there() {
    test(async |wired| {
        let engine = fresh(wired).await?;
        for _ in 0..20 {
            engine.count(Account::select()).await?;
        }
        assert_eq!(wired.proxy.trips(), 20, "{:?}", wired.proxy);
        assert_eq!(wired.proxy.count(Side::Client, 'Q'), 0, "{:?}", wired.proxy);
        Ok(())
    });
}
