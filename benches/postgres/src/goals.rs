//! What anyorm is to reach, and whether it does.

use crate::line::Peer;
use crate::measure::Times;
use crate::work::Work;

/// One line of anyorm, against one goal.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) line: String,
    pub(crate) goal: String,
    pub(crate) ratio: f64,
    pub(crate) is_met: bool,
}

/// At most so many times what the fastest line of one of these takes.
struct Goal {
    words: &'static str,
    most: f64,
    than: &'static [Peer],
}

const PEERS: &[Peer] = &[Peer::Sqlx, Peer::SeaOrm, Peer::Diesel];
const ALL: &[Peer] = &[Peer::ByHand, Peer::Sqlx, Peer::SeaOrm, Peer::Diesel];

fn goals(work: Work) -> &'static [Goal] {
    match work {
        Work::ReadByKey => {
            &[Goal { words: "at most 1.15 x tokio-postgres by hand", most: 1.15, than: &[Peer::ByHand] }]
        }
        Work::ReadRows | Work::ReadFamilies => {
            &[Goal { words: "not slower than diesel-async", most: 1.0, than: &[Peer::Diesel] }]
        }
        Work::InsertRows | Work::InsertBlind | Work::InsertFamilies => {
            &[Goal { words: "faster than all", most: 1.0, than: ALL }]
        }
        Work::Mixed => &[
            Goal { words: "faster than every peer", most: 1.0, than: PEERS },
            Goal { words: "at most 1.15 x the same pipelined by hand", most: 1.15, than: &[Peer::Pipelined] },
        ],
    }
}

pub(crate) fn judge(all: &[(Work, Vec<Times>)]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (work, times) in all {
        let ours = times.iter().filter(|times| times.peer == Peer::Anyorm && !times.is_bare);
        for (ours, goal) in ours.flat_map(|ours| goals(*work).iter().map(move |goal| (ours, goal))) {
            let others = times.iter().filter(|times| goal.than.contains(&times.peer));
            let Some(fastest) = others.min_by_key(|times| times.typical()) else { continue };
            let ratio = ours.typical().as_secs_f64() / fastest.typical().as_secs_f64();
            let words = match goal.than {
                [_] => goal.words.to_owned(),
                _ => format!("{} ({})", goal.words, fastest.name),
            };
            verdicts.push(Verdict {
                line: format!("{}: {}", short(*work), ours.name),
                goal: words,
                ratio,
                is_met: ratio <= goal.most,
            });
        }
    }
    verdicts
}

fn short(work: Work) -> &'static str {
    match work {
        Work::ReadByKey => "read by key",
        Work::ReadRows => "10,000 rows",
        Work::InsertRows => "insert, keys",
        Work::InsertBlind => "insert, no keys",
        Work::ReadFamilies => "read families",
        Work::InsertFamilies => "insert families",
        Work::Mixed => "mixed request",
    }
}
