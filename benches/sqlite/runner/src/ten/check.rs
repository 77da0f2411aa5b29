//! Runs a program on a new file, and looks at what it prints and at what is in the tables then.

use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use sqlite_bench_common::Fault;

const PRINTED: &str = include_str!("../tasks-expected.txt");
const STORED: &str = include_str!("../tasks-stored.txt");

/// The rows as lines. Without their keys: of those that a failed transaction had taken nothing is said.
const ROWS: &str = "
SELECT line FROM (
    SELECT 1 AS part, 'user ' || name || ' ' || email AS line FROM users
    UNION ALL
    SELECT 2, 'post ' || title || ' ' || views || ' ' || name FROM posts JOIN users ON users.id = author_id
    UNION ALL
    SELECT 3, 'tag ' || name || ' of ' || title FROM post_tags
    JOIN tags ON tags.id = tag_id JOIN posts ON posts.id = post_id
) ORDER BY part, line";

pub(super) fn check(mut program: Command, package: &str) -> Result<(), Fault> {
    let folder = std::env::temp_dir().join(format!("anyorm-sqlite-tasks-{}-{package}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("tasks.db");
    let checked = run(program.arg(&file), &file);
    let _ = std::fs::remove_dir_all(folder);
    checked
}

fn run(program: &mut Command, file: &Path) -> Result<(), Fault> {
    let output = program.output()?;
    if !output.status.success() {
        return Err(end_of(&String::from_utf8_lossy(&output.stderr)).into());
    }
    compare("printed", &String::from_utf8(output.stdout)?, PRINTED)?;
    compare("stored", &stored(file)?, STORED)
}

/// The last lines: Python says first where it was.
fn end_of(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().collect();
    lines[lines.len().saturating_sub(4)..].join("\n")
}

fn stored(file: &Path) -> Result<String, Fault> {
    let connection = Connection::open(file)?;
    let mut statement = connection.prepare(ROWS)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    let lines: Vec<String> = lines.collect::<Result<_, _>>()?;
    Ok(lines.join("\n"))
}

/// Names the first line that differs.
fn compare(what: &str, found: &str, expected: &str) -> Result<(), Fault> {
    let (mut found, mut expected) = (found.lines(), expected.lines());
    loop {
        match (found.next(), expected.next()) {
            (None, None) => return Ok(()),
            (found, expected) if found == expected => {}
            (found, expected) => {
                let (found, expected) = (found.unwrap_or("nothing"), expected.unwrap_or("nothing"));
                return Err(format!("it {what} `{found}`, not `{expected}`").into());
            }
        }
    }
}
