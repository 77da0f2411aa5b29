use anyorm::prelude::*;
use anyorm_tests::User;

fn main() {}

pub async fn load(engine: Engine) -> anyorm::Result<usize> {
    Ok(engine.all(User::select().populate_existing()).await?.len())
}
