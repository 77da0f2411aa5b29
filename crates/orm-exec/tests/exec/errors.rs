//! Errors name what a user needs: table, column, constraint, SQL, file, and the next step.

use futures_lite::future;
use orm_core::error::ConstraintKind;
use orm_core::{Error, Trusted, sql};
use orm_exec::{Engine, OpenMode};

use crate::support::{Folder, file, full_again, insert, memory};

async fn constraint(engine: &Engine, text: &str) -> orm_core::error::ConstraintError {
    let error = engine.execute(sql(Trusted(text))).await.unwrap_err();
    assert_eq!(error.sql(), Some(text));
    error.constraint().unwrap_or_else(|| panic!("{error:?}")).clone()
}

#[test]
fn a_violated_constraint_is_taken_apart() {
    future::block_on(async {
        let engine = memory().await;
        let tables = [
            "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT NOT NULL, \
             age INTEGER CONSTRAINT adult CHECK (age >= 18), UNIQUE (name, age))",
            "CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id))",
            "CREATE TABLE tags (name TEXT)",
            "CREATE UNIQUE INDEX lower_name ON tags (lower(name))",
            "INSERT INTO tags VALUES ('rust')",
            "INSERT INTO users VALUES (1, 'a@b', 'Ada', 36)",
        ];
        for table in tables {
            engine.execute(sql(table)).await.unwrap();
        }
        let unique = constraint(&engine, "INSERT INTO users VALUES (2, 'a@b', 'Bob', 20)").await;
        assert_eq!((unique.kind, unique.table.as_deref()), (ConstraintKind::Unique, Some("users")));
        assert_eq!(unique.columns, ["email"]);
        assert!(unique.to_string().contains("another row has this value in users.email"), "{unique}");
        let pair = constraint(&engine, "INSERT INTO users VALUES (2, 'b', 'Ada', 36)").await;
        assert_eq!((pair.kind, pair.columns), (ConstraintKind::Unique, vec!["name".into(), "age".into()]));
        let key = constraint(&engine, "INSERT INTO users VALUES (1, 'b', 'Bob', 36)").await;
        assert_eq!((key.kind, key.columns), (ConstraintKind::Unique, vec!["id".to_owned()]));
        let index = constraint(&engine, "INSERT INTO tags VALUES ('Rust')").await;
        assert_eq!((index.kind, index.constraint.as_deref()), (ConstraintKind::Unique, Some("lower_name")));
        let null = constraint(&engine, "INSERT INTO users VALUES (2, 'b', NULL, 36)").await;
        assert_eq!((null.kind, null.columns), (ConstraintKind::NotNull, vec!["name".to_owned()]));
        let check = constraint(&engine, "INSERT INTO users VALUES (2, 'b', 'Bob', 3)").await;
        assert_eq!((check.kind, check.constraint.as_deref()), (ConstraintKind::Check, Some("adult")));
        let reference = constraint(&engine, "INSERT INTO posts VALUES (1, 9)").await;
        assert_eq!(reference.kind, ConstraintKind::ForeignKey);
    });
}

#[test]
fn a_missing_table_says_how_to_make_it() {
    future::block_on(async {
        let engine = memory().await;
        let error = engine.execute(sql("DELETE FROM userz")).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Database(_)));
        for part in ["no such table: userz", "engine.create_all(&schema![..])", "DELETE FROM userz"] {
            assert!(text.contains(part), "{text}");
        }
    });
}

#[test]
fn a_syntax_error_shows_the_place() {
    future::block_on(async {
        let error = memory().await.execute(sql("SELECT * FORM t")).await.unwrap_err();
        assert!(error.to_string().contains("syntax error, at `FORM t`"), "{error}");
    });
}

#[test]
fn text_in_an_integer_column_names_the_column() {
    future::block_on(async {
        let engine = memory().await;
        engine.execute(sql("CREATE TABLE loose (age)")).await.unwrap();
        engine.execute(sql("INSERT INTO loose VALUES ('old')")).await.unwrap();
        let error = engine.all(sql("SELECT age FROM loose").returning::<i64>()).await.unwrap_err();
        let Error::Decode(decode) = &error else { panic!("{error:?}") };
        assert_eq!((decode.column.as_str(), decode.found.as_str()), ("age", "text"));
        assert_eq!(error.sql(), Some("SELECT age FROM loose"));
    });
}

#[test]
fn a_nul_character_is_refused_and_nothing_is_lost() {
    future::block_on(async {
        let engine = memory().await;
        let error = engine.execute(sql("INSERT INTO t (n) VALUES (?)").bind_str("a\0")).await.unwrap_err();
        assert!(error.to_string().contains("parameter 1"), "{error}");
        let error = engine.execute(sql("SELECT '\0'")).await.unwrap_err();
        assert!(matches!(error, Error::Build(_)), "{error:?}");
        full_again(&engine);
        insert(&engine, 1).await.unwrap();
    });
}

#[test]
fn placeholders_and_values_are_counted() {
    future::block_on(async {
        let engine = memory().await;
        let error = engine.execute(sql("INSERT INTO t (id, n) VALUES (?, ?)").bind(1)).await.unwrap_err();
        assert!(error.to_string().contains("2 placeholders, and 1 value is bound"), "{error}");
    });
}

#[test]
fn several_statements_in_one_text_are_refused() {
    future::block_on(async {
        let engine = memory().await;
        let error = engine.execute(sql("DELETE FROM t; DELETE FROM t")).await.unwrap_err();
        assert!(error.to_string().contains("one call runs one statement"), "{error}");
    });
}

#[test]
fn rows_of_a_statement_that_answers_none_are_refused_before_it_runs() {
    future::block_on(async {
        let engine = memory().await;
        let error = engine.all(sql("INSERT INTO t (n) VALUES (1)").returning::<i64>()).await.unwrap_err();
        assert!(error.to_string().contains("run it with `execute`"), "{error}");
        assert_eq!(engine.count(sql("SELECT n FROM t").returning::<i64>()).await.unwrap(), 0);
    });
}

#[test]
fn one_and_scalar_count_their_rows() {
    future::block_on(async {
        let engine = memory().await;
        for (rows, found) in [("SELECT 1 WHERE 0", 0), ("VALUES (1), (2)", 2)] {
            let error = engine.one(sql(rows).returning::<i64>()).await.unwrap_err();
            let Error::RowCount(count) = &error else { panic!("{error:?}") };
            assert_eq!((count.found, error.sql()), (found, Some(rows)));
            assert!(engine.scalar(sql(rows).returning::<i64>()).await.is_err());
        }
    });
}

#[test]
fn another_writer_makes_it_busy() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "?busy_timeout=20").await;
        let other = rusqlite::Connection::open(folder.path().join("test.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = insert(&engine, 1).await.unwrap_err();
        assert!(matches!(error, Error::Busy(_)) && error.is_retryable(), "{error:?}");
        other.execute_batch("COMMIT").unwrap();
        insert(&engine, 1).await.unwrap();
    });
}

#[test]
fn a_reader_refuses_to_write() {
    future::block_on(async {
        let folder = Folder::new();
        drop(file(&folder, "").await);
        let engine = Engine::open(&folder.url("?mode=ro")).await.unwrap();
        assert_eq!(engine.count(sql("SELECT n FROM t").returning::<i64>()).await.unwrap(), 0);
        let error = insert(&engine, 1).await.unwrap_err();
        assert!(error.to_string().contains("open the engine without `mode=ro`"), "{error}");
    });
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    future::block_on(async {
        let folder = Folder::new();
        let refused = async |url: String, part: &str| {
            let error = Engine::open(&url).await.unwrap_err();
            assert!(matches!(error, Error::Configuration(_)), "{error:?}");
            assert!(error.to_string().contains(part), "{error}");
        };
        let path = folder.path().display();
        refused(format!("sqlite://{path}/missing/test.db"), "/missing does not exist: create it first").await;
        refused(format!("sqlite://{path}"), "is a directory").await;
        refused(folder.url("?mode=rw"), "test.db does not exist").await;
        std::fs::write(
            folder.path().join("text.db"),
            "not a database, and long enough to be read as a header ".repeat(20),
        )
        .unwrap();
        refused(format!("sqlite://{path}/text.db"), "text.db is not a SQLite database").await;
        let builder = Engine::builder(&folder.url("")).mode(OpenMode::ReadOnly);
        assert!(builder.open().await.unwrap_err().to_string().contains("test.db"));
    });
}
