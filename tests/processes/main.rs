//! Many processes on one file, processes that are killed, disks that are full: each test starts this program again, as
//! one of the roles that the files name.
//!
//! `ANYORM_PROCESSES_SECONDS=60 ANYORM_PROCESSES_ROUNDS=200 ANYORM_PROCESSES_SEED=7 cargo test -p anyorm-tests --test processes`
//! runs longer, or others. An argument selects the tests whose names contain it.
//!
//! | file | what it does |
//! |---|---|
//! | `child` | starting this program in a role, and talking with it |
//! | `load` | eight processes of four tasks each, mixed reads and writes |
//! | `kill` | writers that are killed, and logs that lose their end |
//! | `disk` | full disks, limits on files, permissions |
//! | `locked` | a lock that another process holds |

mod child;
mod disk;
mod kill;
mod load;
mod locked;

use std::io::Write;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

/// A test, which panics if it fails. What it answers is printed: figures, or why it was skipped.
type Test = (&'static str, fn() -> String);

/// What this program does when it was started by a test. An error is printed, and ends it.
type Role = (&'static str, fn(&[String]) -> Result<(), String>);

const TESTS: &[&[Test]] = &[kill::TESTS, disk::TESTS, locked::TESTS, load::TESTS];
const ROLES: &[&[Role]] = &[kill::ROLES, disk::ROLES, locked::ROLES, load::ROLES];

fn main() -> ExitCode {
    if let Some(code) = child::play(&ROLES.concat()) {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (options, filters): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| argument.starts_with('-'));
    let lists = options.iter().any(|option| *option == "--list");
    let mut failed = 0;
    for (name, test) in TESTS.concat() {
        if !filters.is_empty() && !filters.iter().any(|part| name.contains(part.as_str())) {
            continue;
        }
        if lists {
            say(&format!("{name}: test"));
            continue;
        }
        let start = Instant::now();
        match catch_unwind(test) {
            Ok(figures) => say(&format!("ok {name} ({:.1?}) {figures}", start.elapsed())),
            Err(_) => {
                failed += 1;
                say(&format!("FAILED {name}"));
            }
        }
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes a line at once: a test reads the lines of its children as they come.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: then nobody misses it.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
