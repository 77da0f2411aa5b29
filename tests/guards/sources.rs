//! What stands in the sources.

use std::path::{Path, PathBuf};

/// Runtimes, as code names them.
const RUNTIMES: [&str; 6] = ["tokio", "smol", "async_std", "async_global_executor", "glommio", "monoio"];

/// The one line that names traits of tokio, which are no runtime: tokio-postgres is written against them.
const TRAITS: (&str, &str) =
    ("crates/orm-exec/src/postgres/wire.rs", "use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};");

/// Crates that name runtimes because that is their work.
const NAME_RUNTIMES: [&str; 2] = ["orm-testkit", "orm-bench"];

/// Above this a file holds more than one idea.
const LONGEST: usize = 700;

#[test]
fn no_runtime_is_named() {
    let mut named = Vec::new();
    for path in crate::rust_files("crates") {
        let inside = path.strip_prefix(crate::root().join("crates")).expect("it was found there");
        let mut folders = inside.iter().map(|part| part.to_string_lossy());
        let (package, folder) = (folders.next().unwrap_or_default(), folders.next().unwrap_or_default());
        if folder == "src" && !NAME_RUNTIMES.contains(&&*package) {
            named.extend(lines_with(&path, &RUNTIMES));
        }
    }
    let (file, line) = TRAITS;
    let file = crate::root().join(file);
    let text = crate::read(&file);
    let number = 1 + text.lines().position(|other| other == line).expect("the traits are named");
    assert_eq!(named, [format!("{}:{number}", file.display())]);
}

/// Code on memory only: it can be tested without a database, and cannot block.
#[test]
fn plain_code_awaits_nothing() {
    let session = ["arena", "load", "state", "tracker", "unit_of_work"];
    let is_plain = |path: &PathBuf| {
        let inside = path.strip_prefix(crate::root().join("crates")).expect("it was found there");
        let inside = inside.with_extension("");
        inside.starts_with("orm-core/src")
            || session.iter().any(|module| inside.starts_with(format!("orm-session/src/{module}")))
    };
    let plain: Vec<PathBuf> = crate::rust_files("crates").into_iter().filter(is_plain).collect();
    for expected in ["orm-core/src/lib.rs", "orm-session/src/tracker.rs", "orm-session/src/load/plan.rs"] {
        assert!(plain.contains(&crate::root().join("crates").join(expected)), "{expected}");
    }
    // Not `net`: there are columns of addresses. Sockets are.
    let sockets = ["TcpStream", "TcpListener", "UdpSocket", "UnixStream", "ToSocketAddrs"];
    let words = [&["async", "await", "Future", "Engine", "Lease", "fs", "thread"][..], &sockets].concat();
    let found: Vec<String> = plain.iter().flat_map(|path| lines_with(path, &words)).collect();
    assert_eq!(found, [""; 0]);
}

/// What is generic over an entity is compiled again for each one of a program: in the arena that is as little as can be.
#[test]
fn the_arena_does_not_know_its_entities() {
    let typed = ["values.rs", "hooks.rs"];
    // With the type only in their signatures: they put a value in or take one out, and the rest is done by its id.
    let doors = ["new_arena", "read", "write", "insert", "adopt", "overwrite", "renew", "of", "of_mut"];
    let arena = crate::rust_files("crates/orm-session/src/arena");
    assert!(arena.len() > 5, "{arena:?}");
    let of_arena = arena.into_iter().chain([crate::root().join("crates/orm-session/src/arena.rs")]);
    for path in of_arena.filter(|path| !typed.iter().any(|typed| path.ends_with(typed))) {
        for line in crate::read(&path).lines().filter(|line| line.contains("E: Entity")) {
            let name = line.split("fn ").nth(1).and_then(|rest| rest.split('<').next());
            assert!(name.is_some_and(|name| doors.contains(&name)), "{}: {line}", path.display());
        }
    }
}

#[test]
fn nothing_is_unsafe() {
    let manifest = crate::read("Cargo.toml");
    assert!(manifest.contains("\nunsafe_code = \"forbid\"\n"), "the workspace forbids it");
    for package in packages() {
        let manifest = crate::read(package.join("Cargo.toml"));
        assert!(manifest.contains("\n[lints]\nworkspace = true\n"), "{} takes the lints", package.display());
    }
    let found: Vec<String> = ["crates", "examples"]
        .into_iter()
        .flat_map(crate::rust_files)
        .flat_map(|path| lines_with(&path, &["unsafe"]))
        .collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<String> = ["crates", "examples", "tests"]
        .into_iter()
        .flat_map(crate::rust_files)
        .map(|path| (crate::read(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > LONGEST)
        .map(|(lines, path)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert_eq!(long, [""; 0]);
}

#[test]
fn words_are_found_in_code_only() {
    let numbers = |text| numbers_of_lines_with(text, &["tokio", "unsafe"]);
    assert_eq!(numbers("use tokio::spawn;\n"), [1]);
    assert_eq!(numbers("fn a() {\n    unsafe { b() }\n}\n"), [2]);
    assert_eq!(numbers("let url = \"x://y\"; tokio::spawn(f); // why\n"), [1]);
    // In comments, and inside other words.
    assert_eq!(numbers("/// Runs under tokio.\n// unsafe\nlet a = 1; // tokio\n"), [0; 0]);
    assert_eq!(numbers("use tokio_postgres::Client;\n#![forbid(unsafe_code)]\n"), [0; 0]);
}

/// The folders of the packages of the workspace.
fn packages() -> Vec<PathBuf> {
    let crates = std::fs::read_dir(crate::root().join("crates")).expect("the folder is there");
    let crates = crates.map(|entry| entry.expect("the folder can be listed").path());
    crates.chain([crate::root().join("tests")]).collect()
}

fn lines_with(path: &Path, words: &[&str]) -> Vec<String> {
    let numbers = numbers_of_lines_with(&crate::read(path), words);
    numbers.into_iter().map(|number| format!("{}:{number}", path.display())).collect()
}

/// The lines, counted from 1, whose code has one of these words.
fn numbers_of_lines_with(text: &str, words: &[&str]) -> Vec<usize> {
    let mut numbers = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        // A comment begins the line or follows a blank: the slashes of a URL do not.
        let code = if line.trim_start().starts_with("//") { "" } else { line };
        let code = code.split(" //").next().unwrap_or_default();
        let mut found = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        if found.any(|word| words.contains(&word)) {
            numbers.push(number);
        }
    }
    numbers
}
