//! Texts that were written before: a query of a known form is looked up, and only its values are new.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::fingerprint::Number;
use crate::cells::Cells;
use crate::program::StatementShape;
use crate::value::Value;

/// A text, and what its placeholders stand for.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) shape: Arc<StatementShape>,
    pub(super) binds: Vec<Bind>,
}

/// What a placeholder stands for: one of the values of the statement, as it is or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bind {
    /// Its place among the values, in the order of the fingerprint.
    pub(super) value: u32,
    pub(super) form: Form,
}

/// How a value is changed before it is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    /// A text as the pattern of a LIKE that finds it at the start, at the end, or anywhere.
    Pattern(crate::expr::Part),
    /// The first text behind all that begin with it.
    EndOfPrefix,
}

/// The most texts that are kept. A program has a few hundred; one that makes new ones all the time begins anew.
const MOST: usize = 4_096;

static KNOWN: RwLock<Option<HashMap<Number, Arc<Known>, foldhash::fast::FixedState>>> = RwLock::new(None);

pub(super) fn find(number: Number) -> Option<Arc<Known>> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.as_ref()?.get(&number).cloned()
}

pub(super) fn keep(number: Number, known: Known) {
    let mut all = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let all = all.get_or_insert_default();
    if all.len() >= MOST {
        all.clear();
    }
    all.insert(number, Arc::new(known));
}

impl Known {
    /// The values for its placeholders.
    pub(super) fn input(&self, values: &[&Value]) -> Cells {
        let mut cells = Cells::default();
        for Bind { value, form } in &self.binds {
            let value = values[*value as usize];
            match (form, value) {
                (Form::Pattern(part), Value::Text(text)) => cells.text(&super::node::pattern(*part, text)),
                (Form::EndOfPrefix, Value::Text(text)) => {
                    cells.text(&super::node::end_of_prefix(text).unwrap_or_default());
                }
                _ => cells.value_of(value),
            }
        }
        cells
    }
}
