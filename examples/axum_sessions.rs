//! A session for each request of an axum service.
//!
//! ```text
//! cargo run -p anyorm-tests --example axum_sessions
//! curl -d '{"name": "Ada"}' -H 'content-type: application/json' localhost:3000/users
//! curl localhost:3000/users/1
//! ```

#![allow(clippy::print_stdout, reason = "a service says where it listens")]

use anyorm::prelude::*;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Entity)]
#[entity(table = "users")]
struct User {
    #[key(auto)]
    #[serde(default)]
    id: i64,
    #[column(unique)]
    name: String,
    #[serde(default)]
    visits: i64,
}

/// The service shares one factory; each handler gets a clone, and makes a session of its own.
fn service(sessions: SessionFactory) -> Router {
    Router::new().route("/users", post(add_user)).route("/users/{id}", get(visit_user)).with_state(sessions)
}

/// `Ok` commits. If the client goes away, the handler's future is dropped, and the transaction is rolled back.
async fn add_user(
    State(sessions): State<SessionFactory>,
    Json(user): Json<User>,
) -> Answer<(StatusCode, Json<User>)> {
    let user = sessions.begin(|mut session| {
        let user = user.clone(); // the transaction may be tried again
        async move {
            let user = session.add(user);
            session.flush().await?; // the key
            Ok(session.detach(user))
        }
    });
    Ok((StatusCode::CREATED, Json(user.await?)))
}

async fn visit_user(State(sessions): State<SessionFactory>, Path(id): Path<i64>) -> Answer<Json<User>> {
    let user = sessions.begin(|mut session| async move {
        let user = session.get_one::<User>(id).await?;
        session[user].visits += 1;
        Ok(session[user].clone())
    });
    Ok(Json(user.await?))
}

type Answer<T> = Result<T, Failure>;

/// What a client is told of an error.
struct Failure(anyorm::Error);

impl From<anyorm::Error> for Failure {
    fn from(error: anyorm::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            anyorm::Error::NotFound(_) => StatusCode::NOT_FOUND,
            error if error.constraint().is_some() => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        // A real service logs the error, and keeps SQL and values to itself.
        (status, self.0.to_string()).into_response()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::open("sqlite::memory:").await?;
    engine.create_all(&schema![User]).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, service(SessionFactory::new(engine))).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    /// Sends one request to the service.
    async fn send(sessions: &SessionFactory, method: &str, path: &str, body: &str) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        let answer = service(sessions.clone()).oneshot(request).await.expect("an answer");
        let (status, body) = (answer.status(), to_bytes(answer.into_body(), 10_000).await.expect("a body"));
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    /// Each test works on an engine inside one transaction, which is rolled back: nothing that it commits is stored.
    #[test]
    fn a_request_is_a_session() -> anyorm::Result<()> {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
            let engine = Engine::open("sqlite::memory:").await?;
            engine.create_all(&schema![User]).await?;
            let sandbox = engine.sandbox().await?;
            let sessions = SessionFactory::new(sandbox.engine().clone());

            let (status, ada) = send(&sessions, "POST", "/users", r#"{"name": "Ada"}"#).await;
            assert_eq!((status, &*ada), (StatusCode::CREATED, r#"{"id":1,"name":"Ada","visits":0}"#));
            let (status, again) = send(&sessions, "POST", "/users", r#"{"name": "Ada"}"#).await;
            assert_eq!(status, StatusCode::CONFLICT, "{again}");
            let (_, ada) = send(&sessions, "GET", "/users/1", "").await;
            assert_eq!(ada, r#"{"id":1,"name":"Ada","visits":1}"#);
            let (_, ada) = send(&sessions, "GET", "/users/1", "").await;
            assert_eq!(ada, r#"{"id":1,"name":"Ada","visits":2}"#);
            let (status, error) = send(&sessions, "GET", "/users/7", "").await;
            assert_eq!((status, error.contains("User with key 7")), (StatusCode::NOT_FOUND, true), "{error}");

            sandbox.rollback().await?;
            assert_eq!(engine.count(User::select()).await?, 0);
            Ok(())
        })
    }
}
