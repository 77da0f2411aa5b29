//! Lists of values in one column.

use super::{ColumnType, SqlType};
use crate::cells::Cells;
use crate::row::Misfit;
use crate::value::ValueRef;
use crate::value::wire::{Array, WireType};

/// A type that a list in one column can be made of: `Vec<T>` and `Vec<Option<T>>` are arrays.
///
/// All column types but `u8` (`Vec<u8>` is bytes) and arrays. A type of your own that implements [`SqlType`] by one that
/// is listed here needs one line more: `impl anyorm::Element for UserId {}`.
///
/// PostgreSQL has arrays. SQLite has not: there, `Json<Vec<T>>` stores a list.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of an array",
    label = "no element of an array",
    note = "arrays hold integers but u8, f32, f64, bool, String, Vec<u8>, Json, times, decimal numbers, addresses, UUIDs, and \
            `Option` of these; a type of your own needs `impl anyorm::Element`; `Json<Vec<T>>` holds any serde type"
)]
pub trait Element: SqlType {}

macro_rules! element {
    ($($type:ty)*) => {$(
        impl Element for $type {}
    )*};
}

element!(i8 i16 i32 i64 u16 u32 u64 f32 f64 bool String Vec<u8>);

impl<T> Element for super::Json<T> where Self: SqlType<Base = Self> {}

impl<T: Element + SqlType<Base = T>> Element for Option<T> {}

impl<T: Element> SqlType for Vec<T> {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Array(&T::TYPE);

    fn encode(&self, cells: &mut Cells) {
        let mut elements = Cells::default();
        elements.reserve(self.len());
        self.iter().for_each(|element| element.encode(&mut elements));
        cells.array(T::TYPE, &elements);
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        const EXPECTED: &str = "an array of one dimension";
        let ValueRef::Wire(WireType::Array, form) = value else {
            return Err(Misfit::kind(EXPECTED, value));
        };
        let Some(array) = Array::read(form) else {
            return Err(Misfit { expected: EXPECTED, found: "bytes that are no array".to_owned() });
        };
        if !array.is_flat() {
            let found = format!("an array of {} dimensions", array.dimensions());
            return Err(Misfit { expected: EXPECTED, found });
        }
        array.elements().map(T::decode).collect()
    }
}
