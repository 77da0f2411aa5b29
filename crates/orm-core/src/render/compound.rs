//! UNION, INTERSECT, EXCEPT.

use super::Writer;
use super::select::{limits, order_with, rowset};
use crate::stmt::{Body, CompoundBody, SetOperation, SourceColumns};

impl Writer<'_> {
    /// Adds queries put together. Without `ordered`, in any order.
    pub(super) fn compound(&mut self, compound: &CompoundBody, ordered: bool) {
        // Where NULL has a place, an expression says it, and in an expression the place of a column is just a number.
        let by_names =
            !self.dialect.nulls_order && compound.order_by.iter().any(|order| order.nulls_first.is_some());
        match compound.columns {
            SourceColumns::Made(width) if ordered && by_names => {
                self.put_together(&with_names(compound, width), ordered, by_names);
            }
            _ => self.put_together(compound, ordered, by_names),
        }
    }

    fn put_together(&mut self, compound: &CompoundBody, ordered: bool, by_names: bool) {
        self.compound_part(&compound.first, compound.columns);
        for (operation, body) in &compound.rest {
            self.push(match operation {
                SetOperation::Union => " UNION ",
                SetOperation::UnionAll => " UNION ALL ",
                SetOperation::Intersect => " INTERSECT ",
                SetOperation::Except => " EXCEPT ",
            });
            self.compound_part(body, compound.columns);
        }
        if ordered && !compound.order_by.is_empty() {
            self.push(" ORDER BY ").separated(", ", &compound.order_by, |out, order| {
                // Checked when the statement was built.
                let place = compound.place(order).unwrap_or_default();
                let by = |out: &mut Writer<'_>| match compound.columns {
                    SourceColumns::Made(_) if by_names => out.made_column(place),
                    SourceColumns::Entity(entity) if by_names => {
                        out.name(entity.columns[place].name);
                    }
                    _ => {
                        out.number(place as u64 + 1);
                    }
                };
                let missing = |out: &mut Writer<'_>| {
                    by(out);
                    out.push(" IS NULL");
                };
                order_with(out, order, missing, by);
            });
        }
        limits(self, compound.limit, compound.offset);
    }

    /// Adds queries put together as a table, whose columns have names: `"derived_1"."c1"` needs them inside.
    pub(super) fn compound_as_table(&mut self, compound: &CompoundBody) {
        match compound.columns {
            SourceColumns::Entity(_) => self.compound(compound, true),
            SourceColumns::Made(width) => self.compound(&with_names(compound, width), true),
        }
    }

    /// Not every database takes parentheses around a part that has an order or is such a thing itself.
    pub(super) fn compound_part(&mut self, body: &Body, columns: SourceColumns) {
        let is_plain = match body {
            Body::Select(query) => {
                query.order_by.is_empty()
                    && query.limit.is_none()
                    && query.offset.is_none()
                    && query.lock.is_none()
            }
            _ => false,
        };
        if is_plain {
            return rowset(self, body);
        }
        self.push("SELECT * FROM (");
        // Two columns of one name are no table everywhere.
        self.derived(body, columns);
        self.push(") AS ").name("part");
    }
}

/// The same with names for its columns, which the first part gives.
fn with_names(compound: &CompoundBody, width: usize) -> CompoundBody {
    let mut named = compound.clone();
    let mut first = &mut named.first;
    while let Body::Compound(inner) = first {
        first = &mut inner.first;
    }
    if let Body::Select(query) = first {
        let columns = query.columns.take().unwrap_or_else(|| query.from.every_column());
        query.columns =
            Some(columns.into_iter().take(width).enumerate().map(|(at, node)| node.named(at)).collect());
    }
    named
}
