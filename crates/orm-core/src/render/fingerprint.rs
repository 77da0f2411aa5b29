//! What the text of a statement depends on, as a number; and the values that it does not depend on, in one order.
//!
//! Each type is taken apart field by field, so that a new field does not compile before somebody has said whether the text
//! depends on it.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::{FixedState, FoldHasher};

use crate::dialect::Dialect;
use crate::entity::EntityMeta;
use crate::expr::{AggregateBody, Frame, JsonStep, Kind, Node, Order, Part, WindowBody};
use crate::stmt::{
    Body, CompoundBody, DeleteBody, Distinct, FieldColumn, Fragment, Join, JoinTo, Loads, Piece, SelectBody,
    Source, SourceColumns, SourceId, SourceOf, UpdateBody, With,
};
use crate::value::Value;

/// The number of a statement's text, and its values.
pub(super) struct Fingerprint<'s> {
    hashers: [FoldHasher<'static>; 2],
    /// Each in the order in which it is come across, which is not the order of the placeholders.
    pub(super) values: Vec<&'s Value>,
    /// Sources without a name of their own are told apart by the order in which they are come across.
    sources: Vec<SourceId>,
    /// Subqueries in FROM, which several names may share.
    queries: Vec<*const Body>,
    /// Whether the text may depend on what is not looked at.
    unknown: bool,
}

/// A statement with more values is written each time.
const MOST_VALUES: usize = 64;

/// Both halves must be equal by chance for two texts to be taken for one.
pub(super) type Number = u128;

impl<'s> Fingerprint<'s> {
    /// `None` for statements whose text is not kept: those with rows of values, and raw SQL, which is text already.
    pub(super) fn of(body: &'s Body, loads: &Loads, dialect: &Dialect) -> Option<(Number, Vec<&'s Value>)> {
        let hasher = |seed| FixedState::with_seed(seed).build_hasher();
        let mut print = Self {
            hashers: [hasher(0x5eed), hasher(0x0dd)],
            values: Vec::new(),
            sources: Vec::new(),
            queries: Vec::new(),
            unknown: loads.joined().next().is_some(),
        };
        print.address(dialect);
        print.body(body);
        // As many texts as there are lengths of lists would take the place of all others.
        print.unknown |= print.values.len() > MOST_VALUES;
        let [low, high] = print.hashers.map(|hasher| hasher.finish());
        (!print.unknown).then_some((u128::from(high) << 64 | u128::from(low), print.values))
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.hashers.iter_mut().for_each(|hasher| hasher.write_u64(number));
        self
    }

    /// What is static is known by where it is.
    fn address<T: ?Sized>(&mut self, of: &T) -> &mut Self {
        self.number(std::ptr::from_ref(of).cast::<()>() as usize as u64)
    }

    fn text(&mut self, text: &'static str) -> &mut Self {
        self.address(text).number(text.len() as u64)
    }

    fn entity(&mut self, entity: &'static EntityMeta) -> &mut Self {
        self.address(entity)
    }

    fn list<T>(&mut self, items: &'s [T], each: impl Fn(&mut Self, &'s T)) {
        self.number(items.len() as u64);
        items.iter().for_each(|item| each(self, item));
    }

    fn maybe<T>(&mut self, item: Option<&'s T>, each: impl Fn(&mut Self, &'s T)) {
        self.number(item.is_some().into());
        item.into_iter().for_each(|item| each(self, item));
    }

    fn optional(&mut self, number: Option<u64>) {
        self.number(number.is_some().into()).number(number.unwrap_or_default());
    }

    fn id(&mut self, id: SourceId) -> &mut Self {
        let at = self.sources.iter().position(|known| *known == id).unwrap_or_else(|| {
            self.sources.push(id);
            self.sources.len() - 1
        });
        self.number(at as u64)
    }

    fn maybe_id(&mut self, id: Option<SourceId>) {
        self.number(id.is_some().into());
        id.into_iter().for_each(|id| {
            self.id(id);
        });
    }

    fn nodes(&mut self, nodes: &'s [Node]) {
        self.list(nodes, |print, node| print.node(node));
    }

    fn orders(&mut self, orders: &'s [Order]) {
        self.list(orders, |print, Order { node, descending, nulls_first }| {
            print.number((*descending).into()).optional(nulls_first.map(u64::from));
            print.node(node);
        });
    }

    fn body(&mut self, body: &'s Body) {
        self.number(discriminant(body));
        match body {
            Body::Select(select) => self.select(select),
            Body::Compound(compound) => self.compound(compound),
            Body::Update(update) => self.update(update),
            Body::Delete(delete) => self.delete(delete),
            Body::Count(inner) | Body::Exists(inner) => self.body(inner),
            Body::Raw(_) | Body::Values(_) | Body::Insert(_) => self.unknown = true,
        }
    }

    fn select(&mut self, select: &'s SelectBody) {
        // What is loaded, and where it runs, is no part of the text.
        let SelectBody {
            from,
            columns,
            joins,
            filter,
            group_by,
            having,
            order_by,
            limit,
            offset,
            distinct,
            page: _,
            lock,
            unfiltered: _,
            loads: _,
            populate: _,
            dispatch: _,
        } = select;
        self.source(from);
        self.maybe(columns.as_ref(), |print, columns| print.nodes(columns));
        self.list(joins, |print, join| print.join(join));
        self.nodes(filter);
        self.nodes(group_by);
        self.nodes(having);
        self.orders(order_by);
        // What is grouped by and stands elsewhere too has the same parameters, if the values are the same.
        let distinct_rows = columns.iter().flatten().filter(|_| matches!(distinct, Distinct::Rows));
        self.unknown |= group_by.iter().chain(distinct_rows).any(Node::has_values);
        self.optional(*limit);
        self.optional(*offset);
        // There are as many texts as places to begin at.
        self.unknown |= offset.is_some();
        match distinct {
            Distinct::None => self.number(0),
            Distinct::Rows => self.number(1),
            Distinct::On(nodes) => {
                self.unknown |= nodes.iter().any(Node::has_values);
                self.nodes(nodes);
                self.number(2)
            }
        };
        self.number(lock.map_or(0, |lock| {
            1 + lock.strength.map_or(0, |strength| 1 + strength as u64) * 8 + lock.wait as u64
        }));
    }

    fn join(&mut self, Join { to, left, on }: &'s Join) {
        self.number((*left).into());
        match to {
            JoinTo::Relation { relation, from, to, links } => {
                self.number(0).address(*relation);
                self.maybe_id(*from);
                self.maybe_id(*to);
                self.maybe_id(*links);
            }
            JoinTo::Source(source) => {
                self.number(1);
                self.source(source);
            }
        }
        self.nodes(on);
    }

    fn source(&mut self, Source { of, id, columns }: &'s Source) {
        self.maybe_id(*id);
        self.columns(*columns);
        match of {
            SourceOf::Table(entity) => {
                self.number(0).entity(entity);
            }
            SourceOf::Query(query) => {
                // One query under two names has its values once, two that are alike have them twice.
                let place = std::sync::Arc::as_ptr(query);
                let at = self.queries.iter().position(|known| std::ptr::eq(*known, place));
                let number = at.unwrap_or(self.queries.len());
                self.number(1).number(number as u64);
                if at.is_none() {
                    self.queries.push(place);
                }
                self.body(query);
            }
            SourceOf::With(with) => {
                self.number(2);
                self.with(with);
            }
            SourceOf::Itself(id) => {
                self.number(3).id(*id);
            }
        }
    }

    fn columns(&mut self, columns: SourceColumns) {
        match columns {
            SourceColumns::Entity(entity) => self.number(0).entity(entity),
            SourceColumns::Made(width) => self.number(1).number(width as u64),
        };
    }

    fn with(&mut self, With { id, body, step, columns }: &'s With) {
        self.id(*id);
        self.body(body);
        self.maybe(step.as_ref(), |print, (step, all)| {
            print.number((*all).into());
            print.body(step);
        });
        self.columns(*columns);
    }

    fn compound(&mut self, compound: &'s CompoundBody) {
        let CompoundBody { first, rest, columns, id, order_by, limit, offset } = compound;
        self.body(first);
        self.list(rest, |print, (operation, body)| {
            print.number(*operation as u64);
            print.body(body);
        });
        self.columns(*columns);
        self.id(*id);
        self.orders(order_by);
        self.optional(*limit);
        self.optional(*offset);
    }

    fn set(&mut self, set: &'s [(usize, Node)]) {
        self.list(set, |print, (position, node)| {
            print.number(*position as u64);
            print.node(node);
        });
    }

    fn update(&mut self, update: &'s UpdateBody) {
        let UpdateBody {
            entity,
            set,
            from,
            filter,
            everything: _,
            unfiltered: _,
            keep_version: _,
            returning,
        } = update;
        self.entity(entity);
        self.set(set);
        self.list(from, |print, source| print.source(source));
        self.nodes(filter);
        self.nodes(returning);
    }

    fn delete(&mut self, delete: &'s DeleteBody) {
        let DeleteBody { entity, using, filter, everything: _, unfiltered: _, returning } = delete;
        self.entity(entity);
        self.list(using, |print, source| print.source(source));
        self.nodes(filter);
        self.nodes(returning);
    }

    fn node(&mut self, node: &'s Node) {
        self.number(discriminant(&node.0));
        match &node.0 {
            Kind::Column { entity, position }
            | Kind::Excluded { entity, position }
            | Kind::Default { entity, position } => {
                self.entity(entity).number(*position as u64);
            }
            Kind::Field { source, column } => {
                self.id(*source);
                match column {
                    FieldColumn::Entity(entity, at) => self.entity(entity).number(*at as u64),
                    FieldColumn::Made(at, _) => self.number(*at as u64),
                };
            }
            Kind::Value(value) => self.value(value),
            Kind::Typed(value, ty) => {
                self.value(value);
                self.hashers.iter_mut().for_each(|hasher| std::hash::Hash::hash(ty, hasher));
            }
            Kind::Refused(_) | Kind::Problem(_) => self.unknown = true,
            Kind::Raw(fragment) => self.fragment(fragment),
            Kind::Optional(of) | Kind::Exact(of) | Kind::Negative(of) | Kind::Not(of) => self.node(of),
            Kind::IsNull { of, negated } | Kind::IsTrue { of, negated } => {
                self.number((*negated).into());
                self.node(of);
            }
            Kind::Compare { op, left, right } => {
                self.text(op);
                self.node(left);
                self.node(right);
            }
            Kind::Arithmetic { op, left, right } => {
                self.number(*op as u64);
                self.node(left);
                self.node(right);
            }
            Kind::In { of, list, negated } => {
                self.number((*negated).into());
                self.node(of);
                self.nodes(list);
            }
            Kind::InQuery { of, query, negated } => {
                self.number((*negated).into());
                self.node(of);
                self.body(query);
            }
            Kind::Between { of, low, high } => {
                self.node(of);
                self.node(low);
                self.node(high);
            }
            Kind::Like { of, pattern } => {
                self.node(of);
                self.node(pattern);
            }
            Kind::Match { part, of, sought } => self.sought(*part, of, sought),
            Kind::Logic { op, nodes } => {
                self.number(*op as u64);
                self.nodes(nodes);
            }
            Kind::Call { function, arguments } => {
                self.hashers.iter_mut().for_each(|hasher| std::hash::Hash::hash(function, hasher));
                self.nodes(arguments);
            }
            Kind::Named(of, at) => {
                self.number(*at as u64);
                self.node(of);
            }
            Kind::Literal(number) => {
                self.number((*number).into());
            }
            Kind::List(nodes) => self.nodes(nodes),
            Kind::Json { of, path, answer } => self.json(of, path, *answer as u64),
            Kind::Aggregate(body) => self.aggregate(body),
            Kind::Over { function, window } => {
                self.node(function);
                self.window(window);
            }
            Kind::Cast { of, to } => {
                self.hashers.iter_mut().for_each(|hasher| std::hash::Hash::hash(to, hasher));
                self.node(of);
            }
            Kind::Case { branches, otherwise } => {
                self.list(branches, |print, (condition, value)| {
                    print.node(condition);
                    print.node(value);
                });
                self.maybe(otherwise.as_deref(), |print, node| print.node(node));
            }
            Kind::Exists(query) | Kind::CountOf(query) | Kind::Subquery(query) => self.body(query),
            Kind::Related { relation, from, filter } => {
                self.address(*relation);
                self.maybe_id(*from);
                self.maybe(filter.as_deref(), |print, node| print.node(node));
            }
        }
    }

    fn fragment(&mut self, fragment: &'s Fragment) {
        for piece in &fragment.pieces {
            match piece {
                Piece::Text(text) => {
                    self.number(0).text(text);
                }
                Piece::Node => {
                    self.number(1);
                }
                // Made while the program runs.
                Piece::Trusted(_) | Piece::Name(_) => self.unknown = true,
            }
        }
        self.nodes(&fragment.nodes);
    }

    /// Whether it is NULL, the text may depend on.
    fn value(&mut self, value: &'s Value) {
        self.number((*value == Value::Null).into());
        self.values.push(value);
    }

    /// The form of the search depends on whether there is something to seek, and whether something comes after it.
    fn sought(&mut self, part: Part, of: &'s Node, sought: &'s Node) {
        self.number(part as u64);
        self.node(of);
        if let Kind::Value(Value::Text(text)) = &sought.0 {
            let has_no_end = text.chars().all(|character| character == char::MAX);
            self.number(text.is_empty().into()).number(has_no_end.into());
        }
        self.node(sought);
    }

    /// Names of members are bound in a form that is made of all of them.
    fn json(&mut self, of: &'s Node, path: &'s [JsonStep], answer: u64) {
        self.unknown |= !path.is_empty();
        self.number(answer);
        self.node(of);
    }

    fn aggregate(&mut self, body: &'s AggregateBody) {
        let AggregateBody { function, distinct, of, filter, answer } = body;
        self.hashers.iter_mut().for_each(|hasher| {
            std::hash::Hash::hash(function, hasher);
            std::hash::Hash::hash(answer, hasher);
        });
        self.number((*distinct).into());
        self.maybe(of.as_ref(), |print, node| print.node(node));
        self.nodes(filter);
    }

    fn window(&mut self, WindowBody { partition_by, order_by, frame }: &'s WindowBody) {
        self.nodes(partition_by);
        self.orders(order_by);
        self.number(frame.is_some().into());
        if let Some(Frame { unit, start, end }) = frame {
            self.number(*unit as u64);
            self.hashers.iter_mut().for_each(|hasher| {
                std::hash::Hash::hash(start, hasher);
                std::hash::Hash::hash(end, hasher);
            });
        }
    }
}

fn discriminant<T>(of: &T) -> u64 {
    struct Last(u64);
    impl Hasher for Last {
        fn finish(&self) -> u64 {
            self.0
        }

        fn write(&mut self, bytes: &[u8]) {
            self.0 = bytes.iter().rev().fold(self.0, |number, byte| number << 8 | u64::from(*byte));
        }
    }
    let mut last = Last(0);
    std::hash::Hash::hash(&std::mem::discriminant(of), &mut last);
    last.finish()
}
