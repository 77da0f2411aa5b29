//! Rows whose columns are known only when they are there.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Weak};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::FromRow;
use crate::error::{Error, Result};
use crate::row::{ColumnError, Misfit, Row};
use crate::types::SqlType;
use crate::value::Value;

/// A row of any query: its values by the names of its columns, or by position. For SQL whose columns are not known when the
/// program is written; where they are, a tuple or a struct with [`FromRow`](crate::FromRow) is checked at once.
///
/// As serde sees it, it is a map in the order of its columns.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::{DynamicRow, Value};
///
/// let users = engine.all(sql("SELECT id, name, age FROM users ORDER BY id").returning::<DynamicRow>()).await?;
/// assert_eq!(users[0].columns(), ["id", "name", "age"]);
/// assert_eq!(users[0].get::<String>("name")?, "Ada");
/// assert_eq!(users[1].at::<Option<i32>>(2)?, None);
/// assert_eq!(users[0].value("age")?, &Value::Int(36));
///
/// let error = users[0].get::<i64>("nmae").unwrap_err();
/// assert_eq!(error.to_string(), "cannot read nmae: expected a column of this name, found `id`, `name`, `age`");
/// # Ok(()) });
/// ```
#[derive(Clone, PartialEq)]
pub struct DynamicRow {
    /// Shared by the rows of an answer.
    names: Arc<[String]>,
    values: Box<[Value]>,
}

impl DynamicRow {
    /// The names of its columns, in order. The database gives them: an expression without a name has what the database
    /// calls it, and two columns can have the same.
    pub fn columns(&self) -> &[String] {
        &self.names
    }

    /// The values in the order of the columns.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value of the column of this name, as a Rust type.
    ///
    /// # Errors
    /// If there is no column of this name, or several, or the value does not fit the type. The error names the columns
    /// that there are.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    /// use anyorm::DynamicRow;
    ///
    /// let ada = engine.one(sql("SELECT id, name FROM users WHERE id = 1").returning::<DynamicRow>()).await?;
    /// assert_eq!(ada.get::<i64>("id")?, 1);
    /// let error = ada.get::<i64>("name").unwrap_err();
    /// assert_eq!(error.to_string(), "cannot read name: expected an integer, found text");
    /// # Ok(()) });
    /// ```
    pub fn get<T: SqlType>(&self, name: &str) -> Result<T> {
        self.at(self.position(name)?)
    }

    /// The value of the column at a position, counted from 0, as a Rust type.
    ///
    /// # Errors
    /// If there are not so many columns, or the value does not fit the type.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    /// use anyorm::DynamicRow;
    ///
    /// let row = engine.one(sql("SELECT count(*), max(age) FROM users").returning::<DynamicRow>()).await?;
    /// assert_eq!((row.at::<i64>(0)?, row.at::<Option<i64>>(1)?), (2, Some(36)));
    /// assert_eq!(row.at::<i64>(2).unwrap_err().to_string(), "cannot read #3: expected a column here, found a row of 2 columns");
    /// # Ok(()) });
    /// ```
    pub fn at<T: SqlType>(&self, index: usize) -> Result<T> {
        let Some(value) = self.values.get(index) else {
            let found = format!("a row of {} columns", self.values.len());
            return Err(Error::decode(ColumnError::new(index, "a column here", found), 0, ""));
        };
        T::decode(value.borrowed()).map_err(|misfit| self.misfit(index, misfit))
    }

    /// The value of the column of this name, as it is.
    ///
    /// # Errors
    /// If there is no column of this name, or several.
    pub fn value(&self, name: &str) -> Result<&Value> {
        Ok(&self.values[self.position(name)?])
    }

    fn position(&self, name: &str) -> Result<usize> {
        let mut found = self.names.iter().enumerate().filter(|(_, known)| *known == name).map(|(at, _)| at);
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (Some(first), Some(second)) => Err(self.ambiguous(name, first, second)),
            (None, _) => Err(self.unknown(name)),
        }
    }

    #[cold]
    fn unknown(&self, name: &str) -> Error {
        let names = self.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let mut error = ColumnError::new(0, "a column of this name", names);
        error.column = name.to_owned();
        Error::decode(error, 0, "")
    }

    #[cold]
    fn ambiguous(&self, name: &str, first: usize, second: usize) -> Error {
        let found =
            format!("#{} and #{}: read them by `at`, or give them names with AS", first + 1, second + 1);
        let mut error = ColumnError::new(first, "one column of this name", found);
        error.column = name.to_owned();
        Error::decode(error, 0, "")
    }

    #[cold]
    fn misfit(&self, index: usize, misfit: Misfit) -> Error {
        let mut error = ColumnError::new(index, misfit.expected, misfit.found);
        error.column = self.names[index].clone();
        Error::decode(error, 0, "")
    }
}

impl FromRow for DynamicRow {
    fn from_row(row: &Row<'_>) -> Result<Self, ColumnError> {
        let values = (0..row.width()).map(|index| Ok(row.value(index)?.to_value()));
        Ok(Self { values: values.collect::<Result<_, ColumnError>>()?, names: names(row) })
    }
}

thread_local! {
    /// The names of the row that this thread read last, for as long as that row is kept: the rows of an answer are read
    /// one after the other, and have the same.
    static LAST: RefCell<Option<Weak<[String]>>> = const { RefCell::new(None) };
}

fn names(row: &Row<'_>) -> Arc<[String]> {
    let last = LAST.with_borrow(|last| last.as_ref().and_then(Weak::upgrade));
    if let Some(same) = last.filter(|last| row.has_names(last)) {
        return same;
    }
    let names: Arc<[String]> = (0..row.width()).map(|index| row.name(index)).collect();
    LAST.set(Some(Arc::downgrade(&names)));
    names
}

impl Serialize for DynamicRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len()))?;
        self.names.iter().zip(&self.values).try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

impl fmt::Debug for DynamicRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.names.iter().zip(&self.values)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::DynamicRow;
    use crate::query::FromRow;
    use crate::row::{Row, RowSource};
    use crate::value::ValueRef;

    struct Named(&'static [&'static str]);

    impl RowSource for Named {
        fn width(&self) -> usize {
            self.0.len()
        }

        fn value(&self, index: usize) -> ValueRef<'_> {
            ValueRef::Int(index as i64)
        }

        fn name(&self, index: usize) -> String {
            self.0[index].to_owned()
        }
    }

    fn read(names: &'static [&'static str]) -> DynamicRow {
        DynamicRow::from_row(&Row::new(&Named(names))).expect("any row")
    }

    #[test]
    fn rows_with_the_same_names_share_them() {
        let (first, second) = (read(&["a", "b"]), read(&["a", "b"]));
        assert!(Arc::ptr_eq(&first.names, &second.names));
        for others in [&["a"][..], &["a", "c"], &["a", "b", "c"], &["b", "a"]] {
            let other = read(others);
            assert!(!Arc::ptr_eq(&first.names, &other.names));
            assert_eq!(other.columns(), others);
        }
    }

    #[test]
    fn names_are_not_kept_longer_than_rows() {
        let first = read(&["only here"]);
        let names = Arc::downgrade(&first.names);
        drop(first);
        assert!(names.upgrade().is_none());
    }

    #[test]
    fn a_name_that_stands_twice_is_told_apart_by_position() {
        let error = read(&["id", "name", "id"]).get::<i64>("id").unwrap_err().to_string();
        assert_eq!(
            error,
            "cannot read id: expected one column of this name, found #1 and #3: read them by `at`, or give them names with AS"
        );
    }
}
