//! What a query's rows become in a session.

use orm_core::Handle;
use orm_core::entity::Entity;
use orm_core::query::{FromRow, Graph, Shape, Values, Whole};

use crate::session::Session;

/// Shapes that a session can track: whole entities become handles, projections stay plain values.
pub trait Track: Shape {
    /// What the program gets for each row.
    type Tracked: Send;

    /// Takes a row in.
    #[doc(hidden)]
    fn track(plain: Self::Plain, session: &mut Session) -> Self::Tracked;

    /// Makes room for rows.
    #[doc(hidden)]
    fn prepare(_rows: usize, _session: &mut Session) {}

    /// The slots of what was tracked, for loading relations; none for plain values.
    #[doc(hidden)]
    fn slots(_tracked: &[Self::Tracked]) -> Vec<u32> {
        Vec::new()
    }
}

impl<E: Entity> Track for Whole<E> {
    type Tracked = Handle<E>;

    fn track(plain: E, session: &mut Session) -> Handle<E> {
        session.adopt(plain)
    }

    fn prepare(rows: usize, session: &mut Session) {
        session.tracker().make::<E>().reserve(rows);
    }
}

impl<E: Entity> Track for Graph<E> {
    type Tracked = Handle<E>;

    fn track(plain: E, session: &mut Session) -> Handle<E> {
        session.adopt(plain)
    }

    fn prepare(rows: usize, session: &mut Session) {
        session.tracker().make::<E>().reserve(rows);
    }

    fn slots(tracked: &[Handle<E>]) -> Vec<u32> {
        tracked.iter().map(|handle| handle.raw().slot).collect()
    }
}

impl<T: FromRow> Track for Values<T> {
    type Tracked = T;

    fn track(plain: T, _session: &mut Session) -> T {
        plain
    }
}
