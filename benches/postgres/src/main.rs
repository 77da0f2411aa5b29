//! anyorm on PostgreSQL, side by side with its peers: the same work in one process, on the same server, in turns.
//!
//! ```text
//! cargo run --release                              the table
//! cargo run --release -- insert                    the work whose name contains `insert`
//! cargo run --release -- --lines=anyorm,by-hand    the lines whose names contain one of these words
//! cargo run --release -- --rounds=31               more rounds than 11
//! cargo run --release -- --fastest                 the fastest rounds, not the medians: for a busy machine
//! cargo run --release -- --lazy-commit             synchronous_commit=off: what clients cost, not the disk
//! cargo run --release -- --write                   also writes docs/benchmarks/postgres.md and its pictures
//! cargo run --release -- --quick                   tiny sizes: shows that it works, measures nothing
//! ```
//!
//! `ANYORM_POSTGRES` names another server than `postgres://postgres@127.0.0.1:5432/test`. The tables are in a schema of
//! their own, which is dropped at the end.

mod by_hand;
mod goals;
mod lap;
mod line;
mod measure;
mod page;
mod rows;
mod server;
mod table;
mod with_anyorm;
mod with_diesel;
mod with_sea_orm;
mod with_sqlx;
mod work;

use lap::Fault;
use line::Line;
use server::Server;
use work::{Size, Work};

/// Connections of each pool. The work is sequential and needs one.
const CONNECTIONS: usize = 4;

fn main() -> Result<(), Fault> {
    let (options, words): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let value_of = |name: &str| options.iter().find_map(|option| option.strip_prefix(name));
    let has = |name: &str| options.iter().any(|option| option == name);
    let mut size = if has("--quick") { Size::QUICK } else { Size::FULL };
    if let Some(rounds) = value_of("--rounds=") {
        size.rounds = rounds.parse()?;
    }
    size.fastest = has("--fastest");
    let is_wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let lines_wanted: Option<Vec<&str>> = value_of("--lines=").map(|names| names.split(',').collect());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let server = runtime.block_on(Server::open(has("--lazy-commit")))?;
    let measured = (|| {
        let mut lines = runtime.block_on(all_lines(server.url()))?;
        if let Some(names) = lines_wanted {
            lines.retain(|line| names.iter().any(|name| line.name.contains(name)));
        }
        let settings = runtime.block_on(server.settings())?;
        table::head(size, &settings);
        let mut all = Vec::new();
        for work in Work::ALL.into_iter().filter(|work| is_wanted(work.name())) {
            let times = measure::measure(work, &lines, size, &server, &runtime)?;
            table::part(work, size, &times);
            all.push((work, times));
        }
        let verdicts = goals::judge(&all);
        table::goals(&verdicts);
        if has("--write") {
            page::write(&settings, size, &all, &verdicts)?;
        }
        Ok(())
    })();
    // Also after a failure, so that nothing is left behind.
    runtime.block_on(server.close())?;
    measured
}

async fn all_lines(url: &str) -> Result<Vec<Line>, Fault> {
    let mut lines = by_hand::lines(url).await?;
    lines.extend(with_anyorm::lines(url).await?);
    lines.extend(with_sqlx::lines(url).await?);
    lines.extend(with_sea_orm::lines(url).await?);
    lines.extend(with_diesel::lines(url).await?);
    Ok(lines)
}
