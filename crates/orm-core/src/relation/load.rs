//! How a relation is loaded: all of it, some of it, or in the rows of the query itself.

use std::fmt;
use std::marker::PhantomData;

use super::{IntoPath, IsCollection, One, OneOrNone, Path, Relation, Types};
use crate::entity::{Entity, RelationMeta};
use crate::expr::{Condition, Node, Order, OrderBy};
use crate::stmt::SourceId;

/// One relation of a path, and what is wanted of it.
#[derive(Clone)]
pub struct Leg {
    /// The relation.
    pub relation: &'static RelationMeta,
    pub(crate) narrow: Option<Box<Narrow>>,
    pub(crate) joined: bool,
    /// The name under which a join adds the target, if not its table's.
    pub(crate) alias: Option<SourceId>,
}

/// Which rows of a relation are wanted, and in which order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrow {
    /// All of them must be true.
    pub(crate) filter: Vec<Node>,
    pub(crate) order_by: Vec<Order>,
    /// For each source.
    pub(crate) limit: Option<u64>,
}

impl Leg {
    /// All of a relation.
    #[doc(hidden)]
    pub fn plain(relation: &'static RelationMeta) -> Self {
        Self { relation, narrow: None, joined: false, alias: None }
    }

    /// Whether rows of the relation may be left out.
    pub fn leaves_out(&self) -> bool {
        self.narrow.as_ref().is_some_and(|narrow| !narrow.filter.is_empty() || narrow.limit.is_some())
    }
}

impl fmt::Debug for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.relation.fmt(f)?;
        match &self.narrow {
            Some(_) => f.write_str(" (narrowed)"),
            None if self.joined => f.write_str(" (joined)"),
            None => Ok(()),
        }
    }
}

impl<A: Entity, B: Entity, K> Relation<A, B, K> {
    /// Loads only the targets that meet a condition on their columns: for [`with`](crate::Select::with) and
    /// `session.load`. Repeated, all of the conditions.
    ///
    /// A collection that was loaded so has the members that were found, and
    /// [`is_partial`](super::Collection::is_partial). A to-one whose target was not found keeps its key and has no
    /// handle.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let with_notes = User::POSTS.filter(Post::TITLE.starts_with("N")).then(Post::TAGS);
    /// let ada = session.one(User::select().filter(User::NAME.eq("Ada")).with(with_notes)).await?;
    /// assert_eq!(session[ada].posts.len(), 1); // she wrote Letters too
    /// assert!(session[ada].posts.is_partial());
    /// session.load(&[ada], User::POSTS).await?; // the rest
    /// assert_eq!(session[ada].posts.len(), 2);
    /// # Ok(()) });
    /// ```
    pub fn filter(self, condition: impl Condition) -> Narrowed<A, B, K> {
        Narrowed::of(self).filter(condition)
    }

    /// Loads the members of a collection in an order; see [`Select::order_by`](crate::Select::order_by).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS.order_by(Post::TITLE))).await?;
    /// let titles: Vec<&str> = session[ada].posts.iter().map(|&post| session[post].title.as_str()).collect();
    /// assert_eq!(titles, ["Letters", "Notes"]);
    /// # Ok(()) });
    /// ```
    pub fn order_by(self, order: impl OrderBy) -> Narrowed<A, B, K>
    where
        K: IsCollection,
    {
        Narrowed::of(self).order_by(order)
    }

    /// Loads at most so many members of each collection: the first ones of its order.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let latest = User::POSTS.order_by(Post::ID.desc()).limit(1); // of each user
    /// let users = session.all(User::select().order_by(User::ID).with(latest)).await?;
    /// assert_eq!(session[users[0]].posts.len(), 1);
    /// # Ok(()) });
    /// ```
    pub fn limit(self, rows: u64) -> Narrowed<A, B, K>
    where
        K: IsCollection,
    {
        Narrowed::of(self).limit(rows)
    }

    /// Reads the target as further columns of the query's own rows, by a LEFT JOIN, instead of by a statement of its own
    /// behind it. The query's limit, order and number of rows stay as they are.
    ///
    /// Behind a relation that has a statement of its own, and in `session.load`, the target has one too.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let posts = session.all(Post::select().limit(10).with(Post::AUTHOR.joined())).await?; // one statement
    /// let author = session[posts[0]].author.handle().expect("every post has one");
    /// assert_eq!(session[author].name, "Ada");
    /// # Ok(()) });
    /// ```
    pub fn joined(self) -> Joined<A, B, K>
    where
        K: IsToOne,
    {
        Joined { relation: self }
    }
}

/// The kinds that lead to one target at most.
#[diagnostic::on_unimplemented(
    message = "a collection is loaded with `.with(..)`, without `.joined()`: a join would repeat its owner for each member",
    label = "not a relation to one",
    note = "`.with(User::POSTS)` reads the members in the same hop, by one statement for all owners"
)]
pub trait IsToOne {}
impl IsToOne for One {}
impl IsToOne for OneOrNone {}

/// A relation of which some rows are loaded, or all in an order: made by [`Relation::filter`], [`Relation::order_by`]
/// and [`Relation::limit`].
#[must_use = "it says what to load: give it to `.with(..)` or `session.load(..)`"]
pub struct Narrowed<A, B, K> {
    leg: Leg,
    types: Types<A, B, K>,
}

impl<A: Entity, B: Entity, K> Narrowed<A, B, K> {
    fn of(relation: Relation<A, B, K>) -> Self {
        let leg = Leg { narrow: Some(Box::default()), ..Leg::plain(relation.meta()) };
        Self { leg, types: PhantomData }
    }

    fn narrow(&mut self) -> &mut Narrow {
        self.leg.narrow.get_or_insert_default()
    }

    /// Only the targets that meet a condition too; as [`Relation::filter`].
    pub fn filter(mut self, condition: impl Condition) -> Self {
        self.narrow().filter.push(condition.condition());
        self
    }

    /// In an order. Repeated, the later ones order what the earlier ones leave equal; as [`Relation::order_by`].
    pub fn order_by(mut self, order: impl OrderBy) -> Self
    where
        K: IsCollection,
    {
        order.orders(&mut self.narrow().order_by);
        self
    }

    /// At most so many for each source. Repeated, the last one counts; as [`Relation::limit`].
    pub fn limit(mut self, rows: u64) -> Self
    where
        K: IsCollection,
    {
        self.narrow().limit = Some(rows);
        self
    }

    /// Goes on along a relation of what is loaded; as [`Relation::then`].
    pub fn then(self, next: impl IntoPath<B>) -> Path<A> {
        self.into_path().then_legs(next.into_path().into_legs())
    }
}

impl<A, B, K> Clone for Narrowed<A, B, K> {
    fn clone(&self) -> Self {
        Self { leg: self.leg.clone(), types: PhantomData }
    }
}

impl<A, B, K> fmt::Debug for Narrowed<A, B, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.leg.fmt(f)
    }
}

impl<A: Entity, B: Entity, K> IntoPath<A> for Narrowed<A, B, K> {
    fn into_path(self) -> Path<A> {
        Path::of(self.leg)
    }
}

/// A relation to one that rides in the rows of the query: made by [`Relation::joined`].
#[must_use = "it says how to load: give it to `.with(..)`"]
pub struct Joined<A, B, K> {
    relation: Relation<A, B, K>,
}

impl<A: Entity, B: Entity, K> Joined<A, B, K> {
    /// Goes on along a relation of the target; one that is joined too rides in the same rows.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let others = Post::AUTHOR.joined().then(User::POSTS); // the author in the first statement, her posts in a second
    /// let notes = session.one(Post::select().filter(Post::ID.eq(1)).with(others)).await?;
    /// let author = session[notes].author.handle().expect("joined");
    /// assert_eq!(session[author].posts.len(), 2);
    /// # Ok(()) });
    /// ```
    pub fn then(self, next: impl IntoPath<B>) -> Path<A> {
        self.into_path().then_legs(next.into_path().into_legs())
    }
}

impl<A, B, K> Clone for Joined<A, B, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, B, K> Copy for Joined<A, B, K> {}

impl<A, B, K> fmt::Debug for Joined<A, B, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} (joined)", self.relation)
    }
}

impl<A: Entity, B: Entity, K> IntoPath<A> for Joined<A, B, K> {
    fn into_path(self) -> Path<A> {
        Path::of(Leg { joined: true, ..Leg::plain(self.relation.meta()) })
    }
}
