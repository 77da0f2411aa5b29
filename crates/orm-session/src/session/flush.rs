//! Sending a plan, and taking over its outcome, in this call or in a later one.

use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;

use futures_lite::FutureExt;
use orm_core::entity::RelationMeta;
use orm_core::entity::VersionKind;
use orm_core::relation::Leg;
use orm_core::{Error, Outcome, Reads, Result, Sink};
use orm_exec::{Job, JobOutput, Lease, Operation, Span};

use super::connection::Scope;
use super::events::Due;
use super::flush_watch::{FlushWatch, written};
use super::{Session, Status, left};
use crate::load;
use crate::tracker::Place;
use crate::unit_of_work::{
    Changes, FlushPlan, Returned, Unread, explain, plan as make_plan, replaced_unread,
};

/// A job whose outcome the session must take over before it does anything else.
pub(super) enum InFlight {
    Flush(Box<Ticket>),
    /// A statement in the transaction whose future was dropped: only what it leaves behind is of interest.
    Statement(Pin<Box<dyn Future<Output = Left> + Send>>),
}

/// What a statement leaves behind.
pub(super) struct Left {
    /// The connection, unless a panic took it.
    pub(super) lease: Option<Lease>,
    pub(super) wrote: bool,
}

/// What a job leaves behind, once it is over.
pub(super) fn left_by<S: Sink + Unpin + 'static>(
    job: Job<S>,
    writes: bool,
) -> Pin<Box<dyn Future<Output = Left> + Send>> {
    Box::pin(async move {
        // A panic in there belongs to the call that was dropped, not to the one that happens to come next.
        let output = AssertUnwindSafe(job).catch_unwind().await.ok();
        let wrote = writes && output.as_ref().is_some_and(|output| output.result.is_ok());
        Left { lease: output.map(|output| output.lease), wrote }
    })
}

/// A flush that was sent.
pub(super) struct Ticket {
    job: Job<Returned>,
    plan: Box<FlushPlan>,
    commit: bool,
    due: Option<Box<Due>>,
    /// For those who listen.
    watch: Option<FlushWatch>,
}

impl Session {
    /// Sends all pending changes, in one hop, and leaves the transaction open. Does nothing if there are none.
    ///
    /// Dropped before it was sent: nothing happened. Dropped later: the flush runs on, and the session's next call takes
    /// its outcome over.
    ///
    /// # Errors
    /// Pending work that contradicts itself is refused before anything is sent, and the session goes on. What the
    /// database refuses rolls the transaction back: the error names entity, key, column and constraint, and every call
    /// answers [`Error::Inactive`] until [`rollback`](Self::rollback) or [`recover`](Self::recover).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let tag = session.add(Tag { name: "engines".into(), ..Default::default() });
    /// session.flush().await?;
    /// assert_eq!(session[tag].id, 3); // the row is there, for this transaction
    /// session.rollback().await?;
    /// assert_eq!(engine.count(Tag::select()).await?, 2);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn flush(&mut self) -> Operation<'_, ()> {
        let location = Location::caller();
        Operation::named("session.flush", left::RUNS_ON, async move {
            self.ready().await?;
            self.refuse_in_flush()?;
            self.send_plan(false, location).await
        })
    }

    /// Waits for a job whose future was dropped, and refuses the call if the session is inactive.
    pub(super) async fn ready(&mut self) -> Result<()> {
        if let Some(repeats) = &mut self.repeats {
            repeats.called();
        }
        self.resolve().await;
        if self.events.are_unsettled() {
            Box::pin(self.settle_events()).await?;
        }
        for setting in &self.options().settings {
            setting.verify(self.engine.dialect())?;
        }
        match &self.status {
            Status::Active => Ok(()),
            Status::Inactive(first) => Err(Error::Inactive { first: Arc::clone(first) }),
        }
    }

    /// Takes over the outcome of a job whose future was dropped. A failure shows in the status.
    pub(super) async fn resolve(&mut self) {
        match &mut self.in_flight {
            Some(InFlight::Statement(left)) => {
                let Left { lease, wrote } = left.await;
                self.in_flight = None;
                if let Some(lease) = lease {
                    self.take_back(lease, wrote, None);
                }
            }
            Some(InFlight::Flush(_)) => {
                // A panic, too: it belongs to the call that was dropped.
                let _ = AssertUnwindSafe(self.finish_flush()).catch_unwind().await;
            }
            None => {}
        }
        self.notice_lost_connection();
        self.dismiss_guests();
    }

    /// A panic in a job, in the caller's own code, takes the transaction's connection with it.
    fn notice_lost_connection(&mut self) {
        if matches!(&self.scope, Scope::Open(open) if open.lease.is_none())
            && matches!(self.status, Status::Active)
        {
            self.lose_transaction();
            let first = Error::other("a panic in a query of this transaction rolled it back");
            self.status = Status::Inactive(Arc::new(first));
        }
    }

    /// Plans, sends and settles all that is pending; commits if asked to.
    pub(super) async fn send_plan(
        &mut self,
        commit: bool,
        location: &'static Location<'static>,
    ) -> Result<()> {
        if self.is_listened_to() {
            return Box::pin(self.send_listened(commit, location)).await;
        }
        self.read_replaced(location).await?;
        let mut plan = make_plan(&mut self.tracker, self.engine.dialect(), VersionKind::now(), false)?;
        while !plan.unread.is_empty() {
            self.read_unread(std::mem::take(&mut plan.unread), location).await?;
            plan = make_plan(&mut self.tracker, self.engine.dialect(), VersionKind::now(), false)?;
        }
        self.send(plan, commit, None, location).await
    }

    /// Sends a plan and settles it. `due` are the hooks that follow, for whoever settles it.
    pub(super) async fn send(
        &mut self,
        plan: Box<FlushPlan>,
        commit: bool,
        due: Option<Box<Due>>,
        location: &'static Location<'static>,
    ) -> Result<()> {
        if plan.is_empty() {
            return self.send_and_settle(plan, commit, due, location).await;
        }
        let span = Span::flush(location);
        span.written(|| written(&plan));
        let result = span.around(self.send_and_settle(plan, commit, due, location)).await;
        result.inspect_err(|error| span.failed(error))
    }

    async fn send_and_settle(
        &mut self,
        mut plan: Box<FlushPlan>,
        commit: bool,
        due: Option<Box<Due>>,
        location: &'static Location<'static>,
    ) -> Result<()> {
        let open = matches!(self.scope, Scope::Open(_));
        if plan.is_empty() && !(commit && open) {
            // Nothing to send, but perhaps writes that made no difference: they are settled too.
            plan.send(&mut self.tracker);
            let layer = if commit || !self.in_transaction() { None } else { Some(self.nesting.depth()) };
            let settled = plan.settle(&mut self.tracker, &Outcome::default(), &Returned::default(), layer);
            if commit {
                self.end_scope();
            }
            self.events.set_due(due);
            return settled;
        }
        if self.begin.is_read_only() && !plan.is_empty() {
            let changes = Changes::of(&plan, &self.tracker);
            return Err(self.only_reads(&format!("its next flush would\n{changes}\n")));
        }
        self.look_for_flushes(&plan.program, location);
        let watch = FlushWatch::start(self.engine.telemetry(), &plan, commit, location);
        let mut program = std::mem::take(&mut plan.program);
        let lease = self.pinned(&mut program, location).await?;
        program.commit = commit;
        program.on_failure = self.nesting.on_failure();
        program.before = self.nesting.statements();
        // From here to the first poll of the job nothing awaits: what is marked as sent is sent.
        plan.send(&mut self.tracker);
        self.nesting.sent();
        let returned = plan.returned(program.steps.len());
        let job = lease.run(program, returned);
        self.in_flight = Some(InFlight::Flush(Box::new(Ticket { job, plan, commit, due, watch })));
        self.finish_flush().await
    }

    /// Whether a commit is under way.
    pub(super) fn is_committing(&self) -> bool {
        matches!(&self.in_flight, Some(InFlight::Flush(ticket)) if ticket.commit)
    }

    /// Gives up a flush under way, whose outcome does not matter any more: what it did is rolled back first thing after
    /// it. Its work is pending again.
    pub(super) fn abandon_flush(&mut self) {
        match self.in_flight.take() {
            Some(InFlight::Flush(ticket)) => {
                let Ticket { job, mut plan, .. } = *ticket;
                plan.unsend(&mut self.tracker, self.nesting.depth());
                self.in_flight = Some(InFlight::Statement(left_by(job, true)));
            }
            other => self.in_flight = other,
        }
    }

    /// Awaits the flush under way and settles it.
    async fn finish_flush(&mut self) -> Result<()> {
        let Some(InFlight::Flush(ticket)) = &mut self.in_flight else { return Ok(()) };
        let output = AssertUnwindSafe(&mut ticket.job).catch_unwind().await;
        let Some(InFlight::Flush(ticket)) = self.in_flight.take() else { return Ok(()) };
        let Ticket { plan, commit, due, watch, .. } = *ticket;
        let result = self.settle_flush(output, plan, commit, due);
        if let Some(watch) = watch {
            watch.end(self.engine.telemetry(), result.as_ref().err());
        }
        result
    }

    /// Takes the outcome of a flush over.
    fn settle_flush(
        &mut self,
        output: std::thread::Result<JobOutput<Returned>>,
        mut plan: Box<FlushPlan>,
        commit: bool,
        due: Option<Box<Due>>,
    ) -> Result<()> {
        let JobOutput { lease, result } = match output {
            Ok(output) => output,
            Err(panic) => {
                // An observer's. The job was rolled back and took the connection of the transaction, if there was one.
                plan.unsend(&mut self.tracker, self.nesting.depth());
                if matches!(self.scope, Scope::Open(_)) {
                    self.lose_transaction();
                }
                self.status =
                    Status::Inactive(Arc::new(Error::other("a panic in this flush rolled it back")));
                resume_unwind(panic)
            }
        };
        match result {
            Ok((outcome, returned)) => {
                self.last_failure = None;
                let layer = if commit { None } else { Some(self.nesting.depth()) };
                let settled = plan.settle(&mut self.tracker, &outcome, &returned, layer);
                if commit {
                    self.end_scope();
                } else {
                    self.take_back(lease, true, None);
                }
                self.events.set_due(due);
                settled
            }
            Err(failure) => {
                plan.unsend(&mut self.tracker, self.nesting.depth());
                // By the keys that the rows have: what was sent has no other any more.
                let error = explain(&plan, &self.tracker, failure);
                self.last_failure = Some(error.clone());
                if self.nesting.depth() == 0 {
                    self.scope = Scope::None;
                } else if matches!(self.scope, Scope::None | Scope::Begun) || lease.in_transaction() {
                    // It never began, or was rolled back to the savepoint and is still open.
                    self.scope = Scope::Begun;
                } else {
                    // A full disk, say: gone with all that was flushed before the savepoint.
                    self.lose_transaction();
                }
                self.take_back(lease, true, None);
                self.status = Status::Inactive(Arc::new(error.clone()));
                Err(error)
            }
        }
    }

    /// Flushes, where a read is about to see tables with pending changes.
    pub(super) async fn autoflush(
        &mut self,
        reads: &Reads,
        location: &'static Location<'static>,
    ) -> Result<()> {
        if !self.autoflush || !self.tracker.is_touched() || self.is_in_flush() {
            return Ok(());
        }
        let Some(table) = self.tracker.pending_table(reads) else { return Ok(()) };
        self.send_plan(false, location).await.map_err(|error| Error::autoflush(table, error))
    }

    /// Reads the collections that a plan must know, so that it can be made again.
    pub(super) async fn read_unread(
        &mut self,
        unread: Unread,
        location: &'static Location<'static>,
    ) -> Result<()> {
        for (relation, slots) in unread {
            self.load_relation(&Leg::plain(relation), slots, load::Fill::Values, location).await?;
        }
        Ok(())
    }

    /// Reads the members of collections to which a whole list was assigned unread: the plan must know what was removed.
    pub(super) async fn read_replaced(&mut self, location: &'static Location<'static>) -> Result<()> {
        let mut wanted: Vec<(&'static RelationMeta, Vec<u32>)> = Vec::new();
        for Place { arena, slot } in self.tracker.touched_with_relations() {
            for relation in replaced_unread(self.tracker.arena(arena), slot) {
                match wanted.iter_mut().find(|(known, _)| std::ptr::eq(*known, relation)) {
                    Some((_, slots)) => slots.push(slot),
                    None => wanted.push((relation, vec![slot])),
                }
            }
        }
        for (relation, slots) in wanted {
            self.load_relation(&Leg::plain(relation), slots, load::Fill::Images, location).await?;
        }
        Ok(())
    }
}
