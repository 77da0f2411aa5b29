//! One connection: how it is opened, and how a program runs on it from BEGIN to COMMIT.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use orm_core::program::{Failure, OnFailure, ProgramResult};
use orm_core::{Error, Outcome, Program, Result, SQLITE, Sink};
use rusqlite::{ErrorCode, OpenFlags};

use super::answers::Answers;
use super::cancel::{Cancel, SqliteInterrupt, busy_handler};
use super::error::{open_error, statement_error};
use super::options::{OpenMode, Place, SqliteOptions};
use super::setup::ConnectHook;
use crate::driver::{Access, BlockingConnection, Interrupt, JobId};
use crate::observe::{Observer, Parameters, StatementEvent};

/// Prepared statements that one connection keeps: rusqlite's 16 are fewer than one flush may have.
const STATEMENT_CACHE: usize = 256;

/// Instructions of SQLite's machine between two looks at whether the job is to stop.
const PROGRESS_STEPS: i32 = 1_000;

/// The first SQLite without the WAL-reset bug, which could corrupt a file that several connections write.
const MINIMUM_VERSION: i32 = 3_051_003;

pub(super) struct SqliteConnection {
    pub(super) raw: rusqlite::Connection,
    pub(super) cancel: Arc<Cancel>,
    pub(super) observer: Option<Arc<dyn Observer>>,
}

impl SqliteConnection {
    pub(super) fn open(
        options: &SqliteOptions,
        hooks: &[ConnectHook],
        access: Access,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self> {
        if rusqlite::version_number() < MINIMUM_VERSION {
            let found = rusqlite::version();
            return Err(Error::configuration(format!(
                "SQLite {found} is too old: link 3.51.3 or later, or use rusqlite's `bundled` feature"
            )));
        }
        let opened = |error| open_error(&error, options.path());
        let mut raw = Self::open_file(options).map_err(opened)?;
        let cancel = Arc::new(Cancel::default());
        Self::prepare(&mut raw, &cancel, options).map_err(opened)?;
        for hook in hooks {
            hook.run(&raw, access, options)?;
        }
        Self::finish(&mut raw, &cancel, options, access).map_err(opened)?;
        Ok(Self { raw, cancel, observer })
    }

    fn open_file(options: &SqliteOptions) -> rusqlite::Result<rusqlite::Connection> {
        let mut flags = match options.mode {
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
        raw.execute_batch(&format!("PRAGMA foreign_keys = ON; PRAGMA synchronous = {synchronous};"))
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
        raw.progress_handler(PROGRESS_STEPS, Some(move || watched.is_stopped()))
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
        }
        // Also before a program that is refused: what follows a failure may name these savepoints.
        for sql in &program.before {
            self.control(sql).map_err(Failure::outside)?;
        }
        verified?;
        let mut answers = Answers::new(program);
        let mut outcome = Outcome {
            affected: Vec::with_capacity(program.steps.len()),
            generated: Vec::with_capacity(program.steps.len()),
        };
        for (at, step) in program.steps.iter().enumerate() {
            let answer = self.step(at, step, &program.input, &mut answers, sink)?;
            outcome.affected.push(answer.affected);
            outcome.generated.push(answer.generated);
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
            _ if begun => self.rollback(),
            OnFailure::Keep => Ok(()),
            OnFailure::Rollback => self.rollback(),
            OnFailure::RollbackTo(savepoint) => {
                let back = self.control(&format!("ROLLBACK TO \"{savepoint}\""));
                back.or_else(|_| self.rollback())
            }
        };
    }

    /// Runs a statement without parameters or rows: BEGIN and its kin.
    fn control(&self, sql: &str) -> Result<()> {
        self.tell(sql, 1, Parameters::none());
        self.run_control(sql)
    }

    fn run_control(&self, sql: &str) -> Result<()> {
        let run = || self.raw.prepare_cached(sql)?.raw_execute();
        run().map(drop).map_err(|error| statement_error(&error, sql))
    }

    /// Tells the observer, if there is one.
    pub(super) fn tell(&self, sql: &str, rows: u32, parameters: Parameters<'_>) {
        if let Some(observer) = &self.observer {
            observer.statement(&StatementEvent::new(sql, rows, parameters));
        }
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

impl BlockingConnection for SqliteConnection {
    fn run(&mut self, job: JobId, program: &Program, sink: &mut dyn Sink) -> ProgramResult {
        let mut begun = false;
        self.cancel.start(job);
        let result = self.run_steps(program, sink, &mut begun);
        self.cancel.end();
        if result.is_err() {
            self.undo(program, begun);
        }
        result
    }

    fn in_transaction(&self) -> bool {
        !self.raw.is_autocommit()
    }

    fn rollback(&mut self) -> Result<()> {
        // Nothing stops a rollback, not even the interrupt that was its cause.
        self.cancel.end();
        if self.raw.is_autocommit() {
            return Ok(());
        }
        // An observer that panics must not keep the transaction open: the connection would have to be discarded, and a
        // database in memory with it.
        let _ = catch_unwind(AssertUnwindSafe(|| self.tell("ROLLBACK", 1, Parameters::none())));
        let rolled_back = self.run_control("ROLLBACK");
        match self.raw.is_autocommit() {
            true => Ok(()),
            // An interrupt that came in this moment hit the ROLLBACK itself: it is used up now.
            false => rolled_back.or_else(|_| self.run_control("ROLLBACK")),
        }
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
