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
    pub(crate) fn new(options: &Options) -> Result<Self, Fault> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().ok_or("the folder of the runner has no parent")?.to_owned();
        Ok(Self { root, target: options.target.clone() })
    }

    /// Answers those that cannot be had here.
    pub(crate) fn build(
        &self,
        names: &[&'static str],
        options: &Options,
    ) -> Result<Vec<&'static str>, Fault> {
        let mut skipped = Vec::new();
        for &package in names {
            if package == SQLALCHEMY {
                if let Err(reason) = self.prepare_sqlalchemy() {
                    println!("{package} is skipped: {reason}");
                    skipped.push(package);
                }
            } else if options.build {
                self.build_one(package)?;
            }
        }
        Ok(skipped)
    }

    fn build_one(&self, package: &str) -> Result<(), Fault> {
        let manifest = self.folder(package).join("Cargo.toml");
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
        let requirements = self.folder(SQLALCHEMY).join("requirements.txt");
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements);
        if succeeds(&mut pip) && is_ready() { Ok(()) } else { Err("pip cannot install it".into()) }
    }

    /// The beginning of the command that runs its benchmark.
    pub(crate) fn command(&self, package: &str) -> Command {
        self.program(package, "bench")
    }

    /// The same of its ten tasks.
    pub(crate) fn tasks(&self, package: &str) -> Command {
        self.program(package, "tasks")
    }

    fn program(&self, package: &str, name: &str) -> Command {
        let target = self.target_of(package);
        if package == SQLALCHEMY {
            let mut command = Command::new(python_of(&target));
            command.arg(self.folder(package).join(format!("{name}.py")));
            return command;
        }
        Command::new(target.join("release").join(format!("sqlite-{name}-{package}")))
    }

    /// Where its sources are.
    pub(crate) fn folder(&self, package: &str) -> PathBuf {
        self.root.join(package)
    }

    /// What each line is of, in words.
    pub(crate) fn versions(&self, lines: &[Line]) -> Vec<(&'static str, String)> {
        names(lines).into_iter().map(|package| (package, self.versions_of(package))).collect()
    }

    fn versions_of(&self, package: &str) -> String {
        if package == SQLALCHEMY {
            return self.python(
                "import sys, sqlite3, sqlalchemy, aiosqlite; print(f'Python {sys.version.split()[0]}, \
                 sqlalchemy {sqlalchemy.__version__}, aiosqlite {aiosqlite.__version__}, \
                 SQLite {sqlite3.sqlite_version}')",
            );
        }
        let version = |name: &&str| Some(format!("{name} {}", self.locked(package, name)?));
        CRATES.iter().filter_map(version).collect::<Vec<_>>().join(", ")
    }

    /// The version of what it is named after.
    pub(crate) fn version(&self, package: &str) -> String {
        match package {
            SQLALCHEMY => self.python("import sqlalchemy; print(sqlalchemy.__version__)"),
            package => self.locked(package, package).unwrap_or_default(),
        }
    }

    /// The version of a crate in the lock file of a package.
    fn locked(&self, package: &str, name: &str) -> Option<String> {
        let lock = std::fs::read_to_string(self.folder(package).join("Cargo.lock")).ok()?;
        let entry =
            lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{name}\"\n")))?;
        let version = entry.lines().find_map(|line| line.strip_prefix("version = "))?;
        Some(version.trim_matches('"').to_owned())
    }

    /// What a program prints in the environment of SQLAlchemy.
    fn python(&self, program: &str) -> String {
        let told = Command::new(python_of(&self.target_of(SQLALCHEMY))).args(["-c", program]).output();
        told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned()).unwrap_or_default()
    }

    /// The folder of the whole project.
    pub(crate) fn project(&self) -> PathBuf {
        self.root.join("../..")
    }
}

/// The packages of these lines.
pub(crate) fn names(lines: &[Line]) -> Vec<&'static str> {
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
