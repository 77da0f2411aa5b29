//! One connection: how it is opened, and how a program runs on it from BEGIN to COMMIT.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use orm_core::error::DatabaseErrorKind;
use orm_core::program::{Failure, OnFailure, ProgramResult};
use orm_core::{Error, Outcome, Program, Result, SQLITE, Sink};
use rusqlite::{ErrorCode, OpenFlags};

use super::cancel::{Cancel, SqliteInterrupt, busy_handler};
use super::error::{
    add_advice, add_file, add_wait, is_of_the_file, lost_log_error, open_error, replaced_error,
    statement_error,
};
use super::files::{Files, Missing};
use super::options::{OpenMode, Place, SqliteOptions};
use super::setup::ConnectHook;
use crate::answers::Answers;
use crate::driver::{Access, Answer, DriverConnection, Inline, Interrupt, JobId, answered};
use crate::observe::{Parameters, Rows, Telemetry, is_commit, is_control};

/// Prepared statements that one connection keeps: rusqlite's 16 are fewer than one flush may have.
const STATEMENT_CACHE: usize = 256;

/// Instructions of SQLite's machine between two looks at whether the job is to stop.
const PROGRESS_STEPS: i32 = 1_000;

pub(super) struct SqliteConnection {
    pub(super) raw: rusqlite::Connection,
    pub(super) cancel: Arc<Cancel>,
    pub(super) telemetry: Arc<Telemetry>,
    /// `None` in memory.
    files: Option<Files>,
    /// The log, once one of the connections has seen that it is gone.
    lost_log: Arc<OnceLock<PathBuf>>,
    /// Whether the connection is of no further use once its transaction has ended.
    is_lost: bool,
}

impl SqliteConnection {
    /// Opens a connection. `again`: others could be opened before.
    ///
    /// # Errors
    /// Of [`open_error`], or of a hook.
    pub(super) fn open(
        options: &SqliteOptions,
        again: bool,
        hooks: &[ConnectHook],
        access: Access,
        telemetry: Arc<Telemetry>,
    ) -> Result<Self> {
        let opened = |error| open_error(&error, options, again);
        let mut raw = Self::open_file(options, again).map_err(opened)?;
        let cancel = Arc::new(Cancel::default());
        Self::prepare(&mut raw, &cancel, options).map_err(opened)?;
        for hook in hooks {
            hook.run(&raw, &cancel, access, options)?;
        }
        Self::finish(&mut raw, &cancel, options, access).map_err(opened)?;
        let files = match &options.place {
            // SQLite's own name for it has no links any more, and its log stands next to that.
            Place::File(path) if options.vfs.is_none() => Some(Files::of(raw.path().map_or(path, Path::new))),
            _ => None,
        };
        Ok(Self { raw, cancel, telemetry, files, lost_log: Arc::default(), is_lost: false })
    }

    fn open_file(options: &SqliteOptions, again: bool) -> rusqlite::Result<rusqlite::Connection> {
        let mut flags = match options.mode {
            // A file that was there and is not any more is not made again.
            OpenMode::Create if again && options.vfs.is_none() => OpenFlags::SQLITE_OPEN_READ_WRITE,
            OpenMode::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
            OpenMode::ReadWrite => OpenFlags::SQLITE_OPEN_READ_WRITE,
            OpenMode::Create | OpenMode::Memory => {
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
            }
        };
        // Only one thread at a time has a connection, so SQLite's own mutex is not needed.
        flags |= OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags.set(OpenFlags::SQLITE_OPEN_URI, options.is_uri());
        flags.set(OpenFlags::SQLITE_OPEN_NOFOLLOW, options.no_follow);
        match &options.vfs {
            Some(vfs) => rusqlite::Connection::open_with_flags_and_vfs(options.name(), flags, vfs.as_str()),
            None => rusqlite::Connection::open_with_flags(options.name(), flags),
        }
    }

    fn prepare(
        raw: &mut rusqlite::Connection,
        cancel: &Arc<Cancel>,
        options: &SqliteOptions,
    ) -> rusqlite::Result<()> {
        raw.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        raw.busy_handler(Some(busy_handler(Arc::clone(cancel), options.busy_timeout)))?;
        // Reads the file's header: a file that is not a database is found here, not by the first query.
        until_free(options.busy_timeout, || raw.query_row("PRAGMA schema_version", [], |_| Ok(())))?;
        if matches!(options.place, Place::File(_)) && options.mode != OpenMode::ReadOnly {
            let journal = format!("PRAGMA journal_mode = {}", options.journal_mode.keyword());
            until_free(options.busy_timeout, || raw.query_row(&journal, [], |_| Ok(())))?;
        }
        let synchronous = options.synchronous.keyword();
        let settings = format!("PRAGMA foreign_keys = ON; PRAGMA synchronous = {synchronous};");
        until_free(options.busy_timeout, || raw.execute_batch(&settings))?;
        // Reads the log, and makes it where there is none yet.
        until_free(options.busy_timeout, || raw.query_row("PRAGMA schema_version", [], |_| Ok(())))
    }

    /// After the hooks: what they cannot change.
    fn finish(
        raw: &mut rusqlite::Connection,
        cancel: &Arc<Cancel>,
        options: &SqliteOptions,
        access: Access,
    ) -> rusqlite::Result<()> {
        raw.busy_handler(Some(busy_handler(Arc::clone(cancel), options.busy_timeout)))?;
        if access == Access::Read {
            raw.execute_batch("PRAGMA query_only = ON;")?;
        }
        let watched = Arc::clone(cancel);
        raw.progress_handler(PROGRESS_STEPS, Some(move || watched.progressed()))
    }

    /// Shares what is known of the log with the other connections.
    pub(super) fn watch_log(&mut self, lost_log: Arc<OnceLock<PathBuf>>) {
        self.lost_log = lost_log;
    }

    /// Refuses a program on a file that nobody else would see.
    fn check_files(&mut self, program: &Program) -> Result<(), Failure> {
        let stores = program.commit || (!program.reads_only() && self.commits_by_itself(program));
        let Some(files) = &mut self.files else { return Ok(()) };
        let Some(missing) = files.missing(stores) else { return Ok(()) };
        let sql = program.steps.first().map_or("", |step| &*step.shape.sql);
        match missing {
            Missing::Database(path) => {
                // What stands there next is another database.
                self.is_lost = true;
                Err(Failure::outside(replaced_error(&path, sql)))
            }
            Missing::Log(_) | Missing::Index(_) if !self.has_log() => {
                self.files.iter_mut().for_each(Files::forget_log);
                Ok(())
            }
            Missing::Log(path) => {
                self.save_log();
                Err(Failure::outside(lost_log_error(self.lost_log.get_or_init(|| path), sql)))
            }
            // The locks of the log went with it, so nothing is done to the files. The next opening reads the log.
            Missing::Index(path) => {
                Err(Failure::outside(lost_log_error(self.lost_log.get_or_init(|| path), sql)))
            }
        }
    }

    /// Whether what a program writes is stored by it. What is written in an open transaction is not before its COMMIT, which looks.
    fn commits_by_itself(&self, program: &Program) -> bool {
        self.raw.is_autocommit() || program.steps.iter().any(|step| is_control(&step.shape.sql))
    }

    /// Writes what the log has into the database, as far as nobody is in the way. The log has no name any more, so it goes
    /// with the last connection; and when several close at once, each leaves this to the others.
    fn save_log(&self) {
        let _ = self.raw.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }

    /// Whether the database is in WAL mode. Only then a log that is not there has been taken away.
    fn has_log(&self) -> bool {
        let mode = self.raw.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0));
        mode.is_ok_and(|mode| mode == "wal")
    }

    fn run_steps(
        &self,
        program: &Program,
        sink: &mut dyn Sink,
        begun: &mut bool,
    ) -> Result<Outcome, Failure> {
        let verified = program.verify(&SQLITE);
        if let Some(begin) = &program.begin {
            verified.clone()?;
            self.control(begin).map_err(Failure::outside)?;
            *begun = true;
            self.telemetry.transaction_begun();
        }
        // Also before a program that is refused: what follows a failure may name these savepoints.
        for sql in &program.before {
            self.control(sql).map_err(Failure::outside)?;
        }
        verified?;
        let mut answers = Answers::new(program);
        // Reads answer rows only.
        let counted = if program.reads_only() { 0 } else { program.steps.len() };
        let mut outcome =
            Outcome { affected: Vec::with_capacity(counted), generated: Vec::with_capacity(counted) };
        for (at, step) in program.steps.iter().enumerate() {
            let answer = self.step(at, step, &program.input, &mut answers, sink)?;
            if counted > 0 {
                outcome.affected.push(answer.affected);
                outcome.generated.push(answer.generated);
            }
        }
        if program.commit {
            self.control("COMMIT").map_err(Failure::outside)?;
        }
        Ok(outcome)
    }

    /// Leaves of the transaction what the failed program says.
    fn undo(&mut self, program: &Program, begun: bool) {
        if self.raw.is_autocommit() {
            return;
        }
        // What cannot be rolled back shows in `in_transaction`, and the pool then discards the connection.
        let _ = match &program.on_failure {
            _ if begun => self.roll_back(),
            OnFailure::Keep => Ok(()),
            OnFailure::Rollback => self.roll_back(),
            OnFailure::RollbackTo(savepoint) => {
                let back = self.control(&format!("ROLLBACK TO \"{savepoint}\""));
                back.or_else(|_| self.roll_back())
            }
        };
    }

    /// Adds to an error what only the connection knows. `ended` says that SQLite rolled back the transaction that was open.
    #[cold]
    fn explain(&mut self, error: &mut Error, ended: bool) {
        let (Error::Database(shared) | Error::Busy(shared)) = error else { return };
        let error = Arc::make_mut(shared);
        if let Some(files) = &self.files {
            add_file(error, files.database(), self.raw.is_readonly("main").unwrap_or_default());
            // A handle on a file may be what is bad, and pages of a damaged file are in the cache: both end with it.
            self.is_lost |= is_of_the_file(error.kind);
        }
        if error.kind == DatabaseErrorKind::Busy {
            add_wait(error, self.cancel.waited());
        }
        if ended {
            add_advice(error, "the transaction was rolled back: begin it again");
        }
    }

    /// Runs a statement without parameters or rows: BEGIN and its kin.
    fn control(&self, sql: &str) -> Result<()> {
        let statement = self.telemetry.begin(sql, 1, Parameters::none());
        let result = self.run_control(sql);
        statement.end(result.as_ref().map(|()| Rows::default()));
        result
    }

    fn run_control(&self, sql: &str) -> Result<()> {
        let run = || self.raw.prepare_cached(sql)?.raw_execute();
        run().map(drop).map_err(|error| self.unless_stopped(statement_error(&error, sql)))
    }

    /// A wait for a lock that ended because the job is to stop: SQLite says that it is busy.
    #[cold]
    pub(super) fn unless_stopped(&self, error: Error) -> Error {
        match error {
            Error::Busy(_) if self.cancel.is_stopped() => Error::Interrupted,
            error => error,
        }
    }

    /// Counts what a program did to transactions, besides its own BEGIN.
    fn count_transactions(&self, open_before: bool, begun: bool, committed: impl FnOnce() -> bool) {
        match (open_before || begun, self.in_transaction()) {
            (false, true) => self.telemetry.transaction_begun(),
            (true, false) => self.telemetry.transaction_ended(committed()),
            _ => {}
        }
    }

    fn roll_back(&mut self) -> Result<()> {
        // Nothing stops a rollback, not even the interrupt that was its cause.
        self.cancel.end();
        if self.raw.is_autocommit() {
            return Ok(());
        }
        // An observer that panics must not keep the transaction open: the connection would have to be discarded, and a
        // database in memory with it.
        let begin = || self.telemetry.begin("ROLLBACK", 1, Parameters::none());
        let statement = catch_unwind(AssertUnwindSafe(begin)).ok();
        let rolled_back = self.run_control("ROLLBACK");
        let rolled_back = match self.raw.is_autocommit() {
            true => Ok(()),
            // An interrupt that came in this moment hit the ROLLBACK itself: it is used up now.
            false => rolled_back.or_else(|_| self.run_control("ROLLBACK")),
        };
        if let Some(statement) = statement {
            statement.end(rolled_back.as_ref().map(|()| Rows::default()));
        }
        rolled_back
    }
}

/// Tries again while the file is locked. Where several connections open a new file at once, SQLite says so without asking
/// the busy handler: waiting with a lock of its own could be waiting for each other.
fn until_free(timeout: Duration, attempt: impl Fn() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < timeout =>
            {
                thread::sleep(Duration::from_millis(2));
            }
            result => return result,
        }
    }
}

impl SqliteConnection {
    fn run_program(&mut self, job: JobId, program: &Program, sink: &mut dyn Sink) -> ProgramResult {
        let (open_before, mut begun) = (self.in_transaction(), false);
        self.cancel.start(job);
        let mut result = self.check_files(program).and_then(|()| self.run_steps(program, sink, &mut begun));
        self.cancel.end();
        if let Err(failure) = &mut result {
            let ended = open_before && self.raw.is_autocommit();
            self.undo(program, begun);
            self.explain(&mut failure.error, ended);
        }
        self.count_transactions(open_before, begun, || {
            result.is_ok() && (program.commit || program.steps.iter().any(|step| is_commit(&step.shape.sql)))
        });
        result
    }
}

impl DriverConnection for SqliteConnection {
    fn run<'a>(
        &'a mut self,
        job: JobId,
        program: &'a Program,
        sink: &'a mut dyn Sink,
    ) -> Answer<'a, ProgramResult> {
        answered(self.run_program(job, program, sink))
    }

    fn try_inline(&mut self, program: &Program, sink: &mut dyn Sink) -> Inline {
        // What is missing is dealt with on a worker.
        if self.files.as_mut().is_some_and(|files| !files.are_there()) {
            return Inline::Never;
        }
        let open_before = self.in_transaction();
        // SQLite counts instructions over the life of a statement, so that a short run may well be the one in which the
        // handler is called: each step is allowed that, and one of them a second call.
        self.cancel.start_inline(program.steps.len() as u32);
        // A panic of the decoder must not leave the connection to a worker as if it were here.
        let result = catch_unwind(AssertUnwindSafe(|| self.run_steps(program, sink, &mut false)));
        let stopped = self.cancel.end_inline();
        let mut result = result.unwrap_or_else(|panic| resume_unwind(panic));
        match &mut result {
            Err(Failure { step: Some(step), error: Error::Interrupted, .. }) if stopped => {
                return Inline::TooLong(usize::from(*step));
            }
            Err(Failure { error: Error::Busy(_), .. }) => return Inline::Locked,
            Err(failure) => {
                let ended = open_before && self.raw.is_autocommit();
                self.explain(&mut failure.error, ended);
                // A connection is closed on a worker, which finds the same.
                if self.is_lost && !ended {
                    return Inline::Never;
                }
            }
            Ok(_) => {}
        }
        self.count_transactions(open_before, false, || false);
        Inline::Ran(result)
    }

    fn in_transaction(&self) -> bool {
        !self.raw.is_autocommit()
    }

    fn is_lost(&self) -> bool {
        self.is_lost
    }

    fn rollback(&mut self) -> Answer<'_, Result<()>> {
        let open = self.in_transaction();
        let result = self.roll_back();
        self.count_transactions(open, false, || false);
        answered(result)
    }

    fn close(self: Box<Self>) -> Answer<'static, ()> {
        drop(self);
        answered(())
    }

    fn interrupter(&self) -> Arc<dyn Interrupt> {
        Arc::new(SqliteInterrupt {
            cancel: Arc::clone(&self.cancel),
            handle: self.raw.get_interrupt_handle(),
        })
    }
}

impl fmt::Debug for SqliteConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteConnection").field("raw", &self.raw).finish_non_exhaustive()
    }
}
