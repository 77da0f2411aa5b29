//! A plan for a person to read, and for a test to compare.

use std::fmt;

use super::{FlushPlan, Origin};
use crate::tracker::{Place, Tracker};

/// What the next flush will do, in the order in which it will do it. Printed, one line for each row:
///
/// ```text
/// insert Post (new): author_id, title
/// update User 1: name
/// ```
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut session = engine.session();
/// let notes = session.get_one::<Post>(1).await?;
/// session.delete(notes);
/// session.add(Tag { name: "engines".into(), ..Default::default() });
///
/// let changes = session.changes()?;
/// let actions: Vec<_> = changes.iter().map(|change| (change.action, change.entity)).collect();
/// assert_eq!(actions, [("insert", "Tag"), ("unlink", "Post"), ("delete", "Post")]);
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    rows: Vec<Change>,
}

/// One row that a flush will write.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut session = engine.session();
/// let ada = session.get_one::<User>(1).await?;
/// session[ada].age = None;
/// let changes = session.changes()?;
/// let change = changes.iter().next().expect("there is one");
/// assert_eq!((change.action, change.entity, change.key.as_deref()), ("update", "User", Some("1")));
/// assert_eq!(change.columns, ["age"]);
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `insert`, `update`, `delete`, `link`, `unlink`, or `set null` for references to a deleted row.
    pub action: &'static str,
    /// The entity.
    pub entity: &'static str,
    /// Its key; `None` for a new one whose key the database assigns.
    pub key: Option<String>,
    /// The columns written by an insert or update; the relation and the other end for links.
    pub columns: Vec<String>,
}

impl Changes {
    /// Whether a flush would send nothing.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows it would write.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Change> {
        self.rows.iter()
    }

    pub(crate) fn of(plan: &FlushPlan, tracker: &Tracker) -> Self {
        let mut rows = Vec::new();
        for origin in &plan.origins {
            describe(origin, tracker, &mut rows);
        }
        Self { rows }
    }
}

impl<'a> IntoIterator for &'a Changes {
    type Item = &'a Change;
    type IntoIter = std::slice::Iter<'a, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, row) in self.rows.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            row.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.action, self.entity, self.key.as_deref().unwrap_or("(new)"))?;
        if !self.columns.is_empty() {
            write!(f, ": {}", self.columns.join(", "))?;
        }
        Ok(())
    }
}

fn describe(origin: &Origin, tracker: &Tracker, out: &mut Vec<Change>) {
    let mut push = |action, place: Place, columns: Vec<String>| {
        let arena = tracker.arena(place.arena);
        out.push(Change { action, entity: arena.meta().name, key: arena.key_text(place.slot), columns });
    };
    let names = |place: &Place, columns: &mut dyn Iterator<Item = usize>| -> Vec<String> {
        let meta = tracker.arena(place.arena).meta();
        columns.map(|column| meta.columns[column].name.to_owned()).collect()
    };
    match origin {
        Origin::Insert { rows, columns, .. } => {
            for row in rows {
                push("insert", *row, names(row, &mut columns.iter().copied()));
            }
        }
        Origin::Update { rows, columns } => {
            for row in rows {
                push("update", *row, names(row, &mut columns.iter().map(|&column| usize::from(column))));
            }
        }
        Origin::Reference { rows, columns } => {
            for row in rows {
                push("update", *row, names(row, &mut columns.iter().copied()));
            }
        }
        Origin::Switch { rows, columns } => {
            for row in rows {
                push("update", *row, names(row, &mut columns.iter().copied()));
            }
        }
        Origin::ReadBack { .. } => {}
        Origin::Delete { rows } => rows.iter().for_each(|&row| push("delete", row, Vec::new())),
        Origin::Link { pairs } | Origin::Unlink { pairs } => {
            let action = if matches!(origin, Origin::Link { .. }) { "link" } else { "unlink" };
            for pair in pairs {
                push(
                    action,
                    pair.source,
                    vec![format!("{} {}", pair.relation.name, tracker.describe(pair.target))],
                );
            }
        }
        Origin::NullReferences { relation, rows } => {
            rows.iter().for_each(|&row| push("set null", row, vec![relation.path()]));
        }
        Origin::UnlinkAll { relation, rows } => {
            rows.iter().for_each(|&row| push("unlink", row, vec![format!("all {}", relation.name)]));
        }
    }
}
