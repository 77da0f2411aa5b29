//! URLs and options.

use std::time::Duration;

use futures_lite::future;
use orm_core::{Error, Trusted, sql};
use orm_exec::{Engine, OpenMode, Synchronous};

use crate::support::Folder;

fn refused(url: &str) -> String {
    let error = future::block_on(Engine::open(url)).unwrap_err();
    assert!(matches!(error, Error::Configuration(_)), "{error:?}");
    error.to_string()
}

#[test]
fn what_is_not_known_is_told_with_what_is() {
    assert!(
        refused("oracle://secret@host")
            .contains("the URL scheme `oracle` is not known: known are `sqlite::memory:`")
    );
    assert!(!refused("oracle://user:secret@host").contains("secret"));
    #[cfg(not(feature = "postgres"))]
    assert!(
        refused("postgres://localhost/blog").contains("add the feature `postgres` of the crate `anyorm`")
    );
    assert!(refused("mysql://localhost/blog").contains("there is no driver for `mysql://` yet"));
    assert!(refused("blog.db").contains("has no scheme"));
    assert!(refused("sqlite://").contains("names no file"));
    assert!(refused("sqlite::memory:?speed=high").contains("`speed` is not known: known are mode=ro|rw|rwc"));
    assert!(refused("sqlite:x.db?mode=fast").contains("`mode` is ro, rw, rwc or memory, not `fast`"));
    assert!(refused("sqlite:x.db?busy_timeout=soon").contains("`busy_timeout` is a number of milliseconds"));
    assert!(refused("sqlite:x.db?readers=-1").contains("`readers` is a number"));
    assert!(refused("sqlite:x.db?synchronous=maybe").contains("normal, full or off"));
    assert!(refused("sqlite::memory:?readers=2").contains("one connection for everything"));
    assert!(refused("sqlite::memory:?mode=ro").contains("leave `mode` out"));
    assert!(refused("sqlite:x.db?idle_timeout=0").contains("`idle_timeout` is longer than 0"));
    assert!(refused("sqlite:x.db?max_lifetime=soon").contains("a number of milliseconds"));
    assert!(refused("sqlite:x.db?journal_mode=off").contains("wal, delete, truncate or persist, not `off`"));
    assert!(refused("sqlite:x.db?immutable=1").contains("true or false, not `1`"));
    assert!(refused("sqlite:x.db?immutable=true").contains("add `mode=ro`"));
    assert!(refused("sqlite:x.db?nolock=true&readers=2").contains("leave `readers` out"));
    assert!(refused("sqlite:x.db?cache=shared").contains("use `mode=memory`"));
    assert!(refused("sqlite:x.db?vfs=none-such").contains("none-such"));
    assert!(
        refused("sqlite:x?mode=memory&nofollow=true").contains("leave them out for a database in memory")
    );
    assert!(refused("sqlite:a%2.db").contains("write `%25`"));
}

#[test]
fn options_reach_the_connections() {
    future::block_on(async {
        let folder = Folder::new();
        let url = folder.url("?synchronous=full&readers=1&acquire_timeout=50&busy_timeout=70&mode=rwc");
        let engine = Engine::open(&url).await.unwrap();
        assert_eq!(engine.statistics().readers_size, 1);
        let mut connection = engine.connection().await.unwrap();
        let pragma = async |connection: &mut orm_exec::Connection, name: &str| {
            connection.scalar(sql(Trusted(format!("PRAGMA {name}"))).returning::<i64>()).await.unwrap()
        };
        assert_eq!(pragma(&mut connection, "synchronous").await, 2);
        assert_eq!(pragma(&mut connection, "foreign_keys").await, 1);
        assert_eq!(pragma(&mut connection, "query_only").await, 0);
        let journal = connection.scalar(sql("PRAGMA journal_mode").returning::<String>()).await.unwrap();
        assert_eq!(journal, "wal");
        drop(connection);
        let reader = "SELECT query_only FROM pragma_query_only";
        assert_eq!(engine.scalar(sql(reader).returning::<i64>()).await.unwrap(), 1);
    });
}

#[test]
fn the_builder_wins_over_the_url() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = Engine::builder(&folder.url("?readers=1&synchronous=full"))
            .readers(0)
            .synchronous(Synchronous::Off)
            .mode(OpenMode::Create)
            .busy_timeout(Duration::from_millis(1))
            .acquire_timeout(Duration::from_secs(1))
            .open()
            .await
            .unwrap();
        assert_eq!(engine.statistics().readers_size, 0);
        let query = sql("SELECT synchronous FROM pragma_synchronous").returning::<i64>();
        assert_eq!(engine.scalar(query).await.unwrap(), 0);
        let error = Engine::builder("sqlite::memory:").readers(3).open().await.unwrap_err();
        assert!(matches!(error, Error::Configuration(_)));
    });
}

#[test]
fn a_path_may_have_any_character() {
    future::block_on(async {
        let folder = Folder::new();
        let url = format!("sqlite://{}/a%20b%3Fc%25.db", folder.path().display());
        Engine::open(&url).await.unwrap().close().await.unwrap();
        assert!(folder.path().join("a b?c%.db").exists());
    });
}

#[test]
fn several_engines_may_open_one_new_file_at_once() {
    for _ in 0..10 {
        let folder = Folder::new();
        let url = folder.url("");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    future::block_on(async {
                        let engine = Engine::open(&url).await.unwrap();
                        engine.execute(sql("CREATE TABLE IF NOT EXISTS t (n INTEGER)")).await.unwrap();
                        engine.execute(sql("INSERT INTO t VALUES (1)")).await.unwrap();
                    });
                });
            }
        });
        future::block_on(async {
            let engine = Engine::open(&url).await.unwrap();
            assert_eq!(engine.count(sql("SELECT n FROM t").returning::<i64>()).await.unwrap(), 4);
        });
    }
}
