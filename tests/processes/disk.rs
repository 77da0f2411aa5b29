//! Disks that are full, limits on the size of files, files and directories that may not be written.

use std::fs::{self, Permissions};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyorm::error::DatabaseErrorKind as Kind;
use anyorm::prelude::*;
use anyorm::{Error, Result, Trusted};
use anyorm_tests::check::{full_again, says};
use anyorm_tests::{Account, Tag, blog, tag};
use futures_lite::future::block_on;

use crate::child::{Child, Folder};
use crate::{Role, Test, say};

pub(crate) const TESTS: &[Test] = &[
    ("disk::a_limit_on_files_is_told_and_loses_nothing", a_limit_on_files),
    ("disk::a_limit_that_checkpoints_meet_loses_nothing", a_limit_that_checkpoints_meet),
    ("disk::a_full_disk_is_told_and_the_session_goes_on", a_full_disk),
    ("disk::a_file_that_may_not_be_written", a_file_that_may_not_be_written),
    ("disk::a_directory_that_may_not_be_written", a_directory_that_may_not_be_written),
];

pub(crate) const ROLES: &[Role] = &[("filler", filler), ("denied", denied)];

fn kind(error: &Error) -> Option<Kind> {
    error.database().map(|error| error.kind)
}

fn row(id: i64) -> Tag {
    Tag { id, ..tag(&format!("{id} {}", "x".repeat(2_000))) }
}

async fn ids(engine: &Engine) -> Result<Vec<i64>> {
    engine.all(Tag::select().columns(Tag::ID).order_by(Tag::ID)).await
}

/// Adds rows by a session until there is no room, and says how many were committed.
async fn fill(engine: &Engine) -> Result<(i64, Error, Session)> {
    let mut session = engine.session();
    for id in 1.. {
        session.add(row(id));
        if let Err(error) = session.commit().await {
            return Ok((id - 1, error, session));
        }
    }
    unreachable!("there is no end of numbers")
}

/// How many rows are stored: all of them, or none for want of room.
fn stored<T>(result: Result<T>, rows: i64) -> i64 {
    match result {
        Ok(_) => rows,
        Err(error) if matches!(kind(&error), Some(Kind::Io | Kind::DiskFull)) => 0,
        Err(error) => panic!("{error:?}"),
    }
}

/// Fills a file until the system allows no more, and tries every way of writing then.
fn filler(arguments: &[String]) -> std::result::Result<(), String> {
    let work = async {
        let engine = Engine::open(&arguments[0]).await?;
        let mut connection = engine.connection().await?;
        let checkpoint =
            sql(Trusted(format!("PRAGMA wal_autocheckpoint = {}", arguments[1]))).returning::<i64>();
        connection.scalar(checkpoint).await?;
        drop(connection);
        let (mut committed, error, mut session) = fill(&engine).await?;
        assert!(matches!(kind(&error), Some(Kind::Io | Kind::DiskFull)), "{error:?}");
        say(&format!("{:?}", kind(&error)));
        says(&error, &["send the same work again", "test.db"]);
        assert!(matches!(session.commit().await, Err(Error::Inactive { .. })));
        session.recover().await?;
        // The connection that met the error is closed, which makes some room in the log.
        committed += stored(session.commit().await, 1);
        session.rollback().await?;
        for _ in 0..3 {
            committed += stored(engine.insert_many((committed + 1..).take(50).map(row)).await, 50);
            let mut transaction = engine.begin().await?;
            let many = Tag::insert().values((committed + 1..).take(50).map(row));
            let result = match transaction.execute(many).await {
                Ok(_) => transaction.commit().await,
                Err(error) => Err(error),
            };
            committed += stored(result, 50);
        }
        assert!(committed < 100, "the limit is below that");
        assert_eq!(ids(&engine).await?.len() as i64, committed, "what is stored can be read");
        assert!(session.get::<Tag>(1).await?.is_some());
        full_again(&engine);
        // It is of no matter to the acknowledged commits that the last checkpoint fails, too.
        engine.close().await?;
        say(&committed.to_string());
        Ok::<_, Error>(())
    };
    block_on(work).map_err(|error| error.to_string())
}

/// SIGXFSZ is ignored, so a write beyond the limit (in blocks of 512 bytes) answers an error.
const LIMITED: &str = "trap '' XFSZ; ulimit -f 400; exec \"$@\"";

fn limited(checkpoint: &str) -> String {
    if !cfg!(unix) {
        return "skipped: there is no ulimit here".to_owned();
    }
    let folder = Folder::new();
    block_on(async {
        let engine = Engine::open(&folder.url("")).await?;
        engine.create_all(&blog()).await?;
        engine.close().await
    })
    .expect("tables are made");
    let arguments = [&*folder.url(""), checkpoint];
    let lines = Child::start_by(&["sh", "-c", LIMITED, "sh"], "filler", &arguments).end();
    let [kind, committed] = &lines[..] else { panic!("{lines:?}") };
    let stored = block_on(whole(&folder.url(""))).expect("the file opens again");
    assert_eq!(stored.to_string(), *committed, "what was acknowledged is there, and nothing else");
    format!("{kind} after {committed} commits")
}

/// How many tags there are in a file, which is whole, and can be written.
async fn whole(url: &str) -> Result<i64> {
    let engine = Engine::open(url).await?;
    assert_eq!(engine.all(sql("PRAGMA integrity_check").returning::<String>()).await?, ["ok"]);
    let ids = ids(&engine).await?;
    let committed = ids.len() as i64;
    assert_eq!(ids, (1..=committed).collect::<Vec<_>>());
    engine.execute(Account::insert().value(Account { id: 1, balance: 1 })).await?;
    engine.close().await?;
    Ok(committed)
}

/// The log reaches the limit first.
fn a_limit_on_files() -> String {
    limited("0")
}

/// The log is written back every other page, so the database reaches the limit first: a checkpoint fails, after commits
/// that were acknowledged.
fn a_limit_that_checkpoints_meet() -> String {
    limited("2")
}

/// A file system in memory, as small as wanted. Unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).ok()?;
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(at).output().ok()?;
        mount.status.success().then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

fn a_full_disk() -> String {
    let folder = Folder::new();
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk")) else {
        return "skipped: no small file system may be mounted here".to_owned();
    };
    let (file, ballast) = (disk.0.join("test.db"), disk.0.join("ballast"));
    let url = format!("sqlite://{}", file.display());
    let test = async {
        fs::write(&ballast, vec![0; 400_000]).expect("there is room for it");
        let engine = Engine::open(&url).await?;
        engine.create_all(&blog()).await?;
        let (committed, error, mut session) = fill(&engine).await?;
        assert_eq!(kind(&error), Some(Kind::DiskFull), "{error:?}");
        says(
            &error,
            &[&file.display().to_string(), "disk is full", "free some space", "send the same work again"],
        );
        assert_eq!(ids(&engine).await?.len() as i64, committed);
        // A new engine on a full disk.
        match Engine::open(&url).await {
            Ok(other) => assert_eq!(ids(&other).await?.len() as i64, committed),
            Err(error) => assert!(matches!(kind(&error), Some(Kind::DiskFull)), "{error:?}"),
        }
        let other = format!("sqlite://{}", disk.0.join("other.db").display());
        if let Err(error) = Engine::open(&other).await {
            assert!(matches!(kind(&error), Some(Kind::DiskFull)), "{error:?}");
        }
        fs::remove_file(&ballast).expect("it is removed");
        session.recover().await?;
        session.commit().await?;
        assert_eq!(
            ids(&engine).await?.len() as i64,
            committed + 1,
            "nothing is lost, and nothing is there twice"
        );
        full_again(&engine);
        drop(session);
        engine.close().await?;
        assert_eq!(whole(&url).await?, committed + 1);
        Ok::<_, Error>(committed)
    };
    format!("{} commits", block_on(test).expect("the disk is full, and then it is not"))
}

/// Reads and writes what it may not write, and says what it is told.
fn denied(arguments: &[String]) -> std::result::Result<(), String> {
    let work = async {
        let engine = match Engine::open(&arguments[0]).await {
            Ok(engine) => engine,
            Err(error) => {
                say(&format!("opening: {error}").replace('\n', " "));
                return Ok(());
            }
        };
        say(&format!("{} rows", engine.count(Account::select()).await?));
        let error = engine.execute(Account::delete().everything()).await.expect_err("it may not");
        say(&format!("{:?}: {error}", kind(&error)).replace('\n', " "));
        let mut session = engine.session();
        let account = session.get_one::<Account>(1).await?;
        session[account].balance = 5;
        let error = session.commit().await.expect_err("it may not");
        assert_eq!(kind(&error), Some(Kind::ReadOnly), "{error:?}");
        session.rollback().await?;
        assert_eq!(session[account].balance, 1);
        full_again(&engine);
        Ok::<_, Error>(())
    };
    block_on(work).map_err(|error| error.to_string())
}

/// What a child is told that is not the superuser, who may do anything. None where nobody else can be had.
#[cfg(unix)]
fn denied_by(file: u32, directory: u32) -> Option<Vec<String>> {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let prepare = async {
        let engine = Engine::open(&folder.url("")).await?;
        engine.create_all(&blog()).await?;
        engine.insert_many([Account { id: 1, balance: 1 }]).await?;
        engine.close().await
    };
    block_on(prepare).expect("tables are made");
    fs::set_permissions(folder.file(), Permissions::from_mode(file)).expect("it is ours");
    fs::set_permissions(folder.path(), Permissions::from_mode(directory)).expect("it is ours");
    let other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let is_root = fs::write(folder.path().join("try"), "").is_ok() && directory & 0o200 == 0;
    let may =
        Command::new(other[0]).args(&other[1..]).arg(std::env::current_exe().ok()?).arg("--list").output();
    let others = may.is_ok_and(|output| output.status.success());
    let url = folder.url("");
    let child = match (others, is_root) {
        (true, _) => Child::start_by(&other, "denied", &[&url]),
        (false, false) => Child::start("denied", &[&url]),
        (false, true) => return None,
    };
    let lines = child.end();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
    Some(lines)
}

#[cfg(not(unix))]
fn denied_by(_: u32, _: u32) -> Option<Vec<String>> {
    None
}

fn a_file_that_may_not_be_written() -> String {
    // The directory may be: SQLite makes its log there.
    let Some(lines) = denied_by(0o444, 0o777) else {
        return "skipped: everything may be written by this user".to_owned();
    };
    let [rows, error] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(rows, "1 rows");
    assert!(error.starts_with("Some(ReadOnly)"), "{error}");
    for part in ["test.db", "readonly database", "let this process write", "DELETE"] {
        assert!(error.contains(part), "{error}");
    }
    String::new()
}

fn a_directory_that_may_not_be_written() -> String {
    let Some(lines) = denied_by(0o666, 0o555) else {
        return "skipped: everything may be written by this user".to_owned();
    };
    let [error] = &lines[..] else { panic!("{lines:?}") };
    for part in
        ["opening: cannot open the database", "test.db", "permissions of the file and of its directory"]
    {
        assert!(error.contains(part), "{error}");
    }
    String::new()
}
