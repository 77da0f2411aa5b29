//! What is told when something goes wrong is true: of rows that were not there, of constraints, of statements in the middle
//! of a trip. A second connection looks at what is stored.

use std::time::Duration;

use anyorm::error::ConstraintKind;
use anyorm::prelude::*;
use anyorm::{Error, Result, Retry, SessionFactory, Trusted};
use anyorm_tests::check::{full_again, says};
use anyorm_tests::{Account, Post, Tag, User, blog, post, tag, user};

use crate::wired::{Wired, test};

async fn bank(wired: &Wired) -> Result<Engine> {
    wired.direct.engine.create_all(&blog()).await?;
    wired.direct.engine.insert_many((1..=20).map(|id| Account { id, balance: 10 })).await?;
    Ok(wired.engine("connections=2").await)
}

async fn balances(wired: &Wired) -> Result<Vec<i64>> {
    wired.direct.engine.all(Account::select().order_by(Account::ID).columns(Account::BALANCE)).await
}

async fn run(wired: &Wired, statement: &str) -> Result<()> {
    wired.direct.engine.execute(sql(Trusted(statement))).await.map(drop)
}

#[test]
fn an_update_of_a_row_that_is_gone_commits_nothing() {
    test(async |wired| {
        let engine = bank(wired).await?;
        for flushed in [false, true] {
            let mut session = engine.session();
            let accounts = session.all(Account::select().order_by(Account::ID)).await?;
            run(wired, "DELETE FROM accounts WHERE id = 7").await?;
            for &account in &accounts[..10] {
                session[account].balance = 99;
            }
            session.add(Account { id: 100, balance: 0 });
            let error = if flushed { session.flush().await } else { session.commit().await };
            let error = error.expect_err("account 7 is gone");
            assert!(matches!(error, Error::StaleData(_)), "{error}");
            says(&error, &["Account 7"]);
            session.rollback().await?;
            assert!(balances(wired).await?.iter().all(|&balance| balance == 10));
            assert_eq!(wired.direct.engine.count(Account::select()).await?, 19);
            wired.direct.engine.insert_many([Account { id: 7, balance: 10 }]).await?;
        }
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn a_delete_of_a_row_that_is_gone_commits_nothing() {
    test(async |wired| {
        let engine = bank(wired).await?;
        for many in [1, 5] {
            let mut session = engine.session();
            let accounts = session.all(Account::select().order_by(Account::ID)).await?;
            run(wired, "DELETE FROM accounts WHERE id = 3").await?;
            let first = if many == 1 { 2 } else { 0 };
            for &account in &accounts[first..first + many] {
                session.delete(account);
            }
            let error = session.commit().await.expect_err("account 3 is gone");
            assert!(matches!(error, Error::StaleData(_)), "{error}");
            says(&error, &["Account 3"]);
            session.rollback().await?;
            assert_eq!(wired.direct.engine.count(Account::select()).await?, 19);
            wired.direct.engine.insert_many([Account { id: 3, balance: 10 }]).await?;
        }
        Ok(())
    });
}

#[test]
fn a_version_that_has_moved_on_commits_nothing() {
    test(async |wired| {
        let engine = bank(wired).await?;
        let mut session = engine.session();
        let author = session.add(user("Ada"));
        let posts: Vec<_> = (0..8).map(|at| session.add(post(&at.to_string(), author))).collect();
        session.commit().await?;
        for many in [1, 8] {
            let victim = posts[many - 1];
            let key = session[victim].id;
            run(wired, &format!("UPDATE posts SET version = version + 1 WHERE id = {key}")).await?;
            for &post in &posts[if many == 1 { 0..1 } else { 0..8 }] {
                session[post].title.push('!');
            }
            let error = session.commit().await.expect_err("it has moved on");
            assert!(matches!(error, Error::StaleData(_)), "{error}");
            says(&error, &[&format!("Post {key}")]);
            session.rollback().await?;
            let written = Post::select().filter(Post::TITLE.contains("!"));
            assert_eq!(wired.direct.engine.count(written).await?, 0);
            for &post in &posts {
                session.refresh(post).await?;
            }
        }
        // Deletes look at it too.
        let key = session[posts[2]].id;
        run(wired, &format!("UPDATE posts SET version = version + 1 WHERE id = {key}")).await?;
        posts.iter().for_each(|&post| session.delete(post));
        let error = session.commit().await.expect_err("it has moved on");
        says(&error, &[&format!("Post {key}")]);
        session.rollback().await?;
        assert_eq!(wired.direct.engine.count(Post::select()).await?, 8);
        Ok(())
    });
}

#[test]
fn a_statement_that_fails_in_the_middle_of_a_trip_takes_all_with_it() {
    test(async |wired| {
        let engine = bank(wired).await?;
        wired.direct.engine.insert_many([tag("math"), tag("art")]).await?;
        let mut session = engine.session();
        let account = session.get_one::<Account>(1).await?;
        session[account].balance = 99;
        session.add(user("Ada"));
        session.add(tag("new"));
        session.add(tag("art"));
        session.add(Account { id: 100, balance: 0 });
        let error = session.commit().await.expect_err("there is such a tag");
        let broken = error.constraint().expect("it is unique");
        assert_eq!(broken.kind, ConstraintKind::Unique);
        assert_eq!((broken.entity, broken.table.as_deref()), (Some("Tag"), Some("tags")));
        says(&error, &["art", "tags_name"]);
        session.rollback().await?;
        assert_eq!(balances(wired).await?[0], 10);
        assert_eq!(wired.direct.engine.count(Account::select()).await?, 20);
        assert_eq!(wired.direct.engine.count(Tag::select()).await?, 2);
        assert_eq!(wired.direct.engine.count(User::select()).await?, 0);
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn the_row_of_a_batch_that_a_constraint_refused_is_named() {
    test(async |wired| {
        let engine = bank(wired).await?;
        let mut session = engine.session();
        session.add_all((21..40).map(|id| Account { id: if id == 33 { 5 } else { id }, balance: 0 }));
        let error = session.commit().await.expect_err("there is an account 5");
        let broken = error.constraint().expect("keys are unique");
        assert_eq!((broken.entity, broken.key.as_deref()), (Some("Account"), Some("5")), "{error}");
        session.rollback().await?;
        assert_eq!(wired.direct.engine.count(Account::select()).await?, 20);
        Ok(())
    });
}

#[test]
fn a_constraint_that_is_looked_at_by_commit_is_named() {
    test(async |wired| {
        let engine = bank(wired).await?;
        run(wired, "ALTER TABLE posts ADD CONSTRAINT written_by FOREIGN KEY (author_id) REFERENCES users DEFERRABLE INITIALLY DEFERRED")
            .await?;
        run(wired, "ALTER TABLE posts DROP CONSTRAINT posts_author_id_fkey").await.ok();
        let foreign = "SELECT conname FROM pg_constraint WHERE conrelid = 'posts'::regclass AND contype = 'f' AND conname <> 'written_by'";
        for name in wired.direct.engine.all(sql(foreign).returning::<String>()).await? {
            run(wired, &format!("ALTER TABLE posts DROP CONSTRAINT {name}")).await?;
        }
        for separate in [false, true] {
            let mut session = engine.session();
            session.add(post("orphan", BelongsTo::to_key(404)));
            if separate {
                session.flush().await?;
            }
            let error = session.commit().await.expect_err("there is no author 404");
            let broken = error.constraint().expect("a foreign key");
            assert_eq!(broken.kind, ConstraintKind::ForeignKey);
            assert_eq!(broken.constraint.as_deref(), Some("written_by"), "{error}");
            says(&error, &["written_by", "404"]);
            session.rollback().await?;
            let mut transaction = engine.begin().await?;
            transaction
                .execute(sql("INSERT INTO posts (title, author_id, version) VALUES ('x', 404, 1)"))
                .await?;
            let error = transaction.commit().await.expect_err("there is no author 404");
            assert_eq!(
                error.constraint().and_then(|broken| broken.constraint.as_deref()),
                Some("written_by"),
                "{error}"
            );
            assert_eq!(wired.direct.engine.count(Post::select()).await?, 0);
            full_again(&engine);
            assert!(wired.states().await?.iter().all(|state| state == "idle"));
        }
        Ok(())
    });
}

#[test]
fn a_commit_that_is_answered_by_rollback_is_an_error() {
    test(async |wired| {
        let engine = bank(wired).await?;
        let mut connection = engine.connection().await?;
        connection.execute(sql("BEGIN")).await?;
        connection.execute(Account::update().set(Account::BALANCE, 99).everything()).await?;
        // A statement about savepoints cannot be undone by one.
        let error = connection.execute(sql("ROLLBACK TO b")).await.expect_err("there is no such savepoint");
        says(&error, &["savepoint"]);
        let error = connection.count(Account::select()).await.expect_err("the transaction has failed");
        says(&error, &["25P02", "roll it back"]);
        let error = connection.execute(sql("COMMIT")).await.expect_err("it is rolled back");
        says(&error, &["rolled this transaction back instead of committing it"]);
        assert!(balances(wired).await?.iter().all(|&balance| balance == 10));
        // The connection is as new.
        connection.execute(Account::update().set(Account::BALANCE, 11).filter(Account::ID.eq(1))).await?;
        assert_eq!(balances(wired).await?[0], 11);
        let mut transaction = engine.begin().await?;
        transaction.execute(Account::update().set(Account::BALANCE, 99).everything()).await?;
        transaction.execute(sql("ROLLBACK TO b")).await.expect_err("there is no such savepoint");
        let error = transaction.commit().await.expect_err("it is rolled back");
        says(&error, &["rolled this transaction back instead of committing it"]);
        assert_eq!(balances(wired).await?[1], 10);
        drop(connection);
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn a_statement_that_fails_leaves_its_transaction_usable() {
    test(async |wired| {
        let engine = bank(wired).await?;
        let mut transaction = engine.begin().await?;
        transaction.execute(Account::update().set(Account::BALANCE, 11).filter(Account::ID.eq(1))).await?;
        for _ in 0..3 {
            // A constraint, a table that is not there, SQL that is none, a value that does not fit, rows that do not.
            let error = transaction.insert_many([Account { id: 1, balance: 0 }]).await;
            assert!(error.expect_err("it is there").constraint().is_some());
            let error =
                transaction.execute(sql("INSERT INTO nowhere VALUES (1)")).await.expect_err("no table");
            says(&error, &["nowhere"]);
            transaction.execute(sql("SELEC 1")).await.expect_err("no SQL");
            let text = transaction.all(sql("SELECT 'x'").returning::<i64>()).await;
            assert!(matches!(text, Err(Error::Decode(_))), "{text:?}");
            transaction.execute(sql("SELECT 1/0")).await.expect_err("no number");
            let error = transaction.one(Account::select()).await.expect_err("there are 20");
            assert!(matches!(error, Error::RowCount(_)), "{error}");
        }
        let mut part = transaction.begin_nested().await?;
        part.execute(Account::update().set(Account::BALANCE, 12).filter(Account::ID.eq(2))).await?;
        part.execute(sql("SELECT 1/0")).await.expect_err("no number");
        part.execute(Account::update().set(Account::BALANCE, 13).filter(Account::ID.eq(3))).await?;
        part.release().await?;
        transaction.commit().await?;
        assert_eq!(balances(wired).await?[..4], [11, 12, 13, 10]);
        assert!(wired.states().await?.iter().all(|state| state == "idle"));
        Ok(())
    });
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "missing")]
struct Missing {
    #[key(auto)]
    id: i64,
    name: String,
    #[has_many(Part::WHOLE)]
    parts: HasMany<Part>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "missing_parts")]
struct Part {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    whole: BelongsTo<Missing>,
}

/// Keys are asked for before the first statement of the program, and what fails there is undone as well.
#[test]
fn keys_of_a_table_that_is_not_there_leave_the_transaction_usable() {
    test(async |wired| {
        let engine = bank(wired).await?;
        let rows = || (0..10).map(|at| Missing { name: at.to_string(), ..Missing::default() });
        let mut transaction = engine.begin().await?;
        transaction.execute(Account::update().set(Account::BALANCE, 11).filter(Account::ID.eq(1))).await?;
        let error = transaction.insert_many(rows()).await.expect_err("there is no such table");
        says(&error, &["missing"]);
        transaction.execute(Account::update().set(Account::BALANCE, 12).filter(Account::ID.eq(2))).await?;
        let mut part = transaction.begin_nested().await?;
        part.insert_many(rows()).await.expect_err("there is no such table");
        part.execute(Account::update().set(Account::BALANCE, 13).filter(Account::ID.eq(3))).await?;
        part.release().await?;
        transaction.commit().await?;
        assert_eq!(balances(wired).await?[..4], [11, 12, 13, 10]);

        let mut session = engine.session();
        let account = session.get_one::<Account>(4).await?;
        session[account].balance = 14;
        session.flush().await?;
        let nested = session
            .nested(async |part| {
                let whole = part.add(Missing::default());
                part.add_all((0..5).map(|_| Part { whole: whole.into(), ..Part::default() }));
                part.flush().await
            })
            .await;
        says(&nested.expect_err("there is no such table"), &["missing"]);
        session.commit().await?;
        assert_eq!(balances(wired).await?[3], 14);
        // The first program of a transaction.
        let mut session = engine.session();
        session.add_all(rows());
        let error = session.commit().await.expect_err("there is no such table");
        says(&error, &["missing"]);
        session.rollback().await?;
        full_again(&engine);
        assert!(wired.states().await?.iter().all(|state| state == "idle"));
        Ok(())
    });
}

#[test]
fn a_failure_inside_of_a_savepoint_of_a_session_undoes_that_part_alone() {
    test(async |wired| {
        let engine = bank(wired).await?;
        let mut session = engine.session();
        let (first, second) = (session.get_one::<Account>(1).await?, session.get_one::<Account>(2).await?);
        session[first].balance = 11;
        let nested = session
            .nested(async |part| {
                part[second].balance = 12;
                part.flush().await?;
                part.add(Account { id: 3, balance: 0 });
                part.flush().await
            })
            .await;
        assert!(nested.expect_err("there is an account 3").constraint().is_some());
        assert_eq!((session[first].balance, session[second].balance), (11, 10));
        session.commit().await?;
        assert_eq!(balances(wired).await?[..2], [11, 10]);
        Ok(())
    });
}

#[test]
fn a_transaction_that_must_be_tried_again_is() {
    test(async |wired| {
        let engine = bank(wired).await?;
        let other = &wired.direct.engine;
        let mut tries = 0;
        engine
            .transaction(|mut tx| {
                tries += 1;
                let is_first = tries == 1;
                async move {
                    let account = tx.get_one::<Account>(1).await?;
                    if is_first {
                        other
                            .execute(Account::update().set(Account::BALANCE, 20).filter(Account::ID.eq(1)))
                            .await?;
                        // What a serialization failure looks like.
                        tx.execute(sql("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$"))
                            .await?;
                    }
                    tx[account].balance += 1;
                    Ok(())
                }
            })
            .await?;
        assert_eq!(tries, 2);
        assert_eq!(balances(wired).await?[0], 21);
        Ok(())
    });
}

/// A deadlock ends one of two transactions, which is tried again.
#[test]
fn deadlocks_are_tried_again() {
    test(async |wired| {
        let retry = Retry::times(20).backoff(Duration::from_millis(5), Duration::from_millis(100));
        let sessions = SessionFactory::new(bank(wired).await?).retry(retry);
        let pay = |from: i64, to: i64| {
            let sessions = sessions.clone();
            std::thread::spawn(move || {
                futures_lite::future::block_on(async {
                    for _ in 0..10 {
                        sessions
                            .begin(|mut tx| async move {
                                tx.execute(sql("SET LOCAL deadlock_timeout = '20ms'")).await?;
                                for (id, coins) in [(from, -1), (to, 1)] {
                                    let update =
                                        sql("UPDATE accounts SET balance = balance + $1 WHERE id = $2");
                                    tx.execute(update.bind(coins).bind(id)).await?;
                                }
                                Ok(())
                            })
                            .await?;
                    }
                    Ok::<_, Error>(())
                })
            })
        };
        let tasks = [pay(1, 2), pay(2, 1)];
        for task in tasks {
            task.join().expect("no panic")?;
        }
        assert_eq!(balances(wired).await?[..2], [10, 10]);
        Ok(())
    });
}
