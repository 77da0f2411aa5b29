//! Queries inside expressions.

use super::{Condition, Expr, Kind, Node};
use crate::entity::Entity;
use crate::query::{Shape, Values};
use crate::relation::Relation;
use crate::stmt::{Rowset, Select};
use crate::types::SqlType;

impl<E, S: Shape> Select<E, S> {
    /// Whether the query has rows, as a condition of another query. It may compare with that query's columns.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let newer = Post::select().filter(Post::ID.gt(1) & Post::AUTHOR_ID.eq(User::ID));
    /// let authors = User::select().columns(User::NAME).filter(newer.exists());
    /// assert_eq!(engine.all(authors).await?, ["Ada"]);
    /// # Ok(()) });
    /// ```
    pub fn exists(self) -> Expr<bool> {
        Expr::of(Kind::Exists(Box::new(self.into_rowset().0)))
    }

    /// How many rows the query has, as a value of another query. It may compare with that query's columns.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let posts = Post::select().filter(Post::AUTHOR_ID.eq(User::ID)).count();
    /// let counts = engine.all(User::select().columns((User::NAME, posts)).order_by(User::ID)).await?;
    /// assert_eq!(counts, [("Ada".to_owned(), 2), ("Grace".to_owned(), 0)]);
    /// # Ok(()) });
    /// ```
    pub fn count(self) -> Expr<i64> {
        Expr::of(Kind::CountOf(Box::new(self.into_rowset().0)))
    }
}

impl<E, T: SqlType> Select<E, Values<T>> {
    /// The one value that the query selects, as a value of another query; NULL if it has no rows.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let average = Account::select().columns(avg(Account::BALANCE)).subquery();
    /// let rich = Account::select().columns(Account::ID).filter(Account::BALANCE.cast::<f64>().gt(average));
    /// assert_eq!(engine.all(rich).await?, [1]);
    /// # Ok(()) });
    /// ```
    pub fn subquery(self) -> Expr<Option<T::Base>> {
        Expr::of(Kind::Subquery(Box::new(self.into_rowset().0)))
    }
}

impl<A: Entity, B: Entity, K> Relation<A, B, K> {
    /// Whether the relation leads to a row that meets a condition: `User::POSTS.any(Post::TITLE.eq("Notes"))`.
    /// Unlike a join it does not repeat rows.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let authors = User::select().columns(User::NAME).filter(User::POSTS.any(Post::TITLE.ne("Sketch")));
    /// assert_eq!(engine.all(authors).await?, ["Ada"]); // once, for two posts
    /// # Ok(()) });
    /// ```
    pub fn any(self, condition: impl Condition) -> Expr<bool> {
        let filter = Some(condition.condition().boxed());
        Expr::of(Kind::Related { relation: self.meta(), from: None, filter })
    }

    /// Whether every row that the relation leads to meets a condition; true where there are none. A row for which the condition
    /// is NULL does not meet it.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let users = User::select().columns(User::NAME).filter(User::POSTS.all(Post::TITLE.ne("Notes")));
    /// assert_eq!(engine.all(users).await?, ["Grace"]); // who has written nothing
    /// # Ok(()) });
    /// ```
    pub fn all(self, condition: impl Condition) -> Expr<bool> {
        let misses = Node(Kind::IsTrue { of: condition.condition().boxed(), negated: true });
        self.none(Expr::<bool>::new(misses))
    }

    /// Whether no row that the relation leads to meets a condition.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let users = User::select().columns(User::NAME).filter(User::POSTS.none(Post::TITLE.eq("Letters")));
    /// assert_eq!(engine.all(users).await?, ["Grace"]);
    /// # Ok(()) });
    /// ```
    pub fn none(self, condition: impl Condition) -> Expr<bool> {
        !self.any(condition)
    }

    /// Whether the relation leads to a row at all. `!User::POSTS.exists()` finds users without posts.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let silent = engine.one(User::select().filter(!User::POSTS.exists())).await?;
    /// assert_eq!(silent.name, "Grace");
    /// # Ok(()) });
    /// ```
    pub fn exists(self) -> Expr<bool> {
        Expr::of(Kind::Related { relation: self.meta(), from: None, filter: None })
    }
}
