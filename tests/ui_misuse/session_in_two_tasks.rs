//! A session belongs to the task that it was given to.

use anyorm::prelude::*;

fn spawn(_task: impl Future<Output = anyorm::Result<()>> + Send + 'static) {}

fn main() {}

pub fn two_tasks(mut session: Session) {
    spawn(async move { session.flush().await });
    spawn(async move { session.commit().await });
}
