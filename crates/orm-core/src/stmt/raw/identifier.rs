//! Names of tables and columns that are chosen while the program runs.

use std::fmt;
use std::sync::Arc;

use crate::column::Column;
use crate::entity::Entity;

/// A name of a table, column or other thing of the database that is chosen while the program runs: of letters, digits and
/// underscores, and nothing else. In `sql!` it is written in quotes, as the database has them.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::Identifier;
/// use anyorm::prelude::*;
///
/// let chosen = "name"; // by a user, say
/// let order = Identifier::new(chosen)?;
/// let users = sql!("SELECT name FROM users ORDER BY {order} DESC").returning::<String>();
/// assert_eq!(engine.all(users).await?, ["Grace", "Ada"]);
///
/// let error = Identifier::new("name; DROP TABLE users").unwrap_err();
/// assert!(error.to_string().starts_with("`name; DROP TABLE users` is not taken as a name in SQL"));
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identifier(pub(super) Arc<str>);

impl Identifier {
    /// Checks a name.
    ///
    /// # Errors
    /// If it is empty, or has other characters than letters, digits and underscores.
    pub fn new(name: impl AsRef<str>) -> Result<Self, InvalidIdentifier> {
        let name = name.as_ref();
        let is_plain = |character: char| character.is_alphanumeric() || character == '_';
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(InvalidIdentifier(name.to_owned()));
        }
        Ok(Self(name.into()))
    }

    /// The table of an entity.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::Identifier;
    /// use anyorm::prelude::*;
    ///
    /// let count = sql!("SELECT count(*) FROM {}", Identifier::table::<User>()).returning::<i64>();
    /// assert_eq!(engine.scalar(count).await?, 2);
    /// # Ok(()) });
    /// ```
    pub fn table<E: Entity>() -> Self {
        Self(E::meta().table.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of the column alone, where that of its table must not stand before it: in the list of an INSERT, say.
impl<E: Entity, T> From<Column<E, T>> for Identifier {
    fn from(column: Column<E, T>) -> Self {
        Self(column.meta().name.into())
    }
}

/// A text that is not taken as a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidIdentifier(String);

impl fmt::Display for InvalidIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not taken as a name in SQL: give one of letters, digits and underscores",
            self.0.escape_debug()
        )
    }
}

impl std::error::Error for InvalidIdentifier {}

impl From<InvalidIdentifier> for crate::Error {
    fn from(error: InvalidIdentifier) -> Self {
        Self::build(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::Identifier;

    #[test]
    fn only_letters_digits_and_underscores_are_a_name() {
        for name in ["a", "_a1", "Straße", "名前", "2nd"] {
            assert_eq!(Identifier::new(name).expect(name).as_str(), name);
        }
        for name in
            ["", " ", "a b", "a\"b", "a.b", "a;", "a-b", "a\0", "a'", "a\nb", "$1", "a--b", "é\u{301}"]
        {
            assert!(Identifier::new(name).is_err(), "{name:?}");
        }
    }
}
