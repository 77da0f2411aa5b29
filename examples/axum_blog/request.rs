//! What handlers take from a request.

use anyorm::prelude::*;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::failure::{Answer, Failure};

/// The session of one request. Making it does no I/O, and it takes a connection only while the database works; a handler
/// that ends without a commit, or is dropped, has changed nothing.
pub(crate) struct RequestSession(pub(crate) Session);

impl FromRequestParts<SessionFactory> for RequestSession {
    type Rejection = Failure;

    async fn from_request_parts(_: &mut Parts, sessions: &SessionFactory) -> Answer<Self> {
        Ok(Self(sessions.session()))
    }
}

/// The key in a path: `/api/posts/7`.
pub(crate) struct Id(pub(crate) i64);

impl FromRequestParts<SessionFactory> for Id {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, sessions: &SessionFactory) -> Answer<Self> {
        match Path::from_request_parts(parts, sessions).await {
            Ok(Path(id)) => Ok(Self(id)),
            // What is not a number names nothing.
            Err(_) => Err(Failure::no_such_route()),
        }
    }
}

/// The JSON object in a body, taken apart field by field: so whatever is wrong with it, the answer names the field.
#[derive(Debug)]
pub(crate) struct Fields(Map<String, Value>);

impl FromRequest<SessionFactory> for Fields {
    type Rejection = Failure;

    async fn from_request(request: Request, sessions: &SessionFactory) -> Answer<Self> {
        if !is_json(request.headers()) {
            return Err(Failure::unreadable("send JSON, and say so: content-type: application/json"));
        }
        let body = axum::body::Bytes::from_request(request, sessions).await;
        let body = body.map_err(|error| Failure::unreadable(error.body_text()))?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Failure::unreadable("send a JSON object: {\"..\": ..}")),
            Err(error) => Err(Failure::unreadable(format!("this is no JSON: {error}"))),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.split(';').next().is_some_and(|kind| kind.trim() == "application/json"))
}

impl Fields {
    /// A text that is not empty, of at most so many characters.
    pub(crate) fn text(&mut self, entity: &str, field: &str, most: usize) -> Answer<String> {
        let text = match self.0.remove(field) {
            Some(Value::String(text)) => text.trim().to_owned(),
            None | Some(Value::Null) => return Err(Failure::field(entity, field, "this is missing")),
            Some(_) => return Err(Failure::field(entity, field, "this must be a text")),
        };
        match text.chars().count() {
            0 => Err(Failure::field(entity, field, "this must not be empty")),
            length if length > most => {
                Err(Failure::field(entity, field, format!("{length} characters, at most {most} are taken")))
            }
            _ if text.contains('\0') => Err(Failure::field(entity, field, "no NUL character is taken")),
            _ => Ok(text),
        }
    }

    /// A whole number.
    pub(crate) fn number(&mut self, entity: &str, field: &str) -> Answer<i64> {
        match self.0.remove(field) {
            None | Some(Value::Null) => Err(Failure::field(entity, field, "this is missing")),
            Some(value) => {
                value.as_i64().ok_or_else(|| Failure::field(entity, field, "this must be a whole number"))
            }
        }
    }

    /// A list of names, or none.
    pub(crate) fn names(&mut self, entity: &str, field: &str) -> Answer<Vec<String>> {
        let refused = || Failure::field(entity, field, "this must be a list of at most 10 texts");
        let values = match self.0.remove(field) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(values)) if values.len() <= 10 => values,
            Some(_) => return Err(refused()),
        };
        let mut names = Vec::new();
        for value in values {
            let mut one = Self(Map::from_iter([(field.to_owned(), value)]));
            let name = one.text(entity, field, 40)?.to_lowercase();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// That nothing is left: a misspelt field is not lost in silence.
    pub(crate) fn end(self, entity: &str) -> Answer<()> {
        match self.0.keys().next() {
            Some(field) => Err(Failure::field(entity, field, format!("{entity} has no such field"))),
            None => Ok(()),
        }
    }
}
