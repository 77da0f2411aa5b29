//! Running hooks: around a flush, a commit and a rollback.

mod listen;

use std::collections::HashSet;
use std::panic::Location;
use std::sync::Arc;

use orm_core::entity::{Members, RelationKind, VersionKind};
use orm_core::program::Program;
use orm_core::{Error, Result, shapes};

use super::connection::Scope;
use super::transaction::roll_back;
use super::{Session, Status};
use crate::arena::Parts;
use crate::events::{AnySessionHooks, Gate, Moments, Phase};
use crate::load::KEYS_AT_ONCE;
use crate::tracker::Place;
use crate::unit_of_work::{Changes, FlushPlan, ROUNDS, cascades_to_hooks, plan, plan_with_hooks, run_hooks};

/// The hooks of a session, and what of them is still to be run.
#[derive(Default)]
pub(super) struct Events {
    hooks: Option<Arc<Vec<Arc<dyn AnySessionHooks>>>>,
    /// What any of the session's own hooks wants.
    moments: Moments,
    /// Made with the first hooks.
    gate: Option<Arc<Gate>>,
    /// Hooks that follow what was settled last.
    due: Option<Box<Due>>,
}

/// The hooks that follow a flush or commit.
pub(super) struct Due {
    rows: Vec<(Place, Moments)>,
    changes: Option<Changes>,
    committed: bool,
}

impl Events {
    pub(super) fn set_due(&mut self, due: Option<Box<Due>>) {
        self.due = due;
    }

    fn phase(&self) -> Phase {
        self.gate.as_ref().map_or(Phase::None, |gate| gate.phase())
    }

    /// Whether hooks were left half way, or are still to be run.
    pub(super) fn are_unsettled(&self) -> bool {
        self.due.is_some() || self.gate.as_ref().is_some_and(|gate| gate.is_broken_off())
    }

    /// What they were to follow was taken back.
    pub(super) fn forget(&mut self) {
        self.due = None;
        if let Some(gate) = &self.gate {
            gate.mend();
        }
    }

    /// The session's own hooks of a moment, and the moment's name.
    fn at(&self, moment: Moments) -> Vec<Arc<dyn AnySessionHooks>> {
        if !self.moments.contains(moment) {
            return Vec::new();
        }
        let hooks = self.hooks.iter().flat_map(|hooks| hooks.iter());
        hooks.filter(|hooks| hooks.moments().contains(moment)).cloned().collect()
    }
}

impl Session {
    /// Whether anybody listens to what a flush or commit does.
    pub(super) fn is_listened_to(&self) -> bool {
        !self.events.moments.is_empty() || self.tracker.moments().meets(Moments::ROWS)
    }

    /// Whether a flush is under way, and this is one of its hooks.
    pub(super) fn is_in_flush(&self) -> bool {
        matches!(self.events.phase(), Phase::Flushing | Phase::Flushed)
    }

    /// Refuses a flush inside a flush.
    pub(super) fn refuse_in_flush(&self) -> Result<()> {
        match self.is_in_flush() {
            true => Err(Error::build(
                "the session is already flushing: what a `before_flush` hook adds or changes goes along without a flush \
                 of its own, what an `after_flush` hook adds is flushed with the next, or by the commit",
            )),
            false => Ok(()),
        }
    }

    /// Refuses to end the transaction inside of a hook that the end of the transaction has to wait for.
    pub(super) fn refuse_in_hook(&self, what: &str) -> Result<()> {
        match self.events.phase() {
            Phase::None => Ok(()),
            phase => {
                let doing = if phase == Phase::Committing { "committing" } else { "flushing" };
                Err(Error::build(format!(
                    "the session is already {doing}: a hook cannot {what} in the middle of it; answer an error to refuse"
                )))
            }
        }
    }

    /// Plans, sends and settles what is pending, with hooks around it.
    pub(super) async fn send_listened(
        &mut self,
        commit: bool,
        location: &'static Location<'static>,
    ) -> Result<()> {
        match commit {
            true => self.commit_listened(location).await,
            false => self.flush_listened(false, location).await,
        }
    }

    async fn commit_listened(&mut self, location: &'static Location<'static>) -> Result<()> {
        self.run_session_hooks(Moments::BEFORE_COMMIT, Phase::Committing, None).await?;
        let after = self.events.moments.contains(Moments::AFTER_FLUSH)
            || self.tracker.moments().meets(Moments::AFTER_ROWS);
        if !after {
            return self.flush_listened(true, location).await;
        }
        for _ in 0..ROUNDS {
            if !self.tracker.is_touched() {
                return self.flush_listened(true, location).await;
            }
            self.flush_listened(false, location).await?;
        }
        let error = Error::build(format!(
            "more than {ROUNDS} flushes in one commit: an `after_flush` hook adds or changes something each time"
        ));
        self.fail_flushed(error.clone()).await;
        Err(error)
    }

    /// One flush. Where it commits, nobody wants to be called before COMMIT.
    async fn flush_listened(&mut self, commit: bool, location: &'static Location<'static>) -> Result<()> {
        // What the hooks before this did is settled, too.
        self.ready().await?;
        let committed = commit && self.events.moments.contains(Moments::AFTER_COMMIT);
        let (plan, due) = if self.tracker.is_touched() {
            self.run_session_hooks(Moments::BEFORE_FLUSH, Phase::Flushing, None).await?;
            self.read_replaced(location).await?;
            self.load_cascaded(location).await?;
            let plan = self.plan_listened(location).await?;
            let due = self.due_after(&plan, commit, committed);
            (plan, due)
        } else {
            let due = Due { rows: Vec::new(), changes: None, committed };
            (
                plan(&mut self.tracker, self.engine.dialect(), VersionKind::now(), true)?,
                committed.then(|| Box::new(due)),
            )
        };
        self.send(plan, commit, due, location).await?;
        self.run_due().await
    }

    /// Plans with the before-hooks of rows, each once, whatever has to be read in between.
    async fn plan_listened(&mut self, location: &'static Location<'static>) -> Result<Box<FlushPlan>> {
        let mut done = HashSet::new();
        loop {
            let dialect = self.engine.dialect();
            let plan = plan_with_hooks(&mut self.tracker, dialect, VersionKind::now(), &mut done)?;
            if plan.unread.is_empty() {
                return Ok(plan);
            }
            self.read_unread(plan.unread, location).await?;
        }
    }

    /// The hooks that follow a plan.
    fn due_after(&self, plan: &FlushPlan, commit: bool, committed: bool) -> Option<Box<Due>> {
        let mut due = Due { rows: Vec::new(), changes: None, committed };
        if !commit && !plan.is_empty() {
            due.rows = plan.hooks_after(&self.tracker);
            if self.events.moments.contains(Moments::AFTER_FLUSH) {
                due.changes = Some(Changes::of(plan, &self.tracker));
            }
        }
        let is_due = committed || due.changes.is_some() || !due.rows.is_empty();
        is_due.then(|| Box::new(due))
    }

    /// Runs the session's own hooks of one moment.
    async fn run_session_hooks(
        &mut self,
        moment: Moments,
        phase: Phase,
        changes: Option<&Changes>,
    ) -> Result<()> {
        let hooks = self.events.at(moment);
        let Some(gate) = self.events.gate.clone().filter(|_| !hooks.is_empty()) else { return Ok(()) };
        let passage = gate.enter(phase);
        let mut result = Ok(());
        for hooks in &hooks {
            result = match moment {
                Moments::BEFORE_FLUSH => hooks.before_flush(self).await,
                Moments::AFTER_FLUSH => match changes {
                    Some(changes) => hooks.after_flush(self, changes).await,
                    None => Ok(()),
                },
                Moments::BEFORE_COMMIT => hooks.before_commit(self).await,
                Moments::AFTER_COMMIT => hooks.after_commit(self).await,
                Moments::AFTER_ROLLBACK => hooks.after_rollback(self).await,
                _ => Ok(()),
            };
            if result.is_err() {
                break;
            }
        }
        // A call of the hook's own may have been dropped half way, or have ended the transaction.
        self.resolve().await;
        passage.end();
        result.map_err(|error| Error::hook(moment.name(), None, error))?;
        match &self.status {
            Status::Inactive(first) if phase != Phase::None => {
                Err(Error::Inactive { first: Arc::clone(first) })
            }
            _ => Ok(()),
        }
    }

    /// Runs the hooks that follow what was settled.
    pub(super) async fn run_due(&mut self) -> Result<()> {
        let Some(due) = self.events.due.take() else { return Ok(()) };
        if due.committed {
            // Whatever was tried again now would be stored twice.
            self.committed = true;
            return self.run_session_hooks(Moments::AFTER_COMMIT, Phase::None, None).await;
        }
        let result = self.run_after_flush(*due).await;
        if let Err(error) = &result {
            self.fail_flushed(error.clone()).await;
        }
        result
    }

    async fn run_after_flush(&mut self, due: Due) -> Result<()> {
        self.run_after_rows(&due)?;
        let Some(mut changes) = due.changes else { return Ok(()) };
        changes.settle(&self.tracker);
        self.run_session_hooks(Moments::AFTER_FLUSH, Phase::Flushed, Some(&changes)).await
    }

    fn run_after_rows(&mut self, due: &Due) -> Result<()> {
        let Some(gate) = self.events.gate.clone() else { return Ok(()) };
        // For a panic.
        let passage = gate.enter(Phase::Flushed);
        let result = due.rows.iter().try_for_each(|&(row, moment)| run_hooks(&mut self.tracker, row, moment));
        passage.end();
        result
    }

    /// What was flushed must not be committed: the session waits for rollback or recover.
    async fn fail_flushed(&mut self, error: Error) {
        if matches!(self.status, Status::Active) {
            self.status = Status::Inactive(Arc::new(error));
        }
        if self.nesting.depth() > 0 {
            // Only that part, by the rollback of its guard.
            return;
        }
        let scope = self.end_scope();
        // The connection rolls back in any case; what the caller wants to know is the error before.
        let _ = roll_back(scope, None).await;
    }

    /// Before any other call: runs the hooks of a flush whose future was dropped, and ends what hooks left half way.
    pub(super) async fn settle_events(&mut self) -> Result<()> {
        if self.events.gate.as_ref().is_some_and(|gate| gate.is_broken_off()) {
            self.events.forget();
            let error = Error::other(
                "the hooks after a flush did not come to their end (its future was dropped, or a hook panicked), so it \
                 was rolled back",
            );
            self.fail_flushed(error).await;
            return Ok(());
        }
        let committed = self.events.due.as_ref().is_some_and(|due| due.committed);
        let result = self.run_due().await;
        // What failed before COMMIT shows in the status.
        if committed { result } else { Ok(()) }
    }

    /// Runs the hooks after a rollback, where there was something to take back.
    pub(super) async fn run_after_rollback(&mut self) -> Result<()> {
        self.run_session_hooks(Moments::AFTER_ROLLBACK, Phase::None, None).await
    }

    /// Whether there is a transaction to take back, or the database did so.
    pub(super) fn has_transaction_to_take_back(&self) -> bool {
        !matches!((&self.scope, &self.status), (Scope::None, Status::Active))
    }

    /// Whether a rollback takes anything back.
    pub(super) fn has_something_to_take_back(&self) -> bool {
        self.has_transaction_to_take_back() || self.tracker.is_touched()
    }

    /// Before the transaction ends in a rollback: what is under way is settled. The hooks of a commit run, those of a
    /// flush need not any more.
    pub(super) async fn resolve_to_end(&mut self) -> Result<()> {
        self.resolve().await;
        if !self.events.are_unsettled() {
            return Ok(());
        }
        let committed = self.events.due.as_ref().is_some_and(|due| due.committed);
        let result = if committed { Box::pin(self.run_due()).await } else { Ok(()) };
        self.events.forget();
        result
    }

    /// Loads the rows that the database will delete along with others, where those or further ones have hooks of deletes.
    async fn load_cascaded(&mut self, location: &'static Location<'static>) -> Result<()> {
        if !self.tracker.moments().meets(Moments::DELETES) {
            return Ok(());
        }
        let mut level: Vec<Place> = self.tracker.deleting().to_vec();
        let mut met: HashSet<Place> = level.iter().copied().collect();
        while !level.is_empty() {
            level = self.load_children(&level, location).await?;
            level.retain(|&child| met.insert(child));
        }
        Ok(())
    }

    /// One level, in one hop.
    async fn load_children(
        &mut self,
        parents: &[Place],
        location: &'static Location<'static>,
    ) -> Result<Vec<Place>> {
        let dialect = self.engine.dialect();
        let mut arenas: Vec<u32> = parents.iter().map(|parent| parent.arena).collect();
        arenas.sort_unstable();
        arenas.dedup();
        let (mut program, mut children) = (Program::default(), Vec::new());
        for arena in arenas {
            let slots: Vec<u32> =
                parents.iter().filter(|parent| parent.arena == arena).map(|parent| parent.slot).collect();
            for relation in cascades_to_hooks(&self.tracker, self.tracker.arena(arena).meta()) {
                let source = (relation.source)();
                let RelationKind::BelongsTo { columns, .. } = relation.kind else { continue };
                let shape = shapes::select_by_foreign_key(source, dialect, columns, Some(&Members::PLAIN));
                for slots in slots.chunks(KEYS_AT_ONCE) {
                    let tracked = self.tracker.arena(arena);
                    program.add(shape.with_list(slots.len(), dialect).into(), |input| {
                        slots.iter().for_each(|&slot| tracked.encode_row_key(slot, input));
                    });
                    children.push(source);
                }
            }
        }
        if children.is_empty() {
            return Ok(Vec::new());
        }
        let children: Vec<u32> = children.into_iter().map(|meta| self.tracker.ensure(meta)).collect();
        let parts = children.iter().map(|&arena| vec![self.tracker.arena(arena).rows_part()]);
        let (_, Parts(parts)) = self.run(program, Parts(parts.collect()), location).await?;
        let how = self.as_read();
        let mut loaded = Vec::new();
        for (arena, part) in children.into_iter().zip(parts.into_iter().flatten()) {
            let slots = self.tracker.arena_mut(arena).adopt_part(part.into_any(), how);
            loaded.extend(slots.into_iter().map(|slot| Place { arena, slot }));
        }
        Ok(loaded)
    }
}
