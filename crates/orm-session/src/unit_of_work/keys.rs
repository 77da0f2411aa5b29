//! Keys that are made of links: a row is known by the rows that it leads to.
//!
//! Such a key may still be on its way: a new link entity between two new rows gets its key when those get theirs. The
//! plan then feeds the keys that the database assigns into its columns, and settling reads them back before the
//! identity map learns of the row.

use std::collections::HashMap;

use orm_core::entity::RelationKind;
use orm_core::relation::{Link, LinkMut, OneState};
use orm_core::{Cells, Result};

use super::collect::Unresolved;
use crate::tracker::{Place, Tracker};

/// Gives the links in a row's key the keys of their targets, as far as they are known: those in the targets' own keys
/// first. Entities whose keys lead to each other in a circle do not compile, so there is an end.
pub(crate) fn learn_key_links(tracker: &mut Tracker, place: Place) {
    for relation in tracker.arena(place.arena).meta().key_links() {
        let Link::One(link) = tracker.arena(place.arena).link(place.slot, relation.position) else {
            continue;
        };
        let OneState::Handle(handle, _) = link.state() else { continue };
        let Ok(target) = tracker.place(handle, (relation.target)()) else { continue };
        learn_key_links(tracker, target);
        let key = tracker.arena(target.arena).key(target.slot);
        if let LinkMut::One(link) = tracker.arena_mut(place.arena).link_mut(place.slot, relation.position) {
            link.set_handle(handle, key.as_deref());
        }
    }
}

/// Whether some of a row's key comes from rows that the same flush inserts.
pub(super) fn is_coming(unresolved: &HashMap<Place, Vec<Unresolved>>, place: Place) -> bool {
    unresolved.get(&place).into_iter().flatten().any(is_in_key)
}

/// Whether a link is in the key of the row that has it.
pub(super) fn is_in_key(link: &Unresolved) -> bool {
    let RelationKind::BelongsTo { columns, .. } = link.relation.kind else { return false };
    (link.relation.source)().key.contains(&columns[0])
}

/// The link without a key that a column belongs to, with the place of the column in it.
pub(super) fn link_of(
    unresolved: &HashMap<Place, Vec<Unresolved>>,
    place: Place,
    column: usize,
) -> Option<(Place, usize)> {
    unresolved.get(&place)?.iter().find_map(|link| {
        let RelationKind::BelongsTo { columns, .. } = link.relation.kind else { return None };
        Some((link.target, columns.iter().position(|&own| own == column)?))
    })
}

/// A column of a key that is not wholly known.
#[derive(PartialEq, Eq, Hash)]
enum Part {
    Known(Vec<u8>),
    /// The key of a row that is inserted, and which of its columns.
    Of(Place, usize),
}

/// Refuses two rows whose keys will be the same, though they are not known yet.
///
/// # Errors
/// A flush error that names one of them.
pub(super) fn refuse_equal_coming_keys(
    tracker: &Tracker,
    unresolved: &HashMap<Place, Vec<Unresolved>>,
    rows: &[Place],
) -> Result<()> {
    let mut seen: HashMap<(u32, Vec<Part>), Place> = HashMap::with_capacity(rows.len());
    for &place in rows {
        let arena = tracker.arena(place.arena);
        let part = |&column: &usize| match link_of(unresolved, place, column) {
            Some((target, part)) => Part::Of(target, part),
            None => {
                let mut cells = Cells::default();
                arena.encode(place.slot, column, &mut cells);
                Part::Known(cells.fingerprint())
            }
        };
        let key = arena.meta().key.iter().map(part).collect();
        if seen.insert((place.arena, key), place).is_some() {
            let message = "two entities of this session would have this key: give one of them another";
            return Err(tracker.fault(place, message));
        }
    }
    Ok(())
}
