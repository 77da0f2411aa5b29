//! The functions that every dialect writes in its own way.

/// A function of values. How it is written is said in the file of each dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Function {
    /// The first argument that is not NULL.
    Coalesce,
    /// The number without its sign.
    Abs,
    /// The text in lower case.
    Lower,
    /// The text in upper case.
    Upper,
    /// How many characters the text has.
    Length,
}
