//! What it costs to compile anyorm, and its peers: a small program from nothing, and fifty entities of twelve columns.
//!
//! ```text
//! cargo run --release                     all of it, three rounds in turns
//! cargo run --release -- --rounds=1
//! cargo run --release -- --libraries=anyorm,diesel   those whose names are these
//! cargo run --release -- --write          also writes docs/benchmarks/compile.md
//! cargo run --release -- --keep           leaves the packages where they were made
//! ```
//!
//! For each library a package is made, on SQLite, as its guide says. The small program, which stores a row and reads it, is built
//! from nothing, and for users. The fifty entities are built twice: from nothing, and again with nothing but the models to compile.
//! Both are what a programmer waits for: the first once, the second each day.

mod cpu;
mod library;
mod models;
mod package;
mod page;

use std::path::Path;
use std::time::Duration;

use library::Library;
use package::{Cost, Package};

pub(crate) type Fault = Box<dyn std::error::Error>;

/// What the small program of a library costs.
pub(crate) struct Hello {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    /// From nothing.
    pub(crate) cost: Cost,
    pub(crate) crates: usize,
    /// The program for users.
    pub(crate) bytes: u64,
}

/// What the fifty entities cost.
pub(crate) struct Models {
    pub(crate) name: &'static str,
    pub(crate) clean: Cost,
    pub(crate) again: Cost,
}

fn main() -> Result<(), Fault> {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| options.iter().any(|option| option == name);
    let value = |name: &str| options.iter().find_map(|option| option.strip_prefix(name));
    let rounds: usize = value("--rounds=").map_or(Ok(3), str::parse)?;
    let wanted: Option<Vec<&str>> = value("--libraries=").map(|names| names.split(',').collect());
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut libraries = library::all(&here.join("../../crates/anyorm").canonicalize()?);
    libraries.retain(|library| wanted.as_ref().is_none_or(|wanted| wanted.contains(&library.name)));

    let place = std::env::temp_dir().join(format!("anyorm-compile-{}", std::process::id()));
    let hello = hello(&libraries, &place.join("hello"), rounds)?;
    let models = models(&libraries, &place.join("models"), rounds)?;
    let text = page::tables(&hello, &models);
    println!("{text}");
    if has("--write") {
        page::write(&here.join("../../docs/benchmarks/compile.md"), rounds, &text)?;
    }
    if !has("--keep") {
        std::fs::remove_dir_all(place)?;
    }
    Ok(())
}

fn hello(libraries: &[Library], place: &Path, rounds: usize) -> Result<Vec<Hello>, Fault> {
    let package = |library: &Library| Package::new(place, library.name, &library.dependencies, library.hello);
    let packages = libraries.iter().map(package).collect::<Result<Vec<_>, _>>()?;
    let mut costs = vec![Vec::new(); libraries.len()];
    for _ in 0..rounds {
        for (package, costs) in packages.iter().zip(&mut costs) {
            costs.push(package.build_clean()?);
        }
    }
    let mut all = Vec::new();
    for ((library, package), costs) in libraries.iter().zip(&packages).zip(costs) {
        all.push(Hello {
            name: library.name,
            version: package.version_of(library.name)?,
            cost: median(costs),
            crates: package.crates()?,
            bytes: package.release("hello true")?,
        });
        package.clear()?;
    }
    Ok(all)
}

fn models(libraries: &[Library], place: &Path, rounds: usize) -> Result<Vec<Models>, Fault> {
    let mut packages = Vec::new();
    for library in libraries {
        if let Some(models) = library.models {
            let package = Package::new(place, library.name, &library.dependencies, &models())?;
            packages.push((library.name, package, Vec::new(), Vec::new()));
        }
    }
    for _ in 0..rounds {
        for (_, package, clean, again) in &mut packages {
            clean.push(package.build_clean()?);
            again.push(package.build_again()?);
        }
    }
    let costs = |(name, _, clean, again)| Models { name, clean: median(clean), again: median(again) };
    Ok(packages.into_iter().map(costs).collect())
}

/// The medians of both times.
fn median(costs: Vec<Cost>) -> Cost {
    let middle = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let cpu: Option<Vec<Duration>> = costs.iter().map(|cost| cost.cpu).collect();
    Cost { wall: middle(costs.iter().map(|cost| cost.wall).collect()), cpu: cpu.map(middle) }
}
