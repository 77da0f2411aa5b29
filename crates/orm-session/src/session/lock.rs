//! Reading a row that nobody else may change until the transaction ends.

use std::panic::Location;
use std::sync::Arc;

use orm_core::entity::{Entity, KeyArg};
use orm_core::error::StaleDataError;
use orm_core::query::Whole;
use orm_core::{Cells, Error, Handle, Result, ValueRef};
use orm_exec::Operation;

use super::{Session, left};
use crate::state::State;
use crate::tracker::Place;

impl Session {
    /// The entity of a key, read from the database in the session's transaction, and locked: nobody else can change the
    /// row until the transaction ends. `None` if there is no such row, or this session deletes it.
    ///
    /// Opens a transaction if none is open. Where the database locks single rows, this is a SELECT .. FOR UPDATE; SQLite
    /// has one writer at a time, which is this transaction from then on.
    ///
    /// An entity that the session has already, without pending changes, gets the values of the row, for they are what the
    /// lock is about; its collections stay. Pending changes are never overwritten.
    ///
    /// Dropped: the query is stopped; a transaction that it opened may stay open.
    ///
    /// # Errors
    /// [`Error::StaleData`] if the entity has a `#[version]` and the row has another one than the session has read:
    /// [`refresh`](Self::refresh) it first. If the session only reads. Of the database, or of an autoflush.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let account = session.get_for_update::<Account>(1).await?.expect("it is stored");
    /// assert!(session.in_transaction());
    /// session[account].balance -= 10; // nobody has changed it since it was read, and nobody will
    /// session.commit().await?;
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn get_for_update<E: Entity>(
        &mut self,
        key: impl KeyArg<E::Key>,
    ) -> Operation<'_, Option<Handle<E>>> {
        let (location, key) = (Location::caller(), key.into_key());
        Operation::named("session.get_for_update", left::TAKEN_OVER, async move {
            self.lock::<E>(&key, location).await
        })
    }

    async fn lock<E: Entity>(
        &mut self,
        key: &E::Key,
        location: &'static Location<'static>,
    ) -> Result<Option<Handle<E>>> {
        self.ready().await?;
        if self.begin.is_read_only() {
            return Err(self.only_reads("`get_for_update` keeps others from writing: "));
        }
        self.autoflush(&self.reads_of_key::<E>(), location).await?;
        let program = self.row_of_key::<E>(key, true)?;
        self.look_for_repeats(&program, location);
        let (_, rows) = self.run_pinned(program, super::query::rows_of::<E>(), false, location).await?;
        let Some(row) = rows.into_rows().into_iter().next() else { return Ok(None) };
        let arena = self.tracker.ensure(E::meta());
        let Some(slot) = self.tracker.make::<E>().find(key) else {
            return Ok(self.adopt_all::<Whole<E>>(vec![row], false).await.into_iter().next());
        };
        let place = Place { arena, slot };
        if self.tracker.state(place) != State::Persistent {
            return Ok(None);
        }
        self.check_read_version(place, &row)?;
        let uncommitted = self.uncommitted();
        self.tracker.make::<E>().renew(slot, row, uncommitted);
        Ok(Some(self.handle_of(slot)))
    }

    /// Refuses a row whose version is not the one that the session knows.
    fn check_read_version<E: Entity>(&self, place: Place, row: &E) -> Result<()> {
        let meta = E::meta();
        let Some(column) = meta.version else { return Ok(()) };
        let mut cells = Cells::default();
        self.tracker.arena(place.arena).encode_row(place.slot, column, &mut cells);
        row.encode(column, &mut cells);
        if cells.same(0, 1) {
            return Ok(());
        }
        let version = match cells.value(0) {
            ValueRef::Int(version) => Some(version),
            _ => None,
        };
        let key = self.tracker.arena(place.arena).key_text(place.slot).unwrap_or_default();
        Err(Error::StaleData(Arc::new(StaleDataError {
            entity: meta.name,
            key,
            version,
            action: "lock",
            expected: 1,
            matched: 0,
        })))
    }
}
