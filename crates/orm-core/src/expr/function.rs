//! Functions of values, and conditions from lists.

use super::{Condition, Expr, Function, Kind, Logic, Node, Number, Operand};
use crate::query::Selection;
use crate::types::SqlType;

/// The value, or another one where it is NULL. The result is not NULL, so give one that is not.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let ages = User::select().columns(anyorm::coalesce(User::AGE, 0)).order_by(User::ID);
/// let ages: Vec<i32> = engine.all(ages).await?;
/// assert_eq!(ages, [36, 0]);
/// # Ok(()) });
/// ```
pub fn coalesce<S, V>(of: S, otherwise: V) -> Expr<<S::Output as SqlType>::Base>
where
    S: Selection<Output: SqlType>,
    V: Operand<<S::Output as SqlType>::Base>,
{
    Expr::of(Kind::Call { function: Function::Coalesce, arguments: vec![only(of), otherwise.operand()] })
}

/// A value as an expression, where one is wanted and there is no column to begin with: the first step of a series, a label of the
/// rows of one part of a union.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::value;
///
/// let users = User::select().columns((User::NAME, value("user".to_owned())));
/// let all = users.union_all(Tag::select().columns((Tag::NAME, value("tag".to_owned())))).order_by(|(name, _)| name);
/// assert_eq!(engine.all(all).await?[0], ("Ada".to_owned(), "user".to_owned()));
/// # Ok(()) });
/// ```
pub fn value<T: SqlType>(value: T) -> Expr<T> {
    let node = Node::bound(&value);
    Expr::new(match node.0 {
        Kind::Value(value) => Node(Kind::Typed(value, T::TYPE)),
        kind => Node(kind),
    })
}

/// NULL if the value is equal to another, else the value.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::nullif;
///
/// let balances = Account::select().columns(nullif(Account::BALANCE, 0)).order_by(Account::ID);
/// assert_eq!(engine.all(balances).await?, [Some(50), None]);
/// # Ok(()) });
/// ```
pub fn nullif<S, V>(of: S, other: V) -> Expr<Option<<S::Output as SqlType>::Base>>
where
    S: Selection<Output: SqlType>,
    V: Operand<<S::Output as SqlType>::Base>,
{
    Expr::of(Kind::Call { function: Function::NullIf, arguments: vec![only(of), other.operand()] })
}

/// The value without its sign.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let distances = Account::select().columns(anyorm::expr::abs(Account::BALANCE - 20)).order_by(Account::ID);
/// assert_eq!(engine.all(distances).await?, [30, 20]);
/// # Ok(()) });
/// ```
pub fn abs<S: Selection<Output: SqlType<Base: Number>>>(of: S) -> Expr<S::Output> {
    Expr::calculated(Kind::Call { function: Function::Abs, arguments: vec![only(of)] })
}

/// The node of a selection that is a single column or expression, as its `Output: SqlType` says.
pub(super) fn only(of: impl Selection) -> Node {
    let mut nodes = Vec::with_capacity(1);
    of.nodes(&mut nodes);
    nodes.pop().expect("a selection of one value has one node")
}

/// All of these conditions; true if there are none. For conditions that are put together at run time.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::all_of;
///
/// let (youngest, name) = (Some(18), None::<&str>); // what a form asked for
/// let mut conditions = Vec::new();
/// conditions.extend(youngest.map(|age| User::AGE.ge(age)));
/// conditions.extend(name.map(|name| User::NAME.eq(name)));
/// assert_eq!(engine.count(User::select().filter(all_of(conditions))).await?, 1);
/// # Ok(()) });
/// ```
pub fn all_of<C: Condition>(conditions: impl IntoIterator<Item = C>) -> Expr<bool> {
    from_list(Logic::And, conditions)
}

/// Any of these conditions; false if there are none.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::any_of;
///
/// let found = any_of(["Gr", "Hi"].map(|start| User::NAME.starts_with(start)));
/// assert_eq!(engine.one(User::select().filter(found)).await?.name, "Grace");
/// # Ok(()) });
/// ```
pub fn any_of<C: Condition>(conditions: impl IntoIterator<Item = C>) -> Expr<bool> {
    from_list(Logic::Or, conditions)
}

fn from_list<C: Condition>(op: Logic, conditions: impl IntoIterator<Item = C>) -> Expr<bool> {
    let joined = conditions.into_iter().map(Condition::condition).reduce(|left, right| left.logic(op, right));
    // Not a bound value: PostgreSQL could not tell its type, and SQLite could not plan with it.
    Expr::new(joined.unwrap_or_else(|| Node(Kind::Logic { op, nodes: Vec::new() })))
}
