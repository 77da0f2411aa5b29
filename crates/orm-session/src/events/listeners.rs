//! Hooks for several sessions.

use std::fmt;
use std::sync::Arc;

use orm_core::entity::Entity;

use super::{AnySessionHooks, EntityHooks, SessionHooks};
use crate::tracker::Tracker;

/// Hooks that several sessions share: made once, given to each with [`Session::attach`](crate::Session::attach). Cheap to
/// clone.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::{Hooks, Listeners};
///
/// let lower = Hooks::<Tag>::new().before_insert(|tag| {
///     tag.name.make_ascii_lowercase();
///     Ok(())
/// });
/// let listeners = Listeners::new().listen_to(lower);
///
/// let mut session = engine.session();
/// session.attach(&listeners);
/// let tag = session.add(Tag { name: "Engines".into(), ..Default::default() });
/// session.commit().await?;
/// assert_eq!(session[tag].name, "engines");
/// # Ok(()) });
/// ```
#[derive(Clone, Default)]
pub struct Listeners {
    pub(crate) sessions: Vec<Arc<dyn AnySessionHooks>>,
    pub(crate) entities: Vec<Arc<dyn Install>>,
}

impl Listeners {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds hooks of sessions.
    pub fn listen(mut self, hooks: impl SessionHooks) -> Self {
        self.sessions.push(Arc::new(hooks));
        self
    }

    /// Adds hooks of the entities of one type.
    pub fn listen_to<E: Entity>(mut self, hooks: impl EntityHooks<E>) -> Self {
        self.entities.push(Arc::new(Typed::<E>(Arc::new(hooks))));
        self
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners")
            .field("sessions", &self.sessions.len())
            .field("entities", &self.entities.len())
            .finish()
    }
}

/// Entity hooks without their type.
pub(crate) trait Install: Send + Sync {
    fn install(&self, tracker: &mut Tracker);
}

struct Typed<E: Entity>(Arc<dyn EntityHooks<E>>);

impl<E: Entity> Install for Typed<E> {
    fn install(&self, tracker: &mut Tracker) {
        tracker.listen_to(Arc::clone(&self.0));
    }
}
