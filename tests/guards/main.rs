//! What must stay true of the code as a whole, and no compiler says.
//!
//! | guard | what it holds |
//! |---|---|
//! | `arrows` | the crates depend one way: core <- exec <- session <- facade |
//! | `dependencies` | what a user builds: no runtime, nothing twice, within the budget |
//! | `sources` | no runtime is named, nothing is `unsafe`, no file is too long |
//! | `pages` | the documents say what the code says |
//! | `cancellation` | every async call says what a drop leaves behind, and a test drops it |
//!
//! A guard is a function that answers what it found, and is itself tested on input that it must refuse.

mod arrows;
mod cancellation;
mod dependencies;
mod pages;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package of tests is a folder of the workspace")
}

/// A file of the workspace.
fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What cargo answers. It asks the network at most for what an optional feature needs and nobody has built yet.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).arg("--locked").current_dir(root()).output();
    let output = output.expect("the cargo that built this test runs");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

/// All Rust files below a folder of the workspace, except what was built.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("the folder can be listed").path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
