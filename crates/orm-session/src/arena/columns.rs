//! Columns and links of values and rows, one at a time or many.

use orm_core::Cells;
use orm_core::entity::{EntityMeta, RelationKind};
use orm_core::relation::{Link, LinkMut};
use orm_core::row::ColumnError;
use orm_core::value::ValueRef;

use super::Arena;
use super::values::{AnyEntity, ValueId};
use crate::tracker::Place;

impl Arena {
    /// Adds a column of the value.
    pub(crate) fn encode(&self, slot: u32, column: usize, cells: &mut Cells) {
        self.value(slot).encode(column, cells);
    }

    /// Adds the column of the row as the transaction has it.
    pub(crate) fn encode_row(&self, slot: u32, column: usize, cells: &mut Cells) {
        if let Some(row) = self.row(slot) {
            row.encode(column, cells);
        }
    }

    /// Adds some columns of several values, row after row.
    pub(crate) fn encode_rows(&self, rows: &[Place], columns: &[usize], cells: &mut Cells) {
        cells.reserve(rows.len() * columns.len());
        encode_alike(rows, cells, |row, cells| self.value(row.slot).encode_all(columns, cells));
    }

    /// Adds, for several rows, some columns of the new value and the key of the row, as the transaction has it.
    pub(crate) fn encode_updates(
        &self,
        values: &[Place],
        rows: &[Place],
        columns: &[usize],
        cells: &mut Cells,
    ) {
        cells.reserve(rows.len() * (columns.len() + self.meta.key.len()));
        let mut values = values.iter();
        encode_alike(rows, cells, |row, cells| {
            if let Some(place) = values.next() {
                self.value(place.slot).encode_all(columns, cells);
            }
            self.encode_row_key(row.slot, cells);
        });
    }

    /// Writes a column of the value, which had this before or made it: so it fits.
    pub(crate) fn assign(&mut self, slot: u32, column: usize, value: ValueRef<'_>) {
        let _ = self.value_mut(slot).assign(column, value);
    }

    /// Writes a column of the image alone: the row has this, the program wants something else.
    pub(crate) fn assign_image(&mut self, slot: u32, column: usize, value: ValueRef<'_>) {
        if let Some(image) = self.image_mut(slot) {
            let _ = image.assign(column, value);
        }
    }

    /// Writes a column of the value, and of its image if it has one: the row has this.
    pub(crate) fn assign_row(&mut self, slot: u32, column: usize, value: ValueRef<'_>) {
        self.assign_image(slot, column, value);
        self.assign(slot, column, value);
    }

    /// The database gave a column this: the row has it, and the value, unless the program has written the field since.
    ///
    /// # Errors
    /// If it does not fit the field, which stays as it is.
    pub(crate) fn fill(&mut self, slot: u32, column: usize, value: ValueRef<'_>) -> Result<(), ColumnError> {
        let Some(image) = self.values.get(self.image(slot)) else {
            return self.value_mut(slot).assign(column, value);
        };
        let mut cells = Cells::default();
        image.encode(column, &mut cells);
        self.value(slot).encode(column, &mut cells);
        let is_written = !cells.same(0, 1);
        if let Some(image) = self.image_mut(slot) {
            image.assign(column, value)?;
        }
        if is_written { Ok(()) } else { self.value_mut(slot).assign(column, value) }
    }

    /// Whether the key is the program's to give, and which of the columns with a default of the database's are unset.
    pub(crate) fn given(&self, slot: u32) -> (bool, u64) {
        (!self.meta.auto_key || self.is_keyed(slot), self.value(slot).unset())
    }

    pub(crate) fn link(&self, slot: u32, relation: usize) -> Link<'_> {
        self.value(slot).link(relation)
    }

    pub(crate) fn link_mut(&mut self, slot: u32, relation: usize) -> LinkMut<'_> {
        self.value_mut(slot).link_mut(relation)
    }

    pub(crate) fn image_link(&self, slot: u32, relation: usize) -> Option<Link<'_>> {
        self.values.get(self.image(slot)).map(|image| image.link(relation))
    }

    pub(crate) fn image_link_mut(&mut self, slot: u32, relation: usize) -> Option<LinkMut<'_>> {
        self.image_mut(slot).map(|image| image.link_mut(relation))
    }

    /// Copies the columns of a row onto a value, but for some of them. Links and collections stay, where their columns did.
    pub(super) fn copy_columns(&mut self, row: ValueId, value: ValueId, but: &[u16]) {
        let mut changed = Vec::new();
        self.values.differences(row, value, &mut changed);
        changed.retain(|column| !but.contains(column));
        let Some((value, row)) = self.values.pair(value, row) else { return };
        for column in changed {
            copy(row, value, usize::from(column));
            copy_link(self.meta, row, value, usize::from(column));
        }
    }
}

/// Copies one column of an entity to another one of its type, so that it fits. Links stay as they are.
pub(super) fn copy(from: &dyn AnyEntity, to: &mut dyn AnyEntity, column: usize) {
    let mut cells = Cells::default();
    from.encode(column, &mut cells);
    let _ = to.assign(column, cells.value(0));
}

/// Copies the link that a column belongs to.
fn copy_link(meta: &EntityMeta, row: &dyn AnyEntity, value: &mut dyn AnyEntity, column: usize) {
    for relation in meta.relations {
        let RelationKind::BelongsTo { columns, .. } = relation.kind else { continue };
        if columns.contains(&column)
            && let (LinkMut::One(link), Link::One(from)) =
                (value.link_mut(relation.position), row.link(relation.position))
        {
            link.restore(&*from.save());
        }
    }
}

/// Adds the cells of rows that are much alike: the first ones tell how many bytes the others will need.
fn encode_alike(rows: &[Place], cells: &mut Cells, mut encode: impl FnMut(Place, &mut Cells)) {
    const SAMPLE: usize = 16;
    let (sample, others) = rows.split_at(rows.len().min(SAMPLE));
    let before = cells.bytes().len();
    sample.iter().for_each(|&row| encode(row, cells));
    // An eighth more, for the first ones are often the shortest.
    cells.reserve_bytes((cells.bytes().len() - before) * others.len() / SAMPLE * 9 / 8);
    others.iter().for_each(|&row| encode(row, cells));
}
