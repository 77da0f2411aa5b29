//! Queries inside expressions.

use super::{Condition, Expr, Kind};
use crate::entity::Entity;
use crate::query::{Shape, Values};
use crate::relation::Relation;
use crate::stmt::Select;
use crate::types::SqlType;

impl<E: Entity, S: Shape> Select<E, S> {
    /// Whether the query has rows, as a condition of another query. It may compare with that query's columns.
    pub fn exists(self) -> Expr<bool> {
        Expr::of(Kind::Exists(Box::new(self.into_body())))
    }

    /// How many rows the query has, as a value of another query. It may compare with that query's columns.
    pub fn count(self) -> Expr<i64> {
        Expr::of(Kind::CountOf(Box::new(self.into_body())))
    }
}

impl<E: Entity, T: SqlType> Select<E, Values<T>> {
    /// The one value that the query selects, as a value of another query; NULL if it has no rows.
    ///
    /// ```
    /// # mod entities { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sql/entities.rs")); }
    /// # use entities::*;
    /// # fn main() -> orm_core::Result<()> {
    /// use orm_core::{Entity, avg};
    ///
    /// let average = Post::select().columns(avg(Post::RATING)).subquery();
    /// let _good_ones = Post::select().filter(Post::RATING.gt(average));
    /// # Ok(())
    /// # }
    /// ```
    pub fn subquery(self) -> Expr<Option<T::Base>> {
        Expr::of(Kind::Subquery(Box::new(self.into_body())))
    }
}

impl<A: Entity, B: Entity, K> Relation<A, B, K> {
    /// Whether the relation leads to a row that meets a condition: `User::POSTS.any(Post::TITLE.eq("Notes"))`.
    /// Unlike a join it does not repeat rows.
    ///
    /// ```
    /// # mod entities { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sql/entities.rs")); }
    /// # use entities::*;
    /// # fn main() -> orm_core::Result<()> {
    /// use orm_core::{Entity, Query, SQLITE};
    ///
    /// let authors = User::select().columns(User::ID).filter(User::POSTS.any(Post::TITLE.eq("Notes")));
    /// assert_eq!(
    ///     &*authors.statement()?.compile(&SQLITE)?.shape.sql,
    ///     "SELECT \"users\".\"id\" FROM \"users\" WHERE EXISTS (SELECT 1 FROM \"posts\" \
    ///      WHERE \"posts\".\"author_id\" = \"users\".\"id\" AND \"posts\".\"title\" = ?)"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    pub fn any(self, condition: impl Condition) -> Expr<bool> {
        let filter = Some(condition.condition().boxed());
        Expr::of(Kind::Related { relation: self.meta(), filter })
    }

    /// Whether the relation leads to a row at all. `!User::POSTS.exists()` finds users without posts.
    pub fn exists(self) -> Expr<bool> {
        Expr::of(Kind::Related { relation: self.meta(), filter: None })
    }
}
