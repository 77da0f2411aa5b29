//! Two tasks, one session: each task needs it for itself.

use anyorm::prelude::*;

fn spawn(_task: impl Future<Output = anyorm::Result<()>> + Send + 'static) {}

fn main() {}

pub fn two_tasks(mut session: Session) {
    spawn(async { session.flush().await });
    spawn(async { session.commit().await });
}
