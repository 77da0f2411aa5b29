//! Runs behaviours under all executors and says how many passed under each.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use crate::backend::{Backend, Database};
use crate::executor::Executor;

/// What a behaviour is called with and what it answers.
type Body = fn(Database) -> Pin<Box<dyn Future<Output = anyorm::Result<()>> + Send>>;

/// One test, to be run under every executor and on every backend.
#[derive(Clone, Copy)]
pub struct Behaviour {
    name: &'static str,
    body: Body,
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
        Self { name, body }
    }

    /// Its name: the module and the function.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// Makes a list of behaviours of functions `async fn(Database) -> anyorm::Result<()>`.
#[macro_export]
macro_rules! behaviours {
    ($($function:ident),* $(,)?) => {
        [$($crate::Behaviour::new(
            ::core::concat!(::core::module_path!(), "::", ::core::stringify!($function)),
            |database| ::std::boxed::Box::pin($function(database)),
        )),*]
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
        Err(panic) => {
            let place = PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner).take();
            Err(format!("panicked at {}: {}", place.unwrap_or_default(), message(&*panic)))
        }
    }
}

/// Where the last panic was: its message says what, but not where.
static PANICKED_AT: Mutex<Option<String>> = Mutex::new(None);

/// Keeps panics off the terminal: many are part of a behaviour, and the others are reported with its name.
fn quieten_panics() {
    std::panic::set_hook(Box::new(|info| {
        *PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner) =
            info.location().map(ToString::to_string);
    }));
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("something that is not text")
}

/// Runs behaviours on all backends under all executors, prints a line for each failure and the count per executor, and
/// answers the exit code. Arguments of the program select those whose names contain one of them; `--list` only lists.
pub fn main(behaviours: &[Behaviour]) -> std::process::ExitCode {
    let (options, filters): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let wanted = |behaviour: &&Behaviour| {
        filters.is_empty() || filters.iter().any(|part| behaviour.name.contains(part))
    };
    let selected: Vec<&Behaviour> = behaviours.iter().filter(wanted).collect();
    if options.iter().any(|option| option == "--list") {
        selected.iter().for_each(|behaviour| say(&format!("{}: test", behaviour.name)));
        return std::process::ExitCode::SUCCESS;
    }
    let backends: Vec<Backend> = Backend::all()
        .iter()
        .copied()
        .filter(|backend| wanted_name("ANYORM_BACKEND", backend.name()))
        .collect();
    let backends = backends.as_slice();
    let executors =
        Executor::ALL.into_iter().filter(|executor| wanted_name("ANYORM_EXECUTOR", executor.name()));
    quieten_panics();
    let (mut passed, mut failed) = (0, 0);
    for executor in executors {
        let mut passed_here = 0;
        for &backend in backends {
            for behaviour in &selected {
                match run(behaviour, backend, executor) {
                    Ok(()) => passed_here += 1,
                    Err(why) => {
                        failed += 1;
                        say(&format!(
                            "FAILED {} ({}, {}): {why}",
                            behaviour.name,
                            backend.name(),
                            executor.name()
                        ));
                    }
                }
            }
        }
        passed += passed_here;
        let total = selected.len() * backends.len();
        say(&format!("{:<22} {passed_here} of {total} passed", executor.name()));
    }
    say(&format!("\n{passed} passed, {failed} failed"));
    if failed == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

/// Whether the environment asks for all, or for this one by a part of its name.
fn wanted_name(variable: &str, name: &str) -> bool {
    std::env::var(variable).map_or(true, |part| name.to_lowercase().contains(&part.to_lowercase()))
}

#[expect(clippy::print_stdout, reason = "a test runner speaks to the terminal")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
