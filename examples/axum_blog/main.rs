//! A blog as a service: a small JSON API and one page, with axum.
//!
//! ```text
//! cargo run -p anyorm-tests --example axum_blog                      in memory, on port 3000
//! cargo run -p anyorm-tests --example axum_blog -- sqlite://blog.db  in a file
//! ```
//!
//! It prints what to try. What to copy from it:
//!
//! | file | how to |
//! |---|---|
//! | `entities.rs` | describe tables, and stamp new rows in a hook |
//! | `request.rs` | give each request a session of its own; read bodies so that errors name the field |
//! | `failure.rs` | turn errors into statuses, in one place |
//! | `api.rs` | list with paging, read with relations, create, change under an optimistic lock, delete |
//! | `view.rs`, `page.rs` | go from entities in a session to JSON, and to HTML |
//! | `main.rs` | start, and stop without cutting off requests that are being answered |
//! | `tests.rs` | test all that over HTTP, clients that hang up included |
//!
//! A client that goes away drops the future that answers it, wherever that is. Nothing has to be done about it: a session
//! that is dropped rolls back, and its connection goes home. One of the tests hangs up on the service at many moments.

#![allow(clippy::print_stdout, reason = "a service says where it listens")]

mod api;
mod entities;
mod failure;
mod page;
mod request;
#[cfg(test)]
mod tests;
mod view;

use std::future::Future;

use anyorm::prelude::*;
use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

use failure::Failure;

/// The service. Its shared state is a factory of sessions: cheap to clone, and all there is.
fn service(sessions: SessionFactory) -> Router {
    Router::new()
        .route("/", get(page::front))
        .route("/style.css", get(page::style))
        .route("/health", get(api::health))
        .nest("/api", api::routes())
        .fallback(async || Failure::no_such_route())
        .method_not_allowed_fallback(async || Failure::no_such_method())
        .with_state(sessions)
}

/// Serves until `stop` ends. Then new connections are refused, requests that came are answered, and the engine is closed:
/// a file is left without its journal.
async fn serve(
    listener: TcpListener,
    engine: Engine,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyorm::Result<()> {
    let service = service(entities::sessions(engine.clone()));
    axum::serve(listener, service).with_graceful_shutdown(stop).await.map_err(anyorm::Error::other)?;
    engine.close().await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "sqlite::memory:".to_owned());
    let engine = Engine::open(&url).await?;
    engine.create_all(&entities::schema()).await?;
    entities::store_first_posts(&engine).await?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("{}", what_to_try(&listener.local_addr()?.to_string()));
    serve(listener, engine, asked_to_stop()).await?;
    println!("stopped");
    Ok(())
}

/// Ends when the process is asked to: Ctrl-C, or SIGTERM.
async fn asked_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = interrupt.await;
}

fn what_to_try(address: &str) -> String {
    format!(
        r#"listening on http://{address}
look at the page in a browser, and try:
  curl '{address}/api/posts?per_page=2&tag=engines'
  curl {address}/api/posts/1
  curl {address}/api/users --json '{{"name": "Mary", "email": "mary@example.org"}}'
  curl {address}/api/posts --json '{{"title": "On looms", "text": "They weave.", "author": 3, "tags": ["looms"]}}'
  curl -X PUT {address}/api/posts/1 --json '{{"title": "Notes, again", "text": "Better.", "tags": [], "version": 0}}'
  curl {address}/api/posts/1/comments --json '{{"author": 2, "text": "I agree."}}'
  curl -X DELETE {address}/api/posts/2
what is refused says why: send the PUT a second time, leave a field out, ask for post 99
  curl {address}/health"#
    )
}
