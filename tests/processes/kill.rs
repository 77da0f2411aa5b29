//! Writers that are killed at any moment. What they were told is committed must be there, and the file must be whole,
//! without anybody's help.
//!
//! A killed process does not show what a power cut does: the system still has what was written to it. That is what
//! [`a_log_that_lost_its_end`] is for: it takes from the log what had not been synced, or spoils it.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyorm::prelude::*;
use anyorm_tests::random::Random;
use anyorm_tests::{Account, blog};
use futures_lite::future::block_on;

use crate::child::{Child, Folder};
use crate::{Role, Test, say, setting};

pub(crate) const TESTS: &[Test] = &[
    ("kill::full_keeps_what_was_acknowledged", || killed_writers("synchronous=full")),
    ("kill::normal_stays_whole", || killed_writers("synchronous=normal")),
    ("kill::checkpoints_that_are_killed", || killed_writers("synchronous=normal&checkpoint")),
    ("kill::a_journal_that_is_rolled_back", || killed_writers("synchronous=full&journal_mode=delete")),
    ("kill::large_transactions_are_all_or_nothing", large_transactions),
    ("kill::files_that_were_about_to_be_made", new_files),
    ("kill::a_log_that_lost_its_end", a_log_that_lost_its_end),
];

pub(crate) const ROLES: &[Role] = &[("writer", writer), ("large", large), ("maker", maker)];

const ROUNDS: u64 = 6;
/// Rows of a large transaction.
const LARGE: i64 = 3_000;

fn rounds() -> u64 {
    setting("ANYORM_PROCESSES_ROUNDS", ROUNDS)
}

fn random() -> Random {
    Random::new(setting("ANYORM_PROCESSES_SEED", 1))
}

fn text(error: anyorm::Error) -> String {
    error.to_string()
}

/// Commits rows 1, 2, 3 .., by a session and by a statement in turn, and says each number after its commit.
fn writer(arguments: &[String]) -> Result<(), String> {
    let write = async {
        // What follows `&` is for this program, not for the URL.
        let (url, checkpoints) = match arguments[0].strip_suffix("&checkpoint") {
            Some(url) => (url, true),
            None => (&*arguments[0], false),
        };
        let engine = Engine::open(url).await?;
        engine.create_all(&blog()).await?;
        if checkpoints {
            // One for each commit, nearly.
            let mut connection = engine.connection().await?;
            connection.scalar(sql("PRAGMA wal_autocheckpoint = 2").returning::<i64>()).await?;
        }
        let mut id = engine.count(Account::select()).await?.cast_signed();
        loop {
            id += 1;
            let account = Account { id, balance: id };
            if id % 2 == 0 {
                let mut session = engine.session();
                session.add(account);
                session.commit().await?;
            } else {
                engine.execute(Account::insert().value(account)).await?;
            }
            say(&id.to_string());
        }
    };
    let ended: anyorm::Result<()> = block_on(write);
    ended.map_err(text)
}

fn killed_writers(options: &str) -> String {
    let (folder, mut random) = (Folder::new(), random());
    let url = folder.url(&format!("?{options}"));
    let (mut acknowledged, mut more) = (0, 0);
    for _ in 0..rounds() {
        let child = Child::start("writer", &[&url]);
        let first = child.line().expect("it commits");
        sleep(Duration::from_micros(random.below(60_000)));
        let mut lines = vec![first];
        lines.extend(child.kill());
        // The last one may be cut off in the middle.
        let told = lines.iter().rev().find_map(|line| line.parse::<i64>().ok()).expect("numbers");
        assert!(told > acknowledged, "nothing new: {lines:?}");
        acknowledged = told;
        let stored = rows_of(&folder.file());
        assert!(stored >= acknowledged, "{acknowledged} was acknowledged, {stored} is stored");
        more += u64::from(stored > acknowledged);
        acknowledged = stored;
    }
    format!(
        "{acknowledged} commits; {more} of {} kills hit between a commit and its acknowledgement",
        rounds()
    )
}

/// The rows of a file, which are 1, 2, 3 .. without a gap; and it is whole. A fresh engine must do with what it finds.
fn rows_of(file: &Path) -> i64 {
    let check = async {
        let engine = Engine::open(&format!("sqlite://{}?mode=rw", file.display())).await?;
        let check = engine.all(sql("PRAGMA integrity_check").returning::<String>()).await?;
        assert_eq!(check, ["ok"]);
        let ids = engine.all(Account::select().columns(Account::ID).order_by(Account::ID)).await?;
        let wanted: Vec<i64> = (1..=ids.len() as i64).collect();
        assert_eq!(ids, wanted, "a commit is missing");
        // And it can be written.
        engine.execute(sql("CREATE TABLE IF NOT EXISTS alive (n INTEGER)")).await?;
        engine.execute(sql("INSERT INTO alive VALUES (1)")).await?;
        engine.close().await?;
        Ok::<_, anyorm::Error>(ids.len() as i64)
    };
    block_on(check).expect("the file opens again by itself")
}

/// Large transactions one after the other: says a line before each BEGIN and after each COMMIT.
fn large(arguments: &[String]) -> Result<(), String> {
    let write = async {
        let engine = Engine::open(&arguments[0]).await?;
        engine.create_all(&blog()).await?;
        // The pages do not fit into the cache: they are written before the COMMIT.
        let mut connection = engine.connection().await?;
        connection.execute(sql("PRAGMA cache_size = 20")).await?;
        drop(connection);
        loop {
            let last = engine.count(Account::select()).await?.cast_signed();
            say("begin");
            let mut session = engine.session();
            session.add_all((last + 1..=last + LARGE).map(|id| Account { id, balance: id }));
            session.commit().await?;
            say(&(last + LARGE).to_string());
        }
    };
    let ended: anyorm::Result<()> = block_on(write);
    ended.map_err(text)
}

fn large_transactions() -> String {
    let (folder, mut random) = (Folder::new(), random());
    let url = folder.url("");
    let mut stored = 0;
    for _ in 0..rounds() {
        let child = Child::start("large", &[&url]);
        child.says("begin");
        sleep(Duration::from_micros(random.below(150_000)));
        let lines = child.kill();
        let told = lines.iter().rev().find_map(|line| line.parse::<i64>().ok()).unwrap_or(stored);
        stored = rows_of(&folder.file());
        assert_eq!(stored % LARGE, 0, "half a transaction");
        assert!(stored >= told, "{told} was acknowledged, {stored} is stored");
    }
    format!("{stored} rows in transactions of {LARGE}")
}

/// Makes a database, and says so.
fn maker(arguments: &[String]) -> Result<(), String> {
    let make = async {
        let engine = Engine::open(&arguments[0]).await?;
        say("open");
        engine.create_all(&blog()).await?;
        say("made");
        crate::child::wait_for_a_line();
        Ok(())
    };
    block_on(make).map_err(text)
}

fn new_files() -> String {
    let mut random = random();
    let mut made = 0;
    for _ in 0..rounds() {
        let folder = Folder::new();
        let url = folder.url("?synchronous=full");
        let children: Vec<Child> = (0..3).map(|_| Child::start("maker", &[&url])).collect();
        sleep(Duration::from_micros(random.below(60_000)));
        let lines: Vec<Vec<String>> = children.into_iter().map(Child::kill).collect();
        let errors: Vec<_> = lines.iter().flatten().filter(|line| line.starts_with("error")).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let again = async {
            let engine = Engine::open(&url).await?;
            if lines.iter().flatten().any(|line| line == "made") {
                assert_eq!(engine.count(Account::select()).await?, 0, "the tables are there");
            }
            engine.create_all(&blog()).await
        };
        block_on(again).expect("the file is finished by the next one");
        made += lines.iter().flatten().filter(|line| *line == "made").count();
        assert_eq!(rows_of(&folder.file()), 0);
    }
    format!("{made} of {} makers had made the tables", 3 * rounds())
}

/// What a power cut leaves of a log that was not synced: less of it, or something else. Commits at the end may be gone,
/// never one in the middle, and the file is whole.
fn a_log_that_lost_its_end() -> String {
    let (folder, mut random) = (Folder::new(), random());
    let child = Child::start("writer", &[&folder.url("")]);
    while child.line().expect("it commits").parse::<i64>().expect("a number") < 40 {}
    child.kill();
    let (file, log) = (folder.file(), folder.path().join("test.db-wal"));
    let (database, whole) = (fs::read(&file).expect("it is there"), fs::read(&log).expect("it is there"));
    let mut kept = Vec::new();
    for round in 0..4 * rounds() {
        let broken = Folder::new();
        fs::write(broken.file(), &database).expect("it is written");
        let path = broken.path().join("test.db-wal");
        fs::write(&path, &whole).expect("it is written");
        let end = random.below(whole.len() as u64);
        let mut log = fs::OpenOptions::new().read(true).write(true).open(&path).expect("it is opened");
        if round % 2 == 0 {
            log.set_len(end).expect("it is cut");
        } else {
            // A page that was not written whole.
            let mut page = vec![0; 512];
            log.seek(SeekFrom::Start(end)).expect("it is long enough");
            let read = log.read(&mut page).expect("it is read");
            page.iter_mut().for_each(|byte| *byte ^= 0x5a);
            log.seek(SeekFrom::Start(end)).expect("it is long enough");
            log.write_all(&page[..read]).expect("it is written");
        }
        drop(log);
        // The tables themselves may be what is gone.
        block_on(async {
            let engine = Engine::open(&broken.url("")).await?;
            engine.create_all(&blog()).await?;
            engine.close().await
        })
        .expect("it opens by itself");
        kept.push(rows_of(&broken.file()));
    }
    format!("{} to {} commits were left", kept.iter().min().unwrap_or(&0), kept.iter().max().unwrap_or(&0))
}
