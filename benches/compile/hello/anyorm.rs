use anyorm::prelude::*;

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "users")]
struct User {
    #[key(auto)]
    id: i64,
    name: String,
}

fn main() -> anyorm::Result<()> {
    futures_lite::future::block_on(async {
        let engine = Engine::open("sqlite::memory:").await?;
        engine.create_all(&schema![User]).await?;
        let mut session = engine.session();
        let ada = session.add(User { name: "Ada".into(), ..Default::default() });
        session.commit().await?;
        let found = engine.session().get::<User>(session[ada].id).await?;
        println!("hello {}", found.is_some());
        Ok(())
    })
}
