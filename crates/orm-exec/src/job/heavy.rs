//! Statements that were too long for the thread that polls.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use orm_core::Program;

use crate::sync::lock;

/// How many statements are remembered. The oldest makes room: it may be cheap by now, and is found out again if not.
const MOST: usize = 256;

/// The statements of an engine that are not begun inline any more.
#[derive(Debug, Default)]
pub(crate) struct Heavy {
    /// How many there are: most engines have none, and then a look costs next to nothing.
    count: AtomicUsize,
    texts: Mutex<Texts>,
}

#[derive(Debug, Default)]
struct Texts {
    known: HashSet<Arc<str>>,
    /// From the oldest on.
    order: VecDeque<Arc<str>>,
}

impl Heavy {
    pub(crate) fn remember(&self, sql: &Arc<str>) {
        let mut texts = lock(&self.texts);
        if !texts.known.insert(Arc::clone(sql)) {
            return;
        }
        texts.order.push_back(Arc::clone(sql));
        if texts.order.len() > MOST
            && let Some(oldest) = texts.order.pop_front()
        {
            texts.known.remove(&oldest);
        }
        self.count.store(texts.order.len(), Ordering::Relaxed);
    }

    /// Whether a step of the program is among them.
    pub(crate) fn knows(&self, program: &Program) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let texts = lock(&self.texts);
        program.steps.iter().any(|step| texts.known.contains(&step.shape.sql))
    }

    /// An index was made, say: what was too long may be short now.
    pub(crate) fn forget(&self) {
        *lock(&self.texts) = Texts::default();
        self.count.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use orm_core::program::{Returns, StatementShape};
    use orm_core::{Cells, Program};

    use super::{Heavy, MOST};

    fn reading(sql: &str) -> Program {
        let shape = StatementShape {
            sql: sql.into(),
            parameters: 0,
            returns: Returns::Rows,
            reads_only: true,
            cheap: true,
            list: None,
            outline: None,
        };
        Program::single(shape.into(), Cells::default())
    }

    #[test]
    fn a_statement_is_known_by_its_text() {
        let heavy = Heavy::default();
        assert!(!heavy.knows(&reading("a")));
        heavy.remember(&"a".into());
        heavy.remember(&"a".into());
        assert!(heavy.knows(&reading("a")) && !heavy.knows(&reading("b")));
        heavy.forget();
        assert!(!heavy.knows(&reading("a")));
    }

    #[test]
    fn the_oldest_makes_room() {
        let heavy = Heavy::default();
        (0..=MOST).for_each(|number| heavy.remember(&number.to_string().into()));
        assert!(!heavy.knows(&reading("0")));
        assert!(heavy.knows(&reading("1")) && heavy.knows(&reading(&MOST.to_string())));
    }
}
