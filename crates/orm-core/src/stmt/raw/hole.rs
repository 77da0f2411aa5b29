//! What can stand in a hole of `sql!`.

use super::fragment::Fragment;
use super::{Identifier, NoRows, Raw};
use crate::column::Column;
use crate::entity::Entity;
use crate::expr::{Aggregate, Expr, Field, Kind, Node};
use crate::types::SqlType;
use crate::value::Value;

/// What can stand in a hole of `sql!`: a value, which is bound; a column, which becomes its quoted name behind that of its
/// table; an expression; an [`Identifier`]; and a [`list`] of these. Nothing else reaches the text.
///
/// `Kind` tells apart what Rust would otherwise take for two implementations for one type. It is inferred.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::stmt::Hole;
///
/// /// How many users are older than that: than a number, than what an expression gives.
/// async fn older<K, H: Hole<K>>(engine: &Engine, than: H) -> anyorm::Result<i64> {
///     engine.scalar(sql!("SELECT count(*) FROM users WHERE age > {than}").returning::<i64>()).await
/// }
///
/// assert_eq!((older(&engine, 30).await?, older(&engine, User::AGE + 1).await?), (1, 0));
/// # Ok(()) });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in a hole of `sql!`",
    label = "not a value, column or expression",
    note = "a hole takes a value of a column type, by value or by reference, which is bound; a column like `User::NAME`; an \
            expression; `list(&values)`; and for a name that is chosen while the program runs, `Identifier::new(name)?`",
    note = "a part of SQL in words of its own is an expression too: `sql!(\"..\").expression::<i64>()`"
)]
pub trait Hole<Kind> {
    /// Adds it to the text.
    #[doc(hidden)]
    fn add(&self, parts: &mut SqlParts);
}

/// The kinds of [`Hole`].
#[doc(hidden)]
#[derive(Debug)]
pub enum Owned {}
/// A reference to a value.
#[doc(hidden)]
#[derive(Debug)]
pub enum Borrowed {}
/// A reference to a reference to a value.
#[doc(hidden)]
#[derive(Debug)]
pub enum Twice {}
/// Text or bytes that are not owned, also where there may be none.
#[doc(hidden)]
#[derive(Debug)]
pub enum Slice {}
/// A column, or anything else that is SQL by itself.
#[doc(hidden)]
#[derive(Debug)]
pub enum Sql {}

#[diagnostic::do_not_recommend]
impl<T: SqlType> Hole<Owned> for T {
    fn add(&self, parts: &mut SqlParts) {
        parts.0.node(Node::bound(self));
    }
}

#[diagnostic::do_not_recommend]
impl<T: SqlType> Hole<Borrowed> for &T {
    fn add(&self, parts: &mut SqlParts) {
        parts.0.node(Node::bound(*self));
    }
}

#[diagnostic::do_not_recommend]
impl<T: SqlType> Hole<Twice> for &&T {
    fn add(&self, parts: &mut SqlParts) {
        parts.0.node(Node::bound(**self));
    }
}

/// A value of a type that is not owned: text, bytes, and where there may be none.
macro_rules! slice {
    ($($type:ty, $self:ident => $value:expr;)*) => {$(
        impl Hole<Slice> for $type {
            fn add(&self, parts: &mut SqlParts) {
                let $self = *self;
                parts.0.node(Node(Kind::Value($value)));
            }
        }
    )*};
}

slice! {
    &str, text => Value::Text(text.to_owned());
    &&str, text => Value::Text((*text).to_owned());
    &[u8], bytes => Value::Bytes(bytes.to_vec());
    Option<&str>, text => text.map_or(Value::Null, |text| Value::Text(text.to_owned()));
    Option<&[u8]>, bytes => bytes.map_or(Value::Null, |bytes| Value::Bytes(bytes.to_vec()));
}

impl<const N: usize> Hole<Slice> for &[u8; N] {
    fn add(&self, parts: &mut SqlParts) {
        parts.0.node(Node(Kind::Value(Value::Bytes(self.to_vec()))));
    }
}

impl<E: Entity, T> Hole<Sql> for Column<E, T> {
    fn add(&self, parts: &mut SqlParts) {
        parts.0.node(self.node());
    }
}

impl<T> Hole<Sql> for Expr<T> {
    fn add(&self, parts: &mut SqlParts) {
        parts.0.node(self.clone().into_node());
    }
}

impl<T> Hole<Sql> for Field<T> {
    fn add(&self, parts: &mut SqlParts) {
        parts.0.node(self.into_node());
    }
}

impl<T> Hole<Sql> for Aggregate<T> {
    fn add(&self, parts: &mut SqlParts) {
        parts.0.node(self.clone().into_node());
    }
}

impl Hole<Sql> for Identifier {
    fn add(&self, parts: &mut SqlParts) {
        parts.0.name(self);
    }
}

impl Hole<Sql> for List {
    fn add(&self, parts: &mut SqlParts) {
        parts.0.pieces.extend(self.0.0.pieces.iter().cloned());
        parts.0.nodes.extend(self.0.0.nodes.iter().cloned());
    }
}

impl<T> Hole<Sql> for &T
where
    T: Hole<Sql>,
{
    fn add(&self, parts: &mut SqlParts) {
        (**self).add(parts);
    }
}

/// Several values for one hole of `sql!`, with commas between them. Made by [`list`].
#[derive(Clone, Debug)]
pub struct List(SqlParts);

/// Several values for one hole of `sql!`, with commas between them: `WHERE id IN ({})`. Not for `NOT IN`, which is true for nothing
/// where the list may be empty: leave the condition out then. Of no values, NULL: no value is in
/// that, and, as SQL has it, none is not in it either, so ask before a NOT IN.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::list;
/// use anyorm::prelude::*;
///
/// let ids = vec![1, 2, 3];
/// let names = sql!("SELECT name FROM users WHERE id IN ({}) ORDER BY id", list(&ids)).returning::<String>();
/// assert_eq!(engine.all(names).await?, ["Ada", "Grace"]);
///
/// let none: [i64; 0] = [];
/// let names = sql!("SELECT name FROM users WHERE id IN ({})", list(none)).returning::<String>();
/// assert!(engine.all(names).await?.is_empty());
/// # Ok(()) });
/// ```
pub fn list<K, H: Hole<K>>(values: impl IntoIterator<Item = H>) -> List {
    let mut parts = SqlParts::new();
    for (at, value) in values.into_iter().enumerate() {
        if at > 0 {
            parts.text(", ");
        }
        value.add(&mut parts);
    }
    if parts.0.pieces.is_empty() {
        parts.text("NULL");
    }
    List(parts)
}

/// What `sql!` builds: text, and what stands in its holes.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub struct SqlParts(pub(super) Fragment);

impl SqlParts {
    /// Nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds text of the program.
    pub fn text(&mut self, text: &'static str) {
        self.0.text(text);
    }

    /// Adds what stands in a hole.
    pub fn hole<K, H: Hole<K>>(&mut self, hole: &H) {
        hole.add(self);
    }

    /// The statement.
    pub fn finish(self) -> Raw<NoRows> {
        Raw::of(self.0)
    }
}
