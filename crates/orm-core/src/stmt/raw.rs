//! SQL that the caller wrote, with bound values.

mod placeholders;

use std::marker::PhantomData;
use std::sync::Arc;

use super::{Body, Compiled, Reads, Statement};
use crate::cells::Cells;
use crate::dialect::Dialect;
use crate::entity::Entity;
use crate::error::Result;
use crate::program::{Returns, StatementShape};
use crate::query::{FromRow, Nothing, Query, Shape, Values, Whole};
use crate::render::few_enough;
use crate::types::SqlType;

/// SQL text as the database speaks it. A placeholder is `?`, whatever the database; for PostgreSQL it is numbered before it
/// is sent. `$1` is taken there as well, and needed where `?` is an operator: text that has another number of `?` than values
/// are bound stays as it is.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let adults = sql("SELECT name, age FROM users WHERE age >= ?").bind(18).returning::<(String, i32)>();
/// assert_eq!(engine.all(adults).await?, [("Ada".to_owned(), 36)]);
/// # Ok(()) });
/// ```
pub fn sql(text: impl Into<Arc<str>>) -> Raw<NoRows> {
    Raw {
        body: RawBody { text: text.into(), input: Cells::default(), reads: Reads::Any, rows: false },
        shape: PhantomData,
    }
}

/// The shape of raw SQL until `returning` or `entities` gives it one: it can be executed only.
#[derive(Debug)]
pub enum NoRows {}

/// Raw SQL with bound values. Made by [`sql`].
#[derive(Debug)]
pub struct Raw<S> {
    body: RawBody,
    shape: PhantomData<fn() -> S>,
}

impl<S> Raw<S> {
    /// Binds the next placeholder.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let sum = sql("SELECT ? + ?").bind(40).bind(2).returning::<i64>();
    /// assert_eq!(engine.scalar(sum).await?, 42);
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn bind<T: SqlType>(mut self, value: T) -> Self {
        value.encode(&mut self.body.input);
        self
    }

    /// Binds the next placeholder to text, without a `String`.
    #[must_use]
    pub fn bind_str(mut self, value: &str) -> Self {
        self.body.input.text(value);
        self
    }

    /// Says which tables the text reads. Without it a session flushes before it runs, whatever is pending.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// session.add(Tag { name: "engines".into(), ..Default::default() });
    /// let users = sql("SELECT count(*) FROM users").reading(["users"]).returning::<i64>();
    /// assert_eq!(session.scalar(users).await?, 2);
    /// assert!(!session.in_transaction()); // the tag is still only in memory
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn reading(mut self, tables: impl IntoIterator<Item = &'static str>) -> Self {
        self.body.reads = Reads::Tables(tables.into_iter().collect());
        self
    }

    fn shaped<T>(mut self) -> Raw<T> {
        self.body.rows = true;
        Raw { body: self.body, shape: PhantomData }
    }
}

impl Raw<NoRows> {
    /// Reads each row as a value or a tuple of values, by position.
    #[must_use]
    pub fn returning<T: FromRow>(self) -> Raw<Values<T>> {
        self.shaped()
    }

    /// Reads each row as an entity: the text must select its columns in the order of its fields.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let users = sql("SELECT id, email, name, age FROM users ORDER BY id").entities::<User>();
    /// assert_eq!(engine.all(users).await?[1].name, "Grace");
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn entities<E: Entity>(self) -> Raw<Whole<E>> {
        self.shaped()
    }
}

impl<S: Shape> Query for Raw<S> {
    type Shape = S;

    fn statement(self) -> Result<Statement> {
        Ok(Body::Raw(self.body).into())
    }
}

impl Query for Raw<NoRows> {
    type Shape = Nothing;

    fn statement(self) -> Result<Statement> {
        Ok(Body::Raw(self.body).into())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct RawBody {
    text: Arc<str>,
    input: Cells,
    reads: Reads,
    rows: bool,
}

impl RawBody {
    /// The text as the dialect takes it.
    pub(crate) fn text(&self, dialect: &Dialect) -> Result<Arc<str>> {
        placeholders::placeholders(&self.text, self.input.len(), dialect)
    }

    pub(crate) fn input(&self) -> &Cells {
        &self.input
    }

    pub(crate) fn compile(&self, dialect: &Dialect) -> Result<Compiled> {
        few_enough(self.input.len(), dialect)?;
        let shape = StatementShape {
            sql: self.text(dialect)?,
            parameters: self.input.len() as u16,
            // The driver counts the columns: only it knows what the text selects.
            returns: if self.rows { Returns::Rows } else { Returns::Count },
            reads_only: only_reads(&self.text),
            // Nobody knows what it does.
            cheap: false,
            list: None,
            outline: None,
        };
        Ok(Compiled { shape: Arc::new(shape), input: self.input.clone(), dispatch: None })
    }

    pub(super) fn reads(&self) -> Reads {
        self.reads.clone()
    }
}

/// Whether the text is a SELECT, VALUES, or a WITH that has no word of a write in it. A function may write on some databases: a
/// reader connection of the engine refuses that.
pub(crate) fn only_reads(sql: &str) -> bool {
    let mut rest = sql.trim_start();
    loop {
        let comment_end = if rest.starts_with("--") {
            rest.find('\n').map(|at| at + 1)
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|at| at + 2)
        } else {
            break;
        };
        match comment_end {
            Some(at) => rest = rest[at..].trim_start(),
            None => return false,
        }
    }
    let mut words = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let first = words.next().unwrap_or_default();
    let is = |word: &str| first.eq_ignore_ascii_case(word);
    is("select") || is("values") || is("with") && !words.any(writes)
}

fn writes(word: &str) -> bool {
    ["insert", "update", "delete", "replace", "merge"].iter().any(|write| word.eq_ignore_ascii_case(write))
}

#[cfg(test)]
mod tests {
    use super::only_reads;

    #[test]
    fn a_select_is_known_by_its_words() {
        for sql in [
            "SELECT 1",
            "  select\n1",
            "-- why\nSELECT 1",
            "/* a */ /* b */ Select*",
            "select(1)",
            "VALUES (1), (2)",
            "WITH x AS (SELECT 1) SELECT * FROM x",
        ] {
            assert!(only_reads(sql), "{sql}");
        }
        for sql in
            ["", "selector", "WITH x AS (SELECT 1) DELETE FROM t", "-- SELECT", "/* SELECT", "UPDATE t"]
        {
            assert!(!only_reads(sql), "{sql}");
        }
    }
}
