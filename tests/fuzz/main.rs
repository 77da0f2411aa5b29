//! Random programs of a session against a simple model of what memory and database must hold.
//!
//! `ANYORM_FUZZ_RUNS=20000 ANYORM_FUZZ_SEED=7 cargo test -p anyorm-tests --test fuzz` runs more, or others.

mod check;
mod edit;
mod entities;
mod faults;
mod op;
mod pool;
mod reads;
mod run;
mod verdict;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyorm_tests::check::text_of;
use anyorm_tests::random::Random;
use op::Op;

const RUNS: u64 = 2_000;
const LENGTH: u64 = 40;

#[test]
fn memory_and_database_follow_the_model() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = setting("ANYORM_FUZZ_SEED").unwrap_or(1);
    for run in 0..setting("ANYORM_FUZZ_RUNS").unwrap_or(RUNS) {
        let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(run));
        let length = 1 + random.below(LENGTH);
        let program: Vec<Op> = (0..length).map(|_| Op::random(&mut random)).collect();
        if let Err(why) = outcome(&program) {
            let (program, why) = minimised(program, why);
            let steps: Vec<String> = program.iter().map(|op| format!("{op:?}")).collect();
            panic!("run {run} of seed {seed} disagrees: {why}\n  {}", steps.join("\n  "));
        }
    }
}

/// Runs a program. Answers how it disagrees with the model, if it does.
fn outcome(program: &[Op]) -> Result<(), String> {
    let run = AssertUnwindSafe(|| futures_lite::future::block_on(run::run(program)));
    match catch_unwind(run) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("error: {error}")),
        Err(panic) => Err(text_of(&*panic)),
    }
}

/// Leaves out one step after the other, as long as the program still disagrees.
fn minimised(mut program: Vec<Op>, mut why: String) -> (Vec<Op>, String) {
    let mut at = 0;
    while at < program.len() {
        let mut shorter = program.clone();
        shorter.remove(at);
        match outcome(&shorter) {
            Ok(()) => at += 1,
            Err(other) => {
                (program, why) = (shorter, other);
                at = 0;
            }
        }
    }
    (program, why)
}
