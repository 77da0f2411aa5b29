//! SQL that the caller wrote, with bound values.

mod fragment;
mod hole;
mod identifier;
mod placeholders;
mod text;

pub(crate) use fragment::{Fragment, Piece};
#[doc(hidden)]
pub use hole::SqlParts;
pub use hole::{Hole, List, list};
pub use identifier::{Identifier, InvalidIdentifier};
pub use text::{SqlText, Trusted};

use std::marker::PhantomData;
use std::sync::Arc;

use super::{Body, Compiled, Reads, Statement};
use crate::cells::Cells;
use crate::dialect::Dialect;
use crate::entity::Entity;
use crate::error::Result;
use crate::expr::{Expr, Kind, Node};
use crate::program::{Returns, StatementShape};
use crate::query::{FromRow, Nothing, Query, Shape, Values, Whole};
use crate::render::{Writer, few_enough};
use crate::types::SqlType;

/// SQL text as the database speaks it. A placeholder is `?`, whatever the database; for PostgreSQL it is numbered before it
/// is sent. `$1` is taken there as well, and needed where `?` is an operator: text that has another number of `?` than values
/// are bound stays as it is.
///
/// The text is one of the program. The macro `sql!` takes values where they stand, and a text that was made while the program
/// runs is [`Trusted`].
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
pub fn sql(text: impl SqlText) -> Raw<NoRows> {
    Raw::from_source(Source::Text(text.into_text(), Cells::default()))
}

/// The shape of raw SQL until `returning` or `entities` gives it one: it can be executed only.
#[derive(Debug)]
pub enum NoRows {}

/// Raw SQL with bound values. Made by [`sql`], or by the macro of that name.
#[derive(Debug)]
pub struct Raw<S> {
    body: RawBody,
    shape: PhantomData<fn() -> S>,
}

impl<S> Raw<S> {
    /// Binds the next placeholder. In `sql!`, values stand in braces instead.
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
        self.body.bind(|input| value.encode(input));
        self
    }

    /// Binds the next placeholder to text, without a `String`.
    #[must_use]
    pub fn bind_str(mut self, value: &str) -> Self {
        self.body.bind(|input| input.text(value));
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
    fn from_source(source: Source) -> Self {
        Self { body: RawBody { source, reads: Reads::Any, rows: false }, shape: PhantomData }
    }

    pub(crate) fn of(fragment: Fragment) -> Self {
        Self::from_source(Source::Fragment(fragment))
    }

    /// Reads each row as a value, a tuple of values, a struct that derives [`FromRow`], or a
    /// [`DynamicRow`](crate::query::DynamicRow): by position.
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

    /// Takes the text as an expression of a query that is built: to filter by, to order by, to select. Nobody checks that it is
    /// of this type. Columns in its holes are checked like all others: their tables must be in the query. Where it stands
    /// among others, it gets parentheses.
    ///
    /// Which tables its text reads is told by [`reading`](Self::reading); without it, none but those of the columns in its
    /// holes, whatever is pending.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let initial = || sql!("substr({}, 1, {})", User::NAME, 1).expression::<String>();
    /// let users = User::select().filter(initial().eq("G")).columns((User::NAME, initial()));
    /// assert_eq!(engine.all(users).await?, [("Grace".to_owned(), "G".to_owned())]);
    ///
    /// let posts = Post::select().columns(Post::ID).filter(initial().eq("G"));
    /// let error = engine.all(posts).await.unwrap_err();
    /// assert!(error.to_string().contains("User.name is a column of table users, but this statement reads posts only"));
    /// # Ok(()) });
    /// ```
    pub fn expression<T: SqlType>(self) -> Expr<T> {
        let mut fragment = self.body.source.into_fragment();
        if let Reads::Tables(tables) = self.body.reads {
            fragment.reads = tables;
        }
        Expr::of(Kind::Raw(Box::new(fragment)))
    }
}

impl<S: Shape> Query for Raw<S> {
    type Shape = S;

    fn statement(self) -> Result<Statement> {
        self.body.finished()
    }
}

impl Query for Raw<NoRows> {
    type Shape = Nothing;

    fn statement(self) -> Result<Statement> {
        self.body.finished()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct RawBody {
    source: Source,
    reads: Reads,
    rows: bool,
}

/// Where the text comes from.
#[derive(Clone, Debug)]
enum Source {
    /// [`sql`]: placeholders are in the text, values follow in their order.
    Text(Arc<str>, Cells),
    /// `sql!`: values stand where they belong.
    Fragment(Fragment),
}

impl Source {
    fn into_fragment(self) -> Fragment {
        match self {
            Source::Fragment(fragment) => fragment,
            Source::Text(text, values) => {
                let mut fragment = Fragment::default();
                fragment.pieces.push(Piece::Trusted(text));
                if !values.is_empty() {
                    fragment.node(Node(Kind::Problem(
                        "values that are bound to `sql(..)` have no place in an expression: write \
                         `sql!(\"lower({})\", value)`"
                            .to_owned(),
                    )));
                }
                fragment
            }
        }
    }
}

impl RawBody {
    fn bind(&mut self, encode: impl FnOnce(&mut Cells)) {
        match &mut self.source {
            Source::Text(_, input) => encode(input),
            Source::Fragment(fragment) => fragment.node(Node(Kind::Problem(
                "`sql!` binds what stands in its holes, and nothing behind it: write `{}` where the value belongs, and the \
                 value as an argument, instead of `.bind(..)`"
                    .to_owned(),
            ))),
        }
    }

    fn finished(self) -> Result<Statement> {
        if let Source::Fragment(fragment) = &self.source {
            fragment.check()?;
        }
        Ok(Body::Raw(self).into())
    }

    /// Adds the text with its values.
    pub(crate) fn write(&self, out: &mut Writer<'_>) -> Result<()> {
        match &self.source {
            Source::Text(text, input) => {
                let text = placeholders::placeholders(text, input.len(), out.dialect)?;
                out.append(&text, input);
            }
            Source::Fragment(fragment) => {
                out.fragment(fragment).push("\n");
            }
        }
        Ok(())
    }

    /// What stands in its holes.
    pub(crate) fn nodes(&self) -> &[Node] {
        match &self.source {
            Source::Text(..) => &[],
            Source::Fragment(fragment) => &fragment.nodes,
        }
    }

    pub(crate) fn compile(&self, dialect: &Dialect) -> Result<Compiled> {
        // The driver counts the columns: only it knows what the text selects.
        let returns = if self.rows { Returns::Rows } else { Returns::Count };
        match &self.source {
            Source::Text(text, input) => {
                few_enough(input.len(), dialect)?;
                let shape = StatementShape {
                    sql: placeholders::placeholders(text, input.len(), dialect)?,
                    parameters: input.len() as u16,
                    returns,
                    reads_only: only_reads(text),
                    // Nobody knows what it does.
                    cheap: false,
                    list: None,
                    outline: None,
                };
                Ok(Compiled { shape: Arc::new(shape), input: input.clone(), dispatch: None })
            }
            Source::Fragment(fragment) => {
                let mut out = Writer::new(dialect);
                out.prepare_fragment(fragment);
                let reads_only = only_reads(out.fragment(fragment).so_far());
                out.compiled(returns, reads_only)
            }
        }
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
