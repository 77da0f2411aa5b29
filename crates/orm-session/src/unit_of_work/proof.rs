//! Plans of random changes to random tables, run row by row on tables in memory that check every constraint at once.
//!
//! `ANYORM_PLAN_RUNS=100000 ANYORM_PLAN_SEED=7 cargo test -p orm-session proof` runs more, or others.

mod found;
mod large;
mod random;
mod replay;
mod row;
mod schema;
mod search;
mod tables;
mod work;

use orm_core::Error;

use super::plan::{Changes, FlushPlan};
use random::Random;
use replay::{Done, Replay};
use schema::{Schema, TABLES};
use search::has_order;
use work::Work;

const RUNS: u64 = 2_000;

#[test]
fn every_plan_is_right_or_there_is_none() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = setting("ANYORM_PLAN_SEED").unwrap_or(1);
    for run in 0..setting("ANYORM_PLAN_RUNS").unwrap_or(RUNS) {
        let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(run));
        let schema = Schema::random(&mut random);
        for _ in 0..4 {
            let work = Work::random(&schema, &mut random);
            if let Err(why) = check(&schema, &work) {
                let (work, why) = minimised(&schema, work, why);
                panic!("run {run} of seed {seed}: {why}\n{schema}\n{work}");
            }
        }
    }
}

/// Plans some work and looks at the plan from all sides.
fn check(schema: &Schema, work: &Work) -> Result<(), String> {
    let wanted = work.outcome(schema).map_err(|_| "the work itself is wrong")?;
    let known: Vec<usize> = (0..TABLES).collect();
    schema.install(&known);
    let mut done = Done::new(schema, work);
    let planned = done.plan();
    let plan = match &planned {
        Ok(plan) => plan,
        Err(Error::Circular(why)) => {
            return match has_order(schema, work, &wanted) {
                Some(true) => Err(format!("there is an order, but: {why}")),
                _ => Ok(()),
            };
        }
        Err(error) => return Err(format!("{error}")),
    };
    let replay = Replay::run(schema, work, &done, plan, false).map_err(|why| {
        let order = has_order(schema, work, &wanted);
        format!("{why} (is there another order: {order:?})\n{}", Changes::of(plan, &done.tracker))
    })?;
    let changes = Changes::of(plan, &done.tracker);
    if replay.tables != wanted {
        return Err(format!("the database has {:?}\nwanted {wanted:?}\n{changes}", replay.tables));
    }
    let backwards = Replay::run(schema, work, &done, plan, true)
        .map_err(|why| format!("{why}, where rows of a step go in any order\n{changes}"))?;
    if backwards.tables != wanted {
        return Err(format!(
            "in any order the database has {:?}\nwanted {wanted:?}\n{changes}",
            backwards.tables
        ));
    }
    if let Some((row, times)) = replay.writes.iter().find(|(_, times)| **times > 1) {
        return Err(format!("{row:?} is written {times} times\n{changes}"));
    }
    let sent: usize = plan.program.steps.iter().map(|step| step.rows as usize).sum();
    if changes.len() != sent {
        return Err(format!("{sent} rows are sent, and told are\n{changes}"));
    }
    // Equal input, equal plan, wherever the arenas are.
    let numbers = Random::new(work.rows.len() as u64 + sent as u64).shuffled(TABLES);
    schema.install(&numbers);
    let again = Done::new(schema, work).plan().map_err(|error| format!("planned again: {error}"))?;
    if told(plan) != told(&again) {
        return Err(format!("two plans of the same work:\n{:#?}\n{:#?}", told(plan), told(&again)));
    }
    Ok(())
}

fn told(plan: &FlushPlan) -> Vec<String> {
    let steps = plan.program.steps.iter().map(|step| {
        let cells = &plan.program.input.as_slice()[step.cells.start as usize..step.cells.end as usize];
        format!("{} {cells:?}", step.shape.sql)
    });
    steps.collect()
}

/// Takes one change back after the other, as long as the plan is still wrong.
fn minimised(schema: &Schema, mut work: Work, mut why: String) -> (Work, String) {
    let mut at = 0;
    while at < work.rows.len() {
        let mut less = work.clone();
        if less.rows[at].before == less.rows[at].after {
            less.rows.remove(at);
        } else {
            let before = less.rows[at].before.clone();
            less.rows[at].after = before;
            less.rows.retain(|row| row.before.is_some() || row.after.is_some());
        }
        let is_right = less.outcome(schema).is_ok() && less.before(schema).check_all(schema).is_ok();
        match check(schema, &less).err().filter(|_| is_right) {
            None => at += 1,
            Some(other) => {
                (work, why) = (less, other);
                at = 0;
            }
        }
    }
    (work, why)
}
