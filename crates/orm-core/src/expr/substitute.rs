//! Expressions about a row, rewritten for a row that is not what it was when they were written.

use super::{Kind, Node};
use crate::entity::EntityMeta;
use crate::value::Value;

impl Node {
    /// The value itself, if this is nothing but a value.
    #[doc(hidden)]
    pub fn as_value(&self) -> Option<&Value> {
        match &self.0 {
            Kind::Value(value) | Kind::Typed(value, _) => Some(value),
            _ => None,
        }
    }

    /// The position of the column of this entity, if this is nothing but one.
    pub(crate) fn as_column_of(&self, of: &EntityMeta) -> Option<usize> {
        match self.0 {
            Kind::Column { entity, position } if entity.is(of) => Some(position),
            _ => None,
        }
    }

    /// Why a value inside cannot be sent, if there is one.
    #[doc(hidden)]
    pub fn refusal(&self) -> Option<String> {
        if let Kind::Refused(reason) = &self.0 {
            return Some(reason.clone());
        }
        let mut found = None;
        self.parts(&mut |part| found = found.take().or_else(|| part.refusal()));
        found
    }

    /// A bound value.
    #[doc(hidden)]
    pub fn of_value(value: Value) -> Self {
        Self(Kind::Value(value))
    }

    /// The DEFAULT of a column, for a statement that cannot leave the column out.
    #[doc(hidden)]
    pub fn default_of(entity: &'static EntityMeta, position: usize) -> Self {
        Self(Kind::Default { entity, position })
    }

    /// The columns of an entity's own row that the expression names, as positions; those inside subqueries aside.
    #[doc(hidden)]
    pub fn own_columns(&self, entity: &EntityMeta) -> Vec<usize> {
        let mut found = Vec::new();
        self.collect_columns(entity, &mut found);
        found
    }

    fn collect_columns(&self, of: &EntityMeta, found: &mut Vec<usize>) {
        if let Kind::Column { entity, position } = self.0
            && entity.is(of)
            && !found.contains(&position)
        {
            found.push(position);
        }
        self.parts(&mut |part| part.collect_columns(of, found));
    }

    /// Writes other expressions in place of columns of an entity's own row, where `by` has one. A value keeps the type of its
    /// column: `balance + 1` would become two parameters of no type.
    #[doc(hidden)]
    pub fn substitute(&mut self, of: &EntityMeta, by: &dyn Fn(usize) -> Option<Node>) {
        if let Kind::Column { entity, position } = self.0
            && entity.is(of)
        {
            match by(position) {
                Some(Self(Kind::Value(value))) => {
                    *self = Self(Kind::Typed(value, entity.columns[position].ty));
                }
                Some(node) => *self = node,
                None => {}
            }
            return;
        }
        self.parts_mut(&mut |part| part.substitute(of, by));
    }
}
