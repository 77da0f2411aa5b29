//! How many instructions a few paths take, as callgrind counts them: the same number on a busy machine and on a quiet one.
//!
//! ```text
//! cargo run --release -p orm-bench -- --instructions           counts, next to what is stored in `instructions.txt`
//! cargo run --release -p orm-bench -- --instructions --check   fails where a path takes more than it may
//! cargo run --release -p orm-bench -- --instructions --store   stores what was counted
//! ```
//!
//! Each path runs in a process of its own, once for few and once for many repetitions, under `valgrind --tool=callgrind`. The
//! difference, by the repetitions that lie between, is what one costs: what starting costs is in both.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyorm::bridge::{Urgency, WorkerJob, Workers};
use anyorm::prelude::*;
use anyorm::{Dispatch, Query, SQLITE};
use futures_lite::future::block_on;

use crate::case::{Fault, check};
use crate::model::{self, User, fill, user};
use crate::statements;

/// A path may take so much more than is stored, in percent: another version of the compiler takes a few.
const TOLERANCE: u64 = 10;

const FEW: usize = 5;
const MANY: usize = 25;

struct PathOfCode {
    name: &'static str,
    /// How often for one repetition: small paths drown in what starting costs, which is not always the same.
    each: usize,
    run: fn(usize, &Path) -> Result<(), Fault>,
}

const PATHS: [PathOfCode; 7] = [
    PathOfCode { name: "plan-10-of-1000", each: 40, run: plan },
    PathOfCode { name: "text-looked-up", each: 40, run: text_looked_up },
    PathOfCode { name: "build-ten-clauses", each: 40, run: build },
    PathOfCode { name: "read-inline", each: 40, run: read_inline },
    PathOfCode { name: "request-mixed", each: 40, run: request },
    PathOfCode { name: "rows-1000-plain", each: 1, run: rows_into_values },
    PathOfCode { name: "rows-1000-tracked", each: 1, run: rows_into_entities },
];

/// Counts all paths, and does with the counts what the options say.
pub(crate) fn run(options: &[String]) -> Result<(), Fault> {
    let has = |name: &str| options.iter().any(|option| option == name);
    if let Some(one) = options.iter().find_map(|option| option.strip_prefix("--path=")) {
        return run_one(one, options);
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("there is no valgrind here: nothing was counted");
        return Ok(());
    }
    let stored = stored()?;
    let mut counts = BTreeMap::new();
    let mut worse = Vec::new();
    println!("{:<20} {:>14} {:>14} {:>8}", "path", "instructions", "stored", "ratio");
    for PathOfCode { name, each, .. } in PATHS {
        let more = counted(name, MANY * each)?.saturating_sub(counted(name, FEW * each)?);
        let count = more / ((MANY - FEW) * each) as u64;
        let before = stored.get(name).copied().unwrap_or(count);
        println!("{name:<20} {count:>14} {before:>14} {:>8.2}", count as f64 / before as f64);
        if count * 100 > before * (100 + TOLERANCE) {
            worse.push(name);
        }
        counts.insert(name.to_owned(), count);
    }
    if has("--store") {
        let lines: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}\n")).collect();
        std::fs::write(file(), lines.concat())?;
    } else if has("--check") && !worse.is_empty() {
        return Err(format!(
            "more than {TOLERANCE} % above what is stored: {}. Find out why with `callgrind_annotate`, or say in the commit why it \
             must be, and store it with --store",
            worse.join(", ")
        )
        .into());
    }
    Ok(())
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.txt")
}

fn stored() -> Result<BTreeMap<String, u64>, Fault> {
    let Ok(text) = std::fs::read_to_string(file()) else { return Ok(BTreeMap::new()) };
    let entry = |line: &str| {
        let (name, count) = line.split_once(' ')?;
        Some((name.to_owned(), count.parse().ok()?))
    };
    text.lines()
        .map(|line| entry(line).ok_or_else(|| format!("`{line}` is no name and count").into()))
        .collect()
}

/// The instructions of a process that runs a path so many times.
fn counted(name: &str, times: usize) -> Result<u64, Fault> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe()?);
    let output =
        valgrind.args(["--instructions", &format!("--path={name}"), &format!("--times={times}")]).output()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let count = told.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    match count {
        Some(count) if output.status.success() => Ok(count),
        _ => Err(format!("{name} was not counted: {told}").into()),
    }
}

fn run_one(name: &str, options: &[String]) -> Result<(), Fault> {
    let times =
        options.iter().find_map(|option| option.strip_prefix("--times=")?.parse().ok()).unwrap_or(FEW);
    let path =
        PATHS.iter().find(|path| path.name == name).ok_or_else(|| format!("there is no path {name}"))?;
    let folder = crate::Folder::new()?;
    (path.run)(times, &folder.0)
}

/// Planning a flush of 10 changed among 1,000 tracked entities.
fn plan(times: usize, folder: &Path) -> Result<(), Fault> {
    block_on(async {
        let engine = open(folder, 1_000).await?;
        let mut session = engine.session();
        let users = session.all(User::select()).await?;
        for &user in users.iter().step_by(100) {
            session[user].age = Some(-1);
        }
        for _ in 0..times {
            check("rows planned", black_box(session.changes()?).len(), 10)?;
        }
        Ok(engine.close().await?)
    })
}

fn text_looked_up(times: usize, _: &Path) -> Result<(), Fault> {
    let statement = statements::ten_clauses().statement()?;
    for _ in 0..times {
        black_box(statement.compile(&SQLITE)?);
    }
    Ok(())
}

fn build(times: usize, _: &Path) -> Result<(), Fault> {
    for _ in 0..times {
        black_box(statements::ten_clauses().statement()?);
    }
    Ok(())
}

/// A read by key on the thread of the task.
fn read_inline(times: usize, folder: &Path) -> Result<(), Fault> {
    block_on(async {
        let engine = open(folder, 100).await?;
        for _ in 0..times {
            let mut session = engine.session();
            let user = session.get_one::<User>(7).await?;
            check("key", session[user].id as usize, 7)?;
        }
        Ok(engine.close().await?)
    })
}

/// A request that reads a row, changes it, adds another, and commits. Its jobs run on the thread of the task: how long a thread waits
/// for another is not counted in instructions.
fn request(times: usize, folder: &Path) -> Result<(), Fault> {
    block_on(async {
        let engine = model::builder(&folder.join("instructions.db"), Dispatch::Worker);
        let engine = engine.workers(Arc::new(OnThisThread)).open().await?;
        model::create(&engine).await?;
        fill(&engine, 100).await?;
        for number in 0..times {
            let mut session = engine.session();
            let found = session.get_one::<User>(number as i64 % 100 + 1).await?;
            session[found].age = session[found].age.map(|age| age + 1);
            let added = session.add(user(number));
            session.commit().await?;
            check("keys", session[added].id as usize, 101 + number)?;
        }
        Ok(engine.close().await?)
    })
}

/// Runs each job at once.
#[derive(Debug)]
struct OnThisThread;

impl Workers for OnThisThread {
    fn spawn(&self, _: Urgency, job: WorkerJob) {
        job();
    }
}

fn rows_into_values(times: usize, folder: &Path) -> Result<(), Fault> {
    block_on(async {
        let engine = open(folder, 1_000).await?;
        for _ in 0..times {
            check("rows", black_box(engine.all(User::select()).await?).len(), 1_000)?;
        }
        Ok(engine.close().await?)
    })
}

fn rows_into_entities(times: usize, folder: &Path) -> Result<(), Fault> {
    block_on(async {
        let engine = open(folder, 1_000).await?;
        for _ in 0..times {
            check("rows", black_box(engine.session().all(User::select()).await?).len(), 1_000)?;
        }
        Ok(engine.close().await?)
    })
}

async fn open(folder: &Path, users: usize) -> Result<Engine, Fault> {
    let engine = model::open(&folder.join("instructions.db"), Dispatch::Auto).await?;
    fill(&engine, users).await?;
    Ok(engine)
}
