//! Misuse that the compiler refuses. Each file in `ui_misuse` makes one mistake, and its `.stderr` is what the user
//! reads.
//!
//! After a change, look at what differs, then take it over: `TRYBUILD=overwrite cargo test -p anyorm-tests --test types`.

use std::fs;
use std::path::Path;

#[test]
fn each_misuse_is_one_error() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui_misuse/*.rs");
    // Here they are compiled, and compared with their snapshots.
    drop(cases);

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui_misuse");
    let mut snapshots = 0;
    for entry in fs::read_dir(folder).expect("ui_misuse is there") {
        let path = entry.expect("ui_misuse can be listed").path();
        if path.extension().is_none_or(|extension| extension != "stderr") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a snapshot is text");
        let errors = text.lines().filter(|line| line.starts_with("error")).count();
        // The compiler tells of each side of `&&` before ours, which says what to write.
        let mistakes = if path.ends_with("conditions_joined_with_and_and.stderr") { 3 } else { 1 };
        assert_eq!(errors, mistakes, "errors in {}", path.display());
        snapshots += 1;
    }
    assert!(snapshots >= 40, "{snapshots} snapshots");
}
