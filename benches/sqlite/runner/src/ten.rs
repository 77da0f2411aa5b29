//! The ten tasks: each package has a program that does them as its authors would (`src/bin/tasks.rs`). All are run, what they
//! print and store is checked, and the lines that they take are counted.

mod check;
mod count;
mod plain;
mod table;

use sqlite_bench_common::Fault;

use crate::options::Options;
use crate::packages::Packages;
use count::Lines;

/// What each is called, and what it is.
const TASKS: [(&str, &str); 10] = [
    ("models", "define the entities and their relations, create the tables"),
    ("insert_graph", "store a user with three posts"),
    ("read_by_key", "read a user by key, or none"),
    ("filter", "two conditions, an order by two columns, at most five"),
    ("with_children", "all users with their posts, not one query for each user"),
    ("change", "read a post, change two columns, save what changed"),
    ("many_to_many", "give a post an old and a new tag, read the posts of a tag"),
    ("rollback", "store nothing of a transaction that fails, and tell that a value was not unique"),
    ("aggregate", "number of posts and sum of views by user, into a struct"),
    ("upsert", "insert a user, or change the name of the one with that email"),
];

/// A column of the table.
struct Peer {
    name: &'static str,
    package: &'static str,
    /// Its program, in the folder of the package.
    source: &'static str,
}

impl Peer {
    const fn new(name: &'static str, package: &'static str) -> Self {
        Self { name, package, source: "src/bin/tasks.rs" }
    }

    fn is_rust(&self) -> bool {
        self.source.ends_with(".rs")
    }
}

const PEERS: [Peer; 6] = [
    Peer::new("anyorm", "anyorm"),
    Peer { source: "tasks.py", ..Peer::new("SQLAlchemy", "sqlalchemy") },
    Peer::new("SeaORM", "sea-orm"),
    Peer::new("diesel-async", "diesel-async"),
    Peer::new("SQLx", "sqlx"),
    Peer::new("Toasty", "toasty"),
];

/// A peer whose program did all that it should, and what it took.
struct Done {
    name: &'static str,
    version: String,
    lines: Lines,
    /// All of its lines, formatted as anybody would.
    plain: usize,
}

pub(crate) fn run(packages: &Packages, options: &Options) -> Result<(), Fault> {
    let wanted: Vec<&Peer> = PEERS.iter().filter(|peer| options.wants(peer.name, peer.package)).collect();
    let names: Vec<&'static str> = wanted.iter().map(|peer| peer.package).collect();
    let skipped = packages.build(&names, options)?;
    let mut done = Vec::new();
    let mut failures = 0;
    for peer in wanted.into_iter().filter(|peer| !skipped.contains(&peer.package)) {
        match one(peer, packages) {
            Ok(peer) => done.push(peer),
            Err(failure) => {
                println!("{} FAILED: {failure}", peer.name);
                failures += 1;
            }
        }
    }
    let table = table::markdown(&done);
    if !done.is_empty() {
        print!("{table}");
    }
    if failures > 0 {
        return Err(format!("{failures} programs failed").into());
    }
    if options.write {
        if done.len() < PEERS.len() {
            return Err("nothing is written, because not all programs were run".into());
        }
        table::write(&table, packages)?;
    }
    Ok(())
}

fn one(peer: &Peer, packages: &Packages) -> Result<Done, Fault> {
    check::check(packages.tasks(peer.package), peer.package)?;
    let source = packages.folder(peer.package).join(peer.source);
    let lines = Lines::of(&source, &std::fs::read_to_string(&source)?)?;
    let plain = match peer.is_rust() {
        true => Lines::of(&source, &plain::formatted(&source)?)?.sum(),
        false => lines.sum(),
    };
    Ok(Done { name: peer.name, version: packages.version(peer.package), lines, plain })
}
