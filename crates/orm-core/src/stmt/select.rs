//! SELECT.

use std::fmt;
use std::marker::PhantomData;

use super::lock::Lock;
use super::page::Page;
use super::scope::{self, Scope};
use super::source::{IntoSource, RowsetArgument, Source, SourceId};
use super::{Body, Loads, Rowset, Statement};
use crate::dispatch::Dispatch;
use crate::entity::{Entity, RelationMeta};
use crate::error::{Error, Result};
use crate::expr::{Condition, Kind, Node, Order, OrderBy};
use crate::query::{Graph, Query, Selection, Shape, Values, Whole};
use crate::relation::{IntoPath, Leg};

/// A query for entities of `E`, or for values of their columns. Made by [`Entity::select`].
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let adults = User::select().filter(User::AGE.ge(18)).order_by(User::NAME).limit(20);
/// let names = engine.all(adults.clone().columns(User::NAME)).await?; // plain values
/// assert_eq!(names, ["Ada"]);
///
/// let mut session = engine.session();
/// for user in session.all(adults.with(User::POSTS)).await? { // handles
///     assert_eq!(session[user].posts.len(), 2);
/// }
/// # Ok(()) });
/// ```
#[must_use = "a query does nothing until it is run"]
pub struct Select<E, S> {
    pub(super) body: SelectBody,
    types: PhantomData<fn() -> (E, S)>,
}

/// A query without its types.
#[derive(Clone, Debug)]
pub(crate) struct SelectBody {
    /// What it begins with.
    pub(crate) from: Source,
    /// What is selected, or all columns of what it begins with.
    pub(crate) columns: Option<Vec<Node>>,
    pub(crate) joins: Vec<Join>,
    /// All of them must be true.
    pub(crate) filter: Vec<Node>,
    pub(crate) group_by: Vec<Node>,
    pub(crate) having: Vec<Node>,
    pub(crate) order_by: Vec<Order>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
    pub(crate) distinct: Distinct,
    /// The page that it is, until it is built.
    pub(crate) page: Option<Page>,
    /// Whether its rows are locked.
    pub(crate) lock: Option<Lock>,
    /// Whether default filters of the session are left out.
    pub(crate) unfiltered: bool,
    pub(crate) loads: Vec<Vec<Leg>>,
    pub(crate) populate: bool,
    /// Where it runs, if not as the engine says.
    pub(crate) dispatch: Option<Dispatch>,
}

/// Which rows are left out for others that are like them.
#[derive(Clone, Debug)]
pub(crate) enum Distinct {
    None,
    /// Those that are equal to another in all that is selected.
    Rows,
    /// All but the first of those that agree in these.
    On(Vec<Node>),
}

/// One more source.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) to: JoinTo,
    pub(crate) left: bool,
    /// Conditions on it, those of a relation aside.
    pub(crate) on: Vec<Node>,
}

#[derive(Clone, Debug)]
pub(crate) enum JoinTo {
    /// The target of a relation, by the names of its ends where these are not their tables'. Where the target has one, the
    /// table of links between them has one too.
    Relation {
        relation: &'static RelationMeta,
        from: Option<SourceId>,
        to: Option<SourceId>,
        links: Option<SourceId>,
    },
    /// Any source.
    Source(Source),
}

impl<E: Entity> Select<E, Whole<E>> {
    pub(crate) fn new() -> Self {
        Self::of(SelectBody::from(Source::table(E::meta())))
    }

    /// Selects values instead of whole entities: a column, an expression, or a tuple of up to sixteen.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let users = User::select().order_by(User::ID);
    /// let names: Vec<String> = engine.all(users.clone().columns(User::NAME)).await?;
    /// assert_eq!(names, ["Ada", "Grace"]);
    /// let ages: Vec<(String, Option<i32>)> = engine.all(users.columns((User::NAME, User::AGE + 1))).await?;
    /// assert_eq!(ages[0], ("Ada".to_owned(), Some(37)));
    /// # Ok(()) });
    /// ```
    pub fn columns<C: Selection>(self, columns: C) -> Select<E, Values<C::Output>> {
        self.selecting(columns)
    }

    /// Loads relations with the entities: `.with(User::POSTS.then(Post::TAGS))`. Needs a session, since what a
    /// relation field holds is handles. Can be repeated.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let users = User::select().order_by(User::ID).with(User::POSTS.then(Post::TAGS));
    /// let users = session.all(users).await?; // three statements in one hop
    /// let posts = &session[users[0]].posts;
    /// let tags: usize = posts.iter().map(|&post| session[post].tags.len()).sum();
    /// assert_eq!((posts.len(), tags), (2, 1));
    /// # Ok(()) });
    /// ```
    pub fn with(self, path: impl IntoPath<E>) -> Select<E, Graph<E>> {
        Select::<E, Graph<E>>::of(self.body).with(path)
    }

    /// Overwrites the entities that the session has already with what is read, those of the relations it loads
    /// included. Their pending changes are discarded, and their collections are those that the query loads, or not
    /// loaded; a rollback brings back what the transaction had. Pending deletes stay. Without it, a query never
    /// overwrites anything.
    ///
    /// Such a query does not autoflush: a flush would store the changes that are to be discarded. Needs a session.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// session[ada].name = "Nobody".into();
    /// engine.execute(User::update().set(User::AGE, 37).filter(User::ID.eq(1))).await?; // by somebody else
    /// session.all(User::select().populate_existing().with(User::POSTS)).await?;
    /// assert_eq!((session[ada].name.as_str(), session[ada].age), ("Ada", Some(37)));
    /// assert!(!session.is_dirty());
    /// # Ok(()) });
    /// ```
    pub fn populate_existing(self) -> Select<E, Graph<E>> {
        Select::<E, Graph<E>>::of(self.body).populate_existing()
    }
}

impl<E: Entity> Select<E, Graph<E>> {
    /// Loads more relations with the entities.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let posts = session.all(Post::select().with(Post::AUTHOR).with(Post::TAGS)).await?;
    /// assert!(posts.iter().all(|&post| session[post].author.handle().is_some() && session[post].tags.is_loaded()));
    /// # Ok(()) });
    /// ```
    pub fn with(mut self, path: impl IntoPath<E>) -> Self {
        self.body.loads.push(path.into_path().into_legs());
        self
    }

    /// Overwrites the entities that the session has already with what is read; as on a query without relations.
    pub fn populate_existing(mut self) -> Self {
        self.body.populate = true;
        self
    }
}

impl<E, S> Select<E, S> {
    pub(crate) fn of(body: SelectBody) -> Self {
        Self { body, types: PhantomData }
    }

    pub(super) fn into_body(self) -> SelectBody {
        self.body
    }

    pub(crate) fn selecting<C: Selection>(mut self, columns: C) -> Select<E, Values<C::Output>> {
        let mut nodes = Vec::new();
        columns.nodes(&mut nodes);
        self.body.columns = Some(nodes);
        Select::of(self.body)
    }

    /// Keeps the rows that meet a condition. Repeated, all of the conditions.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let found = User::select().filter(User::AGE.ge(18) & User::NAME.starts_with("A") | User::ID.is_in([2, 3]));
    /// assert_eq!(engine.count(found).await?, 2);
    /// let found = User::select().filter(User::AGE.ge(18)).filter(User::NAME.ne("Ada"));
    /// assert_eq!(engine.count(found).await?, 0);
    /// # Ok(()) });
    /// ```
    pub fn filter(mut self, condition: impl Condition) -> Self {
        self.body.filter.push(condition.condition());
        self
    }

    /// Keeps the rows that meet a condition, if there is one: for what a form may leave out.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let (youngest, name) = (Some(18), None::<&str>); // what a form asked for
    /// let found = User::select()
    ///     .filter_if(youngest.map(|age| User::AGE.ge(age)))
    ///     .filter_if(name.map(|name| User::NAME.starts_with(name)));
    /// assert_eq!(engine.one(found).await?.name, "Ada");
    /// # Ok(()) });
    /// ```
    pub fn filter_if(self, condition: Option<impl Condition>) -> Self {
        match condition {
            Some(condition) => self.filter(condition),
            None => self,
        }
    }

    /// Leaves out the default filters of the session that runs it, in the relations that it loads, in joins and in
    /// subqueries too. A subquery can be unfiltered by itself.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let sessions = SessionFactory::new(engine).filter(User::AGE.is_not_null());
    /// let mut session = sessions.session();
    /// assert_eq!(session.count(User::select()).await?, 1);
    /// assert_eq!(session.count(User::select().unfiltered()).await?, 2);
    /// # Ok(()) });
    /// ```
    pub fn unfiltered(mut self) -> Self {
        self.body.unfiltered = true;
        self
    }

    /// Orders the rows by a column, a [`User::NAME.desc()`](crate::Column::desc), or a tuple of these. Repeated, the
    /// later ones order what the earlier ones leave equal.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let names = User::select().columns(User::NAME);
    /// let oldest = names.clone().order_by((User::AGE.desc().nulls_last(), User::NAME));
    /// assert_eq!(engine.all(oldest).await?, ["Ada", "Grace"]);
    /// assert_eq!(engine.all(names.order_by(User::NAME.desc())).await?, ["Grace", "Ada"]);
    /// # Ok(()) });
    /// ```
    pub fn order_by(mut self, order: impl OrderBy) -> Self {
        order.orders(&mut self.body.order_by);
        self
    }

    /// At most so many rows. Repeated, the last one counts.
    pub fn limit(mut self, rows: u64) -> Self {
        self.body.limit = Some(rows);
        self
    }

    /// Leaves out the first rows.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let titles = Post::select().columns(Post::TITLE).order_by(Post::TITLE);
    /// assert_eq!(engine.all(titles.offset(1).limit(1)).await?, ["Notes"]);
    /// # Ok(()) });
    /// ```
    pub fn offset(mut self, rows: u64) -> Self {
        self.body.offset = Some(rows);
        self
    }

    /// Where this query runs, whatever its engine says: see [`Dispatch`]. One that is not known to be cheap runs on a worker
    /// thread all the same.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::Dispatch;
    /// use anyorm::prelude::*;
    ///
    /// let before = engine.statistics().hops;
    /// let ada = User::select().filter(User::ID.eq(1));
    /// assert!(engine.first(ada.dispatch(Dispatch::Worker)).await?.is_some());
    /// assert_eq!(engine.statistics().hops, before + 1);
    /// # Ok(()) });
    /// ```
    pub fn dispatch(mut self, dispatch: Dispatch) -> Self {
        self.body.dispatch = Some(dispatch);
        self
    }

    /// Leaves out rows that are equal to another in all that is selected.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let authors = Post::select().columns(Post::AUTHOR_ID);
    /// assert_eq!(engine.all(authors.clone()).await?, [1, 1]);
    /// assert_eq!(engine.all(authors.distinct()).await?, [1]);
    /// # Ok(()) });
    /// ```
    pub fn distinct(mut self) -> Self {
        self.body.distinct = Distinct::Rows;
        self
    }

    /// Keeps the first row, by the order of the query, of those that agree in a column, an expression, or a tuple of these.
    /// The order has to begin with them. PostgreSQL's DISTINCT ON; elsewhere an error when the query is compiled, which
    /// names what to write instead.
    pub fn distinct_on(mut self, columns: impl Selection) -> Self {
        let mut nodes = Vec::new();
        columns.nodes(&mut nodes);
        self.body.distinct = Distinct::On(nodes);
        self
    }

    /// Joins a source on any condition: [`table`](crate::table), an alias, a subquery, a CTE, a list of values. Along a
    /// relation, use [`join`](Self::join).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// use anyorm::table;
    ///
    /// let pairs = Post::select().join_on(table::<Tag>(), Tag::ID.eq(Post::ID)).columns((Post::TITLE, Tag::NAME));
    /// assert_eq!(engine.all(pairs.order_by(Post::ID)).await?[0], ("Notes".to_owned(), "math".to_owned()));
    /// # Ok(()) });
    /// ```
    pub fn join_on(self, source: impl IntoSource, condition: impl Condition) -> Self {
        self.join_source(source.into_source().0, false, Some(condition.condition()))
    }

    /// Joins as [`join_on`](Self::join_on) does, and keeps rows without a partner: columns of the source are selected with
    /// [`optional`](crate::expr::Field::optional).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let counts = Post::select().group_by(Post::AUTHOR_ID).columns((Post::AUTHOR_ID, count_all())).derived();
    /// let (author, posts) = counts.columns();
    /// let users = User::select().left_join_on(&counts, author.eq(User::ID)).order_by(User::ID);
    /// let users = engine.all(users.columns((User::NAME, posts.optional()))).await?;
    /// assert_eq!(users, [("Ada".to_owned(), Some(2)), ("Grace".to_owned(), None)]);
    /// # Ok(()) });
    /// ```
    pub fn left_join_on(self, source: impl IntoSource, condition: impl Condition) -> Self {
        self.join_source(source.into_source().0, true, Some(condition.condition()))
    }

    /// Each row with each row of a source.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let all_pairs = User::select().cross_join(User::alias());
    /// assert_eq!(engine.count(all_pairs).await?, 4);
    /// # Ok(()) });
    /// ```
    pub fn cross_join(self, source: impl IntoSource) -> Self {
        self.join_source(source.into_source().0, false, None)
    }

    fn join_source(mut self, source: Source, left: bool, on: Option<Node>) -> Self {
        self.body.joins.push(Join { to: JoinTo::Source(source), left, on: on.into_iter().collect() });
        self
    }

    /// One row for each set of rows that agree in a column, an expression, or a tuple of these.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let posts = User::select().left_join(User::POSTS).group_by(User::NAME).order_by(User::NAME);
    /// let posts = engine.all(posts.columns((User::NAME, count(Post::ID)))).await?;
    /// assert_eq!(posts, [("Ada".to_owned(), 2), ("Grace".to_owned(), 0)]);
    /// # Ok(()) });
    /// ```
    pub fn group_by(mut self, columns: impl Selection) -> Self {
        columns.nodes(&mut self.body.group_by);
        self
    }

    /// Keeps the groups that meet a condition. Repeated, all of the conditions.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let busy = User::select().join(User::POSTS).group_by(User::NAME).having(count(Post::ID).ge(2));
    /// assert_eq!(engine.all(busy.columns(User::NAME)).await?, ["Ada"]);
    /// # Ok(()) });
    /// ```
    pub fn having(mut self, condition: impl Condition) -> Self {
        self.body.having.push(condition.condition());
        self
    }
}

impl<E: Entity, S> Select<E, S> {
    /// Joins the tables along a path of relations, so that their columns can be named. A row without a partner is
    /// left out; one with several comes several times: to ask whether there is one, use
    /// [`Relation::any`](crate::Relation::any).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let written = Post::select().join(Post::AUTHOR).columns((Post::TITLE, User::NAME)).order_by(Post::ID);
    /// let written = engine.all(written).await?;
    /// assert_eq!(written[0], ("Notes".to_owned(), "Ada".to_owned()));
    ///
    /// // From a user to its posts to their tags.
    /// let about_math = User::select().join(User::POSTS.then(Post::TAGS)).filter(Tag::NAME.eq("math"));
    /// assert_eq!(engine.one(about_math).await?.name, "Ada");
    /// # Ok(()) });
    /// ```
    pub fn join(self, path: impl IntoPath<E>) -> Self {
        self.join_path(path, false)
    }

    /// Joins as [`join`](Self::join) does, and keeps rows without a partner: the columns of the joined tables are
    /// NULL there, so they are selected with [`optional`](crate::Column::optional).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let users = User::select().left_join(User::POSTS).filter(User::NAME.eq("Grace"));
    /// let rows = engine.all(users.columns((User::NAME, Post::TITLE.optional()))).await?;
    /// assert_eq!(rows, [("Grace".to_owned(), None)]); // a join would leave her out
    /// # Ok(()) });
    /// ```
    pub fn left_join(self, path: impl IntoPath<E>) -> Self {
        self.join_path(path, true)
    }

    /// A relation that is joined already is not joined again, so that paths may share their beginning.
    fn join_path(mut self, path: impl IntoPath<E>, left: bool) -> Self {
        let mut from = self.body.from.id;
        for Leg { relation, narrow, joined, alias } in path.into_path().into_legs() {
            if narrow.is_some() || joined {
                self.body.filter.push(Node(Kind::Problem(format!(
                    "a join along {} takes no filter, order or limit of its own, and no `.joined()`, which say what to \
                     load: give them to the query itself",
                    relation.path()
                ))));
            }
            let known = self.body.joins.iter_mut().find(|join| {
                matches!(join.to, JoinTo::Relation { relation: known, from: start, to, .. }
                    if std::ptr::eq(known, relation) && start == from && to == alias)
            });
            match known {
                Some(known) => known.left &= left,
                None => {
                    let links = alias.map(|_| SourceId::new());
                    let to = JoinTo::Relation { relation, from, to: alias, links };
                    self.body.joins.push(Join { to, left, on: Vec::new() });
                }
            }
            from = alias;
        }
        self
    }
}

impl<E, S: Shape> Query for Select<E, S> {
    type Shape = S;

    fn statement(mut self) -> Result<Statement> {
        let is_page = self.body.page.is_some();
        self.body.turn_to_page()?;
        self.body.check_in(None)?;
        let mut paths = std::mem::take(&mut self.body.loads);
        if is_page {
            // The rows of a page end in their places, so that no target can ride in them.
            paths.iter_mut().flatten().for_each(|leg| leg.joined = false);
        }
        let width = self.body.from.entity().map_or(0, |entity| entity.columns.len());
        let loads = Loads::new(paths, width)?;
        let (populate, dispatch) = (self.body.populate, self.body.dispatch);
        Ok(Statement { body: Body::Select(Box::new(self.body)), loads, populate, dispatch })
    }
}

impl<E, S> super::rowset::Sealed for Select<E, S> {}

impl<E, S: Shape> Rowset for Select<E, S> {
    type Shape = S;

    fn into_rowset(mut self) -> RowsetArgument {
        if let Err(error) = self.body.turn_to_page() {
            self.body.filter.push(Node(Kind::Problem(error.to_string())));
        }
        RowsetArgument(Body::Select(Box::new(self.body)))
    }
}

impl<E, S> Clone for Select<E, S> {
    fn clone(&self) -> Self {
        Self { body: self.body.clone(), types: PhantomData }
    }
}

impl<E, S> fmt::Debug for Select<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}

impl SelectBody {
    /// A query for all rows of a source.
    pub(crate) fn from(from: Source) -> Self {
        Self {
            from,
            columns: None,
            joins: Vec::new(),
            filter: Vec::new(),
            group_by: Vec::new(),
            having: Vec::new(),
            order_by: Vec::new(),
            limit: None,
            offset: None,
            distinct: Distinct::None,
            page: None,
            lock: None,
            unfiltered: false,
            loads: Vec::new(),
            populate: false,
            dispatch: None,
        }
    }

    /// Every expression in it, those of subqueries aside.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        let distinct: &[Node] = match &self.distinct {
            Distinct::On(nodes) => nodes,
            Distinct::None | Distinct::Rows => &[],
        };
        let parts = self.columns.iter().flatten().chain(distinct).chain(&self.filter).chain(&self.group_by);
        let joined = self.joins.iter().flat_map(|join| &join.on);
        parts.chain(joined).chain(&self.having).chain(self.order_by.iter().map(|order| &order.node))
    }

    /// Every source that stands in FROM, but the targets of relations.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        let joined = self.joins.iter().filter_map(|join| match &join.to {
            JoinTo::Source(source) => Some(source),
            JoinTo::Relation { .. } => None,
        });
        std::iter::once(&self.from).chain(joined)
    }

    /// Checks every expression against the tables of this query and of those around it.
    pub(super) fn check_in(&self, outer: Option<&Scope<'_>>) -> Result<()> {
        let scope = Scope::query(self, outer)?;
        match &self.columns {
            Some(columns) => columns.iter().try_for_each(|node| scope.check_selected(node))?,
            None if !self.group_by.is_empty() => {
                return Err(Error::build(format!(
                    "`group_by` makes one row of several, so whole entities of {} cannot be selected: \
                     say what is, with `.columns((..))`",
                    self.from.entity().map_or("a derived table", |entity| entity.name)
                )));
            }
            None => {}
        }
        if let Some(Lock { strength: None, .. }) = self.lock {
            return Err(Error::build(
                "`nowait` and `skip_locked` say what a lock does about rows that are locked: say which lock, with \
                 `.for_update()` or `.for_share()`",
            ));
        }
        self.nodes().try_for_each(|node| scope.check(node))?;
        self.filter.iter().chain(&self.group_by).try_for_each(Node::check_row)
    }

    /// Adds the tables that it reads, subqueries included.
    pub(super) fn reads(&self, out: &mut Vec<&'static str>) {
        self.sources().for_each(|source| scope::source_reads(source, out));
        for join in &self.joins {
            if let JoinTo::Relation { relation, .. } = join.to {
                scope::path_reads(&[relation], out);
            }
        }
        self.nodes().for_each(|node| scope::reads(node, out));
    }
}
