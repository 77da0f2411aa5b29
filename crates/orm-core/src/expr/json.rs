//! Parts of JSON values.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Expr, Field, Kind, Node};
use crate::column::Column;
use crate::entity::Entity;
use crate::types::{Json, SqlType};

/// One step into a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JsonStep {
    /// The member of an object.
    Key(String),
    /// The element of an array, from 0.
    Index(u32),
}

/// What is asked about a part of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonAnswer {
    Text,
    Integer,
    Float,
    Bool,
    Json,
    Exists,
    Length,
}

/// A member of an object, by its name, or an element of an array, by its place from 0.
pub trait JsonKey {
    #[doc(hidden)]
    fn step(self) -> JsonKeyStep;
}

/// A step on its way into a path.
#[doc(hidden)]
#[derive(Debug)]
pub struct JsonKeyStep(JsonStep);

impl JsonKey for &str {
    fn step(self) -> JsonKeyStep {
        JsonKeyStep(JsonStep::Key(self.to_owned()))
    }
}

impl JsonKey for String {
    fn step(self) -> JsonKeyStep {
        JsonKeyStep(JsonStep::Key(self))
    }
}

impl JsonKey for u32 {
    fn step(self) -> JsonKeyStep {
        JsonKeyStep(JsonStep::Index(self))
    }
}

/// A part of a JSON value: `Post::DETAILS.at("tags").at(0)`. What it is read as is said last. Names are bound like values.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// use anyorm::values;
/// use serde_json::json;
///
/// let rows = values([Json(json!({"name": "Ada", "age": 36, "langs": ["en", "fr"]}))]);
/// let row = rows.columns();
/// let parts = (row.at("name").text(), row.at("age").int(), row.at("langs").at(1).text(), row.at("langs").length());
/// let parts = engine.one(rows.select().columns(parts).filter(row.at("age").exists())).await?;
/// assert_eq!(parts, (Some("Ada".to_owned()), Some(36), Some("fr".to_owned()), Some(2)));
/// # Ok(()) });
/// ```
#[derive(Clone, Debug)]
#[must_use = "a part of a JSON value is an expression after `.text()`, `.int()` or another of these"]
pub struct JsonPath {
    of: Node,
    path: Vec<JsonStep>,
}

impl JsonPath {
    /// A step further.
    pub fn at(mut self, key: impl JsonKey) -> Self {
        self.path.push(key.step().0);
        self
    }

    /// The text there; a number or boolean as text. NULL if there is nothing, or null.
    pub fn text(self) -> Expr<Option<String>> {
        self.answer(JsonAnswer::Text)
    }

    /// The whole number there.
    pub fn int(self) -> Expr<Option<i64>> {
        self.answer(JsonAnswer::Integer)
    }

    /// The number there.
    pub fn float(self) -> Expr<Option<f64>> {
        self.answer(JsonAnswer::Float)
    }

    /// The boolean there.
    pub fn bool(self) -> Expr<Option<bool>> {
        self.answer(JsonAnswer::Bool)
    }

    /// What is there, as JSON.
    pub fn json<T>(self) -> Expr<Option<Json<T>>>
    where
        Json<T>: SqlType<Base = Json<T>>,
    {
        self.answer(JsonAnswer::Json)
    }

    /// Whether there is something, if only null.
    pub fn exists(self) -> Expr<bool> {
        self.answer(JsonAnswer::Exists)
    }

    /// How many elements the array there has; NULL if it is none.
    pub fn length(self) -> Expr<Option<i64>> {
        self.answer(JsonAnswer::Length)
    }

    fn answer<T>(self, answer: JsonAnswer) -> Expr<T> {
        Expr::of(Kind::Json { of: self.of.boxed(), path: self.path, answer })
    }
}

/// Types that are JSON: `Json<T>`, and `Option` of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not JSON",
    label = "not a column of JSON",
    note = "`at(..)` goes into columns of type `Json<T>` or `Option<Json<T>>`"
)]
pub trait IsJson {}

impl<T: Serialize + DeserializeOwned> IsJson for Json<T> {}
impl<T: Serialize + DeserializeOwned> IsJson for Option<Json<T>> {}

macro_rules! json {
    ([$($generics:tt)*] $of:ty) => {
        impl<$($generics)*> $of {
            /// A part of the JSON value: see [`JsonPath`].
            pub fn at(self, key: impl JsonKey) -> JsonPath
            where
                T: IsJson,
            {
                JsonPath { of: self.into_node(), path: vec![key.step().0] }
            }
        }
    };
}

json!([T] Expr<T>);
json!([T] Field<T>);
json!([E: Entity, T] Column<E, T>);
