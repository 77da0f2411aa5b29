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

/// Who does not ask for UUIDs does not build them.
#[test]
fn uuid_is_built_only_when_asked_for() {
    assert!(!built_by_users().contains_key("uuid"));
    let asked = built_with(&["--features", "uuid"]);
    assert!(asked.contains_key("uuid"), "{asked:?}");
    assert_eq!(twice(&asked), [""; 0]);
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
