use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {}

pub async fn names(engine: Engine) -> anyorm::Result<Vec<(String, i64)>> {
    engine.all(User::select().columns((User::NAME, User::AGE))).await
}
