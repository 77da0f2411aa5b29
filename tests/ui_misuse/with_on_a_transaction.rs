use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {}

pub async fn load(mut transaction: anyorm::Transaction) -> anyorm::Result<usize> {
    Ok(transaction.all(User::select().with(User::POSTS)).await?.len())
}
