//! A shared reference is good for reading what the session has, not for its calls.

use std::sync::Arc;

use anyorm::prelude::*;

fn main() {}

pub async fn commit(session: Arc<Session>) -> anyorm::Result<()> {
    session.commit().await
}
