//! In which form rows are copied out.

/// How the text of `copy_out` is written, as PostgreSQL writes it.
///
/// # Example
/// ```
/// # orm_blog::on_postgres(async |engine| {
/// # use orm_blog::*;
/// use anyorm::prelude::*;
/// use anyorm::CopyFormat;
///
/// let names = User::select().columns((User::ID, User::NAME)).order_by(User::ID);
/// let mut csv = engine.copy_out(names, CopyFormat::Csv { header: true });
/// let mut text = Vec::new();
/// while let Some(piece) = csv.next().await? {
///     text.extend(piece);
/// }
/// assert_eq!(text, b"id,name\n1,Ada\n2,Grace\n");
/// # Ok(()) });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CopyFormat {
    /// A line for each row, tabs between its values. NULL is `\N`; tabs, ends of lines and backslashes are escaped by a
    /// backslash. The form that COPY itself, and `psql`, take in again.
    #[default]
    Text,
    /// Values separated by commas, in quotes where they need them. NULL is nothing, and the empty text a pair of quotes.
    Csv {
        /// Whether the first line has the names of the columns.
        header: bool,
    },
}

impl CopyFormat {
    /// The options of the statement.
    pub(crate) fn options(self) -> &'static str {
        match self {
            Self::Text => "FORMAT text",
            Self::Csv { header: false } => "FORMAT csv",
            Self::Csv { header: true } => "FORMAT csv, HEADER",
        }
    }
}
