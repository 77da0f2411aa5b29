//! Who is measured, and with which features.

use std::path::Path;

use crate::models;

pub(crate) struct Library {
    pub(crate) name: &'static str,
    /// What its package depends on, as lines of a manifest.
    pub(crate) dependencies: String,
    /// A program that stores a row and reads it.
    pub(crate) hello: &'static str,
    /// Fifty entities, for those that have macros for models.
    pub(crate) models: Option<fn() -> String>,
}

/// What a program in tokio needs of it.
const TOKIO: &str =
    "tokio = { version = \"1\", default-features = false, features = [\"rt-multi-thread\", \"time\"] }";

/// All of them. `facade` is where anyorm is.
pub(crate) fn all(facade: &Path) -> Vec<Library> {
    let library = |name, dependencies: &[&str], hello, models| Library {
        name,
        dependencies: dependencies.join("\n"),
        hello,
        models,
    };
    let anyorm = format!("anyorm = {{ path = {facade:?} }}");
    let futures_lite = "futures-lite = { version = \"2\", default-features = false, features = [\"std\"] }";
    let rusqlite =
        "rusqlite = { version = \"0.41\", default-features = false, features = [\"bundled\", \"cache\"] }";
    let diesel = "diesel = { version = \"2.3\", default-features = false, features = [\"sqlite\", \"32-column-tables\", \
                  \"returning_clauses_for_sqlite_3_35\"] }";
    let bundled = "libsqlite3-sys = { version = \"*\", features = [\"bundled\"] }";
    let diesel_async =
        "diesel-async = { version = \"0.9\", default-features = false, features = [\"sqlite\"] }";
    let sqlx = "sqlx = { version = \"0.9\", default-features = false, features = [\"derive\", \"runtime-tokio\", \"sqlite\"] }";
    let sea_orm = "sea-orm = { version = \"2.0\", default-features = false, features = [\"macros\", \"runtime-tokio\", \
                   \"sqlx-sqlite\", \"sqlite-use-returning-for-3_35\"] }";
    let toasty = "toasty = { version = \"0.11\", default-features = false, features = [\"sqlite\"] }";
    vec![
        library("anyorm", &[&anyorm, futures_lite], include_str!("../hello/anyorm.rs"), Some(models::anyorm)),
        library("rusqlite", &[rusqlite], include_str!("../hello/rusqlite.rs"), None),
        library(
            "tokio-rusqlite",
            &["tokio-rusqlite = { version = \"0.8\", features = [\"bundled\"] }", TOKIO],
            include_str!("../hello/tokio-rusqlite.rs"),
            None,
        ),
        library("sqlx", &[sqlx, TOKIO], include_str!("../hello/sqlx.rs"), None),
        library("sea-orm", &[sea_orm, TOKIO], include_str!("../hello/sea-orm.rs"), Some(models::sea_orm)),
        library("diesel", &[diesel, bundled], include_str!("../hello/diesel.rs"), Some(models::diesel)),
        library(
            "diesel-async",
            &[diesel, bundled, diesel_async, TOKIO],
            include_str!("../hello/diesel-async.rs"),
            None,
        ),
        library("toasty", &[toasty, TOKIO], include_str!("../hello/toasty.rs"), None),
    ]
}
