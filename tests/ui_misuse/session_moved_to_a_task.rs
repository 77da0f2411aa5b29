//! A session belongs to the task that it was given to.

use anyorm::prelude::*;

fn spawn(_task: impl Future<Output = anyorm::Result<()>> + Send + 'static) {}

fn main() {}

pub async fn after_spawn(mut session: Session) -> anyorm::Result<()> {
    spawn(async move { session.flush().await });
    session.commit().await
}
