//! Where it was measured.

use std::process::Command;

pub fn describe() -> String {
    let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // How busy others keep it.
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("unknown");
    format!(
        "{}, {cores} cores, load {load} at the beginning, Linux {}, {}, commit {}",
        processor.as_deref().unwrap_or("a processor without a name"),
        kernel.trim(),
        first_line("rustc", &["--version"]),
        first_line("git", &["rev-parse", "--short=10", "HEAD"]),
    )
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let told = Command::new(program).args(arguments).output();
    told.ok()
        .and_then(|told| String::from_utf8_lossy(&told.stdout).lines().next().map(str::to_owned))
        .unwrap_or_else(|| format!("{program} does not say"))
}
