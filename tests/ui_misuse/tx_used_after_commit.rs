use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {}

pub async fn after(engine: Engine) -> anyorm::Result<u64> {
    engine
        .transaction(|mut tx| async move {
            tx.commit().await?;
            tx.count(User::select()).await
        })
        .await
}
