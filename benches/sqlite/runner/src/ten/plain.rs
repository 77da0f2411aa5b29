//! A program as rustfmt writes it with settings of nobody: those of this repository make some packages shorter than others.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use sqlite_bench_common::Fault;

pub(super) fn formatted(source: &Path) -> Result<String, Fault> {
    // Where it finds no settings.
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    rustfmt.stdin.take().ok_or("rustfmt reads nothing")?.write_all(&std::fs::read(source)?)?;
    let output = rustfmt.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("rustfmt does not format {}", source.display()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
