//! Functions of a window of rows: numbers, ranks, neighbours; and what a window is made of.

use std::fmt;
use std::marker::PhantomData;

use super::aggregate::Aggregate;
use super::function::only;
use super::{AggregateBody, AggregateFunction, Expr, Kind, Node, Order, OrderBy};
use crate::query::Selection;
use crate::types::SqlType;

/// The rows that a function looks at, seen from one of them: those of its partition, in an order, of which a frame takes a
/// part. Made by [`window`] and [`partition_by`].
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::{partition_by, row_number};
///
/// let place = row_number().over(partition_by(Post::AUTHOR_ID).order_by(Post::TITLE));
/// let posts = Post::select().columns((Post::TITLE, place)).order_by(Post::TITLE);
/// assert_eq!(engine.all(posts).await?, [("Letters".to_owned(), 1), ("Notes".to_owned(), 2)]);
/// # Ok(()) });
/// ```
#[derive(Clone, Debug)]
#[must_use = "a window does nothing until a function has it, by `.over(..)`"]
pub struct Window {
    body: WindowBody,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct WindowBody {
    pub(crate) partition_by: Vec<Node>,
    pub(crate) order_by: Vec<Order>,
    pub(crate) frame: Option<Frame>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) unit: FrameUnit,
    pub(crate) start: Bound,
    pub(crate) end: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameUnit {
    Rows,
    Range,
    Groups,
}

/// Where a frame begins or ends, seen from the current row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Bound {
    /// The first row of the partition.
    UnboundedPreceding,
    /// So many rows, groups, or so much of the value, before.
    Preceding(u32),
    /// The current row, or for ranges and groups all rows that are equal to it.
    CurrentRow,
    /// So many after.
    Following(u32),
    /// The last row of the partition.
    UnboundedFollowing,
}

/// [`Bound::UnboundedPreceding`].
pub fn unbounded_preceding() -> Bound {
    Bound::UnboundedPreceding
}

/// [`Bound::Preceding`].
pub fn preceding(rows: u32) -> Bound {
    Bound::Preceding(rows)
}

/// [`Bound::CurrentRow`].
pub fn current_row() -> Bound {
    Bound::CurrentRow
}

/// [`Bound::Following`].
pub fn following(rows: u32) -> Bound {
    Bound::Following(rows)
}

/// [`Bound::UnboundedFollowing`].
pub fn unbounded_following() -> Bound {
    Bound::UnboundedFollowing
}

/// All rows of the query, as one partition.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::window;
///
/// let of_all = count_all().over(window());
/// let users = User::select().columns((User::NAME, of_all)).order_by(User::NAME).limit(1);
/// assert_eq!(engine.all(users).await?, [("Ada".to_owned(), 2)]); // a page, and how many there are
/// # Ok(()) });
/// ```
pub fn window() -> Window {
    Window { body: WindowBody::default() }
}

/// The rows that agree in a column, an expression, or a tuple of these.
pub fn partition_by(columns: impl Selection) -> Window {
    window().partition_by(columns)
}

impl Window {
    /// The rows that agree in these too.
    pub fn partition_by(mut self, columns: impl Selection) -> Self {
        columns.nodes(&mut self.body.partition_by);
        self
    }

    /// The order of the rows of a partition. With it, and without a frame, a function looks at the rows up to the current one,
    /// and those equal to it.
    pub fn order_by(mut self, order: impl OrderBy) -> Self {
        order.orders(&mut self.body.order_by);
        self
    }

    /// The rows between two bounds, counted as rows.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// use anyorm::expr::{current_row, preceding, window};
    ///
    /// let last_two = window().order_by(Account::ID).rows(preceding(1), current_row());
    /// let average = avg(Account::BALANCE).over(last_two);
    /// let averages = Account::select().columns(average).order_by(Account::ID);
    /// assert_eq!(engine.all(averages).await?, [Some(50.0), Some(25.0)]);
    /// # Ok(()) });
    /// ```
    pub fn rows(self, start: Bound, end: Bound) -> Self {
        self.frame(FrameUnit::Rows, start, end)
    }

    /// The rows whose value, in the one column of the order, is so far from the current row's.
    pub fn range(self, start: Bound, end: Bound) -> Self {
        self.frame(FrameUnit::Range, start, end)
    }

    /// The rows between two bounds, counted as groups of equal rows. Not everywhere: an error where the database has no such
    /// frames.
    pub fn groups(self, start: Bound, end: Bound) -> Self {
        self.frame(FrameUnit::Groups, start, end)
    }

    pub(super) fn into_body(self) -> WindowBody {
        self.body
    }

    fn frame(mut self, unit: FrameUnit, start: Bound, end: Bound) -> Self {
        self.body.frame = Some(Frame { unit, start, end });
        self
    }
}

/// A function that needs a window: it is an expression once it has one, by [`over`](Self::over).
#[must_use = "a window function is an expression after `.over(..)`"]
pub struct WindowFunction<T> {
    function: Node,
    type_: PhantomData<fn() -> T>,
}

impl<T> WindowFunction<T> {
    fn new(name: &'static str, arguments: Vec<Node>) -> Self {
        let function = if arguments.is_empty() {
            Aggregate::<T>::new(AggregateFunction::Window(name), None, None).into_node()
        } else {
            let list = Node(Kind::List(arguments));
            let body = AggregateBody {
                function: AggregateFunction::Window(name),
                distinct: false,
                of: Some(list),
                filter: Vec::new(),
                answer: None,
            };
            Node(Kind::Aggregate(Box::new(body)))
        };
        Self { function, type_: PhantomData }
    }

    /// The function over a window.
    pub fn over(self, window: Window) -> Expr<T> {
        Expr::of(Kind::Over { function: self.function.boxed(), window: Box::new(window.into_body()) })
    }
}

impl<T> Clone for WindowFunction<T> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone(), type_: PhantomData }
    }
}

impl<T> fmt::Debug for WindowFunction<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.function.fmt(f)
    }
}

/// The number of the row in its partition, from 1.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::{partition_by, row_number};
///
/// // The first post of each author, by title.
/// let place = row_number().over(partition_by(Post::AUTHOR_ID).order_by(Post::TITLE));
/// let placed = Post::select().columns((Post::TITLE, place)).derived();
/// let (title, place) = placed.columns();
/// assert_eq!(engine.all(placed.select().filter(place.eq(1)).columns(title)).await?, ["Letters"]);
/// # Ok(()) });
/// ```
pub fn row_number() -> WindowFunction<i64> {
    WindowFunction::new("row_number", Vec::new())
}

/// The place of the row in its partition, from 1; equal rows share one, and the next has a gap before it.
pub fn rank() -> WindowFunction<i64> {
    WindowFunction::new("rank", Vec::new())
}

/// As [`rank`], without gaps.
pub fn dense_rank() -> WindowFunction<i64> {
    WindowFunction::new("dense_rank", Vec::new())
}

/// The rank as a share, from 0 to 1.
pub fn percent_rank() -> WindowFunction<f64> {
    WindowFunction::new("percent_rank", Vec::new())
}

/// The share of rows that are not behind this one.
pub fn cume_dist() -> WindowFunction<f64> {
    WindowFunction::new("cume_dist", Vec::new())
}

/// The number of the part that the row falls into, where the partition is cut into so many parts of the same size.
pub fn ntile(parts: u32) -> WindowFunction<i64> {
    WindowFunction::new("ntile", vec![number(parts)])
}

/// The value of so many rows before; `None` where there is none.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::{lag, window};
///
/// let before = lag(Account::BALANCE, 1).over(window().order_by(Account::ID));
/// let balances = Account::select().columns((Account::BALANCE, before)).order_by(Account::ID);
/// assert_eq!(engine.all(balances).await?, [(50, None), (0, Some(50))]);
/// # Ok(()) });
/// ```
pub fn lag<S: Selection<Output: SqlType>>(
    of: S,
    rows: u32,
) -> WindowFunction<Option<<S::Output as SqlType>::Base>> {
    WindowFunction::new("lag", vec![only(of), number(rows)])
}

/// The value of so many rows after; `None` where there is none.
pub fn lead<S: Selection<Output: SqlType>>(
    of: S,
    rows: u32,
) -> WindowFunction<Option<<S::Output as SqlType>::Base>> {
    WindowFunction::new("lead", vec![only(of), number(rows)])
}

/// The value of the first row of the frame; `None` where the frame is empty.
pub fn first_value<S: Selection<Output: SqlType>>(
    of: S,
) -> WindowFunction<Option<<S::Output as SqlType>::Base>> {
    WindowFunction::new("first_value", vec![only(of)])
}

/// The value of the last row of the frame: without a frame of its own, of the current row's equals.
pub fn last_value<S: Selection<Output: SqlType>>(
    of: S,
) -> WindowFunction<Option<<S::Output as SqlType>::Base>> {
    WindowFunction::new("last_value", vec![only(of)])
}

/// The value of a row of the frame, counted from 1.
pub fn nth_value<S: Selection<Output: SqlType>>(
    of: S,
    row: u32,
) -> WindowFunction<Option<<S::Output as SqlType>::Base>> {
    WindowFunction::new("nth_value", vec![only(of), number(row)])
}

/// Written, not bound: databases want to know it when they prepare the statement.
fn number(number: u32) -> Node {
    Node(Kind::Literal(number))
}
