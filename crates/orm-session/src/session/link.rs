//! Linking and unlinking: both sides of a relation at once.

use orm_core::entity::{Entity, RelationKind, RelationMeta};
use orm_core::relation::{LinkMut, ManyState, Relation};
use orm_core::{Handle, relation::Link};

use super::Session;
use crate::tracker::{Place, collections_of, other_side};

impl Session {
    /// Makes `target` the end of a relation of `source`, or a member of it, and shows it on the other side at once. A
    /// child that had another parent leaves that one's collection. Does no I/O: the next flush writes it.
    ///
    /// Assigning the fields instead is as good: then the other side shows it after the flush.
    ///
    /// # Panics
    /// If a handle is stale or of another session, or one of the entities that change is deleted.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let notes = session.get_one::<Post>(1).await?;
    /// let users = session.all(User::select().order_by(User::ID).with(User::POSTS)).await?;
    /// session.link(notes, Post::AUTHOR, users[1]);
    /// assert!(session[users[1]].posts.contains(notes)); // at once
    /// assert!(!session[users[0]].posts.contains(notes));
    /// session.commit().await?; // UPDATE posts SET author_id = ?, version = ?
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn link<A: Entity, B: Entity, K>(
        &mut self,
        source: Handle<A>,
        relation: Relation<A, B, K>,
        target: Handle<B>,
    ) {
        let (source, target) = (self.live_place(source), self.live_place(target));
        self.change_link(source, relation.meta(), target, true);
    }

    /// Takes `target` out of a relation of `source`, on both sides at once. Does nothing if it is not there. Does no
    /// I/O: the next flush writes it, or refuses a child whose parent may not be missing.
    ///
    /// # Panics
    /// If a handle is stale or of another session, or one of the entities that change is deleted.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let notes = session.one(Post::select().filter(Post::ID.eq(1)).with(Post::TAGS)).await?;
    /// let math = session.get_one::<Tag>(1).await?;
    /// session.unlink(notes, Post::TAGS, math);
    /// assert!(session[notes].tags.is_empty());
    /// assert_eq!(session.changes()?.to_string(), "unlink Post 1: tags Tag 1");
    /// session.commit().await?;
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn unlink<A: Entity, B: Entity, K>(
        &mut self,
        source: Handle<A>,
        relation: Relation<A, B, K>,
        target: Handle<B>,
    ) {
        let (source, target) = (self.live_place(source), self.live_place(target));
        self.change_link(source, relation.meta(), target, false);
    }

    /// The place of a handle whose entity may be written.
    #[track_caller]
    fn live_place<E: Entity>(&self, handle: Handle<E>) -> Place {
        let place = self.place(handle);
        if !self.tracker.is_writable(handle) {
            panic!(
                "{} is deleted: it can be read until the commit, but not linked",
                self.tracker.describe(place)
            );
        }
        place
    }

    fn change_link(&mut self, source: Place, relation: &'static RelationMeta, target: Place, add: bool) {
        match relation.kind {
            RelationKind::BelongsTo { .. } => self.change_parent(source, relation, target, add),
            RelationKind::HasMany { inverse } => {
                if add {
                    self.displace(source, relation, target);
                }
                self.change_parent(target, inverse(), source, add);
                // A collection that is not loaded takes note of it too: it may be the side that is read next.
                self.change_member(source, relation.position, target, add, true);
            }
            RelationKind::ManyToMany { .. } => {
                self.change_member(source, relation.position, target, add, true);
                if let Some(other) = other_side(relation) {
                    self.change_member(target, other.position, source, add, false);
                }
            }
        }
    }

    /// Points a child to a parent, or away from it, and brings the loaded collections of both parents along.
    fn change_parent(&mut self, child: Place, relation: &'static RelationMeta, parent: Place, add: bool) {
        let link = self.tracker.arena(child.arena).link(child.slot, relation.position);
        let before = self.tracker.target_of(&link, relation);
        let leads_there = self.tracker.leads_to(&link, parent);
        if leads_there == add {
            return;
        }
        let handle = self.tracker.handle(parent);
        let arena = self.tracker.arena_mut(child.arena);
        arena.touch(child.slot);
        if let LinkMut::One(link) = arena.link_mut(child.slot, relation.position) {
            match add {
                true => link.set_handle(handle, None),
                false => link.set_empty(),
            }
        }
        for collection in collections_of(relation) {
            if add {
                self.displace(parent, &(relation.target)().relations[collection], child);
            }
            if let Some(before) = before {
                self.change_member(before, collection, child, false, false);
            }
            if add {
                self.change_member(parent, collection, child, true, false);
            }
        }
    }

    /// Points the one entity of a `has_one` away, if it is known, so that another can take its place.
    fn displace(&mut self, owner: Place, relation: &'static RelationMeta, by: Place) {
        let RelationKind::HasMany { inverse } = relation.kind else { return };
        if !relation.members.one || !self.tracker.state(owner).is_live() {
            return;
        }
        let Link::Many(link) = self.tracker.arena(owner.arena).link(owner.slot, relation.position) else {
            return;
        };
        for member in link.members() {
            let Ok(member) = self.tracker.place(member, (relation.target)()) else { continue };
            if member != by && self.tracker.state(member).is_live() {
                self.change_parent(member, inverse(), owner, false);
            }
        }
    }

    /// Adds a member to a collection, or removes it. `queue` says what happens to one that is not loaded.
    fn change_member(&mut self, owner: Place, collection: usize, member: Place, add: bool, queue: bool) {
        let handle = self.tracker.handle(member);
        if !self.tracker.state(owner).is_live() {
            return;
        }
        let arena = self.tracker.arena_mut(owner.arena);
        let Link::Many(link) = arena.link(owner.slot, collection) else { return };
        let loaded = link.state().has_members();
        // A partial collection queues the removal of what it does not show.
        let is_done =
            loaded && link.contains(handle) == add && (add || !queue || link.state() != ManyState::Partial);
        // What was queued the other way is taken back, from whichever side.
        let opposite = if add { link.removed() } else { link.added() };
        let queue = queue || opposite.contains(&handle);
        if !(loaded || queue) || is_done {
            return;
        }
        arena.touch(owner.slot);
        if let LinkMut::Many(link) = arena.link_mut(owner.slot, collection) {
            match add {
                true => link.insert(handle),
                false => link.remove(handle),
            }
        }
    }
}
