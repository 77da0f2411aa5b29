use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {}

pub async fn get(mut session: Session) -> anyorm::Result<bool> {
    Ok(session.get::<User>("ada").await?.is_some())
}
