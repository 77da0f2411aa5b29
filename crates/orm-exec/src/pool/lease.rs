//! A connection that is out: who has it, and how it comes home.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, PoisonError};

use futures_lite::FutureExt;
use orm_core::program::{Discard, Failure};
use orm_core::{Error, Program, Result, Sink};

use super::lane::Permit;
use super::{Holder, LaneKind, OpenConnection, Pool};
use crate::bridge::Urgency;
use crate::driver::{DriverConnection, Interrupt, JobId};
use crate::engine::bare_step;
use crate::job::Job;
use crate::observe::JobContext;

/// The right to use one connection. Dropping it is the only way back to the pool, but for one that runs a single program: that one goes
/// back at its end.
///
/// A connection that is inside a transaction is rolled back first, where jobs run; one that cannot be rolled back is
/// discarded, and a fresh one is opened in its place when it is needed.
#[derive(Debug)]
pub struct Lease {
    pool: Pool,
    lane: LaneKind,
    /// `None` before its first job, and after a connection was discarded: the next job opens one.
    connection: Permit<OpenConnection>,
    /// What the connection said after its last job.
    in_transaction: bool,
    /// Whether it has had a job since it was taken.
    used: bool,
    /// Whether it is closed instead of coming home.
    discarded: bool,
    /// What is run on it on its way home, to take back what a job has left on it.
    owes: Option<&'static str>,
    holder: Arc<Holder>,
    /// Whether the connection goes back with the end of its job, whoever awaits the output.
    one_job: bool,
    /// Whether it went.
    gone: bool,
    /// The call that it works for now.
    location: &'static Location<'static>,
}

impl Lease {
    pub(super) fn new(
        pool: Pool,
        lane: LaneKind,
        connection: Permit<OpenConnection>,
        holder: Arc<Holder>,
    ) -> Self {
        let location = holder.location();
        Self {
            pool,
            lane,
            connection,
            in_transaction: false,
            used: false,
            discarded: false,
            owes: None,
            holder,
            one_job: false,
            gone: false,
            location,
        }
    }

    /// Whether a transaction is open on the connection.
    pub fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// Says that a transaction keeps the connection between calls: a task that has it, and asks for the same connection
    /// again, is told so instead of waiting for itself.
    pub fn pin(&self) {
        self.holder.pin(true);
    }

    /// Takes [`Lease::pin`] back.
    pub fn unpin(&self) {
        self.holder.pin(false);
    }

    /// Says which call the next job is for: one that keeps the connection tells more of them than the one that took it.
    pub fn called_at(&mut self, location: &'static Location<'static>) {
        self.location = location;
    }

    /// What the next job takes along for those who listen.
    pub(crate) fn context(&self) -> Option<Arc<JobContext>> {
        JobContext::capture(self.pool.telemetry(), self.location)
    }

    /// Runs a program, as one job. Nothing happens until the job is polled.
    pub fn run<S: Sink + 'static>(self, program: Program, sink: S) -> Job<S> {
        Job::new(self, program, sink)
    }

    /// Whether others wait for what this connection does next: it has the write lock, or ends a transaction.
    pub(crate) fn urgency(&self, program: &Program) -> Urgency {
        match self.in_transaction && (self.lane == LaneKind::Writer || program.commit) {
            true => Urgency::Urgent,
            false => Urgency::Normal,
        }
    }

    /// Closes the connection instead of giving it back.
    ///
    /// # Errors
    /// [`Error::Build`] where the database would go with it. It goes home then.
    pub(crate) fn discard(mut self) -> Result<()> {
        if self.connection.as_ref().is_some_and(|open| !open.may_expire) {
            return Err(Error::build(
                "the database is in memory, and would go with its connection: set it back instead",
            ));
        }
        self.discarded = true;
        Ok(())
    }

    /// Says that somebody works with the connection by another way than a job, or did until now.
    pub(crate) fn in_use(&self, begins: bool) {
        match begins {
            true => self.holder.is_used(),
            false => self.holder.has_worked(self.pool.now()),
        }
    }

    /// Says what is to be run on the connection before anybody else has it, whatever becomes of the jobs until then: a
    /// statement that may be run any number of times. If it fails, the connection is discarded.
    pub(crate) fn owe(&mut self, sql: Option<&'static str>) {
        self.owes = sql;
    }

    /// Whether it has a connection that it did not have to give up.
    pub(crate) fn has_connection(&self) -> bool {
        self.connection.is_some()
    }

    /// Runs one program, after which the connection goes back from there: the output may wait.
    pub(crate) fn run_only<S: Sink + 'static>(self, program: Program, sink: S) -> Job<S> {
        Job::new(self.for_one_job(), program, sink)
    }

    pub(crate) fn for_one_job(mut self) -> Self {
        self.one_job = true;
        self
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn holder(&self) -> &Arc<Holder> {
        &self.holder
    }

    /// The connection, opened if need be, and asked whether it is still there if it may not be. Where jobs run.
    pub(crate) async fn open(&mut self) -> Result<(&mut dyn DriverConnection, Arc<dyn Interrupt>), Failure> {
        if !std::mem::replace(&mut self.used, true)
            && let Some(open) = self.connection.take()
        {
            self.connection = self.pool.still_there(open).await;
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                self.holder.connects(true);
                let opened = self.pool.connect(self.lane).await;
                self.holder.connects(false);
                none.insert(opened.map_err(Failure::outside)?)
            }
        };
        let interrupter = Arc::clone(&connection.interrupter);
        Ok((connection.driver(), interrupter))
    }

    /// The connection, if it is open already.
    pub(crate) fn opened(&mut self) -> Option<&mut dyn DriverConnection> {
        self.connection.as_mut().map(OpenConnection::driver)
    }

    /// Asks the connection whether a transaction is open, and discards one that is of no further use. Where jobs run,
    /// after a job; after one that ran inline, none is discarded.
    pub(crate) fn look(&mut self) {
        let Some(open) = &mut self.connection else { return self.in_transaction = false };
        let driver = open.driver();
        self.in_transaction = driver.in_transaction();
        if driver.is_lost()
            && !self.in_transaction
            && let Some(open) = self.connection.take()
        {
            self.pool.lost_one();
            open.discard(&self.pool);
        }
    }

    /// Where jobs run, after a job: looks, and gives the connection back if that was its only job.
    pub(crate) async fn after_job(&mut self) {
        self.look();
        if self.one_job {
            self.clean().await;
            // Who is in line has the connection next, and this thread. Whoever awaits this job is not to hear of their panics.
            let give_back = AssertUnwindSafe(|| self.pool.clone().leave_next(|| self.give_back()));
            catch_unwind(give_back).unwrap_or_else(std::mem::forget);
        }
    }

    /// Rolls back what is open, and does what is owed, or discards the connection. Where jobs run.
    pub(crate) async fn clean(&mut self) {
        self.look();
        let owes = self.owes.take();
        if (self.in_transaction || owes.is_some())
            && let Some(open) = self.connection.take()
        {
            let debts = Debts { in_transaction: self.in_transaction, owes };
            self.connection = open.cleaned(debts, &self.pool).await;
            self.in_transaction = false;
        }
    }
}

impl Lease {
    fn give_back(&mut self) {
        if std::mem::replace(&mut self.gone, true) {
            return;
        }
        // Whoever waits for it from now on waits for a worker, not for the task that had it.
        self.unpin();
        // Nobody asks who it is any more, and it may be all that keeps the task.
        drop(self.holder.forgets_task());
        let (pool, lane, holder) = (self.pool.clone(), self.lane, Arc::clone(&self.holder));
        match self.connection.take() {
            Some(connection) if self.discarded => pool.close_discarded(lane, connection, holder),
            Some(connection) if self.in_transaction || self.owes.is_some() => {
                let mut way = WayHome::new(pool.clone(), lane, Some(holder));
                let debts = Debts { in_transaction: self.in_transaction, owes: self.owes };
                way.unclean = Some((connection, debts));
                pool.hop_unawaited(way.clean());
            }
            permit => pool.give_back(lane, permit, Some(&holder)),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// What is to be done before a connection is anybody else's.
#[derive(Clone, Copy)]
struct Debts {
    /// It may be inside a transaction.
    in_transaction: bool,
    /// See [`Lease::owe`].
    owes: Option<&'static str>,
}

/// The way home by the thread that runs jobs. Wherever it ends the permit is home, also where workers drop what they were
/// sent: then the connection is closed right there.
pub(super) struct WayHome {
    pool: Pool,
    lane: LaneKind,
    holder: Option<Arc<Holder>>,
    /// What is to be done on the way.
    unclean: Option<(OpenConnection, Debts)>,
    permit: Permit<OpenConnection>,
}

impl WayHome {
    pub(super) fn new(pool: Pool, lane: LaneKind, holder: Option<Arc<Holder>>) -> Self {
        Self { pool, lane, holder, unclean: None, permit: None }
    }

    async fn clean(mut self) {
        if let Some((open, debts)) = self.unclean.take() {
            self.permit = open.cleaned(debts, &self.pool).await;
        }
    }
}

impl Drop for WayHome {
    fn drop(&mut self) {
        if let Some((open, _)) = self.unclean.take() {
            open.discard(&self.pool);
        }
        self.pool.give_back(self.lane, self.permit.take(), self.holder.as_ref());
    }
}

impl OpenConnection {
    pub(super) fn driver(&mut self) -> &mut dyn DriverConnection {
        &mut **self.driver.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection without a transaction and without debts, or nothing if it cannot get rid of them.
    async fn cleaned(mut self, debts: Debts, pool: &Pool) -> Option<Self> {
        let driver = self.driver();
        let clean = async {
            if debts.in_transaction && (driver.rollback().await.is_err() || driver.in_transaction()) {
                return false;
            }
            let Some(owed) = debts.owes else { return true };
            let program = Program { steps: vec![bare_step(owed.into())], ..Program::default() };
            driver.run(JobId(0), &program, &mut Discard).await.is_ok() && !driver.in_transaction()
        };
        let cleaned = AssertUnwindSafe(clean).catch_unwind().await;
        if matches!(cleaned, Ok(true)) {
            return Some(self);
        }
        self.discard(pool);
        None
    }

    pub(super) fn discard(self, pool: &Pool) {
        pool.discarded();
        // A driver that panics, perhaps again, must not keep the permit.
        self.discard_quietly();
    }
}
