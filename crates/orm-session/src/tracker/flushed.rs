//! What the flushes of an open transaction did that images do not tell: for `recover`, which makes it pending again.

use orm_core::Cells;
use orm_core::entity::RelationMeta;
use orm_core::handle::RawHandle;
use orm_core::relation::{Link, LinkMut, ManyState};

use super::filled::Filled;
use super::given::GivenLinks;
use super::{Place, Tracker};
use crate::state::State;

/// One flush.
pub(crate) struct Flushed {
    /// The layer it belongs to.
    pub(crate) layer: usize,
    /// Links that were given to children.
    pub(crate) given: GivenLinks,
    /// Rows that followed a key that changed.
    pub(crate) followed: Vec<Followed>,
    /// Pairs that were written: where the collection was not loaded, nothing else remembers them.
    pub(crate) added: Vec<FlushedPair>,
    /// What the database gave to its rows.
    pub(crate) filled: Vec<Filled>,
    /// Pairs that were removed.
    pub(crate) removed: Vec<FlushedPair>,
    /// Rows that were deleted for want of a parent, not by the program.
    pub(crate) orphans: Vec<(Place, RawHandle)>,
}

/// A row that followed a key that changed, with what it had before.
pub(crate) struct Followed {
    pub(crate) place: Place,
    /// To know it from a later tenant of its slot.
    pub(crate) handle: RawHandle,
    pub(crate) columns: Vec<usize>,
    pub(crate) before: Cells,
}

/// A pair of a many-to-many relation.
#[derive(Clone, Copy)]
pub(crate) struct FlushedPair {
    pub(crate) relation: &'static RelationMeta,
    pub(crate) source: RawHandle,
    pub(crate) target: RawHandle,
}

impl Tracker {
    pub(crate) fn note_flushed(&mut self, flushed: Flushed) {
        self.flushed.push(flushed);
    }

    /// The work of all flushes is pending again: links that were given may be taken back, and pairs of collections that
    /// are not loaded are queued.
    pub(super) fn recover_flushed(&mut self) {
        let flushed = std::mem::take(&mut self.flushed);
        flushed
            .iter()
            .rev()
            .flat_map(|flushed| flushed.followed.iter().rev())
            .for_each(|row| self.lead_back(row));
        let mut filled = Vec::new();
        for mut flushed in flushed {
            filled.append(&mut flushed.filled);
            self.return_given(flushed.given);
            flushed.added.into_iter().for_each(|pair| self.queue(pair, true));
            flushed.removed.into_iter().for_each(|pair| self.queue(pair, false));
            self.return_orphans(flushed.orphans);
        }
        self.recover_filled(filled);
    }

    /// Rows that went for want of a parent are there again; whether they go is for the next plan to say.
    fn return_orphans(&mut self, orphans: Vec<(Place, RawHandle)>) {
        for (place, handle) in orphans {
            let arena = self.arena_mut(place.arena);
            if arena.slot(handle).is_some() && arena.state(place.slot) == State::Deleting {
                arena.set_state(place.slot, State::Persistent);
                self.deleting.retain(|&other| other != place);
            }
        }
    }

    /// The key that a row followed is not stored any more. The row follows it again with the next flush.
    fn lead_back(&mut self, row: &Followed) {
        let arena = self.arena_mut(row.place.arena);
        if arena.slot(row.handle).is_none() {
            return;
        }
        for (at, &column) in row.columns.iter().enumerate() {
            arena.assign(row.place.slot, column, row.before.value(at));
        }
    }

    fn queue(&mut self, pair: FlushedPair, add: bool) {
        let FlushedPair { relation, source, target } = pair;
        let Ok(source) = self.place(source, (relation.source)()) else { return };
        if !self.state(source).is_live() {
            return;
        }
        let arena = self.arena_mut(source.arena);
        let Link::Many(link) = arena.link(source.slot, relation.position) else { return };
        match link.state() {
            ManyState::NotLoaded => {}
            // It may not have shown this one.
            ManyState::Partial if !add => {}
            // A loaded collection shows the difference to its image.
            _ => return,
        }
        arena.touch(source.slot);
        if let LinkMut::Many(link) = arena.link_mut(source.slot, relation.position) {
            match add {
                true => link.insert(target),
                false => link.remove(target),
            }
        }
    }
}
