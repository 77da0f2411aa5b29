//! Any serde type in a JSON column.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ColumnType, SqlType};
use crate::cells::Cells;
use crate::row::Misfit;
use crate::value::ValueRef;

/// A value that is stored as JSON text (`jsonb` where the database has it).
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct Note {
///     #[key(auto)]
///     id: i64,
///     words: Json<Vec<String>>, // any type that serde reads and writes
/// }
///
/// engine.create_all(&schema![Note]).await?;
/// let mut session = engine.session();
/// let note = session.add(Note { words: Json(vec!["one".into()]), ..Default::default() });
/// session.commit().await?;
/// session[note].words.push("two".into()); // derefs to the value
/// session.commit().await?;
/// let words = engine.scalar(Note::select().columns(Note::WORDS)).await?;
/// assert_eq!(words.into_inner(), ["one", "two"]);
/// # Ok(()) });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Json<T>(
    /// The value.
    pub T,
);

impl<T> Json<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> std::ops::DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> From<T> for Json<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Serialize> Serialize for Json<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Json<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Json)
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> SqlType for Json<T> {
    type Base = Json<T>;
    const TYPE: ColumnType = ColumnType::Json;

    /// A value that serde cannot write as JSON (a map whose keys are not text, say) is refused before any I/O.
    fn encode(&self, cells: &mut Cells) {
        match serde_json::to_string(&self.0) {
            Ok(text) => cells.text(&text),
            Err(error) => cells.refuse(format!("a value that is not JSON: {error}")),
        }
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        match value {
            ValueRef::Text(bytes) | ValueRef::Bytes(bytes) => serde_json::from_slice(bytes)
                .map(Json)
                .map_err(|error| Misfit { expected: "JSON of the field's type", found: error.to_string() }),
            other => Err(Misfit::kind("JSON text", other)),
        }
    }
}
