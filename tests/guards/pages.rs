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
