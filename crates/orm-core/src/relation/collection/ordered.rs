//! Collections as lists: places of members, and ways to change them.

use super::Collection;
use crate::entity::Entity;
use crate::handle::Handle;

/// The order of the members in memory. Only a collection with `position = ..` stores it; another is loaded in the order
/// that its `order_by` says, or by key.
///
/// All of these need the members, and panic with advice where they are not loaded.
impl<E: Entity> Collection<E> {
    /// The member at a place, counted from 0.
    ///
    /// # Panics
    /// If the members are not loaded.
    #[track_caller]
    pub fn get(&self, index: usize) -> Option<Handle<E>> {
        self.members_or_panic().get(index).copied()
    }

    /// The first member.
    ///
    /// # Panics
    /// If the members are not loaded.
    #[track_caller]
    pub fn first(&self) -> Option<Handle<E>> {
        self.members_or_panic().first().copied()
    }

    /// The last member.
    ///
    /// # Panics
    /// If the members are not loaded.
    #[track_caller]
    pub fn last(&self) -> Option<Handle<E>> {
        self.members_or_panic().last().copied()
    }

    /// The place of a member.
    ///
    /// # Panics
    /// If the members are not loaded.
    #[track_caller]
    pub fn index_of(&self, member: Handle<E>) -> Option<usize> {
        self.members_or_panic().iter().position(|&other| other == member)
    }

    /// The members in a list of their own, which borrows nothing: to look at entities while it is sorted.
    ///
    /// # Panics
    /// If the members are not loaded.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS)).await?;
    /// let mut posts = session[ada].posts.to_vec();
    /// posts.sort_by_key(|&post| session[post].title.clone());
    /// session[ada].posts.reorder(&posts);
    /// assert_eq!(session[session[ada].posts.first().unwrap()].title, "Letters");
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn to_vec(&self) -> Vec<Handle<E>> {
        self.members_or_panic().to_vec()
    }

    /// Puts an entity at a place; those from there on make room. A member moves there.
    ///
    /// # Panics
    /// If the members are not loaded, or `index` is beyond their end.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS)).await?;
    /// let last = session[ada].posts.last().unwrap();
    /// session[ada].posts.insert(0, last); // moves it to the front
    /// assert_eq!(session[ada].posts.first(), Some(last));
    /// assert_eq!(session[ada].posts.len(), 2);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn insert(&mut self, index: usize, member: Handle<E>) {
        let others = self.members_or_panic().iter().filter(|&&other| other != member).count();
        assert!(index <= others, "a place beyond the end: {index} of a collection of {others}");
        let members = &mut self.body().members;
        members.retain(|&other| other != member);
        members.insert(index, member);
    }

    /// Lets two members change places.
    ///
    /// # Panics
    /// If the members are not loaded, or one of the places is beyond their end.
    #[track_caller]
    pub fn swap(&mut self, a: usize, b: usize) {
        self.members_or_panic();
        self.body().members.swap(a, b);
    }

    /// Turns the order round.
    ///
    /// # Panics
    /// If the members are not loaded.
    #[track_caller]
    pub fn reverse(&mut self) {
        self.members_or_panic();
        self.body().members.reverse();
    }

    /// Sorts the members by something of their handles; to look at the entities, which the session has, see
    /// [`to_vec`](Self::to_vec).
    ///
    /// # Panics
    /// If the members are not loaded.
    #[track_caller]
    pub fn sort_by_key<K: Ord>(&mut self, key: impl FnMut(&Handle<E>) -> K) {
        self.members_or_panic();
        self.body().members.sort_by_key(key);
    }

    /// Puts the members into the order of a list. Those that the list does not have come last, as they are; handles
    /// that are no members are passed over.
    ///
    /// # Panics
    /// If the members are not loaded.
    #[track_caller]
    pub fn reorder(&mut self, order: &[Handle<E>]) {
        self.members_or_panic();
        let place: std::collections::HashMap<Handle<E>, usize> =
            order.iter().enumerate().map(|(at, &member)| (member, at)).collect();
        let last = order.len();
        self.body().members.sort_by_key(|member| place.get(member).copied().unwrap_or(last));
    }

    /// Keeps the members that a condition holds for, and takes the others out.
    ///
    /// # Panics
    /// If the members are not loaded.
    #[track_caller]
    pub fn retain(&mut self, keeps: impl FnMut(&Handle<E>) -> bool) {
        self.members_or_panic();
        let body = self.body();
        let (kept, left) = std::mem::take(&mut body.members).into_iter().partition(keeps);
        body.members = kept;
        let mut left: Vec<Handle<E>> = left;
        body.left.append(&mut left);
    }

    /// Takes the last member out.
    ///
    /// # Panics
    /// If the members are not loaded.
    #[track_caller]
    pub fn pop(&mut self) -> Option<Handle<E>> {
        let last = self.last()?;
        self.remove(last);
        Some(last)
    }

    /// Takes the member at a place out.
    ///
    /// # Panics
    /// If the members are not loaded, or the place is beyond their end.
    #[track_caller]
    pub fn remove_at(&mut self, index: usize) -> Handle<E> {
        let length = self.len();
        let Some(member) = self.get(index) else {
            panic!("no member at {index}: the collection has {length}");
        };
        self.remove(member);
        member
    }
}
