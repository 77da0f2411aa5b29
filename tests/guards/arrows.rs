//! The crates depend one way: core <- exec <- session <- facade.

use serde_json::Value;

/// Each crate that users build, and those it may use. Whatever is not in this list (testkit, tests, benches) may use
/// any of them, and is used by none.
const MAY_USE: [(&str, &[&str]); 5] = [
    ("orm-core", &[]),
    ("orm-derive", &[]),
    ("orm-exec", &["orm-core"]),
    ("orm-session", &["orm-core", "orm-exec"]),
    ("anyorm", &["orm-core", "orm-exec", "orm-session", "orm-derive"]),
];

#[test]
fn crates_depend_one_way() {
    let crates = workspace();
    for (name, _) in MAY_USE {
        assert!(
            crates.iter().any(|(known, _)| known == name),
            "{name} is not in the workspace: is MAY_USE right?"
        );
    }
    assert_eq!(turned_arrows(&crates), [""; 0]);
}

#[test]
fn a_turned_arrow_is_found() {
    let with = |user: &str, used: &str| {
        let mut crates = workspace();
        let entry = crates.iter_mut().find(|(name, _)| name == user).expect("the crate is there");
        entry.1.push(used.to_owned());
        turned_arrows(&crates)
    };
    assert_eq!(with("orm-core", "orm-exec"), ["orm-core uses orm-exec"]);
    assert_eq!(with("orm-exec", "orm-session"), ["orm-exec uses orm-session"]);
    assert_eq!(with("orm-derive", "orm-core"), ["orm-derive uses orm-core"]);
    assert_eq!(with("orm-session", "anyorm"), ["orm-session uses anyorm"]);
    assert_eq!(with("anyorm", "orm-testkit"), ["anyorm uses orm-testkit"]);
    // The tests may use what they like, and packages of others are not the business of this guard.
    assert_eq!(with("anyorm-tests", "orm-session"), [""; 0]);
    assert_eq!(with("orm-core", "serde"), [""; 0]);
}

/// Dependencies that must not be.
fn turned_arrows(crates: &[(String, Vec<String>)]) -> Vec<String> {
    let is_ours = |name: &str| crates.iter().any(|(known, _)| known == name);
    let mut turned = Vec::new();
    for (user, used) in crates {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| name == user) else { continue };
        for used in used.iter().filter(|used| is_ours(used) && !allowed.contains(&used.as_str())) {
            turned.push(format!("{user} uses {used}"));
        }
    }
    turned
}

/// The crates of the workspace and what each uses. What only its tests use does not count.
pub(crate) fn workspace() -> Vec<(String, Vec<String>)> {
    let metadata = crate::cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo writes JSON");
    let text = |value: &Value| value.as_str().expect("cargo's metadata has names").to_owned();
    let list = |value: &Value| value.as_array().expect("cargo's metadata has lists").clone();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let used = list(&package["dependencies"]);
            let used = used.iter().filter(|used| used["kind"] != "dev").map(|used| text(&used["name"]));
            (text(&package["name"]), used.collect())
        })
        .collect()
}
