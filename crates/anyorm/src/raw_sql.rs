//! The macro `sql!`. Its work is done by the procedural macro of the derives; here it learns where the facade is, whatever
//! name a program has for it.

/// SQL with values where they stand: what is in braces is bound, never text.
///
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let name = "'; DROP TABLE users; --";
/// let found = sql!("SELECT id FROM users WHERE name = {name} OR age > {}", 30).returning::<i64>();
/// assert_eq!(engine.all(found).await?, [1]);
/// # Ok(()) });
/// ```
///
/// The text is a literal, and nothing else: one that is put together while the program runs does not compile. It answers what the
/// function [`sql`](fn@crate::sql) does: [`Raw`](crate::stmt::Raw).
///
/// # Holes
///
/// | in the text | is |
/// |---|---|
/// | `{name}` | the variable, constant or argument of that name |
/// | `{User::NAME}` | what a path leads to |
/// | `{}` | the next argument |
/// | `{{`, `}}` | a brace |
///
/// | what stands there | becomes |
/// |---|---|
/// | a value of a [column type](crate::SqlType), an `Option` of one, a reference to one, `&str`, `&[u8]` | a placeholder; the value is bound |
/// | a column: `User::NAME` | `"users"."name"` |
/// | an expression: `User::AGE + 1`, `count(Post::ID)` | its SQL; its values are bound |
/// | [`list(&ids)`](crate::list) | placeholders with commas between them |
/// | [`Identifier::new(name)?`](crate::Identifier), `Identifier::table::<User>()`, `Identifier::from(User::NAME)` | a name in quotes |
///
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::{Identifier, list};
///
/// let (table, ids) = (Identifier::table::<User>(), [1, 2]);
/// let names = sql!(
///     "SELECT {User::NAME} FROM {table} WHERE {User::ID} IN ({ids}) AND {} ORDER BY {User::ID} -- by key",
///     User::AGE.is_null(),
///     ids = list(ids),
/// );
/// assert_eq!(engine.all(names.returning::<String>()).await?, ["Grace"]);
/// # Ok(()) });
/// ```
///
/// A `?` of the text stays one: it is an operator of PostgreSQL. Comments are left out, so that text that is put together is not
/// swallowed by one. Quotes must be closed; a hole inside them would be text, and does not compile.
///
/// # As a part of a query
///
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let length = sql!("length({})", User::NAME).expression::<i64>();
/// let users = User::select().filter(length.clone().gt(3)).order_by(length.clone()).columns((User::NAME, length));
/// assert_eq!(engine.all(users).await?, [("Grace".to_owned(), 5)]);
/// # Ok(()) });
/// ```
#[macro_export]
macro_rules! sql {
    ($($tokens:tt)*) => {
        $crate::__derive::sql_with!([$crate] $($tokens)*)
    };
}
