//! Rows as text: `copy_out`.

use std::time::Duration;

use anyorm::prelude::*;
use anyorm::{CopyFormat, Error, Result, RowStream};
use anyorm_tests::check::{full_again, says};
use anyorm_tests::random::Random;
use anyorm_tests::{Account, Post, User, blog, user};
use orm_testkit::stop::stops;
use orm_testkit::{Backend, Database};

use crate::support::{each, pause};
use crate::wired::{Wired, test};

async fn bank(wired: &Wired, accounts: i64) -> Result<Engine> {
    wired.direct.engine.create_all(&blog()).await?;
    wired.direct.engine.insert_many((0..accounts).map(|id| Account { id, balance: id * 2 })).await?;
    Ok(wired.engine("connections=1").await)
}

async fn whole(mut pieces: RowStream<'_, Vec<u8>>) -> Result<String> {
    let mut text = Vec::new();
    while let Some(piece) = pieces.next().await? {
        assert_eq!(piece.last(), Some(&b'\n'), "pieces are of whole lines");
        text.extend(piece);
    }
    Ok(String::from_utf8(text).expect("it is text"))
}

#[test]
fn the_text_is_what_psql_would_write() {
    each(|place| async move {
        let engine = &place.engine;
        engine.create_all(&blog()).await?;
        let mut session = engine.session();
        for (name, age) in [("Ada", Some(36)), ("a\tb\\c\nd", None), ("", Some(0)), ("\"x\", y", Some(-1))] {
            let email = format!("{}@example.org", name.len());
            session.add(User { age, email, ..user(name) });
        }
        session.commit().await?;
        place.log.clear();
        let users = || User::select().columns((User::ID, User::NAME, User::AGE)).order_by(User::ID);
        let text = "1\tAda\t36\n2\ta\\tb\\\\c\\nd\t\\N\n3\t\t0\n4\t\"x\", y\t-1\n";
        assert_eq!(whole(engine.copy_out(users(), CopyFormat::Text)).await?, text);
        let csv = "1,Ada,36\n2,\"a\tb\\c\nd\",\n3,\"\",0\n4,\"\"\"x\"\", y\",-1\n";
        assert_eq!(whole(engine.copy_out(users(), CopyFormat::Csv { header: false })).await?, csv);
        let mut transaction = engine.begin().await?;
        let headed = transaction.copy_out(users(), CopyFormat::Csv { header: true });
        assert_eq!(whole(headed).await?, format!("id,name,age\n{csv}"));
        // It sees what the transaction did.
        transaction.execute(User::delete().filter(User::ID.gt(1))).await?;
        assert_eq!(whole(transaction.copy_out(users(), CopyFormat::Text)).await?, "1\tAda\t36\n");
        transaction.rollback().await?;
        let raw = sql("SELECT 1, NULL -- no more;").returning::<(i32, Option<i32>)>();
        assert_eq!(whole(engine.copy_out(raw, CopyFormat::Text)).await?, "1\t\\N\n");
        let none = User::select().filter(User::ID.lt(0));
        assert_eq!(whole(engine.copy_out(none, CopyFormat::Text)).await?, "");
        let statements = place.log.statements();
        assert_eq!(
            statements[0],
            "COPY (SELECT users.id, users.name, users.age FROM users ORDER BY users.id) TO STDOUT (FORMAT text)",
            "{statements:?}"
        );
        full_again(engine);
        Ok(())
    });
}

#[test]
fn values_in_the_query_are_what_they_would_be_as_parameters() {
    test(async |wired| {
        let engine = bank(wired, 100).await?;
        let hostile = [
            "plain",
            "'; DROP TABLE users; --",
            "\\'; DROP TABLE users; --",
            "\\",
            "\\\\'",
            "E'\\u0027",
            "é表\\'語\u{10FFFF}",
            "$1 ? :x",
            "line\nline\r\t\u{1}",
            "",
        ];
        let mut session = wired.direct.engine.session();
        for (at, name) in hostile.iter().enumerate() {
            session.add(User { email: at.to_string(), ..user(name) });
        }
        session.commit().await?;
        for (at, name) in hostile.iter().enumerate() {
            for condition in [
                User::NAME.eq(*name),
                User::NAME.is_in([*name, "nobody"]),
                User::NAME.starts_with(*name) & User::EMAIL.eq(at.to_string()),
            ] {
                let found = User::select().columns(User::EMAIL).filter(condition);
                let text = whole(engine.copy_out(found, CopyFormat::Text)).await?;
                assert_eq!(text, format!("{at}\n"), "{name:?}");
            }
        }
        // Where another literal of the query would not end where it does, the value behind it would be SQL.
        let behind = || User::select().filter(User::NAME.starts_with("a") & User::EMAIL.eq(" OR true) --"));
        let refused = async |mut pieces: RowStream<'_, Vec<u8>>| {
            says(
                &pieces.next().await.expect_err("it is refused"),
                &["standard_conforming_strings", "`stream`"],
            );
        };
        engine.execute(sql("SET standard_conforming_strings = off")).await?;
        refused(engine.copy_out(behind(), CopyFormat::Text)).await;
        engine.execute(sql("SET standard_conforming_strings = on")).await?;
        assert_eq!(whole(engine.copy_out(behind(), CopyFormat::Text)).await?, "");
        let mut transaction = engine.begin().await?;
        transaction.set_local("standard_conforming_strings", "off").await?;
        refused(transaction.copy_out(behind(), CopyFormat::Text)).await;
        drop(transaction);
        // Random texts, of all that could end one.
        let mut random = Random::new(17);
        let parts =
            ["'", "\\", "''", "\\'", "\"", ";", "--", "/*", "$$", "\n", "u0027", "é", "\u{2019}", "x"];
        for _ in 0..100 {
            let name: String = (0..8).map(|_| parts[random.below(parts.len() as u64) as usize]).collect();
            let mut session = wired.direct.engine.session();
            session.add(User { email: name.clone(), ..user("random") });
            session.commit().await?;
            let found = User::select().filter(User::EMAIL.eq(name.clone())).columns(User::NAME);
            assert_eq!(whole(engine.copy_out(found, CopyFormat::Text)).await?, "random\n", "{name:?}");
            let none = User::select().filter(User::EMAIL.eq(name + "'")).columns(User::NAME);
            assert_eq!(whole(engine.copy_out(none, CopyFormat::Text)).await?, "");
        }
        // Numbers, NULL and truths, where the server finds out their type.
        let some = Account::select()
            .filter((Account::BALANCE + 1).gt(150) & Account::ID.is_in([80, 90, -1]))
            .columns(Account::ID)
            .order_by(Account::ID)
            .limit(1);
        assert_eq!(whole(engine.copy_out(some, CopyFormat::Text)).await?, "80\n");
        let unknown = User::select().filter(User::AGE.eq(None::<i32>)).columns(User::ID);
        let count = whole(engine.copy_out(unknown, CopyFormat::Text)).await?.lines().count();
        assert_eq!(count, hostile.len() + 100);
        Ok(())
    });
}

#[test]
fn what_cannot_be_copied_is_refused_before_anything_is_sent() {
    test(async |wired| {
        let engine = bank(wired, 3).await?;
        let first =
            async |mut pieces: RowStream<'_, Vec<u8>>| pieces.next().await.expect_err("it is refused");
        let bound = sql("SELECT ?::INT").bind(1).returning::<i32>();
        says(
            &first(engine.copy_out(bound, CopyFormat::Text)).await,
            &["COPY takes no parameters", "`stream`"],
        );
        let loads = User::select().with(User::POSTS);
        says(&first(engine.copy_out(loads, CopyFormat::Text)).await, &["leave out `with`"]);
        let writes = Account::delete().everything().returning(Account::ID);
        says(&first(engine.copy_out(writes, CopyFormat::Text)).await, &["only reads"]);
        let writes = sql("DELETE FROM accounts RETURNING id").returning::<i64>();
        says(&first(engine.copy_out(writes, CopyFormat::Text)).await, &["only reads"]);
        let zero = User::select().filter(User::NAME.eq("a\0b"));
        first(engine.copy_out(zero, CopyFormat::Text)).await;
        assert_eq!(wired.proxy.trips(), 0);
        // And what the server refuses.
        let raw = sql("SELECT 1 / (id - 2) FROM accounts ORDER BY id").returning::<i32>();
        let mut pieces = engine.copy_out(raw, CopyFormat::Text);
        let error = loop {
            match pieces.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("there is a row that divides by zero"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.database().map(|error| error.code.as_str()), Some("22012"), "{error}");
        drop(pieces);
        assert_eq!(engine.count(Account::select()).await?, 3);
        assert_eq!(engine.statistics().opened, 1);
        let memory = Database::open(Backend::Memory).await?;
        let error = first(memory.engine.copy_out(Account::select(), CopyFormat::Text)).await;
        says(&error, &["PostgreSQL", "use `stream`"]);
        Ok(())
    });
}

#[test]
fn a_million_rows_are_copied_out_in_little_memory() {
    test(async |wired| {
        let engine = Engine::builder(&wired.direct.url().expect("a URL")).connections(1).open().await?;
        let rows = || {
            let text = "SELECT n, 'the place of reading number ' || n FROM generate_series(1, 1000000) AS n";
            sql(text).returning::<(i64, String)>()
        };
        // What is there once for all.
        let mut pieces = engine.copy_out(rows(), CopyFormat::Text);
        pieces.next().await?;
        drop(pieces);
        let (mut lines, mut bytes, mut most, mut count) = (0, 0, 0, 0);
        let before = status("VmRSS");
        let mut pieces = engine.copy_out(rows(), CopyFormat::Text);
        while let Some(piece) = pieces.next().await? {
            lines += piece.iter().filter(|byte| **byte == b'\n').count();
            bytes += piece.len();
            most = most.max(piece.len());
            count += 1;
            if count % 50 == 0 {
                let grown = status("VmRSS").saturating_sub(before);
                assert!(grown < MOST, "grown by {grown} bytes after {bytes}");
            }
        }
        assert_eq!(lines, 1_000_000);
        assert!(bytes > 40_000_000 && most < 128 * 1024, "{bytes} bytes, {most} in a piece");
        engine.close().await
    });
}

/// Other tests of the program allocate at the same time.
const MOST: u64 = 200 << 20;

fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says what a process holds");
    let line = status.lines().find(|line| line.starts_with(field)).expect("it says that too");
    let kibibytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    kibibytes.expect("a number") * 1_024
}

#[test]
fn the_server_waits_for_who_reads() {
    test(async |wired| {
        let engine = bank(wired, 3).await?;
        let rows = "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)";
        let mut pieces = engine.copy_out(sql(rows).returning::<String>(), CopyFormat::Text);
        pieces.next().await?;
        let count = || wired.proxy.count(crate::proxy::Side::Server, 'd');
        let mut before = count();
        // What the sockets and the proxy hold on their way.
        let stopped = async {
            for _ in 0..200 {
                pause(50).await;
                let now = count();
                if now == before {
                    return now;
                }
                before = now;
            }
            panic!("it goes on and on: {before}")
        };
        let sent = stopped.await;
        assert!(sent < 100_000, "{sent} of a million rows were sent to nobody");
        drop(pieces);
        assert_eq!(engine.count(Account::select()).await?, 3);
        full_again(&engine);
        wired.all_idle().await?;
        Ok(())
    });
}

#[test]
fn a_copy_that_is_dropped_is_stopped_and_its_connection_stays() {
    test(async |wired| {
        let engine = bank(wired, 3).await?;
        let many =
            || sql("SELECT n, repeat('x', 100) FROM generate_series(1, 300000) AS n").returning::<i64>();
        for stop in stops() {
            let read = async {
                let mut pieces = engine.copy_out(many(), CopyFormat::Csv { header: true });
                for _ in 0..100 {
                    pieces.next().await?;
                }
                Ok::<_, Error>(())
            };
            let done = stop.at(read).transpose()?.is_some();
            full_again(&engine);
            assert_eq!(engine.count(Account::select()).await?, 3, "{stop:?}");
            if done {
                break;
            }
        }
        // Inside of a transaction, which goes on.
        let mut random = Random::new(4);
        for round in 0..20 {
            let mut transaction = engine.begin().await?;
            transaction
                .execute(Account::update().set(Account::BALANCE, round).filter(Account::ID.eq(1)))
                .await?;
            let mut pieces = transaction.copy_out(many(), CopyFormat::Text);
            for _ in 0..random.below(5) {
                pieces.next().await?;
            }
            pause(random.below(5)).await;
            drop(pieces);
            assert_eq!(transaction.count(Account::select()).await?, 3);
            transaction.commit().await?;
            let stored = Account::select().filter(Account::ID.eq(1)).columns(Account::BALANCE);
            assert_eq!(wired.direct.engine.scalar(stored).await?, round);
        }
        assert_eq!(engine.statistics().opened, 1);
        let mut slow = engine.copy_out(sql("SELECT pg_sleep(30)").returning::<String>(), CopyFormat::Text);
        assert!(
            smol::future::or(async { slow.next().await.is_ok() }, async {
                pause(100).await;
                false
            })
            .await
            .eq(&false)
        );
        drop(slow);
        assert_eq!(engine.count(Post::select()).await?, 0);
        let took = wired.all_idle().await?;
        assert!(took < Duration::from_secs(3), "{took:?}");
        Ok(())
    });
}
