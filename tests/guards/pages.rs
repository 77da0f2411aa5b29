//! The documents say what the code says.

#[test]
fn the_architecture_page_names_every_crate() {
    let page = crate::read("docs/architecture.md");
    assert_eq!(unnamed(&page), [""; 0]);
}

#[test]
fn a_crate_without_a_name_on_the_page_is_found() {
    let page = crate::read("docs/architecture.md").replace("`orm-exec`", "");
    assert_eq!(unnamed(&page), ["orm-exec"]);
}

/// Crates that a page does not name.
fn unnamed(page: &str) -> Vec<String> {
    let names = crate::arrows::workspace().into_iter().map(|(name, _)| name);
    names.filter(|name| !page.contains(&format!("`{name}`"))).collect()
}

#[test]
fn files_that_the_pages_name_are_there() {
    for page in
        ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/cancellation.md", "docs/glossary.md"]
    {
        assert_eq!(missing_files(&crate::read(page)), [""; 0], "{page}");
    }
}

#[test]
fn a_file_that_is_not_there_is_found() {
    let page = "See `crates/orm-core/src/lib.rs`, `examples/none.rs` and [this](docs/none.md).";
    assert_eq!(missing_files(page), ["examples/none.rs", "docs/none.md"]);
}

/// Paths from the root of the workspace that a page names and that lead nowhere.
fn missing_files(page: &str) -> Vec<&str> {
    let is_path =
        |word: &&str| ["crates/", "docs/", "examples/", "tests/"].iter().any(|top| word.starts_with(top));
    let words = page.split(|c: char| c.is_whitespace() || "`()[]<>,;".contains(c)).filter(is_path);
    words.filter(|path| !crate::root().join(path).exists()).collect()
}

#[test]
fn the_architecture_page_gives_a_reason_for_every_dependency() {
    let manifest = crate::read("Cargo.toml");
    let (_, dependencies) = manifest.split_once("[workspace.dependencies]\n").expect("versions are shared");
    let (dependencies, _) = dependencies.split_once("\n[").expect("another table follows");
    let names: Vec<&str> =
        dependencies.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name).collect();
    assert!(names.contains(&"rusqlite"), "{names:?}");
    let page = crate::read("docs/architecture.md");
    let missing: Vec<&str> = names.into_iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_commands_of_the_readme_are_those_that_ci_runs() {
    let (readme, ci) = (crate::read("README.md"), crate::read(".ci/run"));
    for command in ["cargo run --example quickstart", "cargo test --workspace"] {
        let is_line = |line: &str| line.trim() == command;
        assert!(readme.lines().any(is_line), "README.md: {command}");
        assert!(ci.contains(command), ".ci/run: {command}");
    }
}
