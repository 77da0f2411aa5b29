use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {}

pub async fn after(engine: Engine) -> anyorm::Result<u64> {
    let mut transaction = engine.begin().await?;
    transaction.commit().await?;
    transaction.count(User::select()).await
}
