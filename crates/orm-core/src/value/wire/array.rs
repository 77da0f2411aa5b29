//! Arrays: their elements as values, from the form of the wire and into it.

use crate::types::ColumnType;
use crate::value::ValueRef;

use super::{WireType, known, oid, take, text};

/// As PostgreSQL has it.
const MOST_DIMENSIONS: usize = 6;

/// An array that is being read.
#[derive(Clone, Copy, Debug)]
pub struct Array<'a> {
    /// The type of its elements, by PostgreSQL's number. 0 for a type that the database defines for itself, on the way
    /// to it.
    element: u32,
    /// How many elements, and the number of the first, by dimension.
    dimensions: [(i32, i32); MOST_DIMENSIONS],
    count: usize,
    len: usize,
    elements: &'a [u8],
}

impl<'a> Array<'a> {
    /// An array in the form of the wire, whose elements are all there.
    pub fn read(mut form: &'a [u8]) -> Option<Self> {
        let mut next = || take::<4>(&mut form).map(i32::from_be_bytes);
        let count = usize::try_from(next()?).ok().filter(|&count| count <= MOST_DIMENSIONS)?;
        let (_has_nulls, element) = (next()?, next()? as u32);
        let mut dimensions = [(0, 0); MOST_DIMENSIONS];
        for dimension in &mut dimensions[..count] {
            *dimension = (next()?, next()?);
        }
        let sizes = dimensions[..count].iter().map(|&(len, _)| usize::try_from(len).ok());
        let len = match count {
            0 => 0,
            _ => sizes.reduce(|all, size| all?.checked_mul(size?)).flatten()?,
        };
        let array = Self { element, dimensions, count, len, elements: form };
        let mut rest = form;
        for _ in 0..len {
            next_element(&mut rest)?;
        }
        rest.is_empty().then_some(array)
    }

    /// The type of its elements, by PostgreSQL's number.
    pub fn element(&self) -> u32 {
        self.element
    }

    /// How many elements it has, in all dimensions.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many dimensions it has. Without elements it has none.
    pub fn dimensions(&self) -> usize {
        self.count
    }

    /// Whether it is a plain list.
    pub fn is_flat(&self) -> bool {
        self.count <= 1
    }

    /// The bytes of each element, in the form of its type; `None` is NULL.
    pub fn raw(&self) -> impl ExactSizeIterator<Item = Option<&'a [u8]>> + use<'a> {
        let mut rest = self.elements;
        // All were seen to be there.
        (0..self.len).map(move |_| next_element(&mut rest).flatten())
    }

    /// Each element.
    pub fn elements(&self) -> impl ExactSizeIterator<Item = ValueRef<'a>> + use<'a> {
        let element = self.element;
        self.raw().map(move |raw| raw.map_or(ValueRef::Null, |raw| value(element, raw)))
    }

    /// Adds the array as PostgreSQL writes it: `{1,NULL,3}`.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        if self.is_empty() {
            return out.extend(b"{}");
        }
        let dimensions = &self.dimensions[..self.count];
        if dimensions.iter().any(|&(_, first)| first != 1) {
            for (len, first) in dimensions {
                out.extend(format!("[{first}:{}]", i64::from(*first) + i64::from(*len) - 1).as_bytes());
            }
            out.push(b'=');
        }
        write_dimension(dimensions, &mut self.elements(), out);
    }
}

fn write_dimension<'a>(
    dimensions: &[(i32, i32)],
    elements: &mut impl Iterator<Item = ValueRef<'a>>,
    out: &mut Vec<u8>,
) {
    let Some((&(len, _), inner)) = dimensions.split_first() else {
        return elements.next().into_iter().for_each(|element| write_element(element, out));
    };
    out.push(b'{');
    for at in 0..len {
        if at > 0 {
            out.push(b',');
        }
        write_dimension(inner, elements, out);
    }
    out.push(b'}');
}

fn write_element(element: ValueRef<'_>, out: &mut Vec<u8>) {
    if element == ValueRef::Null {
        return out.extend(b"NULL");
    }
    let mut plain = Vec::new();
    text::write(element, &mut plain);
    let is_safe = |&byte: &u8| !matches!(byte, b'{' | b'}' | b',' | b'"' | b'\\' | b' ' | 0x09..=0x0d);
    if !plain.is_empty() && plain.iter().all(is_safe) && !plain.eq_ignore_ascii_case(b"null") {
        return out.extend(plain);
    }
    out.push(b'"');
    for byte in plain {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// What the database defines for itself is read as text: enum types, mostly. No text has a zero byte.
fn value(element: u32, raw: &[u8]) -> ValueRef<'_> {
    let value = match element {
        0 | oid::FIRST_OWN.. => (!raw.contains(&0) && raw.first() != Some(&1)).then_some(ValueRef::Text(raw)),
        _ => known::value(element, raw),
    };
    value.unwrap_or(ValueRef::Wire(WireType::Unread, b"unknown, in an array"))
}

/// `None` where an element ends too soon, `Some(None)` for NULL.
fn next_element<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    match i32::from_be_bytes(take(rest)?) {
        -1 => Some(None),
        len => {
            let (element, after) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            *rest = after;
            Some(Some(element))
        }
    }
}

/// The form of an array of these values, which are of the column type `element`. `None` if one is not.
pub(crate) fn write<'a>(
    element: ColumnType,
    values: impl ExactSizeIterator<Item = ValueRef<'a>>,
) -> Option<Vec<u8>> {
    let mut form = Writer::new(oid_of(element), values.len());
    for value in values {
        match value {
            ValueRef::Null => form.null(),
            value => form.element(|out| write_value(element, value, out))?,
        }
    }
    Some(form.finish())
}

/// An array of one dimension that is being written.
#[derive(Debug)]
pub struct Writer {
    form: Vec<u8>,
    nulls: bool,
}

impl Writer {
    /// An array of `len` elements of a type, by PostgreSQL's number.
    pub fn new(element: u32, len: usize) -> Self {
        let mut form = Vec::with_capacity(20 + len * 12);
        // An array without elements has no dimension.
        form.extend(i32::from(len > 0).to_be_bytes());
        form.extend(0_i32.to_be_bytes());
        form.extend(element.to_be_bytes());
        if len > 0 {
            let len = i32::try_from(len).expect("one array has fewer elements than 2^31");
            form.extend(len.to_be_bytes());
            form.extend(1_i32.to_be_bytes());
        }
        Self { form, nulls: false }
    }

    /// Adds NULL.
    pub fn null(&mut self) {
        self.nulls = true;
        self.form.extend((-1_i32).to_be_bytes());
    }

    /// Adds the element that `write` adds the bytes of.
    pub fn element<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let at = self.form.len();
        self.form.extend([0; 4]);
        let result = write(&mut self.form);
        let len = i32::try_from(self.form.len() - at - 4).expect("one value is less than 2 GiB");
        self.form[at..at + 4].copy_from_slice(&len.to_be_bytes());
        result
    }

    /// The form.
    pub fn finish(mut self) -> Vec<u8> {
        self.form[7] = u8::from(self.nulls);
        self.form
    }
}

fn oid_of(ty: ColumnType) -> u32 {
    match ty {
        ColumnType::SmallInt => oid::INT2,
        ColumnType::Int => oid::INT4,
        ColumnType::BigInt => oid::INT8,
        ColumnType::Real => oid::FLOAT4,
        ColumnType::Double => oid::FLOAT8,
        ColumnType::Bool => oid::BOOL,
        ColumnType::Text => oid::TEXT,
        ColumnType::Bytes => oid::BYTEA,
        ColumnType::Json => oid::JSONB,
        ColumnType::Uuid => oid::UUID,
        ColumnType::Timestamp => oid::TIMESTAMPTZ,
        ColumnType::Date => oid::DATE,
        ColumnType::Time => oid::TIME,
        ColumnType::DateTime => oid::TIMESTAMP,
        ColumnType::Numeric => oid::NUMERIC,
        ColumnType::Inet => oid::INET,
        // Numbered by the database.
        ColumnType::Enum(_) | ColumnType::Array(_) => 0,
    }
}

fn write_value(ty: ColumnType, value: ValueRef<'_>, out: &mut Vec<u8>) -> Option<()> {
    match (ty, value) {
        (ColumnType::SmallInt, ValueRef::Int(value)) => {
            out.extend(i16::try_from(value).ok()?.to_be_bytes());
        }
        (ColumnType::Int, ValueRef::Int(value)) => out.extend(i32::try_from(value).ok()?.to_be_bytes()),
        (ColumnType::BigInt, ValueRef::Int(value)) => out.extend(value.to_be_bytes()),
        // Widened from an f32: nothing is lost.
        (ColumnType::Real, ValueRef::Float(value)) => out.extend((value as f32).to_be_bytes()),
        (ColumnType::Double, ValueRef::Float(value)) => out.extend(value.to_be_bytes()),
        (ColumnType::Bool, ValueRef::Bool(value)) => out.push(u8::from(value)),
        (ColumnType::Json, ValueRef::Text(value)) => {
            out.push(1);
            out.extend(value);
        }
        (ColumnType::Text | ColumnType::Enum(_), ValueRef::Text(value))
        | (ColumnType::Bytes, ValueRef::Bytes(value))
        | (ColumnType::Uuid, ValueRef::Wire(WireType::Uuid, value))
        | (ColumnType::Timestamp, ValueRef::Wire(WireType::Timestamp, value))
        | (ColumnType::Date, ValueRef::Wire(WireType::Date, value))
        | (ColumnType::Time, ValueRef::Wire(WireType::Time, value))
        | (ColumnType::DateTime, ValueRef::Wire(WireType::DateTime, value))
        | (ColumnType::Numeric, ValueRef::Wire(WireType::Numeric, value))
        | (ColumnType::Inet, ValueRef::Wire(WireType::Inet, value)) => out.extend(value),
        _ => return None,
    }
    Some(())
}
