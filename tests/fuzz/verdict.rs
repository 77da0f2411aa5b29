//! What the model expects of a flush: which errors must come, and which may.

use std::collections::BTreeMap;

use anyorm::Error;

use crate::edit::Since;
use crate::world::World;

/// The errors that a flush may end in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Verdict {
    /// Whether one of them must come.
    pub(crate) must: bool,
    /// Work that contradicts itself.
    flush: bool,
    /// Work that the database refuses.
    constraint: bool,
    /// Rows that swap values.
    circular: bool,
}

impl Verdict {
    /// Looks at what a flush is to make of `before`.
    pub(crate) fn of(world: &World, before: &World, since: &Since) -> Self {
        let (duplicates, dangling) = (world.has_duplicates(), has_dangling(world, before));
        let (restricted, circular) = (is_restricted(world, before), has_swap(world, before));
        // A pair that was added by the side that stays is refused; whether it is new is the collection's to know.
        let lost_pair = since
            .tagged
            .iter()
            .any(|(post, tag)| !world.posts.contains_key(post) || !world.tags.contains_key(tag));
        Self {
            must: duplicates || dangling || restricted.is_some_and(|must| must) || circular,
            // Where the city was written too, it is the session that refuses.
            flush: duplicates || dangling || lost_pair || restricted.is_some(),
            constraint: duplicates || restricted.is_some(),
            circular: circular || is_handed_down(world, before),
        }
    }

    /// Whether any error may come.
    pub(crate) fn may(self) -> bool {
        self.flush || self.constraint || self.circular
    }

    /// Whether this error is one of them.
    pub(crate) fn foresees(self, error: &Error) -> bool {
        match error {
            Error::Flush(_) => self.flush,
            Error::Constraint(_) => self.constraint,
            Error::Circular(_) => self.circular,
            Error::Autoflush { error, .. } => self.foresees(error),
            // Of a flush whose future was dropped.
            Error::Inactive { first } => self.foresees(first),
            _ => false,
        }
    }
}

/// Whether a link that was written leads to what is deleted.
fn has_dangling(world: &World, before: &World) -> bool {
    let post = |(at, post): (&usize, &crate::world::PostRow)| {
        let old = before.posts.get(at).map(|old| old.author);
        !world.users.contains_key(&post.author) && old != Some(post.author)
    };
    let node = |(at, node): (&usize, &crate::world::NodeRow)| {
        let old = before.nodes.get(at).and_then(|old| old.parent);
        node.parent.is_some_and(|parent| !world.nodes.contains_key(&parent)) && old != node.parent
    };
    let city = |(at, city): (&usize, &crate::world::CityRow)| {
        let links = [Some(city.country), city.ruler, city.owner, city.twin];
        let old = before
            .cities
            .get(at)
            .map_or([None; 4], |city| [Some(city.country), city.ruler, city.owner, city.twin]);
        links
            .iter()
            .zip(old)
            .any(|(&link, old)| link.is_some_and(|link| !world.countries.contains_key(&link)) && old != link)
    };
    world.posts.iter().any(post) || world.nodes.iter().any(node) || world.cities.iter().any(city)
}

/// Whether a country is deleted that a stored city belongs to. Which of two countries goes first is open, where the
/// other takes the city along.
fn is_restricted(world: &World, before: &World) -> Option<bool> {
    let gone = |country: usize| !world.countries.contains_key(&country);
    let refused =
        world.cities.iter().filter(|(at, city)| before.cities.contains_key(at) && gone(city.country));
    refused.map(|(_, city)| !city.owner.is_some_and(gone)).reduce(|one, other| one || other)
}

/// Whether rows hand values that must differ around in a circle.
fn has_swap(world: &World, before: &World) -> bool {
    let accounts = |world: &World| world.accounts.iter().map(|(&at, row)| (at, row.id)).collect();
    let emails = |world: &World| world.users.iter().map(|(&at, row)| (at, row.email.clone())).collect();
    has_circle::<i64>(&accounts(world), &accounts(before))
        || has_circle::<String>(&emails(world), &emails(before))
        || has_circle(&world.countries, &before.countries)
}

/// Whether the address of a user who is deleted is taken: that waits for the delete, and the delete for the posts that
/// move away, perhaps to the one who takes it.
fn is_handed_down(world: &World, before: &World) -> bool {
    let mut gone = before.users.iter().filter(|(at, _)| !world.users.contains_key(at));
    gone.any(|(_, old)| world.users.values().any(|user| user.email == old.email))
}

fn has_circle<T: PartialEq>(after: &BTreeMap<usize, T>, before: &BTreeMap<usize, T>) -> bool {
    // The row, if it stays, that has the value that this one takes.
    let next = |at: usize| {
        let taken = after.get(&at)?;
        let holder = before.iter().find(|(_, value)| *value == taken)?.0;
        before.contains_key(&at).then_some(*holder)
    };
    before.keys().any(|&start| {
        let mut at = start;
        for steps in 0..before.len() {
            match next(at) {
                Some(holder) if holder == start => return steps > 0,
                Some(holder) if holder != at => at = holder,
                _ => return false,
            }
        }
        false
    })
}
