//! Mistakes: each file in `ui` makes one, and its `.stderr` is what the user reads. What is right however odd it
//! looks is in `pass`.
//!
//! After a change, look at what differs, then take it over: `TRYBUILD=overwrite cargo test --test compile_fail`.

use std::fs;
use std::path::Path;

#[test]
fn each_mistake_is_told_at_its_token() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    cases.pass("tests/pass/*.rs");
}

#[test]
fn each_mistake_is_one_error() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let mut snapshots = 0;
    for entry in fs::read_dir(folder).expect("tests/ui is there") {
        let path = entry.expect("tests/ui can be listed").path();
        if path.extension().is_none_or(|extension| extension != "stderr") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a snapshot is text");
        let errors = text.lines().filter(|line| line.starts_with("error")).count();
        let mistakes = if path.ends_with("several_mistakes.stderr") { 4 } else { 1 };
        assert_eq!(errors, mistakes, "errors in {}", path.display());
        snapshots += 1;
    }
    assert!(snapshots >= 20, "{snapshots} snapshots");
}
