//! After the program ran: memory takes over what the database now has, or everything is as it was.

use std::any::Any;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use orm_core::entity::{RelationKind, VersionKind};
use orm_core::handle::RawHandle;
use orm_core::relation::{Link, LinkMut, ManyState, OneState};
use orm_core::row::ColumnError;
use orm_core::{Error, Outcome, Result, ValueRef};

use super::collect::Unresolved;
use super::delete::Emptied;
use super::edits::{Edits, show_keys};
use super::keys::is_in_key;
use super::link_rows::follow_link_entities;
use super::links::{Pair, mirrored};
use super::plan::{FlushPlan, Origin, ReadBack, Returned, version_of};
use crate::state::State;
use crate::tracker::{Filled, Flushed, FlushedPair, Followed, Place, Tracker, collections_of, row_value_at};

impl FlushPlan {
    /// The program is about to be sent: what is pending is under way, and later writes are later work.
    pub(crate) fn send(&mut self, tracker: &mut Tracker) {
        self.taken = tracker.take_pending();
        let pending = std::mem::take(&mut self.taken.0);
        for_each_arena(tracker, &pending, |arena, slots| arena.send(slots));
        self.taken.0 = pending;
        tracker.mark_deleting(&self.doomed.stored, true);
        self.given = tracker.send_given();
        self.expressions = tracker.take_expressions();
    }

    /// The program failed and nothing of it is left in the database: all of it is pending again.
    pub(crate) fn unsend(&mut self, tracker: &mut Tracker, layer: usize) {
        let (pending, deleting) = std::mem::take(&mut self.taken);
        for_each_arena(tracker, &pending, |arena, slots| arena.unsend(slots));
        tracker.mark_deleting(&self.doomed.stored, false);
        tracker.return_pending(pending, deleting);
        tracker.return_given(std::mem::take(&mut self.given));
        tracker.return_expressions(std::mem::take(&mut self.expressions));
        tracker.sort_out_deletes(layer);
    }

    /// The program succeeded. `layer` is the innermost layer of a transaction that stays open, `None` if the program
    /// committed.
    ///
    /// # Errors
    /// If the database gave a row what does not fit its field. All else is settled, and the row is what it is.
    pub(crate) fn settle(
        &mut self,
        tracker: &mut Tracker,
        outcome: &Outcome,
        returned: &Returned,
        layer: Option<usize>,
    ) -> Result<()> {
        self.settle_versions(tracker);
        let mut unfit = Vec::new();
        let filled = self.fill(tracker, returned, layer.is_some(), &mut unfit);
        self.settle_rows(tracker, outcome, returned, layer, &mut unfit);
        for place in std::mem::take(&mut self.doomed.new) {
            tracker.arena_mut(place.arena).discard(place.slot, layer.unwrap_or(0));
        }
        self.settle_links(tracker);
        let mut edits = Edits::default();
        self.follow_moves(tracker, &mut edits);
        self.follow_pairs(tracker, &mut edits);
        self.follow_links(tracker, &mut edits);
        self.follow_deletes(tracker, layer, &mut edits);
        edits.apply(tracker, layer);
        for &place in &self.touched {
            normalise_collections(tracker, place);
        }
        tracker.sort_out_deletes(layer.unwrap_or(0));
        match layer {
            Some(layer) => {
                let flushed = self.flushed(tracker, layer, filled);
                tracker.note_flushed(flushed);
            }
            None => tracker.commit(),
        }
        unfit.into_iter().next().map_or(Ok(()), |unfit: Unfit| Err(unfit.into_error(tracker)))
    }

    /// What `recover` needs to know of this flush.
    fn flushed(&mut self, tracker: &Tracker, layer: usize, filled: Vec<Filled>) -> Flushed {
        let handles = |pair: &Pair| FlushedPair {
            relation: pair.relation,
            source: tracker.handle(pair.source),
            target: tracker.handle(pair.target),
        };
        Flushed {
            layer,
            given: std::mem::take(&mut self.given),
            followed: std::mem::take(&mut self.followed),
            filled,
            added: self.pairs.added.iter().map(handles).collect(),
            removed: self.pairs.removed.iter().map(handles).collect(),
            orphans: self.doomed.stored.iter().map(|&place| (place, tracker.handle(place))).collect(),
        }
    }

    /// A statement deleted rows, in a transaction that stays open.
    pub(crate) fn settle_deleted(&self, tracker: &mut Tracker, layer: usize) {
        let mut edits = Edits::default();
        self.follow_deletes(tracker, Some(layer), &mut edits);
        edits.apply(tracker, Some(layer));
    }

    fn settle_versions(&self, tracker: &mut Tracker) {
        for origin in &self.origins {
            if let Origin::Update { rows, .. } = origin
                && tracker.arena(rows[0].arena).meta().version.is_some()
            {
                for &row in rows {
                    count_version(tracker, row, row, self.now);
                }
            }
        }
        for switch in &self.switches {
            count_version(tracker, switch.old, switch.new, self.now);
        }
    }

    /// What the database gave to the rows. Answers it for `recover`, where that may be called.
    fn fill(
        &self,
        tracker: &mut Tracker,
        returned: &Returned,
        recoverable: bool,
        unfit: &mut Vec<Unfit>,
    ) -> Vec<Filled> {
        let mut filled = Vec::new();
        for read_back in &self.read_backs {
            let skip = usize::from(read_back.with_key);
            for (row, &place) in read_back.rows.iter().enumerate() {
                for (at, &column) in read_back.columns.iter().enumerate() {
                    let value = returned.value(read_back.step, row, skip + at);
                    if recoverable {
                        filled.push(read_back.filled(tracker, place, column, value));
                    }
                    if let Err(error) = tracker.arena_mut(place.arena).fill(place.slot, column, value) {
                        unfit.push(Unfit { place, column, error });
                    }
                }
            }
        }
        filled
    }

    fn settle_rows(
        &mut self,
        tracker: &mut Tracker,
        outcome: &Outcome,
        returned: &Returned,
        layer: Option<usize>,
        unfit: &mut Vec<Unfit>,
    ) {
        // Keys that are made of links need those of the rows that they lead to: each is learned before the next.
        let mut in_keys: HashMap<Place, Vec<&Unresolved>> = HashMap::new();
        for (row, link) in self.links.iter().filter(|(_, link)| is_in_key(link)) {
            in_keys.entry(*row).or_default().push(link);
        }
        let learn = |tracker: &mut Tracker, row: Place| {
            in_keys.get(&row).into_iter().flatten().for_each(|link| settle_link(tracker, row, link));
        };
        for (rows, generated, step) in self.inserted() {
            if !in_keys.is_empty() {
                rows.iter().for_each(|&row| learn(tracker, row));
            }
            let keys =
                if generated { self.keys(outcome, returned, step, rows.len()) } else { Cow::default() };
            let slots: Vec<u32> = rows.iter().map(|row| row.slot).collect();
            stamp(tracker, rows, self.now);
            let arena = rows[0].arena;
            for (slot, error) in tracker.arena_mut(arena).settle_inserts(&slots, &keys, layer) {
                let key = tracker.arena(arena).meta().key[0];
                unfit.push(Unfit { place: Place { arena, slot }, column: key, error });
            }
        }
        in_keys.keys().for_each(|&row| learn(tracker, row));
        // Where a row was changed and then switched or deleted, its image is what a rollback brings back.
        for index in tracker.arenas().map(|(index, _)| index).collect::<Vec<_>>() {
            tracker.arena_mut(index).settle_images(layer);
        }
        for switch in &self.switches {
            let arena = tracker.arena_mut(switch.old.arena);
            arena.settle_deletes(&[switch.old.slot], layer);
            // No key is the database's here.
            let _ = arena.settle_inserts(&[switch.new.slot], &[], layer);
        }
        // Last: a rollback ends rows that are new, whatever they followed.
        self.followed = self.follow_renames(tracker, layer);
    }

    /// Tracked rows follow the keys that they refer to.
    fn follow_renames(&self, tracker: &mut Tracker, layer: Option<usize>) -> Vec<Followed> {
        if self.renames.is_empty() {
            return Vec::new();
        }
        let mut inserted: HashSet<Place> = self.switches.iter().map(|switch| switch.new).collect();
        let mut updated: HashMap<Place, Vec<usize>> = HashMap::new();
        for origin in &self.origins {
            match origin {
                Origin::Insert { rows, .. } => inserted.extend(rows),
                Origin::Update { rows, columns } => {
                    let columns: Vec<usize> = columns.iter().map(|&column| usize::from(column)).collect();
                    updated.extend(rows.iter().map(|&row| (row, columns.clone())));
                }
                _ => {}
            }
        }
        self.renames.follow(tracker, layer, |row, columns| {
            let wrote = |written: &Vec<usize>| columns.iter().any(|column| written.contains(column));
            inserted.contains(&row) || updated.get(&row).is_some_and(wrote)
        })
    }

    /// The keys that the database gave to the rows of a step: where it answered more of them, they stand before that.
    fn keys<'a>(
        &self,
        outcome: &'a Outcome,
        returned: &Returned,
        step: usize,
        rows: usize,
    ) -> Cow<'a, [i64]> {
        let is_own = |read_back: &&ReadBack| usize::from(read_back.step) == step && read_back.with_key;
        let Some(read_back) = self.read_backs.iter().find(is_own) else {
            return Cow::Borrowed(outcome.generated[step].as_slice());
        };
        let key = |row| match returned.value(read_back.step, row, 0) {
            ValueRef::Int(key) => key,
            _ => 0,
        };
        Cow::Owned((0..rows).map(key).collect())
    }

    /// Links to entities that were inserted now know their keys.
    fn settle_links(&self, tracker: &mut Tracker) {
        for (source, link) in &self.links {
            settle_link(tracker, *source, link);
        }
    }

    /// Children that changed parents leave the one's loaded collection and enter the other's.
    fn follow_moves(&self, tracker: &Tracker, edits: &mut Edits) {
        for change in &self.moves {
            let child = tracker.handle(change.child);
            for collection in collections_of(change.relation) {
                if let Some(from) = change.from {
                    edits.remove(from, collection, child);
                }
                if let Some(to) = change.to {
                    edits.add(to, collection, child);
                }
            }
        }
    }

    fn follow_pairs(&self, tracker: &Tracker, edits: &mut Edits) {
        for (place, collection, member) in self.pairs.added.iter().filter_map(mirrored) {
            edits.add(place, collection, tracker.handle(member));
        }
        for (place, collection, member) in self.pairs.removed.iter().filter_map(mirrored) {
            edits.remove(place, collection, tracker.handle(member));
        }
    }

    /// Entities of tables of links are pairs of collections, too.
    fn follow_links(&self, tracker: &Tracker, edits: &mut Edits) {
        let written = self.origins.iter().flat_map(|origin| match origin {
            Origin::Insert { rows, .. } | Origin::Update { rows, .. } => rows.as_slice(),
            _ => &[],
        });
        follow_link_entities(tracker, &self.left, written.copied(), edits);
    }

    /// Deleted entities leave the loaded collections they were in; references to them become empty.
    fn follow_deletes(&self, tracker: &mut Tracker, layer: Option<usize>, edits: &mut Edits) {
        let explicit = self.origins.iter().filter_map(|origin| match origin {
            Origin::Delete { rows } => Some(rows.as_slice()),
            _ => None,
        });
        let mut cascaded: Vec<Place> = self.effects.cascaded.keys().copied().collect();
        cascaded.sort_unstable();
        let gone: Vec<Place> =
            explicit.flatten().copied().chain(cascaded).chain(self.switches.iter().map(|s| s.old)).collect();
        if gone.is_empty() {
            return;
        }
        for &place in &gone {
            let arena = tracker.arena(place.arena);
            for relation in arena.meta().relations {
                let link = arena.link(place.slot, relation.position);
                if let Some(parent) = tracker.target_of(&link, relation) {
                    let child = tracker.handle(place);
                    collections_of(relation).for_each(|collection| edits.remove(parent, collection, child));
                }
            }
        }
        leave_pairs(tracker, &gone, edits);
        leave_written_collections(tracker, &self.touched, &gone, edits);
        for &Emptied { row: place, at: position, .. } in &self.effects.emptied {
            let arena = tracker.arena(place.arena);
            let relation = &arena.meta().relations[position];
            // An own write of the link since is kept: the row's image only learns of the NULL.
            let target = tracker.target_of(&arena.link(place.slot, position), relation);
            let is_left = target.is_some_and(|target| gone.contains(&target));
            let arena = tracker.arena_mut(place.arena);
            if let Some(layer) = layer {
                arena.save_undo(place.slot, layer);
            }
            if let Some(LinkMut::One(link)) = arena.image_link_mut(place.slot, position) {
                link.set_empty();
            }
            if let LinkMut::One(link) = arena.link_mut(place.slot, position)
                && is_left
            {
                link.set_empty();
            }
        }
        for &Emptied { row: place, at: column, .. } in &self.effects.emptied_columns {
            let arena = tracker.arena_mut(place.arena);
            let mut cells = orm_core::Cells::default();
            arena.encode(place.slot, column, &mut cells);
            arena.encode_row(place.slot, column, &mut cells);
            // An own write of the column since is kept.
            if !cells.same(0, 1) {
                continue;
            }
            if let Some(layer) = layer {
                arena.save_undo(place.slot, layer);
            }
            arena.assign_row(place.slot, column, ValueRef::Null);
        }
        for_each_arena(tracker, &gone, |arena, slots| arena.settle_deletes(slots, layer));
    }
}

/// A link to an entity that was inserted knows its key.
fn settle_link(tracker: &mut Tracker, source: Place, link: &Unresolved) {
    let handle = tracker.handle(link.target);
    let key = tracker.arena(link.target.arena).key(link.target.slot);
    let arena = tracker.arena_mut(source.arena);
    let position = link.relation.position;
    if let LinkMut::One(one) = arena.link_mut(source.slot, position) {
        learn_key(one, handle, key.as_deref());
    }
    if let Some(LinkMut::One(one)) = arena.image_link_mut(source.slot, position) {
        learn_key(one, handle, key.as_deref());
    }
}

/// Deleted entities leave the collections that they were put into, though nothing led back from them.
fn leave_written_collections(tracker: &Tracker, touched: &[Place], gone: &[Place], edits: &mut Edits) {
    let handles: HashSet<(u32, RawHandle)> =
        gone.iter().map(|&place| (place.arena, tracker.handle(place))).collect();
    for &place in touched {
        let arena = tracker.arena(place.arena);
        for relation in arena.meta().relations {
            let target = (relation.target)().index.get() as u32;
            let Link::Many(members) = arena.link(place.slot, relation.position) else { continue };
            for member in members.members().into_iter().filter(|&member| handles.contains(&(target, member)))
            {
                edits.remove(place, relation.position, member);
            }
        }
    }
}

/// Deleted entities leave the many-to-many collections that are loaded.
fn leave_pairs(tracker: &Tracker, gone: &[Place], edits: &mut Edits) {
    for (index, arena) in tracker.arenas() {
        for relation in arena.meta().relations {
            let target = (relation.target)().index.get() as u32;
            let is_pairs = matches!(relation.kind, RelationKind::ManyToMany { .. });
            if !is_pairs || !gone.iter().any(|place| place.arena == target) {
                continue;
            }
            let handles: HashSet<RawHandle> = gone
                .iter()
                .filter(|place| place.arena == target)
                .map(|&place| tracker.handle(place))
                .collect();
            for slot in 0..arena.len() as u32 {
                if arena.state(slot) == State::Vacant {
                    continue;
                }
                let Link::Many(members) = arena.link(slot, relation.position) else { continue };
                for member in members.members().into_iter().filter(|member| handles.contains(member)) {
                    edits.remove(Place { arena: index, slot }, relation.position, member);
                }
            }
        }
    }
}

fn count_version(tracker: &mut Tracker, from: Place, to: Place, now: i64) {
    let Some(version) = version_of(tracker, from) else { return };
    let arena = tracker.arena_mut(to.arena);
    let meta = arena.meta();
    if let Some(column) = meta.version {
        arena.assign_row(to.slot, column, ValueRef::Int(meta.version_kind.next(version, now)));
    }
}

/// Versions that are times were set by the INSERT, where they were not set before.
fn stamp(tracker: &mut Tracker, rows: &[Place], now: i64) {
    let meta = tracker.arena(rows[0].arena).meta();
    let (VersionKind::Timestamp, Some(column)) = (meta.version_kind, meta.version) else { return };
    for &row in rows {
        if version_of(tracker, row) == Some(0) {
            tracker.arena_mut(row.arena).assign_row(row.slot, column, ValueRef::Int(now));
        }
    }
}

impl ReadBack {
    fn filled(&self, tracker: &Tracker, place: Place, column: usize, after: ValueRef<'_>) -> Filled {
        let arena = tracker.arena(place.arena);
        let sent = self.expressions.iter().find(|sent| usize::from(sent.column) == column);
        Filled {
            place,
            handle: tracker.handle(place),
            column,
            before: row_value_at(arena, place.slot, column),
            after: after.to_value(),
            expression: sent.map(|sent| sent.node.clone()),
            seen: sent.map(|sent| sent.seen.clone()).unwrap_or_default(),
        }
    }
}

fn learn_key(link: &mut dyn orm_core::relation::OneLink, handle: RawHandle, key: Option<&dyn Any>) {
    if matches!(link.state(), OneState::Handle(own, _) if own == handle) {
        link.set_handle(handle, key);
    }
}

/// Queues that were written are empty, lists that were assigned are what is loaded, and serde sees the new keys.
fn normalise_collections(tracker: &mut Tracker, place: Place) {
    // Written while the flush was under way: the fresh image holds the same queue, so only what is new counts.
    if tracker.arena(place.arena).is_dirty(place.slot) || !tracker.state(place).is_live() {
        return;
    }
    for relation in tracker.arena(place.arena).meta().relations {
        let Link::Many(link) = tracker.arena(place.arena).link(place.slot, relation.position) else {
            continue;
        };
        let (state, members) = (link.state(), link.members());
        let queued = !link.added().is_empty() || !link.removed().is_empty();
        // New entities that were deleted before any flush.
        let is_dead = |member: &RawHandle| {
            !tracker.place(*member, (relation.target)()).is_ok_and(|member| tracker.state(member).is_live())
        };
        let dead: Vec<RawHandle> = members.iter().copied().filter(is_dead).collect();
        let LinkMut::Many(link) = tracker.arena_mut(place.arena).link_mut(place.slot, relation.position)
        else {
            continue;
        };
        match state {
            ManyState::Loaded | ManyState::Replaced if !dead.is_empty() => {
                link.set_loaded(&members);
                link.edit(&[], &dead);
            }
            ManyState::Replaced => link.set_loaded(&members),
            ManyState::Partial if queued || !dead.is_empty() => {
                link.set_partial(&members);
                link.edit(&[], &dead);
            }
            ManyState::NotLoaded if queued => link.set_not_loaded(),
            _ => {}
        }
        show_keys(tracker, place, relation);
    }
}

/// A value of the database's that does not fit its field.
struct Unfit {
    place: Place,
    column: usize,
    error: ColumnError,
}

impl Unfit {
    fn into_error(self, tracker: &Tracker) -> Error {
        let meta = tracker.arena(self.place.arena).meta();
        let ColumnError { expected, found, .. } = self.error;
        let message = format!(
            "the row is stored, and the database gave {}.{} what does not fit its field: expected {expected}, found {found}. \
             The field is not changed: give it a type that holds the value",
            meta.table, meta.columns[self.column].name
        );
        tracker.fault(self.place, message)
    }
}

/// Calls a function for each arena that has some of the places, with its slots in order.
fn for_each_arena(
    tracker: &mut Tracker,
    places: &[Place],
    mut each: impl FnMut(&mut crate::arena::Arena, &[u32]),
) {
    let indexes: Vec<u32> = tracker.arenas().map(|(index, _)| index).collect();
    for index in indexes {
        let own = || places.iter().filter(|place| place.arena == index).map(|place| place.slot);
        let mut slots = Vec::with_capacity(own().count());
        slots.extend(own());
        each(tracker.arena_mut(index), &slots);
    }
}
