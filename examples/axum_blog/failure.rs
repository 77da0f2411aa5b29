//! What a client is told when something goes wrong: the one place where errors become statuses.

use anyorm::Error;
use anyorm::error::ConstraintKind;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

pub(crate) type Answer<T> = Result<T, Failure>;

/// An error, as clients see it.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(skip)]
    status: StatusCode,
    /// For programs: does not change when the message does.
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// For people.
    message: String,
}

impl Failure {
    fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Self {
        Self { status, error, entity: None, key: None, field: None, message: message.into() }
    }

    /// A field of what was sent that cannot be taken.
    pub(crate) fn field(entity: &str, field: &str, message: impl Into<String>) -> Self {
        let failure = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message);
        Self { entity: Some(entity.into()), field: Some(field.into()), ..failure }
    }

    /// Something that cannot be read at all.
    pub(crate) fn unreadable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable", message)
    }

    /// The optimistic lock.
    pub(crate) fn changed_meanwhile(entity: &str, key: &str) -> Self {
        let message = "somebody else changed or deleted it since you read it: read it again";
        let failure = Self::new(StatusCode::CONFLICT, "changed_meanwhile", message);
        failure.with(Some(entity), Some(&key.to_owned()), Some(&"version".to_owned()))
    }

    pub(crate) fn no_such_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no_such_route", "there is nothing here: see /api/posts")
    }

    pub(crate) fn no_such_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", "this cannot be done here")
    }

    fn with(mut self, entity: Option<&str>, key: Option<&String>, field: Option<&String>) -> Self {
        self.entity = entity.map(str::to_owned);
        self.key = key.cloned();
        self.field = field.cloned();
        self
    }
}

impl From<Error> for Failure {
    /// Errors of anyorm name the entity, the key and the column. They also name the SQL and quote the database, which is
    /// for the log: clients get messages of our own.
    fn from(error: Error) -> Self {
        if let Some(broken) = error.constraint() {
            let (status, message) = match broken.kind {
                ConstraintKind::Unique => (StatusCode::CONFLICT, "somebody else has this value"),
                ConstraintKind::ForeignKey => (StatusCode::CONFLICT, "something that this refers to is gone"),
                _ => (StatusCode::UNPROCESSABLE_ENTITY, "the database does not take this value"),
            };
            return Self::new(status, "refused", message).with(
                broken.entity,
                broken.key.as_ref(),
                broken.columns.first(),
            );
        }
        match &error {
            Error::NotFound(missing) => Self::new(StatusCode::NOT_FOUND, "not_found", error.to_string())
                .with(Some(missing.entity), Some(&missing.key), None),
            Error::StaleData(stale) => Self::changed_meanwhile(stale.entity, &stale.key),
            // The database is fine, there is too much to do: a client may try again.
            Error::Busy(_) | Error::Timeout(_) | Error::Closed => {
                log(&error);
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too much to do: try again")
            }
            _ => {
                log(&error);
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this is our fault, and was noted")
            }
        }
    }
}

/// The log of this example.
#[expect(clippy::print_stderr, reason = "a real service has a log")]
fn log(error: &Error) {
    eprintln!("{error}");
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}
