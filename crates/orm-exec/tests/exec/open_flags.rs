//! How a file is opened, beyond its path.

use std::time::Duration;

use futures_lite::future;
use orm_core::{Error, sql};
use orm_exec::{Clock, Engine, JournalMode, OpenMode};

use crate::support::{Folder, file, insert, numbers};

#[test]
fn an_immutable_file_is_read_without_locks_or_a_log() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = file(&folder, "").await;
        insert(&engine, 1).await.unwrap();
        engine.close().await.unwrap();
        // A name with characters that mean something in a URI.
        let odd = folder.path().join("a b?c#%.db");
        std::fs::copy(folder.path().join("test.db"), &odd).unwrap();
        let url = format!("sqlite://{}/a b%3Fc#%25.db?mode=ro&immutable=true", folder.path().display());
        let engine = Engine::open(&url).await.unwrap();
        assert_eq!(numbers(&engine).await, [1]);
        assert!(matches!(insert(&engine, 2).await, Err(Error::Database(_))));
        // SQLite would make these to read a file that was in WAL.
        assert!(!folder.path().join("a b?c#%.db-wal").exists());
        assert!(!folder.path().join("a b?c#%.db-shm").exists());
    });
}

#[test]
fn a_file_without_locks_has_one_connection() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = Engine::builder(&folder.url("")).no_lock().open().await.unwrap();
        assert_eq!(engine.statistics().readers_size, 0);
        engine.execute(sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")).await.unwrap();
        insert(&engine, 1).await.unwrap();
        assert_eq!(numbers(&engine).await, [1]);
        engine.close().await.unwrap();
        let engine = Engine::open(&folder.url("?nolock=true&mode=ro&readers=2")).await.unwrap();
        assert_eq!(numbers(&engine).await, [1]);
    });
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_can_be_refused() {
    future::block_on(async {
        let folder = Folder::new();
        // The folder for temporary files may be one itself.
        let real = folder.path().canonicalize().unwrap();
        Engine::open(&format!("sqlite://{}/real.db", real.display())).await.unwrap();
        std::os::unix::fs::symlink(real.join("real.db"), real.join("link.db")).unwrap();
        let url = |name: &str| format!("sqlite://{}/{name}?nofollow=true", real.display());
        Engine::open(&url("real.db")).await.unwrap();
        let error = Engine::open(&url("link.db")).await.unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
        assert!(matches!(error, Error::Configuration(_)));
    });
}

#[test]
fn another_vfs_and_another_journal() {
    future::block_on(async {
        let folder = Folder::new();
        let builder = Engine::builder(&folder.url("?journal_mode=delete"));
        let engine = builder.vfs(if cfg!(windows) { "win32" } else { "unix-excl" }).open().await.unwrap();
        engine.execute(sql("CREATE TABLE t (n INTEGER)")).await.unwrap();
        let journal = "SELECT journal_mode FROM pragma_journal_mode";
        assert_eq!(engine.scalar(sql(journal).returning::<String>()).await.unwrap(), "delete");
        engine.close().await.unwrap();
        let engine =
            Engine::builder(&folder.url("")).journal_mode(JournalMode::Truncate).open().await.unwrap();
        assert_eq!(engine.scalar(sql(journal).returning::<String>()).await.unwrap(), "truncate");
        let mut writer = engine.connection().await.unwrap();
        assert_eq!(writer.scalar(sql(journal).returning::<String>()).await.unwrap(), "truncate");
    });
}

#[test]
fn engines_share_a_database_in_memory_by_its_name() {
    future::block_on(async {
        let clock = Clock::manual();
        let name = format!("sqlite:shared {}?mode=memory&idle_timeout=10&busy_timeout=1", std::process::id());
        let one = Engine::builder(&name).clock(clock.clone()).open().await.unwrap();
        assert_eq!(one.statistics().readers_size, 0);
        one.execute(sql("CREATE TABLE t (n INTEGER UNIQUE)")).await.unwrap();
        let other = Engine::builder(&name).mode(OpenMode::Memory).open().await.unwrap();
        insert(&one, 1).await.unwrap();
        insert(&other, 2).await.unwrap();
        assert_eq!(numbers(&other).await, [1, 2]);
        // They wait for each other's transactions, as two processes do on a file without a log.
        let mut transaction = one.begin().await.unwrap();
        transaction.execute(sql("INSERT INTO t VALUES (3)")).await.unwrap();
        assert!(matches!(insert(&other, 4).await, Err(Error::Busy(_))));
        transaction.commit().await.unwrap();
        other.close().await.unwrap();
        // The connection stays, so the database does.
        clock.advance(Duration::from_secs(60));
        assert_eq!(numbers(&one).await, [1, 2, 3]);
        one.close().await.unwrap();
        let anew = Engine::open(&name).await.unwrap();
        assert!(
            anew.execute(sql("INSERT INTO t VALUES (1)")).await.is_err(),
            "it went with the last of them"
        );
        assert!(!std::path::Path::new(&format!("shared {}", std::process::id())).exists());
    });
}
