//! Everything a session tracks, without a connection: what planning a flush needs and nothing else.

mod dead;
mod doomed;
mod expressions;
mod filled;
mod flushed;
mod given;

pub(crate) use doomed::{Doomed, is_empty};
pub(crate) use expressions::{Expressions, row_value_at};
pub(crate) use filled::Filled;
pub(crate) use flushed::{Flushed, FlushedPair, Followed};
pub(crate) use given::GivenLinks;

use std::any::Any;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use orm_core::entity::{Entity, EntityMeta, RelationKind, RelationMeta};
use orm_core::handle::RawHandle;
use orm_core::relation::{Link, LinkMut, ManyState, OneState};
use orm_core::{Error, Handle, Reads, Result};

use crate::arena::Arena;
use crate::events::{EntityHooks, Moments};
use crate::state::State;
use crate::unit_of_work::references_to;

/// An entity of the session: its arena and its slot there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) arena: u32,
    pub(crate) slot: u32,
}

/// The arenas of a session, and what is pending in them.
pub(crate) struct Tracker {
    session: NonZeroU32,
    /// By [`EntityIndex`](orm_core::entity::EntityIndex).
    arenas: Vec<Option<Box<Arena>>>,
    /// Added and not flushed, in the order of `add`.
    pending: Vec<Place>,
    /// Marked by `delete` and not flushed.
    deleting: Vec<Place>,
    /// Links that the last plan wrote on behalf of collections.
    given: GivenLinks,
    /// What the plan that is being made deletes for want of a parent.
    doomed: Doomed,
    /// The flushes of the open transaction.
    flushed: Vec<Flushed>,
    /// SQL expressions that columns were set to.
    expressions: Expressions,
    /// Whether entities were detached since the transaction began: what a rollback brings back may hold their handles.
    detached: bool,
    /// What hooks of any entity want.
    moments: Moments,
}

impl Tracker {
    /// An empty one, with a session id that was never used before.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let session = NonZeroU32::new(id).expect("a process makes fewer than 2^32 sessions");
        Self {
            session,
            arenas: Vec::new(),
            pending: Vec::new(),
            deleting: Vec::new(),
            given: GivenLinks::default(),
            doomed: Doomed::default(),
            flushed: Vec::new(),
            expressions: Expressions::default(),
            detached: false,
            moments: Moments::NONE,
        }
    }

    pub(crate) fn session(&self) -> NonZeroU32 {
        self.session
    }

    /// The arena of a type, if the session has met one.
    #[inline]
    pub(crate) fn of<E: Entity>(&self) -> Option<&Arena> {
        self.arenas.get(E::meta().index.get())?.as_deref()
    }

    /// The arena of a type, if the session has met one, to change it.
    #[inline]
    pub(crate) fn of_mut<E: Entity>(&mut self) -> Option<&mut Arena> {
        self.arenas.get_mut(E::meta().index.get())?.as_deref_mut()
    }

    /// The arena of a type, made if need be.
    pub(crate) fn make<E: Entity>(&mut self) -> &mut Arena {
        let index = self.ensure(E::meta());
        self.arena_mut(index)
    }

    /// Adds hooks of the entities of one type.
    pub(crate) fn listen_to<E: Entity>(&mut self, hooks: Arc<dyn EntityHooks<E>>) {
        self.moments |= hooks.moments();
        self.make::<E>().listen(hooks);
    }

    /// What hooks of any entity want.
    pub(crate) fn moments(&self) -> Moments {
        self.moments
    }

    /// What hooks of an entity want.
    pub(crate) fn moments_of(&self, meta: &EntityMeta) -> Moments {
        let arena = self.arenas.get(meta.index.get()).and_then(Option::as_ref);
        arena.map_or(Moments::NONE, |arena| arena.moments())
    }

    /// The index of an entity's arena, made if need be.
    pub(crate) fn ensure(&mut self, meta: &'static EntityMeta) -> u32 {
        let index = meta.index.get();
        if self.arenas.len() <= index {
            self.arenas.resize_with(index + 1, || None);
        }
        if self.arenas[index].is_none() {
            let arena = (meta.arena)().downcast::<Arena>();
            self.arenas[index] = Some(arena.expect("the derive names the session's own maker of arenas"));
        }
        index as u32
    }

    /// Whether the session has met an entity of this type.
    pub(crate) fn knows(&self, meta: &EntityMeta) -> bool {
        self.arenas
            .get(meta.index.get())
            .is_some_and(|arena| arena.as_ref().is_some_and(|arena| arena.len() > 0))
    }

    /// The arena at an index that a [`Place`] or `ensure` gave.
    pub(crate) fn arena(&self, index: u32) -> &Arena {
        self.arenas[index as usize].as_deref().expect("a place names an arena that exists")
    }

    pub(crate) fn arena_mut(&mut self, index: u32) -> &mut Arena {
        self.arenas[index as usize].as_deref_mut().expect("a place names an arena that exists")
    }

    pub(crate) fn arenas(&self) -> impl Iterator<Item = (u32, &Arena)> {
        self.arenas.iter().enumerate().filter_map(|(at, arena)| Some((at as u32, arena.as_deref()?)))
    }

    pub(crate) fn arenas_mut(&mut self) -> impl Iterator<Item = &mut Box<Arena>> {
        self.arenas.iter_mut().flatten()
    }

    pub(crate) fn handle(&self, place: Place) -> RawHandle {
        self.arena(place.arena).handle(place.slot, self.session)
    }

    pub(crate) fn state(&self, place: Place) -> State {
        self.arena(place.arena).state(place.slot)
    }

    /// The place of a handle found in a relation field.
    pub(crate) fn place(&self, handle: RawHandle, meta: &'static EntityMeta) -> Result<Place, &'static str> {
        if handle.session != self.session {
            return Err("a handle of another session: use one that this session gave");
        }
        let index = meta.index.get();
        let arena = self.arenas.get(index).and_then(Option::as_deref);
        match arena.and_then(|arena| arena.slot(handle)) {
            Some(slot) => Ok(Place { arena: index as u32, slot }),
            None => Err("a handle whose entity has left the session: give it another, or a key"),
        }
    }

    /// The entity and its key, for a message: `User 3`, `new Post`.
    pub(crate) fn describe(&self, place: Place) -> String {
        let arena = self.arena(place.arena);
        match arena.key_text(place.slot) {
            Some(key) => format!("{} {key}", arena.meta().name),
            None => format!("new {}", arena.meta().name),
        }
    }

    /// A flush error about an entity.
    pub(crate) fn fault(&self, place: Place, message: impl Into<String>) -> Error {
        let arena = self.arena(place.arena);
        Error::flush(arena.meta().name, arena.key_text(place.slot), message)
    }

    // What is pending.

    /// Added and not flushed, in order. One that was deleted again waits in the list, but is not pending any more.
    pub(crate) fn pending(&self) -> Vec<Place> {
        let mut pending = Vec::with_capacity(self.pending.len());
        for places in self.pending.chunk_by(|a, b| a.arena == b.arena) {
            self.arena(places[0].arena).keep_pending(places, &mut pending);
        }
        pending
    }

    pub(crate) fn deleting(&self) -> &[Place] {
        &self.deleting
    }

    pub(crate) fn take_pending(&mut self) -> (Vec<Place>, Vec<Place>) {
        let pending = self.pending();
        self.pending.clear();
        (pending, std::mem::take(&mut self.deleting))
    }

    /// Puts work that was taken back in front of what came since.
    pub(crate) fn return_pending(&mut self, mut pending: Vec<Place>, mut deleting: Vec<Place>) {
        pending.append(&mut self.pending);
        deleting.append(&mut self.deleting);
        (self.pending, self.deleting) = (pending, deleting);
    }

    /// Whether anything was added, changed or deleted since the last flush, as far as a glance tells.
    pub(crate) fn is_touched(&self) -> bool {
        !self.pending.is_empty()
            || !self.deleting.is_empty()
            || self.arenas().any(|(_, arena)| arena.dirty() > 0)
    }

    /// What is pending or has an image, of the entities that have relations.
    pub(crate) fn touched_with_relations(&self) -> Vec<Place> {
        let mut related: Vec<(u32, &Arena)> =
            self.arenas().filter(|(_, arena)| !arena.meta().relations.is_empty()).collect();
        if related.is_empty() {
            return Vec::new();
        }
        // By name: equal input gives an equal plan, whatever the process did before.
        related.sort_by_key(|(_, arena)| arena.meta().table);
        let is_related = |place: &&Place| related.iter().any(|(arena, _)| *arena == place.arena);
        let pending = self.pending().into_iter().filter(|place| is_related(&place));
        let dirty = related.iter().flat_map(|&(arena, tracked)| {
            tracked.dirty_slots().into_iter().map(move |slot| Place { arena, slot })
        });
        pending.chain(dirty).collect()
    }

    /// Adds a new value and the new values inside its relation fields.
    pub(crate) fn add<E: Entity>(&mut self, mut value: E) -> u32 {
        value.make_key();
        let arena = self.ensure(E::meta());
        let slot = self.make::<E>().insert(value);
        let place = Place { arena, slot };
        self.pending.push(place);
        if !E::meta().relations.is_empty() {
            self.take_in(vec![place]);
        }
        slot
    }

    /// Adds several new values, each as [`add`](Self::add) does.
    pub(crate) fn add_all<E: Entity>(&mut self, values: impl Iterator<Item = E>) -> Vec<Handle<E>> {
        let room = values.size_hint().0;
        self.make::<E>().reserve_slots(room);
        self.pending.reserve(room);
        if !E::meta().relations.is_empty() {
            let add = |value| {
                let slot = self.add(value);
                let arena = E::meta().index.get() as u32;
                Handle::from_raw(self.handle(Place { arena, slot }))
            };
            return values.map(add).collect();
        }
        let (index, session) = (E::meta().index.get(), self.session);
        let Self { arenas, pending, .. } = self;
        let arena = arenas[index].as_deref_mut().expect("made just now");
        let add = |mut value: E| {
            value.make_key();
            let slot = arena.insert(value);
            pending.push(Place { arena: index as u32, slot });
            Handle::from_raw(arena.handle(slot, session))
        };
        values.map(add).collect()
    }

    /// Takes the new values out of the relation fields of some entities, and of those that come in so, and adds
    /// them. The collections of an entity that is not in the database become loaded.
    pub(crate) fn take_in(&mut self, mut work: Vec<Place>) {
        let mut next = 0;
        while let Some(&place) = work.get(next) {
            next += 1;
            let meta = self.arena(place.arena).meta();
            let is_new = self.state(place) == State::Pending;
            for relation in meta.relations {
                let values = match self.arena_mut(place.arena).link_mut(place.slot, relation.position) {
                    LinkMut::One(link) => Vec::from_iter(link.take_new()),
                    LinkMut::Many(link) => {
                        if is_new && link.state() == ManyState::NotSet {
                            link.set_loaded(&[]);
                        }
                        link.take_new()
                    }
                };
                for value in values {
                    let Some(member) = self.add_any((relation.target)(), value) else { continue };
                    work.push(member);
                    let handle = self.handle(member);
                    match self.arena_mut(place.arena).link_mut(place.slot, relation.position) {
                        LinkMut::One(link) => link.set_handle(handle, None),
                        LinkMut::Many(link) => link.insert(handle),
                    }
                }
            }
        }
    }

    fn add_any(&mut self, meta: &'static EntityMeta, value: Box<dyn Any + Send>) -> Option<Place> {
        let arena = self.ensure(meta);
        let slot = self.arena_mut(arena).insert_any(value)?;
        let place = Place { arena, slot };
        self.admit(place);
        Some(place)
    }

    /// Makes a value that waited in a slot of its own a new entity.
    pub(crate) fn admit(&mut self, place: Place) {
        self.arena_mut(place.arena).make_key(place.slot);
        self.pending.push(place);
    }

    /// Marks an entity as deleted. One that was never flushed just goes, with the end of `layer` at the latest.
    pub(crate) fn delete(&mut self, place: Place, layer: usize) {
        match self.state(place) {
            State::Pending => self.discard_new(place, layer),
            State::Persistent => {
                self.arena_mut(place.arena).set_state(place.slot, State::Deleting);
                self.deleting.push(place);
            }
            State::Inserting => {
                // Its INSERT is under way: the next flush deletes what that one stores.
                self.deleting.push(place);
            }
            State::Deleting | State::Deleted | State::Vacant => {}
        }
    }

    /// Takes a delete back that was not flushed.
    pub(crate) fn undelete(&mut self, place: Place) {
        self.deleting.retain(|&other| other != place);
        if self.state(place) == State::Deleting {
            self.arena_mut(place.arena).set_state(place.slot, State::Persistent);
        }
    }

    /// Deletes that came while a flush was under way, once it is settled: an entity that is stored now is marked, one
    /// that is not goes.
    pub(crate) fn sort_out_deletes(&mut self, layer: usize) {
        for place in std::mem::take(&mut self.deleting) {
            match self.state(place) {
                State::Deleting => self.deleting.push(place),
                _ => self.delete(place, layer),
            }
        }
    }

    // Ends.

    /// Whether a handle is good and its entity may be written.
    pub(crate) fn is_writable<E: Entity>(&self, handle: Handle<E>) -> bool {
        handle.raw().session == self.session
            && self.of::<E>().is_some_and(|arena| arena.is_writable(handle.raw()))
    }

    /// Memory is what it was when a layer began; 0 is the transaction. All that is pending came later than that: a
    /// savepoint flushes first.
    pub(crate) fn rollback(&mut self, layer: usize) {
        let (pending, deleting) = self.take_pending();
        for place in deleting {
            if self.state(place) == State::Deleting {
                self.arena_mut(place.arena).set_state(place.slot, State::Persistent);
            }
        }
        for place in pending {
            self.arena_mut(place.arena).end(place.slot);
        }
        self.arenas_mut().for_each(|arena| arena.rollback(layer));
        self.given.clear();
        self.expressions.clear();
        self.flushed.retain(|flushed| flushed.layer < layer);
        if self.detached {
            self.drop_dead_everywhere();
            self.detached = layer > 0;
        }
    }

    /// Nobody knows whether what was flushed is committed: what was written leaves the session, to be read again.
    pub(crate) fn forget_written(&mut self) {
        let mut written = self.deleting.clone();
        for (index, arena) in self.arenas() {
            written.extend(arena.written_slots().into_iter().map(|slot| Place { arena: index, slot }));
        }
        self.rollback(0);
        for place in written {
            if self.state(place) != State::Vacant {
                self.forget(place);
            }
        }
        self.drop_dead_everywhere();
        self.detached = false;
    }

    /// What was flushed is committed.
    pub(crate) fn commit(&mut self) {
        self.arenas_mut().for_each(|arena| arena.commit());
        self.flushed.clear();
        self.detached = false;
    }

    /// A savepoint is released: what it could take back is the surrounding layer's to take back.
    pub(crate) fn release(&mut self, layer: usize) {
        self.arenas_mut().for_each(|arena| arena.release(layer));
        for flushed in &mut self.flushed {
            flushed.layer = flushed.layer.min(layer - 1);
        }
    }

    /// All that was flushed in the transaction is pending again.
    pub(crate) fn recover(&mut self) {
        let former = self.former_parents();
        let (mut pending, mut deleting, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        for (index, arena) in self.arenas.iter_mut().enumerate() {
            let Some(arena) = arena else { continue };
            let recovered = arena.recover();
            if !recovered.lost.is_empty() {
                lost.push((index as u32, arena.finder(recovered.lost)));
            }
            let place = |slot| Place { arena: index as u32, slot };
            pending.extend(recovered.pending.into_iter().map(place));
            deleting.extend(recovered.deleting.into_iter().map(place));
        }
        self.return_pending(pending, deleting);
        let mut deleting = std::mem::take(&mut self.deleting);
        deleting.retain(|&place| self.state(place) == State::Deleting);
        self.deleting = deleting;
        self.leave_former_parents(former);
        self.follow_lost_keys(lost);
        let touched = self.touched_with_relations();
        self.drop_dead(&touched);
        self.recover_flushed();
        self.keep_queued();
        self.keep_leaves();
    }

    /// Links that were written to an entity hold the key of its row from now on, as the entity is about to leave.
    pub(crate) fn leave_key(&mut self, target: Place) {
        let (meta, handle) = (self.arena(target.arena).meta(), self.handle(target));
        let Some(key) = self.arena(target.arena).row_key(target.slot) else { return };
        for place in self.touched_with_relations() {
            for relation in self.arena(place.arena).meta().relations {
                if !(relation.target)().is(meta) {
                    continue;
                }
                if let LinkMut::One(link) =
                    self.arena_mut(place.arena).link_mut(place.slot, relation.position)
                    && matches!(link.state(), OneState::Handle(own, _) if own == handle)
                {
                    link.set_key(&*key);
                }
            }
        }
    }

    /// Ends one entity's life in the session.
    pub(crate) fn forget(&mut self, place: Place) {
        self.drop_expressions(place);
        self.detached = true;
        if self.state(place) == State::Pending {
            self.pending.retain(|&other| other != place);
        }
        self.arena_mut(place.arena).end(place.slot);
    }

    /// Ends the life of every entity.
    pub(crate) fn forget_all(&mut self) {
        self.pending.clear();
        self.deleting.clear();
        self.given.clear();
        self.expressions.clear();
        self.flushed.clear();
        for arena in self.arenas.iter_mut().flatten() {
            for slot in 0..arena.len() as u32 {
                arena.end(slot);
            }
            arena.forget_undo();
        }
    }

    /// Gives a slot a freshly read row.
    pub(crate) fn refresh<E: Entity>(&mut self, place: Place, row: E, uncommitted: Option<usize>) {
        self.drop_expressions(place);
        self.deleting.retain(|&other| other != place);
        if let Some(arena) = self.of_mut::<E>() {
            arena.overwrite(place.slot, row, uncommitted);
        }
    }

    /// A table with pending changes that a statement reads, links of its entities included.
    pub(crate) fn pending_table(&self, reads: &Reads) -> Option<&'static str> {
        let is_read = |table: &str| match reads {
            Reads::Any => true,
            Reads::Tables(tables) => tables.contains(&table),
        };
        let waiting =
            |index: u32| self.pending.iter().chain(&self.deleting).any(|place| place.arena == index);
        let touched = self.arenas().filter(|(index, arena)| arena.dirty() > 0 || waiting(*index));
        let mut tables = touched.flat_map(|(_, arena)| written_tables(arena.meta()));
        tables
            .find(|table| is_read(table))
            .or_else(|| self.tables_of_deletes().into_iter().find(|table| is_read(table)))
    }

    /// The tables that the pending deletes reach by the database's actions.
    fn tables_of_deletes(&self) -> Vec<&'static str> {
        let mut entities: Vec<&'static EntityMeta> = Vec::new();
        for place in &self.deleting {
            let meta = self.arena(place.arena).meta();
            if !entities.iter().any(|known| known.is(meta)) {
                entities.push(meta);
            }
        }
        let mut next = 0;
        while let Some(&meta) = entities.get(next) {
            next += 1;
            for relation in references_to(self, meta) {
                let source = (relation.source)();
                if !entities.iter().any(|known| known.is(source)) {
                    entities.push(source);
                }
            }
        }
        entities.into_iter().map(|meta| meta.table).collect()
    }

    // Relations.

    /// The `belongs_to` fields of tracked entities that lead to an entity, each with the arena that has it.
    pub(crate) fn links_to(&self, meta: &EntityMeta) -> Vec<(u32, &'static RelationMeta)> {
        let relations = self
            .arenas()
            .flat_map(|(index, arena)| arena.meta().relations.iter().map(move |relation| (index, relation)));
        let leads_there = |relation: &RelationMeta| {
            matches!(relation.kind, RelationKind::BelongsTo { .. }) && (relation.target)().is(meta)
        };
        relations.filter(|(_, relation)| leads_there(relation)).collect()
    }

    /// Where a to-one field leads, as far as the session tracks the target.
    pub(crate) fn target_of(&self, link: &Link<'_>, relation: &'static RelationMeta) -> Option<Place> {
        let Link::One(link) = link else { return None };
        let meta = (relation.target)();
        let by_key = |key| {
            let arena = meta.index.get();
            let slot = self.arenas.get(arena)?.as_ref()?.find(key)?;
            Some(Place { arena: arena as u32, slot })
        };
        match link.state() {
            // Once the target was detached its key is as good.
            OneState::Handle(handle, key) => {
                let key = key.filter(|_| handle.session == self.session());
                self.place(handle, meta).ok().or_else(|| by_key(key?))
            }
            OneState::Key(key) => by_key(key),
            OneState::Empty | OneState::New => None,
        }
    }

    /// Whether a to-one field leads to this entity, by handle or by key.
    pub(crate) fn leads_to(&self, link: &Link<'_>, target: Place) -> bool {
        let Link::One(link) = link else { return false };
        match link.state() {
            OneState::Handle(handle, _) => handle == self.handle(target),
            OneState::Key(key) => self.arena(target.arena).has_key(target.slot, key),
            OneState::Empty | OneState::New => false,
        }
    }
}

/// The tables that a flush of an entity may write: its own, those of its links, and those of the children in its
/// collections.
fn written_tables(meta: &'static EntityMeta) -> impl Iterator<Item = &'static str> {
    let related = meta.relations.iter().filter_map(|relation| match &relation.kind {
        RelationKind::BelongsTo { .. } => None,
        RelationKind::HasMany { .. } => Some((relation.target)().table),
        RelationKind::ManyToMany { through } => Some(through.table),
    });
    std::iter::once(meta.table).chain(related)
}

/// The collections on the other side of a `belongs_to`, as positions in the target's relations.
pub(crate) fn collections_of(relation: &'static RelationMeta) -> impl Iterator<Item = usize> {
    (relation.target)().relations.iter().filter_map(move |other| match other.kind {
        RelationKind::HasMany { inverse } if std::ptr::eq(inverse(), relation) => Some(other.position),
        _ => None,
    })
}

/// The other side of a many-to-many relation, if the target declares one.
pub(crate) fn other_side(relation: &'static RelationMeta) -> Option<&'static RelationMeta> {
    let RelationKind::ManyToMany { through } = &relation.kind else { return None };
    (relation.target)().relations.iter().find(|other| match &other.kind {
        RelationKind::ManyToMany { through: theirs } => {
            theirs.table == through.table
                && theirs.source == through.target
                && theirs.target == through.source
        }
        _ => false,
    })
}
