//! Relations that are read along: one statement per relation, all in the query's own hop.
//!
//! ```text
//! step 0   SELECT .. FROM users ..                                   the query
//! step 1   SELECT .. FROM posts WHERE author_id IN (step 0's id)     User::POSTS
//! step 2   SELECT .. FROM tags JOIN post_tags .. IN (step 1's id)    Post::TAGS
//! ```

mod fill;
mod plan;
mod request;

pub(crate) use fill::Fill;
pub(crate) use plan::{Collectors, LoadPlan};
pub(crate) use request::{KEYS_AT_ONCE, Request};

use std::collections::HashSet;

use orm_core::cells::Cells;
use orm_core::entity::{EntityMeta, RelationKind, RelationMeta};
use orm_core::program::StatementShape;
use orm_core::relation::{Leg, Link, LinkMut, OneState};
use orm_core::{Dialect, Error, Result, shapes};

use crate::arena::{Adopt, Part};
use crate::events::Moments;
use crate::tracker::{Place, Tracker};

/// The statement that reads the targets of a list of sources, and the columns of the source that the list is made of.
struct Statement {
    shape: StatementShape,
    /// The parameters before the list.
    input: Cells,
    /// The first of the source's columns, and how many there are.
    list: (u16, u16),
    order: Order,
}

/// Who puts the members of each collection in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// The statement: rows come as the members are to stand.
    OfRows,
    /// The session, by their keys, once they were read: the database need not sort them, nor wait for the last row before it gives
    /// the first. An index finds the rows of each source in this order already.
    OfKeys,
}

impl Order {
    fn of(relation: &RelationMeta, tracker: &Tracker) -> Self {
        let target = (relation.target)();
        // Hooks are called as the rows come in.
        let shows_rows = || tracker.moments_of(target).contains(Moments::AFTER_LOAD);
        match shapes::is_order_of_keys(target, &relation.members) && !shows_rows() {
            true => Self::OfKeys,
            false => Self::OfRows,
        }
    }
}

fn statement_of(leg: &Leg, tracker: &Tracker, dialect: &Dialect) -> Result<Statement> {
    let relation = leg.relation;
    let (source, target) = ((relation.source)(), (relation.target)());
    let columns = match &relation.kind {
        RelationKind::BelongsTo { columns, .. } => *columns,
        _ => source.key,
    };
    let list = neighbours(source, columns)?;
    if let Some(narrowed) = leg.compile(dialect)? {
        let (shape, input) = ((*narrowed.shape).clone(), narrowed.input);
        return Ok(Statement { shape, input, list, order: Order::OfRows });
    }
    let order = Order::of(relation, tracker);
    let members = (order == Order::OfRows).then_some(&relation.members);
    let shape = match &relation.kind {
        RelationKind::BelongsTo { .. } => shapes::select_by_keys(target, dialect),
        RelationKind::HasMany { inverse } => {
            let RelationKind::BelongsTo { columns, .. } = inverse().kind else {
                return Err(Error::build(format!(
                    "{} is not the other side of a belongs_to",
                    relation.path()
                )));
            };
            shapes::select_by_foreign_key(target, dialect, columns, members)
        }
        RelationKind::ManyToMany { through } => shapes::select_through(target, dialect, through, members),
    };
    Ok(Statement { shape, input: Cells::default(), list, order })
}

/// A list travels as neighbouring columns.
fn neighbours(meta: &EntityMeta, columns: &[usize]) -> Result<(u16, u16)> {
    if columns.windows(2).all(|pair| pair[0] + 1 == pair[1]) {
        return Ok((columns[0] as u16, columns.len() as u16));
    }
    let message =
        format!("the key fields of {} must stand next to each other to load relations by them", meta.name);
    Err(Error::build(message))
}

/// The collectors of the rows that a relation's statement answers: the targets, and for collections the key of the
/// source that each row belongs to.
fn parts_of(tracker: &mut Tracker, relation: &'static RelationMeta) -> Vec<Box<dyn Part>> {
    let (source, target) = (tracker.ensure((relation.source)()), tracker.ensure((relation.target)()));
    let rows = tracker.arena(target).rows_part();
    match &relation.kind {
        RelationKind::BelongsTo { .. } => vec![rows],
        RelationKind::HasMany { inverse } => {
            let RelationKind::BelongsTo { columns, .. } = inverse().kind else { return vec![rows] };
            vec![rows, tracker.arena(source).keys_part(columns[0])]
        }
        RelationKind::ManyToMany { .. } => {
            let width = (relation.target)().columns.len();
            vec![rows, tracker.arena(source).keys_part(width)]
        }
    }
}

/// What was collected of one relation, with the rows taken in and nothing linked yet.
struct Read {
    /// The slot of the target in each row.
    targets: Vec<u32>,
    /// The source that each row belongs to, where that stands in the row.
    owners: Option<Vec<Option<u32>>>,
    order: Order,
}

impl Read {
    /// Takes in the rows that `parts_of` collected.
    fn adopt(
        tracker: &mut Tracker,
        relation: &'static RelationMeta,
        parts: Vec<Box<dyn Part>>,
        order: Order,
        how: Adopt,
    ) -> Self {
        let (source, target) = (tracker.ensure((relation.source)()), tracker.ensure((relation.target)()));
        let mut parts = parts.into_iter();
        let rows = parts.next().map(|rows| rows.into_any());
        let targets = rows.map(|rows| tracker.arena_mut(target).adopt_part(rows, how)).unwrap_or_default();
        if how.over {
            targets.iter().for_each(|&slot| tracker.drop_expressions(Place { arena: target, slot }));
        }
        let owners = parts.next().map(|keys| tracker.arena(source).find_part(keys.into_any()));
        Self { targets, owners, order }
    }

    /// Links sources and targets. Answers the targets' slots, each once.
    fn link(self, tracker: &mut Tracker, leg: &Leg, sources: &[u32], into: Fill, how: Adopt) -> Vec<u32> {
        let Self { targets, owners, order } = self;
        match owners {
            Some(owners) => {
                let arena = tracker.ensure((leg.relation.target)());
                let mut members = tracker.arena(arena).members(&targets, &owners, tracker.session());
                if order == Order::OfKeys {
                    tracker.arena(arena).order_by_key(&mut members);
                }
                fill::link_members(tracker, leg, sources, &members, into, how);
                each_once(targets)
            }
            None => {
                let targets = each_once(targets);
                link_targets(tracker, leg, sources, &targets, how);
                targets
            }
        }
    }
}

/// Drops repeated slots. Slots that rise, as those of rows that were not known before, cannot repeat.
fn each_once(mut slots: Vec<u32>) -> Vec<u32> {
    if !slots.is_sorted_by(|a, b| a < b) {
        let mut seen = HashSet::with_capacity(slots.len());
        slots.retain(|&slot| seen.insert(slot));
    }
    slots
}

/// Links that held a key hold the handle of the entity that has it; where a condition left targets out, only if it is
/// among the `found`.
fn link_targets(tracker: &mut Tracker, leg: &Leg, sources: &[u32], found: &[u32], how: Adopt) {
    let relation = leg.relation;
    let source = tracker.ensure((relation.source)());
    let found: Option<HashSet<u32>> = leg.leaves_out().then(|| found.iter().copied().collect());
    for &slot in sources {
        let link = tracker.arena(source).link(slot, relation.position);
        let Some(target) = tracker.target_of(&link, relation) else { continue };
        let Link::One(one) = link else { continue };
        if !matches!(one.state(), OneState::Key(_))
            || found.as_ref().is_some_and(|found| !found.contains(&target.slot))
        {
            continue;
        }
        let (handle, key) = (tracker.handle(target), tracker.arena(target.arena).key(target.slot));
        let arena = tracker.arena_mut(source);
        if let Some(layer) = how.uncommitted {
            arena.save_undo(slot, layer);
        }
        if let LinkMut::One(link) = arena.link_mut(slot, relation.position) {
            link.set_handle(handle, key.as_deref());
        }
    }
}
