//! `IN (..)` over the answer of an earlier step: the elements, and the size of the chunks they are sent in.

use std::collections::HashSet;

use orm_core::ValueRef;

use super::Answers;

/// The most elements that one statement takes. Longer lists are run in chunks.
pub(crate) const CHUNK: usize = 1_024;

/// Where the elements of a list are: columns of the rows of an earlier step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    pub(crate) step: u16,
    pub(crate) column: u16,
    pub(crate) width: u16,
}

impl List {
    /// The rows whose elements are to be sent: without those that have a NULL, and each element once.
    pub(crate) fn elements(self, answers: &Answers) -> Vec<usize> {
        let rows = (0..answers.rows(self.step)).filter(|&row| {
            (0..self.width).all(|part| answers.at(self.step, self.column + part, row) != ValueRef::Null)
        });
        let rows: Vec<usize> = rows.collect();
        if self.ascends(answers, &rows) {
            return rows;
        }
        let mut seen: HashSet<Box<[u8]>> = HashSet::with_capacity(rows.len());
        let mut element = Vec::new();
        let fresh = rows.into_iter().filter(|&row| {
            element.clear();
            (0..self.width)
                .for_each(|part| spell(answers.at(self.step, self.column + part, row), &mut element));
            // Looked up first: a repeated element costs no allocation.
            !seen.contains(element.as_slice()) && seen.insert(element.as_slice().into())
        });
        fresh.collect()
    }

    /// Whether the elements are integers that rise: the usual keys in the usual order, which cannot repeat.
    fn ascends(self, answers: &Answers, rows: &[usize]) -> bool {
        let key = |row: usize| match answers.at(self.step, self.column, row) {
            ValueRef::Int(key) => Some(key),
            _ => None,
        };
        self.width == 1
            && rows.windows(2).all(|pair| matches!((key(pair[0]), key(pair[1])), (Some(a), Some(b)) if a < b))
    }
}

/// The number of elements that a chunk of `len` is padded to, so that few texts are prepared: 1, 2, 4 .. [`CHUNK`].
pub(crate) fn padded(len: usize) -> usize {
    len.next_power_of_two()
}

/// Writes a value so that different values differ, also next to each other.
fn spell(value: ValueRef<'_>, out: &mut Vec<u8>) {
    let (tag, bytes): (u8, &[u8]) = match value {
        ValueRef::Null => (0, &[]),
        ValueRef::Int(value) => return fixed(1, value.to_le_bytes(), out),
        ValueRef::Float(value) => return fixed(2, value.to_bits().to_le_bytes(), out),
        ValueRef::Bool(value) => (3, if value { &[1] } else { &[0] }),
        ValueRef::Text(value) => (4, value),
        ValueRef::Bytes(value) => (5, value),
        ValueRef::Wire(ty, form) => (6 + ty as u8, form),
    };
    fixed(tag, (bytes.len() as u64).to_le_bytes(), out);
    out.extend_from_slice(bytes);
}

fn fixed(tag: u8, bytes: [u8; 8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&bytes);
}
