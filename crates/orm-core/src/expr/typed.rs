//! `Expr<T>` and what it shares with a column: comparisons.

use std::fmt;
use std::marker::PhantomData;

use super::cast::cast;
use super::{Aggregate, Field, Function, Kind, Node, Operand};
use crate::column::Column;
use crate::entity::Entity;
use crate::stmt::OneColumn;
use crate::types::{ColumnType, SqlType};

/// An expression whose value is a `T`: `User::AGE.ge(18)` is an `Expr<bool>`.
///
/// A condition on a column that is NULL is neither true nor false, as in SQL: `filter` leaves the row out.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::expr::Expr;
///
/// let adult: Expr<bool> = User::AGE.ge(18) & !User::NAME.starts_with("G");
/// let users = User::select().columns(User::NAME).filter(adult | User::ID.is_in([2, 3])).order_by(User::NAME);
/// assert_eq!(engine.all(users).await?, ["Ada", "Grace"]);
/// # Ok(()) });
/// ```
#[must_use = "an expression does nothing until a statement uses it"]
pub struct Expr<T> {
    node: Node,
    type_: PhantomData<fn() -> T>,
}

impl<T> Expr<T> {
    pub(crate) fn new(node: Node) -> Self {
        Self { node, type_: PhantomData }
    }

    pub(crate) fn of(kind: Kind) -> Self {
        Self::new(Node(kind))
    }

    pub(crate) fn into_node(self) -> Node {
        self.node
    }
}

impl<T: SqlType> Expr<T> {
    /// What was calculated with numbers.
    pub(crate) fn calculated(kind: Kind) -> Self {
        match T::TYPE {
            ColumnType::Numeric => Self::of(Kind::Exact(Node(kind).boxed())),
            _ => Self::of(kind),
        }
    }
}

impl<T> Clone for Expr<T> {
    fn clone(&self) -> Self {
        Self::new(self.node.clone())
    }
}

impl<T> fmt::Debug for Expr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

impl<E: Entity, T> Column<E, T> {
    pub(crate) fn node(self) -> Node {
        Node(Kind::Column { entity: E::meta(), position: self.position() })
    }

    pub(crate) fn into_node(self) -> Node {
        self.node()
    }
}

impl<E: Entity, T> From<Column<E, T>> for Expr<T> {
    fn from(column: Column<E, T>) -> Self {
        Self::new(column.node())
    }
}

macro_rules! comparisons {
    () => {
        /// Equal. `eq(None)` is IS NULL.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let named = engine.one(User::select().filter(User::NAME.eq("Ada"))).await?;
        /// assert_eq!(named.id, 1);
        /// let of_no_age = engine.one(User::select().filter(User::AGE.eq(None))).await?; // IS NULL
        /// assert_eq!(of_no_age.name, "Grace");
        /// # Ok(()) });
        /// ```
        pub fn eq<V: Operand<T::Base>>(self, value: V) -> Expr<bool> {
            Expr::new(self.into_node().compare("=", value.operand()))
        }

        /// Not equal. `ne(None)` is IS NOT NULL. A NULL is not unequal to a value: such rows are left out.
        pub fn ne<V: Operand<T::Base>>(self, value: V) -> Expr<bool> {
            Expr::new(self.into_node().compare("<>", value.operand()))
        }

        /// Less than. With `None` it is an error when the statement is built.
        pub fn lt<V: Operand<T::Base>>(self, value: V) -> Expr<bool> {
            Expr::new(self.into_node().compare("<", value.operand()))
        }

        /// Less than or equal. With `None` it is an error when the statement is built.
        pub fn le<V: Operand<T::Base>>(self, value: V) -> Expr<bool> {
            Expr::new(self.into_node().compare("<=", value.operand()))
        }

        /// Greater than. With `None` it is an error when the statement is built.
        pub fn gt<V: Operand<T::Base>>(self, value: V) -> Expr<bool> {
            Expr::new(self.into_node().compare(">", value.operand()))
        }

        /// Greater than or equal. With `None` it is an error when the statement is built.
        pub fn ge<V: Operand<T::Base>>(self, value: V) -> Expr<bool> {
            Expr::new(self.into_node().compare(">=", value.operand()))
        }

        /// From `low` to `high`, both included.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// assert_eq!(engine.count(User::select().filter(User::AGE.between(36, 40))).await?, 1);
        /// # Ok(()) });
        /// ```
        pub fn between<V: Operand<T::Base>, W: Operand<T::Base>>(self, low: V, high: W) -> Expr<bool> {
            let (low, high) = (low.operand().boxed(), high.operand().boxed());
            Expr::of(Kind::Between { of: self.into_node().boxed(), low, high })
        }

        /// One of these. `None` among them matches NULL; an empty list matches nothing.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// assert_eq!(engine.count(User::select().filter(User::ID.is_in([1, 2, 99]))).await?, 2);
        /// assert_eq!(engine.count(User::select().filter(User::AGE.is_in([Some(36), None]))).await?, 2);
        /// # Ok(()) });
        /// ```
        pub fn is_in<V: Operand<T::Base>>(self, values: impl IntoIterator<Item = V>) -> Expr<bool> {
            let list = values.into_iter().map(Operand::operand).collect();
            Expr::of(Kind::In { of: self.into_node().boxed(), list, negated: false })
        }

        /// None of these. `None` among them leaves NULL out; an empty list matches everything.
        pub fn not_in<V: Operand<T::Base>>(self, values: impl IntoIterator<Item = V>) -> Expr<bool> {
            let list = values.into_iter().map(Operand::operand).collect();
            Expr::of(Kind::In { of: self.into_node().boxed(), list, negated: true })
        }

        /// One of the values that a query selects:
        /// `User::ID.is_in_query(Post::select().columns(Post::AUTHOR_ID))`.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let authors = Post::select().columns(Post::AUTHOR_ID);
        /// let users = User::select().columns(User::NAME).filter(User::ID.is_in_query(authors));
        /// assert_eq!(engine.all(users).await?, ["Ada"]);
        /// # Ok(()) });
        /// ```
        pub fn is_in_query(self, query: impl OneColumn<T::Base>) -> Expr<bool> {
            let query = Box::new(query.into_rowset().0);
            Expr::of(Kind::InQuery { of: self.into_node().boxed(), query, negated: false })
        }

        /// None of the values that a query selects. As in SQL, a NULL among them makes it match nothing: filter
        /// them out, or use [`Relation::any`](crate::Relation::any) with `!`.
        pub fn not_in_query(self, query: impl OneColumn<T::Base>) -> Expr<bool> {
            let query = Box::new(query.into_rowset().0);
            Expr::of(Kind::InQuery { of: self.into_node().boxed(), query, negated: true })
        }

        /// Equal, or both NULL: IS NOT DISTINCT FROM. Never NULL.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let other = User::alias();
        /// let same_age = other.column(User::AGE).is_same(User::AGE) & other.column(User::ID).ne(User::ID);
        /// assert_eq!(engine.count(User::select().join_on(&other, same_age)).await?, 0);
        /// # Ok(()) });
        /// ```
        pub fn is_same<V: Operand<T::Base>>(self, value: V) -> Expr<bool> {
            let arguments = vec![self.into_node(), value.operand()];
            Expr::of(Kind::Call { function: Function::Same, arguments })
        }

        /// Not equal, NULL to a value among them: IS DISTINCT FROM. Never NULL.
        pub fn is_not_same<V: Operand<T::Base>>(self, value: V) -> Expr<bool> {
            Expr::of(Kind::Not(self.is_same(value).into_node().boxed()))
        }

        /// IS NULL.
        pub fn is_null(self) -> Expr<bool> {
            Expr::of(Kind::IsNull { of: self.into_node().boxed(), negated: false })
        }

        /// IS NOT NULL.
        pub fn is_not_null(self) -> Expr<bool> {
            Expr::of(Kind::IsNull { of: self.into_node().boxed(), negated: true })
        }

        /// The same value, which may be NULL: for columns of a table that is left-joined.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let rows = User::select().left_join(User::POSTS).columns((User::NAME, Post::TITLE.optional()));
        /// let rows: Vec<(String, Option<String>)> = engine.all(rows.order_by(User::ID)).await?;
        /// assert_eq!(rows.last(), Some(&("Grace".to_owned(), None)));
        /// # Ok(()) });
        /// ```
        pub fn optional(self) -> Expr<Option<T::Base>> {
            Expr::of(Kind::Optional(self.into_node().boxed()))
        }

        /// CAST to the column type of `U`. A value that may be NULL needs an `Option`. Between numbers it is what `as` is in
        /// Rust: towards zero. A number is true if it is not 0, and `true` is 1.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let texts = Account::select().columns(Account::BALANCE.cast::<String>()).order_by(Account::ID);
        /// assert_eq!(engine.all(texts).await?, ["50", "0"]);
        /// # Ok(()) });
        /// ```
        pub fn cast<U: SqlType>(self) -> Expr<U> {
            let cast = cast(self.into_node(), T::TYPE, U::TYPE);
            Expr::new(if U::NULLABLE { cast.into_optional() } else { cast })
        }
    };
}

impl<T: SqlType> Expr<T> {
    comparisons! {}
}

impl<E: Entity, T: SqlType> Column<E, T> {
    comparisons! {}
}

impl<T: SqlType> Field<T> {
    comparisons! {}
}

impl<T: SqlType> Aggregate<T> {
    comparisons! {}
}
