//! Typed primary keys, simple and composite.

use std::fmt::Debug;
use std::hash::Hash;

use crate::cells::Cells;
use crate::row::{ColumnError, Row};
use crate::types::{ColumnType, SqlType};

/// A primary key: one value that can be ordered and hashed, or a tuple of up to four.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a primary key",
    note = "a key is an integer, `bool`, `String`, `Vec<u8>` or another type that can be ordered, never nullable, or a tuple of these"
)]
pub trait Key: Clone + Eq + Hash + Ord + Debug + Send + Sync + 'static {
    /// How many columns it has.
    const WIDTH: usize;
    /// Their types.
    const TYPES: &'static [ColumnType];

    /// Adds one of its columns, from 0, to a parameter row.
    fn encode_part(&self, part: usize, cells: &mut Cells);

    /// Reads it from `Self::WIDTH` neighbouring columns.
    ///
    /// # Errors
    /// If a value does not fit.
    fn decode(row: &Row<'_>, at: usize) -> Result<Self, ColumnError>;

    /// Adds all its columns to a parameter row.
    fn encode(&self, cells: &mut Cells) {
        for part in 0..Self::WIDTH {
            self.encode_part(part, cells);
        }
    }
}

impl<T: SqlType<Base = T> + Clone + Eq + Hash + Ord + Debug> Key for T {
    const WIDTH: usize = 1;
    const TYPES: &'static [ColumnType] = &[T::TYPE];

    fn encode_part(&self, _part: usize, cells: &mut Cells) {
        SqlType::encode(self, cells);
    }

    #[inline]
    fn decode(row: &Row<'_>, at: usize) -> Result<Self, ColumnError> {
        row.get(at)
    }
}

/// What can stand for a key in a call: an `i64` for `i64`, a `&str` for `String`, tuples of these.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct Seat {
///     #[key]
///     row: String,
///     #[key]
///     number: i32,
///     taken: bool,
/// }
///
/// engine.create_all(&schema![Seat]).await?;
/// let mut session = engine.session();
/// let seat = session.add(Seat { row: "A".into(), number: 7, taken: true });
/// session.commit().await?;
/// assert_eq!(session.get::<Seat>(("A", 7)).await?, Some(seat)); // borrowed text will do
/// assert_eq!(session.get::<Seat>(("B", 7)).await?, None);
/// # Ok(()) });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key of this entity, whose key is `{K}`",
    label = "the key is `{K}`"
)]
pub trait KeyArg<K>: Send {
    /// The key.
    fn into_key(self) -> K;
}

macro_rules! key_arg_itself {
    ($($type:ty)*) => {$(
        impl KeyArg<$type> for $type {
            fn into_key(self) -> $type {
                self
            }
        }
    )*};
}

key_arg_itself!(i8 i16 i32 i64 u8 u16 u32 u64 bool String Vec<u8>);

impl KeyArg<String> for &str {
    fn into_key(self) -> String {
        self.to_owned()
    }
}

impl KeyArg<String> for &String {
    fn into_key(self) -> String {
        self.clone()
    }
}

impl KeyArg<Vec<u8>> for &[u8] {
    fn into_key(self) -> Vec<u8> {
        self.to_vec()
    }
}

macro_rules! tuple_key {
    ($count:literal; $($key:ident $arg:ident $at:tt),*) => {
        impl<$($key: Key + SqlType),*> Key for ($($key,)*) {
            const WIDTH: usize = $count;
            const TYPES: &'static [ColumnType] = &[$(<$key as SqlType>::TYPE),*];

            fn encode_part(&self, part: usize, cells: &mut Cells) {
                match part {
                    $($at => SqlType::encode(&self.$at, cells),)*
                    _ => unreachable!("a key of {} columns has no column {part}", $count),
                }
            }

            fn decode(row: &Row<'_>, at: usize) -> Result<Self, ColumnError> {
                Ok(($(row.get::<$key>(at + $at)?,)*))
            }
        }

        impl<$($key: Key,)* $($arg: KeyArg<$key>),*> KeyArg<($($key,)*)> for ($($arg,)*) {
            fn into_key(self) -> ($($key,)*) {
                ($(self.$at.into_key(),)*)
            }
        }
    };
}

tuple_key!(2; A X 0, B Y 1);
tuple_key!(3; A X 0, B Y 1, C Z 2);
tuple_key!(4; A X 0, B Y 1, C Z 2, D W 3);
