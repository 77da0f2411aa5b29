//! A row made by hand.

use anyorm::{Entity, Value};
use orm_core::{Cells, ColumnError, Row, RowSource, ValueRef};

/// A row of owned values.
pub(crate) struct FakeRow(pub(crate) Vec<Value>);

impl FakeRow {
    /// The row that an entity is stored as.
    pub(crate) fn of<E: Entity>(entity: &E) -> Self {
        let mut cells = Cells::default();
        for column in 0..E::meta().columns.len() {
            entity.encode(column, &mut cells);
            assert_eq!(cells.len(), column + 1, "one cell for each column");
        }
        Self((0..cells.len()).map(|at| cells.value(at).to_value()).collect())
    }

    /// The entity of the row.
    pub(crate) fn decode<E: Entity>(&self) -> Result<E, ColumnError> {
        E::decode(&Row::new(self))
    }
}

impl RowSource for FakeRow {
    fn width(&self) -> usize {
        self.0.len()
    }

    fn value(&self, index: usize) -> ValueRef<'_> {
        match &self.0[index] {
            Value::Null => ValueRef::Null,
            Value::Int(v) => ValueRef::Int(*v),
            Value::Float(v) => ValueRef::Float(*v),
            Value::Bool(v) => ValueRef::Bool(*v),
            Value::Text(v) => ValueRef::Text(v.as_bytes()),
            Value::Bytes(v) => ValueRef::Bytes(v),
            other => panic!("a fake row has no {other:?}"),
        }
    }

    fn name(&self, index: usize) -> String {
        format!("column {index}")
    }
}
