//! Which texts are taken as SQL: those of the program, and those that somebody vouches for.

use std::sync::Arc;

/// A text that [`sql`](super::sql) takes: a literal, or one that is [`Trusted`].
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// const COUNT: &str = "SELECT count(*) FROM users";
/// assert_eq!(engine.scalar(sql(COUNT).returning::<i64>()).await?, 2);
/// # Ok(()) });
/// ```
#[diagnostic::on_unimplemented(
    message = "a text that is made while the program runs is not taken as SQL",
    label = "not a text of the program, but a `{Self}`",
    note = "write `sql!(\"SELECT .. WHERE name = {{name}}\")`, which binds what stands in braces",
    note = "where no part of the text comes from outside the program, say so: `sql(Trusted(text))`"
)]
pub trait SqlText {
    /// The text.
    #[doc(hidden)]
    fn into_text(self) -> Arc<str>;
}

impl SqlText for &'static str {
    fn into_text(self) -> Arc<str> {
        self.into()
    }
}

/// A text that was made while the program ran, and that the caller vouches for: no part of it comes from a user, a file or
/// another program, or what does was checked. It is sent as it is.
///
/// A value belongs into `sql!`, which binds it; a name of a table or column that is chosen while
/// the program runs is an [`Identifier`](super::Identifier).
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::Trusted;
/// use anyorm::prelude::*;
///
/// let sum = ["age", "id"].join(" + "); // names of this program
/// let sums = sql(Trusted(format!("SELECT {sum} FROM users WHERE id = 1"))).returning::<i64>();
/// assert_eq!(engine.scalar(sums).await?, 37);
/// # Ok(()) });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Trusted<T>(pub T);

impl<T: AsRef<str>> SqlText for Trusted<T> {
    fn into_text(self) -> Arc<str> {
        self.0.as_ref().into()
    }
}
