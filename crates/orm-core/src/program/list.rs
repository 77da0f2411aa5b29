//! Writing out the list of a shape, once it is known how long it is.

use super::StatementShape;
use crate::dialect::{Dialect, Placeholder};

impl StatementShape {
    /// The shape with its list written out for this many elements: a shape without a list, which takes each column of
    /// each element as a parameter of its own, in the place of the list. A shape without a list stays as it is.
    pub fn with_list(&self, elements: usize, dialect: &Dialect) -> Self {
        let Some(list) = self.list else { return self.clone() };
        let parameters = self.parameters - 1 + elements as u16 * list.width;
        Self { sql: self.sql_with_list(elements, dialect).into(), parameters, list: None, ..self.clone() }
    }

    /// The text of [`with_list`](Self::with_list). A list without elements is the element NULL, which matches no row:
    /// not every database takes `IN ()`.
    pub fn sql_with_list(&self, elements: usize, dialect: &Dialect) -> String {
        let Some(list) = self.list else { return self.sql.to_string() };
        debug_assert!(
            dialect.placeholder == Placeholder::Question || list.parameter + 1 == self.parameters,
            "the numbers of the parameters after the list would shift"
        );
        let width = usize::from(list.width);
        let (before, after) = self.sql.split_at(list.byte as usize);
        let mut sql = String::with_capacity(self.sql.len() + elements.max(1) * (4 * width + 4));
        sql.push_str(before);
        for element in 0..elements.max(1) {
            sql.push_str(if element == 0 { "" } else { ", " });
            sql.push_str(if width == 1 { "" } else { "(" });
            for part in 0..width {
                sql.push_str(if part == 0 { "" } else { ", " });
                match elements {
                    0 => sql.push_str("NULL"),
                    _ => {
                        dialect.placeholder(usize::from(list.parameter) + element * width + part, &mut sql);
                    }
                }
            }
            sql.push_str(if width == 1 { "" } else { ")" });
        }
        sql.push_str(after);
        sql
    }
}
