//! A package that is made to be built: from nothing, again, and for users.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Fault;
use crate::cpu;

pub(crate) struct Package {
    name: String,
    folder: PathBuf,
}

/// What a build took.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// Of all processes of the build. `None` where the system does not tell.
    pub(crate) cpu: Option<Duration>,
}

impl Package {
    /// Makes it, and has what it depends on downloaded.
    pub(crate) fn new(place: &Path, name: &str, dependencies: &str, program: &str) -> Result<Self, Fault> {
        let folder = place.join(name);
        // Not the name of what it depends on.
        let name = format!("{name}-program");
        fs::create_dir_all(folder.join("src"))?;
        let manifest = format!(
            "[workspace]\n\n[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}\n"
        );
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::write(folder.join("src/main.rs"), program)?;
        let package = Self { name, folder };
        package.run(&["fetch"])?;
        Ok(package)
    }

    /// Builds it from nothing.
    pub(crate) fn build_clean(&self) -> Result<Cost, Fault> {
        let _ = fs::remove_dir_all(self.target());
        self.build(&["build", "--quiet", "--offline"])
    }

    /// Builds it again after its own text has changed.
    pub(crate) fn build_again(&self) -> Result<Cost, Fault> {
        let file = self.folder.join("src/main.rs");
        let text = fs::read_to_string(&file)?;
        fs::write(&file, text + "\n")?;
        self.build(&["build", "--quiet", "--offline"])
    }

    /// The bytes of the program that users are given, which is run to see that it works.
    pub(crate) fn release(&self, told: &str) -> Result<u64, Fault> {
        self.run(&["build", "--release", "--quiet", "--offline"])?;
        let program =
            self.target().join("release").join(format!("{}{}", self.name, std::env::consts::EXE_SUFFIX));
        let output = Command::new(&program).output()?;
        if !output.status.success() || String::from_utf8_lossy(&output.stdout).trim() != told {
            return Err(format!("{} did not say `{told}`: {output:?}", self.name).into());
        }
        Ok(fs::metadata(program)?.len())
    }

    /// How many packages are compiled besides its own, those for build scripts and macros included.
    pub(crate) fn crates(&self) -> Result<usize, Fault> {
        let tree =
            ["tree", "--offline", "--edges=normal,build", "--prefix=none", "--no-dedupe", "--format={p}"];
        let output = self.cargo(&tree).stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8(output.stdout)?;
        // A macro is told as one at some of its places only.
        let names = text.lines().filter_map(|line| line.split(" (").next()).map(str::trim);
        Ok(names.filter(|line| !line.is_empty()).collect::<BTreeSet<_>>().len().saturating_sub(1))
    }

    /// The version of a package it depends on.
    pub(crate) fn version_of(&self, name: &str) -> Result<String, Fault> {
        let lock = fs::read_to_string(self.folder.join("Cargo.lock"))?;
        let named = format!("name = \"{name}\"\nversion = \"");
        let version = lock.split(&named).nth(1).and_then(|rest| rest.split('"').next());
        Ok(version.ok_or_else(|| format!("{name} is not in the lock file of {}", self.name))?.to_owned())
    }

    /// What takes the most room is not needed any more.
    pub(crate) fn clear(&self) -> io::Result<()> {
        fs::remove_dir_all(self.target())
    }

    fn build(&self, arguments: &[&str]) -> Result<Cost, Fault> {
        let (start, before) = (Instant::now(), cpu::of_children());
        self.run(arguments)?;
        let cpu = cpu::of_children().zip(before).map(|(now, before)| now.saturating_sub(before));
        Ok(Cost { wall: start.elapsed(), cpu })
    }

    fn run(&self, arguments: &[&str]) -> Result<(), Fault> {
        let status = self.cargo(arguments).status()?;
        if !status.success() {
            return Err(format!("cargo {} of {} failed: {status}", arguments.join(" "), self.name).into());
        }
        Ok(())
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).current_dir(&self.folder);
        cargo.env("CARGO_TARGET_DIR", self.target()).env("CARGO_INCREMENTAL", "0");
        cargo
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }
}
