//! What fifty entities of twelve columns cost to compile: with anyorm, Diesel and SeaORM.
//!
//! ```text
//! cargo run --release                     the three of them, three rounds in turns
//! cargo run --release -- --rounds=1
//! cargo run --release -- --keep           leaves the packages where they were made
//! ```
//!
//! For each library a package is made with the same models and one query, on SQLite, as its guide says. It is built twice: from
//! nothing, and again with nothing but the models to compile. Both are what a user waits for: the first once, the second each day.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const ENTITIES: usize = 50;

/// The columns behind the key, by their types in Rust and in Diesel's schema.
const COLUMNS: [(&str, &str, &str); 11] = [
    ("name", "String", "Text"),
    ("email", "String", "Text"),
    ("age", "Option<i32>", "Nullable<Integer>"),
    ("height", "f64", "Double"),
    ("weight", "Option<f64>", "Nullable<Double>"),
    ("active", "bool", "Bool"),
    ("visits", "i64", "BigInt"),
    ("points", "i32", "Integer"),
    ("note", "Option<String>", "Nullable<Text>"),
    ("picture", "Vec<u8>", "Binary"),
    ("created", "i64", "BigInt"),
];

struct Library {
    name: &'static str,
    dependencies: String,
    models: fn() -> String,
}

fn main() {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let rounds = options.iter().find_map(|option| option.strip_prefix("--rounds=")?.parse().ok()).unwrap_or(3);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let facade = here.join("../../crates/anyorm").canonicalize().expect("the facade is in this repository");
    let libraries = [
        Library { name: "anyorm", dependencies: format!("anyorm = {{ path = {facade:?} }}"), models: anyorm },
        Library {
            name: "diesel",
            dependencies: "diesel = { version = \"2.3\", features = [\"sqlite\", \"32-column-tables\"] }\n\
                           libsqlite3-sys = { version = \"*\", features = [\"bundled\"] }"
                .to_owned(),
            models: diesel,
        },
        Library {
            name: "sea-orm",
            dependencies: "sea-orm = { version = \"2.0.4\", features = [\"sqlx-sqlite\", \"runtime-tokio\", \"macros\"] }".to_owned(),
            models: sea_orm,
        },
    ];
    let place = std::env::temp_dir().join(format!("anyorm-compile-{}", std::process::id()));
    let packages: Vec<PathBuf> = libraries.iter().map(|library| package(&place, library)).collect();
    println!("{ENTITIES} entities of {} columns; medians of {rounds}", COLUMNS.len() + 1);
    let mut times = vec![(Vec::new(), Vec::new()); libraries.len()];
    for _ in 0..rounds {
        for (package, (clean, again)) in packages.iter().zip(&mut times) {
            let _ = fs::remove_dir_all(package.join("target"));
            clean.push(build(package));
            touch(package);
            again.push(build(package));
        }
    }
    let medians: Vec<[Duration; 2]> = times.into_iter().map(|(clean, again)| [median(clean), median(again)]).collect();
    println!("{:<10} {:>12} {:>8} {:>13} {:>8}", "", "from nothing", "ratio", "models alone", "ratio");
    for (library, [clean, again]) in libraries.iter().zip(&medians) {
        let ratio = |own: &Duration, first: Duration| own.as_secs_f64() / first.as_secs_f64();
        println!(
            "{:<10} {:>10.1} s {:>8.2} {:>11.1} s {:>8.2}",
            library.name,
            clean.as_secs_f64(),
            ratio(clean, medians[0][0]),
            again.as_secs_f64(),
            ratio(again, medians[0][1])
        );
    }
    if !options.iter().any(|option| option == "--keep") {
        let _ = fs::remove_dir_all(place);
    }
}

/// Makes a package, and has what it depends on downloaded.
fn package(place: &Path, library: &Library) -> PathBuf {
    let folder = place.join(library.name);
    fs::create_dir_all(folder.join("src")).expect("a folder");
    let manifest = format!(
        "[workspace]\n\n[package]\nname = \"models\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[dependencies]\n{}\n",
        library.dependencies
    );
    fs::write(folder.join("Cargo.toml"), manifest).expect("a manifest");
    fs::write(folder.join("src/main.rs"), (library.models)()).expect("the models");
    let fetched = Command::new("cargo").arg("fetch").current_dir(&folder).status().expect("cargo runs");
    assert!(fetched.success(), "{} is downloaded", library.name);
    folder
}

fn build(package: &Path) -> Duration {
    let start = Instant::now();
    let target = package.join("target");
    let mut command = Command::new("cargo");
    command.args(["build", "--quiet", "--offline"]).current_dir(package);
    let built = command.env("CARGO_TARGET_DIR", target).env("CARGO_INCREMENTAL", "0").status().expect("cargo runs");
    assert!(built.success(), "{} is built", package.display());
    start.elapsed()
}

fn touch(package: &Path) {
    let file = package.join("src/main.rs");
    let text = fs::read_to_string(&file).expect("the models");
    fs::write(&file, text + "\n").expect("the models");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn anyorm() -> String {
    let mut out = "#![allow(dead_code)]\nuse anyorm::prelude::*;\n".to_owned();
    for at in 0..ENTITIES {
        let _ = writeln!(out, "\n#[derive(Clone, Debug, Default, Entity)]\n#[entity(table = \"things_{at}\")]\nstruct Thing{at} {{");
        out += "    #[key(auto)]\n    id: i64,\n";
        for (name, ty, _) in COLUMNS {
            let _ = writeln!(out, "    {name}: {ty},");
        }
        out += "}\n";
    }
    out + "\nfn main() {\n    let query = Thing0::select().filter(Thing0::AGE.ge(18)).order_by(Thing0::NAME).limit(20);\n    \
           println!(\"{query:?}\");\n}\n"
}

fn diesel() -> String {
    let mut out = "#![allow(dead_code)]\nuse diesel::prelude::*;\n".to_owned();
    for at in 0..ENTITIES {
        let _ = writeln!(out, "\ndiesel::table! {{\n    things_{at} (id) {{\n        id -> BigInt,");
        for (name, _, ty) in COLUMNS {
            let _ = writeln!(out, "        {name} -> {ty},");
        }
        let _ = writeln!(
            out,
            "    }}\n}}\n\n#[derive(Clone, Debug, Default, Queryable, Selectable, Identifiable, AsChangeset, Insertable)]\n\
             #[diesel(table_name = things_{at})]\nstruct Thing{at} {{\n    id: i64,"
        );
        for (name, ty, _) in COLUMNS {
            let _ = writeln!(out, "    {name}: {ty},");
        }
        out += "}\n";
    }
    out + "\nfn main() {\n    let query = things_0::table.filter(things_0::age.ge(18)).order(things_0::name.asc()).limit(20)\n        \
           .select(Thing0::as_select());\n    println!(\"{}\", diesel::debug_query::<diesel::sqlite::Sqlite, _>(&query));\n}\n"
}

fn sea_orm() -> String {
    let mut out = "#![allow(dead_code)]\n".to_owned();
    for at in 0..ENTITIES {
        let _ = writeln!(
            out,
            "\nmod thing_{at} {{\n    use sea_orm::entity::prelude::*;\n\n    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]\n    \
             #[sea_orm(table_name = \"things_{at}\")]\n    pub struct Model {{\n        #[sea_orm(primary_key)]\n        pub id: i64,"
        );
        for (name, ty, _) in COLUMNS {
            let _ = writeln!(out, "        pub {name}: {ty},");
        }
        out += "    }\n\n    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]\n    pub enum Relation {}\n\n    \
                impl ActiveModelBehavior for ActiveModel {}\n}\n";
    }
    out + "\nfn main() {\n    use sea_orm::{DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, ColumnTrait};\n    \
           let query = thing_0::Entity::find().filter(thing_0::Column::Age.gte(18)).order_by_asc(thing_0::Column::Name).limit(20);\n    \
           println!(\"{}\", query.build(DbBackend::Sqlite));\n}\n"
}
