use anyorm_tests::User;

use anyorm::prelude::*;

fn main() {}

pub async fn during(mut transaction: anyorm::Transaction) -> anyorm::Result<u64> {
    let part = transaction.begin_nested().await?;
    let users = transaction.count(User::select()).await?;
    part.release().await?;
    Ok(users)
}
