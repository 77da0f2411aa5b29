//! Text: patterns, parts, case, length.

use super::{Expr, Holds, Kind, Operand, Part};
use crate::column::Column;
use crate::entity::Entity;
use crate::types::SqlType;

macro_rules! text {
    ($into:ident) => {
        /// LIKE, as the database has it: `%` is any text, `_` any character, `\` makes the next one plain. SQLite
        /// ignores the case of ASCII letters, PostgreSQL does not; [`starts_with`](Self::starts_with),
        /// [`ends_with`](Self::ends_with) and [`contains`](Self::contains) mind the case everywhere.
        pub fn like<V: Operand<String>>(self, pattern: V) -> Expr<bool>
        where
            T: Holds<String>,
        {
            let pattern = pattern.operand().boxed();
            Expr::of(Kind::Like { of: self.$into().boxed(), pattern })
        }

        /// Whether the text begins with another, case and all. `%` and `_` mean themselves. Can use an index.
        pub fn starts_with<V: Operand<String>>(self, text: V) -> Expr<bool>
        where
            T: Holds<String>,
        {
            let sought = text.operand().boxed();
            Expr::of(Kind::Match { part: Part::Start, of: self.$into().boxed(), sought })
        }

        /// Whether the text ends with another, case and all. `%` and `_` mean themselves.
        pub fn ends_with<V: Operand<String>>(self, text: V) -> Expr<bool>
        where
            T: Holds<String>,
        {
            let sought = text.operand().boxed();
            Expr::of(Kind::Match { part: Part::End, of: self.$into().boxed(), sought })
        }

        /// Whether the text has another in it, case and all. `%` and `_` mean themselves.
        pub fn contains<V: Operand<String>>(self, text: V) -> Expr<bool>
        where
            T: Holds<String>,
        {
            let sought = text.operand().boxed();
            Expr::of(Kind::Match { part: Part::Anywhere, of: self.$into().boxed(), sought })
        }

        /// In lower case. SQLite changes ASCII letters only.
        pub fn lower(self) -> Expr<T>
        where
            T: Holds<String>,
        {
            Expr::of(Kind::Function { name: "lower", arguments: vec![self.$into()] })
        }

        /// In upper case. SQLite changes ASCII letters only.
        pub fn upper(self) -> Expr<T>
        where
            T: Holds<String>,
        {
            Expr::of(Kind::Function { name: "upper", arguments: vec![self.$into()] })
        }

        /// How many characters the text has.
        pub fn length(self) -> Expr<T::Length>
        where
            T: Holds<String> + TextLength,
        {
            Expr::of(Kind::Function { name: "length", arguments: vec![self.$into()] })
        }
    };
}

impl<T: SqlType> Expr<T> {
    text!(into_node);
}

impl<E: Entity, T: SqlType> Column<E, T> {
    text!(node);
}

/// The type of a length: nullable where the text is.
pub trait TextLength {
    /// `i64` or `Option<i64>`.
    type Length: SqlType;
}

impl TextLength for String {
    type Length = i64;
}

impl TextLength for Option<String> {
    type Length = Option<i64>;
}
