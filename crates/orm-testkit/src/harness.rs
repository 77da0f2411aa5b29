//! Runs behaviours under all executors and says how many passed under each.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::backend::{Backend, Database};
use crate::capability::Capability;
use crate::executor::Executor;
use crate::panics;

/// What a behaviour is called with and what it answers.
type Body = fn(Database) -> Pin<Box<dyn Future<Output = anyorm::Result<()>> + Send>>;

/// One test, to be run under every executor and on every backend.
#[derive(Clone, Copy)]
pub struct Behaviour {
    name: &'static str,
    body: Body,
    needs: [Option<Capability>; 2],
}

impl std::fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Behaviour").field(&self.name).finish()
    }
}

impl Behaviour {
    /// Made by [`behaviours!`](crate::behaviours).
    #[doc(hidden)]
    pub const fn new(name: &'static str, body: Body) -> Self {
        Self { name, body, needs: [None; 2] }
    }

    /// Leaves it out where there is nothing of the kind.
    #[doc(hidden)]
    #[must_use]
    pub const fn needs(self, capability: Capability) -> Self {
        Self { needs: [Some(capability), self.needs[1]], ..self }
    }

    /// The same for a whole list of them, besides what each needs itself.
    #[must_use]
    pub const fn of_kind(self, capability: Capability) -> Self {
        Self { needs: [self.needs[0], Some(capability)], ..self }
    }

    /// Its name: the module and the function.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What the backend would have to be able to do, and cannot.
    fn lacks(&self, backend: Backend) -> Option<Capability> {
        self.needs.into_iter().flatten().find(|&needed| !backend.has(needed))
    }
}

/// Makes a list of behaviours of functions `async fn(Database) -> anyorm::Result<()>`. One that asks for what not every
/// database can do says so, by a variant of [`Capability`]: `behaviours![one, #[needs(OneWriter)] other]`.
#[macro_export]
macro_rules! behaviours {
    ($($(#[needs($capability:ident)])? $function:ident),* $(,)?) => {
        [$($crate::Behaviour::new(
            ::core::concat!(::core::module_path!(), "::", ::core::stringify!($function)),
            |database| ::std::boxed::Box::pin($function(database)),
        )$(.needs($crate::Capability::$capability))?),*]
    };
}

/// Runs one behaviour on a fresh database.
///
/// # Errors
/// What it panicked with, or the error that it returned.
pub fn run(behaviour: &Behaviour, backend: Backend, executor: Executor) -> Result<(), String> {
    let body = behaviour.body;
    let future = async move { body(Database::open(backend).await?).await };
    match catch_unwind(AssertUnwindSafe(|| executor.block_on(future))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("returned an error: {error}")),
        Err(panic) => Err(panics::report(&*panic)),
    }
}

/// Runs behaviours on all backends under all executors, prints a line for each failure, the count per executor and what was left
/// out, and answers the exit code. Arguments of the program select those whose names contain one of them; `--list` only lists.
pub fn main(behaviours: &[Behaviour]) -> ExitCode {
    let (options, filters): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let wanted = |behaviour: &&Behaviour| {
        filters.is_empty() || filters.iter().any(|part| behaviour.name.contains(part))
    };
    let selected: Vec<&Behaviour> = behaviours.iter().filter(wanted).collect();
    if options.iter().any(|option| option == "--list") {
        selected.iter().for_each(|behaviour| say(&format!("{}: test", behaviour.name)));
        return ExitCode::SUCCESS;
    }
    let backends = Backend::all().iter().copied();
    let backends: Vec<_> = backends.filter(|backend| wanted_name("ANYORM_BACKEND", backend.name())).collect();
    let executors =
        Executor::ALL.into_iter().filter(|executor| wanted_name("ANYORM_EXECUTOR", executor.name()));
    panics::quieten();
    let (mut passed, mut failed) = (0, 0);
    for executor in executors {
        let (mut passed_here, mut total) = (0, 0);
        for &backend in &backends {
            let able: Vec<_> = selected.iter().copied().filter(|one| one.lacks(backend).is_none()).collect();
            total += able.len();
            passed_here += run_all(&able, backend, executor);
        }
        passed += passed_here;
        failed += total - passed_here;
        say(&format!("{:<22} {passed_here} of {total} passed", executor.name()));
    }
    for &backend in &backends {
        say_left_out(&selected, backend);
    }
    say(&format!("\n{passed} passed, {failed} failed"));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs behaviours on one backend, prints those that fail, and answers how many passed.
fn run_all(behaviours: &[&Behaviour], backend: Backend, executor: Executor) -> usize {
    let (next, passed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let run_some = || {
        while let Some(behaviour) = behaviours.get(next.fetch_add(1, Ordering::Relaxed)) {
            match run(behaviour, backend, executor) {
                Ok(()) => drop(passed.fetch_add(1, Ordering::Relaxed)),
                Err(why) => {
                    let (name, backend, executor) = (behaviour.name, backend.name(), executor.name());
                    say(&format!("FAILED {name} ({backend}, {executor}): {why}"));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..backend.at_once() {
            scope.spawn(run_some);
        }
        run_some();
    });
    passed.into_inner()
}

/// Which behaviours did not run on a backend, and why.
fn say_left_out(behaviours: &[&Behaviour], backend: Backend) {
    let mut lacking: BTreeMap<Capability, usize> = BTreeMap::new();
    for capability in behaviours.iter().filter_map(|behaviour| behaviour.lacks(backend)) {
        *lacking.entry(capability).or_default() += 1;
    }
    for (capability, count) in lacking {
        let need = if count == 1 { "needs" } else { "need" };
        say(&format!(
            "left out on {}: {count} {need} {capability:?}: {}",
            backend.name(),
            capability.meaning()
        ));
    }
}

/// Whether the environment asks for all, or for this one by a part of its name.
fn wanted_name(variable: &str, name: &str) -> bool {
    std::env::var(variable).map_or(true, |part| name.to_lowercase().contains(&part.to_lowercase()))
}

#[expect(clippy::print_stdout, reason = "a test runner speaks to the terminal")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
