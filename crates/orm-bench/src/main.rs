//! What anyorm costs, as ratios to the same work by hand with rusqlite on one thread.
//!
//! ```text
//! cargo run --release -p orm-bench                        the table
//! cargo run --release -p orm-bench -- insert              the lines whose names contain `insert`
//! cargo run --release -p orm-bench -- --rounds=99         more rounds than 25
//! cargo run --release -p orm-bench -- --fastest           the fastest rounds, not the medians: for a busy machine
//! cargo run --release -p orm-bench -- --profile insert    anyorm's side alone, under `block_on`, for a profiler
//! cargo run --release -p orm-bench -- --profile-by-hand insert   the other side alone
//! cargo run --release -p orm-bench -- --statements        what statements cost to be built and written, in nanoseconds
//! cargo run --release -p orm-bench -- --instructions          what a few paths take, as callgrind counts it
//! cargo run -p orm-bench -- --quick                       tiny sizes: shows that it works, measures nothing
//! ```
//!
//! Both sides have a file of their own with the same tables and pragmas, and take turns, so that a busy machine
//! disturbs both alike. The median of all rounds counts. Nothing is asserted about the ratios.

#![allow(clippy::print_stdout, reason = "it prints a table")]

mod case;
mod instructions;
mod model;
mod parents;
mod plans;
mod reads;
mod requests;
mod rows;
mod statements;
mod streams;
mod table;

use std::path::{Path, PathBuf};

use anyorm::Engine;
use futures_lite::future;

use case::{Case, Fault, Size, Times};

fn main() -> Result<(), Fault> {
    let (options, filters): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let has = |name: &str| options.iter().any(|option| option == name);
    let mut size = if has("--quick") { Size::QUICK } else { Size::FULL };
    if let Some(rounds) = options.iter().find_map(|option| option.strip_prefix("--rounds=")) {
        size.rounds = rounds.parse()?;
    }
    size.fastest = has("--fastest");
    if has("--statements") {
        return statements::print(size.rounds);
    }
    if has("--instructions") {
        return instructions::run(&options);
    }
    let is_wanted =
        |name: &str| filters.is_empty() || filters.iter().any(|part| name.contains(part.as_str()));
    let all = reads::cases()
        .into_iter()
        .chain(rows::cases())
        .chain(parents::cases())
        .chain(requests::cases())
        .chain(streams::cases());
    let cases: Vec<Case> = all.filter(|case| is_wanted(case.name)).collect();
    let folder = Folder::new()?;
    if has("--profile") {
        return cases.iter().try_for_each(|case| profile(case, size, &folder.0));
    }
    if has("--profile-by-hand") {
        return cases.iter().try_for_each(|case| profile_by_hand(case, size, &folder.0));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    table::head(size);
    for case in &cases {
        table::line(case, size, &measure(case, size, &folder.0, &runtime)?);
    }
    table::foot();
    future::block_on(plans::line(size, &folder.0, is_wanted))
}

/// Runs one case: in each round by hand, then under each executor.
fn measure(
    case: &Case,
    size: Size,
    folder: &Path,
    runtime: &tokio::runtime::Runtime,
) -> Result<Times, Fault> {
    let file = |side: &str| {
        folder.join(format!("{}-{side}.db", case.name.replace(|c: char| !c.is_alphanumeric(), "_")))
    };
    let mut raw = model::open_by_hand(&file("raw"))?;
    let engine = future::block_on(model::open(&file("ours"), case.dispatch))?;
    let mut times = Times::default();
    // The first round fills caches and files.
    for round in 0..=size.rounds {
        let by_hand = (case.by_hand)(&mut raw, size)?;
        let bare = future::block_on((case.ours)(engine.clone(), size))?;
        let tokio = runtime.block_on(async { runtime.spawn((case.ours)(engine.clone(), size)).await })??;
        if round > 0 {
            times.add(by_hand, bare, tokio);
        }
    }
    future::block_on(Engine::close(&engine))?;
    Ok(times)
}

/// Runs one case by anyorm alone.
fn profile(case: &Case, size: Size, folder: &Path) -> Result<(), Fault> {
    future::block_on(async {
        let engine = model::open(&folder.join("profile.db"), case.dispatch).await?;
        for _ in 0..size.rounds {
            (case.ours)(engine.clone(), size).await?;
        }
        Ok(engine.close().await?)
    })
}

/// Runs one case by hand alone.
fn profile_by_hand(case: &Case, size: Size, folder: &Path) -> Result<(), Fault> {
    let mut raw = model::open_by_hand(&folder.join("profile.db"))?;
    (0..size.rounds).try_for_each(|_| (case.by_hand)(&mut raw, size).map(drop))
}

/// A folder for the databases, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("anyorm-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that cannot be removed is left to the system's cleaning.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
