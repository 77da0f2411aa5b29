use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {}

pub async fn after(mut session: Session) -> anyorm::Result<u64> {
    let mut part = session.begin_nested().await?;
    part.release().await?;
    part.count(User::select()).await
}
