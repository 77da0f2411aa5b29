//! Builds the peers, and knows how they are called and which versions they are of.

use std::path::{Path, PathBuf};
use std::process::Command;

use sqlite_bench_common::Fault;

use crate::lines::Line;
use crate::options::Options;

pub(crate) struct Packages {
    /// `benches/sqlite`.
    root: PathBuf,
    target: Option<PathBuf>,
}

/// The one that is not built by cargo.
const SQLALCHEMY: &str = "sqlalchemy";

/// What its table names of each package: what it measures, and the SQLite that it brings.
const CRATES: [&str; 11] = [
    "rusqlite",
    "tokio-rusqlite",
    "sqlx",
    "sea-orm",
    "diesel",
    "diesel-async",
    "toasty",
    "tokio",
    "smol",
    "async-std",
    "libsqlite3-sys",
];

impl Packages {
    /// Takes the lines away whose packages cannot be had here.
    pub(crate) fn build(lines: &mut Vec<Line>, options: &Options) -> Result<Self, Fault> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().ok_or("the folder of the runner has no parent")?.to_owned();
        let packages = Self { root, target: options.target.clone() };
        let mut skipped = Vec::new();
        for package in names(lines) {
            if package == SQLALCHEMY {
                if let Err(reason) = packages.prepare_sqlalchemy() {
                    println!("{package} is skipped: {reason}");
                    skipped.push(package);
                }
            } else if options.build {
                packages.build_one(package)?;
            }
        }
        lines.retain(|line| !skipped.contains(&line.package));
        Ok(packages)
    }

    fn build_one(&self, package: &str) -> Result<(), Fault> {
        let manifest = self.root.join(package).join("Cargo.toml");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--release", "--quiet", "--locked", "--manifest-path"]).arg(manifest);
        cargo.arg("--target-dir").arg(self.target_of(package));
        if cargo.status()?.success() { Ok(()) } else { Err(format!("{package} does not build").into()) }
    }

    fn target_of(&self, package: &str) -> PathBuf {
        match &self.target {
            Some(target) => target.join(package),
            None => self.root.join(package).join("target"),
        }
    }

    /// An environment of Python of its own, once.
    fn prepare_sqlalchemy(&self) -> Result<(), Fault> {
        let target = self.target_of(SQLALCHEMY);
        let python = python_of(&target);
        let is_ready = || succeeds(Command::new(&python).args(["-c", "import aiosqlite, sqlalchemy"]));
        if is_ready() {
            return Ok(());
        }
        if !succeeds(Command::new("python3").args(["-m", "venv"]).arg(&target)) {
            return Err("python3 makes no virtual environment here".into());
        }
        let requirements = self.root.join(SQLALCHEMY).join("requirements.txt");
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements);
        if succeeds(&mut pip) && is_ready() { Ok(()) } else { Err("pip cannot install it".into()) }
    }

    /// The beginning of the command that runs it.
    pub(crate) fn command(&self, package: &str) -> Command {
        let target = self.target_of(package);
        if package == SQLALCHEMY {
            let mut command = Command::new(python_of(&target));
            command.arg(self.root.join(SQLALCHEMY).join("bench.py"));
            return command;
        }
        Command::new(target.join("release").join(format!("sqlite-bench-{package}")))
    }

    /// What each line is of, in words.
    pub(crate) fn versions(&self, lines: &[Line]) -> Vec<(&'static str, String)> {
        names(lines).into_iter().map(|package| (package, self.versions_of(package))).collect()
    }

    fn versions_of(&self, package: &str) -> String {
        if package == SQLALCHEMY {
            let program = "import sys, sqlite3, sqlalchemy, aiosqlite; print(f'Python {sys.version.split()[0]}, \
                           sqlalchemy {sqlalchemy.__version__}, aiosqlite {aiosqlite.__version__}, \
                           SQLite {sqlite3.sqlite_version}')";
            let told = Command::new(python_of(&self.target_of(package))).args(["-c", program]).output();
            return told
                .map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned())
                .unwrap_or_default();
        }
        let lock = std::fs::read_to_string(self.root.join(package).join("Cargo.lock")).unwrap_or_default();
        let version = |name: &&str| {
            let entry =
                lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{name}\"\n")))?;
            let version = entry.lines().find_map(|line| line.strip_prefix("version = "))?;
            Some(format!("{name} {}", version.trim_matches('"')))
        };
        CRATES.iter().filter_map(version).collect::<Vec<_>>().join(", ")
    }

    /// The folder of the whole project.
    pub(crate) fn project(&self) -> PathBuf {
        self.root.join("../..")
    }
}

fn names(lines: &[Line]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for line in lines {
        if !names.contains(&line.package) {
            names.push(line.package);
        }
    }
    names
}

fn python_of(target: &Path) -> PathBuf {
    target.join("bin").join("python")
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
