//! Typed queries and schemas on a real database.

use futures_lite::future;
use orm_core::{Entity, Error, Json, count, schema, sql};
use orm_exec::Engine;

use crate::entities::{Post, Tag, User};
use crate::support::{Folder, Log};

async fn with_schema(engine: Engine) -> Engine {
    let schema = schema![Post, User, Tag];
    engine.create_all(&schema).await.unwrap();
    // What is there stays.
    engine.create_all(&schema).await.unwrap();
    for (email, name, age) in [("ada@x", "Ada", Some(36)), ("bob@x", "Bob", None), ("eve@x", "Eve", Some(17))]
    {
        let insert = User::insert()
            .set(User::EMAIL, email)
            .set(User::NAME, name)
            .set(User::AGE, age)
            .set(User::ACTIVE, true);
        assert_eq!(engine.execute(insert).await.unwrap(), 1);
    }
    engine
}

#[test]
fn a_schema_is_created_and_dropped() {
    future::block_on(async {
        let folder = Folder::new();
        let engine = with_schema(Engine::open(&folder.url("")).await.unwrap()).await;
        let tables =
            || sql("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").returning::<String>();
        assert_eq!(engine.all(tables()).await.unwrap(), ["post_tags", "posts", "tags", "users"]);
        let hops = engine.statistics().hops;
        engine.drop_all(&schema![Post, User, Tag]).await.unwrap();
        assert_eq!(engine.statistics().hops, hops + 1);
        assert!(engine.all(tables()).await.unwrap().is_empty());
        let error = engine.create_all(&schema![Post]).await.unwrap_err();
        assert!(matches!(error, Error::Build(_)), "{error:?}");
    });
}

#[test]
fn the_verbs_take_typed_queries() {
    future::block_on(async {
        let log = std::sync::Arc::new(Log::default());
        let engine = Engine::builder("sqlite::memory:").observer(log.clone()).open().await.unwrap();
        let engine = with_schema(engine).await;
        log.take();
        let adults = engine.all(User::select().filter(User::AGE.ge(18))).await.unwrap();
        assert_eq!(adults.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["Ada"]);
        let first = engine.first(User::select().order_by(User::NAME.desc())).await.unwrap();
        assert_eq!(first.map(|user| user.email), Some("eve@x".to_owned()));
        assert!(matches!(engine.one(User::select()).await, Err(Error::RowCount(_))));
        assert_eq!(engine.count(User::select().filter(User::AGE.is_null())).await.unwrap(), 1);
        assert!(engine.exists(User::select().filter(User::NAME.eq("Bob"))).await.unwrap());
        let sum: i64 = engine.scalar(User::select().columns(count(User::ID))).await.unwrap();
        assert_eq!(sum, 3);
        let names: Vec<(String, Option<i32>)> = engine
            .all(User::select().order_by(User::NAME.asc()).columns((User::NAME, User::AGE)))
            .await
            .unwrap();
        assert_eq!(names[1], ("Bob".to_owned(), None));
        let sent = log.take();
        assert!(sent[1].ends_with("LIMIT 1") && sent[2].ends_with("LIMIT 2"), "{sent:#?}");

        let changed =
            engine.execute(User::update().set(User::AGE, 18).filter(User::AGE.lt(18))).await.unwrap();
        assert_eq!(changed, 1);
        assert_eq!(engine.execute(User::delete().filter(User::AGE.is_null())).await.unwrap(), 1);
        let mut transaction = engine.begin().await.unwrap();
        transaction.execute(User::delete().everything()).await.unwrap();
        assert_eq!(transaction.count(User::select()).await.unwrap(), 0);
        transaction.rollback().await.unwrap();
        assert_eq!(engine.count(User::select()).await.unwrap(), 2);
    });
}

#[test]
fn whole_entities_come_back_as_they_went() {
    future::block_on(async {
        let engine = with_schema(Engine::open("sqlite::memory:").await.unwrap()).await;
        let insert = Post::insert()
            .set(Post::TITLE, "Notes")
            .set(Post::AUTHOR_ID, 1)
            .set(Post::EDITOR_ID, None)
            .set(Post::RATING, 4.5)
            .set(Post::DETAILS, Some(Json(vec![1, 2])))
            .set(Post::VERSION, 1);
        engine.execute(insert).await.unwrap();
        let post = engine.one(Post::select()).await.unwrap();
        let expected = Post {
            id: 1,
            title: "Notes".into(),
            author_id: 1,
            editor_id: None,
            rating: 4.5,
            details: Some(Json(vec![1, 2])),
            version: 1,
        };
        assert_eq!(post, expected);
        let joined: Vec<(String, String)> =
            engine.all(User::select().join(User::POSTS).columns((User::NAME, Post::TITLE))).await.unwrap();
        assert_eq!(joined, [("Ada".to_owned(), "Notes".to_owned())]);
        engine.execute(User::delete().filter(User::ID.eq(1))).await.unwrap();
        assert_eq!(engine.count(Post::select()).await.unwrap(), 0, "the database cascades");
    });
}

#[test]
fn text_in_a_column_of_an_entity_names_both() {
    future::block_on(async {
        let engine = Engine::open("sqlite::memory:").await.unwrap();
        engine.execute(sql("CREATE TABLE users (id, email, name, age, active)")).await.unwrap();
        engine.execute(sql("INSERT INTO users VALUES (1, 'a', 'Ada', 'old', 1)")).await.unwrap();
        let error = engine.all(User::select()).await.unwrap_err();
        assert!(error.to_string().contains("cannot read User.age: expected"), "{error}");
    });
}
