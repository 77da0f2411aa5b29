//! One call at a time.

use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {}

pub async fn twice(mut session: Session) -> anyorm::Result<()> {
    let users = session.count(User::select());
    let other = session.count(User::select());
    users.await?;
    other.await?;
    Ok(())
}
