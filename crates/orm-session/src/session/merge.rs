//! Merging: a plain value from elsewhere onto the row of its key.

use std::any::Any;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use orm_core::entity::{Entity, EntityMeta, RelationKind, RelationMeta};
use orm_core::error::StaleDataError;
use orm_core::program::Program;
use orm_core::relation::{Link, LinkMut, OneState};
use orm_core::{Cells, Error, Handle, Reads, Result, shapes};
use orm_exec::Operation;

use super::{Session, left};
use crate::arena::{Finder, Parts};
use crate::load::KEYS_AT_ONCE;
use crate::state::State;
use crate::tracker::{Place, Tracker};
use crate::unit_of_work::learn_key_links;

impl Session {
    /// Copies a value onto the entity of its key, and answers the session's own handle of it. The row is read first,
    /// unless the session has it; where there is none, or the key is unset, the value is added. New values inside its
    /// relation fields are merged the same way, all with one read.
    ///
    /// All columns are copied. A collection that is *not set* leaves the entity's collection alone; any other replaces
    /// it. Changes are written by the next flush.
    ///
    /// Dropped: nothing happened, but for an autoflush that was sent.
    ///
    /// # Errors
    /// [`Error::StaleData`] if the value has a version (other than 0, which is *unset*) and the row has another one. A
    /// flush error for a handle of another session inside, or an entity that is being deleted. Then nothing is merged.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// // From a form, say: no handle, no session.
    /// let form = User { id: 1, name: "Ada Lovelace".into(), email: "ada@example.org".into(), ..Default::default() };
    ///
    /// let mut session = engine.session();
    /// let ada = session.merge(form).await?;
    /// assert_eq!(session.changes()?.to_string(), "update User 1: name, age"); // the form had no age
    /// session[ada].age = Some(36);
    /// session.commit().await?; // UPDATE users SET name = ?
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn merge<E: Entity>(&mut self, value: E) -> Operation<'_, Handle<E>> {
        let location = Location::caller();
        Operation::named("session.merge", left::TAKEN_OVER, async move {
            self.ready().await?;
            // The values wait in slots that nobody has a handle to; whatever happens, they leave them.
            let mut guests = Guests::seat(&mut self.tracker, value);
            self.guests = guests.places.iter().map(|&place| (place, self.tracker.handle(place))).collect();
            let result = self.merge_guests(&mut guests, location).await;
            guests.dismiss(&mut self.tracker);
            self.guests.clear();
            result.map(|place| Handle::from_raw(self.tracker.handle(place)))
        })
    }

    /// Ends the slots of a merge whose future was dropped.
    pub(super) fn dismiss_guests(&mut self) {
        for (place, handle) in std::mem::take(&mut self.guests) {
            if self.tracker.arena(place.arena).slot(handle).is_some() {
                self.tracker.arena_mut(place.arena).end_guest(place.slot);
            }
        }
    }

    async fn merge_guests(
        &mut self,
        guests: &mut Guests,
        location: &'static Location<'static>,
    ) -> Result<Place> {
        let tables = guests.places.iter().map(|place| self.tracker.arena(place.arena).meta().table);
        let tables: Vec<&'static str> = tables.collect();
        self.autoflush(&Reads::Tables(tables), location).await?;
        if let Some((program, arenas)) = guests.missing(&self.tracker, self.engine.dialect()) {
            let parts = arenas.iter().map(|&arena| vec![self.tracker.arena(arena).rows_part()]);
            let (_, parts) = self.run(program, Parts(parts.collect()), location).await?;
            let how = self.as_read();
            for (arena, part) in arenas.into_iter().zip(parts.0.into_iter().flatten()) {
                self.tracker.arena_mut(arena).adopt_part(part.into_any(), how);
            }
        }
        guests.find_targets(&self.tracker);
        guests.check(&self.tracker)?;
        Ok(guests.merge(&mut self.tracker))
    }
}

/// A slot and its key, an `E::Key`.
type Keyed = (u32, Box<dyn Any>);

/// Values on their way into the session, each in a slot of its own.
struct Guests {
    /// The value itself, and those that came inside it.
    places: Vec<Place>,
    /// Which came inside which: owner, relation, member, as places in `places`.
    inside: Vec<(usize, usize, usize)>,
    /// The entity that each is merged onto; one without is added.
    targets: HashMap<usize, Place>,
    /// Whether they have been merged: those that were added stay.
    merged: bool,
}

impl Guests {
    fn seat<E: Entity>(tracker: &mut Tracker, value: E) -> Self {
        let arena = tracker.ensure(E::meta());
        let slot = tracker.make::<E>().insert(value);
        let mut places = vec![Place { arena, slot }];
        let mut inside = Vec::new();
        let mut next = 0;
        while let Some(&place) = places.get(next) {
            for relation in tracker.arena(place.arena).meta().relations {
                let values = match tracker.arena_mut(place.arena).link_mut(place.slot, relation.position) {
                    LinkMut::One(link) => Vec::from_iter(link.take_new()),
                    LinkMut::Many(link) => link.take_new(),
                };
                let arena = tracker.ensure((relation.target)());
                for value in values {
                    let Some(slot) = tracker.arena_mut(arena).insert_any(value) else { continue };
                    inside.push((next, relation.position, places.len()));
                    places.push(Place { arena, slot });
                }
            }
            next += 1;
        }
        let guests = Self { places, inside, targets: HashMap::new(), merged: false };
        guests.learn_keys(tracker);
        guests
    }

    /// Gives links the keys that they can know by now: a value whose key is made of links is found by them. What came
    /// inside is looked at before what it came in.
    fn learn_keys(&self, tracker: &mut Tracker) {
        let mut inside = self.inside.iter().rev().peekable();
        for (at, &place) in self.places.iter().enumerate().rev() {
            let meta = tracker.arena(place.arena).meta();
            while let Some(&(_, relation, member)) = inside.next_if(|(owner, ..)| *owner == at) {
                let member = self.places[member];
                let key = tracker.arena(member.arena).key(member.slot);
                if let (Some(key), LinkMut::One(link)) =
                    (key, tracker.arena_mut(place.arena).link_mut(place.slot, relation))
                {
                    link.set_key(&*key);
                }
            }
            for relation in meta.relations {
                forget_departed(tracker, place, relation);
            }
            learn_key_links(tracker, place);
        }
    }

    /// A program that reads the rows that the session does not have, with the arena of each step.
    fn missing(&self, tracker: &Tracker, dialect: &orm_core::Dialect) -> Option<(Program, Vec<u32>)> {
        let (mut program, mut arenas) = (Program::default(), Vec::new());
        let mut by_arena: Vec<(u32, Vec<u32>)> = Vec::new();
        for &Place { arena, slot } in &self.places {
            let tracked = tracker.arena(arena);
            if !tracked.is_keyed(slot) || tracked.find_same_key(slot).is_some() {
                continue;
            }
            match by_arena.iter_mut().find(|(known, _)| *known == arena) {
                Some((_, slots)) => slots.push(slot),
                None => by_arena.push((arena, vec![slot])),
            }
        }
        for (arena, slots) in by_arena {
            let shape = shapes::select_by_keys(tracker.arena(arena).meta(), dialect);
            for slots in slots.chunks(KEYS_AT_ONCE) {
                program.add(shape.with_list(slots.len(), dialect).into(), |input| {
                    slots.iter().for_each(|&slot| tracker.arena(arena).encode_key(slot, input));
                });
                arenas.push(arena);
            }
        }
        if arenas.is_empty() { None } else { Some((program, arenas)) }
    }

    fn find_targets(&mut self, tracker: &Tracker) {
        let keyed = self.places.iter().enumerate().filter_map(|(at, place)| {
            let slot = tracker.arena(place.arena).find_same_key(place.slot)?;
            Some((at, Place { arena: place.arena, slot }))
        });
        self.targets = keyed.collect();
        // Values of one key that is not stored are one entity: the later ones are merged onto the first.
        let mut fresh: HashMap<u32, Vec<Keyed>> = HashMap::new();
        // The last first: of two with one key, a finder answers the one that it was given last.
        for (at, place) in self.places.iter().enumerate().rev() {
            if let Some(key) = tracker.arena(place.arena).key(place.slot)
                && !self.targets.contains_key(&at)
            {
                fresh.entry(place.arena).or_default().push((place.slot, key));
            }
        }
        let fresh = fresh.into_iter().filter(|(_, keyed)| keyed.len() > 1);
        let finders: HashMap<u32, Finder> =
            fresh.map(|(arena, keyed)| (arena, tracker.arena(arena).finder(keyed))).collect();
        for (at, &Place { arena, slot }) in self.places.iter().enumerate() {
            let Some(finder) = finders.get(&arena).filter(|_| !self.targets.contains_key(&at)) else {
                continue;
            };
            let first = tracker.arena(arena).key(slot).and_then(|key| finder(&*key));
            if let Some(first) = first.filter(|&first| first != slot) {
                self.targets.insert(at, Place { arena, slot: first });
            }
        }
    }

    /// Refuses what cannot be merged, before anything is.
    fn check(&self, tracker: &Tracker) -> Result<()> {
        for (at, &place) in self.places.iter().enumerate() {
            let meta = tracker.arena(place.arena).meta();
            for relation in meta.relations {
                let handles = match tracker.arena(place.arena).link(place.slot, relation.position) {
                    Link::One(link) => match link.state() {
                        OneState::Handle(handle, _) => vec![handle],
                        _ => Vec::new(),
                    },
                    Link::Many(link) => [link.members(), link.added(), link.removed()].concat(),
                };
                for handle in handles {
                    if let Err(wrong) = tracker.place(handle, (relation.target)()) {
                        return Err(tracker
                            .fault(place, format!("`{}` of the merged value has {wrong}", relation.name)));
                    }
                }
            }
            let Some(&target) = self.targets.get(&at) else { continue };
            if !tracker.state(target).is_live() {
                return Err(tracker
                    .fault(place, "it is being deleted in this session: nothing can be merged onto it"));
            }
            check_version(tracker, meta, place, target)?;
        }
        Ok(())
    }

    /// Merges all, and answers the place of the first.
    fn merge(&mut self, tracker: &mut Tracker) -> Place {
        self.merged = true;
        for (at, place) in self.places.iter().enumerate() {
            match self.targets.get(&at) {
                Some(&target) => {
                    tracker.drop_expressions(target);
                    tracker.arena_mut(place.arena).merge(place.slot, target.slot);
                }
                None => tracker.admit(*place),
            }
        }
        let place_of = |at: usize| self.targets.get(&at).copied().unwrap_or(self.places[at]);
        for &(owner, relation, member) in &self.inside {
            let (owner, member) = (place_of(owner), place_of(member));
            let handle = tracker.handle(member);
            match tracker.arena_mut(owner.arena).link_mut(owner.slot, relation) {
                LinkMut::One(link) => link.set_handle(handle, None),
                LinkMut::Many(link) => link.insert(handle),
            }
            lead_back(tracker, owner, relation, member);
        }
        let added = self.places.iter().enumerate().filter(|(at, _)| !self.targets.contains_key(at));
        tracker.take_in(added.map(|(_, place)| *place).collect());
        place_of(0)
    }

    /// Frees the slots of values that did not stay.
    fn dismiss(self, tracker: &mut Tracker) {
        for (at, place) in self.places.into_iter().enumerate() {
            let stays = self.merged && !self.targets.contains_key(&at);
            if !stays && tracker.state(place) == State::Pending {
                tracker.arena_mut(place.arena).end_guest(place.slot);
            }
        }
    }
}

/// A child that came inside a collection, and says nothing of its parent, is that parent's.
fn lead_back(tracker: &mut Tracker, owner: Place, relation: usize, member: Place) {
    let RelationKind::HasMany { inverse, .. } = tracker.arena(owner.arena).meta().relations[relation].kind
    else {
        return;
    };
    let (parent, key) = (tracker.handle(owner), tracker.arena(owner.arena).key(owner.slot));
    if let LinkMut::One(link) = tracker.arena_mut(member.arena).link_mut(member.slot, inverse().position)
        && matches!(link.state(), OneState::Empty)
    {
        link.set_handle(parent, key.as_deref());
    }
}

/// A link to an entity that has left this session since is as good as its key.
fn forget_departed(tracker: &mut Tracker, place: Place, relation: &'static RelationMeta) {
    let Link::One(link) = tracker.arena(place.arena).link(place.slot, relation.position) else { return };
    let OneState::Handle(handle, Some(_)) = link.state() else { return };
    if handle.session == tracker.session()
        && tracker.place(handle, (relation.target)()).is_err()
        && let LinkMut::One(link) = tracker.arena_mut(place.arena).link_mut(place.slot, relation.position)
    {
        link.forget_handle();
    }
}

fn check_version(tracker: &Tracker, meta: &'static EntityMeta, place: Place, target: Place) -> Result<()> {
    let Some(column) = meta.version else { return Ok(()) };
    let mut cells = Cells::default();
    tracker.arena(place.arena).encode(place.slot, column, &mut cells);
    tracker.arena(target.arena).encode(target.slot, column, &mut cells);
    let unset = cells.value(0) == orm_core::ValueRef::Int(0);
    if unset || cells.same(0, 1) {
        return Ok(());
    }
    let version = match cells.value(0) {
        orm_core::ValueRef::Int(version) => Some(version),
        _ => None,
    };
    let key = tracker.arena(target.arena).key_text(target.slot).unwrap_or_default();
    Err(Error::StaleData(Arc::new(StaleDataError {
        entity: meta.name,
        key,
        version,
        action: "merge",
        expected: 1,
        matched: 0,
    })))
}
