//! A reference into the session ends before its next call: keep the handle.

use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {}

pub async fn keep(mut session: Session, ada: Handle<User>) -> anyorm::Result<usize> {
    let name = &session[ada].name;
    session.commit().await?;
    Ok(name.len())
}
