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
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "benches/README.md",
        "docs/architecture.md",
        "docs/cancellation.md",
        "docs/comparison.md",
        "docs/glossary.md",
    ] {
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
    let is_path = |word: &&str| {
        ["benches/", "crates/", "docs/", "examples/", "tests/"].iter().any(|top| word.starts_with(top))
    };
    let words = page.split(|c: char| c.is_whitespace() || "`()[]<>,;".contains(c)).filter(is_path);
    words.filter(|path| !crate::root().join(path).exists()).collect()
}

#[test]
fn each_claim_of_the_comparison_names_what_shows_it() {
    assert_eq!(bare_claims(&crate::read("docs/comparison.md")), [""; 0]);
}

#[test]
fn a_claim_that_names_nothing_is_found() {
    let page = "- Fast: `tests/soak/main.rs`.\n- The best\n  of all.\n- Its README says so:\n  [that](x.md).\n\n| **x** | y |";
    assert_eq!(bare_claims(page), ["- The best of all."]);
}

/// Items of lists that name neither a file nor a page.
fn bare_claims(page: &str) -> Vec<String> {
    let mut claims: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in page.lines() {
        match line.strip_prefix("- ") {
            Some(_) => claims.push(line.to_owned()),
            None if goes_on && line.starts_with("  ") => {
                claims.iter_mut().last().into_iter().for_each(|claim| {
                    *claim += " ";
                    *claim += line.trim_start();
                })
            }
            None => {}
        }
        goes_on = line.starts_with("- ") || (goes_on && line.starts_with("  "));
    }
    claims.retain(|claim| !["`", "](", "README"].iter().any(|mark| claim.contains(mark)));
    claims
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
