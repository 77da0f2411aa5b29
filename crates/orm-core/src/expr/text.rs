//! Text: patterns, parts, case, length.

use super::case::typed;
use super::{Aggregate, Expr, Field, Function, Holds, Kind, Node, Operand, Part};
use crate::column::Column;
use crate::entity::Entity;
use crate::types::SqlType;

macro_rules! text {
    () => {
        /// LIKE, as the database has it: `%` is any text, `_` any character, `\` makes the next one plain. SQLite
        /// ignores the case of ASCII letters, PostgreSQL does not; [`starts_with`](Self::starts_with),
        /// [`ends_with`](Self::ends_with) and [`contains`](Self::contains) mind the case everywhere.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let users = User::select().filter(User::NAME.like("%a_a"));
        /// assert_eq!(engine.count(users).await?, 1); // Ada: SQLite takes `A` for `a` here
        /// # Ok(()) });
        /// ```
        pub fn like<V: Operand<String>>(self, pattern: V) -> Expr<bool>
        where
            T: Holds<String>,
        {
            let pattern = pattern.operand().boxed();
            Expr::of(Kind::Like { of: self.into_node().boxed(), pattern })
        }

        /// Whether the text begins with another, case and all. `%` and `_` mean themselves. Can use an index.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// assert!(engine.exists(User::select().filter(User::NAME.starts_with("Gr"))).await?);
        /// assert!(!engine.exists(User::select().filter(User::NAME.starts_with("gr"))).await?);
        /// assert!(!engine.exists(User::select().filter(User::NAME.starts_with("%"))).await?);
        /// # Ok(()) });
        /// ```
        pub fn starts_with<V: Operand<String>>(self, text: V) -> Expr<bool>
        where
            T: Holds<String>,
        {
            let sought = text.operand().boxed();
            Expr::of(Kind::Match { part: Part::Start, of: self.into_node().boxed(), sought })
        }

        /// Whether the text ends with another, case and all. `%` and `_` mean themselves.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let of_example = User::select().filter(User::EMAIL.ends_with("@example.org"));
        /// assert_eq!(engine.count(of_example).await?, 2);
        /// # Ok(()) });
        /// ```
        pub fn ends_with<V: Operand<String>>(self, text: V) -> Expr<bool>
        where
            T: Holds<String>,
        {
            let sought = text.operand().boxed();
            Expr::of(Kind::Match { part: Part::End, of: self.into_node().boxed(), sought })
        }

        /// Whether the text has another in it, case and all. `%` and `_` mean themselves.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let titles = Post::select().columns(Post::TITLE).filter(Post::TITLE.contains("tt"));
        /// assert_eq!(engine.all(titles).await?, ["Letters"]);
        /// # Ok(()) });
        /// ```
        pub fn contains<V: Operand<String>>(self, text: V) -> Expr<bool>
        where
            T: Holds<String>,
        {
            let sought = text.operand().boxed();
            Expr::of(Kind::Match { part: Part::Anywhere, of: self.into_node().boxed(), sought })
        }

        /// In lower case. SQLite changes ASCII letters only.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let ada = engine.one(User::select().filter(User::NAME.lower().eq("ada"))).await?;
        /// assert_eq!(ada.name, "Ada");
        /// # Ok(()) });
        /// ```
        pub fn lower(self) -> Expr<T>
        where
            T: Holds<String>,
        {
            Expr::of(Kind::Call { function: Function::Lower, arguments: vec![self.into_node()] })
        }

        /// In upper case. SQLite changes ASCII letters only.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let names = User::select().columns(User::NAME.upper()).order_by(User::NAME);
        /// assert_eq!(engine.all(names).await?, ["ADA", "GRACE"]);
        /// # Ok(()) });
        /// ```
        pub fn upper(self) -> Expr<T>
        where
            T: Holds<String>,
        {
            Expr::of(Kind::Call { function: Function::Upper, arguments: vec![self.into_node()] })
        }

        /// Without spaces at its ends.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// use anyorm::values;
        ///
        /// let texts = values([" a b ".to_owned()]);
        /// let text = texts.columns();
        /// let trimmed = texts.select().columns((text.trim(), text.trim_start(), text.trim_end()));
        /// assert_eq!(engine.one(trimmed).await?, ("a b".into(), "a b ".into(), " a b".into()));
        /// # Ok(()) });
        /// ```
        pub fn trim(self) -> Expr<T>
        where
            T: Holds<String>,
        {
            call(Function::Trim, vec![self.into_node()])
        }

        /// Without spaces at its start.
        pub fn trim_start(self) -> Expr<T>
        where
            T: Holds<String>,
        {
            call(Function::TrimStart, vec![self.into_node()])
        }

        /// Without spaces at its end.
        pub fn trim_end(self) -> Expr<T>
        where
            T: Holds<String>,
        {
            call(Function::TrimEnd, vec![self.into_node()])
        }

        /// So many characters of the text, from a place on that is counted from 1.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let initials = User::select().columns(User::NAME.substring(1, 1)).order_by(User::ID);
        /// assert_eq!(engine.all(initials).await?, ["A", "G"]);
        /// # Ok(()) });
        /// ```
        pub fn substring(self, start: u32, length: u32) -> Expr<T>
        where
            T: Holds<String>,
        {
            let number = |number| Node(Kind::Literal(number));
            call(Function::Substring, vec![self.into_node(), number(start), number(length)])
        }

        /// With each place of one text replaced by another.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let titles = Post::select().columns(Post::TITLE.replace("Note", "Coin")).order_by(Post::ID).limit(1);
        /// assert_eq!(engine.one(titles).await?, "Coins");
        /// # Ok(()) });
        /// ```
        pub fn replace<V: Operand<String>, W: Operand<String>>(self, from: V, to: W) -> Expr<T>
        where
            T: Holds<String>,
        {
            call(Function::Replace, vec![self.into_node(), from.operand(), to.operand()])
        }

        /// With another text behind it. NULL if either is.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let labels = User::select().columns(User::NAME.concat(" <").concat(User::EMAIL).concat(">")).limit(1);
        /// assert_eq!(engine.one(labels.order_by(User::ID)).await?, "Ada <ada@example.org>");
        /// # Ok(()) });
        /// ```
        pub fn concat<V: Operand<String>>(self, text: V) -> Expr<T>
        where
            T: Holds<String>,
        {
            call(Function::Concatenate, vec![self.into_node(), typed::<String>(text.operand())])
        }

        /// Where another text begins in this one, from 1; 0 if nowhere.
        pub fn position_of<V: Operand<String>>(self, text: V) -> Expr<T::Length>
        where
            T: Holds<String> + TextLength,
        {
            call(Function::Position, vec![self.into_node(), text.operand()])
        }

        /// How many characters the text has.
        ///
        /// # Example
        /// ```
        /// # use orm_blog::*;
        /// # run(async |engine| {
        /// use anyorm::prelude::*;
        ///
        /// let long = User::select().columns((User::NAME, User::NAME.length())).filter(User::NAME.length().gt(3));
        /// assert_eq!(engine.all(long).await?, [("Grace".to_owned(), 5)]);
        /// # Ok(()) });
        /// ```
        pub fn length(self) -> Expr<T::Length>
        where
            T: Holds<String> + TextLength,
        {
            Expr::of(Kind::Call { function: Function::Length, arguments: vec![self.into_node()] })
        }
    };
}

impl<T: SqlType> Expr<T> {
    text!();
}

impl<E: Entity, T: SqlType> Column<E, T> {
    text!();
}

impl<T: SqlType> Field<T> {
    text!();
}

impl<T: SqlType> Aggregate<T> {
    text!();
}

fn call<T>(function: Function, arguments: Vec<Node>) -> Expr<T> {
    Expr::of(Kind::Call { function, arguments })
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
