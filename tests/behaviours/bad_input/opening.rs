//! Databases that cannot be opened.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyorm::prelude::*;
use anyorm::{Error, Result};
use futures_lite::future::zip;
use orm_testkit::{Behaviour, Database, behaviours};

use anyorm_tests::check::{nothing_lost, says};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    an_unknown_scheme_is_told_the_known_ones,
    an_unknown_option_is_told_the_known_ones,
    a_file_that_cannot_be_opened_is_named,
    a_file_that_is_broken_later_is_named,
];

async fn an_unknown_scheme_is_told_the_known_ones(_: Database) -> Result<()> {
    let server = "`postgres://user@host/database`";
    let known = ["`sqlite::memory:`", "`sqlite:///absolute/path.db`", "`sqlite://relative.db`"];
    let known = [&known[..], &[server][..usize::from(cfg!(feature = "postgres"))]].concat();
    let says_known = |error: &Error, what: &str| says(error, &[&[what], &known[..]].concat());
    says_known(&refused("oracle://host/blog").await, "the URL scheme `oracle` is not known");
    says_known(&refused("mysql://u:secret@host/blog").await, "no driver for `mysql://` yet");
    says_known(&refused("blog.db").await, "`blog.db` has no scheme");
    says_known(&refused("sqlite://").await, "the URL names no file");
    let text = refused("oracle://scott:tiger@host").await.to_string();
    assert!(!text.contains("tiger"), "a password stays out of the message: {text}");
    Ok(())
}

async fn an_unknown_option_is_told_the_known_ones(_: Database) -> Result<()> {
    says(&refused("sqlite::memory:?pool=9").await, &["the option `pool` is not known", "readers=<number>"]);
    says(&refused("sqlite://x.db?readers=many").await, &["`readers` is a number, not `many`"]);
    says(&refused("sqlite::memory:?mode=ro").await, &["`:memory:` is always made anew"]);
    Ok(())
}

async fn a_file_that_cannot_be_opened_is_named(_: Database) -> Result<()> {
    let folder = Folder::new();
    let path = folder.0.display();
    says(&refused(&format!("sqlite://{path}")).await, &[&path.to_string(), "is a directory"]);
    says(
        &refused(&format!("sqlite://{path}/missing/blog.db")).await,
        &[&format!("the directory {path}/missing does not exist: create it first")],
    );
    says(
        &refused(&format!("sqlite://{path}/blog.db?mode=rw")).await,
        &[&format!("{path}/blog.db does not exist"), "`?mode=rwc`"],
    );
    let text = folder.0.join("text.db");
    std::fs::write(&text, "Dear diary, today I was taken for a database. ".repeat(99))
        .expect("it is writable");
    says(
        &refused(&format!("sqlite://{}", text.display())).await,
        &[&text.display().to_string(), "is not a SQLite database"],
    );
    let diary = std::fs::read_to_string(&text).expect("it is there");
    assert!(diary.starts_with("Dear diary"), "the file is left as it was");
    Ok(())
}

/// Connections are opened when they are needed, so a file may have gone bad by then: their permits must not be lost.
async fn a_file_that_is_broken_later_is_named(_: Database) -> Result<()> {
    let folder = Folder::new();
    let file = folder.0.join("blog.db");
    let engine = Engine::open(&format!("sqlite://{}", file.display())).await?;
    engine.execute(sql("CREATE TABLE t (n INTEGER)")).await?;
    // Until then the table is in the file's log, where readers would find it.
    let checkpoint = sql("PRAGMA wal_checkpoint(TRUNCATE)").returning::<(i64, i64, i64)>();
    engine.all(checkpoint).await?;
    let moved = folder.0.join("moved.db");
    std::fs::rename(&file, &moved).expect("it is there");
    std::fs::write(&file, "not a database ".repeat(99)).expect("it is writable");
    let read = || engine.count(sql("SELECT n FROM t").returning::<i64>());
    for _ in 0..9 {
        let (one, other) = zip(read(), read()).await;
        for error in [one, other] {
            let error = error.expect_err("it is broken");
            says(&error, &[&file.display().to_string(), "is not a SQLite database"]);
            assert!(matches!(error, Error::Configuration(_)), "{error:?}");
        }
    }
    std::fs::rename(&moved, &file).expect("it is there");
    nothing_lost(&engine).await
}

async fn refused(url: &str) -> Error {
    let error = Engine::open(url).await.expect_err("it cannot be opened");
    assert!(matches!(error, Error::Configuration(_)), "{error:?}");
    says(&error, &["cannot open the database: "]);
    error
}

/// A folder of its own, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("anyorm-opening-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("the temporary folder is writable");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let path: &Path = &self.0;
        let _ = std::fs::remove_dir_all(path);
    }
}
