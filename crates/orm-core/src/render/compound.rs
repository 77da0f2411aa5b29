//! UNION, INTERSECT, EXCEPT.

use super::Writer;
use super::select::{limits, order_with, rowset};
use crate::stmt::{Body, CompoundBody, SetOperation};

impl Writer<'_> {
    /// Adds queries put together. Without `ordered`, in any order.
    pub(super) fn compound(&mut self, compound: &CompoundBody, ordered: bool) {
        self.compound_part(&compound.first);
        for (operation, body) in &compound.rest {
            self.push(match operation {
                SetOperation::Union => " UNION ",
                SetOperation::UnionAll => " UNION ALL ",
                SetOperation::Intersect => " INTERSECT ",
                SetOperation::Except => " EXCEPT ",
            });
            self.compound_part(body);
        }
        if ordered && !compound.order_by.is_empty() {
            self.push(" ORDER BY ").separated(", ", &compound.order_by, |out, order| {
                // Checked when the statement was built.
                let place = compound.place(order).unwrap_or_default();
                order_with(out, order, |out| {
                    out.number(place as u64 + 1);
                });
            });
        }
        limits(self, compound.limit, compound.offset);
    }

    /// Not every database takes parentheses around a part that has an order or is such a thing itself.
    fn compound_part(&mut self, body: &Body) {
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
        rowset(self, body);
        self.push(") AS ").name("part");
    }
}
