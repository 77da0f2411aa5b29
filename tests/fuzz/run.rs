//! Running a program, step by step, next to the model.

use std::future::Future;
use std::pin::Pin;

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::check::full_again;
use anyorm_tests::{Account, Node, Post, Tag, User, blog};
use orm_testkit::step;

use crate::check::{in_database, in_memory};
use crate::edit::{Handles, Since, edit};
use crate::op::Op;
use crate::world::World;

/// A program under way.
pub(crate) struct Run<'p> {
    steps: std::slice::Iter<'p, Op>,
    engine: Engine,
    handles: Handles,
    /// What memory holds.
    world: World,
    /// What the transaction has.
    flushed: World,
    /// What the database has.
    committed: World,
    since: Since,
}

/// How a level of savepoints ended.
enum End {
    Release,
    RollBack,
    /// There are no more steps.
    Program,
}

/// Runs a program on a database of its own.
///
/// # Errors
/// Those that the model does not foresee.
pub(crate) async fn run(program: &[Op]) -> Result<()> {
    let engine = Engine::open("sqlite::memory:").await?;
    engine.create_all(&blog()).await?;
    let mut session = engine.session();
    let mut run = Run {
        steps: program.iter(),
        engine,
        handles: Handles::default(),
        world: World::default(),
        flushed: World::default(),
        committed: World::default(),
        since: Since::default(),
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
                if edit(op, session, &mut self.world, &mut self.handles, &mut self.since) {
                    continue;
                }
                let result = match op {
                    Op::Flush => self.flush(session).await,
                    Op::DropFlush { polls } => {
                        // The next call takes over what came of it.
                        let _ = step::polls(polls.into(), session.flush());
                        self.flush(session).await
                    }
                    Op::Count => self.count(session).await,
                    Op::Refresh { account } => self.refresh(session, account).await,
                    Op::BeginNested => self.nested(session, depth).await,
                    Op::Release if depth > 0 => return Ok(End::Release),
                    Op::RollBackNested if depth > 0 => return Ok(End::RollBack),
                    Op::Commit if depth == 0 => self.commit(session).await,
                    Op::DropCommit { polls } if depth == 0 => {
                        let _ = step::polls(polls.into(), session.commit());
                        self.commit(session).await
                    }
                    Op::Rollback if depth == 0 => self.roll_back(session).await,
                    Op::NewSession { with } if depth == 0 => self.replace(session, with).await,
                    _ => Ok(()),
                };
                if let Err(error) = result {
                    if depth > 0 {
                        self.check_foreseen(error)?;
                        return Ok(End::RollBack);
                    }
                    self.recover(session, error).await?;
                }
            }
            Ok(End::Program)
        })
    }

    async fn flush(&mut self, session: &mut Session) -> Result<()> {
        session.flush().await?;
        self.flushed_now(session).await
    }

    /// Everything that was pending is in the transaction.
    async fn flushed_now(&mut self, session: &mut Session) -> Result<()> {
        self.world.settle();
        self.flushed = self.world.clone();
        self.since = Since::default();
        in_memory(session, &self.world, &self.handles);
        assert!(!session.is_dirty(), "nothing is pending after a flush: {:?}", session.changes());
        in_database(session, &self.world, &self.handles).await
    }

    async fn commit(&mut self, session: &mut Session) -> Result<()> {
        session.commit().await?;
        assert!(!session.in_transaction());
        self.flushed_now(session).await?;
        self.committed = self.world.clone();
        Ok(())
    }

    async fn roll_back(&mut self, session: &mut Session) -> Result<()> {
        session.rollback().await?;
        self.world = self.committed.clone();
        self.flushed_now(session).await
    }

    /// A read of accounts flushes everything if accounts are pending.
    async fn count(&mut self, session: &mut Session) -> Result<()> {
        let accounts = session.count(Account::select()).await?;
        assert_eq!(accounts, self.world.accounts.len() as u64, "accounts as a query sees them");
        if session.is_dirty() { Ok(()) } else { self.flushed_now(session).await }
    }

    async fn refresh(&mut self, session: &mut Session, account: u8) -> Result<()> {
        let Some(at) = crate::world::pick(&self.world.accounts, account) else { return Ok(()) };
        let Some(row) = self.flushed.accounts.get(&at) else { return Ok(()) };
        session.refresh(self.handles.accounts[at]).await?;
        self.world.accounts.insert(at, row.clone());
        Ok(())
    }

    async fn nested(&mut self, session: &mut Session, depth: u32) -> Result<()> {
        // A savepoint flushes first. So does this, while the session is free to recover.
        if let Err(error) = session.flush().await {
            return if depth > 0 { Err(error) } else { self.recover(session, error).await };
        }
        let mut part = session.begin_nested().await?;
        self.flushed_now(&mut part).await?;
        let before = self.world.clone();
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
            End::Program => {
                drop(part);
                false
            }
        };
        if released {
            self.world.settle();
            self.flushed = self.world.clone();
            self.since = Since::default();
        } else {
            self.world = before;
        }
        self.flushed_now(session).await
    }

    /// A new session knows only what it reads.
    async fn replace(&mut self, session: &mut Session, with: bool) -> Result<()> {
        self.roll_back(session).await?;
        let mut fresh = self.engine.session();
        if with {
            fresh.all(User::select().with(User::POSTS.then(Post::TAGS))).await?;
            fresh.all(Tag::select().with(Tag::POSTS)).await?;
            fresh.all(Node::select().with(Node::CHILDREN)).await?;
        }
        for &at in self.world.accounts.keys() {
            let id = session[self.handles.accounts[at]].id;
            self.handles.accounts[at] = fresh.get_one(id).await?;
        }
        for &at in self.world.users.keys() {
            let id = session[self.handles.users[at]].id;
            self.handles.users[at] = fresh.get_one(id).await?;
        }
        for &at in self.world.posts.keys() {
            let id = session[self.handles.posts[at]].id;
            self.handles.posts[at] = fresh.get_one(id).await?;
        }
        for &at in self.world.tags.keys() {
            let id = session[self.handles.tags[at]].id;
            self.handles.tags[at] = fresh.get_one(id).await?;
        }
        for &at in self.world.nodes.keys() {
            let id = session[self.handles.nodes[at]].id;
            self.handles.nodes[at] = fresh.get_one(id).await?;
        }
        *session = fresh;
        self.flushed_now(session).await
    }

    /// After an error the work is still there; the model then gives it up.
    async fn recover(&mut self, session: &mut Session, error: Error) -> Result<()> {
        self.check_foreseen(error)?;
        session.recover().await?;
        in_memory(session, &self.world, &self.handles);
        self.roll_back(session).await
    }

    /// Two rows with one value, or a reference to a row that is being deleted.
    fn check_foreseen(&self, error: Error) -> Result<()> {
        let foreseen = self.world.has_duplicates() || (self.since.deletes && self.since.references);
        if foreseen { Ok(()) } else { Err(error) }
    }
}
