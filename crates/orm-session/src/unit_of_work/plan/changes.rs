//! A plan for a person to read, and for a test to compare.

use std::fmt;

use orm_core::entity::Entity;
use orm_core::handle::RawHandle;
use orm_core::{Cells, Handle, Value};

use super::{FlushPlan, Origin};
use crate::tracker::{Place, Tracker};

/// What the next flush will do, in the order in which it will do it; in `after_flush`, what it did. Printed, one line for
/// each row:
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

/// One row that a flush writes.
///
/// Two are equal if they read the same.
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
/// assert_eq!(change.handle::<User>(), Some(ada));
/// assert_eq!(change.values()[0].to_string(), "age: 36 -> NULL");
/// # Ok(()) });
/// ```
#[derive(Clone, Debug)]
pub struct Change {
    /// `insert`, `update`, `delete`, `link`, `unlink`, or `set null` for references to a deleted row.
    pub action: &'static str,
    /// The entity.
    pub entity: &'static str,
    /// Its key; `None` for a new one whose key the database assigns.
    pub key: Option<String>,
    /// The columns written by an insert or update; the relation and the other end for links.
    pub columns: Vec<String>,
    place: Place,
    handle: RawHandle,
    values: Vec<ColumnChange>,
}

impl PartialEq for Change {
    fn eq(&self, other: &Self) -> bool {
        (self.action, self.entity, &self.key, &self.columns)
            == (other.action, other.entity, &other.key, &other.columns)
    }
}

impl Eq for Change {}

/// A column of a row before and after a change, as the database stores it.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnChange {
    /// The column.
    pub column: &'static str,
    /// What the row had; `None` if there was no row.
    pub old: Option<Value>,
    /// What the row has then; `None` if there is no row any more.
    pub new: Option<Value>,
    position: usize,
}

impl fmt::Display for ColumnChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.column)?;
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{old} -> {new}"),
            (Some(value), None) | (None, Some(value)) => value.fmt(f),
            (None, None) => Ok(()),
        }
    }
}

impl Change {
    /// The entity as a handle, if it is of this type. After a delete it can still be read, until the commit.
    pub fn handle<E: Entity>(&self) -> Option<Handle<E>> {
        let is_of_type = self.place.arena as usize == E::meta().index.get();
        is_of_type.then(|| Handle::from_raw(self.handle))
    }

    /// Before and after, for each column that an insert or update writes, and all columns of a row that is deleted. None
    /// for links.
    pub fn values(&self) -> &[ColumnChange] {
        &self.values
    }

    /// Before and after of one column, if it is among the [`values`](Self::values).
    pub fn column(&self, name: &str) -> Option<&ColumnChange> {
        self.values.iter().find(|change| change.column == name)
    }
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

    /// The entities of a type that are inserted.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let tag = session.add(Tag { name: "engines".into(), ..Default::default() });
    /// let letters = session.get_one::<Post>(2).await?;
    /// session.delete(letters);
    /// let changes = session.changes()?;
    /// assert_eq!(changes.inserted::<Tag>(), [tag]);
    /// assert_eq!(changes.deleted::<Post>(), [letters]);
    /// assert!(changes.updated::<User>().is_empty());
    /// # Ok(()) });
    /// ```
    pub fn inserted<E: Entity>(&self) -> Vec<Handle<E>> {
        self.handles("insert")
    }

    /// The entities of a type whose rows are updated, each once.
    pub fn updated<E: Entity>(&self) -> Vec<Handle<E>> {
        self.handles("update")
    }

    /// The entities of a type that are deleted.
    pub fn deleted<E: Entity>(&self) -> Vec<Handle<E>> {
        self.handles("delete")
    }

    fn handles<E: Entity>(&self, action: &str) -> Vec<Handle<E>> {
        let mut handles: Vec<Handle<E>> = Vec::new();
        for handle in self.rows.iter().filter(|row| row.action == action).filter_map(Change::handle) {
            // A row may have two statements; they are neighbours.
            if handles.last() != Some(&handle) {
                handles.push(handle);
            }
        }
        handles
    }

    pub(crate) fn of(plan: &FlushPlan, tracker: &Tracker) -> Self {
        let mut rows = Vec::new();
        for origin in &plan.origins {
            describe(origin, tracker, &mut rows);
        }
        for row in &mut rows {
            row.note_values(plan, tracker);
        }
        Self { rows }
    }

    /// The flush is settled: keys and values that the database gave are known.
    pub(crate) fn settle(&mut self, tracker: &Tracker) {
        for row in &mut self.rows {
            let arena = tracker.arena(row.place.arena);
            if row.action != "delete" {
                row.key = arena.key_text(row.place.slot);
            }
            for value in row.values.iter_mut().filter(|value| value.new.is_some()) {
                let stored = value_of(|cells| arena.encode_row(row.place.slot, value.position, cells));
                value.new = Some(stored);
            }
        }
    }
}

impl Change {
    fn note_values(&mut self, plan: &FlushPlan, tracker: &Tracker) {
        let arena = tracker.arena(self.place.arena);
        let meta = arena.meta();
        let slot = self.place.slot;
        let switched =
            plan.switches.iter().find(|switch| switch.new == self.place).map(|switch| switch.old.slot);
        let (had, has) = match self.action {
            "insert" => (None, true),
            "update" => (Some(switched.unwrap_or(slot)), true),
            "delete" => (Some(slot), false),
            _ => return,
        };
        for (position, column) in meta.columns.iter().enumerate() {
            // An insert has them all: the key, too, which the database may assign.
            if self.action == "update" && !self.columns.iter().any(|name| name == column.name) {
                continue;
            }
            let old = had.map(|slot| value_of(|cells| arena.encode_row(slot, position, cells)));
            let new = has.then(|| value_of(|cells| arena.encode(slot, position, cells)));
            self.values.push(ColumnChange { column: column.name, old, new, position });
        }
    }
}

fn value_of(encode: impl FnOnce(&mut Cells)) -> Value {
    let mut cells = Cells::default();
    encode(&mut cells);
    cells.value(0).to_value()
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
        out.push(Change {
            action,
            entity: arena.meta().name,
            key: arena.key_text(place.slot),
            columns,
            place,
            handle: tracker.handle(place),
            values: Vec::new(),
        });
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
