//! Parameter rows as one flat buffer: cells that point into one byte vector, no allocation per row or value.

use std::cmp::Ordering;

use crate::dialect::Dialect;
use crate::types::ColumnType;
use crate::value::wire::{self, WireType};
use crate::value::{Value, ValueRef};

/// One parameter of a program.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// An integer.
    Int(i64),
    /// A floating point number.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// Text: a range of [`Cells::bytes`].
    Text {
        /// Where it begins.
        start: u32,
        /// Its length in bytes.
        len: u32,
    },
    /// Bytes: a range of [`Cells::bytes`].
    Bytes {
        /// Where they begin.
        start: u32,
        /// Their length.
        len: u32,
    },
    /// A value of another type, in the form that PostgreSQL's wire has for it: a range of [`Cells::bytes`].
    Wire {
        /// Its type.
        ty: WireType,
        /// Where it begins.
        start: u32,
        /// Its length in bytes.
        len: u32,
    },
    /// A value that an earlier step of the same program answers: the generated key of a parent, say.
    From {
        /// The earlier step.
        step: u16,
        /// The column of its answer, from 0. The generated key of an insert is column 0.
        column: u16,
        /// The row of its answer, from 0.
        row: u32,
    },
    /// All values of one column of an earlier step, for `IN (..)`. The step's shape says where the list stands
    /// ([`StatementShape::list`](crate::program::StatementShape::list)); the driver expands it. NULLs are left out and equal values are sent once.
    List {
        /// The earlier step.
        step: u16,
        /// The first column of its answer that is part of the key.
        column: u16,
        /// How many columns make one element: more than 1 for a composite key.
        width: u16,
    },
}

/// A list of cells with the bytes that they point to.
///
/// ```
/// use orm_core::{Cells, ValueRef};
/// let mut cells = Cells::default();
/// cells.int(7);
/// cells.text("Ada");
/// assert_eq!(cells.len(), 2);
/// assert_eq!(cells.value(1), ValueRef::Text(b"Ada"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cells {
    cells: Vec<Cell>,
    bytes: Vec<u8>,
    /// The first cell that cannot be sent.
    fault: Option<Box<Fault>>,
    /// Whether a value was ever added that not every database takes: whoever takes less need not look through every
    /// program.
    rare: bool,
}

/// A value that no database takes, found while it was encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The cell.
    pub cell: usize,
    /// What is wrong with it, in words.
    pub reason: String,
}

impl Cells {
    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The cells themselves.
    #[inline]
    pub fn as_slice(&self) -> &[Cell] {
        &self.cells
    }

    /// The bytes that text and byte cells point into.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first cell that cannot be sent: text with a NUL character, or a value that serde cannot write as JSON.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_deref()
    }

    /// The first cell that a database does not take, although others do, and what is to be said of it.
    pub fn untaken(&self, dialect: &Dialect) -> Option<(usize, String)> {
        if !self.rare {
            return None;
        }
        self.cells.iter().enumerate().find_map(|(at, &cell)| match cell {
            Cell::Float(value) if value.is_nan() && !dialect.stores_nan => {
                let reason =
                    format!("NaN, which {} stores as NULL: send None if that is meant", dialect.name);
                Some((at, reason))
            }
            Cell::Wire { ty: WireType::Array, .. } if !dialect.arrays => {
                let reason = format!("an array, which {} has not: use `Json<Vec<T>>`", dialect.name);
                Some((at, reason))
            }
            Cell::Wire { ty, start, len } if !dialect.far_years => {
                let form = &self.bytes[start as usize..][..len as usize];
                wire::civil::is_far(ty, form).then(|| {
                    let (kind, text, name) = (ty.kind(), ty.text(form), dialect.name);
                    (
                        at,
                        format!(
                            "{kind}, {text}, outside of the years 1 to 9999, which is all that {name} stores"
                        ),
                    )
                })
            }
            _ => None,
        })
    }

    /// Adds NULL in place of a value that cannot be sent, and remembers why: the program is refused before any I/O.
    pub fn refuse(&mut self, reason: impl Into<String>) {
        let cell = self.cells.len();
        self.fault.get_or_insert_with(|| Box::new(Fault { cell, reason: reason.into() }));
        self.null();
    }

    /// Makes room for `cells` more.
    pub fn reserve(&mut self, cells: usize) {
        self.cells.reserve(cells);
    }

    /// Makes room for `bytes` more of text and bytes. A guess will do: of a very large one, only a part is taken.
    pub fn reserve_bytes(&mut self, bytes: usize) {
        const MOST: usize = 4 << 20;
        self.bytes.reserve(bytes.min(MOST));
    }

    /// Forgets all cells, keeps the memory.
    pub fn clear(&mut self) {
        self.cells.clear();
        self.bytes.clear();
        self.fault = None;
        self.rare = false;
    }

    /// Forgets every cell from `len` on, as if it had never been pushed.
    pub fn truncate(&mut self, len: usize) {
        for cell in self.cells.drain(len.min(self.cells.len())..).rev() {
            if let Cell::Text { start, .. } | Cell::Bytes { start, .. } | Cell::Wire { start, .. } = cell {
                self.bytes.truncate(start as usize);
            }
        }
        self.fault = self.fault.take().filter(|fault| fault.cell < len);
    }

    /// Adds NULL.
    #[inline]
    pub fn null(&mut self) {
        self.cells.push(Cell::Null);
    }

    /// Adds an integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        self.cells.push(Cell::Int(value));
    }

    /// Adds a floating point number.
    #[inline]
    pub fn float(&mut self, value: f64) {
        self.rare |= value.is_nan();
        self.cells.push(Cell::Float(value));
    }

    /// Adds a boolean.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.cells.push(Cell::Bool(value));
    }

    /// Adds text.
    #[inline]
    pub fn text(&mut self, value: &str) {
        if has_nul(value.as_bytes()) {
            return self.refuse("text with a NUL character, which no database stores whole");
        }
        let (start, len) = self.store(value.as_bytes());
        self.cells.push(Cell::Text { start, len });
    }

    /// Adds bytes.
    #[inline]
    pub fn blob(&mut self, value: &[u8]) {
        let (start, len) = self.store(value);
        self.cells.push(Cell::Bytes { start, len });
    }

    /// Adds a value in the form of its type.
    #[inline]
    pub fn wire(&mut self, ty: WireType, value: &[u8]) {
        let (start, len) = self.store(value);
        self.rare |= ty == WireType::Array || wire::civil::is_far(ty, value);
        self.cells.push(Cell::Wire { ty, start, len });
    }

    /// Adds an array whose elements are of type `element`. It is refused if one of them is.
    pub(crate) fn array(&mut self, element: ColumnType, elements: &Cells) {
        if let Some(fault) = elements.fault() {
            return self.refuse(format!("an array with {}", fault.reason));
        }
        let values = (0..elements.len()).map(|at| elements.value(at));
        match wire::array::write(element, values) {
            Some(form) => self.wire(WireType::Array, &form),
            None => self.refuse("an array whose elements are not of the type of their column"),
        }
    }

    /// Adds a cell that refers to an earlier step.
    ///
    /// # Panics
    /// If the cell has bytes: those enter by [`Cells::text`], [`Cells::blob`] and [`Cells::wire`].
    pub fn push(&mut self, cell: Cell) {
        assert!(!has_bytes(cell), "text and bytes are stored by value");
        self.cells.push(cell);
    }

    /// Adds an owned value.
    pub fn value_of(&mut self, value: &Value) {
        match value {
            Value::Null => self.null(),
            Value::Int(v) => self.int(*v),
            Value::Float(v) => self.float(*v),
            Value::Bool(v) => self.bool(*v),
            Value::Text(v) => self.text(v),
            Value::Bytes(v) => self.blob(v),
            Value::Wire(ty, v) => self.wire(*ty, v),
        }
    }

    /// Adds a borrowed value. Text that is not UTF-8 goes in as the bytes it is.
    pub fn value_ref(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.null(),
            ValueRef::Int(v) => self.int(v),
            ValueRef::Float(v) => self.float(v),
            ValueRef::Bool(v) => self.bool(v),
            ValueRef::Text(v) => {
                let (start, len) = self.store(v);
                self.cells.push(Cell::Text { start, len });
            }
            ValueRef::Bytes(v) => self.blob(v),
            ValueRef::Wire(ty, v) => self.wire(ty, v),
        }
    }

    /// Adds the plain cells of another buffer.
    pub fn append(&mut self, other: &Cells) {
        for at in 0..other.len() {
            match other.fault() {
                Some(fault) if fault.cell == at => self.refuse(fault.reason.clone()),
                _ => self.value_ref(other.value(at)),
            }
        }
    }

    /// Replaces the cell at `index` by a reference to an earlier step, or by a plain cell without bytes.
    ///
    /// # Panics
    /// If `index` is out of range, or the cell has bytes.
    pub fn set(&mut self, index: usize, cell: Cell) {
        assert!(!has_bytes(cell), "text and bytes are stored by value");
        self.cells[index] = cell;
    }

    /// Moves the last cell to `index`, in the place of the one there.
    ///
    /// # Panics
    /// If `index` is out of range, or the last one.
    pub fn move_last(&mut self, index: usize) {
        if let Some(cell) = self.cells.pop() {
            self.cells[index] = cell;
        }
    }

    /// The value of a plain cell. A reference to an earlier step reads as NULL: only a driver can follow it.
    ///
    /// # Panics
    /// If `index` is out of range.
    #[inline]
    pub fn value(&self, index: usize) -> ValueRef<'_> {
        match self.cells[index] {
            Cell::Null | Cell::From { .. } | Cell::List { .. } => ValueRef::Null,
            Cell::Int(v) => ValueRef::Int(v),
            Cell::Float(v) => ValueRef::Float(v),
            Cell::Bool(v) => ValueRef::Bool(v),
            Cell::Text { start, len } => ValueRef::Text(&self.bytes[start as usize..(start + len) as usize]),
            Cell::Bytes { start, len } => {
                ValueRef::Bytes(&self.bytes[start as usize..(start + len) as usize])
            }
            Cell::Wire { ty, start, len } => {
                ValueRef::Wire(ty, &self.bytes[start as usize..(start + len) as usize])
            }
        }
    }

    /// How the values of the cells at two places are ordered: integers by what they are, text, bytes and values in the
    /// form of their type by their bytes, which for UUIDs is how a database orders them. Whatever else counts as equal.
    ///
    /// # Panics
    /// If an index is out of range.
    #[inline]
    pub fn order(&self, left: usize, right: usize) -> Ordering {
        match (self.value(left), self.value(right)) {
            (ValueRef::Int(left), ValueRef::Int(right)) => left.cmp(&right),
            (ValueRef::Text(left), ValueRef::Text(right))
            | (ValueRef::Bytes(left), ValueRef::Bytes(right))
            | (ValueRef::Wire(_, left), ValueRef::Wire(_, right)) => left.cmp(right),
            _ => Ordering::Equal,
        }
    }

    /// Whether the cells at two places would store the same: NaN equals NaN, 0.0 differs from -0.0.
    ///
    /// # Panics
    /// If an index is out of range.
    pub fn same(&self, left: usize, right: usize) -> bool {
        match (self.value(left), self.value(right)) {
            (ValueRef::Float(a), ValueRef::Float(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b && self.reference(left) == self.reference(right),
        }
    }

    /// Whether two values, each as one cell, would store the same. One that cannot be sent is like no other.
    pub(crate) fn stores_same(left: impl FnOnce(&mut Self), right: impl FnOnce(&mut Self)) -> bool {
        let mut cells = Self::default();
        left(&mut cells);
        right(&mut cells);
        cells.fault.is_none() && cells.same(0, 1)
    }

    /// The values as bytes that are equal exactly where all values would be stored the same: a key for maps. References
    /// to earlier steps count as NULL.
    pub fn fingerprint(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.cells.len() * 9 + self.bytes.len());
        for index in 0..self.len() {
            match self.value(index) {
                ValueRef::Null => out.push(0),
                ValueRef::Int(v) => {
                    out.push(1);
                    out.extend(v.to_le_bytes());
                }
                ValueRef::Float(v) => {
                    out.push(2);
                    out.extend(v.to_bits().to_le_bytes());
                }
                ValueRef::Bool(v) => out.extend([3, u8::from(v)]),
                ValueRef::Text(v) | ValueRef::Bytes(v) => {
                    out.push(if matches!(self.cells[index], Cell::Text { .. }) { 4 } else { 5 });
                    out.extend((v.len() as u64).to_le_bytes());
                    out.extend(v);
                }
                ValueRef::Wire(ty, v) => {
                    out.push(6 + ty as u8);
                    out.extend((v.len() as u64).to_le_bytes());
                    out.extend(v);
                }
            }
        }
        out
    }

    fn reference(&self, index: usize) -> Option<Cell> {
        match self.cells[index] {
            cell @ (Cell::From { .. } | Cell::List { .. }) => Some(cell),
            _ => None,
        }
    }

    #[inline]
    fn store(&mut self, value: &[u8]) -> (u32, u32) {
        let start = u32::try_from(self.bytes.len()).expect("one program carries less than 4 GiB");
        let len = u32::try_from(value.len()).expect("one value is less than 4 GiB");
        self.bytes.extend_from_slice(value);
        (start, len)
    }
}

fn has_bytes(cell: Cell) -> bool {
    matches!(cell, Cell::Text { .. } | Cell::Bytes { .. } | Cell::Wire { .. })
}

/// Whether there is a zero among the bytes. Texts are short, and each is asked: eight bytes at a time, the last eight
/// once more where the length is not a multiple.
#[inline]
fn has_nul(bytes: &[u8]) -> bool {
    let (Some(last), mut chunks) = (bytes.last_chunk::<8>(), bytes.chunks_exact(8)) else {
        return bytes.contains(&0);
    };
    chunks.any(|chunk| chunk.first_chunk().is_some_and(zero_among)) || zero_among(last)
}

/// A byte borrows from its neighbour's high bit when one is taken from it only where it was zero.
#[inline]
fn zero_among(bytes: &[u8; 8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    let word = u64::from_ne_bytes(*bytes);
    word.wrapping_sub(ONES) & !word & HIGHS != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_found_wherever_it_stands() {
        for len in 0..40 {
            for fill in [1, 0x7f, 0x80, 0xff] {
                let mut bytes = vec![fill; len];
                assert!(!has_nul(&bytes), "{len} bytes of {fill}");
                for at in 0..len {
                    bytes[at] = 0;
                    assert!(has_nul(&bytes), "{at} of {len} bytes of {fill}");
                    bytes[at] = fill;
                }
            }
        }
    }

    #[test]
    fn order_is_that_of_a_database() {
        let mut cells = Cells::default();
        [i64::MIN, -2, -1, 0, 1, 2, 256, i64::MAX].into_iter().for_each(|value| cells.int(value));
        for form in [[0_u8, 9], [1, 0], [0x7f, 1], [0x80, 0], [0xff, 0xff]] {
            cells.wire(WireType::Uuid, &form);
        }
        for part in [0..8, 8..13] {
            for (left, right) in part.clone().flat_map(|left| part.clone().map(move |right| (left, right))) {
                assert_eq!(cells.order(left, right), left.cmp(&right), "{left} and {right}");
            }
        }
        assert_eq!(cells.order(0, 9), Ordering::Equal, "of different types");
    }

    #[test]
    fn truncate_takes_the_bytes_and_the_fault_back() {
        let mut cells = Cells::default();
        cells.text("keep");
        cells.text("go\0ne");
        cells.blob(&[1, 2]);
        assert_eq!(cells.fault().map(|fault| fault.cell), Some(1));
        cells.truncate(1);
        assert_eq!((cells.len(), cells.bytes(), cells.fault()), (1, &b"keep"[..], None));
    }

    #[test]
    fn same_compares_what_would_be_stored() {
        let mut cells = Cells::default();
        cells.float(f64::NAN);
        cells.float(f64::NAN);
        cells.float(0.0);
        cells.float(-0.0);
        cells.text("1");
        cells.int(1);
        assert!(cells.same(0, 1));
        assert!(!cells.same(2, 3));
        assert!(!cells.same(4, 5));
    }

    #[test]
    fn fingerprints_tell_values_apart() {
        let of = |fill: &dyn Fn(&mut Cells)| {
            let mut cells = Cells::default();
            fill(&mut cells);
            cells.fingerprint()
        };
        assert_eq!(of(&|cells| cells.text("a")), of(&|cells| cells.text("a")));
        assert_ne!(of(&|cells| cells.text("1")), of(&|cells| cells.int(1)));
        assert_ne!(of(&|cells| cells.text("a")), of(&|cells| cells.blob(b"a")));
        let split = |a: &'static str, b: &'static str| {
            of(&move |cells| {
                cells.text(a);
                cells.text(b);
            })
        };
        assert_ne!(split("ab", "c"), split("a", "bc"));
    }

    #[test]
    fn a_cell_is_sixteen_bytes() {
        assert_eq!(size_of::<Cell>(), 16);
    }
}
