//! The command line.

use std::path::PathBuf;

use sqlite_bench_common::{Fault, Size, Work};

use crate::lines::{self, Line};

pub(crate) struct Options {
    words: Vec<String>,
    peers: Option<Vec<String>>,
    pub(crate) rounds: usize,
    pub(crate) size: Size,
    pub(crate) quick: bool,
    pub(crate) write: bool,
    pub(crate) build: bool,
    /// The ten tasks instead of the benchmark.
    pub(crate) tasks: bool,
    /// Where the peers are built, a folder for each; their own folders if it is not set.
    pub(crate) target: Option<PathBuf>,
}

impl Options {
    pub(crate) fn from_arguments() -> Result<Self, Fault> {
        let mut options = Self {
            words: Vec::new(),
            peers: None,
            rounds: 7,
            size: Size::FULL,
            quick: false,
            write: false,
            build: true,
            tasks: false,
            target: None,
        };
        for argument in std::env::args().skip(1) {
            options.take(&argument)?;
        }
        Ok(options)
    }

    fn take(&mut self, argument: &str) -> Result<(), Fault> {
        let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
        match name {
            "--peers" => self.peers = Some(value.split(',').map(str::to_owned).collect()),
            "--rounds" => self.rounds = value.parse::<usize>()?.max(1),
            "--target" => self.target = Some(std::path::absolute(value)?),
            "--write" => self.write = true,
            "--no-build" => self.build = false,
            "--tasks" => self.tasks = true,
            "--quick" => {
                self.quick = true;
                self.size = Size::QUICK;
                self.rounds = 2;
            }
            option if option.starts_with('-') => return Err(format!("there is no option `{option}`").into()),
            word => self.words.push(word.to_owned()),
        }
        Ok(())
    }

    pub(crate) fn work(&self) -> Vec<Work> {
        let is_wanted = |name: &str| self.words.iter().any(|word| name.contains(word.as_str()));
        Work::ALL.into_iter().filter(|work| self.words.is_empty() || is_wanted(work.name())).collect()
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        lines::ALL.into_iter().filter(|line| self.wants(line.name, line.package)).collect()
    }

    /// Whether a name, or all of a package, is among the peers.
    pub(crate) fn wants(&self, name: &str, package: &str) -> bool {
        let is_named = |word: &String| name.to_lowercase().contains(&word.to_lowercase()) || package == word;
        self.peers.as_ref().is_none_or(|peers| peers.iter().any(is_named))
    }
}
