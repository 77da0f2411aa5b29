//! Rows that were read for collections, on their way to their owners.

use std::cmp::Ordering;
use std::num::NonZeroU32;

use orm_core::handle::RawHandle;
use orm_core::{Cell, Cells};

use super::Arena;

/// The members of several owners: all of one owner stand together, those of the smaller slot first.
pub(crate) struct Members {
    /// The owner of each.
    owners: Vec<u32>,
    list: Vec<RawHandle>,
}

impl Members {
    /// The members of an owner, and where those of the next one begin. `from` is where those of
    /// some owner begin, likely of this one.
    pub(crate) fn of(&self, owner: u32, from: usize) -> (&[RawHandle], usize) {
        let first = match self.owners.get(from) == Some(&owner) {
            true => from,
            false => self.owners.partition_point(|&other| other < owner),
        };
        let end = first + self.owners[first..].iter().take_while(|&&other| other == owner).count();
        (&self.list[first..end], end)
    }
}

impl Arena {
    /// Those of some slots that can be members, each with its owner: by owner, then in the order given.
    pub(crate) fn members(&self, slots: &[u32], owners: &[Option<u32>], session: NonZeroU32) -> Members {
        let mut members: Vec<(u32, RawHandle)> = Vec::with_capacity(slots.len());
        for (&slot, owner) in slots.iter().zip(owners) {
            // A row that this session deletes is no member any more.
            if let Some(owner) = owner.filter(|_| self.slots[slot as usize].state.is_live()) {
                members.push((owner, self.handle(slot, session)));
            }
        }
        // Keeps the order of the rows of each.
        members.sort_by_key(|(owner, _)| *owner);
        let (owners, list) = members.into_iter().unzip();
        Members { owners, list }
    }

    /// Puts the members of each owner in the order of their rows' keys, as the database has it. Rows often come in that order,
    /// or those of one owner do: then this is one look at each.
    pub(crate) fn order_by_key(&self, members: &mut Members) {
        let mut rest = &mut members.list[..];
        let mut keys = Cells::default();
        for owners in members.owners.chunk_by(|a, b| a == b) {
            let (run, others) = rest.split_at_mut(owners.len());
            rest = others;
            if run.len() > 1 {
                self.order_run(run, &mut keys);
            }
        }
    }

    /// By what is stored: how the program orders a type of its own may be another matter, and a key of 0 may count as
    /// none.
    fn order_run(&self, run: &mut [RawHandle], keys: &mut Cells) {
        let key = self.meta.key;
        keys.clear();
        for member in run.iter() {
            key.iter().for_each(|&column| self.encode_row(member.slot, column, keys));
        }
        // By far the most common key, in its most common order.
        let ascends = |pair: &[Cell]| matches!(pair, [Cell::Int(left), Cell::Int(right)] if left <= right);
        if key.len() == 1 && keys.as_slice().windows(2).all(ascends) {
            return;
        }
        let width = key.len();
        let order = |left: usize, right: usize| -> Ordering {
            let parts = (0..width).map(|part| keys.order(left * width + part, right * width + part));
            parts.fold(Ordering::Equal, Ordering::then)
        };
        if (1..run.len()).all(|at| order(at - 1, at).is_le()) {
            return;
        }
        let mut places: Vec<usize> = (0..run.len()).collect();
        places.sort_by(|&left, &right| order(left, right));
        let sorted: Vec<RawHandle> = places.into_iter().map(|at| run[at]).collect();
        run.copy_from_slice(&sorted);
    }
}
