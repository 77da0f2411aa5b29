//! The ten tasks that each package does in its own way (`src/bin/tasks.rs`): what is around them in all programs, and does
//! not count.

use std::fmt::Display;
use std::path::PathBuf;

use crate::Fault;

/// How many tables there are, users and posts.
pub const TABLES: &str =
    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
pub const USERS: &str = "SELECT count(*) FROM users";
pub const POSTS: &str = "SELECT count(*) FROM posts";

/// The names of all users, in order.
pub const NAMES: &str = "SELECT group_concat(name, ', ') FROM (SELECT name FROM users ORDER BY name)";

/// The file of the database, which is the only argument.
pub fn file() -> Result<PathBuf, Fault> {
    Ok(std::env::args_os().nth(1).ok_or("which file?")?.into())
}

/// Statements that are executed after the first two tasks, so that the others find something.
pub fn seed() -> impl Iterator<Item = &'static str> {
    include_str!("../tasks-seed.sql").split("\n\n")
}

/// Tells the result of a task.
pub fn tell<T: Display>(task: &str, parts: impl IntoIterator<Item = T>) {
    let parts: Vec<String> = parts.into_iter().map(|part| part.to_string()).collect();
    println!("{task}: {}", parts.join(", "));
}
