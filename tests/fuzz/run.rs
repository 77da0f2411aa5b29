//! Running a program, step by step, next to the model.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::check::full_again;
use anyorm_tests::{Account, Node, Post, Tag, User};
use orm_testkit::step;

use crate::check::{in_database, in_memory, stale};
use crate::edit::{Child, Edit, Handles, Side, Since};
use crate::entities::{Country, hooks, tables};
use crate::op::Op;
use crate::reads::Keys;
use crate::verdict::Verdict;
use crate::world::World;

/// A program under way.
pub(crate) struct Run<'p> {
    steps: std::slice::Iter<'p, Op>,
    engine: Engine,
    pub(crate) handles: Handles,
    pub(crate) keys: Keys,
    /// What memory holds.
    pub(crate) world: World,
    /// What the transaction has.
    pub(crate) flushed: World,
    /// What the database has.
    committed: World,
    pub(crate) since: Since,
    /// The same, since the transaction began.
    history: Since,
    pub(crate) escaped: BTreeSet<(&'static str, usize)>,
    /// What was read again inside the transaction: a rollback may forget it.
    pub(crate) late: BTreeSet<(&'static str, usize)>,
    /// Whether the session was cleared inside the transaction.
    pub(crate) was_cleared: bool,
    /// Whether links hold keys of rows that may be the transaction's own: after a recovery those have none.
    pub(crate) has_keys: bool,
    /// Whether changes are asked for after each step.
    asks: bool,
}

/// How a level of savepoints ended.
enum End {
    Release,
    RollBack,
    /// The guard is dropped.
    Drop,
}

/// Runs a program on a database of its own.
///
/// # Errors
/// Those that the model does not foresee.
pub(crate) async fn run(program: &[Op]) -> Result<()> {
    let engine = Engine::open("sqlite::memory:").await?;
    engine.create_all(&tables()).await?;
    let mut session = engine.session();
    let mut run = Run {
        steps: program.iter(),
        engine,
        handles: Handles::default(),
        keys: Keys::default(),
        world: World::default(),
        flushed: World::default(),
        committed: World::default(),
        since: Since::default(),
        history: Since::default(),
        escaped: BTreeSet::new(),
        late: BTreeSet::new(),
        was_cleared: false,
        has_keys: false,
        asks: false,
    };
    run.level(&mut session, 0).await?;
    if let Err(error) = run.commit(&mut session).await {
        run.recover(&mut session, error).await?;
    }
    drop(session);
    full_again(&run.engine);
    Ok(())
}

impl Run<'_> {
    /// Runs steps until the savepoint of this level ends.
    fn level<'a>(
        &'a mut self,
        session: &'a mut Session,
        depth: u32,
    ) -> Pin<Box<dyn Future<Output = Result<End>> + 'a>> {
        Box::pin(async move {
            while let Some(&op) = self.steps.next() {
                if self.edits(session).step(op) {
                    self.look(session);
                    continue;
                }
                let result = match op {
                    Op::Ask => {
                        self.asks = true;
                        Ok(())
                    }
                    Op::Listen => {
                        session.attach(&hooks());
                        Ok(())
                    }
                    Op::Flush => self.flush(session).await,
                    Op::DropFlush { polls } => {
                        // The next call takes over what came of it.
                        let _ = step::polls(polls.into(), session.flush());
                        self.flush(session).await
                    }
                    Op::Count => self.count(session).await,
                    Op::BeginNested => self.nested(session, depth).await,
                    Op::Release if depth > 0 => return Ok(End::Release),
                    Op::RollBackNested if depth > 0 => return Ok(End::RollBack),
                    Op::DropNested { polls } if depth > 0 => {
                        let _ = step::polls(polls.into(), session.flush());
                        return Ok(End::Drop);
                    }
                    Op::Commit if depth == 0 => self.commit(session).await,
                    Op::DropCommit { polls } if depth == 0 => {
                        let _ = step::polls(polls.into(), session.commit());
                        self.commit(session).await
                    }
                    Op::Rollback if depth == 0 => self.roll_back(session).await,
                    Op::NewSession { with } if depth == 0 => self.replace(session, with).await,
                    _ => self.reads(op, session).await,
                };
                if let Err(error) = result {
                    if depth > 0 {
                        self.check_foreseen(error)?;
                        return Ok(End::RollBack);
                    }
                    self.recover(session, error).await?;
                }
                self.look(session);
            }
            Ok(End::Drop)
        })
    }

    pub(crate) fn edits<'a>(&'a mut self, session: &'a mut Session) -> Edit<'a> {
        let Self { world, flushed, handles, since, escaped, .. } = self;
        Edit { session, world, flushed, handles, since, escaped }
    }

    /// Memory is right after each step, and asking changes nothing.
    fn look(&self, session: &mut Session) {
        if self.asks {
            let _ = session.changes();
            let _ = session.is_dirty();
        }
        in_memory(session, &self.world, &self.handles, &self.since);
    }

    async fn flush(&mut self, session: &mut Session) -> Result<()> {
        session.flush().await?;
        self.succeeded(session).await
    }

    /// A flush went well, as it should: everything that was pending is in the transaction.
    pub(crate) async fn succeeded(&mut self, session: &mut Session) -> Result<()> {
        let verdict = self.verdict();
        assert!(!verdict.must, "this flush had to fail: {verdict:?}");
        self.world.settle(&self.flushed);
        self.flushed = self.world.clone();
        self.history.extend(std::mem::take(&mut self.since));
        self.check(session).await
    }

    /// Nothing is pending: memory and the transaction agree with the model.
    async fn check(&mut self, session: &mut Session) -> Result<()> {
        in_memory(session, &self.world, &self.handles, &self.since);
        assert!(!session.is_dirty(), "nothing is pending after a flush: {:?}", session.changes());
        self.keys.learn(session, &self.world, &self.handles);
        in_database(session, &self.world, &self.handles, &self.escaped).await
    }

    async fn commit(&mut self, session: &mut Session) -> Result<()> {
        session.commit().await?;
        assert!(!session.in_transaction());
        self.succeeded(session).await?;
        self.committed = self.world.clone();
        self.history = Since::default();
        self.late.clear();
        self.was_cleared = false;
        self.has_keys = false;
        stale(session, &self.world, &self.handles);
        Ok(())
    }

    async fn roll_back(&mut self, session: &mut Session) -> Result<()> {
        session.rollback().await?;
        self.flushed = self.committed.clone();
        self.history = Since::default();
        self.back_to_flushed(session).await?;
        self.late.clear();
        self.was_cleared = false;
        self.has_keys = false;
        stale(session, &self.world, &self.handles);
        Ok(())
    }

    /// Memory is what the transaction has.
    async fn back_to_flushed(&mut self, session: &mut Session) -> Result<()> {
        self.world = self.flushed.clone();
        self.since = Since::default();
        self.read_forgotten(session).await?;
        self.check(session).await
    }

    /// A read of accounts flushes everything if accounts are pending.
    async fn count(&mut self, session: &mut Session) -> Result<()> {
        let accounts = session.count(Account::select()).await?;
        assert_eq!(accounts, self.world.accounts.len() as u64, "accounts as a query sees them");
        if session.is_dirty() { Ok(()) } else { self.succeeded(session).await }
    }

    async fn nested(&mut self, session: &mut Session, depth: u32) -> Result<()> {
        // A savepoint flushes first. So does this, while the session is free to recover.
        if let Err(error) = session.flush().await {
            return if depth > 0 { Err(error) } else { self.recover(session, error).await };
        }
        let mut part = session.begin_nested().await?;
        self.succeeded(&mut part).await?;
        let (before, history) = (self.world.clone(), self.history.clone());
        let released = match self.level(&mut part, depth + 1).await? {
            End::Release => match part.release().await {
                Ok(()) => true,
                Err(error) => {
                    self.check_foreseen(error)?;
                    false
                }
            },
            End::RollBack => {
                part.rollback().await?;
                false
            }
            End::Drop => {
                drop(part);
                false
            }
        };
        if released {
            return self.succeeded(session).await;
        }
        (self.flushed, self.history) = (before, history);
        self.back_to_flushed(session).await
    }

    /// A new session knows only what it reads.
    async fn replace(&mut self, session: &mut Session, with: bool) -> Result<()> {
        self.roll_back(session).await?;
        let mut fresh = self.engine.session();
        if with {
            fresh.all(User::select().with(User::POSTS.then(Post::TAGS))).await?;
            fresh.all(Tag::select().with(Tag::POSTS)).await?;
            fresh.all(Node::select().with(Node::CHILDREN)).await?;
            fresh.all(Country::select().with(Country::CITIES)).await?;
        }
        *session = fresh;
        self.escaped.clear();
        self.read_stale(session).await?;
        self.late.clear();
        self.was_cleared = false;
        self.has_keys = false;
        self.check(session).await
    }

    /// After an error the work is still there. Where only values are taken, they are mended and the work goes on; the
    /// model gives up any other.
    async fn recover(&mut self, session: &mut Session, error: Error) -> Result<()> {
        self.check_foreseen(error)?;
        session.recover().await?;
        // A new child that was pushed from the parent it had in the transaction has two parents after a recovery.
        let is_new = |child: &Child| match *child {
            Child::Post(at) => !self.committed.posts.contains_key(&at),
            Child::Node(at) => !self.committed.nodes.contains_key(&at),
            Child::CityOf(at) | Child::Twin(at) => !self.committed.cities.contains_key(&at),
        };
        let mut sides = self.since.sides.iter().chain(&self.history.sides);
        let is_open = self.has_keys || sides.any(|(child, &side)| side == Side::Collection && is_new(child));
        let mut all = std::mem::take(&mut self.history);
        all.extend(std::mem::take(&mut self.since));
        self.since = all;
        self.flushed = self.committed.clone();
        in_memory(session, &self.world, &self.handles, &self.since);
        self.mend(session);
        // Flushed work of what was detached or cleared is not pending again.
        if self.was_cleared || !self.late.is_empty() {
            // Rows of the transaction's own that were read in it stay, without a row: out with them.
            session.clear();
            self.was_cleared = true;
            self.escaped.clear();
            return self.roll_back(session).await;
        }
        if is_open || self.verdict().may() {
            return self.roll_back(session).await;
        }
        self.commit(session).await
    }

    /// Gives each row a value of its own.
    fn mend(&mut self, session: &mut Session) {
        let Self { world, handles, .. } = self;
        if !world.has_duplicates() {
            return;
        }
        for (&at, row) in &mut world.accounts {
            row.id = 100 + at as i64;
            session[handles.accounts[at]].id = row.id;
        }
        for (&at, row) in &mut world.users {
            row.email = format!("mended {at}@example.org");
            session[handles.users[at]].email.clone_from(&row.email);
        }
        for (&at, name) in &mut world.tags {
            *name = format!("mended {at}");
            session[handles.tags[at]].name.clone_from(name);
        }
        for (&at, code) in &mut world.countries {
            *code = format!("M{at}");
            session[handles.countries[at]].code.clone_from(code);
        }
    }

    fn verdict(&self) -> Verdict {
        Verdict::of(&self.world, &self.flushed, &self.since)
    }

    fn check_foreseen(&self, error: Error) -> Result<()> {
        if self.verdict().foresees(&error) { Ok(()) } else { Err(error) }
    }
}
