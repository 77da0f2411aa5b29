use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {}

pub async fn all(mut session: Session) -> anyorm::Result<()> {
    session.all(User::update().set(User::NAME, "x").everything()).await?;
    Ok(())
}
