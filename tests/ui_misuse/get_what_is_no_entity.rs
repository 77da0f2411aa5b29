use anyorm::prelude::*;

struct Plain;

fn main() {}

pub async fn get(mut session: Session) -> anyorm::Result<bool> {
    Ok(session.get::<Plain>(1).await?.is_some())
}
