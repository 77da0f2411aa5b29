//! The program works, with sizes too small to measure anything.

use std::process::Command;

#[test]
fn every_line_is_printed() {
    let output = Command::new(env!("CARGO_BIN_EXE_ratios")).arg("--quick").output().expect("it starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    for name in [
        "session.get",
        "engine.first",
        "engine.all",
        "run_sync",
        "tracked",
        "insert 10,000",
        "change one",
        "parents",
        "mixed",
    ] {
        let lines = printed.lines().filter(|line| line.contains(name) && line.contains(" x ")).count();
        // Some work is measured under both dispatches.
        let dispatches = if ["session.get", "engine.first", "mixed"].contains(&name) { 2 } else { 1 };
        assert_eq!(lines, dispatches, "{name} in\n{printed}");
    }
}

/// Counting takes a release build and minutes: here it is only seen that there is something to count.
#[test]
fn every_path_that_is_counted_runs() {
    let stored = include_str!("../instructions.txt");
    for line in stored.lines() {
        let (name, count) = line.split_once(' ').expect("a name and a count");
        assert!(count.parse::<u64>().is_ok_and(|count| count > 0), "{line}");
        let arguments = ["--instructions", &format!("--path={name}"), "--times=2"];
        let output = Command::new(env!("CARGO_BIN_EXE_ratios")).args(arguments).output().expect("it starts");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(stored.lines().count() >= 6, "{stored}");
}

#[test]
fn a_filter_selects_lines() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_ratios")).args(["--quick", "mixed"]).output().expect("it starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed.lines().filter(|line| line.contains(" x ")).count(), 2, "{printed}");
    // Read on one connection, then everything else in one job on another.
    let hops_of = |name: &str| {
        let line = printed.lines().find(|line| line.contains(name)).expect("its line");
        line.split_whitespace().last().map(str::to_owned)
    };
    assert_eq!(hops_of("mixed request:").as_deref(), Some("2"), "{printed}");
    // The read is inline.
    assert_eq!(hops_of("mixed request, Auto").as_deref(), Some("1"), "{printed}");
}
