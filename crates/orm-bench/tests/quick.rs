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
        assert_eq!(lines, 1, "{name} in\n{printed}");
    }
}

#[test]
fn a_filter_selects_lines() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_ratios")).args(["--quick", "mixed"]).output().expect("it starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed.lines().filter(|line| line.contains(" x ")).count(), 1, "{printed}");
    // Read on one connection, then everything else in one job on another.
    let mixed = printed.lines().find(|line| line.contains("mixed")).expect("its line");
    assert!(mixed.trim_end().ends_with(" 2"), "two hops: {mixed}");
}
