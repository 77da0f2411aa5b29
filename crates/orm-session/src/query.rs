//! What a query's rows become in a session.

use orm_core::Handle;
use orm_core::batch::Counted;
use orm_core::entity::Entity;
use orm_core::query::{FromRow, Graph, Shape, Values, Whole};

use crate::session::Session;

/// Shapes that a session can track: whole entities become handles, projections stay plain values.
#[diagnostic::on_unimplemented(
    message = "this statement answers no rows",
    label = "no rows to read",
    note = "run it with `execute(..)`, or add `.returning(..)`, which says what to read"
)]
pub trait Track: Shape {
    /// What the program gets for each row.
    type Tracked: Send;

    /// Takes rows in. `overwrite`: whether entities that are tracked already take the values of their rows.
    #[doc(hidden)]
    fn track(
        rows: impl Iterator<Item = Self::Plain>,
        overwrite: bool,
        session: &mut Session,
        tracked: &mut Vec<Self::Tracked>,
    );

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

    fn track(
        rows: impl Iterator<Item = E>,
        overwrite: bool,
        session: &mut Session,
        tracked: &mut Vec<Handle<E>>,
    ) {
        session.adopt(rows, overwrite, tracked);
    }

    fn prepare(rows: usize, session: &mut Session) {
        session.tracker().make::<E>().reserve(rows);
    }
}

impl<E: Entity> Track for Graph<E> {
    type Tracked = Handle<E>;

    fn track(
        rows: impl Iterator<Item = E>,
        overwrite: bool,
        session: &mut Session,
        tracked: &mut Vec<Handle<E>>,
    ) {
        session.adopt(rows, overwrite, tracked);
    }

    fn prepare(rows: usize, session: &mut Session) {
        session.tracker().make::<E>().reserve(rows);
    }

    fn slots(tracked: &[Handle<E>]) -> Vec<u32> {
        tracked.iter().map(|handle| handle.raw().slot).collect()
    }
}

impl Track for Counted {
    type Tracked = u64;

    fn track(
        rows: impl Iterator<Item = u64>,
        _overwrite: bool,
        _session: &mut Session,
        tracked: &mut Vec<u64>,
    ) {
        tracked.extend(rows);
    }
}

impl<T: FromRow> Track for Values<T> {
    type Tracked = T;

    fn track(rows: impl Iterator<Item = T>, _overwrite: bool, _session: &mut Session, tracked: &mut Vec<T>) {
        tracked.extend(rows);
    }
}
