//! The command line of a peer: `<peer> <work> <database file> [--quick] [its own options]`.

use std::path::PathBuf;

use crate::{Fault, Laps, Size, Work};

/// One process: one work on one file.
#[derive(Clone, Debug)]
pub struct Run {
    pub work: Work,
    pub file: PathBuf,
    pub size: Size,
    options: Vec<String>,
}

impl Run {
    pub fn from_arguments() -> Result<Self, Fault> {
        let (options, words): (Vec<String>, Vec<String>) =
            std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
        let [work, file] = words.as_slice() else {
            return Err("usage: <peer> <work> <database file> [--quick]".into());
        };
        let size = if options.iter().any(|option| option == "--quick") { Size::QUICK } else { Size::FULL };
        let work = Work::named(work).ok_or_else(|| format!("there is no work `{work}`"))?;
        Ok(Self { work, file: file.into(), size: size.of(work), options })
    }

    /// The value of `--name=value`.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options
            .iter()
            .find_map(|option| option.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('='))
    }

    pub fn has(&self, flag: &str) -> bool {
        self.options.iter().any(|option| option.strip_prefix("--") == Some(flag))
    }

    /// The number of each lap: 0 warms up.
    pub fn rounds(&self) -> std::ops::RangeInclusive<usize> {
        0..=self.work.laps()
    }

    pub fn print(&self, laps: &Laps) {
        laps.print(self.work.units(self.size));
    }

    /// Says that the peer does not do this work, and why, and ends the process.
    pub fn leave_out(&self, reason: &str) -> ! {
        println!("- {reason}");
        std::process::exit(0)
    }
}
