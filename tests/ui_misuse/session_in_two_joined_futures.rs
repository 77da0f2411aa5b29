//! Two futures of one task cannot share it either: each call borrows the session until it ends.

use anyorm::prelude::*;
use futures_lite::future::zip;

fn main() {}

pub async fn both(mut session: Session) {
    let _ = zip(async { session.flush().await }, async { session.commit().await }).await;
}
