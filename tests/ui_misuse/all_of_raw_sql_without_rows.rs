use anyorm::prelude::*;

fn main() {}

pub async fn all(engine: Engine) -> anyorm::Result<()> {
    engine.all(sql("SELECT name FROM users")).await?;
    Ok(())
}
