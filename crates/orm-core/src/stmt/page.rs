//! Pages by key: the rows behind one that was seen, found by the values that it is ordered by.
//!
//! Unlike OFFSET, which reads what it leaves out, this costs the same for each page, and a row that comes or goes meanwhile
//! moves no other to another page. The source of the idea is Markus Winand's "seek method".

mod cursor;

pub use cursor::{IntoPageCursor, PageCursor};

use std::marker::PhantomData;

use super::Select;
use super::select::{Distinct, JoinTo, SelectBody};
use super::source::{FieldColumn, Source, SourceId};
use crate::batch::{Count, count};
use crate::error::{Error, Result};
use crate::expr::{Kind, Logic, Node, Order};
use crate::query::{Detached, Rows, Shape};
use crate::row::{ColumnError, Row};
use crate::value::Value;

/// Rows with a cursor each, behind which the next page begins.
#[derive(Debug)]
pub struct Keyed<S>(PhantomData<fn() -> S>);

impl<S: Shape> Shape for Keyed<S> {
    type Plain = (S::Plain, PageCursor);

    /// The last column says how many before it are the row's place in the order.
    fn decode(row: &Row<'_>) -> Result<Self::Plain, ColumnError> {
        let end = row.width().saturating_sub(1);
        let keys = usize::try_from(row.get::<i64>(end)?).unwrap_or_default().min(end);
        let plain = S::decode(&row.narrowed(end - keys))?;
        let mut cursor = PageCursor::default();
        for at in end - keys..end {
            cursor.push(row.value(at)?.to_value());
        }
        Ok((plain, cursor))
    }
}

impl<S: Rows> Rows for Keyed<S> {}
impl<S: Detached> Detached for Keyed<S> {}

/// What makes a query one page.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    after: Option<PageCursor>,
}

impl<E, S: Shape> Select<E, S> {
    /// One page of the rows, each with the [`PageCursor`] behind which the next page begins: the first page for `None`, the
    /// one after a row for the cursor that came with it. How many rows a page has is said by [`limit`](Self::limit); the key
    /// decides what the order leaves equal.
    ///
    /// NULLs come before all values, unless the order says otherwise. A cursor that has not as many values as the order has
    /// parts, the key among them, was made by another query, and is an error when the statement is built; one of another order
    /// of as many parts is not known as such. Where a join repeats rows, order by a column that tells them apart too.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// use anyorm::PageCursor;
    ///
    /// let users = User::select().order_by(User::AGE.desc()).limit(1);
    /// let page = engine.all(users.clone().page_after(None)).await?;
    /// let (ada, cursor) = &page[0];
    /// assert_eq!(ada.name, "Ada");
    ///
    /// let token = cursor.to_string(); // for a link: letters and digits
    /// let cursor: PageCursor = token.parse()?;
    /// let page = engine.all(users.clone().page_after(cursor)).await?;
    /// assert_eq!(page[0].0.name, "Grace");
    /// assert!(engine.all(users.page_after(page[0].1.clone())).await?.is_empty());
    /// # Ok(()) });
    /// ```
    pub fn page_after(self, cursor: impl IntoPageCursor) -> Select<E, Keyed<S>> {
        let mut body = self.into_body();
        body.page = Some(Page { after: cursor.into_page_cursor() });
        Select::of(body)
    }

    /// One page by its number, from 1, and how many rows there are in all: for `batch`, which reads both in one hop.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let posts = Post::select().order_by(Post::TITLE);
    /// let (page, total) = engine.batch(posts.page(2, 1)).await?;
    /// assert_eq!((page[0].title.as_str(), total), ("Notes", 2));
    /// # Ok(()) });
    /// ```
    pub fn page(self, number: u64, size: u64) -> (Self, Count<Self>) {
        let all = self.clone();
        (self.limit(size).offset(number.saturating_sub(1).saturating_mul(size)), count(all))
    }
}

impl SelectBody {
    /// Makes the query the page that it is to be: its order whole, its rows with their places in it, and only those behind
    /// the cursor.
    ///
    /// # Errors
    /// If the cursor is of another query; if rows are told apart by nothing.
    pub(super) fn turn_to_page(&mut self) -> Result<()> {
        let Some(Page { after }) = self.page.take() else { return Ok(()) };
        self.check_page()?;
        self.complete_order()?;
        let may_be_null: Vec<bool> =
            self.order_by.iter().map(|order| self.may_be_null(&order.node)).collect();
        for (order, may_be_null) in self.order_by.iter_mut().zip(&may_be_null) {
            if *may_be_null {
                order.nulls_first.get_or_insert(!order.descending);
            }
        }
        let orders = self.order_by.clone();
        if let Some(cursor) = after {
            let values = cursor.into_values(&orders)?;
            let condition = behind(&orders, &may_be_null, &values);
            match self.group_by.is_empty() {
                true => self.filter.push(condition),
                false => self.having.push(condition),
            }
        }
        let columns = self.columns.get_or_insert_with(|| self.from.every_column());
        columns.extend(orders.iter().map(|order| order.node.clone().into_optional()));
        columns.push(Node(Kind::Literal(orders.len() as u32)));
        Ok(())
    }

    /// Refuses what would be something else if rows before it were left out.
    fn check_page(&self) -> Result<()> {
        let is_distinct = !matches!(self.distinct, Distinct::None);
        let answered = || self.columns.iter().flatten().chain(self.order_by.iter().map(|order| &order.node));
        if is_distinct || answered().any(|node| has(node, &|kind| matches!(kind, Kind::Over { .. }))) {
            return Err(Error::build(
                "a page behind a cursor leaves out the rows before it, so that `distinct` and window functions would not see them: \
                 read from such a query with `.derived()`, and page that",
            ));
        }
        let is_aggregate = |kind: &Kind| matches!(kind, Kind::Aggregate(_));
        if self.group_by.is_empty() && answered().any(|node| has(node, &is_aggregate)) {
            return Err(Error::build(
                "an aggregate without `group_by` makes one row of all, which has no pages: group the rows, or leave out \
                 `page_after`",
            ));
        }
        Ok(())
    }

    /// Whether a part of the order may be NULL: because its column is, or since a left join may leave it out.
    fn may_be_null(&self, node: &Node) -> bool {
        let left_joined = |table: &str, id: Option<SourceId>| {
            self.joins.iter().filter(|join| join.left).any(|join| match &join.to {
                JoinTo::Relation { relation, to, .. } => {
                    *to == id && (id.is_some() || (relation.target)().table == table)
                }
                JoinTo::Source(source) => {
                    source.id == id
                        && (id.is_some() || source.own_table().is_some_and(|entity| entity.table == table))
                }
            })
        };
        match &node.0 {
            Kind::Column { entity, position } => {
                entity.columns[*position].nullable || left_joined(entity.table, None)
            }
            Kind::Field { source, column: FieldColumn::Entity(entity, position) } => {
                entity.columns[*position].nullable || left_joined(entity.table, Some(*source))
            }
            _ => true,
        }
    }

    /// The key behind what the rows are ordered by; of groups, what they are grouped by.
    fn complete_order(&mut self) -> Result<()> {
        if !self.group_by.is_empty() {
            let known: Vec<String> = self.order_by.iter().map(|order| format!("{:?}", order.node)).collect();
            let missing = self.group_by.iter().filter(|node| !known.contains(&format!("{node:?}")));
            let more = missing.map(|node| Order { node: node.clone(), descending: false, nulls_first: None });
            self.order_by.extend(more.collect::<Vec<_>>());
            return Ok(());
        }
        let Some(entity) = self.from.entity() else {
            return match self.order_by.is_empty() {
                true => Err(Error::build(
                    "a page of a derived table needs an order that tells all rows apart: `.order_by(..)`",
                )),
                false => Ok(()),
            };
        };
        let own = self.from.every_column();
        for &position in entity.key {
            let is_there = self.order_by.iter().any(|order| is_column(&order.node, &self.from, position));
            if !is_there {
                let node = own[position].clone();
                self.order_by.push(Order { node, descending: false, nulls_first: None });
            }
        }
        Ok(())
    }
}

fn is_column(node: &Node, from: &Source, position: usize) -> bool {
    match (&node.0, from.id) {
        (Kind::Column { entity, position: at }, None) => {
            from.entity().is_some_and(|own| own.is(entity)) && *at == position
        }
        (Kind::Field { source, column: FieldColumn::Entity(_, at) }, Some(id)) => {
            *source == id && *at == position
        }
        _ => false,
    }
}

fn has(node: &Node, is: &dyn Fn(&Kind) -> bool) -> bool {
    let mut found = is(&node.0);
    node.parts(&mut |part| found = found || has(part, is));
    found
}

/// The rows behind one: further in the first part of the order, or equal in it and further in the next.
fn behind(orders: &[Order], may_be_null: &[bool], values: &[Value]) -> Node {
    let mut ways = Vec::with_capacity(orders.len());
    let mut equal: Vec<Node> = Vec::new();
    for ((order, value), may_be_null) in orders.iter().zip(values).zip(may_be_null) {
        if let Some(further) = further(order, *may_be_null, value) {
            ways.push(all(equal.iter().cloned().chain([further]).collect()));
        }
        equal.push(order.node.clone().compare("=", Node(Kind::Value(value.clone()))));
    }
    let any = Node(Kind::Logic { op: Logic::Or, nodes: ways });
    // Said once more for the first part, so that an index on it finds where to begin.
    match (orders, values) {
        ([first, _, ..], [value, ..]) if *value != Value::Null && !may_be_null[0] => {
            let op = if first.descending { "<=" } else { ">=" };
            let bound = first.node.clone().compare(op, Node(Kind::Value(value.clone())));
            all(vec![bound, any])
        }
        _ => any,
    }
}

/// Further in one part of the order; nothing can be further than a NULL that comes last.
fn further(order: &Order, may_be_null: bool, value: &Value) -> Option<Node> {
    let node = || order.node.clone();
    let nulls_last = order.nulls_first == Some(false);
    if *value == Value::Null {
        return (!nulls_last).then(|| Node(Kind::IsNull { of: node().boxed(), negated: true }));
    }
    let op = if order.descending { "<" } else { ">" };
    let beyond = node().compare(op, Node(Kind::Value(value.clone())));
    Some(match nulls_last && may_be_null {
        true => beyond.logic(Logic::Or, Node(Kind::IsNull { of: node().boxed(), negated: false })),
        false => beyond,
    })
}

fn all(nodes: Vec<Node>) -> Node {
    nodes
        .into_iter()
        .reduce(|left, right| left.logic(Logic::And, right))
        .unwrap_or(Node(Kind::Logic { op: Logic::And, nodes: Vec::new() }))
}
