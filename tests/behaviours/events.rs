//! Hooks: when they run, what they may do, and what is left when they fail.

mod broken_off;
mod cascades;
mod change_sets;
mod commits;
mod failures;
mod rows;
mod sessions;

use std::sync::{Arc, Mutex};

use anyorm::prelude::*;
use anyorm::{Changes, EntityHooks, Error, Moments, Operation, Result, SessionHooks};
use orm_testkit::Behaviour;

pub(crate) const BEHAVIOURS: &[&[Behaviour]] = &[
    broken_off::BEHAVIOURS,
    cascades::BEHAVIOURS,
    change_sets::BEHAVIOURS,
    commits::BEHAVIOURS,
    failures::BEHAVIOURS,
    rows::BEHAVIOURS,
    sessions::BEHAVIOURS,
];

/// What hooks noted, in order.
#[derive(Clone, Debug, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, note: impl Into<String>) {
        self.0.lock().expect("nobody panics with it").push(note.into());
    }

    /// What was noted since the last time.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics with it"))
    }
}

/// What a note calls an entity.
trait Named {
    fn called(&self) -> String;
}

impl Named for anyorm_tests::User {
    fn called(&self) -> String {
        format!("User {} {}", self.id, self.name)
    }
}

impl Named for anyorm_tests::Post {
    fn called(&self) -> String {
        format!("Post {} {}", self.id, self.title)
    }
}

impl Named for anyorm_tests::Account {
    fn called(&self) -> String {
        format!("Account {} {}", self.id, self.balance)
    }
}

/// Notes every moment of an entity.
struct Watch(Notes);

impl<E: Entity + Named> EntityHooks<E> for Watch {
    fn before_insert(&self, entity: &mut E) -> Result<()> {
        self.0.add(format!("before insert {}", entity.called()));
        Ok(())
    }

    fn before_update(&self, entity: &mut E, stored: &E) -> Result<()> {
        self.0.add(format!("before update {} from {}", entity.called(), stored.called()));
        Ok(())
    }

    fn before_delete(&self, entity: &E) -> Result<()> {
        self.0.add(format!("before delete {}", entity.called()));
        Ok(())
    }

    fn after_insert(&self, entity: &E) -> Result<()> {
        self.0.add(format!("after insert {}", entity.called()));
        Ok(())
    }

    fn after_update(&self, entity: &E) -> Result<()> {
        self.0.add(format!("after update {}", entity.called()));
        Ok(())
    }

    fn after_delete(&self, entity: &E) -> Result<()> {
        self.0.add(format!("after delete {}", entity.called()));
        Ok(())
    }

    fn after_load(&self, entity: &mut E) {
        self.0.add(format!("after load {}", entity.called()));
    }
}

impl SessionHooks for Watch {
    async fn before_flush(&self, _: &mut Session) -> Result<()> {
        self.0.add("before flush");
        Ok(())
    }

    async fn after_flush(&self, session: &mut Session, changes: &Changes) -> Result<()> {
        assert!(session.in_transaction());
        self.0.add(format!("after flush: {}", changes.to_string().replace('\n', "; ")));
        Ok(())
    }

    async fn before_commit(&self, _: &mut Session) -> Result<()> {
        self.0.add("before commit");
        Ok(())
    }

    async fn after_commit(&self, session: &mut Session) -> Result<()> {
        assert!(!session.in_transaction());
        self.0.add("after commit");
        Ok(())
    }

    async fn after_rollback(&self, session: &mut Session) -> Result<()> {
        assert!(!session.in_transaction());
        self.0.add("after rollback");
        Ok(())
    }
}

/// What a hook of [`at`] does.
type Act = Box<dyn for<'a> Fn(&'a mut Session) -> Operation<'a, ()> + Send + Sync>;

/// A session hook of one moment, which does what the function says.
struct At(Moments, Act);

impl SessionHooks for At {
    fn moments(&self) -> Moments {
        self.0
    }

    async fn before_flush(&self, session: &mut Session) -> Result<()> {
        (self.1)(session).await
    }

    async fn after_flush(&self, session: &mut Session, _: &Changes) -> Result<()> {
        (self.1)(session).await
    }

    async fn before_commit(&self, session: &mut Session) -> Result<()> {
        (self.1)(session).await
    }

    async fn after_commit(&self, session: &mut Session) -> Result<()> {
        (self.1)(session).await
    }

    async fn after_rollback(&self, session: &mut Session) -> Result<()> {
        (self.1)(session).await
    }
}

/// A hook of one moment.
fn at(
    moment: Moments,
    act: impl for<'a> Fn(&'a mut Session) -> Operation<'a, ()> + Send + Sync + 'static,
) -> At {
    At(moment, Box::new(act))
}

/// A hook that runs out of luck.
fn failing(moment: Moments) -> At {
    at(moment, |_| Operation::new(async { Err(Error::other("no luck")) }))
}
