//! A collection without its types: how a session works on it.

use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;

use super::{Body, Collection, State};
use crate::entity::Entity;
use crate::handle::{Handle, RawHandle};
use crate::relation::{ManyLink, ManyState};

impl<E: Entity> ManyLink for Collection<E> {
    fn state(&self) -> ManyState {
        match &self.state {
            State::NotSet => ManyState::NotSet,
            State::NotLoaded => ManyState::NotLoaded,
            State::Body(body) => body.state,
        }
    }

    fn members(&self) -> Vec<RawHandle> {
        self.loaded().unwrap_or_default().iter().map(|member| member.raw()).collect()
    }

    fn added(&self) -> Vec<RawHandle> {
        match &self.state {
            State::Body(body) => body.added.iter().map(|member| member.raw()).collect(),
            _ => Vec::new(),
        }
    }

    fn removed(&self) -> Vec<RawHandle> {
        match &self.state {
            State::Body(body) => body.removed.iter().map(|member| member.raw()).collect(),
            _ => Vec::new(),
        }
    }

    fn shares(&self, other: &dyn ManyLink) -> bool {
        let Some(other) = other.as_any().downcast_ref::<Self>() else { return false };
        match (&self.state, &other.state) {
            (State::Body(a), State::Body(b)) => Arc::ptr_eq(a, b),
            (State::NotSet, State::NotSet) | (State::NotLoaded, State::NotLoaded) => true,
            _ => false,
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn has_new(&self) -> bool {
        matches!(&self.state, State::Body(body) if !body.new.is_empty())
    }

    fn left(&self) -> Vec<RawHandle> {
        match &self.state {
            State::Body(body) => body.left.iter().map(|member| member.raw()).collect(),
            _ => Vec::new(),
        }
    }

    fn take_new(&mut self) -> Vec<Box<dyn Any + Send>> {
        if !self.has_new() {
            return Vec::new();
        }
        let taken = std::mem::take(&mut self.body().new);
        taken.into_iter().map(|value| Box::new(value) as Box<dyn Any + Send>).collect()
    }

    fn set_loaded(&mut self, members: &[RawHandle]) {
        let mut body = Body::of(ManyState::Loaded);
        body.members = members.iter().copied().map(Handle::from_raw).collect();
        self.state = State::Body(Arc::new(body));
    }

    fn set_partial(&mut self, members: &[RawHandle]) {
        let mut body = Body::of(ManyState::Partial);
        body.members = members.iter().copied().map(Handle::from_raw).collect();
        self.state = State::Body(Arc::new(body));
    }

    fn set_not_loaded(&mut self) {
        self.state = State::NotLoaded;
    }

    fn insert(&mut self, member: RawHandle) {
        let member = Handle::from_raw(member);
        let body = self.body();
        if body.state != ManyState::NotLoaded {
            body.removed.retain(|&removed| removed != member);
            if !body.members.contains(&member) {
                body.members.push(member);
            }
        } else if let Some(at) = body.removed.iter().position(|&removed| removed == member) {
            body.removed.swap_remove(at);
        } else if !body.added.contains(&member) {
            body.added.push(member);
        }
    }

    fn remove(&mut self, member: RawHandle) {
        let member = Handle::from_raw(member);
        let body = self.body();
        if body.state != ManyState::NotLoaded {
            if let Some(at) = body.members.iter().position(|&other| other == member) {
                body.members.remove(at);
                body.left.push(member);
            } else if body.state == ManyState::Partial && !body.removed.contains(&member) {
                body.removed.push(member);
            }
        } else if let Some(at) = body.added.iter().position(|&added| added == member) {
            body.added.remove(at);
        } else if !body.removed.contains(&member) {
            body.removed.push(member);
        }
    }

    fn edit(&mut self, add: &[RawHandle], remove: &[RawHandle]) {
        if self.loaded().is_none() {
            return;
        }
        let members = &mut self.body().members;
        if !remove.is_empty() {
            let removed: HashSet<RawHandle> = remove.iter().copied().collect();
            members.retain(|member| !removed.contains(&member.raw()));
        }
        if let [one] = add {
            if !members.contains(&Handle::from_raw(*one)) {
                members.push(Handle::from_raw(*one));
            }
        } else if !add.is_empty() {
            let mut present: HashSet<RawHandle> = members.iter().map(|member| member.raw()).collect();
            members.extend(add.iter().filter(|&&raw| present.insert(raw)).map(|&raw| Handle::from_raw(raw)));
        }
    }

    fn contains(&self, member: RawHandle) -> bool {
        self.loaded().is_some_and(|members| members.contains(&Handle::from_raw(member)))
    }

    fn copy_from(&mut self, other: &dyn ManyLink) {
        if let Some(other) = other.as_any().downcast_ref::<Self>() {
            self.clone_from(other);
        }
    }

    fn set_keys(&mut self, keys: Box<dyn Any>) {
        if let Ok(keys) = keys.downcast::<Vec<E::Key>>() {
            self.body().keys = *keys;
        }
    }
}
