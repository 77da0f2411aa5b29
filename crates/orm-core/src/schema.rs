//! The tables of a list of entities: CREATE and DROP in the order that references ask for.

mod create;
mod keys;
mod model;
mod order;

use crate::dialect::Dialect;
use crate::entity::EntityMeta;
use crate::error::Result;

/// The entities whose tables belong together: each relation of one leads to another one of the list.
///
/// Made by [`schema!`](crate::schema!).
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::SQLITE;
///
/// let schema = schema![User, Post, Tag];
/// assert!(schema.check().is_ok());
/// for sql in schema.create(&SQLITE)? { // what `engine.create_all(&schema)` sends
///     assert!(sql.starts_with("CREATE"));
/// }
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Schema {
    entities: Vec<&'static EntityMeta>,
}

/// A [`Schema`] of entities: `schema![User, Post, Tag]`. Tables of links are part of it without being named.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::SQLITE;
///
/// let statements = schema![User, Post, Tag].create(&SQLITE)?;
/// assert!(statements[0].starts_with(r#"CREATE TABLE IF NOT EXISTS "users""#)); // those referred to first
///
/// let error = schema![Post, Tag].create(&SQLITE).unwrap_err();
/// assert!(error.to_string().ends_with("add User to `schema![..]`"));
/// # Ok(()) });
/// ```
#[macro_export]
macro_rules! schema {
    ($($entity:ty),* $(,)?) => {
        $crate::schema::Schema::new([$(<$entity as $crate::entity::Entity>::meta()),*])
    };
}

impl Schema {
    /// A schema of these entities. An entity that is listed twice counts once.
    pub fn new(entities: impl IntoIterator<Item = &'static EntityMeta>) -> Self {
        let mut schema = Self::default();
        for entity in entities {
            if !schema.entities.iter().any(|known| known.is(entity)) {
                schema.entities.push(entity);
            }
        }
        schema
    }

    /// The entities, in the order in which they were listed.
    pub fn entities(&self) -> &[&'static EntityMeta] {
        &self.entities
    }

    /// Checks that the entities fit together. [`create`](Self::create) and [`drop`](Self::drop) do so too.
    ///
    /// # Errors
    /// If a relation leads to an entity that is not in the schema, two entities have one table, a foreign key has
    /// another number of columns than the key it refers to, refers to a column that is not unique or is NOT NULL and
    /// to be set to NULL, or the two sides of a table of links disagree.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// use anyorm::prelude::*;
    ///
    /// let error = schema![User].check().unwrap_err();
    /// assert!(error.to_string().ends_with("add Post to `schema![..]`"));
    /// ```
    pub fn check(&self) -> Result<()> {
        model::tables(&self.entities).map(drop)
    }

    /// The statements that create what is not there yet: tables, those referred to first, each with its indexes.
    ///
    /// A table that exists already stays as it is, whatever its columns.
    ///
    /// # Errors
    /// As [`check`](Self::check), and if the database has no column for one of the fields.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let sql = schema![Account].create(&anyorm::POSTGRES)?;
    /// assert!(sql[0].contains(r#""balance" BIGINT NOT NULL"#));
    /// # Ok(()) });
    /// ```
    pub fn create(&self, dialect: &Dialect) -> Result<Vec<String>> {
        model::check_types(&self.entities, dialect)?;
        Ok(create::create(&order::sorted(model::tables(&self.entities)?), dialect))
    }

    /// The statements that drop the tables with all rows, those that refer to others first. They must run in one
    /// transaction, in this order.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let sql = schema![User, Post, Tag].drop(&anyorm::SQLITE)?;
    /// assert!(sql.last().is_some_and(|last| last.contains("users"))); // others refer to it
    /// # Ok(()) });
    /// ```
    pub fn drop(&self, dialect: &Dialect) -> Result<Vec<String>> {
        Ok(create::drop(&order::sorted(model::tables(&self.entities)?), dialect))
    }

    /// The statements that let keys which the database assigns go on behind the largest one of each table. None where they
    /// do so by themselves.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// use anyorm::prelude::*;
    ///
    /// let schema = schema![User, Post, Tag, Account]; // the key of an account is the program's own
    /// assert_eq!(schema.advance_keys(&anyorm::POSTGRES)?.len(), 3);
    /// assert!(schema.advance_keys(&anyorm::SQLITE)?.is_empty());
    /// # Ok::<(), anyorm::Error>(())
    /// ```
    pub fn advance_keys(&self, dialect: &Dialect) -> Result<Vec<String>> {
        Ok(keys::advance(&model::tables(&self.entities)?, dialect))
    }
}
