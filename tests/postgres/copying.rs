//! Very many rows of an insert, which are copied: the same is stored as by INSERT, and nothing half.

use std::future::Future;
use std::time::{Duration, Instant};

use anyorm::error::{ConstraintKind, DatabaseErrorKind};
use anyorm::prelude::*;
use anyorm::{Error, Result, Trusted};
use anyorm_tests::check::full_again;
use anyorm_tests::random::Random;
use anyorm_tests::{Account, Post, User, blog, post, user};
use futures_lite::future::or;
use orm_testkit::stop::stops;
use smol::Timer;

use crate::proxy::{Action, Side};
use crate::support::each;
use crate::wired::{Wired, is_disconnected, test};

/// Enough to be copied.
const MANY: i64 = 5_000;

fn accounts(ids: std::ops::Range<i64>) -> impl Iterator<Item = Account> {
    ids.map(|id| Account { id, balance: id * 2 })
}

async fn fresh(wired: &Wired, options: &str) -> Result<Engine> {
    wired.direct.engine.create_all(&blog()).await?;
    Ok(wired.engine(&format!("connections=1&{options}")).await)
}

/// How many pieces were copied since it was asked last.
fn pieces(wired: &Wired) -> usize {
    let count = wired.proxy.count(Side::Client, 'd');
    wired.proxy.clear();
    count
}

async fn for_a_time<T>(time: Duration, call: impl Future<Output = T>) -> Option<T> {
    let late = async {
        Timer::after(time).await;
        None
    };
    or(async { Some(call.await) }, late).await
}

#[test]
fn rows_with_keys_of_their_own_are_copied_in_three_trips() {
    test(async |wired| {
        let engine = fresh(wired, "").await?;
        for round in 0..3 {
            let start = round * MANY;
            assert_eq!(engine.insert_many(accounts(start..start + MANY)).await?, MANY as u64);
            // What may be copied; BEGIN and the COPY; the lines and COMMIT.
            assert_eq!(wired.proxy.trips(), 3, "{:?}", wired.proxy);
            assert_eq!(wired.proxy.count(Side::Client, 'c'), 1);
            assert!(pieces(wired) > 0);
        }
        assert_eq!(wired.direct.engine.count(Account::select()).await?, 3 * MANY as u64);
        let sum = Account::select().columns(sum(Account::BALANCE));
        assert_eq!(wired.direct.engine.scalar(sum).await?, Some(3 * MANY * (3 * MANY - 1)));
        // Few are inserted as before.
        engine.insert_many(accounts(-100..0)).await?;
        assert_eq!(wired.proxy.trips(), 1);
        assert_eq!(pieces(wired), 0);
        Ok(())
    });
}

#[test]
fn a_session_copies_parents_and_children_with_keys_that_were_made() {
    test(async |wired| {
        let engine = fresh(wired, "").await?;
        let mut session = engine.session();
        let mut posts = Vec::new();
        for at in 0..MANY {
            let author = session.add(user(&format!("user {at}")));
            posts.push((author, session.add(post(&format!("post {at}"), author))));
        }
        session.commit().await?;
        assert_eq!(wired.proxy.count(Side::Client, 'c'), 2, "both are copied");
        assert_eq!(wired.proxy.trips(), 4, "{:?}", wired.proxy);
        for &(author, post) in &posts {
            assert!(session[author].id > 0 && session[post].id > 0);
        }
        let together = sql("SELECT count(*) FROM posts p JOIN users u ON u.id = p.author_id \
                            WHERE replace(p.title, 'post', 'user') = u.name");
        let together = wired.direct.engine.scalar(together.returning::<i64>()).await?;
        assert_eq!(together, MANY);
        let (author, written) = posts[1_234];
        let stored = wired.direct.engine.one(Post::select().filter(Post::ID.eq(session[written].id))).await?;
        assert_eq!((stored.title.as_str(), stored.author.key()), ("post 1234", Some(&session[author].id)));
        // What it has is what is stored: a change finds its row.
        session[written].title = "changed".into();
        session.commit().await
    });
}

#[test]
fn observers_are_told_of_one_insert() {
    each(|place| async move {
        place.engine.create_all(&blog()).await?;
        place.log.clear();
        place.engine.insert_many(accounts(0..MANY)).await?;
        let insert = "INSERT INTO accounts (id, balance) VALUES (?, ?) x5000";
        assert_eq!(place.log.batches(), ["BEGIN x1", insert, "COMMIT x1"]);
        Ok(())
    });
}

#[test]
fn the_row_that_is_refused_is_named() {
    test(async |wired| {
        let engine = fresh(wired, "").await?;
        wired.direct.engine.insert_many(accounts(3_210..3_211)).await?;
        for _ in 0..3 {
            let mut session = engine.session();
            session.add_all(accounts(0..MANY));
            let error = session.commit().await.expect_err("the key is taken");
            let broken = error.constraint().expect("a constraint");
            assert_eq!((broken.kind, broken.entity), (ConstraintKind::Unique, Some("Account")));
            assert_eq!(broken.key.as_deref(), Some("3210"), "{error}");
            assert_eq!(broken.constraint.as_deref(), Some("accounts_pkey"));
            assert_eq!(broken.columns, ["id"]);
            assert!(broken.sql.starts_with("INSERT INTO"), "{}", broken.sql);
            assert!(pieces(wired) > 0);
            session.rollback().await?;
            assert_eq!(engine.count(Account::select()).await?, 1);
        }
        // One that only the line tells: the server says no value.
        let check = "ALTER TABLE accounts ADD CHECK (balance <> 8000)";
        wired.direct.engine.execute(sql(check)).await?;
        let mut session = engine.session();
        session.add_all(accounts(3_500..3_500 + MANY));
        let error = session.commit().await.expect_err("the balance is refused");
        let broken = error.constraint().expect("a constraint");
        assert_eq!((broken.kind, broken.key.as_deref()), (ConstraintKind::Check, Some("4000")), "{error}");
        // A foreign key is looked at when all rows are there.
        let mut session = engine.session();
        let ada = session.add(user("Ada"));
        session.commit().await?;
        let known = session[ada].id;
        for at in 0..MANY {
            session.add(post(&format!("{at}"), BelongsTo::to_key(if at == 2_500 { 404 } else { known })));
        }
        let error = session.commit().await.expect_err("nobody is 404");
        assert_eq!(error.constraint().map(|broken| broken.kind), Some(ConstraintKind::ForeignKey), "{error}");
        assert_eq!(wired.direct.engine.count(Post::select()).await?, 0);
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn what_copy_does_otherwise_than_insert_is_inserted() {
    test(async |wired| {
        let engine = fresh(wired, "").await?;
        let direct = &wired.direct.engine;
        let run = async |text: &str| direct.execute(sql(Trusted(text))).await.map(drop);
        // A rule sends rows elsewhere.
        run("CREATE TABLE elsewhere (LIKE accounts)").await?;
        run("CREATE RULE aside AS ON INSERT TO accounts DO INSTEAD INSERT INTO elsewhere VALUES (NEW.*)")
            .await?;
        engine.insert_many(accounts(0..MANY)).await?;
        assert_eq!((pieces(wired), direct.count(Account::select()).await?), (0, 0));
        assert_eq!(direct.scalar(sql("SELECT count(*) FROM elsewhere").returning::<i64>()).await?, MANY);
        run("DROP RULE aside ON accounts").await?;
        // It is asked each time.
        engine.insert_many(accounts(0..MANY)).await?;
        assert!(pieces(wired) > 0);
        // A view.
        run("ALTER TABLE accounts RENAME TO below").await?;
        run("CREATE VIEW accounts AS SELECT * FROM below").await?;
        engine.insert_many(accounts(MANY..2 * MANY)).await?;
        assert_eq!((pieces(wired), direct.count(Account::select()).await?), (0, 2 * MANY as u64));
        run("DROP VIEW accounts").await?;
        run("ALTER TABLE below RENAME TO accounts").await?;
        run("TRUNCATE accounts").await?;
        // Another type, which reads text otherwise.
        run("ALTER TABLE accounts ALTER balance TYPE TEXT").await?;
        let error = engine.insert_many(accounts(0..MANY)).await.map(drop);
        assert_eq!(pieces(wired), 0, "{error:?}");
        run("TRUNCATE accounts").await?;
        // One of another width.
        run("ALTER TABLE accounts ALTER balance TYPE INTEGER USING 0").await?;
        engine.insert_many(accounts(0..MANY)).await?;
        assert!(pieces(wired) > 0);
        let wide = accounts(MANY..2 * MANY).map(|account| Account { balance: i64::MAX, ..account });
        let error = engine.insert_many(wide).await.expect_err("it does not fit");
        assert_eq!(error.database().map(|error| error.code.as_str()), Some("22003"), "{error}");
        // No column of that name, a partitioned table, and none at all.
        run("ALTER TABLE accounts RENAME balance TO other").await?;
        let error = engine.insert_many(accounts(0..MANY)).await.expect_err("there is no such column");
        assert_eq!(error.database().map(|error| error.code.as_str()), Some("42703"), "{error}");
        run("DROP TABLE accounts").await?;
        let error = engine.insert_many(accounts(0..MANY)).await.expect_err("there is no such table");
        assert_eq!(error.database().map(|error| error.code.as_str()), Some("42P01"), "{error}");
        pieces(wired);
        run("CREATE TABLE accounts (id BIGINT, balance BIGINT) PARTITION BY RANGE (id)").await?;
        run("CREATE TABLE low PARTITION OF accounts FOR VALUES FROM (MINVALUE) TO (2500)").await?;
        run("CREATE TABLE high PARTITION OF accounts FOR VALUES FROM (2500) TO (MAXVALUE)").await?;
        engine.insert_many(accounts(0..MANY)).await?;
        assert!(pieces(wired) > 0);
        assert_eq!(direct.scalar(sql("SELECT count(*) FROM high").returning::<i64>()).await?, MANY - 2_500);
        // The server gives the keys, always, and these are ours.
        run("DROP TABLE accounts").await?;
        run("CREATE TABLE accounts (id BIGINT GENERATED ALWAYS AS IDENTITY, balance BIGINT)").await?;
        let error = engine.insert_many(accounts(0..MANY)).await.expect_err("the key is the server's");
        assert_eq!(error.database().map(|error| error.code.as_str()), Some("428C9"), "{error}");
        assert_eq!(pieces(wired), 0);
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn nothing_is_copied_where_no_statement_may_be_prepared() {
    test(async |wired| {
        let engine = fresh(wired, "statement_cache=0").await?;
        engine.insert_many(accounts(0..MANY)).await?;
        assert_eq!((pieces(wired), engine.count(Account::select()).await?), (0, MANY as u64));
        Ok(())
    });
}

#[test]
fn policies_for_rows_are_kept_also_those_of_a_role_that_the_transaction_takes() {
    test(async |wired| {
        let engine = fresh(wired, "").await?;
        let direct = &wired.direct.engine;
        let role = format!("anyorm_copy_{}", std::process::id());
        let run = async |text: String| direct.execute(sql(Trusted(text))).await.map(drop);
        let schema = direct.scalar(sql("SELECT current_schema()::TEXT").returning::<String>()).await?;
        run(format!("CREATE ROLE {role}")).await?;
        let tried = async {
            run(format!("GRANT USAGE ON SCHEMA {schema} TO {role}")).await?;
            run(format!("GRANT SELECT, INSERT ON accounts TO {role}")).await?;
            run("ALTER TABLE accounts ENABLE ROW LEVEL SECURITY".into()).await?;
            run("CREATE POLICY small ON accounts USING (true) WITH CHECK (id < 5000)".into()).await?;
            // Us it does not bind.
            engine.insert_many(accounts(-MANY..0)).await?;
            assert!(pieces(wired) > 0);
            for (first, fits) in [(0, true), (1_000, false)] {
                let mut session = engine.session();
                session.set_local("role", &role).await?;
                session.add_all(accounts(first..first + 4_500));
                let committed = session.commit().await;
                assert_eq!(committed.is_ok(), fits, "{committed:?}");
                assert_eq!(pieces(wired), 0);
            }
            assert_eq!(direct.count(Account::select()).await?, 9_500);
            Ok::<_, Error>(())
        };
        let tried = tried.await;
        run(format!("DROP OWNED BY {role}")).await?;
        run(format!("DROP ROLE {role}")).await?;
        tried
    });
}

#[test]
fn a_copy_that_cannot_begin_is_answered_once_and_what_is_behind_it_is_read_right() {
    test(async |wired| {
        let engine = fresh(wired, "").await?;
        engine.execute(sql("SET default_transaction_read_only = on")).await?;
        for number in 0..30 {
            let error = engine.insert_many(accounts(0..MANY)).await.expect_err("it may only read");
            assert_eq!(
                error.database().map(|error| error.kind),
                Some(DatabaseErrorKind::ReadOnly),
                "{error}"
            );
            let echo = sql("SELECT $1::BIGINT").bind(number).returning::<i64>();
            assert_eq!(engine.scalar(echo).await?, number);
            let mut session = engine.session();
            session.add_all(accounts(0..MANY));
            session.commit().await.expect_err("it may only read");
            session.rollback().await?;
            let (one, two) = (sql("SELECT 1").returning::<i32>(), sql("SELECT 'two'").returning::<String>());
            assert_eq!(engine.batch((one, two)).await?, (vec![1], vec!["two".to_owned()]));
        }
        assert_eq!(pieces(wired), 0);
        // Inside of a transaction that goes on.
        let mut transaction = engine.begin().await?;
        for number in 0..30 {
            transaction.insert_many(accounts(0..MANY)).await.expect_err("it may only read");
            let echo = sql("SELECT $1::BIGINT").bind(number).returning::<i64>();
            assert_eq!(transaction.scalar(echo).await?, number);
        }
        transaction.commit().await?;
        engine.execute(sql("SET default_transaction_read_only = off")).await?;
        engine.insert_many(accounts(0..MANY)).await?;
        assert_eq!(engine.statistics().opened, 1);
        assert_eq!(wired.direct.engine.count(Account::select()).await?, MANY as u64);
        Ok(())
    });
}

#[test]
fn triggers_see_each_row_and_may_skip_it() {
    test(async |wired| {
        let engine = fresh(wired, "").await?;
        let direct = &wired.direct.engine;
        let odd = "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS \
                   $$ BEGIN IF NEW.id % 2 = 1 THEN RETURN NULL; END IF; NEW.balance := 7; RETURN NEW; END $$";
        direct.execute(sql(odd)).await?;
        let trigger = "CREATE TRIGGER odd BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION odd()";
        direct.execute(sql(trigger)).await?;
        assert_eq!(engine.insert_many(accounts(0..MANY)).await?, MANY as u64 / 2);
        assert!(pieces(wired) > 0);
        let seven = Account::select().filter(Account::BALANCE.eq(7));
        assert_eq!(direct.count(seven).await?, MANY as u64 / 2);
        // As where it is not copied.
        let uncached = wired.engine("statement_cache=0").await;
        assert_eq!(uncached.insert_many(accounts(MANY..2 * MANY)).await?, MANY as u64 / 2);
        Ok(())
    });
}

#[test]
fn what_the_end_of_the_transaction_finds_is_an_error() {
    test(async |wired| {
        let engine = fresh(wired, "").await?;
        let late = "ALTER TABLE accounts DROP CONSTRAINT accounts_pkey, \
                    ADD CONSTRAINT late UNIQUE (id) DEFERRABLE INITIALLY DEFERRED";
        wired.direct.engine.execute(sql(late)).await?;
        let twice = || accounts(0..MANY).map(|account| Account { id: account.id % 4_000, ..account });
        for _ in 0..3 {
            let error = engine.insert_many(twice()).await.expect_err("a thousand keys come twice");
            let broken = error.constraint().expect("a constraint");
            assert_eq!(broken.constraint.as_deref(), Some("late"), "{error}");
            assert_eq!(engine.count(Account::select()).await?, 0);
        }
        assert!(pieces(wired) > 0);
        Ok(())
    });
}

#[test]
fn a_copy_that_fails_inside_of_a_transaction_leaves_it_as_it_was() {
    test(async |wired| {
        let engine = fresh(wired, "").await?;
        for round in 1..=3 {
            let mut transaction = engine.begin().await?;
            let start = round * 100_000;
            transaction.insert_many(accounts(start..start + 10)).await?;
            // Soon and late: what is behind the row is not sent, or not looked at.
            for taken in [start + 5, start + 3_000] {
                let rows = (0..200_000).map(|at| match at {
                    0..3_000 => Account { id: taken - at, balance: at },
                    _ => Account { id: start + 1_000 + at, balance: 0 },
                });
                let error = transaction.insert_many(rows).await.expect_err("a key is taken");
                assert_eq!(
                    error.constraint().map(|broken| broken.kind),
                    Some(ConstraintKind::Unique),
                    "{error}"
                );
                assert_eq!(transaction.count(Account::select().filter(Account::ID.ge(start))).await?, 10);
            }
            transaction.insert_many(accounts(start + 20..start + 20 + MANY)).await?;
            transaction.commit().await?;
            let stored = Account::select().filter(Account::ID.ge(start));
            assert_eq!(wired.direct.engine.count(stored).await?, 10 + MANY as u64);
        }
        assert_eq!(engine.statistics().opened, 1);
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn a_copy_that_is_dropped_at_any_poll_leaves_nothing_half() {
    test(async |wired| {
        let engine = fresh(wired, "").await?;
        for stop in stops() {
            let done = stop.at(engine.insert_many(accounts(0..MANY))).transpose()?.is_some();
            full_again(&engine);
            let stored = engine.count(Account::select()).await?;
            assert!(stored == 0 || stored == MANY as u64, "{stop:?}: {stored}");
            wired.direct.engine.execute(Account::delete().everything()).await?;
            if done {
                break;
            }
        }
        // At any moment, of which the polls of the task are few.
        let mut random = Random::new(3);
        let (mut dropped, mut none) = (0, 0);
        for round in 0..60 {
            let time = Duration::from_micros(random.below(45_000));
            let outcome = for_a_time(time, engine.insert_many(accounts(0..60_000))).await;
            dropped += u32::from(outcome.is_none());
            let echo = sql("SELECT $1::BIGINT").bind(round).returning::<i64>();
            assert_eq!(engine.scalar(echo).await?, round, "the next call is not hit");
            let stored = engine.count(Account::select()).await?;
            assert!(stored == 0 || stored == 60_000, "{round}: {stored}");
            none += u32::from(stored == 0);
            engine.execute(sql("TRUNCATE accounts")).await?;
            outcome.transpose()?;
        }
        assert!(dropped > 20 && none > 20, "{dropped} dropped, {none} stopped");
        assert_eq!(engine.statistics().opened, 1, "its connection is the same");
        Ok(())
    });
}

#[test]
fn a_copy_that_waits_for_a_lock_is_stopped_with_all_that_was_fed() {
    test(async |wired| {
        let engine = fresh(wired, "").await?;
        let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
                    $$ BEGIN IF NEW.id = 2000 THEN PERFORM pg_sleep(30); END IF; RETURN NEW; END $$";
        for at_row in [false, true] {
            let mut other = wired.direct.engine.begin().await?;
            if at_row {
                other.execute(sql(slow)).await?;
                let trigger =
                    "CREATE TRIGGER slow BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION slow()";
                other.execute(sql(trigger)).await?;
                other.commit().await?;
                other = wired.direct.engine.begin().await?;
            } else {
                other.execute(sql("LOCK TABLE accounts")).await?;
            }
            for _ in 0..2 {
                let late = engine.insert_many(accounts(0..400_000)).timeout(Duration::from_millis(300)).await;
                let start = Instant::now();
                assert!(matches!(late, Err(Error::Deadline(_))), "{late:?}");
                let mut session = engine.session();
                assert_eq!(session.scalar(sql("SELECT 1").returning::<i32>()).await?, 1);
                assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
            }
            other.rollback().await?;
        }
        assert_eq!(wired.direct.engine.count(Account::select()).await?, 0);
        assert_eq!(engine.statistics().opened, 1);
        wired.all_idle().await?;
        Ok(())
    });
}

#[test]
fn a_copy_whose_session_is_dropped_is_stored_whole_or_not_at_all() {
    test(async |wired| {
        let engine = fresh(wired, "").await?;
        let mut random = Random::new(5);
        for round in 0..20 {
            let mut session = engine.session();
            session.add_all((0..MANY).map(|at| User { email: format!("{at}"), ..User::default() }));
            let time = Duration::from_micros(random.below(40_000));
            let outcome = for_a_time(time, session.commit()).await;
            // The commit runs on, and its outcome is the next call's.
            if round % 2 == 0 {
                session.count(User::select()).await?;
                assert_eq!(session.all(User::select()).await?.len(), MANY as usize);
                session.rollback().await?;
            }
            drop(session);
            let stored = engine.count(User::select()).await?;
            assert!(stored == 0 || stored == MANY as u64, "{round}, {outcome:?}: {stored}");
            engine.execute(sql("TRUNCATE users CASCADE")).await?;
        }
        assert_eq!(engine.statistics().opened, 1);
        Ok(())
    });
}

#[test]
fn a_connection_that_is_lost_on_the_way_has_stored_all_or_nothing_and_says_so() {
    test(async |wired| {
        wired.direct.engine.create_all(&blog()).await?;
        let cuts: [(Side, char, &str, Action); 6] = [
            // Nothing was copied yet: it is known that nothing is stored.
            (Side::Client, 'B', "", Action::CutAfter),
            (Side::Server, 'G', "", Action::CutBefore),
            (Side::Server, 'G', "", Action::Fatal("57P01")),
            // Whatever has left us by then.
            (Side::Client, 'd', "", Action::CutBefore),
            (Side::Client, 'c', "", Action::CutBefore),
            (Side::Client, 'Q', "COMMIT", Action::CutAfter),
        ];
        for (at, (side, kind, text, action)) in cuts.into_iter().enumerate() {
            let engine = wired.engine("connections=1").await;
            // What asks may be bound as well.
            wired.proxy.on_nth(usize::from(kind == 'B'), side, kind, text, action);
            let error = engine.insert_many(accounts(0..60_000)).await.expect_err("the connection is lost");
            wired.proxy.forget_rules();
            let is_known = !matches!(error, Error::OutcomeUnknown(_));
            assert!(is_known || at > 2, "{at}: {error}");
            assert!(!is_known || is_disconnected(&error), "{at}: {error}");
            wired.all_idle().await?;
            let stored = wired.direct.engine.count(Account::select()).await?;
            assert!(stored == 0 || (stored == 60_000 && !is_known), "{at}: {stored}, {error}");
            assert_eq!(engine.scalar(sql("SELECT 1").returning::<i32>()).await?, 1);
            wired.direct.engine.execute(sql("TRUNCATE accounts")).await?;
        }
        Ok(())
    });
}
