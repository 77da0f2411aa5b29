//! Structs whose fields are columns of the entity that has them: what `#[derive(Embedded)]` implements.

use std::fmt;

use super::{ColumnMeta, Entity};
use crate::cells::Cells;
use crate::row::{ColumnError, Misfit, Row};
use crate::types::ColumnType;
use crate::value::ValueRef;

/// A struct whose fields are columns of the entities that have a field of it. Derived, never written by hand.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// #[derive(Clone, Debug, Default, Embedded)]
/// struct Money {
///     amount: i64,
///     currency: String,
/// }
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct Invoice {
///     #[key(auto)]
///     id: i64,
///     #[embedded]
///     total: Money, // total_amount, total_currency
/// }
///
/// engine.create_all(&schema![Invoice]).await?;
/// let total = Money { amount: 300, currency: "EUR".into() };
/// engine.insert_many([Invoice { total, ..Default::default() }]).await?;
/// let large = Invoice::select().filter(Invoice::TOTAL.amount().gt(100));
/// assert_eq!(engine.one(large).await?.total.currency, "EUR");
/// # Ok(()) });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be embedded in an entity",
    label = "not a struct of columns",
    note = "write `#[derive(Clone, Embedded)]` on the struct"
)]
pub trait Embedded: Clone + Send + Sync + Sized + 'static {
    /// How many columns it has.
    #[doc(hidden)]
    const WIDTH: usize;
    /// Its columns, without a prefix.
    #[doc(hidden)]
    const COLUMNS: &'static [ColumnMeta];
    /// Its columns in an entity, from a position on: a method for each field.
    type Columns<E: Entity, const FIRST: usize>: ColumnsFrom;

    /// Reads its columns, the first of which stands at `first`.
    ///
    /// # Errors
    /// If a value does not fit its field.
    #[doc(hidden)]
    fn decode(row: &Row<'_>, first: usize) -> Result<Self, ColumnError>;

    /// Adds the value of one of its columns.
    #[doc(hidden)]
    fn encode(&self, column: usize, cells: &mut Cells);

    /// Adds the columns in which it would be stored otherwise than another; the first of its own is `first`.
    #[doc(hidden)]
    fn differences(&self, other: &Self, first: usize, columns: &mut Vec<u16>);

    /// Sets one of its columns.
    ///
    /// # Errors
    /// If the value does not fit the field.
    #[doc(hidden)]
    fn assign(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), Misfit>;
}

/// The columns of an embedded struct in an entity: they are known by their type.
#[doc(hidden)]
pub trait ColumnsFrom: Copy + fmt::Debug {
    /// The only one.
    const NEW: Self;
}

/// The names of an embedded column, behind what stands before them in an entity.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Label {
    column: Joined,
    field: Joined,
}

/// Those of the columns of an embedded struct, `N` of them: `home_` before the names of columns, `home.` before those of fields.
#[doc(hidden)]
pub const fn labels<const N: usize>(prefix: &str, field: &str, columns: &[ColumnMeta]) -> [Label; N] {
    let mut labels = [Label { column: Joined::EMPTY, field: Joined::EMPTY }; N];
    let mut at = 0;
    while at < N {
        labels[at].column = Joined::new(prefix, columns[at].name);
        labels[at].field = Joined::new(field, columns[at].field);
        at += 1;
    }
    labels
}

/// The longest name that is made.
const LONGEST: usize = 127;

/// A text of two parts.
#[derive(Clone, Copy, Debug)]
struct Joined {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Joined {
    const EMPTY: Self = Self { bytes: [0; LONGEST], length: 0 };

    const fn new(first: &str, second: &str) -> Self {
        assert!(
            first.len() + second.len() <= LONGEST,
            "the name of an embedded column is too long: give the field a shorter prefix"
        );
        let mut joined = Self::EMPTY;
        joined.push(first.as_bytes());
        joined.push(second.as_bytes());
        joined
    }

    const fn push(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            self.bytes[self.length] = bytes[at];
            self.length += 1;
            at += 1;
        }
    }

    const fn text(&'static self) -> &'static str {
        match str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => panic!("two texts are one"),
        }
    }
}

/// All columns of an entity that embeds structs, `N` of them: its own, then theirs, each struct with its labels.
#[doc(hidden)]
pub const fn joined_columns<const N: usize>(
    own: &[ColumnMeta],
    embedded: &[(&[ColumnMeta], &'static [Label])],
) -> [ColumnMeta; N] {
    let mut columns = [EMPTY; N];
    let mut at = 0;
    while at < own.len() {
        columns[at] = own[at];
        at += 1;
    }
    let mut part = 0;
    while part < embedded.len() {
        let (theirs, labels) = embedded[part];
        let mut inner = 0;
        while inner < theirs.len() {
            columns[at] = theirs[inner];
            columns[at].name = labels[inner].column.text();
            columns[at].field = labels[inner].field.text();
            at += 1;
            inner += 1;
        }
        part += 1;
    }
    assert!(at == N, "each column has its place");
    check_names(&columns);
    columns
}

const EMPTY: ColumnMeta = ColumnMeta {
    name: "",
    field: "",
    ty: ColumnType::Text,
    nullable: false,
    unique: false,
    index: false,
    default: None,
    generated: None,
    references: None,
};

/// Databases tell names apart without regard to case.
const fn check_names(columns: &[ColumnMeta]) {
    let mut left = 0;
    while left < columns.len() {
        let mut right = left + 1;
        while right < columns.len() {
            assert!(
                !columns[left].name.eq_ignore_ascii_case(columns[right].name),
                "two columns of this entity have the same name: give the embedded field another prefix, \
                 `#[embedded(prefix = \"..\")]`"
            );
            right += 1;
        }
        left += 1;
    }
}
