//! What a statement costs before it is sent: to be built, and to be written. Plain nanoseconds, since nothing else does it.
//!
//! ```text
//! cargo run --release -p orm-bench -- --statements
//! ```

use std::hint::black_box;
use std::time::Instant;

use anyorm::prelude::*;
use anyorm::{Dialect, MARIADB, POSTGRES, Query, SQLITE};

use crate::case::Fault;
use crate::model::{Author, Book};

/// A query of ten clauses: selected columns, a join, four conditions, a group, a condition on it, an order, a limit.
pub(crate) fn ten_clauses() -> impl Query {
    Author::select()
        .join(Author::BOOKS)
        .filter(Author::ID.gt(3))
        .filter(Author::NAME.starts_with("a") | Book::TITLE.contains("b"))
        .filter(Book::ID.is_in([1, 2, 3, 4]))
        .filter(Author::ID.lt(Book::ID + 7))
        .group_by((Author::ID, Author::NAME))
        .having(count(Book::ID).ge(2))
        .order_by((count(Book::ID).desc(), Author::NAME))
        .limit(20)
        .columns((Author::ID, Author::NAME, count(Book::ID)))
}

/// A row by its key.
fn by_key() -> impl Query {
    Author::select().filter(Author::ID.eq(7))
}

/// Prints the medians.
pub(crate) fn print(rounds: usize) -> Result<(), Fault> {
    println!("{:<12} {:<11} {:>9} {:>9}", "statement", "dialect", "build ns", "write ns");
    for dialect in [&SQLITE, &POSTGRES, &MARIADB] {
        line("ten clauses", dialect, rounds, ten_clauses)?;
        line("by key", dialect, rounds, by_key)?;
    }
    Ok(())
}

fn line<Q: Query>(name: &str, dialect: &Dialect, rounds: usize, query: impl Fn() -> Q) -> Result<(), Fault> {
    const TIMES: u32 = 1_000;
    let statement = query().statement()?;
    let (mut builds, mut writes) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let start = Instant::now();
        for _ in 0..TIMES {
            black_box(query().statement()?);
        }
        builds.push(start.elapsed() / TIMES);
        let start = Instant::now();
        for _ in 0..TIMES {
            black_box(statement.compile(dialect)?);
        }
        writes.push(start.elapsed() / TIMES);
    }
    let median = |times: &mut Vec<std::time::Duration>| {
        times.sort();
        times[times.len() / 2].as_nanos()
    };
    println!("{name:<12} {:<11} {:>9} {:>9}", dialect.name, median(&mut builds), median(&mut writes));
    Ok(())
}
