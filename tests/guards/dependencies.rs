//! What a program that uses anyorm builds.

use std::collections::BTreeMap;

/// Runtimes, by the names of their packages.
const RUNTIMES: [&str; 8] = [
    "tokio",
    "smol",
    "async-std",
    "async-global-executor",
    "embassy-executor",
    "futures-executor",
    "glommio",
    "monoio",
];

/// The packages that a program builds besides itself, at most. The goal is 45; the number here is what there is, so that
/// no package comes in unseen.
const BUDGET: usize = 48;

/// What there is of tokio with PostgreSQL: traits for reading and writing, the bytes that they read, and the locks and channels
/// that tokio-util is built on, which need no runtime. Its default is nothing.
const TRAITS_OF_TOKIO: [&str; 4] = ["default", "bytes", "io-util", "sync"];

/// Packages that PostgreSQL brings in a second version: see `deny.toml` for why.
const TWICE_WITH_POSTGRES: [&str; 2] = ["fallible-iterator: ", "getrandom: "];

#[test]
fn users_build_no_runtime() {
    let built = built_by_users();
    let runtimes: Vec<_> = RUNTIMES.iter().filter(|name| built.contains_key(**name)).collect();
    assert!(runtimes.is_empty(), "the facade depends on {runtimes:?}");
}

#[test]
fn users_build_nothing_twice() {
    assert_eq!(twice(&built_by_users()), [""; 0]);
}

// Other systems need other packages.
#[cfg(target_os = "linux")]
#[test]
fn users_build_within_the_budget() {
    let built = built_by_users();
    assert!(built.contains_key("libsqlite3-sys"), "SQLite is bundled: {built:?}");
    let crates: usize = built.values().map(Vec::len).sum();
    assert!(crates <= BUDGET, "{crates} packages: {built:?}");
}

/// Who does not ask for spans does not build them.
#[test]
fn tracing_is_built_only_when_asked_for() {
    assert!(!built_by_users().contains_key("tracing"));
    let asked = built_with(&["--features", "tracing"]);
    assert!(asked.contains_key("tracing") && !asked.contains_key("tracing-attributes"), "{asked:?}");
    let runtimes: Vec<_> = RUNTIMES.iter().filter(|name| asked.contains_key(**name)).collect();
    assert!(runtimes.is_empty(), "{runtimes:?}");
    assert_eq!(twice(&asked), [""; 0]);
}

/// Who does not ask for the types of a crate does not build it, and who asks builds nothing twice.
#[test]
fn crates_of_types_are_built_only_when_asked_for() {
    let crates = ["bigdecimal", "chrono", "ipnetwork", "jiff", "rust_decimal", "time", "uuid"];
    let without = built_by_users();
    for name in crates {
        assert!(!without.contains_key(name), "{name}");
        let asked = built_with(&["--features", name]);
        assert!(asked.contains_key(name), "{asked:?}");
        for other in crates.iter().filter(|other| **other != name) {
            assert!(!asked.contains_key(*other), "{name} brings {other}");
        }
    }
    assert_eq!(twice(&built_with(&["--features", &crates.join(",")])), [""; 0]);
}

/// Who does not ask for PostgreSQL builds no line of what it needs. Who does builds tokio without its runtime: the traits
/// for reading and writing, and the bytes that they read.
#[test]
fn postgres_brings_no_runtime() {
    let without = built_by_users();
    for package in ["tokio", "tokio-postgres", "tokio-util", "mio", "rustls"] {
        assert!(!without.contains_key(package), "{package}: {without:?}");
    }
    let with = built_with(&["--features", "postgres"]);
    assert!(with.contains_key("tokio-postgres") && with.contains_key("rustls"), "{with:?}");
    let runtimes: Vec<_> = RUNTIMES.iter().filter(|name| with.contains_key(**name)).collect();
    assert_eq!(runtimes, [&"tokio"]);
    let tree = ["tree", "--package", "anyorm", "--features", "postgres", "--edges", "normal,build"];
    let tokio = crate::cargo(&[&tree[..], &["--prefix", "none", "--format", "{p} [{f}]"]].concat());
    let features: Vec<&str> = tokio.lines().filter(|line| line.starts_with("tokio v")).collect();
    assert!(!features.is_empty(), "{tokio}");
    for line in features {
        let (_, list) = line.split_once('[').expect("the format has brackets");
        let (list, _) = list.split_once(']').expect("the format has brackets");
        let others: Vec<&str> = list.split(',').filter(|name| !TRAITS_OF_TOKIO.contains(name)).collect();
        assert_eq!(others, [""; 0], "{line}");
    }
    // What the two drivers and TLS are built on came at different times.
    let twice = twice(&with);
    assert!(
        twice.iter().all(|name| TWICE_WITH_POSTGRES.iter().any(|known| name.starts_with(known))),
        "{twice:?}"
    );
}

#[test]
fn a_crate_of_two_versions_is_found() {
    let built = parse("a v1.0.0\nb v1.0.0 (proc-macro)\na v2.0.0\nb v1.0.0 (*)\n");
    assert_eq!(twice(&built), ["a: [\"v1.0.0\", \"v2.0.0\"]"]);
}

fn twice(built: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let twice = built.iter().filter(|(_, versions)| versions.len() > 1);
    twice.map(|(name, versions)| format!("{name}: {versions:?}")).collect()
}

/// The packages that the facade needs on this machine, and the versions of each.
fn built_by_users() -> BTreeMap<String, Vec<String>> {
    built_with(&[])
}

/// The same with more arguments.
fn built_with(more: &[&str]) -> BTreeMap<String, Vec<String>> {
    let tree = ["tree", "--package", "anyorm", "--edges", "normal,build", "--prefix", "none"];
    parse(&crate::cargo(&[&tree, more].concat()))
}

/// Reads lines of a name, a version and remarks.
fn parse(tree: &str) -> BTreeMap<String, Vec<String>> {
    let mut packages = BTreeMap::<String, Vec<String>>::new();
    for line in tree.lines() {
        let mut words = line.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        let versions = packages.entry(name.to_owned()).or_default();
        if !versions.iter().any(|known| known == version) {
            versions.push(version.to_owned());
        }
    }
    packages
}
