//! Large and odd: many rows, wide rows, many parameters, tables that change under prepared statements, NUL, panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyorm::observe::{Observer, StatementEvent};
use anyorm::prelude::*;
use anyorm::{Error, Json, Result, Trusted};
use anyorm_tests::check::{full_again, panic_of, says};
use anyorm_tests::{Account, Post, User, blog, post, user};
use futures_lite::future::block_on;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::proxy::Side::Client;
use crate::wired::{Wired, test};

async fn bank(wired: &Wired, options: &str) -> Result<Engine> {
    wired.direct.engine.create_all(&blog()).await?;
    wired.direct.engine.insert_many((1..=20).map(|id| Account { id, balance: 10 })).await?;
    Ok(wired.engine(options).await)
}

async fn run(wired: &Wired, statement: &str) -> Result<()> {
    wired.direct.engine.execute(sql(Trusted(statement))).await.map(drop)
}

#[test]
fn a_hundred_thousand_rows_go_in_and_come_out() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        const ROWS: i64 = 100_000;
        let mut session = engine.session();
        session.add_all((1_000..1_000 + ROWS).map(|id| Account { id, balance: id }));
        session.commit().await?;
        let mut transaction = engine.begin().await?;
        transaction.insert_many((1_000_000..1_000_000 + ROWS).map(|id| Account { id, balance: id })).await?;
        transaction.commit().await?;
        assert_eq!(engine.all(Account::select()).await?.len() as i64, 2 * ROWS + 20);
        let mut stream = engine.stream(Account::select());
        let mut read = 0;
        while stream.next().await?.is_some() {
            read += 1;
        }
        assert_eq!(read, 2 * ROWS + 20);
        Ok(())
    });
}

/// So many messages in one trip that neither side could hold them: who writes must read.
#[test]
fn tens_of_thousands_of_messages_in_one_trip() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        run(wired, "CREATE TABLE odd (id BIGINT PRIMARY KEY, tags TEXT[])").await?;
        #[derive(Clone, Debug, Default, Entity)]
        #[entity(table = "odd")]
        struct Odd {
            #[key]
            id: i64,
            tags: Vec<String>,
        }
        let rows = (0..30_000).map(|id| Odd { id, tags: vec!["x".repeat(20), id.to_string()] });
        engine.insert_many(rows).await?;
        assert_eq!(wired.proxy.count(Client, 'c'), 1, "they are copied");
        wired.proxy.clear();
        // Arrays in a column cannot be put into an array: each row is a message.
        let mut session = engine.session();
        let odd = session.all(Odd::select()).await?;
        for &row in &odd {
            session[row].tags.push("y".into());
        }
        session.commit().await?;
        assert!(wired.proxy.count(Client, 'B') >= 30_000);
        let changed = sql("SELECT count(*) FROM odd WHERE 'y' = ANY(tags)").returning::<i64>();
        assert_eq!(wired.direct.engine.scalar(changed).await?, 30_000);
        Ok(())
    });
}

#[test]
fn rows_of_many_megabytes() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let long = "ä".repeat(8_000_000);
        let mut session = engine.session();
        let ada = session.add(User { name: long.clone(), ..user("Ada") });
        session.add(post("x", ada));
        session.commit().await?;
        for _ in 0..3 {
            let read = engine.one(User::select()).await?;
            assert!(read.name == long);
        }
        Ok(())
    });
}

#[test]
fn text_with_nul_is_refused_and_names_its_place() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        for _ in 0..3 {
            let mut session = engine.session();
            let account = session.get_one::<Account>(1).await?;
            session[account].balance = 99;
            session.add(User { name: "a\0b".into(), ..user("Ada") });
            let error = session.commit().await.expect_err("PostgreSQL has no such text");
            says(&error, &["NUL"]);
            session.rollback().await?;
            let error =
                engine.all(User::select().filter(User::NAME.eq("a\0b"))).await.expect_err("no such text");
            says(&error, &["NUL"]);
            let error = engine.execute(sql("SELECT 1 -- \0")).await.expect_err("no such SQL");
            says(&error, &["NUL"]);
        }
        assert_eq!(wired.direct.engine.count(Account::select().filter(Account::BALANCE.eq(99))).await?, 0);
        Ok(())
    });
}

#[test]
fn more_parameters_than_a_statement_takes() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let list = |count: i64| Account::select().filter(Account::ID.is_in((0..count).collect::<Vec<_>>()));
        for count in [32_767, 32_768, 65_535, 65_536, 100_000] {
            match engine.count(list(count)).await {
                Ok(found) => assert_eq!(found, 20, "{count}"),
                Err(error) => {
                    assert!(count > 65_535, "{count}: {error}");
                    says(&error, &["65535"]);
                }
            }
            assert_eq!(engine.statistics().opened, 1, "the connection is the same");
        }
        let mut raw = sql("SELECT 1");
        for at in 0..70_000_i64 {
            raw = raw.bind(at);
        }
        let error = engine.execute(raw).await.expect_err("too many");
        says(&error, &["65535"]);
        assert_eq!(engine.count(Account::select()).await?, 20);
        assert_eq!(engine.statistics().opened, 1, "the connection is the same");
        Ok(())
    });
}

#[test]
fn a_table_that_changes_under_prepared_statements() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let read = || sql("SELECT * FROM accounts WHERE id = $1").bind(1_i64);
        let prepare = async || {
            for _ in 0..4 {
                engine.execute(read()).await?;
            }
            Ok::<_, Error>(())
        };
        prepare().await?;
        run(wired, "ALTER TABLE accounts ADD COLUMN note TEXT").await?;
        engine.execute(read()).await?;
        prepare().await?;
        run(wired, "ALTER TABLE accounts DROP COLUMN note").await?;
        // Inside of a transaction the savepoint of the statement undoes the failure.
        let mut transaction = engine.begin().await?;
        transaction.execute(Account::update().set(Account::BALANCE, 7).filter(Account::ID.eq(2))).await?;
        transaction.execute(read()).await?;
        transaction.commit().await?;
        assert_eq!(wired.direct.engine.count(Account::select().filter(Account::BALANCE.eq(7))).await?, 1);
        // What others deallocate is made again.
        prepare().await?;
        engine.execute(sql("DEALLOCATE ALL")).await?;
        engine.execute(read()).await?;
        prepare().await?;
        let mut session = engine.session();
        let account = session.get_one::<Account>(1).await?;
        for round in 0..4 {
            session[account].balance = round;
            session.commit().await?;
        }
        run(wired, "ALTER TABLE accounts ALTER COLUMN balance TYPE INTEGER").await?;
        session[account].balance = 100;
        session.commit().await?;
        assert_eq!(wired.direct.engine.count(Account::select().filter(Account::BALANCE.eq(100))).await?, 1);
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn statements_that_go_from_the_cache_are_sent_again() {
    test(async |wired| {
        for cache in [0, 1, 2, 7] {
            let engine = bank(wired, &format!("connections=1&statement_cache={cache}")).await?;
            for round in 0..4 {
                for at in 0..10_i64 {
                    let text = format!("SELECT $1::BIGINT + {at}");
                    let sum = engine.scalar(sql(Trusted(text)).bind(round).returning::<i64>()).await?;
                    assert_eq!(sum, round + at);
                }
            }
            let kept = "SELECT count(*) FROM pg_prepared_statements";
            let kept = engine.scalar(sql(kept).returning::<i64>()).await?;
            assert!(kept <= cache, "{kept} of {cache} are kept");
            engine.close().await?;
            wired.direct.engine.drop_all(&blog()).await?;
        }
        Ok(())
    });
}

#[test]
fn notices_and_empty_statements_are_let_pass() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let notices = "DO $$ BEGIN FOR i IN 1..2000 LOOP RAISE WARNING 'notice %', i; END LOOP; END $$";
        let mut transaction = engine.begin().await?;
        transaction.execute(sql(notices)).await?;
        transaction.execute(sql("")).await?;
        transaction.execute(sql(";")).await?;
        transaction.execute(sql("-- nothing")).await?;
        assert!(transaction.all(sql("").returning::<i64>()).await?.is_empty());
        transaction.commit().await?;
        engine.execute(sql("")).await?;
        let error = engine.execute(sql("SELECT 1; SELECT 2")).await.expect_err("one at a time");
        says(&error, &["one call runs one statement"]);
        let mut session = engine.session();
        session.commit().await?;
        session.flush().await?;
        assert_eq!(engine.count(Account::select()).await?, 20);
        Ok(())
    });
}

/// A number that panics as it is read, if it is large.
#[derive(Clone, Debug, Default)]
struct Explosive;

impl Serialize for Explosive {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Explosive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        assert!(number < 3_000, "a decoder");
        Ok(Self)
    }
}

/// Panics when it hears of a statement with this in it.
#[derive(Debug)]
struct Fuse(&'static str, AtomicU64);

impl Observer for Fuse {
    fn statement(&self, event: &StatementEvent<'_>) {
        if event.sql.contains(self.0) && self.1.load(Ordering::Relaxed) == 1 {
            panic!("an observer");
        }
    }
}

#[test]
fn a_panic_of_an_observer_or_a_decoder_leaves_a_connection_that_works() {
    test(async |wired| {
        drop(bank(wired, "connections=1").await?);
        let fuse = Arc::new(Fuse("posts", AtomicU64::new(0)));
        let engine =
            Engine::builder(&wired.url("connections=1")).observer(Arc::<Fuse>::clone(&fuse)).open().await?;
        for round in 0..3 {
            // In the middle of the rows, with more to come.
            let rows = sql("SELECT n::TEXT::JSONB FROM generate_series(1, 100000) AS n")
                .returning::<Json<Explosive>>();
            let panic = panic_of(|| block_on(engine.all(rows)));
            assert!(panic.contains("a decoder"), "{panic}");
            assert_eq!(engine.count(Account::select()).await?, 20);
            let mut session = engine.session();
            let account = session.get_one::<Account>(1).await?;
            session[account].balance = 99;
            session.flush().await?;
            session.add(post("x", BelongsTo::to_key(1)));
            fuse.1.store(1, Ordering::Relaxed);
            let panic = panic_of(|| block_on(session.flush()));
            assert!(panic.contains("an observer"), "{panic}");
            fuse.1.store(0, Ordering::Relaxed);
            let inactive = session.count(Account::select()).await.expect_err("it was rolled back");
            assert!(matches!(inactive, Error::Inactive { .. }), "{inactive}");
            session.rollback().await?;
            full_again(&engine);
            assert_eq!(
                wired.direct.engine.count(Account::select().filter(Account::BALANCE.eq(99))).await?,
                0,
                "{round}"
            );
            assert_eq!(engine.count(Post::select()).await?, 0);
        }
        wired.all_idle().await?;
        Ok(())
    });
}

/// Nobody reads the rest of an answer once it is known that it is of no use.
#[test]
fn a_row_that_does_not_fit_ends_a_long_answer() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let start = Instant::now();
        let rows = sql("SELECT 'x' || generate_series(1, 100000000)").returning::<i64>();
        let error = engine.all(rows).await.expect_err("no number");
        assert!(matches!(error, Error::Decode(_)), "{error}");
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        assert_eq!(engine.count(Account::select()).await?, 20);
        Ok(())
    });
}
