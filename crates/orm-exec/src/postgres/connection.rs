//! One connection: its socket is polled next to what runs on it, so that both share a thread and a task.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_lite::FutureExt;
use futures_timer::Delay;
use orm_core::program::{Failure, OnFailure, ProgramResult};
use orm_core::{Error, Program, Result, Sink};
use tokio_postgres::{AsyncMessage, Connection};

use super::cancel::Cancel;
use super::canceller::Canceller;
use super::connect::Connected;
use super::error::{disconnected, is_cancelled, is_disconnected, is_outdated};
use super::link::Link;
use super::run::{Progress, Run, STEP};
use super::turn::Turn;
use super::wire::Wire;
use crate::driver::{Answer, DriverConnection, Interrupt, JobId};
use crate::observe::{Parameters, Rows, Telemetry, is_commit};

/// How long a statement may go on that was cancelled, before its connection is given up.
const CANCEL_GRACE: Duration = Duration::from_secs(10);

/// How long a cancelled statement is let be, for what stands before it.
const HELD: Duration = Duration::from_secs(1);

/// How long the end of a transaction may take, and what is on its way to us before that, until the connection is given up.
const UNDO: Duration = Duration::from_secs(30);

/// How long a ping may take, and the farewell.
const PING: Duration = Duration::from_secs(5);
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) struct PostgresConnection {
    socket: Polled,
    link: Link,
    canceller: Canceller,
    /// Whether answers may be on their way that nobody waits for: a panic got in between.
    unsettled: bool,
}

/// The end at the socket. `None` once it is closed.
struct Polled(Option<Connection<Wire, Wire>>);

/// What became of work that could be cancelled.
enum Worked<T> {
    Done(T),
    /// Neither it nor the server came to an end.
    Stuck,
}

impl PostgresConnection {
    pub(super) fn new(connected: Connected, telemetry: Arc<Telemetry>, statements: usize) -> Self {
        let Connected { client, connection, wire, canceller, place } = connected;
        Self {
            socket: Polled(Some(connection)),
            link: Link::new(client, wire, telemetry, statements, place.into()),
            canceller,
            unsettled: false,
        }
    }

    async fn run_program(&mut self, job: JobId, program: &Program, sink: &mut dyn Sink) -> ProgramResult {
        let open_before = self.link.in_transaction();
        self.unsettled = true;
        let mut progress = Progress::default();
        let mut result = self.attempt(job, program, sink, &mut progress).await;
        if let Err(failure) = &result
            && is_outdated(&failure.error)
        {
            // A table was changed under a prepared statement. Where nothing is lost by it, the program is run once more.
            self.link.statements.clear();
            self.settle().await;
            let can_be_undone = match open_before {
                true => progress.savepoint && program.before.is_empty(),
                false => progress.begun || program.reads_only() || program.steps.len() == 1,
            };
            if can_be_undone && !progress.committing && sink.restart() {
                self.undo(program, &progress).await;
                progress = Progress::default();
                result = self.attempt(job, program, sink, &mut progress).await;
            }
        }
        if result.is_err() {
            self.settle().await;
            self.undo(program, &progress).await;
        }
        self.unsettled = false;
        self.count_transactions(open_before, progress.begun, || {
            result.is_ok() && (program.commit || program.steps.iter().any(|step| is_commit(&step.shape.sql)))
        });
        result
    }

    async fn attempt(
        &mut self,
        job: JobId,
        program: &Program,
        sink: &mut dyn Sink,
        progress: &mut Progress,
    ) -> ProgramResult {
        let Self { socket, link, canceller, .. } = self;
        let cancel = Arc::clone(&link.cancel);
        cancel.start(job);
        let (turn, place) = (Arc::clone(&link.turn), Arc::clone(&link.place));
        let run = Run::new(link, program, sink, progress).run();
        let worked = socket.work_until_cancelled(run, &turn, &cancel, canceller).await;
        let stopped = cancel.is_stopped();
        cancel.end();
        let mut result = match worked {
            Worked::Done(result) => result,
            Worked::Stuck => {
                socket.0 = None;
                let lost = "it was to stop a statement, and did not answer";
                Err(Failure::outside(disconnected(lost, "57014", "", &place)))
            }
        };
        if stopped && socket.0.is_some() {
            // A signal that came too late for the statement hits this one at the latest.
            let _ = socket.work_within(PING, self.link.client.batch_execute("")).await;
        }
        if let Err(failure) = &mut result {
            if is_disconnected(&failure.error) {
                // The server said that it ends the connection, and has not closed it yet.
                socket.0 = None;
            }
            if socket.0.is_none() && progress.committing {
                failure.error = Error::OutcomeUnknown(failure.error.to_string().into());
            } else if stopped && (is_cancelled(&failure.error) || socket.0.is_none()) {
                failure.error = Error::Interrupted;
            }
        }
        result
    }

    /// Waits until the server has said where it stands after a failure: the error comes before that. What is sent now is
    /// answered after it.
    async fn settle(&mut self) {
        if self.socket.0.is_some()
            && self.socket.work_within(UNDO, self.link.client.batch_execute("")).await.is_none()
        {
            self.socket.0 = None;
        }
    }

    /// Leaves of the transaction what the failed program says.
    async fn undo(&mut self, program: &Program, progress: &Progress) {
        if self.socket.0.is_none() || !self.link.in_transaction() {
            return;
        }
        let undone = match &program.on_failure {
            _ if progress.begun => self.roll_back().await,
            OnFailure::Keep if progress.savepoint => self.roll_back_to(STEP, true).await,
            // Also one that has failed: whoever began it is told so by its next statement, and by its COMMIT.
            OnFailure::Keep => Ok(()),
            OnFailure::Rollback => self.roll_back().await,
            OnFailure::RollbackTo(savepoint) => self.roll_back_to(savepoint, false).await,
        };
        if undone.is_err() && self.roll_back().await.is_err() {
            self.socket.0 = None;
        }
    }

    async fn roll_back_to(&mut self, savepoint: &str, release: bool) -> Result<()> {
        self.control(&format!("ROLLBACK TO \"{savepoint}\"")).await?;
        if release {
            self.control(&format!("RELEASE \"{savepoint}\"")).await?;
            self.link.savepoint = false;
        }
        Ok(())
    }

    async fn roll_back(&mut self) -> Result<()> {
        // Whatever is on its way comes before its answer.
        let result = self.control("ROLLBACK").await;
        if result.is_ok() {
            self.unsettled = false;
        }
        result
    }

    /// Runs a statement without parameters or rows.
    async fn control(&mut self, sql: &str) -> Result<()> {
        let telemetry = Arc::clone(&self.link.telemetry);
        let statement = telemetry.begin(sql, 1, Parameters::none());
        let sent = self.socket.work_within(UNDO, self.link.client.batch_execute(sql)).await;
        let result = match sent {
            Some(sent) => sent.map_err(|error| self.link.error(&error, sql)),
            None => {
                self.socket.0 = None;
                Err(disconnected("it does not answer", "08006", sql, &self.link.place))
            }
        };
        statement.end(result.as_ref().map(|()| Rows::default()));
        result
    }

    /// Counts what a program did to transactions.
    fn count_transactions(&self, open_before: bool, begun: bool, committed: impl FnOnce() -> bool) {
        if begun && !open_before {
            self.link.telemetry.transaction_begun();
        }
        match (open_before || begun, self.in_transaction()) {
            (false, true) => self.link.telemetry.transaction_begun(),
            (true, false) => self.link.telemetry.transaction_ended(committed()),
            _ => {}
        }
    }
}

impl Polled {
    /// Sends what is to be sent, and hands over what has arrived.
    fn poll(&mut self, cx: &mut Context<'_>) {
        let Some(connection) = &mut self.0 else { return };
        loop {
            match connection.poll_message(cx) {
                // Nobody listens on this connection, and what a notice says is for people at a terminal.
                Poll::Ready(Some(Ok(AsyncMessage::Notice(_) | AsyncMessage::Notification(_) | _))) => {}
                Poll::Ready(Some(Err(_)) | None) => {
                    // What waits for an answer hears of it as the sender goes.
                    self.0 = None;
                    return;
                }
                Poll::Pending => return,
            }
        }
    }

    /// Does work that sends and waits for answers.
    async fn work<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| self.poll_work(work.as_mut(), cx)).await
    }

    fn poll_work<T>(&mut self, mut work: Pin<&mut impl Future<Output = T>>, cx: &mut Context<'_>) -> Poll<T> {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        self.poll(cx);
        work.poll(cx)
    }

    /// The same, for so long at most.
    async fn work_within<T>(&mut self, longest: Duration, work: impl Future<Output = T>) -> Option<T> {
        let late = async {
            Delay::new(longest).await;
            None
        };
        async { Some(self.work(work).await) }.or(late).await
    }

    /// Does work until its end. If it is to stop, the server is asked to cancel it, and both are waited for: the work, and
    /// the end of the request.
    async fn work_until_cancelled<T>(
        &mut self,
        work: impl Future<Output = T>,
        turn: &Turn,
        cancel: &Cancel,
        canceller: &Canceller,
    ) -> Worked<T> {
        let mut work = pin!(work);
        let mut cancelling = pin!(async {
            cancel.stopped().await;
            let late = async {
                Delay::new(HELD).await;
            };
            cancel.unheld().or(late).await;
            canceller.cancel().await
        });
        let (mut done, mut asked) = (None, false);
        let mut grace: Option<Delay> = None;
        poll_fn(|cx| {
            turn.begin();
            if done.is_none()
                && let Poll::Ready(output) = self.poll_work(work.as_mut(), cx)
            {
                done = Some(output);
            }
            if !asked && (done.is_none() || cancel.is_stopped()) {
                match cancelling.as_mut().poll(cx) {
                    Poll::Ready(Ok(())) => {
                        asked = true;
                        grace = Some(Delay::new(CANCEL_GRACE));
                    }
                    // It cannot be stopped. Nobody wants its answer, and the server sees that when it sends it.
                    Poll::Ready(Err(_)) if done.is_none() => return Poll::Ready(Worked::Stuck),
                    Poll::Ready(Err(_)) => asked = true,
                    Poll::Pending if done.is_some() => return Poll::Pending,
                    Poll::Pending => {}
                }
            }
            if let Some(done) = done.take() {
                return Poll::Ready(Worked::Done(done));
            }
            match &mut grace {
                Some(grace) => Pin::new(grace).poll(cx).map(|_| Worked::Stuck),
                None => Poll::Pending,
            }
        })
        .await
    }
}

impl DriverConnection for PostgresConnection {
    fn run<'a>(
        &'a mut self,
        job: JobId,
        program: &'a Program,
        sink: &'a mut dyn Sink,
    ) -> Answer<'a, ProgramResult> {
        Box::pin(self.run_program(job, program, sink))
    }

    fn in_transaction(&self) -> bool {
        self.socket.0.is_some() && (self.unsettled || self.link.in_transaction())
    }

    fn is_lost(&self) -> bool {
        self.socket.0.is_none()
    }

    fn rollback(&mut self) -> Answer<'_, Result<()>> {
        Box::pin(async {
            if self.link.cancel.is_stopped() {
                // A panic got in between, and a signal may be on its way that would hit whatever comes next.
                self.socket.0 = None;
            }
            let open = self.in_transaction();
            if self.unsettled && self.socket.0.is_some() {
                // Nobody wants what is on its way, which may be much.
                let _ = self.socket.work_within(UNDO, self.canceller.cancel()).await;
                self.settle().await;
            }
            let result = self.roll_back().await;
            self.count_transactions(open, false, || false);
            result
        })
    }

    fn was_closed(&mut self) -> bool {
        self.socket.poll(&mut Context::from_waker(Waker::noop()));
        self.is_lost()
    }

    fn ping(&mut self) -> Answer<'_, bool> {
        Box::pin(async {
            let answer = self.socket.work_within(PING, self.link.client.batch_execute("")).await;
            matches!(answer, Some(Ok(())))
        })
    }

    fn close(self: Box<Self>) -> Answer<'static, ()> {
        let Self { socket, link, .. } = *self;
        Box::pin(say_goodbye(socket, link))
    }

    fn interrupter(&self) -> Arc<dyn Interrupt> {
        Arc::<Cancel>::clone(&self.link.cancel)
    }
}

/// Tells the server that the connection ends, which it would have to find out otherwise.
async fn say_goodbye(socket: Polled, link: Link) {
    // The connection ends by itself once nothing can be sent any more.
    drop(link);
    let Some(mut connection) = socket.0 else { return };
    let end = async {
        let _ = poll_fn(|cx| Pin::new(&mut connection).poll(cx)).await;
    };
    let late = async {
        Delay::new(FAREWELL).await;
    };
    end.or(late).await;
}

impl fmt::Debug for PostgresConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConnection").field("place", &self.link.place).finish_non_exhaustive()
    }
}
