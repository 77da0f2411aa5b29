//! What a query's rows become in a session.

use orm_core::Handle;
use orm_core::batch::Counted;
use orm_core::entity::Entity;
use orm_core::query::{FromRow, Graph, Shape, Values, Whole};
use orm_core::{Keyed, PageCursor};

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
    fn slots<'t>(_tracked: impl Iterator<Item = &'t Self::Tracked>) -> Vec<u32>
    where
        Self: 't,
    {
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

    fn slots<'t>(tracked: impl Iterator<Item = &'t Handle<E>>) -> Vec<u32> {
        tracked.map(|handle| handle.raw().slot).collect()
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

/// Each with its cursor.
impl<S: Track> Track for Keyed<S> {
    type Tracked = (S::Tracked, PageCursor);

    fn track(
        rows: impl Iterator<Item = Self::Plain>,
        overwrite: bool,
        session: &mut Session,
        tracked: &mut Vec<Self::Tracked>,
    ) {
        let (rows, cursors): (Vec<_>, Vec<_>) = rows.unzip();
        let mut plain = Vec::with_capacity(rows.len());
        S::track(rows.into_iter(), overwrite, session, &mut plain);
        tracked.extend(plain.into_iter().zip(cursors));
    }

    fn prepare(rows: usize, session: &mut Session) {
        S::prepare(rows, session);
    }

    fn slots<'t>(tracked: impl Iterator<Item = &'t Self::Tracked>) -> Vec<u32>
    where
        Self: 't,
    {
        S::slots(tracked.map(|(tracked, _)| tracked))
    }
}

impl<T: FromRow> Track for Values<T> {
    type Tracked = T;

    fn track(rows: impl Iterator<Item = T>, _overwrite: bool, _session: &mut Session, tracked: &mut Vec<T>) {
        tracked.extend(rows);
    }
}
