//! What a delete does to other rows: to those in the database by a statement or by the database's own action, and
//! the same to those that the session tracks.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use orm_core::entity::{EntityMeta, OnDelete, RelationKind, RelationMeta};
use orm_core::relation::Link;

use super::order::{Edge, components, stored};
use crate::state::State;
use crate::tracker::{Place, Tracker};

/// What goes along with the deletes of a flush.
#[derive(Default)]
pub(super) struct DeleteEffects {
    /// References to be set to NULL before the delete, by criteria: the relation, and the deleted parents.
    pub(super) nulled: Vec<(&'static RelationMeta, Vec<Place>)>,
    /// Tables of links whose rows go before the delete: the relation, and the deleted sources.
    pub(super) unlinked: Vec<(&'static RelationMeta, Vec<Place>)>,
    /// Tracked rows whose reference becomes NULL.
    pub(super) emptied: Vec<Emptied>,
    /// Tracked rows of which a plain column becomes NULL.
    pub(super) emptied_columns: Vec<Emptied>,
    /// Tracked rows that the database deletes along, each with a row whose delete takes it. There may be others, of
    /// which the first does: who must go before the row must go before them all.
    pub(super) cascaded: HashMap<Place, Place>,
}

/// The references that statements of the flush set to NULL before their targets are deleted.
#[derive(Default)]
pub(super) struct Nulled(HashSet<(*const RelationMeta, Place)>);

impl Nulled {
    pub(super) fn of(effects: &DeleteEffects) -> Self {
        let each = effects.nulled.iter().flat_map(|(relation, rows)| {
            let relation: *const RelationMeta = *relation;
            rows.iter().map(move |&row| (relation, row))
        });
        Self(each.collect())
    }

    /// Whether a row's reference to a target is one of them.
    pub(super) fn has(&self, tracker: &Tracker, row: Place, edge: &Edge, target: Place) -> bool {
        let Some(position) = edge.relation else { return false };
        let relation: *const RelationMeta = &tracker.arena(row.arena).meta().relations[position];
        edge.nullable && edge.on_delete.is_none() && self.0.contains(&(relation, target))
    }
}

/// The deletes that would take rows along.
#[derive(Default)]
pub(super) struct Takers {
    /// The place of a row that goes along among the lists of those that take it. Rows of a chain share one.
    lists: HashMap<Place, usize>,
    roots: Vec<Vec<Place>>,
}

impl Takers {
    /// `edges` are the references among the rows. All that go along are among those.
    pub(super) fn of(rows: &[Place], edges: &[Vec<Edge>], cascaded: &HashMap<Place, Place>) -> Self {
        let mut takers = Self::default();
        if cascaded.is_empty() {
            return takers;
        }
        let at: HashMap<Place, usize> = rows.iter().enumerate().map(|(at, &row)| (row, at)).collect();
        // What a row goes along with: what it refers to so, and the row whose delete is known to take it.
        let leads: Vec<Vec<usize>> = rows
            .iter()
            .zip(edges)
            .map(|(row, edges)| {
                let Some(root) = cascaded.get(row) else { return Vec::new() };
                let own = edges.iter().filter(|edge| edge.on_delete == Some(OnDelete::Cascade));
                own.map(|edge| edge.to).rev().chain(at.get(root).copied()).collect()
            })
            .collect();
        for mut members in components(&leads) {
            members.sort_unstable();
            let is_inside = |to: &usize| members.binary_search(to).is_ok();
            let all = members.iter().flat_map(|&member| &leads[member]);
            let beyond: Vec<Place> = all.filter(|to| !is_inside(to)).map(|&to| rows[to]).collect();
            if !beyond.is_empty() {
                let list = takers.joined(&beyond);
                takers.lists.extend(members.into_iter().map(|member| (rows[member], list)));
            }
        }
        takers
    }

    /// The list of what takes some rows along, or of the rows themselves that go along with none.
    fn joined(&mut self, rows: &[Place]) -> usize {
        let mut lists: Vec<usize> = rows.iter().filter_map(|row| self.lists.get(row).copied()).collect();
        lists.sort_unstable();
        lists.dedup();
        if let [list] = lists[..]
            && rows.iter().all(|row| self.lists.contains_key(row) || self.roots[list].contains(row))
        {
            return list;
        }
        let (mut roots, mut seen) = (Vec::new(), HashSet::new());
        for row in rows {
            let own = self.of_row(row).unwrap_or(std::slice::from_ref(row));
            roots.extend(own.iter().copied().filter(|&root| seen.insert(root)));
        }
        self.roots.push(roots);
        self.roots.len() - 1
    }

    /// The deleted rows of which the first takes a row along, if it goes with any.
    pub(super) fn of_row(&self, row: &Place) -> Option<&[Place]> {
        Some(&self.roots[*self.lists.get(row)?])
    }
}

/// A tracked row that loses a reference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Emptied {
    pub(super) row: Place,
    /// The relation, or the plain column, by its position.
    pub(super) at: usize,
    /// What it referred to, and the explicit delete that takes that.
    pub(super) target: Place,
    pub(super) root: Place,
}

/// Works out what the deletes do. Looks through the tracked rows of the entities that refer to a deleted one.
pub(super) fn effects_of_deletes(tracker: &Tracker, deletes: &[Place]) -> DeleteEffects {
    let mut effects = DeleteEffects::default();
    if deletes.is_empty() {
        return effects;
    }
    let gone: HashSet<Place> = deletes.iter().copied().collect();
    let mut arenas: Vec<u32> = deletes.iter().map(|place| place.arena).collect();
    // By name: equal input gives an equal plan, whatever the process did before.
    arenas.sort_unstable_by_key(|&arena| tracker.arena(arena).meta().table);
    arenas.dedup();
    for arena in arenas {
        let meta = tracker.arena(arena).meta();
        let own: Vec<Place> = deletes.iter().copied().filter(|place| place.arena == arena).collect();
        for relation in meta.relations {
            if matches!(relation.kind, RelationKind::ManyToMany { .. }) {
                effects.unlinked.push((relation, own.clone()));
            }
        }
        for relation in references_to(tracker, meta) {
            let RelationKind::BelongsTo { nullable: true, on_delete: None, .. } = relation.kind else {
                continue;
            };
            let parents: Vec<Place> = own
                .iter()
                .copied()
                .filter(|&parent| !all_children_go(tracker, parent, relation, &gone))
                .collect();
            if !parents.is_empty() {
                effects.nulled.push((relation, parents));
            }
        }
    }
    mirror(tracker, gone.into_iter().map(|place| (place, place)).collect(), &mut effects);
    effects
}

/// Every `belongs_to` that leads to an entity, as far as the entity or the session knows of it.
pub(crate) fn references_to(tracker: &Tracker, meta: &'static EntityMeta) -> Vec<&'static RelationMeta> {
    let declared = meta.relations.iter().filter_map(|relation| match relation.kind {
        RelationKind::HasMany { inverse } => Some(inverse()),
        _ => None,
    });
    let tracked = tracker.links_to(meta).into_iter().map(|(_, relation)| relation);
    let mut found: Vec<&'static RelationMeta> = Vec::new();
    for relation in declared.chain(tracked) {
        if !found.iter().any(|known| std::ptr::eq(*known, relation)) {
            found.push(relation);
        }
    }
    found.sort_by_key(|relation| ((relation.source)().table, relation.position));
    found
}

/// Whether all children of a parent are known and deleted too, so that nothing is left to be set to NULL.
fn all_children_go(
    tracker: &Tracker,
    parent: Place,
    inverse: &'static RelationMeta,
    gone: &HashSet<Place>,
) -> bool {
    let arena = tracker.arena(parent.arena);
    crate::tracker::collections_of(inverse).any(|position| {
        let image = arena.image_link(parent.slot, position);
        let Link::Many(members) = image.unwrap_or_else(|| arena.link(parent.slot, position)) else {
            return false;
        };
        members.state() == orm_core::relation::ManyState::Loaded
            && members.members().into_iter().all(|member| {
                tracker.place(member, (inverse.source)()).map_or(true, |child| gone.contains(&child))
            })
    })
}

/// Does to the tracked rows what the database does to the stored ones, through as many levels as there are.
/// `gone` has each deleted row with the explicit delete that takes it.
pub(super) fn mirror(tracker: &Tracker, mut gone: HashMap<Place, Place>, effects: &mut DeleteEffects) {
    let mut emptied: HashSet<(Place, usize)> = HashSet::new();
    let mut emptied_columns: HashSet<(Place, usize)> = HashSet::new();
    loop {
        let mut fresh = Vec::new();
        for (index, arena) in tracker.arenas() {
            for relation in arena.meta().relations {
                let Some(effect) = Effect::of(relation) else { continue };
                let target = (relation.target)().index.get() as u32;
                if !gone.keys().any(|place| place.arena == target) {
                    continue;
                }
                for slot in 0..arena.len() as u32 {
                    let child = Place { arena: index, slot };
                    if arena.state(slot) != State::Persistent || gone.contains_key(&child) {
                        continue;
                    }
                    // What it leads to now: a child that moved away has been updated before the delete.
                    let link = arena.link(slot, relation.position);
                    let parent = tracker.target_of(&link, relation);
                    let Some((target, &root)) = parent.and_then(|parent| Some((parent, gone.get(&parent)?)))
                    else {
                        continue;
                    };
                    match effect {
                        Effect::Cascade => fresh.push((child, root)),
                        Effect::Empty if emptied.insert((child, relation.position)) => {
                            let at = relation.position;
                            effects.emptied.push(Emptied { row: child, at, target, root });
                        }
                        Effect::Empty => {}
                    }
                }
            }
            for (child, effect) in by_columns(tracker, index, &gone) {
                match effect {
                    Effect::Cascade => fresh.push((child.row, child.root)),
                    Effect::Empty if emptied_columns.insert((child.row, child.at)) => {
                        effects.emptied_columns.push(child);
                    }
                    Effect::Empty => {}
                }
            }
        }
        // Of several that take it, one: the first.
        fresh.retain(|&(child, root)| match gone.entry(child) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(root);
                true
            }
        });
        if fresh.is_empty() {
            return;
        }
        effects.cascaded.extend(fresh);
    }
}

/// The tracked rows whose plain columns refer to what is gone, and what happens to them.
fn by_columns(tracker: &Tracker, index: u32, gone: &HashMap<Place, Place>) -> Vec<(Emptied, Effect)> {
    let arena = tracker.arena(index);
    let mut found = Vec::new();
    for (column, about) in arena.meta().columns.iter().enumerate() {
        let Some(reference) = about.references else { continue };
        let effect = match reference.on_delete {
            Some(OnDelete::Cascade) => Effect::Cascade,
            Some(OnDelete::SetNull) => Effect::Empty,
            _ => continue,
        };
        let target = (reference.target)().index.get() as u32;
        let values = gone.iter().filter(|(place, _)| place.arena == target).filter_map(|(place, &root)| {
            Some((stored(tracker.arena(target), place.slot, &[(reference.column)()], true)?, (*place, root)))
        });
        let values: HashMap<Vec<u8>, (Place, Place)> = values.collect();
        if values.is_empty() {
            continue;
        }
        for slot in 0..arena.len() as u32 {
            let child = Place { arena: index, slot };
            if arena.state(slot) != State::Persistent || gone.contains_key(&child) {
                continue;
            }
            let value = stored(arena, slot, &[column], false);
            if let Some(&(target, root)) = value.and_then(|value| values.get(&value)) {
                found.push((Emptied { row: child, at: column, target, root }, effect));
            }
        }
    }
    found
}

/// Whether a delete of the target does something to the row that refers to it, rather than being refused.
pub(super) fn has_effect(relation: &RelationMeta) -> bool {
    Effect::of(relation).is_some()
}

/// What a delete of the target does to the row that refers to it.
#[derive(Clone, Copy)]
enum Effect {
    Cascade,
    Empty,
}

impl Effect {
    fn of(relation: &RelationMeta) -> Option<Self> {
        match relation.kind {
            RelationKind::BelongsTo { on_delete: Some(OnDelete::Cascade), .. } => Some(Self::Cascade),
            RelationKind::BelongsTo { .. } if is_end_of_pairs(relation) => Some(Self::Cascade),
            RelationKind::BelongsTo { on_delete: Some(OnDelete::SetNull), .. } => Some(Self::Empty),
            RelationKind::BelongsTo { on_delete: None, nullable: true, .. } => Some(Self::Empty),
            _ => None,
        }
    }
}

/// Whether the target deletes the rows that refer to it with itself, as the pairs of a many-to-many relation of its own.
pub(super) fn is_end_of_pairs(relation: &RelationMeta) -> bool {
    let RelationKind::BelongsTo { columns, .. } = relation.kind else { return false };
    let (link, target) = ((relation.source)(), (relation.target)());
    target.relations.iter().any(|other| match &other.kind {
        RelationKind::ManyToMany { through } => {
            through.table == link.table
                && through.source.iter().copied().eq(columns.iter().map(|&column| link.columns[column].name))
        }
        _ => false,
    })
}
